"""Presolve rules that look at one column: unused, a slack of one row, a quality that nobody uses.

A column that occurs once, without cost, lets its row take a range of values. The row without it,
with wider limits, says the same; the column's value follows afterwards. For a linear term that is
the usual slack. For a product quality * flow it is the definition, or the specification, of a
quality that no other row uses: half of the qualities of a refinery model.
"""

import numpy as np

from operator_agent.planning.bilinear.intervals import scaled
from operator_agent.planning.bilinear.working_rows import FreedColumn, WorkingRows

INFINITY = float("inf")


def look_at_column(work: WorkingRows, column: int) -> bool:
    """Apply what a column decides by itself; return whether anything changed."""
    rows = work.rows_with(column)
    if not rows:
        return _park(work, column)
    if len(rows) > 1 or work.integer[column]:
        return False
    pairs = [pair for pair in work.products[rows[0]] if column in pair]
    if column in work.linear[rows[0]]:
        return not pairs and _free_slack(work, rows[0], column)
    if len(pairs) != 1 or pairs[0][0] == pairs[0][1] or work.cost[column] != 0.0:
        return False
    partner = pairs[0][0] if pairs[0][1] == column else pairs[0][1]
    return _free_quality(work, rows[0], column, partner)


def _park(work: WorkingRows, column: int) -> bool:
    """Fix a column that no row holds at its cheaper end; without cost, at its start."""
    low, high, cost = work.low[column], work.high[column], work.cost[column]
    if cost == 0.0:
        start = float(work.source.start[column])
        value = _clipped(np.round(start) if work.integer[column] else start, low, high)
    else:
        value = low if cost > 0.0 else high
    if abs(value) == INFINITY:
        return False  # the cost has no bound, if the rest has a point: for the solver to say
    work.fix(column, value)
    return True


def _clipped(value: float, low: float, high: float) -> float:
    return min(max(value if np.isfinite(value) else 0.0, low), high)


def _free_slack(work: WorkingRows, row: int, column: int) -> bool:
    value, cost = work.linear[row][column], work.cost[column]
    equality = work.row_low[row] == work.row_high[row]
    if cost != 0.0:
        if not equality or work.products[row]:
            return False
        _move_cost(work, row, column)
    low, high = scaled(value, work.low[column], work.high[column])
    _leave(work, row, column, -1)
    del work.linear[row][column]
    work.row_low[row] -= high
    work.row_high[row] -= low
    _finish(work, row)
    return True


def _move_cost(work: WorkingRows, row: int, column: int) -> None:
    """Charge the cost of a column to the others of its row, of which it is a sum."""
    price = work.cost[column] / work.linear[row][column]
    for other, value in work.linear[row].items():
        work.cost[other] -= price * value
    work.offset += price * work.row_low[row]
    work.cost[column] = 0.0


def _free_quality(work: WorkingRows, row: int, column: int, partner: int) -> bool:
    """Replace a row with a quality of its own by what the quality's bounds demand of the rest.

    others + a q F in [L, U] has a q in [low, high] exactly when others + a low F <= U and
    others + a high F >= L (for a, F >= 0). A missing upper bound asks for care: with F = 0 the
    rest must vanish by itself.
    """
    value = work.products[row][min(column, partner), max(column, partner)]
    low, high = scaled(value, work.low[column], work.high[column])
    if work.low[partner] < 0.0:
        return False
    below, above = work.row_low[row], work.row_high[row]
    open_end = (low == -INFINITY and above < INFINITY) or (high == INFINITY and below > -INFINITY)
    if open_end and not _vanishes_with(work, row, column, partner):
        return False
    _leave(work, row, column, partner)
    del work.products[row][min(column, partner), max(column, partner)]
    demands = []
    if low > -INFINITY and above < INFINITY:
        demands.append((low, -INFINITY, above))
    if high < INFINITY and below > -INFINITY:
        demands.append((high, below, INFINITY))
    if not demands:
        work.drop_row(row)
        return True
    rows = [row] if len(demands) == 1 else [row, work.copy_row(row)]
    for place, (slope, floor, ceiling) in zip(rows, demands, strict=True):
        work.row_low[place], work.row_high[place] = floor, ceiling
        if slope != 0.0:
            work.add_linear(place, partner, slope)
        work.touch(place)
    return True


def _leave(work: WorkingRows, row: int, column: int, partner: int) -> None:
    """Note how the column follows from its row, and take it out of the program."""
    linear = {k: v for k, v in work.linear[row].items() if k != column}
    products = {p: v for p, v in work.products[row].items() if column not in p}
    value = work.linear[row].get(column, 0.0)
    if partner >= 0:
        value = work.products[row][min(column, partner), max(column, partner)]
    bounds = work.low[column], work.high[column]
    wish = _clipped(float(work.source.start[column]), *bounds)
    work.undo.append(
        FreedColumn(
            column,
            value,
            partner,
            tuple(linear.items()),
            tuple(products.items()),
            (work.row_low[row], work.row_high[row]),
            bounds,
            wish,
        )
    )
    work.alive[column] = False
    work.rows_of[column] = set()


def _finish(work: WorkingRows, row: int) -> None:
    if work.row_low[row] == -INFINITY and work.row_high[row] == INFINITY:
        work.drop_row(row)
    else:
        work.touch(row)


def _vanishes_with(work: WorkingRows, row: int, column: int, flow: int) -> bool:
    """Return whether all other terms of a row are zero when a flow is."""
    if work.low[flow] > 0.0:
        return True
    if not work.row_low[row] <= 0.0 <= work.row_high[row]:
        return False
    zero = _zero_with(work, flow)
    pairs = [pair for pair in work.products[row] if column not in pair]
    return all(k in zero for k in work.linear[row]) and all(zero & set(pair) for pair in pairs)


def _zero_with(work: WorkingRows, flow: int) -> set[int]:
    """Return the columns that a linear row forces to zero when a flow is zero."""
    found = {flow}
    for row in work.rows_with(flow):
        if work.products[row] or flow not in work.linear[row]:
            continue
        others = {k: v for k, v in work.linear[row].items() if k != flow}
        ends = [scaled(v, work.low[k], work.high[k]) for k, v in others.items()]
        if (all(low >= 0.0 for low, _ in ends) and work.row_high[row] <= 0.0) or (
            all(high <= 0.0 for _, high in ends) and work.row_low[row] >= 0.0
        ):
            found |= set(others)
    return found
