"""The Shell control problem: five cases of gains and duties, by MPC and by PI, scored.

The end points are to be held by top and side draw, the bottoms reflux duty is to be as low as the
bottoms reflux temperature allows. Inputs stay within 0.5 and move by 0.05 a minute at most; the top
end point stays within 0.5. The five cases: Prett and Morari, "The Shell Process Control Workshop"
(1987); gains are those of the model plus a part of their uncertainty, and both duties step.

The setpoint case and its tuning (dynamic matrix control with N = 24, six moves of the top draw and
two of the others, a sample of 4 min) are those of Giraldo et al., 2022.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.generic.controller import make_controller
from operator_agent.mpc.published.made_control import MadeControl
from operator_agent.mpc.published.pi_baseline import FirstOrder, PiControl, simc
from operator_agent.mpc.published.tracking_case import (
    MINUTE_S,
    Actor,
    Named,
    TrackingCase,
    TrackingScore,
    run_tracking,
)
from operator_agent.plant.classics.loops import PiLoop
from operator_agent.plant.classics.shell_fractionator import (
    DEAD_TIMES_MIN,
    DISTURBANCES,
    GAINS,
    INPUTS,
    LARGEST_MOVE,
    LARGEST_RATE_MIN,
    NO_ERRORS,
    OUTPUTS,
    TIMES_MIN,
    elements,
    shell_fractionator_sampled,
)
from operator_agent.plant.generic.transfer_matrix import linear_plant
from operator_agent.plant.generic.variable import names_of

TOP, SIDE, BOTTOMS = 0, 1, 6  # outputs that are held or limited
MPC_CYCLE_S, PI_CYCLE_S, SAMPLE_S = 2.0 * MINUTE_S, MINUTE_S, 4.0 * MINUTE_S
RESPONSE_S, ESTIMATION_S = 480.0, 240.0  # asked of this project's controller in all cases
DURATION_S = 400.0 * MINUTE_S
LOWEST_BOTTOMS = -0.5
Y, U = names_of(OUTPUTS), names_of(INPUTS)
CASES: Mapping[str, tuple[tuple[float, ...], tuple[float, float]]] = MappingProxyType(
    {
        "shell-1": ((0.0, 0.0, 0.0, 0.0, 0.0), (0.5, 0.5)),
        "shell-2": ((-1.0, -1.0, -1.0, 1.0, 1.0), (-0.5, -0.5)),
        "shell-3": ((1.0, -1.0, 1.0, 1.0, 1.0), (-0.5, -0.5)),
        "shell-4": ((1.0, 1.0, 1.0, 1.0, 1.0), (0.5, -0.5)),
        "shell-5": ((-1.0, 1.0, 0.0, 0.0, 0.0), (-0.5, -0.5)),
    }
)
# Setpoints of end points and bottoms reflux temperature from each sample of 4 min on.
SCHEDULE = (
    (0, (0.0, 0.0, 0.0)),
    (10, (0.2, 0.2, 0.2)),
    (80, (0.0, 0.4, 0.1)),
    (200, (0.1, 0.3, 0.0)),
    (400, (0.0, 0.0, 0.0)),
)
PUBLISHED_N, PUBLISHED_MOVES = 24, (6, 2, 2)
PUBLISHED_DELTA = (0.01066, 0.00402, 0.000793)
PUBLISHED_LAMBDA = (9.247e-05, 0.0005523, 0.001522)
SETPOINT_CASE = "shell-setpoints"
VIOLATION_PRICE = 10.0  # of a span min outside, by one of error, in the search for PI settings
# Found by `searched` from SIMC on `tuning_score`: over the five cases, and on the set points.
TUNED_LOOPS = (
    PiLoop(U[0], Y[TOP], 0.352, 3000.0),
    PiLoop(U[1], Y[SIDE], 0.0357, 3600.0),
    PiLoop(U[2], Y[BOTTOMS], 0.556, 1140.0),
)
TUNED_SETPOINTS = (
    PiLoop(U[0], Y[TOP], 0.352, 3000.0),
    PiLoop(U[1], Y[SIDE], 0.517, 3600.0),
    PiLoop(U[2], Y[BOTTOMS], 4.2, 151.0),
)
SETPOINT_DURATION_S = 480 * SAMPLE_S


def shell_case(name: str) -> TrackingCase:
    """Return one of the five cases, or the one of set points."""
    if name == SETPOINT_CASE:
        return TrackingCase(
            name,
            "set points of both end points and of the bottoms reflux temperature; nominal gains",
            shell_fractionator_sampled,
            SETPOINT_DURATION_S,
            _scheduled,
            lambda time_s: {},
            {Y[TOP]: (-0.5, 0.5)},
        )
    errors, duties = CASES[name]
    return TrackingCase(
        name,
        f"gain errors {errors}, both reflux duties step to {duties}",
        lambda: shell_fractionator_sampled(errors),
        DURATION_S,
        lambda time_s: {Y[TOP]: 0.0, Y[SIDE]: 0.0},
        lambda time_s: dict(zip(names_of(DISTURBANCES), duties, strict=True)),
        {Y[TOP]: (-0.5, 0.5), Y[BOTTOMS]: (LOWEST_BOTTOMS, np.inf)},
    )


def _scheduled(time_s: float) -> Named:
    sample = time_s / SAMPLE_S
    values = [held for first, held in SCHEDULE if sample >= first][-1]
    return dict(zip((Y[TOP], Y[SIDE], Y[BOTTOMS]), values, strict=True))


def shell_mpc(name: str, unmeasured: bool = True) -> Actor:
    """Return this project's controller for a case, from the nominal model.

    Args:
        name: of the case.
        unmeasured: whether the duties are estimated from all seven outputs; else each output has
            its own bias.
    """
    plant = linear_plant("shell_fractionator", elements(NO_ERRORS), INPUTS, OUTPUTS, DISTURBANCES)
    limits: dict[str, tuple[float | None, float | None]] = {}
    limits |= dict.fromkeys(U, (-LARGEST_MOVE, LARGEST_MOVE))
    limits[Y[TOP]] = (-0.5, 0.5)
    track, prices = [Y[TOP], Y[SIDE]], {U[2]: -1.0}
    if name == SETPOINT_CASE:
        track, prices = [*track, Y[BOTTOMS]], {}
    else:
        limits[Y[BOTTOMS]] = (LOWEST_BOTTOMS, None)
    controller = make_controller(
        plant,
        MPC_CYCLE_S,
        track=track,
        limits=limits,
        rates=dict.fromkeys(U, LARGEST_RATE_MIN / MINUTE_S),
        prices=prices,
        response_s=RESPONSE_S,
        unmeasured=names_of(DISTURBANCES) if unmeasured else (),
        estimation_s=ESTIMATION_S,
    )
    label = "make_controller" if unmeasured else "make_controller, biases only"
    return MadeControl(label, controller, prices)


def pi_elements() -> tuple[FirstOrder, ...]:
    """Return the elements of the loops: both draws on the end points, the duty on the bottoms."""
    return tuple(
        FirstOrder(U[j], Y[i], GAINS[i][j], MINUTE_S * TIMES_MIN[i][j],
                   MINUTE_S * DEAD_TIMES_MIN[i][j])
        for j, i in enumerate((TOP, SIDE, BOTTOMS))
    )  # fmt: skip


def shell_pi(name: str, loops: Sequence[PiLoop], label: str) -> Actor:
    """Return PI loops for a case; the third one keeps the bottoms at its limit or the duty low."""
    low, high = np.full(3, -LARGEST_MOVE), np.full(3, LARGEST_MOVE)
    change = np.full(3, LARGEST_RATE_MIN * PI_CYCLE_S / MINUTE_S)
    control = PiControl(label, loops, PI_CYCLE_S, (U, Y), (low, high, change))
    return control if name == SETPOINT_CASE else _WithBottoms(control)


class _WithBottoms:
    """PI loops with a constant set point of the bottoms reflux temperature, a little inside."""

    def __init__(self, control: PiControl) -> None:
        self.name, self.period_s, self._control = control.name, control.period_s, control

    def act(self, y: FloatArray, u: FloatArray, setpoints: Named, d: FloatArray) -> FloatArray:
        """Return the inputs; see `Actor`."""
        return self._control.act(y, u, {**setpoints, Y[BOTTOMS]: LOWEST_BOTTOMS}, d)


def simc_loops() -> tuple[PiLoop, ...]:
    """Return the SIMC settings with the closed-loop time constant at the dead time."""
    return tuple(simc(e, e.dead_time_s or 0.1 * e.time_s) for e in pi_elements())


class PublishedDmc:
    """Dynamic matrix control with the published tuning, without limits; its moves are cut off."""

    name, period_s = "dmc as published", SAMPLE_S

    def __init__(self) -> None:
        """Make the gain of the first moves from the step responses."""
        self._plant = shell_fractionator_sampled()
        rows, self._free = (TOP, SIDE, BOTTOMS), PUBLISHED_N
        steps = np.array([_steps(j)[:, rows] for j in range(3)])  # input, sample, output
        columns = []
        for j, moves in enumerate(PUBLISHED_MOVES):
            for late in range(moves):
                shifted = np.zeros((PUBLISHED_N, 3))
                shifted[late:] = steps[j, : PUBLISHED_N - late]
                columns.append(shifted.ravel())
        dynamic = np.array(columns).T
        weights = np.tile(PUBLISHED_DELTA, PUBLISHED_N)
        price = np.repeat(PUBLISHED_LAMBDA, PUBLISHED_MOVES)
        curved = dynamic.T @ (weights[:, None] * dynamic) + np.diag(price)
        gain = np.linalg.solve(curved, dynamic.T * weights)
        self._gain = gain[np.concatenate([[0], np.cumsum(PUBLISHED_MOVES)[:-1]])]
        self._rows = list(rows)

    def act(self, y: FloatArray, u: FloatArray, setpoints: Named, d: FloatArray) -> FloatArray:
        """Return the inputs; the prediction error of now stays for the whole horizon."""
        bias = (y - self._plant.outputs_now())[self._rows]
        before, ahead = self._plant.snapshot(), []
        for _ in range(PUBLISHED_N):
            self._plant.advance(SAMPLE_S)
            ahead.append(self._plant.outputs_now()[self._rows] + bias)
        self._plant.restore(before)
        wanted = np.array([setpoints[Y[i]] for i in self._rows])
        move = self._gain @ (wanted - np.array(ahead)).ravel()
        change = LARGEST_RATE_MIN * SAMPLE_S / MINUTE_S
        after = np.clip(u + np.clip(move, -change, change), -LARGEST_MOVE, LARGEST_MOVE)
        for name, value in zip(U, after, strict=True):
            self._plant.write(name, float(value))
        self._plant.advance(SAMPLE_S)
        held: FloatArray = after
        return held


def _steps(source: int) -> FloatArray:
    """Return the response of all outputs to a unit step of an input, shape (N, n_y)."""
    plant = shell_fractionator_sampled()
    plant.write(U[source], 1.0)
    found = []
    for _ in range(PUBLISHED_N):
        plant.advance(SAMPLE_S)
        found.append(plant.outputs_now())
    return np.array(found)


def tuning_score(names: Sequence[str], loops: Sequence[PiLoop]) -> float:
    """Return what PI loops are tuned on: errors and, ten times as dear, violations [spans min]."""
    total = 0.0
    for name in names:
        score = run_tracking(shell_case(name), shell_pi(name, loops, "pi"))
        total += score.cost + VIOLATION_PRICE * sum(score.violation.values())
    return total


def shell_scores(name: str) -> list[TrackingScore]:
    """Return the scores of all controllers in a case; the tuned PI comes first: the reference."""
    case = shell_case(name)
    tuned = TUNED_SETPOINTS if name == SETPOINT_CASE else TUNED_LOOPS
    actors = [
        shell_pi(name, tuned, "pi tuned on this score"),
        shell_pi(name, simc_loops(), "pi simc"),
        shell_mpc(name),
        shell_mpc(name, unmeasured=False),
    ]
    if name == SETPOINT_CASE:
        actors = [*actors[:3], PublishedDmc()]
    return [run_tracking(case, actor) for actor in actors]
