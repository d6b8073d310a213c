"""Which values a quality can take: a mixture lies between its components.

Published limits leave most qualities and gravities open above, so that a solver may run into
points that no refinery has (a density near nothing). Here each quality gets the range that follows
from the known qualities by mixing, cutting, splitting and transfer; it cuts off no plan, only
meaningless values of streams that do not flow.
"""

from collections import defaultdict
from collections.abc import Mapping

from operator_agent.errors import LimitsConflictError
from operator_agent.planning.published.emrps_network import Network, cuts_of
from operator_agent.planning.published.emrps_text import Key

Range = tuple[float, float]
Source = tuple[Key, float]  # a quality of another stream, and the factor that it comes with
MAX_SWEEPS = 200  # more than any path through a flowsheet; a recycle that still grows has no range
INFINITE = float("inf")


def quality_ranges(network: Network) -> dict[Key, tuple[float, float | None]]:
    """Return low and high of every quality that is not known, by (stream, quality).

    A quality that nothing defines has the range of the known gravities when it is a gravity, and
    else none but its limits.

    Raises:
        LimitsConflictError: a limit contradicts another limit or a known quality.
    """
    limits = quality_limits(network)
    given, sources = _given(network), _sources(network)
    gravities = gravity_range(network)
    found: dict[Key, Range] = {key: (value, value) for key, value in network.fixed.items()}
    for key in {key for keys in sources.values() for key, _ in keys} - set(found):
        if key not in sources and key not in given:
            free = gravities if key[1] == network.gravity else (0.0, INFINITE)
            found[key] = _clip(free, limits.get(key))
    changed: set[Key] = set()
    for _ in range(MAX_SWEEPS):
        changed = _sweep(found, sources, given, limits, network.fixed)
        if not changed:
            break
    for key in changed:
        found[key] = _clip((0.0, INFINITE), limits.get(key))
    return {
        key: (low, high if high < INFINITE else None)
        for key, (low, high) in found.items()
        if key not in network.fixed
    }


def quality_limits(network: Network) -> dict[Key, Range]:
    """Return the published limits of qualities by (stream, quality).

    Raises:
        LimitsConflictError: a limit contradicts another limit or a known quality.
    """
    least, most = network.case.parameters["FQMin"], network.case.parameters["FQMax"]
    found = {key: (least.get(key, 0.0), most.get(key, INFINITE)) for key in {*least, *most}}
    for key, (low, high) in found.items():
        value = network.fixed.get(key, low)
        if low > high or not low <= value <= high:
            raise LimitsConflictError(
                f"case {network.case.name}: quality {key[1]} of stream {key[0]} is {value:g} and "
                f"its limits are {low:g} to {high:g}; correct FQ0, FQMin or FQMax"
            )
    return found


def gravity_range(network: Network) -> Range:
    """Return the smallest and the largest specific gravity that a case gives; (0, inf) for none."""
    values = [value for key, value in network.fixed.items() if key[1] == network.gravity]
    cuts = network.case.parameters["FQcut"].items()
    values += [value for key, value in cuts if key[3] == network.gravity]
    positive = [value for value in values if value > 0.0]
    return (min(positive), max(positive)) if positive else (0.0, INFINITE)


def _sweep(
    found: dict[Key, Range],
    sources: dict[Key, list[Source]],
    given: dict[Key, Range],
    limits: dict[Key, Range],
    fixed: Mapping[Key, float],
) -> set[Key]:
    """Widen every range to what its sources reach; return those that grew."""
    grown = set()
    for key in {*sources, *given} - set(fixed):
        parts = [_times(found[source], f) for source, f in sources.get(key, ()) if source in found]
        parts += [given[key]] if key in given else []
        parts += [found[key]] if key in found else []
        if not parts:
            continue
        wide = _clip((min(p[0] for p in parts), max(p[1] for p in parts)), limits.get(key))
        if found.get(key) != wide:
            found[key] = wide
            grown.add(key)
    return grown


def _times(part: Range, factor: float) -> Range:
    ends = (part[0] * factor if part[0] else 0.0, part[1] * factor if factor else 0.0)
    return min(ends), max(ends)


def _clip(part: Range, limit: Range | None) -> Range:
    if limit is None:
        return part
    return min(max(part[0], limit[0]), limit[1]), min(max(part[1], limit[0]), limit[1])


def _given(network: Network) -> dict[Key, Range]:
    """Return the ranges of cuts of crude, from the crudes and swing cuts that may feed them.

    A part without a gravity adds mass and no volume, so it leaves the gravity open above.
    """
    found: dict[Key, list[float]] = defaultdict(list)
    for unit, batch in network.batches_of("UCDU"):
        for stream in network.outputs.get((unit, batch), ()):
            for crude, cut, _ in cuts_of(network, unit, batch, stream):
                gravity = network.value("FQcut", batch, cut, crude, network.gravity)
                found[stream, network.gravity].append(gravity if gravity > 0.0 else INFINITE)
                for quality in network.qualities(stream):
                    found[stream, quality].append(
                        network.value("FQcut", batch, cut, crude, quality)
                    )
    return {key: (min(values), max(values)) for key, values in found.items()}


def _sources(network: Network) -> dict[Key, list[Source]]:
    """Return from which qualities of other streams a quality comes."""
    found: dict[Key, list[Source]] = defaultdict(list)
    for key in network.batches_of("UMIX"):
        for stream in network.outputs.get(key, ()):
            for quality in (network.gravity, *network.qualities(stream)):
                for source in network.inputs.get(key, ()):
                    found[stream, quality].append(((source, quality), 1.0))
    for unit in network.case.names("USPL"):
        for source in network.drawn_by.get(unit, ()):
            for stream in network.made_by.get(unit, ()):
                for quality in network.case.names("Q"):
                    if {(source, quality), (stream, quality)} <= network.traced:
                        found[stream, quality].append(((source, quality), 1.0))
    for (source, stream, quality), factor in network.case.parameters["alpha"].items():
        found[stream, quality].append(((source, quality), factor))
    return found
