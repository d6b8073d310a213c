"""Properties of the pure gate: whatever comes, no accepted write breaks a limit or a rate."""

import itertools
import math
import struct
from dataclasses import replace

import pytest
from example_site import CONTROL_S, START_S, example_site, mv
from gate_keys import KEY
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from operator_agent.io.gate_memory import (
    DeviceState,
    EncodedWrite,
    Failure,
    GateMemory,
    GateState,
    after_failure,
    after_mismatch,
    held,
    looked,
    sent,
    taken,
    verified,
)
from operator_agent.io.write_gate import (
    LIMIT_ROUNDING,
    MIN_SPACING,
    RATE_ROUNDING,
    check_against_device,
    check_message,
    check_read_back,
    encode,
)
from operator_agent.messages import Move
from operator_agent.site import Tag
from operator_agent.units import from_si, to_si

SITE = example_site()
LEASE = "this:1"
SPAN = {tag.name: tag.operator.high - tag.operator.low for tag in SITE.mvs}

anything = st.floats(allow_nan=True, allow_infinity=True)
kinds = st.sampled_from(["Double", "Float"])


def around(tag: Tag) -> st.SearchStrategy[float]:
    """Return values in, at and near the limits of a tag, and arbitrary ones."""
    low, high = tag.operator.low, tag.operator.high
    edges = [low, high, math.nextafter(low, -math.inf), math.nextafter(high, math.inf)]
    return st.one_of(st.floats(low, high), st.sampled_from(edges), anything)


@given(st.data(), kinds, st.sampled_from(SITE.mvs))
def test_an_encoded_value_is_inside_its_limits_or_refused(data, kind, tag):
    value = data.draw(around(tag))
    result = encode(value, tag, kind)
    slack = LIMIT_ROUNDING * SPAN[tag.name]
    inside = tag.operator.low - slack <= value <= tag.operator.high + slack
    if not inside:
        assert isinstance(result, Failure)
        assert result.check == "G5"
        return
    assert isinstance(result, EncodedWrite)
    assert tag.operator.inside(to_si(result.device_value, tag.unit))
    assert result.value == pytest.approx(value, abs=RATE_ROUNDING * SPAN[tag.name])
    if kind == "Float":
        on_wire = struct.unpack("<f", struct.pack("<f", result.device_value))[0]
        assert on_wire == result.device_value


def test_the_limits_themselves_can_be_reached_in_both_types():
    for tag in SITE.mvs:
        for kind in ("Double", "Float"):
            for edge in (tag.operator.low, tag.operator.high):
                assert isinstance(encode(edge, tag, kind), EncodedWrite)


def test_a_set_point_of_another_type_is_refused():
    failure = encode(630.0, mv(0), "Int16")
    assert isinstance(failure, Failure)
    assert "type 'Int16'" in failure.reason


def device(time_s: float, setpoints: dict[str, float], **changes) -> DeviceState:
    state = DeviceState(
        plant_time_s=time_s,
        setpoints=setpoints,
        kinds=dict.fromkeys(setpoints, "Double"),
        modes=dict.fromkeys(setpoints, "RCAS"),
        lease=LEASE,
    )
    return replace(state, **changes)


def test_a_read_back_that_is_not_a_number_is_a_mismatch():
    write = encode(630.0, mv(0), "Double")
    assert isinstance(write, EncodedWrite)
    assert check_read_back([write], {"MV00": write.device_value}, SITE) is None
    failure = check_read_back([write], {"MV00": math.nan}, SITE)
    assert failure is not None
    assert failure.check == "G11"


class GateMachine(RuleBasedStateMachine):
    """Any order of honest, faulty and hostile events; the device holds what was written.

    The plant's clock may stand still or go back, operators move set points, modes flip, writes get
    lost. The invariants are checked on what the device received, not on what the gate believes.
    """

    @initialize()
    def begin(self):
        self.memory = GateMemory()
        self.time_s = START_S
        self.mono_s = 0.0
        self.sequence = 0
        self.setpoints = {
            tag.name: from_si(0.5 * (tag.operator.low + tag.operator.high), tag.unit)
            for tag in SITE.mvs
        }
        self.modes = dict.fromkeys(self.setpoints, "RCAS")
        self.written: list[tuple[float, str, float, float]] = []
        self.used: set[int] = set()
        self.old_moves: list[Move] = []

    def _device(self) -> DeviceState:
        return device(self.time_s, dict(self.setpoints), modes=dict(self.modes))

    @rule(duration_s=st.sampled_from([0.0, 1.0, CONTROL_S, CONTROL_S, CONTROL_S, 600.0, -3600.0]))
    def pass_time(self, duration_s):
        self.time_s += duration_s
        self.mono_s += 1.0

    @rule(tag=st.sampled_from(SITE.mvs), mode=st.sampled_from(["RCAS", "RCAS", "MAN", "AUTO", ""]))
    def set_mode(self, tag, mode):
        self.modes[tag.name] = mode

    @rule(tag=st.sampled_from(SITE.mvs), share=st.floats(0.0, 1.0))
    def operator_moves(self, tag, share):
        value = tag.operator.low + share * SPAN[tag.name]
        self.setpoints[tag.name] = from_si(value, tag.unit)

    @rule(
        data=st.data(),
        tags=st.lists(st.sampled_from(SITE.mvs), min_size=1, max_size=3, unique=True),
        polite=st.booleans(),
        signed=st.sampled_from([True, True, True, False]),
        lost=st.sampled_from([False, False, False, True]),
        age_s=st.sampled_from([0.0, 0.0, 0.0, 4.9, 60.0, -1.0]),
    )
    def submit(self, data, tags, polite, signed, lost, age_s):
        values = []
        for tag in tags:
            if polite:
                here = to_si(self.setpoints[tag.name], tag.unit)
                step = data.draw(st.floats(-1.1, 1.1)) * tag.rate * CONTROL_S
                values.append((tag.name, here + step))
            else:
                values.append((tag.name, data.draw(around(tag))))
        self.sequence += 1
        self._submit(self._move(tuple(values), age_s, signed), lost)

    @rule(
        tag=st.sampled_from(SITE.mvs),
        shares=st.lists(st.sampled_from([0.3, 1.0, -1.0, 1.1, -1.1]), min_size=1, max_size=12),
        spacing_s=st.sampled_from([CONTROL_S, CONTROL_S, 55.0, 30.0]),
    )
    def quick_cycles(self, tag, shares, spacing_s):
        """An honest controller that moves one tag as fast as it may, or a little faster."""
        self.modes[tag.name] = "RCAS"
        for share in shares:
            self.time_s += spacing_s
            self.mono_s += 1.0
            self.sequence += 1
            here = to_si(self.setpoints[tag.name], tag.unit)
            value = here + share * tag.rate * CONTROL_S
            self._submit(self._move(((tag.name, value),), 0.0, True), lost=False)

    def _move(self, values, age_s, signed) -> Move:
        move = Move(
            self.sequence,
            "session",
            self.mono_s - age_s,
            self.sequence,
            values,
            "CONVERGED",
            0.0,
            SITE.limits_sha256,
            SITE.config_sha256,
        )
        if not signed or not all(math.isfinite(value) for _, value in values):
            return replace(move, signature="0" * 64)
        return move.signed(KEY)

    @precondition(lambda self: self.old_moves)
    @rule(data=st.data())
    def replay(self, data):
        self._submit(data.draw(st.sampled_from(self.old_moves)), lost=False)

    def _submit(self, move: Move, lost: bool):
        self.mono_s += 0.001
        if self.memory.state is GateState.SHED:
            return
        failure = check_message(move, SITE, KEY, self.memory, self.mono_s)
        if failure is not None:
            self.memory = after_failure(self.memory, failure, SITE)
            return
        assert move.sequence not in self.used
        self.used.add(move.sequence)
        self.old_moves.append(move)
        self.memory = taken(self.memory, move)
        now = self._device()
        writes = check_against_device(move, SITE, self.memory, now, LEASE)
        self.memory = looked(self.memory, now)
        if isinstance(writes, Failure):
            self.memory = after_failure(self.memory, writes, SITE)
            return
        self.memory = sent(self.memory, writes, now, SITE)
        for write in writes:
            before = to_si(self.setpoints[write.tag.name], write.tag.unit)
            assert self.modes[write.tag.name] == "RCAS"
            if not lost:
                self.setpoints[write.tag.name] = write.device_value
                self.written.append(
                    (self.time_s, write.tag.name, before, to_si(write.device_value, write.tag.unit))
                )
        failure = check_read_back(writes, self.setpoints, SITE)
        self.memory = after_mismatch(self.memory, failure) if failure else verified(self.memory)

    @rule()
    def hold(self):
        if self.memory.state is GateState.READY:
            self.memory = held(self.memory, self._device())

    @precondition(lambda self: self.memory.state is GateState.SHED)
    @rule()
    def person_resets(self):
        self.memory = self.memory.reset()

    @invariant()
    def no_write_breaks_a_limit_or_a_rate(self):
        for _, name, before, after in self.written:
            tag = SITE.tag(name)
            assert tag.operator.inside(after)
            assert tag.engineering.inside(after)
            assert abs(after - before) <= tag.rate * CONTROL_S + RATE_ROUNDING * SPAN[name]

    @invariant()
    def writes_of_one_tag_keep_their_distance_in_plant_time(self):
        for tag in SITE.mvs:
            times = [time_s for time_s, name, _, _ in self.written if name == tag.name]
            gaps = [b - a for a, b in itertools.pairwise(times)]
            assert all(gap >= MIN_SPACING * CONTROL_S or gap < 0.0 for gap in gaps)

    @invariant()
    def the_rolling_window_holds(self):
        """Without a clock set back, the moves of any window stay below their share."""
        length_s = SITE.gate.window_cycles * CONTROL_S
        for end, (time_s, name, _, _) in enumerate(self.written):
            recent = self.written[: end + 1]
            if any(b[0] < a[0] for a, b in itertools.pairwise(recent)):
                return
            total = sum(
                abs(after - before)
                for when, which, before, after in recent
                if which == name and time_s - when < length_s
            )
            assert total <= (SITE.gate.window_fraction + 2.0 * RATE_ROUNDING) * SPAN[name]


TestGateMachine = GateMachine.TestCase
TestGateMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
