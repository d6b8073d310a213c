"""Presolve rules that look at one row: empty, one column, two columns, forced, never active."""

from operator_agent.errors import LimitsConflictError
from operator_agent.planning.bilinear.intervals import row_interval
from operator_agent.planning.bilinear.working_rows import MISS, WorkingRows

FORCED = 1e-11  # of the row's size: a limit as near as this to what the row can reach forces it


def look_at_row(work: WorkingRows, row: int) -> None:
    """Apply what a row decides by itself.

    Raises:
        LimitsConflictError: the row cannot hold.
    """
    linear, products = work.linear[row], work.products[row]
    if not products and not linear:
        _drop_empty(work, row)
    elif not products and len(linear) == 1:
        _bound_column(work, row)
    elif not products and len(linear) == 2 and _replace_alias(work, row):
        return
    else:
        _use_reach(work, row)


def _room(work: WorkingRows, row: int) -> float:
    return MISS * max(1.0, work.size[row])


def _conflict(work: WorkingRows, row: int, low: float, high: float) -> LimitsConflictError:
    return LimitsConflictError(
        f"row '{work.names[row]}' can only be {low:.8g} to {high:.8g}, but its limits are "
        f"{work.row_low[row]:.8g} to {work.row_high[row]:.8g}; relax the row or the bounds of "
        "its columns"
    )


def _drop_empty(work: WorkingRows, row: int) -> None:
    if work.row_low[row] > _room(work, row) or work.row_high[row] < -_room(work, row):
        raise _conflict(work, row, 0.0, 0.0)
    work.drop_row(row)


def _bound_column(work: WorkingRows, row: int) -> None:
    ((column, value),) = work.linear[row].items()
    ends = work.row_low[row] / value, work.row_high[row] / value
    work.drop_row(row)
    work.tighten(column, min(ends), max(ends), work.names[row])


def _replace_alias(work: WorkingRows, row: int) -> bool:
    """Use a x + b y = c to replace the column that occurs less often; return whether it was."""
    if work.row_low[row] != work.row_high[row]:
        return False
    free = [column for column in work.linear[row] if not work.integer[column]]
    if not free:
        return False
    column = min(free, key=lambda k: (len(work.rows_of[k]), k))
    (other,) = set(work.linear[row]) - {column}
    value, right = work.linear[row][column], work.row_low[row]
    factor = -work.linear[row][other] / value
    work.drop_row(row)
    work.alias(column, right / value, factor, other, work.names[row])
    return True


def _use_reach(work: WorkingRows, row: int) -> None:
    """Drop limits that are never active; fix all columns when a limit is just reached."""
    low, high = row_interval(work, row)
    size = max([abs(v) for v in (low, high) if abs(v) != float("inf")], default=0.0)
    room = max(_room(work, row), MISS * size)
    if low > work.row_high[row] + room or high < work.row_low[row] - room:
        raise _conflict(work, row, low, high)
    near = FORCED * max(size, work.size[row])
    if low >= work.row_high[row] - near:
        _force(work, row, upwards=False)
    elif high <= work.row_low[row] + near:
        _force(work, row, upwards=True)
    else:
        if low >= work.row_low[row]:
            work.row_low[row] = -float("inf")
        if high <= work.row_high[row]:
            work.row_high[row] = float("inf")
        if work.row_low[row] == -float("inf") and work.row_high[row] == float("inf"):
            work.drop_row(row)


def _force(work: WorkingRows, row: int, upwards: bool) -> None:
    """Fix every column of a row at the end that the row needs."""
    fixed = {k: (v > 0.0) == upwards for k, v in work.linear[row].items()}
    for pair, value in work.products[row].items():
        for column, partner in (pair, pair[::-1]):
            if work.low[partner] > 0.0 and work.low[column] >= 0.0:
                fixed.setdefault(column, (value > 0.0) == upwards)
    ends = {k: work.high[k] if up else work.low[k] for k, up in fixed.items()}
    for column, value in ends.items():
        if abs(value) != float("inf"):
            work.fix(column, value)
