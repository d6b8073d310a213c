"""The tuning that a plant's own speed suggests."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from operator_agent.errors import InputError
from operator_agent.mpc.engine.linearise import ScaledModel
from operator_agent.mpc.engine.sampled_model import SampledModel
from operator_agent.mpc.engine.stage_weights import by_name
from operator_agent.mpc.generic.asked_checks import check_steerable
from operator_agent.mpc.generic.equations import Model
from operator_agent.mpc.generic.open_loop import OpenLoop, open_loop
from operator_agent.mpc.linear.affine_stages import affine_maps
from operator_agent.mpc.weights import Weights

MOST_STAGES = 30
SHORTEST = 10  # stages of a horizon, at least
GROWING_BLOCKS = (1, 1, 2, 3, 5, 8)
FASTER = 0.5  # closed-loop time constant by that of the open loop
SLOWEST_CYCLES = 2.0  # closed-loop time constant at least
BISECTIONS = 60  # for the ratio of stages that grow: to rounding
MOST_CYCLES = 20.0  # of a time constant that only spans tell
GROWTHS = 5.0  # time constants of a growing mode that a horizon covers: a factor of 150
ITERATIONS, MOST_ITERATIONS = 3, 25  # of a warm cycle; more where small errors grow
FEWEST = 3.0  # stages of such a horizon, at least
HOPELESS = 3.0  # growths within a cycle: no controller of that cycle stops them
NOTHING_KNOWN = 60.0  # cycles of the horizon of a plant without a settling time
BEHIND = 3.0  # closed-loop time constants that the horizon covers, at least
BIAS = 0.25  # time constant of the bias by that of the closed loop
SUPPRESSION = 0.02  # of the pull on what a span of an MV moves, per stage of the wanted speed
RESTING = 1e-3  # of the same: settles directions that no CV sees
LEAST = 1e-4  # of the largest tracking weight: every MV gets some suppression
PULL = 100.0  # of a tracked CV's goal over all that the prices are worth, per span
SOFT_PENALTY, HARD_PENALTY = 10.0, 1e4  # of one span, by the largest tracking weight


@dataclass(frozen=True, slots=True)
class Asked:
    """What a user asks for; see `make_controller`."""

    track: Mapping[str, float]
    limited: tuple[str, ...]
    response_s: float | None
    horizon_s: float | None
    move_suppression: Mapping[str, float]
    prices: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Defaults:
    """What was chosen for a plant.

    Attributes:
        horizon_s: predicted [s].
        response_s: time constant wanted of the closed loop [s].
        late_s: dead time or inverse response of tracked CVs that do not settle [s].
        weights: all of the tuning.
        loop: the open-loop responses that they follow from.
    """

    horizon_s: float
    response_s: float
    late_s: float
    weights: Weights
    loop: OpenLoop


def defaults(model: Model, cycle_s: float, asked: Asked) -> Defaults:
    """Return the tuning for a model.

    Args:
        model: that is controlled.
        cycle_s: time between moves [s].
        asked: what is tracked and limited, and what was chosen by hand.

    Raises:
        InputError: a tracked name is no CV, a time is not above zero, the cycle is no multiple of
            the model's sample time, or the model runs away within a cycle.
    """
    loop = open_loop(model, cycle_s)
    if cycle_s > HOPELESS * loop.growing_s:
        raise InputError(
            f"model {model.name} runs away with a time constant of {loop.growing_s:.3g} s at its "
            f"nominal point, too fast for a cycle of {cycle_s:g} s; shorten the cycle, or move the "
            "nominal values to where the plant is run"
        )
    check_steerable(model, loop, asked.track)
    tracking = by_name(asked.track, model.y_names, 0.0, "track")
    seen = [i for i, n in enumerate(model.y_names) if tracking[i] > 0.0 or n in asked.limited]
    tracked = [i for i in seen if tracking[i] > 0.0] or seen
    response_s = asked.response_s or _response_s(loop, tracked, cycle_s)
    horizon_s = asked.horizon_s or _horizon_s(loop, seen, response_s, cycle_s)
    if not (cycle_s > 0.0 and response_s > 0.0 and horizon_s >= cycle_s):
        raise InputError(
            f"cycle {cycle_s} s, response {response_s} s and horizon {horizon_s} s: times are "
            "above zero, and the horizon is not shorter than a cycle"
        )
    first_s, stage_s, n_pred = _stages(model, cycle_s, horizon_s)
    gains = loop.gains_at(min(response_s, loop.growing_s), horizon_s)
    pulled = np.max(tracking[:, None] * gains**2, axis=0, initial=0.0)
    size = float(np.max(tracking, initial=0.0)) or 1.0
    base = np.maximum(pulled, LEAST * size)
    factors = by_name(asked.move_suppression, model.u_names, 1.0, "move_suppression")
    stages = max(1.0, response_s / stage_s)  # the longest one: tracking is weighed by its share
    worth = _worth(model, asked.prices)
    by_mv = zip(model.u_names, base, factors, strict=True)
    moves = {name: float(SUPPRESSION * stages * b * f) for name, b, f in by_mv}
    weights = Weights(
        cv_tracking={n: w for n, w in asked.track.items() if w > 0.0},
        move_suppression=moves,
        resting={n: float(RESTING * b) for n, b in zip(model.u_names, base, strict=True)},
        target_pull={n: float(PULL * worth * w / size) for n, w in asked.track.items() if w > 0.0},
        soft_penalty=SOFT_PENALTY * size,
        hard_penalty=HARD_PENALTY * size,
        levenberg=0.0,
        reference_s=response_s,
        bias_filter=float(-np.expm1(-cycle_s / (BIAS * response_s))),
        spike_spans=10.0,
        spike_readings=3,
        max_bad_readings=5,
        target_proximal=1e-3 * worth,
        target_step=np.inf if _linear(model) else 1.0,
        target_margin=0.0,
        hard_margin=0.0,
        n_pred=n_pred,
        first_stages_s=first_s,
        stage_s=stage_s,
        move_blocks=_blocks(n_pred),
        iterations=ITERATIONS if np.isinf(loop.growing_s) else MOST_ITERATIONS,
        cold_iterations=40,
        relinearise_every=1,
        target_every=1,
    )
    late_s = loop.reach_s(tracked, MOST_CYCLES * cycle_s)[0]
    return Defaults(float(np.sum(first_s)), response_s, late_s, weights, loop)


def _response_s(loop: OpenLoop, tracked: list[int], cycle_s: float) -> float:
    """Return the time constant wanted of the closed loop [s].

    A CV that integrates or runs away has no time constant of its own: it shall not be asked for
    more than the dead time or inverse response allows, nor for a span sooner than a span of an MV
    brings it.
    """
    late_s, far_s = loop.reach_s(tracked, MOST_CYCLES * cycle_s)
    settled_s = FASTER * loop.speed_s(tracked)
    unsettled_s = max(late_s, min(FASTER * far_s, MOST_CYCLES * cycle_s, loop.growing_s))
    return max(SLOWEST_CYCLES * cycle_s, settled_s, unsettled_s)


def _horizon_s(loop: OpenLoop, seen: list[int], response_s: float, cycle_s: float) -> float:
    """Return how far to predict [s]: what grows is soon larger than all that matters."""
    settling_s = loop.slowest_s(seen) or NOTHING_KNOWN * cycle_s
    horizon_s = max(settling_s, BEHIND * response_s, SHORTEST * cycle_s)
    return min(horizon_s, max(GROWTHS * loop.growing_s, FEWEST * cycle_s))


def _stages(model: Model, cycle_s: float, horizon_s: float) -> tuple[tuple[float, ...], float, int]:
    """Return the lengths of the stages, that of the last one, and how many there are."""
    if isinstance(model, SampledModel):
        count = cycle_s / model.sample_time_s
        if round(count) < 1 or abs(count - round(count)) > 1e-6 * count:
            raise InputError(
                f"a cycle of {cycle_s:g} s is no multiple of the sample time "
                f"{model.sample_time_s:g} s of model {model.name}; choose one that is"
            )
    cycles = max(2, int(np.ceil(horizon_s / cycle_s - 1e-9)))
    lengths = _growing(cycles)
    return tuple(cycle_s * n for n in lengths), cycle_s * lengths[-1], len(lengths)


def _growing(cycles: int) -> list[int]:
    """Return lengths in cycles that add up to so many, each longer than the last by one ratio."""
    if cycles <= MOST_STAGES:
        return [1] * cycles
    low, high = 1.0, float(cycles)
    powers = np.arange(MOST_STAGES)
    for _ in range(BISECTIONS):
        ratio = 0.5 * (low + high)
        low, high = (low, ratio) if float(np.sum(ratio**powers)) > cycles else (ratio, high)
    return [max(1, round(float(length))) for length in high**powers]


def _blocks(n_pred: int) -> tuple[int, ...]:
    """Return blocks that grow; the last one runs to the end."""
    found: list[int] = []
    for size in GROWING_BLOCKS:
        if sum(found) + size >= n_pred:
            break
        found.append(size)
    return (*found, max(1, n_pred - sum(found)))


def _worth(model: Model, prices: Mapping[str, float]) -> float:
    """Return the largest price of a span; one without prices."""
    scales = dict(zip((*model.u_names, *model.y_names),
                      (*model.u_scale, *model.y_scale), strict=True))  # fmt: skip
    return max((abs(p) * float(scales.get(n, 0.0)) for n, p in prices.items()), default=0.0) or 1.0


def _linear(model: Model) -> bool:
    return isinstance(model, SampledModel) and affine_maps(ScaledModel.of(model)) is not None
