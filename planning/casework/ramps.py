"""Ramps: one or two keys of a case moved in steps, and where the plan changes its mind.

    ramp: {key: crudes.maya.price, from: 55 usd/bbl, to: 75 usd/bbl, steps: 9}

Two keys give a grid. Between two steps at which other limits hold, or other crudes are bought, the
basis of the plan has changed; within a basis the plan only slides. A ramp of one key is solved
again inside such a step until the threshold is known (see `casework.thresholds`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from operator_agent.engine import Engine
from operator_agent.errors import InputError
from operator_agent.planning.casework.stack import RowProgress, run_stack
from operator_agent.planning.casework.stack_row import StackResult, StackRow
from operator_agent.planning.casework.thresholds import (
    BasisChange,
    change_between,
    narrowed_changes,
)
from operator_agent.planning.casework.tree import AxisEntry, CaseNode
from operator_agent.planning.quantities import planning_unit
from operator_agent.planning.solve import Stage

MOST_POINTS = 2_000  # an hour or so of LPs; more is a slip of the keyboard


@dataclass(frozen=True, slots=True)
class Axis:
    """A key and the values that it takes.

    Attributes:
        key: dotted, as in changes.
        unit: of the values; empty for a bare number.
        values: in the unit, shape (n,).
    """

    key: str
    unit: str
    values: tuple[float, ...]

    def text(self, value: float) -> str:
        """Return a value as it stands in a case file."""
        return f"{value!r} {self.unit}".strip()


@dataclass(frozen=True, slots=True)
class RampResult:
    """A solved ramp.

    Attributes:
        case: that was moved.
        axes: one or two.
        stack: a row for each point, the last axis moving fastest.
        changes: of the basis, in the order of the points.
    """

    case: str
    axes: tuple[Axis, ...]
    stack: StackResult
    changes: tuple[BasisChange, ...]

    def points(self) -> tuple[tuple[float, ...], ...]:
        """Return the values of the keys at each row."""
        return tuple(product(*(axis.values for axis in self.axes)))

    def payload(self) -> dict[str, Any]:
        """Return the ramp as plain values."""
        return {
            "case": self.case,
            "axes": [
                {"key": axis.key, "unit": axis.unit, "values": list(axis.values)}
                for axis in self.axes
            ],
            **self.stack.payload(),
            "basis_changes": [
                {
                    "key": change.key,
                    "between": [change.before, change.after],
                    "narrowed_to": [change.low, change.high],
                    "beside": change.beside,
                    "holds": list(change.holds),
                    "frees": list(change.frees),
                    "buys": list(change.buys),
                    "drops": list(change.drops),
                }
                for change in self.changes
            ],
        }


def axis_from(key: str, start: str | float, end: str | float, steps: int) -> Axis:
    """Return the axis of a key from its first to its last value, both included.

    Raises:
        InputError: fewer than two steps, equal ends, no numbers, or ends in different units.

    Example:
        >>> axis_from("crudes.maya.price", "60 usd/bbl", "62 usd/bbl", 3).values
        (60.0, 61.0, 62.0)
    """
    (low, unit), (high, other) = _quantity(key, start), _quantity(key, end)
    if unit != other:
        raise InputError(
            f"ramp of {key}: it starts in '{unit}' and ends in '{other}'; use one unit for both"
        )
    if steps < 2 or low == high:
        raise InputError(
            f"ramp of {key}: {steps} steps from {start} to {end} are no ramp; give two or more "
            "steps between different values"
        )
    values = np.linspace(low, high, steps)
    return Axis(key, unit, tuple(float(f"{value:.12g}") for value in values))


def ramp_axes(entries: Sequence[AxisEntry]) -> tuple[Axis, ...]:
    """Return the axes of what a case file says about its ramp."""
    return tuple(axis_from(entry.key, entry.start, entry.end, entry.steps) for entry in entries)


def run_ramp(
    node: CaseNode,
    axes: Sequence[Axis],
    engine: Engine,
    *,
    stage: Stage = "nlp",
    watch: Sequence[str] = (),
    file: Path | None = None,
    progress: RowProgress | None = None,
) -> RampResult:
    """Return a case solved at every point of a ramp; other arguments are those of `run_stack`.

    Raises:
        InputError: not one or two axes, twice the same key, too many points, an unknown key, or
            values that make no case, such as a price without a unit.
    """
    if len(axes) not in (1, 2) or len({axis.key for axis in axes}) != len(axes):
        told = ", ".join(axis.key for axis in axes) or "none"
        raise InputError(f"a ramp moves one key or two different ones, not: {told}")
    points = list(product(*(axis.values for axis in axes)))
    if len(points) > MOST_POINTS:
        raise InputError(f"the ramp has {len(points)} points; {MOST_POINTS} are the most")
    cases = [node.changed(_name(axes, point), _changes(axes, point)) for point in points]
    _check_ends(cases)

    def solve(nodes: Sequence[CaseNode]) -> StackResult:
        return run_stack(nodes, engine, stage=stage, watch=watch, file=file, progress=progress)

    stack = solve(cases)
    changes = _basis_changes(axes, points, stack.rows)
    if len(axes) == 1 and stack.reached == len(points):
        rows = dict(zip(axes[0].values, stack.rows, strict=True))

        def between(values: Sequence[float]) -> Sequence[StackRow]:
            inner = [(value,) for value in values]
            nodes = [node.changed(_name(axes, point), _changes(axes, point)) for point in inner]
            return solve(nodes).rows

        changes = narrowed_changes(changes, rows, between)
    return RampResult(node.name, tuple(axes), stack, changes)


def _check_ends(cases: Sequence[CaseNode]) -> None:
    """Refuse a ramp of which neither end is a case, such as one without a unit.

    Raises:
        InputError: of the first end.
    """
    faults = []
    for node in (cases[0], cases[-1]):
        try:
            node.case()
        except InputError as error:
            faults.append(error)
    if len(faults) == 2:
        raise faults[0]


def _quantity(key: str, text: str | float) -> tuple[float, str]:
    number, _, unit = str(text).strip().partition(" ")
    try:
        value = float(number)
    except ValueError:
        raise InputError(
            f"ramp of {key}: '{text}' is no quantity; write it like '60 usd/bbl'"
        ) from None
    if not np.isfinite(value):
        raise InputError(f"ramp of {key}: '{text}' is not finite; give a number")
    if unit:
        planning_unit(unit.strip())
    return value, unit.strip()


def _changes(axes: Sequence[Axis], point: Sequence[float]) -> Mapping[str, str]:
    return {axis.key: axis.text(value) for axis, value in zip(axes, point, strict=True)}


def _name(axes: Sequence[Axis], point: Sequence[float]) -> str:
    return ", ".join(f"{key} = {text}" for key, text in _changes(axes, point).items())


def _basis_changes(
    axes: Sequence[Axis], points: Sequence[tuple[float, ...]], rows: Sequence[StackRow]
) -> tuple[BasisChange, ...]:
    """Return the changes between neighbours along each axis; points without a plan are left out."""
    by_point = dict(zip(points, rows, strict=True))
    changes = []
    for point, row in by_point.items():
        for place, axis in enumerate(axes):
            step = axis.values.index(point[place]) + 1
            if step == len(axis.values):
                continue
            after = (*point[:place], axis.values[step], *point[place + 1 :])
            others = [(a, v) for a, v in zip(axes, point, strict=True) if a is not axis]
            beside = ", ".join(f"{other.key} = {other.text(value)}" for other, value in others)
            ends = (point[place], axis.values[step])
            change = change_between(axis.key, ends, beside, row, by_point[after])
            changes += [change] if change is not None else []
    return tuple(changes)
