"""What a controller carries on after a solve, and when refused solves make it start anew."""

from dataclasses import replace

from operator_agent.messages import ControllerMode
from operator_agent.mpc.cycle_values import ControllerState
from operator_agent.mpc.problem import Outcome, SolverStatus
from operator_agent.mpc.robust.back_off import Spread

# What arithmetic and numerical libraries raise; an interrupt and a lack of a file are none of it.
BREAKS = (
    ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError, RuntimeError,
    TypeError, ValueError,
)  # fmt: skip
RESTART_AFTER = 3  # refused solves in a row: one may be chance, three rest on a wrong estimate


def after_solve(
    state: ControllerState, outcome: Outcome, mode: ControllerMode
) -> tuple[Outcome, ControllerState]:
    """Return the outcome, with what follows from it in its reason, and the state after a solve.

    A failed solve leaves no plan. What is not finite, and `RESTART_AFTER` points in a row that
    were refused, leave no estimate and no target either: the next cycle starts from the readings
    and the set points that hold.

    Args:
        state: with estimate and target of this cycle.
        outcome: of the solve.
        mode: of this cycle.
    """
    refusals = state.refusals + 1 if _refused(outcome) else 0
    after = replace(state, cycle=state.cycle + 1, warm=outcome.warm, mode=mode, refusals=refusals)
    if outcome.status is not SolverStatus.NOT_FINITE and refusals < RESTART_AFTER:
        return outcome, after
    told = "the next cycle starts anew from the readings and the set points that hold"
    said = replace(outcome, reason=f"{outcome.reason}; {told}")
    return said, replace(
        after,
        estimate=None,
        target=None,
        target_state=None,
        spread=Spread(),
        told=None,
        refusals=0,
    )


def broken(what: str, error: BaseException) -> str:
    """Return in words that a part of the cycle broke off."""
    return f"{what} broke off ({type(error).__name__}): {error}"


def _refused(outcome: Outcome) -> bool:
    """Return whether a point was looked for and refused: no lack of time, no limits that cross."""
    crossed = outcome.status is SolverStatus.LIMITS_CONFLICT and not outcome.diagnostics.iterations
    late = outcome.status is SolverStatus.TIME_LIMIT
    return not (outcome.accepted or late or crossed)
