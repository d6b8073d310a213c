"""Rows of crude units and process units: cuts, base-delta yields, capacities.

Yields of a process unit are shares of its feed: base yield, and with the base-delta form
yield = base + sum over qualities of delta / step * (quality of the feed - base quality).
Inlets of one batch stand in fixed proportions as well: their base yields are proportions.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import pyomo.environ as pyo

from operator_agent.planning.published.emrps_columns import YIELD, Columns
from operator_agent.planning.published.emrps_network import Cut, Network, cuts_of
from operator_agent.planning.published.emrps_text import Key


def add_crude_units(columns: Columns) -> None:
    """Add yields and qualities of the cuts of crude units, and the limits of crude blends."""
    network, model = columns.network, columns.model
    batches = network.batches_of("UCDU")
    cuts = {
        (unit, batch, stream): cuts_of(network, unit, batch, stream)
        for unit, batch in batches
        for stream in network.outputs.get((unit, batch), ())
    }
    model.cut_yield = pyo.Constraint(
        list(cuts),
        network.periods,
        rule=lambda m, u, b, s, t: (
            m.batch[u, b, s, t]
            == pyo.quicksum(share * m.batch[u, b, crude, t] for crude, _, share in cuts[u, b, s])
        ),
    )
    by_stream: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for key in cuts:
        by_stream[key[2]].append(key)
    model.cut_quality = pyo.Constraint(pyo.Any)
    for stream, keys in by_stream.items():
        for period in network.periods:
            parts = [(key, cut) for key in keys for cut in cuts[key]]
            _add_cut_qualities(columns, stream, period, parts)
    _add_crude_limits(columns, batches)


def _add_cut_qualities(
    columns: Columns, stream: str, period: str, parts: Sequence[tuple[Key, Cut]]
) -> None:
    """Add mass = gravity * volume of a cut, and its qualities by mass or by volume."""
    network, rows = columns.network, columns.model.cut_quality
    mass = columns.made(stream, period)
    density, volume = network.gravity, []
    for (unit, batch, _), (crude, cut, share) in parts:
        gravity = network.value("FQcut", batch, cut, crude, density)
        if gravity > 0.0:
            flow = columns.model.batch[unit, batch, crude, period]
            volume.append((batch, crude, cut, share / gravity * flow))
    if (stream, density) in network.traced and (stream, density) not in network.fixed:
        value = columns.quality(stream, density, period)
        total = pyo.quicksum(part[3] for part in volume)
        rows[stream, density, period] = mass == value * total
    for quality in network.qualities(stream):
        if network.by_volume(quality):
            weights, base = volume, pyo.quicksum(part[3] for part in volume)
        else:
            weights, base = _masses(columns, parts, period), mass
        total = pyo.quicksum(
            network.value("FQcut", batch, cut, crude, quality) * part
            for batch, crude, cut, part in weights
        )
        rows[stream, quality, period] = base * columns.quality(stream, quality, period) == total


def _masses(columns: Columns, parts: Sequence[tuple[Key, Cut]], period: str) -> list[Any]:
    return [
        (batch, crude, cut, share * columns.model.batch[unit, batch, crude, period])
        for (unit, batch, _), (crude, cut, share) in parts
    ]


def _add_crude_limits(columns: Columns, batches: tuple[Key, ...]) -> None:
    """Add the limits of crude properties, of each batch and of all crude together."""
    network, model = columns.network, columns.model
    model.crude_limit = pyo.Constraint(pyo.Any)
    for period in network.periods:
        for unit, batch, quality in network.case.sets["CDUMQ"]:
            for end, sign in (("FQVMin", 1.0), ("FQVMax", -1.0)):
                limit = network.limit(end, unit, batch, quality)
                if limit is not None:
                    total = _crude_excess(columns, ((unit, batch),), quality, limit, period)
                    _add_positive(
                        model.crude_limit, (unit, batch, quality, end, period), sign * total
                    )
        for quality in network.case.names("CRU"):
            for end, sign in (("MFQMin", 1.0), ("MFQMax", -1.0)):
                limit = network.limit(end, quality)
                if limit is not None:
                    total = _crude_excess(columns, batches, quality, limit, period)
                    _add_positive(model.crude_limit, (quality, end, period), sign * total)


def _crude_excess(
    columns: Columns, batches: tuple[Key, ...], quality: str, limit: float, period: str
) -> Any:
    network = columns.network
    return pyo.quicksum(
        (network.value("FQcrd", batch, crude, quality) - limit)
        * columns.model.batch[unit, batch, crude, period]
        for unit, batch in batches
        for crude in network.inputs.get((unit, batch), ())
    )


def _add_positive(rows: Any, key: Key, total: Any) -> None:
    rows[key] = total >= 0.0


def add_process_units(columns: Columns) -> None:
    """Add the yields of process units, with fixed and with base-delta yields."""
    network, model = columns.network, columns.model
    model.yield_share = pyo.Constraint(pyo.Any)
    model.base_delta = pyo.Constraint(pyo.Any)
    deltas = _deltas(network)
    for unit, batch in network.batches_of("UPF") + network.batches_of("UPD"):
        inlets = network.inputs.get((unit, batch), ())
        for period in network.periods:
            share = {
                stream: _share(columns, (unit, batch, stream), deltas, period)
                for stream in network.batches[unit, batch]
            }
            feed = pyo.quicksum(model.batch[unit, batch, s, period] for s in inlets)
            total = pyo.quicksum(share[s] for s in inlets)
            for stream in share:
                if inlets and stream != inlets[-1]:  # the last inlet's row follows from the others
                    mass = model.batch[unit, batch, stream, period]
                    model.yield_share[unit, batch, stream, period] = (
                        mass * total == share[stream] * feed
                    )


def _deltas(network: Network) -> dict[Key, list[tuple[str, str, float, float]]]:
    """Return (inlet, quality, slope, base quality) of every yield that follows qualities."""
    found: dict[Key, list[tuple[str, str, float, float]]] = defaultdict(list)
    for unit, batch, inlet, quality in network.case.sets["DBSQ"]:
        step = network.value("Del", unit, batch, quality)
        base = network.value("B", unit, batch, quality)
        for stream in network.batches.get((unit, batch), ()):
            delta = network.value("delta", unit, batch, stream, quality)
            if delta:
                found[unit, batch, stream].append((inlet, quality, delta / step, base))
    return found


def _share(columns: Columns, key: Key, deltas: Any, period: str) -> Any:
    """Return the yield of a stream in a batch: a number, or a column with its base-delta row."""
    base = columns.network.value("gamma", *key)
    if key not in deltas:
        return base
    place = (*key, period)
    column = columns.model.component(YIELD).add(place)
    columns.model.base_delta[place] = column == base + pyo.quicksum(
        slope * (columns.quality(inlet, quality, period) - base_quality)
        for inlet, quality, slope, base_quality in deltas[key]
    )
    return column


def add_capacities(columns: Columns) -> None:
    """Add the capacities of units, on what they draw or on what they make."""
    network, model = columns.network, columns.model
    members: dict[str, list[str]] = defaultdict(list)
    for capacity, stream in network.case.sets["CAPS"]:
        members[capacity].append(stream)
    model.capacity = pyo.Constraint(pyo.Any)
    for side, mass in (("CAPIN", columns.drawn), ("CAPOUT", columns.made)):
        for capacity in network.case.names(side):
            for period in network.periods:
                low = network.value("FVCMin", capacity, period)
                high = network.limit("FVCMax", capacity, period)
                total = pyo.quicksum(mass(s, period) for s in members[capacity])
                if members[capacity] and (low > 0.0 or high is not None):
                    model.capacity[capacity, period] = (low, total, high)
