"""Choices in whole numbers: lots of a parcel, all or nothing, and which mode runs.

The linear stage chooses them by branch and bound in every pass; the nonlinear stage keeps what the
linear stage has chosen.
"""

from collections.abc import Mapping
from typing import Any

import pyomo.environ as pyo

from operator_agent.planning.case import Crude, PlanningCase, ProcessUnit, Purchase
from operator_agent.planning.mixing import Mixing
from operator_agent.planning.units import unit_feed
from operator_agent.units import HOUR_S

LOTS, TAKEN, RUNS = "lots", "taken", "runs"
PART_OF_LOT = 1e-9  # relative: a maximum of whole lots may miss the last by a digit of conversion

Choice = tuple[str, str]


def choices(case: PlanningCase) -> Mapping[Choice, int]:
    """Return the largest value of every whole number that a plan of the case decides.

    Keys are (`lots`, crude or purchase), (`taken`, crude or purchase), and (`runs`, mode).
    """
    found: dict[Choice, int] = {}
    for one in offers(case):
        if one.lot:
            found[LOTS, one.name] = int(one.high / one.lot * (1.0 + PART_OF_LOT))
        if one.at_least_if_any:
            found[TAKEN, one.name] = 1
    for unit in case.units.values():
        if unit.exclusive:
            found |= {(RUNS, mode.name): 1 for mode in unit.modes}
    return found


def offers(case: PlanningCase) -> tuple[Crude | Purchase, ...]:
    """Return what may be bought: crudes, then streams."""
    return (*case.crudes.values(), *case.purchases.values())


def offer(case: PlanningCase, name: str) -> Crude | Purchase:
    """Return the crude or purchase of this name."""
    return case.crudes[name] if name in case.crudes else case.purchases[name]


def near_choices(case: PlanningCase, bought: Mapping[str, float]) -> dict[Choice, float]:
    """Return whole numbers near a point.

    Args:
        case: that decides them.
        bought: crudes and purchases by name [m3/h].
    """
    found: dict[Choice, float] = {}
    for (kind, name), most in choices(case).items():
        if kind == LOTS:
            lots = round(bought[name] / HOUR_S / offer(case, name).lot)
            found[kind, name] = float(min(lots, most))
        else:
            found[kind, name] = 1.0
    return found


def add_choices(model: Any, case: PlanningCase, mixing: Mixing) -> None:
    """Add the rows that tie flows to whole numbers; fix the numbers where the model keeps them.

    Args:
        model: with `choice`, `purchase` and `flow`.
        case: that decides.
        mixing: says whether the model chooses.
    """
    model.chosen = pyo.Constraint(pyo.Any)
    for one in offers(case):
        _tie_offer(model, one)
    for unit in case.units.values():
        if unit.exclusive:
            _tie_modes(model, unit)
    if not mixing.chooses:
        model.choice.fix()
        _close(model, case)


def _close(model: Any, case: PlanningCase) -> None:
    """Give flows of what is not taken and of modes that do not run no room at all.

    Rows that leave a flow a single value have no interior, which interior-point solvers need.
    """
    for (kind, name), choice in model.choice.items():
        if round(choice.value) == 0 and kind == RUNS:
            for draw in case.operations[name].draws:
                model.flow[draw].setub(0.0)
        elif round(choice.value) == 0:
            model.purchase[name].setub(0.0)


def _tie_offer(model: Any, one: Crude | Purchase) -> None:
    bought = model.purchase[one.name]
    if one.lot:
        lots = model.choice[LOTS, one.name]
        model.chosen.add((LOTS, one.name), bought == one.lot * HOUR_S * lots)
    if one.at_least_if_any:
        taken = model.choice[TAKEN, one.name]
        least, most = one.at_least_if_any * HOUR_S, one.high * HOUR_S
        model.chosen.add((TAKEN, one.name, "min"), (0.0, bought - least * taken, None))
        model.chosen.add((TAKEN, one.name, "max"), (None, bought - most * taken, 0.0))


def _tie_modes(model: Any, unit: ProcessUnit) -> None:
    runs = [model.choice[RUNS, mode.name] for mode in unit.modes]
    model.chosen.add((RUNS, unit.name), (None, sum(runs), 1.0))
    for mode, run in zip(unit.modes, runs, strict=True):
        feed = unit_feed(model, mode)
        model.chosen.add((RUNS, mode.name), (None, feed - unit.high * HOUR_S * run, 0.0))
