"""Cases that are scored by errors, moves and violations, by name, as rows of `bench mpc`."""

from collections.abc import Callable
from typing import Any

from operator_agent.errors import InputError
from operator_agent.mpc.published.column_a import CASE as COLUMN_CASE
from operator_agent.mpc.published.column_a import column_case, column_scores
from operator_agent.mpc.published.shell_fractionator import (
    CASES,
    SETPOINT_CASE,
    shell_case,
    shell_scores,
)

SCORED_CASES = (*CASES, SETPOINT_CASE, COLUMN_CASE)


def scored_rows(name: str, progress: Callable[[str], None]) -> list[dict[str, Any]]:
    """Return the rows of all controllers in a case; the first, a tuned PI, is the reference.

    Args:
        name: one of `SCORED_CASES`.
        progress: is told what runs now.

    Raises:
        InputError: there is no such case.
    """
    if name not in SCORED_CASES:
        raise InputError(f"no case '{name}'; scored cases are {', '.join(SCORED_CASES)}")
    progress(f"{name}: controllers and tuned PI")
    column = name == COLUMN_CASE
    case = column_case() if column else shell_case(name)
    scores = column_scores() if column else shell_scores(name)
    return [score.payload(scores[0], case.story) for score in scores]
