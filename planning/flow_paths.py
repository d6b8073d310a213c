"""Flows and qualities of a plan by their names, as rows and alerts write them.

crude_unit                               feed of the crude unit
crudes.maya                              purchase of a crude
purchases.methanol                       purchase of a stream
streams.naphtha                          what is made of a stream
units.fcc                                feed of a unit
units.fcc.feeds.hgo                      one stream of it
units.fcc.modes.gasoline                 feed in one mode
units.fcc.modes.gasoline.feeds.hgo       one stream of it
products.jet                             what is blended
products.jet.components.kerosene         one component of it
products.jet.qualities.flash             a quality of the blend: alerts only
units.fcc.qualities.sulphur              a quality of the mixed feed: alerts only
"""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from operator_agent.errors import InputError
from operator_agent.planning.case import PlanningCase

QUALITIES_OF = "qualities"
Draw = tuple[str, str]


def quality_of_path(path: str) -> str:
    """Return the quality that a path names; empty for the path of a flow.

    Example:
        >>> quality_of_path("products.jet.qualities.flash")
        'flash'
    """
    parts = path.split(".")
    return parts[3] if len(parts) == 4 and parts[2] == QUALITIES_OF else ""


def check_path(case: PlanningCase, path: str, place: str) -> None:
    """Refuse a path that names no flow of a case.

    Raises:
        InputError: the message names the nearest path.
    """
    known = flow_paths(case)
    if path not in known:
        near = difflib.get_close_matches(path, known, n=1, cutoff=0.0)
        raise InputError(
            f"{place}: case {case.name} has no flow '{path}'; the nearest is '{near[0]}'"
        )


def check_quality_path(case: PlanningCase, path: str, place: str) -> None:
    """Refuse a path that names no quality of a product or of a unit's feed.

    Raises:
        InputError: the message names the nearest item.
    """
    group, item, *_ = path.split(".")
    known = {"units": list(case.units), "products": list(case.products)}
    if group not in known:
        raise InputError(f"{place}: '{path}' is no quality; write products.NAME.qualities.QUALITY")
    if item not in known[group]:
        near = difflib.get_close_matches(item, known[group], n=1, cutoff=0.0)
        told = f"; the nearest is '{near[0]}'" if near else ""
        raise InputError(f"{place}: case {case.name} has no {group} '{item}'{told}")


def flow_paths(case: PlanningCase) -> tuple[str, ...]:
    """Return the paths of all flows of a case."""
    fixed = ["crude_unit"] if case.crude_unit.cuts else []
    fixed += [f"crudes.{name}" for name in case.crudes]
    fixed += [f"purchases.{name}" for name in case.purchases]
    fixed += [f"streams.{name}" for name in case.streams]
    return (*fixed, *_draws_of_paths(case))


def flow_of(model: Any, case: PlanningCase, path: str) -> Any:
    """Return the flow of a path in a model [m3/h]."""
    if path == "crude_unit":
        return sum(model.charge[name] for name in case.crudes)
    group, name = path.split(".", 1)
    if group in ("crudes", "purchases"):
        return model.purchase[name]
    if group == "streams":
        return model.volume[name]
    return sum(model.flow[draw] for draw in _draws_of_paths(case)[path])


def _draws_of_paths(case: PlanningCase) -> Mapping[str, tuple[Draw, ...]]:
    """Return what units and products draw, by path."""
    found: dict[str, tuple[Draw, ...]] = {}
    for unit in case.units.values():
        path = f"units.{unit.name}"
        found[path] = unit.draws
        found |= _each_stream(f"{path}.feeds", unit.draws)
        for mode in unit.modes:
            inner = f"{path}.modes.{mode.name.removeprefix(unit.name + '.')}"
            found[inner] = mode.draws
            found |= _each_stream(f"{inner}.feeds", mode.draws)
    for product in case.products.values():
        path = f"products.{product.name}"
        found[path] = product.draws
        found |= _each_stream(f"{path}.components", product.draws)
    return found


def _each_stream(path: str, draws: Iterable[Draw]) -> dict[str, tuple[Draw, ...]]:
    found: dict[str, tuple[Draw, ...]] = {}
    for stream, use in draws:
        key = f"{path}.{stream}"
        found[key] = (*found.get(key, ()), (stream, use))
    return found
