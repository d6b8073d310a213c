"""Qualities that streams must carry because another plant, or a later period, asks for them."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from operator_agent.errors import InputError
from operator_agent.planning.case import PlanningCase
from operator_agent.planning.system.system import Goods, Route

Cases = Mapping[str, Mapping[str, PlanningCase]]
"""By plant and period."""

Asked = dict[str, dict[str, tuple[str, ...]]]
"""Qualities by plant and stream; the same in all periods, since stock goes from one to the next."""


def carry_qualities(cases: Cases, routes: Iterable[Route]) -> Cases:
    """Return the cases with every stream carrying what is asked of it anywhere downstream.

    Raises:
        InputError: a unit does not give a quality that is asked of its product elsewhere.
    """
    streams = [route for route in routes if route.goods is Goods.STREAM]
    asked = _asked(cases, streams)
    while True:
        cases = {plant: _carrying(plant, own, asked[plant]) for plant, own in cases.items()}
        again = _asked(cases, streams)
        if again == asked:
            return cases
        asked = again


def _carrying(
    plant: str, cases: Mapping[str, PlanningCase], asked: Mapping[str, tuple[str, ...]]
) -> Mapping[str, PlanningCase]:
    changed = {}
    for period, case in cases.items():
        carried = replace(case, connections=replace(case.connections, carried=asked))
        try:
            _ = carried.contents  # raises when a unit does not give what is asked
        except InputError as error:
            raise InputError(f"plant {plant}, period {period}: {error}") from error
        changed[period] = carried
    return changed


def _asked(cases: Cases, routes: Iterable[Route]) -> Asked:
    """Return what is asked of streams that have tanks or leave, in any period."""
    asked: Asked = {plant: {} for plant in cases}
    for plant, own in cases.items():
        for case in own.values():
            for stream in case.connections.stocked:
                _ask(asked[plant], stream, case.contents.get(stream, ()))
    for route in routes:
        for case in cases[route.target].values():
            _ask(asked[route.source], route.item, case.contents.get(route.arrives_as, ()))
    return asked


def _ask(asked: dict[str, tuple[str, ...]], stream: str, names: tuple[str, ...]) -> None:
    asked[stream] = tuple(sorted({*asked.get(stream, ()), *names}))
