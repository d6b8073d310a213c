"""What the published rows let happen and physics does not: densities and mass from nothing."""

from collections.abc import Mapping

from operator_agent.arrays import FloatArray
from operator_agent.planning.bilinear.program import BilinearProgram
from operator_agent.planning.published.emrps_network import Network
from operator_agent.planning.published.emrps_ranges import gravity_range, quality_ranges

USED = 1e-6  # mass, in the unit of the case: what flows less has no meaningful density
VOLUME = "batch_volume["
ROOM = 1e-6  # relative: what a solver's tolerance may do to a density


def unphysical(network: Network, program: BilinearProgram, x: FloatArray) -> tuple[str, ...]:
    """Return a sentence for each thing at a point that no refinery can do; empty for none.

    Densities of streams that flow must lie in the range that mixing can reach, the volume of a
    batch must fit to its mass, and a batch may draw or make a stream only where a balance holds for
    it.

    Args:
        network: flowsheet of the case.
        program: of the case, with its names.
        x: values of its columns, shape (n,).
    """
    values = {name: float(value) for name, value in zip(program.columns, x, strict=True)}
    found = _densities(network, values) + _loose_volumes(network, values)
    return tuple(found + _loose_batches(network, values))


def _densities(network: Network, values: Mapping[str, float]) -> list[str]:
    found = []
    for (stream, quality), (low, high) in quality_ranges(network).items():
        for period in network.periods if quality == network.gravity else ():
            density = values.get(f"quality[{stream},{quality},{period}]")
            side = "drawn" if stream in network.stocked else "flow"
            if density is None or values.get(f"{side}[{stream},{period}]", 0.0) <= USED:
                continue
            top = density if high is None else high
            if not low * (1.0 - ROOM) <= density <= top * (1.0 + ROOM):
                found.append(
                    f"stream {stream} flows in period {period} with the density {density:.4g}; "
                    f"mixing can reach {low:.4g} to {top:.4g}"
                )
    return found


def _loose_volumes(network: Network, values: Mapping[str, float]) -> list[str]:
    """Return the batches whose volume no density ties to their mass, where that shows."""
    low, high = gravity_range(network)
    found = []
    for name, volume in values.items():
        if not name.startswith(VOLUME):
            continue
        place = name.removeprefix(VOLUME).removesuffix("]")
        stream, mass = place.split(",")[2], values[f"batch[{place}]"]
        loose = (stream, network.gravity) not in network.traced
        if loose and mass > USED and not low * volume <= mass <= high * volume:
            found.append(
                f"{mass:.4g} of stream {stream} fill a volume of {volume:.4g} in batch {place}: "
                "the case does not trace its density; densities that it gives are "
                f"{low:.4g} to {high:.4g}"
            )
    return found


def _loose_batches(network: Network, values: Mapping[str, float]) -> list[str]:
    case, found = network.case, []
    for name, owners, verb in (
        ("IM", network.drawn_by, "draws"),
        ("OM", network.made_by, "makes"),
    ):
        for unit, batch, stream in case.sets[name]:
            for period in network.periods if stream not in owners.get(unit, ()) else ():
                mass = values.get(f"batch[{unit},{batch},{stream},{period}]", 0.0)
                if mass > USED:
                    found.append(
                        f"batch {batch} of {unit} {verb} {mass:.4g} of stream {stream} in period "
                        f"{period} and no balance holds for it: the case lists {stream} in {name} "
                        f"and not in {'IU' if name == 'IM' else 'OU'}"
                    )
    return found
