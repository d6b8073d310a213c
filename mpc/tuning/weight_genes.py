"""Genes that stand for a controller's weights: factors on groups, and numbers as they are."""

import math
from collections.abc import Iterable
from dataclasses import fields, replace

from operator_agent.errors import InputError
from operator_agent.mpc.tuning.genes import Gene, Genes, GeneScale, GeneSpace
from operator_agent.mpc.weights import Weights

GROUPS = ("cv_tracking", "move_suppression", "resting", "target_pull")
FACTORS = (*GROUPS, "soft_penalty")
USUAL_FACTORS = ("cv_tracking", "move_suppression", "resting", "soft_penalty")
SPEED = 3.0  # times faster or slower than the start
HORIZON = 1.5  # times longer or shorter
BACK_OFF = 0.5  # [spans], where the start has none
LINEAR = GeneScale.LINEAR
FACTOR_RANGE = (0.1, 10.0)  # from a tenth to ten times the weights of the start
SOFT_BELOW_HARD = 0.5  # a soft limit costs at most half of what a hard one does
WHOLE = ("n_pred", "iterations", "relinearise_every", "target_every")
NUMBERS = (
    "reference_s", "bias_filter", "target_step", "target_proximal", "target_margin", "hard_margin",
    "levenberg", *WHOLE,
)  # fmt: skip


def factor_genes(weights: Weights, names: Iterable[str]) -> tuple[Gene, ...]:
    """Return genes that multiply weights, from a tenth to ten times those of the start.

    Args:
        weights: of the start.
        names: `cv_tracking`, `move_suppression`, `resting`, `target_pull` or `soft_penalty`; or
            one variable of a group, such as `move_suppression.flow_vol_feed`.

    Raises:
        InputError: a name is not known.
    """
    genes = []
    for name in names:
        applied(weights, {name: 1.0})  # refuses what is not known
        low, high = FACTOR_RANGE
        if name == "soft_penalty":
            high = min(high, SOFT_BELOW_HARD * weights.hard_penalty / weights.soft_penalty)
        genes.append(Gene(name, low, high))
    return tuple(genes)


def start_of(weights: Weights, space: GeneSpace) -> dict[str, float]:
    """Return the genes that stand for the weights themselves.

    Raises:
        InputError: a gene is not known.
    """
    found = {}
    for name in space.names:
        factor = name.partition(".")[0] in FACTORS
        applied(weights, {name: 1.0} if factor else {})
        if not factor and name not in NUMBERS:
            raise InputError(_unknown(name))
        found[name] = 1.0 if factor else float(getattr(weights, name))
    return found


def applied(weights: Weights, genes: Genes) -> Weights:
    """Return weights with genes applied: factors on what they name, numbers in its place.

    Args:
        weights: of the start.
        genes: a factor by the name of a group, of `soft_penalty`, or of one variable of a group
            (`group.variable`); else a number by its name in `Weights`.

    Raises:
        InputError: a gene is not known, or the weights are not possible.
    """
    changed = {item.name: getattr(weights, item.name) for item in fields(Weights)}
    for name, value in genes.items():
        group, _, variable = name.partition(".")
        if group in GROUPS:
            chosen = [variable] if variable else list(changed[group])
            if not set(chosen) <= set(changed[group]):
                raise InputError(f"{_unknown(name)}; {group} has {', '.join(changed[group])}")
            changed[group] = changed[group] | {n: value * changed[group][n] for n in chosen}
        elif name == "soft_penalty":
            changed[name] *= value
        elif name in NUMBERS:
            changed[name] = round(value) if name in WHOLE else value
        else:
            raise InputError(_unknown(name))
    return replace(weights, **changed)


def _unknown(name: str) -> str:
    return f"gene '{name}' is no weight; there are {', '.join((*FACTORS, *NUMBERS))}"


def number_gene(name: str, low: float, high: float, scale: GeneScale) -> Gene:
    """Return a gene that stands for a number of `Weights`.

    Raises:
        InputError: there is no such number that may be searched, or a count that is not whole.
    """
    if name not in NUMBERS or (name in WHOLE) != (scale is GeneScale.WHOLE):
        raise InputError(f"{_unknown(name)}, of which {', '.join(WHOLE)} are whole")
    return Gene(name, low, high, scale)


def usual_space(weights: Weights) -> GeneSpace:
    """Return the genes that matter for most controllers, with ranges around the start.

    Factors on tracking, move suppression, resting values and soft limits; the speed of the
    reference, the bias and the target; the back-offs from limits; the prediction horizon.

    Args:
        weights: of the start.
    """
    genes = [*factor_genes(weights, USUAL_FACTORS)]
    for name in ("reference_s", "target_step"):
        value = getattr(weights, name)
        if 0.0 < value < math.inf:
            genes.append(number_gene(name, value / SPEED, value * SPEED, GeneScale.LOGARITHMIC))
    bias = weights.bias_filter
    genes.append(number_gene("bias_filter", bias / SPEED, min(1.0, bias * SPEED), LINEAR))
    for name in ("target_margin", "hard_margin"):
        highest = 2.0 * getattr(weights, name) or BACK_OFF
        genes.append(number_gene(name, 0.0, highest, LINEAR))
    n_pred = weights.n_pred
    shortest, longest = max(1, round(n_pred / HORIZON)), max(2, round(n_pred * HORIZON))
    genes.append(number_gene("n_pred", shortest, longest, GeneScale.WHOLE))
    return GeneSpace(tuple(genes))
