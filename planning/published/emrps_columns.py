"""The columns of a text case's plan: flows, qualities, volumes and yields, each by its noun."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pyomo.environ as pyo

from operator_agent.errors import LimitsConflictError
from operator_agent.planning.published.emrps_network import Network
from operator_agent.planning.published.emrps_ranges import quality_ranges

YIELD = "yield"  # a word of the language, so no attribute


@dataclass(frozen=True, slots=True)
class Columns:
    """A Pyomo model with the columns of a case, and the way to each.

    Columns of the model: `flow[s,t]`, or `made[s,t]` and `drawn[s,t]` where an inventory parts
    them; `batch[u,m,s,t]`; `quality[s,q,t]` where not known; `volume[s,t]` and
    `batch_volume[u,m,s,t]` where the gravity is not known; `yield[u,m,s,t]` where it follows
    qualities; `charge`, `draw`, `level` and `drawing` of inventories.

    Attributes:
        network: flowsheet of the case.
        model: the Pyomo model that holds the columns.
    """

    network: Network
    model: Any

    def made(self, stream: str, period: str) -> Any:
        """Return the mass of a stream that is made or bought."""
        if stream in self.network.stocked:
            return self.model.made[stream, period]
        return self.model.flow[stream, period]

    def drawn(self, stream: str, period: str) -> Any:
        """Return the mass of a stream that is used or sold."""
        if stream in self.network.stocked:
            return self.model.drawn[stream, period]
        return self.model.flow[stream, period]

    def quality(self, stream: str, quality: str, period: str) -> Any:
        """Return a quality of a stream: a number where known, else a column."""
        known = self.network.fixed.get((stream, quality))
        if known is not None:
            return known
        return _column(self.model.quality, (stream, quality, period))

    def volume(self, stream: str, period: str) -> Any:
        """Return the volume of what is drawn of a stream: mass by gravity."""
        gravity = self.network.fixed.get((stream, self.network.gravity), 0.0)
        mass = self.drawn(stream, period)
        return mass / gravity if gravity > 0.0 else _column(self.model.volume, (stream, period))

    def batch_volume(self, unit: str, batch: str, stream: str, period: str) -> Any:
        """Return the volume of a stream in a batch: mass by gravity."""
        gravity = self.network.fixed.get((stream, self.network.gravity), 0.0)
        key = (unit, batch, stream, period)
        if gravity > 0.0:
            return self.model.batch[key] / gravity
        return _column(self.model.batch_volume, key)


def add_columns(network: Network) -> Columns:
    """Return a new model with the columns of a case, bounded by its limits and by physics.

    Raises:
        LimitsConflictError: a limit contradicts another limit or a known quality.
    """
    model = pyo.ConcreteModel(name=network.case.name)
    streams = network.case.names("S")
    for kind, members in (
        ("flow", [s for s in streams if s not in network.stocked]),
        ("made", [s for s in streams if s in network.stocked]),
        ("drawn", [s for s in streams if s in network.stocked]),
    ):
        model.add_component(
            kind, pyo.Var(_timed([(s,) for s in members], network), bounds=(0, None))
        )
    batches = [(*key, s) for key, members in network.batches.items() for s in members]
    model.batch = pyo.Var(_timed(batches, network), bounds=(0, None))
    for kind in ("volume", "batch_volume", YIELD):
        model.add_component(kind, pyo.Var(pyo.Any, dense=False, bounds=(0, None)))
    model.quality = pyo.Var(pyo.Any, dense=False, bounds=quality_bounds(network))
    columns = Columns(network, model)
    _limit_flows(columns)
    return columns


def quality_bounds(network: Network) -> Any:
    """Return the rule for bounds of qualities: limits of the case, and what mixing can reach."""
    ranges = quality_ranges(network)

    def bounds(_model: Any, stream: str, quality: str, _period: str) -> tuple[float, float | None]:
        low, high = ranges.get((stream, quality), (0.0, None))
        return low, high

    return bounds


def _timed(members: Iterable[tuple[str, ...]], network: Network) -> list[tuple[str, ...]]:
    return [(*member, period) for member in members for period in network.periods]


def _column(family: Any, key: tuple[str, ...]) -> Any:
    return family[key] if key in family else family.add(key)


def _limit_flows(columns: Columns) -> None:
    """Set the limits of flows: on purchases of materials, on sales of products, else on both."""
    network = columns.network
    for name, is_low in (("FVMin", True), ("FVMax", False)):
        for (stream, period), limit in network.case.parameters[name].items():
            if stream not in network.products:
                _limit(columns.made(stream, period), limit, is_low)
            if stream not in network.materials:
                _limit(columns.drawn(stream, period), limit, is_low)


def _limit(column: Any, limit: float, is_low: bool) -> None:
    if is_low:
        column.setlb(max(limit, column.lb))
    else:
        column.setub(limit if column.ub is None else min(limit, column.ub))
    if column.ub is not None and column.lb > column.ub:
        raise LimitsConflictError(
            f"{column.name}: its least value {column.lb:g} is above its largest {column.ub:g}; "
            "correct FVMin or FVMax"
        )
