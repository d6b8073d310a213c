"""What the gate remembers between moves, and how each event changes it. Pure values.

The only ways are towards SHED; `GateMemory.reset` is the one way back, and a person's command
leads to it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from operator_agent.messages import Move
from operator_agent.site import Site, Tag

MAX_MISMATCHES = 2  # failed read-backs in a row before the gate sheds


class GateState(Enum):
    """Whether the gate may write."""

    READY = "ready"
    SHED = "shed"  # latched until an operator resets it


@dataclass(frozen=True, slots=True)
class Failure:
    """The first check that failed.

    Attributes:
        check: its name (`G6`).
        reason: in words, with tag, value, unit and limit.
        shed: whether it latches the gate at once.
        counts: whether it counts towards the refusals in a row; a message that is not from the
            controller does not, or a stranger could shed the gate.
    """

    check: str
    reason: str
    shed: bool = False
    counts: bool = True


@dataclass(frozen=True, slots=True)
class PastMove:
    """The sizes of one written move, for the rolling window.

    Attributes:
        time_s: plant time [s since 1970 UTC].
        sizes: absolute move by tag [SI].
    """

    time_s: float
    sizes: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class GateMemory:
    """All that the gate remembers between moves.

    Attributes:
        state: READY, or SHED and latched.
        reason: why it shed, empty when READY.
        session, sequence, created_mono_s: of the last move that passed the message checks.
        owner: session of the last written or held move; empty before the first.
        seen_time_s: plant time at the last look at the device [s]; NaN before the first.
        cycle_time_s: plant time of the last written or held move [s]; NaN before the first.
        first: True until a move was written: the next one is the first after a start or reset.
        holds, refusals, mismatches: in a row.
        window: written moves of the rolling window, oldest first.
    """

    state: GateState = GateState.READY
    reason: str = ""
    session: str = ""
    sequence: int = -1
    created_mono_s: float = -math.inf
    owner: str = ""
    seen_time_s: float = math.nan
    cycle_time_s: float = math.nan
    first: bool = True
    holds: int = 0
    refusals: int = 0
    mismatches: int = 0
    window: tuple[PastMove, ...] = ()

    def shed(self, reason: str) -> "GateMemory":
        """Return the latched memory; the first reason stays."""
        if self.state is GateState.SHED:
            return self
        return replace(self, state=GateState.SHED, reason=reason)

    def reset(self) -> "GateMemory":
        """Return the memory after an operator's reset: ready, and the next move is a first one."""
        return GateMemory(
            session=self.session,
            sequence=self.sequence,
            created_mono_s=self.created_mono_s,
            owner=self.owner,
            seen_time_s=self.seen_time_s,
            cycle_time_s=self.cycle_time_s,
            window=self.window,
        )


@dataclass(frozen=True, slots=True)
class DeviceState:
    """What one batched read of the device gave, just before the write.

    Attributes:
        plant_time_s: the plant's own time [s since 1970 UTC]; NaN when its status is not good.
        setpoints: read back, by MV tag, in the device's unit; NaN when the status is not good.
        kinds: OPC UA type of each set point, by MV tag.
        modes: loop mode by MV tag, empty when the status is not good.
        lease: who may write, as text.
        critical_faults: what is wrong with critical measurements, in words.
    """

    plant_time_s: float
    setpoints: Mapping[str, float]
    kinds: Mapping[str, str]
    modes: Mapping[str, str]
    lease: str
    critical_faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EncodedWrite:
    """One set point as it goes over the wire.

    Attributes:
        tag: the MV.
        device_value: in the device's unit and type, after rounding.
        kind: OPC UA type.
        value: what `device_value` is in SI.
        size: distance from the read-back [SI].
    """

    tag: Tag
    device_value: float
    kind: str
    value: float
    size: float = field(default=0.0)


def window_s(site: Site) -> float:
    """Return the length of the rolling window in plant time [s]."""
    return site.gate.window_cycles * site.sample_times.control_s


def after_failure(memory: GateMemory, failure: Failure, site: Site) -> GateMemory:
    """Return the memory after a refused move."""
    if failure.shed:
        return memory.shed(f"{failure.check}: {failure.reason}")
    if not failure.counts:
        return memory
    counted = replace(memory, refusals=memory.refusals + 1)
    if counted.refusals < site.gate.max_refusals:
        return counted
    return counted.shed(
        f"{counted.refusals} refused moves in a row; last {failure.check}: {failure.reason}"
    )


def after_mismatch(memory: GateMemory, failure: Failure) -> GateMemory:
    """Return the memory after a write that the read-back did not confirm."""
    counted = replace(memory, mismatches=memory.mismatches + 1)
    if counted.mismatches < MAX_MISMATCHES:
        return counted
    return counted.shed(f"{counted.mismatches} in a row; last {failure.check}: {failure.reason}")


def taken(memory: GateMemory, move: Move) -> GateMemory:
    """Return the memory once a move has passed the message checks: it counts as used."""
    return replace(
        memory,
        session=move.session,
        sequence=move.sequence,
        created_mono_s=move.created_mono_s,
    )


def looked(memory: GateMemory, device: DeviceState) -> GateMemory:
    """Return the memory after a look at the device.

    When the plant's clock was set back, the gate counts from the new time on, as if the last move
    had just been written.
    """
    time_s = device.plant_time_s
    if not math.isfinite(time_s):
        return memory
    if not time_s < memory.seen_time_s:
        return replace(memory, seen_time_s=time_s)
    window = tuple(replace(move, time_s=min(move.time_s, time_s)) for move in memory.window)
    return replace(memory, seen_time_s=time_s, cycle_time_s=time_s, window=window)


def sent(
    memory: GateMemory, writes: Sequence[EncodedWrite], device: DeviceState, site: Site
) -> GateMemory:
    """Return the memory once the last taken move has gone out, whatever becomes of it."""
    time_s = device.plant_time_s
    recent = tuple(move for move in memory.window if 0.0 <= time_s - move.time_s < window_s(site))
    move = PastMove(time_s, {write.tag.name: write.size for write in writes})
    return replace(memory, owner=memory.session, window=(*recent, move), cycle_time_s=time_s)


def verified(memory: GateMemory) -> GateMemory:
    """Return the memory after a written and verified move."""
    return replace(memory, first=False, holds=0, refusals=0, mismatches=0)


def held(memory: GateMemory, device: DeviceState) -> GateMemory:
    """Return the memory after a signed hold."""
    return replace(
        memory,
        owner=memory.session,
        holds=memory.holds + 1,
        refusals=0,
        cycle_time_s=device.plant_time_s,
    )
