"""How a user's words on an optimal control problem become arrays and functions of the engine."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import casadi as ca
import numpy as np

from operator_agent.errors import InputError
from operator_agent.mpc.engine.condense import Horizon
from operator_agent.mpc.engine.stage_cost import StageCost
from operator_agent.mpc.engine.stage_weights import StageWeights, by_name
from operator_agent.mpc.engine.transcription import Transcription
from operator_agent.mpc.generic.equations import Model
from operator_agent.mpc.generic.limits import Limits, Soft

Named = Mapping[str, ca.SX]
Rate = Callable[[Named, Named, Named, Named], ca.SX]
Final = Callable[[Named, Named], ca.SX]
Blocks = Sequence[int] | Mapping[str, Sequence[int]]
CURVATURE = 1e-4  # of the price of a slack, relative: makes the QP strictly convex, moves nothing
HARD_GAIN = 100.0  # a hard limit costs so many times what the whole horizon can gain per span
LEAST_MOVE = 1e-8  # of the largest weight: keeps directions that cost nothing where they are


def check_known(
    model: Model, groups: Mapping[str, Mapping[str, object]], with_inputs: bool
) -> None:
    """Refuse names that the model does not know, with those that it does."""
    known = (*model.y_names, *(model.u_names if with_inputs else ()))
    for what, group in groups.items():
        lost = [name for name in group if name not in known]
        if lost:
            raise InputError(
                f"{what} of {', '.join(lost)}: model {model.name} knows {', '.join(known)} and the "
                f"states {', '.join(model.x_names)}"
            )


def with_input_spans(model: Model, limits: Limits) -> Model:
    """Return the model with MV spans that let a few iterations cross their ranges."""
    spans = model.u_scale.copy()
    for i, name in enumerate(model.u_names):
        low, high = limits.get(name, (None, None))
        if low is not None and high is not None:
            width = float(np.max(np.subtract(high, low)))
            spans[i] = max(spans[i], 0.25 * width) if np.isfinite(width) else spans[i]
    return replace(model, u_scale=spans)


def horizon_of(
    sample_time_s: float, n_pred: int, blocks: Blocks | None, u_names: tuple[str, ...]
) -> Horizon:
    """Return equal stages; without blocks each stage has its own moves.

    Where MVs have blocks of their own, a block begins wherever any of them may move, and the
    others stay there.
    """
    every = Horizon.of((), sample_time_s, (1,) * n_pred, n_pred)
    if blocks is None:
        return every
    if not isinstance(blocks, Mapping):
        return Horizon.of((), sample_time_s, tuple(int(b) for b in blocks), n_pred)
    own = [
        Horizon.of((), sample_time_s, tuple(int(b) for b in blocks[name]), n_pred).starts
        if name in blocks
        else every.starts
        for name in u_names
    ]
    starts = sorted({start for one in own for start in one})
    still = tuple(tuple(start not in one for one in own) for start in starts[1:])
    return Horizon(every.lengths_s, tuple(starts), still if any(map(any, still)) else ())


def stage_cost_of(
    model: Model,
    rate: Rate | None,
    final: Final | None,
    parameters: tuple[str, ...],
    sample_time_s: float,
) -> StageCost | None:
    """Return the costs as functions of vectors; the user counts per stage."""
    if rate is None and final is None:
        if parameters:
            raise InputError(f"parameters {', '.join(parameters)} are given without a cost")
        return None
    symbols = [
        ca.SX.sym(letter, len(names))
        for letter, names in zip(
            "xudp", (model.x_names, model.u_names, model.d_names, parameters), strict=True
        )
    ]
    x, u, d, p = (
        dict(zip(names, ca.vertsplit(symbol) if names else [], strict=True))
        for names, symbol in zip(
            (model.x_names, model.u_names, model.d_names, parameters), symbols, strict=True
        )
    )
    try:
        value = ca.SX(0.0) if rate is None else ca.SX(rate(x, u, d, p)) / sample_time_s
        last = None if final is None else ca.SX(final(x, p))
    except KeyError as error:
        known = ", ".join(k for group in (x, u, d, p) for k in group)
        raise InputError(
            f"the cost asks for {error}, which does not exist; there is: {known}"
        ) from error
    end = [symbols[0], symbols[3]]
    return StageCost(
        ca.Function("rate", symbols, [value]),
        None if last is None else ca.Function("final", end, [last]),
        len(parameters),
    )


@dataclass(frozen=True, slots=True)
class Wanted:
    """The weights of a user, per squared SI unit and stage; see `optimal_control`."""

    track: Mapping[str, float]
    terminal: Mapping[str, float]
    moves: Mapping[str, float]
    soft: Mapping[str, Soft]
    hard_price: float | None


def weights_of(
    model: Model, grid: Transcription, wanted: Wanted, cost: StageCost | None
) -> StageWeights:
    """Return the weights per squared span.

    Raises:
        InputError: nothing is wanted, or a weight is not finite.
    """
    outputs = {n: w for n, w in wanted.track.items() if n in model.y_names}
    inputs = {n: w for n, w in wanted.track.items() if n in model.u_names}
    y2, u2 = model.y_scale**2, model.u_scale**2
    tracking = by_name(outputs, model.y_names, 0.0, "track") * y2
    end = by_name(wanted.terminal, model.y_names, 0.0, "terminal") * y2
    move = by_name(wanted.moves, model.u_names, 0.0, "moves") * u2
    resting = by_name(inputs, model.u_names, 0.0, "track") * u2
    slope = 0.0 if cost is None else _largest_slope(model, cost, float(grid.lengths_s[0]))
    size = max(*tracking, *end, *move, *resting, slope)
    if not 0.0 < size < np.inf:
        raise InputError(
            "nothing is wanted: give weights in `track`, or a stage or final cost, finite and "
            "above zero"
        )
    gain = HARD_GAIN * size * grid.horizon.n_pred
    price = gain if wanted.hard_price is None else wanted.hard_price
    prices = {n: (s.price, s.squared) for n, s in wanted.soft.items()}
    linear = np.array([prices.get(n, (0.0, 0.0))[0] for n in model.y_names]) * model.y_scale
    squared = np.array([prices.get(n, (0.0, 0.0))[1] for n in model.y_names]) * y2
    return StageWeights(
        tracking=tracking,
        move=np.maximum(move, LEAST_MOVE * size),
        resting=resting,
        soft_penalty=price,
        hard_penalty=price,
        levenberg=0.0,
        terminal=end if bool(np.any(end)) else None,
        soft_linear=linear,
        soft_quadratic=np.maximum(squared, CURVATURE * np.where(linear > 0.0, linear, 1.0)),
        hard_linear=np.full(model.n_y, price),
        hard_quadratic=np.full(model.n_y, CURVATURE * price),
    )


def _largest_slope(model: Model, cost: StageCost, length_s: float) -> float:
    """Return the largest slope of a stage's cost per span, prices at one.

    At the nominal point; a span away from it where the cost is flat there, as one is that a
    disturbance switches on.
    """
    x, u, d = (ca.SX.sym(n, k) for n, k in (("x", model.n_x), ("u", model.n_u), ("d", model.n_d)))
    ones = ca.DM.ones(cost.n_p)
    value = length_s * cost.rate(x, u, d, ones)
    if cost.final is not None:
        value += cost.final(x, ones)
    z, scale = ca.vertcat(x, u), np.concatenate([model.x_scale, model.u_scale])
    slopes = ca.Function("slopes", [x, u, d], [ca.jacobian(value, z), ca.hessian(value, z)[0]])
    for away in (0.0, 1.0):
        point = (model.x_nominal + away * model.x_scale, model.u_nominal + away * model.u_scale,
                 model.d_nominal + away * model.d_scale)  # fmt: skip
        first, second = slopes(*point)
        sizes = [np.abs(first.full().ravel() * scale), np.abs(np.diag(second.full()) * scale**2)]
        size = float(np.max(np.concatenate(sizes)))
        if 0.0 < size < np.inf:
            return size
    return 0.0
