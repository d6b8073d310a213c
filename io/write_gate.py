"""The checks of the write gate: pure, without a solver, without a device, without numpy.

`check_message` looks at the move alone, `check_against_device` at the move and at what was read
from the device in the same cycle, `check_read_back` at what the device holds after the write. Each
returns the first failure in a fixed order, or what may go on. The names are those of the table in
`docs/safety.md`.
"""

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import replace

from operator_agent.errors import InputError, SignatureError
from operator_agent.io.gate_memory import (
    DeviceState,
    EncodedWrite,
    Failure,
    GateMemory,
    window_s,
)
from operator_agent.messages import Move
from operator_agent.site import Site, Tag
from operator_agent.units import from_si, to_si

READY_MODE = "RCAS"  # the only loop mode in which a set point is taken from outside
LIMIT_ROUNDING = 1e-9  # of the operator range: the last bits of a conversion of units
RATE_ROUNDING = 1e-6  # of the operator range: one step of a 32-bit set point
MIN_SPACING = 0.9  # of a control cycle in plant time: below it a move is late, not next
OWNER_CYCLES = 2.0  # a controller that gave no move or hold for so long has left the gate to others
KINDS = ("Double", "Float")  # set points of other types would need a scale that no tag states

# Why a solver may have stopped for its move to be written; anything else can only hold.
ACCEPTED_STATUSES = frozenset({"CONVERGED"})


def check_message(
    move: Move,
    site: Site,
    key: bytes,
    memory: GateMemory,
    mono_s: float,
    accepted_statuses: frozenset[str] = ACCEPTED_STATUSES,
) -> Failure | None:
    """Check all that can be checked without the device: G1, G19, G2, G3, G24, G5.

    Args:
        move: as received.
        site: limits and configuration that this gate was started with.
        key: shared with the MPC.
        memory: of the gate.
        mono_s: monotonic time of this host now [s].
        accepted_statuses: why a solver may have stopped.

    Returns:
        The first failure, or None.
    """
    try:
        move.check(key)
    except (SignatureError, InputError) as error:
        return Failure("G1", str(error), counts=False)
    return (
        _check_hashes(move, site)
        or _check_order(move, memory)
        or check_age(move, site, mono_s)
        or _check_solver(move, site, memory, accepted_statuses)
        or _check_values(move, site)
    )


def _check_hashes(move: Move, site: Site) -> Failure | None:
    for what, theirs, ours in (
        ("limits", move.limits_sha256, site.limits_sha256),
        ("configuration", move.config_sha256, site.config_sha256),
    ):
        if theirs != ours:
            return Failure(
                "G19",
                f"move {move.sequence} was checked against other {what} ({theirs[:12]}) than the "
                f"gate holds ({ours[:12]}); start both from the same site file",
            )
    return None


def _check_order(move: Move, memory: GateMemory) -> Failure | None:
    if move.session == memory.session and move.sequence <= memory.sequence:
        return Failure(
            "G2", f"move {move.sequence} is a repetition: {memory.sequence} was the last"
        )
    if move.created_mono_s <= memory.created_mono_s:
        return Failure("G2", f"move {move.sequence} was signed before the last one that was taken")
    return None


def check_age(move: Move, site: Site, mono_s: float) -> Failure | None:
    """Check the age of a move; done again just before the wire."""
    age_s = mono_s - move.created_mono_s
    if 0.0 <= age_s <= site.gate.max_move_age_s:
        return None
    return Failure(
        "G2",
        f"move {move.sequence} is {age_s:.2f} s old; 0 to {site.gate.max_move_age_s:g} s are "
        "allowed",
    )


def _check_solver(
    move: Move, site: Site, memory: GateMemory, accepted: frozenset[str]
) -> Failure | None:
    if move.hold:
        if memory.holds >= site.gate.max_holds:
            return Failure(
                "G3", f"{memory.holds + 1} holds in a row; {site.gate.max_holds} are allowed", True
            )
        return None
    if move.solver_status not in accepted:
        return Failure(
            "G3", f"solver status '{move.solver_status}' is not among {', '.join(sorted(accepted))}"
        )
    if not 0.0 <= move.residual <= site.gate.max_residual:
        return Failure(
            "G3", f"residual {move.residual:.3g} passes the limit {site.gate.max_residual:.3g}"
        )
    return None


def _check_values(move: Move, site: Site) -> Failure | None:
    names = [tag for tag, _ in move.values]
    known = {tag.name for tag in site.mvs}
    for name in names:
        if name not in known or names.count(name) > 1:
            what = "stands twice in the move" if name in known else "is not an MV of this site"
            return Failure("G24", f"tag {name} {what}; only the MVs of the tag list are written")
    if bool(names) == move.hold:
        return Failure("G24", "a hold carries no values, and a move carries at least one")
    for name, value in move.values:
        if not math.isfinite(value):
            return Failure("G5", f"tag {name}: {value} is not a finite number")
    return None


def check_against_device(
    move: Move, site: Site, memory: GateMemory, device: DeviceState, lease: str
) -> Failure | tuple[EncodedWrite, ...]:
    """Check a move against the device as read in the same cycle: G16, G9, G25, G8, G10, G5, G6.

    A hold is checked up to G25: nothing is written for it.

    Args:
        move: passed `check_message`.
        site: limits and configuration.
        memory: of the gate.
        device: read in this cycle.
        lease: what this gate wrote into the lease node.

    Returns:
        The first failure, or the writes as they go over the wire.
    """
    failure = _check_alive(site, memory, device, lease)
    if failure is not None:
        return failure
    if move.hold:
        return ()
    if device.critical_faults:
        return Failure("G8", "a critical input is not good: " + "; ".join(device.critical_faults))
    writes: list[EncodedWrite] = []
    for name, value in move.values:
        tag = site.tag(name)
        write = _check_mode(tag, device) or encode(value, tag, device.kinds[name])
        if isinstance(write, EncodedWrite):
            write = _check_size(write, site, memory, device)
        if isinstance(write, Failure):  # one bad value refuses all: a cut joint move is another one
            return write
        writes.append(write)
    return tuple(writes)


def _check_alive(site: Site, memory: GateMemory, device: DeviceState, lease: str) -> Failure | None:
    if device.lease != lease:
        return Failure(
            "G16", f"another gate holds the lease: '{device.lease}', not '{lease}'", True
        )
    time_s = device.plant_time_s
    if not math.isfinite(time_s):
        return Failure("G9", "the plant's time cannot be read")
    if time_s == memory.seen_time_s:
        return Failure("G9", "the plant's time stands still since the last move")
    if time_s < memory.seen_time_s:
        return Failure("G9", "the plant's time went back; the next move is judged from here")
    elapsed_s = time_s - memory.cycle_time_s
    least_s = MIN_SPACING * site.sample_times.control_s
    if elapsed_s < least_s:
        return Failure(
            "G25", f"{elapsed_s:.1f} s after the last move; the next is due after {least_s:.1f} s"
        )
    return None


def check_owner(move: Move, site: Site, memory: GateMemory, device: DeviceState) -> Failure | None:
    """Check that no other controller has the gate (G16); a rival's moves do not count as refusals.

    Args:
        move: passed `check_message`.
        site: gives the control cycle.
        memory: of the gate.
        device: read in this cycle, but not yet remembered.
    """
    elapsed_s = device.plant_time_s - memory.cycle_time_s
    if not memory.owner or move.session == memory.owner:
        return None
    if not 0.0 <= elapsed_s < OWNER_CYCLES * site.sample_times.control_s:
        return None
    return Failure(
        "G16",
        f"another controller (session {memory.owner}) moved or held {elapsed_s:.0f} s ago and has "
        "the gate; stop one of the two",
        counts=False,
    )


def _check_mode(tag: Tag, device: DeviceState) -> Failure | None:
    mode = device.modes[tag.name]
    if mode == READY_MODE:
        return None
    return Failure("G10", f"tag {tag.name}: the loop is in '{mode or 'unknown'}', not {READY_MODE}")


def encode(value: float, tag: Tag, kind: str) -> Failure | EncodedWrite:
    """Return a value as the device will hold it, inside the limits after rounding (G5).

    The last bits of the conversion are rounded towards the inside of the limits. A value outside
    of them is refused, never cut.

    Args:
        value: [SI].
        tag: an MV.
        kind: OPC UA type of its set point.
    """
    if kind not in KINDS:
        return Failure("G5", f"tag {tag.name}: a set point of type '{kind}' is not written")
    limits = tag.engineering.intersect(tag.operator)
    slack = LIMIT_ROUNDING * (limits.high - limits.low)
    if not limits.low - slack <= value <= limits.high + slack:
        return Failure(
            "G5",
            f"tag {tag.name}: {tag.text(value)} is outside of its limits {tag.range_text(limits)}",
        )
    device_value = _rounded(from_si(value, tag.unit), kind)
    for _ in range(4):  # a conversion of units costs two roundings, so two steps are enough
        held = to_si(device_value, tag.unit)
        if limits.inside(held):
            return EncodedWrite(tag, device_value, kind, held)
        device_value = _next(device_value, math.inf if held < limits.low else -math.inf, kind)
    return Failure(
        "G5", f"tag {tag.name}: no number of type {kind} lies within {tag.range_text(limits)}"
    )


def _rounded(value: float, kind: str) -> float:
    if kind == "Double":
        return value
    return float(struct.unpack("<f", struct.pack("<f", value))[0])


def _next(value: float, towards: float, kind: str) -> float:
    if kind == "Double" or value == 0.0:
        return math.nextafter(value, towards)
    (bits,) = struct.unpack("<i", struct.pack("<f", value))
    bits += 1 if (value < towards) == (value > 0.0) else -1
    return float(struct.unpack("<f", struct.pack("<i", bits))[0])


def _check_size(
    write: EncodedWrite, site: Site, memory: GateMemory, device: DeviceState
) -> Failure | EncodedWrite:
    tag = write.tag
    held = to_si(device.setpoints[tag.name], tag.unit)
    if not math.isfinite(held):
        return Failure("G6", f"tag {tag.name}: its set point cannot be read back")
    size = abs(write.value - held)
    span = tag.operator.high - tag.operator.low
    allowed = tag.rate * site.sample_times.control_s
    slack = RATE_ROUNDING * span
    if size > allowed + slack:
        return Failure(
            "G17" if memory.first else "G6",
            f"tag {tag.name}: a move from {tag.text(held)} to {tag.text(write.value)} is "
            f"{size / allowed:.3g} times the largest of one cycle",
        )
    past = sum(
        move.sizes.get(tag.name, 0.0)
        for move in memory.window
        if device.plant_time_s - move.time_s < window_s(site)
    )
    share = (past + size) / span
    if share > site.gate.window_fraction + RATE_ROUNDING:
        return Failure(
            "G6",
            f"tag {tag.name}: its moves within {site.gate.window_cycles} cycles add up to "
            f"{100.0 * share:.1f} % of its range; {100.0 * site.gate.window_fraction:.1f} % are "
            "allowed",
        )
    return replace(write, size=size)


def check_read_back(
    writes: Sequence[EncodedWrite], read_back: Mapping[str, float], site: Site
) -> Failure | None:
    """Check that the device holds what was written (G11).

    Args:
        writes: as sent.
        read_back: by MV tag, in the device's unit; NaN when the status is not good.
        site: gives the tolerance, a fraction of the operator range.
    """
    for write in writes:
        tag = write.tag
        held = to_si(read_back[tag.name], tag.unit)
        tolerance = site.gate.read_back_tolerance * (tag.operator.high - tag.operator.low)
        if not abs(held - write.value) <= tolerance:
            return Failure(
                "G11",
                f"tag {tag.name}: {tag.text(write.value)} was written and {tag.text(held)} is read "
                "back; look for another writer, or a loop that does not follow",
            )
    return None
