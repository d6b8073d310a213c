"""What a row of a bilinear program can reach when its columns stay within their bounds."""

from operator_agent.planning.bilinear.working_rows import Product, WorkingRows

Interval = tuple[float, float]


def times(one: float, other: float) -> float:
    """Return a product in which zero times infinity is zero, as it is for ends of intervals."""
    return 0.0 if one == 0.0 or other == 0.0 else one * other


def scaled(value: float, low: float, high: float) -> Interval:
    """Return the interval value * [low, high]."""
    return (value * low, value * high) if value > 0.0 else (value * high, value * low)


def product_interval(work: WorkingRows, pair: Product) -> Interval:
    """Return what the product of two columns can be."""
    left, right = pair
    low, high = work.low, work.high
    if left == right:
        ends = (times(low[left], low[left]), times(high[left], high[left]))
        crosses = low[left] < 0.0 < high[left]
        return (0.0 if crosses else min(ends), max(ends))
    if low[left] >= 0.0 and low[right] >= 0.0:
        return times(low[left], low[right]), times(high[left], high[right])
    corners = [times(a, b) for a in (low[left], high[left]) for b in (low[right], high[right])]
    return min(corners), max(corners)


def row_interval(work: WorkingRows, row: int) -> Interval:
    """Return the least and the largest value that a row can have."""
    low = high = 0.0
    for column, value in work.linear[row].items():
        below, above = scaled(value, work.low[column], work.high[column])
        low, high = low + below, high + above
    for pair, value in work.products[row].items():
        below, above = scaled(value, *product_interval(work, pair))
        low, high = low + below, high + above
    return low, high
