"""In which order streams of all plants follow from each other within a period."""

from operator_agent.errors import InputError
from operator_agent.planning.system.system import Goods, Period, PlanningSystem


def stream_order(system: PlanningSystem, period: Period) -> tuple[tuple[str, str], ...]:
    """Return (plant, stream), each after the streams that it is made from or arrives from.

    Raises:
        InputError: transport closes a ring.
    """
    before = _sources(system, period)
    order: list[tuple[str, str]] = []
    done: set[tuple[str, str]] = set()
    while len(order) < len(before):
        ready = [key for key, sources in before.items() if key not in done and sources <= done]
        if not ready:
            rest = ", ".join(
                f"{stream} of {plant}" for plant, stream in before if (plant, stream) not in done
            )
            raise InputError(
                f"system {system.name}: transport closes a ring in period {period.name} over "
                f"{rest}; let one of them arrive under another name"
            )
        order += ready
        done |= set(ready)
    return tuple(order)


def _sources(system: PlanningSystem, period: Period) -> dict[tuple[str, str], set[tuple[str, str]]]:
    """Return the streams that each stream needs before it, by (plant, stream)."""
    before = {}
    for name, plant in system.plants.items():
        case = plant.cases[period.name]
        for stream in case.streams:
            feeds = {(name, feed) for run, _ in case.producers(stream) for feed in run.feeds}
            routes = system.arriving(name, Goods.STREAM, stream)
            before[name, stream] = feeds | {(route.source, route.item) for route in routes}
    return before
