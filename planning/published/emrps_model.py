"""A text case as our own Pyomo model: flows, batches, qualities and inventories by their nouns.

Built from the published sets and parameters alone (see `emrps_text`). Differences from the
published rows, all without effect on plans that a refinery could run: qualities and yields that
are numbers are no columns; streams without inventory have one flow; the row of a batch's last
inlet, which follows from the others, is left out; qualities and gravities are bounded by what
mixing can reach (see `emrps_ranges`), so that no stream gets a density near nothing.
"""

from dataclasses import replace
from typing import Any

import pyomo.environ as pyo

from operator_agent.planning.bilinear.compile import compile_bilinear
from operator_agent.planning.bilinear.program import BilinearProgram
from operator_agent.planning.collection import collector_at_rest
from operator_agent.planning.published.emrps_blends import add_blends, add_shares
from operator_agent.planning.published.emrps_columns import Columns, add_columns
from operator_agent.planning.published.emrps_inventories import add_inventories
from operator_agent.planning.published.emrps_network import Network, build_network
from operator_agent.planning.published.emrps_pools import add_batches, add_mixers, add_splitters
from operator_agent.planning.published.emrps_text import TextCase
from operator_agent.planning.published.emrps_units import (
    add_capacities,
    add_crude_units,
    add_process_units,
)


def build_text_case(case: TextCase) -> Any:
    """Return the Pyomo model of a case; profit in the money of the case, to be maximised.

    Raises:
        InputError: a stream has two makers or two users.
        LimitsConflictError: a limit contradicts another limit or a known quality.
    """
    with collector_at_rest():
        return _build(build_network(case))


def _build(network: Network) -> Any:
    columns = add_columns(network)
    add_batches(columns)
    add_crude_units(columns)
    add_process_units(columns)
    add_mixers(columns)
    add_splitters(columns)
    add_blends(columns)
    add_shares(columns)
    add_capacities(columns)
    add_inventories(columns)
    columns.model.profit = pyo.Objective(expr=_profit(columns), sense=pyo.maximize)
    return columns.model


def compile_text_case(case: TextCase) -> BilinearProgram:
    """Return a case as a bilinear program with readable names such as `flow[s12,1]`."""
    program = compile_bilinear(build_text_case(case))[0]
    return replace(
        program,
        columns=tuple(name.replace("'", "") for name in program.columns),
        rows=tuple(name.replace("'", "") for name in program.rows),
    )


def _profit(columns: Columns) -> Any:
    """Return sales less purchases, plus the value of what inventories gain."""
    network, model = columns.network, columns.model
    traded = network.products | network.materials
    parts: list[Any] = []
    for t in network.periods:
        parts += [network.value("c_P", s) * columns.drawn(s, t) for s in network.case.names("S_P")]
        parts += [-network.value("c_M", s) * columns.made(s, t) for s in network.case.names("S_M")]
        parts += [
            network.value("ci_P", s) * model.charge[s, t]
            - network.value("ci_M", s) * model.draw[s, t]
            for s in network.case.names("S")
            if s in network.stocked and s in traded
        ]
    return pyo.quicksum(parts)
