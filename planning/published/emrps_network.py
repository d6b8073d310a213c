"""The flowsheet of a text case: who draws and makes which stream, and which quality is known.

A unit runs batches (modes, or crude batches of a crude unit); a stream is made by one unit or
bought, and drawn by one unit or sold. Quantities keep the units of the case.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from operator_agent.errors import InputError
from operator_agent.planning.published.emrps_text import Key, TextCase

Cut = tuple[str, str, float]  # crude, the cut or a swing cut of it, yield of that part


@dataclass(frozen=True, slots=True)
class Network:
    """Sets of a case, looked up the way that the constraints need them.

    Attributes:
        case: sets and parameters as published.
        periods: in order.
        inputs, outputs: streams of a batch, by (unit, batch).
        batches: inputs and outputs of every batch, by (unit, batch).
        drawn_by, made_by: streams of a unit, by unit.
        gravity: the quality that is specific gravity, empty when the case has none.
        fixed: known qualities by (stream, quality).
        traced: pairs (stream, quality) that the case follows.
        unknown: by stream, the traced qualities that mix and are not known, gravity left out.
        products, materials: streams that are sold and bought.
        stocked: streams with an inventory.
    """

    case: TextCase
    periods: tuple[str, ...]
    inputs: Mapping[Key, tuple[str, ...]]
    outputs: Mapping[Key, tuple[str, ...]]
    batches: Mapping[Key, tuple[str, ...]]
    drawn_by: Mapping[str, tuple[str, ...]]
    made_by: Mapping[str, tuple[str, ...]]
    gravity: str
    fixed: Mapping[Key, float]
    traced: frozenset[Key]
    unknown: Mapping[str, tuple[str, ...]]
    products: frozenset[str]
    materials: frozenset[str]
    stocked: frozenset[str]

    def batches_of(self, units: str) -> tuple[Key, ...]:
        """Return the batches (unit, batch) of a set of units."""
        chosen = set(self.case.names(units))
        return tuple(key for key in self.batches if key[0] in chosen)

    def qualities(self, stream: str) -> tuple[str, ...]:
        """Return the qualities of a stream that mix and are not known, gravity left out."""
        return self.unknown.get(stream, ())

    def by_volume(self, quality: str) -> bool:
        """Return whether a quality mixes by volume; others mix by mass."""
        return (quality,) in self.case.sets["Qv"]

    def value(self, name: str, *key: str) -> float:
        """Return a parameter, 0 where the case does not give it."""
        return self.case.parameters[name].get(key, 0.0)

    def limit(self, name: str, *key: str) -> float | None:
        """Return a limit, or None where the case gives none."""
        return self.case.parameters[name].get(key)


def build_network(case: TextCase) -> Network:
    """Return the flowsheet of a case.

    Raises:
        InputError: a stream is made or drawn by two units, or the case has two gravities.
    """
    gravities = case.names("SPG")
    if len(gravities) > 1:
        raise InputError(f"case {case.name}: SPG has {len(gravities)} members; keep one")
    drawn_by, made_by = _grouped(case.sets["IU"]), _grouped(case.sets["OU"])
    _check_single(case.name, drawn_by, "drawn")
    _check_single(case.name, made_by, "made")
    inputs, outputs = _grouped_batches(case.sets["IM"]), _grouped_batches(case.sets["OM"])
    values = case.parameters["FQ0"]
    fixed = {key: values[key] for key in case.sets["FIX"] if key in values}
    stock = [key[0] for name in ("LMax", "L0") for key, v in case.parameters[name].items() if v > 0]
    return Network(
        case=case,
        periods=case.names("T"),
        inputs=inputs,
        outputs=outputs,
        batches={
            key: inputs.get(key, ()) + outputs.get(key, ())
            for key in dict.fromkeys([*inputs, *outputs])
        },
        drawn_by=drawn_by,
        made_by=made_by,
        gravity=gravities[0] if gravities else "",
        fixed=fixed,
        traced=frozenset(case.sets["SQ"]),
        unknown=_unknown(case, fixed),
        products=frozenset(case.names("S_P")),
        materials=frozenset(case.names("S_M")),
        stocked=frozenset(stock),
    )


def _unknown(case: TextCase, fixed: Mapping[Key, float]) -> dict[str, tuple[str, ...]]:
    mixing = {*case.names("Qw"), *case.names("Qv")}
    pairs = [key for key in case.sets["SQ"] if key[1] in mixing and key not in fixed]
    return _grouped(pairs)


def _grouped(pairs: Iterable[Key]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = defaultdict(list)
    for unit, stream in pairs:
        found[unit].append(stream)
    return {unit: tuple(streams) for unit, streams in found.items()}


def _grouped_batches(members: Iterable[Key]) -> dict[Key, tuple[str, ...]]:
    found: dict[Key, list[str]] = defaultdict(list)
    for unit, batch, stream in members:
        found[unit, batch].append(stream)
    return {key: tuple(streams) for key, streams in found.items()}


def _check_single(name: str, streams: Mapping[str, tuple[str, ...]], verb: str) -> None:
    owner: dict[str, str] = {}
    for unit, members in streams.items():
        for stream in members:
            if owner.setdefault(stream, unit) != unit:
                raise InputError(
                    f"case {name}: stream {stream} is {verb} by the units {owner[stream]} and "
                    f"{unit}; give one of them a stream of its own"
                )


def cuts_of(network: Network, unit: str, batch: str, stream: str) -> tuple[Cut, ...]:
    """Return what a cut is made of: what stays of its own yield, and the swing cuts led to it.

    Args:
        network: flowsheet of the case.
        unit, batch, stream: crude unit, batch of crudes, and the cut.

    Returns:
        Crude, name of the part, and its yield from that crude, for each part that is not empty.
    """
    ratios = {key: network.value("phi", *key) for key in network.case.sets["SC"]}
    place = (unit, batch, stream)
    parts = {stream: 1.0 - sum(v for k, v in ratios.items() if (*k[:2], k[3]) == place)}
    parts |= {key[3]: ratio for key, ratio in ratios.items() if key[:3] == place}
    shares = (
        (crude, part, ratio * network.value("y", unit, batch, part, crude))
        for crude in network.inputs.get((unit, batch), ())
        for part, ratio in parts.items()
    )
    return tuple(share for share in shares if share[2] > 0.0)
