"""Rows of inventories: what is charged and drawn, and the level at the end of each period."""

from typing import Any

import pyomo.environ as pyo

from operator_agent.planning.published.emrps_columns import Columns


def add_inventories(columns: Columns) -> None:
    """Add the inventories; one is charged or drawn in a period, never both."""
    network, model = columns.network, columns.model
    stocked = [s for s in network.case.names("S") if s in network.stocked]
    index = [(s, t) for s in stocked for t in network.periods]
    room = {(s, t): network.value("LMax", s, t) for s, t in index}
    model.charge = pyo.Var(index, bounds=lambda m, s, t: (0.0, room[s, t]))
    model.draw = pyo.Var(index, bounds=lambda m, s, t: (0.0, room[s, t]))
    model.level = pyo.Var(index, bounds=lambda m, s, t: (network.value("LMin", s, t), room[s, t]))
    model.drawing = pyo.Var(index, domain=pyo.Binary)
    model.stream_balance = pyo.Constraint(
        index,
        rule=lambda m, s, t: m.made[s, t] + m.draw[s, t] == m.drawn[s, t] + m.charge[s, t],
    )
    model.stock_balance = pyo.Constraint(
        index,
        rule=lambda m, s, t: (
            m.level[s, t] == _level_before(columns, s, t) + m.charge[s, t] - m.draw[s, t]
        ),
    )
    model.drawing_only = pyo.Constraint(
        index, rule=lambda m, s, t: m.draw[s, t] <= room[s, t] * m.drawing[s, t]
    )
    model.charging_only = pyo.Constraint(
        index, rule=lambda m, s, t: m.charge[s, t] <= room[s, t] * (1 - m.drawing[s, t])
    )


def _level_before(columns: Columns, stream: str, period: str) -> Any:
    place = columns.network.periods.index(period)
    if place == 0:
        return columns.network.value("L0", stream)
    return columns.model.level[stream, columns.network.periods[place - 1]]
