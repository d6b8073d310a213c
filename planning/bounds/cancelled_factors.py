"""Rows that have a common factor: the factor cancelled.

A unit that loses a share q of what it is fed is often written with the loss R = k F q fed back:

    m + l m q = sum_y g_y (F y + (l / k) R y),   which is   (1 + l q) (m - sum_y g_y F y) = 0.

As 1 + l q > 0, the row says m = sum_y g_y F y: a product of two columns instead of what was a
product of three in disguise, which no relaxation of single products sees.
"""

from dataclasses import dataclass

from operator_agent.planning.bilinear.program import BilinearProgram
from operator_agent.planning.bilinear.working_rows import (
    Product,
    WorkingRows,
    packed,
    working_rows,
)

SAME = 1e-9  # relative: files carry 10 digits
Row = tuple[dict[int, float], dict[Product, float]]


@dataclass(frozen=True, slots=True)
class _Loss:
    """loss = factor * flow * share, as some row says."""

    loss: int
    flow: int
    share: int
    factor: float


def cancel_factors(program: BilinearProgram) -> BilinearProgram:
    """Return the program with common factors cancelled: the same feasible points, simpler rows."""
    work = working_rows(program)
    for loss in _losses(work):
        for row in work.rows_with(loss.share):
            shorter = _shorter(work, row, loss)
            if shorter is not None:
                work.linear[row], work.products[row] = shorter
    return packed(work)[0]


def _losses(work: WorkingRows) -> list[_Loss]:
    found = []
    for row, (linear, products) in enumerate(zip(work.linear, work.products, strict=True)):
        if len(linear) != 1 or len(products) != 1 or not _is_zero_row(work, row):
            continue
        ((loss, value),) = linear.items()
        ((pair, slope),) = products.items()
        if loss not in pair and pair[0] != pair[1]:
            found += [_Loss(loss, *ends, -slope / value) for ends in (pair, pair[::-1])]
    return found


def _is_zero_row(work: WorkingRows, row: int) -> bool:
    return work.row_low[row] == work.row_high[row] == 0.0


def _shorter(work: WorkingRows, row: int, loss: _Loss) -> Row | None:
    """Return a row divided by 1 + l * share, or nothing when it has no such factor."""
    if not _is_zero_row(work, row):
        return None
    linear, products = dict(work.linear[row]), dict(work.products[row])
    outlets = [k for k in linear if _pair(k, loss.share) in products]
    if len(outlets) != 1 or outlets[0] in (loss.loss, loss.flow):
        return None
    outlet = outlets[0]
    kept = {outlet: linear.pop(outlet)}
    slope = products.pop(_pair(outlet, loss.share)) / kept[outlet]
    if not 1.0 + slope * min(work.low[loss.share], 0.0) > 0.0 or slope <= 0.0:
        return None
    ratio = slope / loss.factor  # of what multiplies the loss to what multiplies the flow
    if linear:
        if not _matches(linear.pop(loss.loss, 0.0), linear.get(loss.flow, 0.0), ratio):
            return None
        kept[loss.flow] = linear.pop(loss.flow)
    left: dict[Product, float] = {}
    for pair in [pair for pair in products if loss.flow in pair]:
        partner = pair[0] if pair[1] == loss.flow else pair[1]
        left[pair] = products.pop(pair)
        if partner in (loss.loss, loss.share):
            return None
        if not _matches(products.pop(_pair(loss.loss, partner), 0.0), left[pair], ratio):
            return None
    return None if linear or products else (kept, left)


def _pair(one: int, other: int) -> Product:
    return min(one, other), max(one, other)


def _matches(of_loss: float, of_flow: float, ratio: float) -> bool:
    return of_flow != 0.0 and abs(of_loss - ratio * of_flow) <= SAME * abs(of_loss)
