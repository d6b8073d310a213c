"""Rows of blends: masses, specifications, fixed proportions, and shares inside mixers."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pyomo.environ as pyo

from operator_agent.planning.published.emrps_columns import Columns
from operator_agent.planning.published.emrps_text import Key

Excess = Callable[[float], Any]  # of a limit: how far the sum over components is above it


def add_blends(columns: Columns) -> None:
    """Add masses, specifications and fixed proportions of blenders."""
    network, model = columns.network, columns.model
    model.blended_mass = pyo.Constraint(pyo.Any)
    model.proportion = pyo.Constraint(pyo.Any)
    model.specification = pyo.Constraint(pyo.Any)
    model.density = pyo.Constraint(pyo.Any)
    proportional = set(network.case.names("RB"))
    for unit in network.case.names("UBLD"):
        inlets, outlets = network.drawn_by.get(unit, ()), network.made_by.get(unit, ())
        for t in network.periods:
            model.blended_mass[unit, t] = pyo.quicksum(
                columns.drawn(s, t) for s in inlets
            ) == pyo.quicksum(columns.made(s, t) for s in outlets)
            for product in outlets:
                for stream in inlets if unit in proportional else ():
                    ratio = network.value("beta", product, stream)
                    model.proportion[product, stream, t] = columns.drawn(
                        stream, t
                    ) == ratio * columns.made(product, t)
            _add_specifications(columns, unit, inlets, t)


def _add_specifications(columns: Columns, unit: str, inlets: tuple[str, ...], period: str) -> None:
    """Add the specifications of a blender's product, on its components."""
    for quality in columns.network.case.names("Q"):
        low = columns.network.limit("FQBMin", unit, quality)
        high = columns.network.limit("FQBMax", unit, quality)
        if low is not None or high is not None:
            excess = _excess(columns, inlets, quality, period)
            _add_ends(columns, (unit, quality, period), excess, low, high)


def add_shares(columns: Columns) -> None:
    """Add the limits of composition and quality of what a unit draws (virtual batches)."""
    network = columns.network
    columns.model.share = pyo.Constraint(pyo.Any)
    members: dict[Key, list[str]] = defaultdict(list)
    for unit, batch, stream, quality in network.case.sets["VMQ"]:
        members[unit, batch, quality].append(stream)
    percentages = set(network.case.names("Qp"))
    for (unit, batch, quality), streams in members.items():
        low = network.limit("FQVMin", unit, batch, quality)
        high = network.limit("FQVMax", unit, batch, quality)
        for t in network.periods:
            if quality in percentages:
                excess = _composition(columns, (unit, batch), quality, t)
            else:
                excess = _excess(columns, tuple(streams), quality, t)
            _add_ends(columns, (unit, batch, quality, t), excess, low, high)


def _excess(columns: Columns, streams: tuple[str, ...], quality: str, period: str) -> Excess:
    """Return how far a mixture of streams is above a limit of a quality, times its amount."""
    network = columns.network
    masses = [columns.drawn(stream, period) for stream in streams]
    if quality == network.gravity or network.by_volume(quality):
        volumes = [_volume(columns, stream, period) for stream in streams]
    if quality == network.gravity:
        return lambda limit: pyo.quicksum(
            mass - limit * volume for mass, volume in zip(masses, volumes, strict=True)
        )
    parts = volumes if network.by_volume(quality) else masses
    values = [columns.quality(stream, quality, period) for stream in streams]
    return lambda limit: pyo.quicksum(
        part * value - limit * part for part, value in zip(parts, values, strict=True)
    )


def _composition(columns: Columns, key: Key, quality: str, period: str) -> Excess:
    """Return how far the share of marked components in all that a unit draws is above a limit."""
    network = columns.network
    streams = network.drawn_by.get(key[0], ())
    weights = [network.value("w", *key, stream, quality) for stream in streams]
    masses = [columns.drawn(stream, period) for stream in streams]
    return lambda limit: pyo.quicksum(
        (weight - limit) * mass for weight, mass in zip(weights, masses, strict=True)
    )


def _volume(columns: Columns, stream: str, period: str) -> Any:
    """Return the volume drawn of a stream; add mass = gravity * volume where it is free."""
    model, place = columns.model, (stream, period)
    volume = columns.volume(*place)
    if volume.is_variable_type() and place not in model.density:
        gravity = columns.quality(stream, columns.network.gravity, period)
        model.density[place] = columns.drawn(*place) == gravity * volume
    return volume


def _add_ends(
    columns: Columns, key: Key, excess: Excess, low: float | None, high: float | None
) -> None:
    rows = columns.model.share if len(key) == 4 else columns.model.specification
    if low is not None:
        rows[(*key, "min")] = excess(low) >= 0.0
    if high is not None:
        rows[(*key, "max")] = excess(high) <= 0.0
