"""Two-sided marginals: what one more unit of a limit earns, and what one less costs.

At a degenerate plan the two differ, and the one number of a solver is any value between them. Both
are exact for the linear program (see `tangent`), each with the range over which it holds.
"""

from dataclasses import dataclass

from operator_agent.planning.analysis.base import Base
from operator_agent.planning.analysis.tangent import Tangent
from operator_agent.planning.limits import Limit, LimitKind
from operator_agent.planning.linear import LinearProgram
from operator_agent.planning.outcome import Solution
from operator_agent.planning.plan import LimitResult
from operator_agent.planning.plan_reader import read_limits
from operator_agent.units import HOUR_S

SAME = 1e-6  # relative to the marginal: sides that differ by less are one


@dataclass(frozen=True, slots=True)
class RowMarginal:
    """The marginal of one row, in the units of the program.

    Attributes:
        name: of the row.
        solver: the marginal that the solver gave.
        more: gain of profit per unit by which the right-hand side rises.
        less: loss of profit per unit by which it falls; never below `more`.
        more_for, less_for: units over which these hold.
    """

    name: str
    solver: float
    more: float
    less: float
    more_for: float
    less_for: float


@dataclass(frozen=True, slots=True)
class LimitMarginal:
    """The two-sided marginal of a limit.

    Attributes:
        limit: the limit.
        value: where the plan stands: flows [m3/s], qualities [SI].
        solver: marginal of the solver; flows [usd/m3], qualities [usd/h per SI unit].
        more: gain of profit per unit by which the limit's value rises, same unit.
        less: loss of profit per unit by which it falls; infinite when no plan is left.
        holds_from, holds_to: values of the limit between which these two hold [SI].
    """

    limit: Limit
    value: float
    solver: float
    more: float
    less: float
    holds_from: float
    holds_to: float

    @property
    def two_sided(self) -> bool:
        """Whether the sides differ by more than rounding."""
        return self.less - self.more > SAME * max(1.0, abs(self.solver))


@dataclass(frozen=True, slots=True)
class TradeMarginal:
    """What it does to the profit to force one more, or one less, of a purchase or a sale.

    Attributes:
        kind: crude, purchase or product.
        item: its name.
        flow: in the plan [m3/s].
        price: [usd/m3].
        more: change of profit per m3 forced on, never positive [usd/m3].
        less: change of profit per m3 taken away, never positive [usd/m3].
        flow_from, flow_to: flows between which these two hold [m3/s].
    """

    kind: LimitKind
    item: str
    flow: float
    price: float
    more: float
    less: float
    flow_from: float
    flow_to: float

    @property
    def bought(self) -> bool:
        """Whether it is a purchase."""
        return self.kind is not LimitKind.PRODUCT

    @property
    def worth_of_next(self) -> float:
        """Price at which one more m3 leaves the profit as it is [usd/m3]: what the next m3 of a
        crude is worth, or costs to make of a product."""
        return self.price + self.more if self.bought else self.price - self.more

    @property
    def worth_of_last(self) -> float:
        """The same for the last m3 of the plan [usd/m3]."""
        return self.price - self.less if self.bought else self.price + self.less


def row_marginals(program: LinearProgram, solution: Solution) -> tuple[RowMarginal, ...]:
    """Return the two-sided marginals of all rows of a solved linear program.

    Raises:
        SolveFailedError: the solution is no optimum.
    """
    tangent = Tangent(program, solution)
    found = []
    for index, row in enumerate(program.rows):
        up, down = tangent.row(index, 1.0), tangent.row(index, -1.0)
        marginal = float(solution.marginals[index])
        found.append(
            RowMarginal(row.name, marginal, up.gain, -down.gain + 0.0, up.reach, down.reach)
        )
    return tuple(found)


def limit_marginals(base: Base, tangent: Tangent | None = None) -> tuple[LimitMarginal, ...]:
    """Return the two-sided marginals of all limits of a case.

    Args:
        base: the solved case.
        tangent: of the base, when there is one already.
    """
    steps = tangent or Tangent(base.program, base.solution)
    found = []
    for result, row_step in limits_in_rows(base):
        limit, index = result.limit, base.row_of(result.limit.key)
        up, down = steps.row(index, row_step), steps.row(index, -row_step)
        size = limit_size(limit)
        marginal = float(base.solution.marginals[index]) * row_step
        found.append(
            LimitMarginal(
                limit,
                result.value,
                marginal + 0.0,
                up.gain + 0.0,
                -down.gain + 0.0,
                limit.value - down.reach * size,
                limit.value + up.reach * size,
            )
        )
    return tuple(found)


def trade_marginals(base: Base, tangent: Tangent | None = None) -> tuple[TradeMarginal, ...]:
    """Return what it does to the profit to force purchases and sales up or down.

    Args:
        base: the solved case.
        tangent: of the base, when there is one already.
    """
    steps = tangent or Tangent(base.program, base.solution)
    found = []
    for (kind, item), column in base.totals.items():
        up, down = steps.column(column, 1.0), steps.column(column, -1.0)
        flow = float(steps.x[column]) + 0.0
        price = abs(float(base.program.cost[column]))
        found.append(
            TradeMarginal(
                kind,
                item,
                flow / HOUR_S,
                price,
                up.gain + 0.0,
                down.gain + 0.0,
                (flow - down.reach) / HOUR_S,
                (flow + up.reach) / HOUR_S,
            )
        )
    return tuple(found)


def limits_in_rows(base: Base) -> list[tuple[LimitResult, float]]:
    """Return every limit with its value, and by how much its row moves with one unit of it.

    One unit is 1 m3/h of a flow, else one SI unit of the quality.
    """
    ones = {row.name: 1.0 for row in base.model.limit.values()}
    results = read_limits(base.model, base.case, ones)
    return [(result, result.shadow_price) for result in results]


def limit_size(limit: Limit) -> float:
    """Return how much of the limit's value [SI] one unit of `limits_in_rows` is."""
    return limit.per_row if is_flow(limit) else 1.0


def is_flow(limit: Limit) -> bool:
    """Return whether a limit bounds a flow, not a quality."""
    return not limit.quality
