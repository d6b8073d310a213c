"""Rows of pools: mixers, splitters, the masses of batches, and qualities carried along a stream."""

from typing import Any

import pyomo.environ as pyo

from operator_agent.planning.published.emrps_columns import Columns
from operator_agent.planning.published.emrps_text import Key


def add_batches(columns: Columns) -> None:
    """Add that what a unit draws or makes of a stream is the sum of its batches, 0 without any."""
    network, model = columns.network, columns.model
    model.batch_sum = pyo.Constraint(pyo.Any)
    running = {*network.case.names("UCDU"), *network.case.names("UPF")}
    running |= {*network.case.names("UPD"), *network.case.names("UMIX")}
    for streams, name, side, mass in (
        (network.drawn_by, "IM", "drawn", columns.drawn),
        (network.made_by, "OM", "made", columns.made),
    ):
        batches: dict[tuple[str, str], list[str]] = {}
        for unit, batch, stream in network.case.sets[name]:
            batches.setdefault((unit, stream), []).append(batch)
        for unit, stream in ((u, s) for u in streams if u in running for s in streams[u]):
            keys = batches.get((unit, stream), ())
            for t in network.periods:
                parts = pyo.quicksum(model.batch[unit, b, stream, t] for b in keys)
                model.batch_sum[side, stream, t] = mass(stream, t) == parts


def add_mixers(columns: Columns) -> None:
    """Add mass, volume and quality of what mixers make."""
    network, model = columns.network, columns.model
    model.mixed_mass = pyo.Constraint(pyo.Any)
    model.mixed_volume = pyo.Constraint(pyo.Any)
    model.mixed_quality = pyo.Constraint(pyo.Any)
    model.batch_density = pyo.Constraint(pyo.Any)
    for unit, batch in network.batches_of("UMIX"):
        inlets = network.inputs.get((unit, batch), ())
        for t in network.periods:
            outlets = network.outputs.get((unit, batch), ())
            model.mixed_mass[unit, batch, t] = pyo.quicksum(
                model.batch[unit, batch, s, t] for s in inlets
            ) == pyo.quicksum(model.batch[unit, batch, s, t] for s in outlets)
            for stream in outlets:
                _add_mixture(columns, (unit, batch), stream, t)


def _add_mixture(columns: Columns, key: Key, stream: str, period: str) -> None:
    """Add volume and qualities of one outlet of a mixer's batch."""
    network, model = columns.network, columns.model
    unit, batch = key
    inlets = network.inputs.get(key, ())
    density = (stream, network.gravity)
    weighed = any((s, network.gravity) in network.traced for s in inlets)
    if density in network.traced and density not in network.fixed and weighed:
        model.mixed_volume[unit, batch, period] = _batch_volume(
            columns, key, stream, period
        ) == pyo.quicksum(_batch_volume(columns, key, s, period) for s in inlets)
    for quality in network.qualities(stream):
        part: Any = _batch_volume if network.by_volume(quality) else _batch_mass
        model.mixed_quality[unit, batch, quality, period] = part(
            columns, key, stream, period
        ) * columns.quality(stream, quality, period) == pyo.quicksum(
            part(columns, key, s, period) * columns.quality(s, quality, period) for s in inlets
        )


def _batch_mass(columns: Columns, key: Key, stream: str, period: str) -> Any:
    return columns.model.batch[(*key, stream, period)]


def _batch_volume(columns: Columns, key: Key, stream: str, period: str) -> Any:
    """Return the volume of a stream in a batch; add mass = gravity * volume where it is free.

    A stream whose gravity the case does not trace keeps a free volume, as in the published rows.
    """
    model, place = columns.model, (*key, stream, period)
    volume = columns.batch_volume(*place)
    traced = (stream, columns.network.gravity) in columns.network.traced
    if volume.is_variable_type() and traced and place not in model.batch_density:
        gravity = columns.quality(stream, columns.network.gravity, period)
        model.batch_density[place] = model.batch[place] == gravity * volume
    return volume


def add_splitters(columns: Columns) -> None:
    """Add that parts of a stream have its qualities, and transfers of a quality by a ratio."""
    network, model = columns.network, columns.model
    qualities = network.case.names("Q")
    model.split_mass = pyo.Constraint(pyo.Any)
    model.carried = pyo.Constraint(pyo.Any)
    for unit in network.case.names("USPL"):
        inlets, outlets = network.drawn_by.get(unit, ()), network.made_by.get(unit, ())
        for t in network.periods if inlets or outlets else ():
            model.split_mass[unit, t] = pyo.quicksum(
                columns.drawn(s, t) for s in inlets
            ) == pyo.quicksum(columns.made(s, t) for s in outlets)
        pairs = [(source, stream) for source in inlets for stream in outlets]
        for source, stream in pairs:
            for quality in qualities:
                if {(source, quality), (stream, quality)} <= network.traced:
                    _carry(columns, source, stream, quality, 1.0)
    for (source, stream, quality), ratio in network.case.parameters["alpha"].items():
        if (stream, quality) not in network.fixed:
            _carry(columns, source, stream, quality, ratio)


def _carry(columns: Columns, source: str, stream: str, quality: str, ratio: float) -> None:
    """Add quality of stream = ratio * quality of source, unless both are known and agree."""
    key = (source, quality)
    fixed = columns.network.fixed
    known = key in fixed and (stream, quality) in fixed
    if known and fixed[stream, quality] == ratio * fixed[key]:
        return
    for t in columns.network.periods:
        columns.model.carried[source, stream, quality, t] = columns.quality(
            stream, quality, t
        ) == ratio * columns.quality(source, quality, t)
