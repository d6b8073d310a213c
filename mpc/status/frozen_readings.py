"""Readings that have stood still for too long: their transmitter is taken to be frozen.

The judgement is that of the links, which see each tag (`TagMemory`); this is for scans that no link
has judged.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from operator_agent.errors import InputError
from operator_agent.mpc.scan import Scan
from operator_agent.mpc.variables import ControlVariables
from operator_agent.tag_memory import TagMemory


@dataclass(frozen=True, slots=True)
class FrozenMemory:
    """What is remembered between scans.

    Attributes:
        time_s: of the last scan [s].
        tags: by CV or DV name.
    """

    time_s: float = 0.0
    tags: Mapping[str, TagMemory] = field(default_factory=dict)


def check_frozen(frozen_s: Mapping[str, float], variables: ControlVariables) -> None:
    """Refuse times of what is not read, and times that are none.

    Raises:
        InputError: with the name.
    """
    read = (*variables.cv_names, *variables.dv_names)
    for name, longest_s in frozen_s.items():
        if name not in read:
            raise InputError(f"frozen_s of {name}: neither CV nor DV; there are {', '.join(read)}")
        if not longest_s > 0.0:
            raise InputError(f"frozen_s of {name} is {longest_s}; give a time above zero [s]")


def thawed(
    memory: FrozenMemory,
    scan: Scan,
    frozen_s: Mapping[str, float],
    variables: ControlVariables,
    cycle_s: float,
) -> tuple[Scan, FrozenMemory, dict[str, str]]:
    """Return the scan with NaN for frozen readings, the memory, and why, by name.

    Args:
        memory: of the last scan.
        scan: of this cycle.
        frozen_s: how long each CV or DV may stand still, by name [s].
        variables: names in the order of the scan.
        cycle_s: between scans that carry no time [s].
    """
    if not frozen_s:
        return scan, memory, {}
    time_s = scan.time_s if np.isfinite(scan.time_s) else memory.time_s + cycle_s
    y, d, tags, why = scan.y.copy(), scan.d.copy(), dict(memory.tags), dict[str, str]()
    for name, longest_s in frozen_s.items():
        column, names = (
            (y, variables.cv_names) if name in variables.cv_names else (d, variables.dv_names)
        )
        i = names.index(name)
        tags[name] = tags.get(name, TagMemory()).after(float(column[i]), time_s)
        told = tags[name].frozen(time_s, longest_s)
        if told:
            why[name] = f"frozen at {column[i]:.6g} [SI] {told}"
            column[i] = np.nan
    return replace(scan, y=y, d=d), FrozenMemory(time_s, tags), why
