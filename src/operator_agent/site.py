"""A site: its tags, limits, endpoints and sample times, as frozen values in SI.

`runtime/site_file.py` makes these from a YAML file; the layers receive them. Limits are nested:
safety (with its margin) inside nothing, engineering inside safety, operator inside engineering,
and the optimizer inside the operator's.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from operator_agent.errors import InputError
from operator_agent.signing import Json, sha256_of
from operator_agent.units import from_si, unit


class Role(Enum):
    """What a tag is to the controller."""

    MV = "mv"
    CV = "cv"
    DV = "dv"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Limits:
    """A closed range [SI]; an open side is infinite."""

    low: float = -math.inf
    high: float = math.inf

    def __post_init__(self) -> None:
        """Refuse NaN and empty ranges."""
        if math.isnan(self.low) or math.isnan(self.high) or self.low > self.high:
            raise InputError(
                f"a limit range runs from {self.low} to {self.high}; low must not pass high"
            )

    def inside(self, value: float) -> bool:
        """Return whether a value lies in the range; NaN does not."""
        return self.low <= value <= self.high

    def within(self, outer: "Limits") -> bool:
        """Return whether this range lies inside another."""
        return outer.low <= self.low and self.high <= outer.high

    def intersect(self, other: "Limits") -> "Limits":
        """Return the common range.

        Raises:
            InputError: there is none.
        """
        return Limits(max(self.low, other.low), min(self.high, other.high))

    def payload(self) -> list[Json]:
        """Return low and high for JSON; an open side is None."""
        return [edge if math.isfinite(edge) else None for edge in (self.low, self.high)]


@dataclass(frozen=True, slots=True)
class Tag:
    """One point of the plant.

    Attributes:
        name: tag name in the DCS, for example `TC1002`.
        description: in the operator's words.
        role: MV, CV, DV or information.
        variable: name in the models (`temp_coil_outlet`).
        unit: symbol in which the device holds the value; conversion to SI happens at the link.
        node: OPC UA node id of the measured value (text after `s=`), empty for a Modbus tag.
        register: Modbus holding register of a FLOAT32 measured value, None for an OPC UA tag.
        setpoint_node, mode_node: of an MV: where its set point is written, and its loop's mode.
        output: of an MV: tag that shows its loop's output to the valve, open at 100 %; empty for
            none.
        critical: without this tag the controller does not move.
        measuring_range: of the transmitter [SI]; a value well outside is bad.
        engineering, operator: nested limits on the MV's set point or the CV [SI].
        soft: limits on a CV that may be broken at a price [SI].
        rate: largest change of an MV per second [SI/s].
        frozen_s: a value that has not changed for so long counts as bad [s]; infinite for never.
        noise: expected standard deviation of the measurement [SI].
        dead_time_s: of an analyser, from sample to result, which is shown until the next one; 0
            for what reads all the time [s].
    """

    name: str
    description: str
    role: Role
    variable: str
    unit: str
    node: str = ""
    register: int | None = None
    setpoint_node: str = ""
    mode_node: str = ""
    output: str = ""
    critical: bool = False
    measuring_range: Limits = Limits()
    engineering: Limits = Limits()
    operator: Limits = Limits()
    soft: Limits = Limits()
    rate: float = math.inf
    frozen_s: float = math.inf
    noise: float = 0.0
    dead_time_s: float = 0.0

    def __post_init__(self) -> None:
        """Check the nesting of limits, the dead time and what an MV needs."""
        unit(self.unit)
        if not 0.0 <= self.dead_time_s < math.inf:
            raise InputError(f"tag {self.name}: dead time {self.dead_time_s} s; give zero or more")
        if not self.operator.within(self.engineering):
            raise InputError(
                f"tag {self.name}: operator limits {self.range_text(self.operator)} are not inside "
                f"the engineering limits {self.range_text(self.engineering)}"
            )
        if self.role is Role.MV and not (self.setpoint_node and self.mode_node):
            raise InputError(f"tag {self.name}: an MV needs setpoint_node and mode_node")
        if self.role is Role.MV and not all(
            math.isfinite(x) for x in (self.operator.low, self.operator.high, self.rate)
        ):
            raise InputError(f"tag {self.name}: an MV needs finite operator limits and a rate")
        if (self.node == "") == (self.register is None):
            raise InputError(f"tag {self.name}: give either a node (OPC UA) or a register (Modbus)")

    def text(self, value: float) -> str:
        """Return an SI value as an operator reads it, in the tag's unit."""
        return f"{from_si(value, self.unit):.4g} {self.unit}"

    def range_text(self, limits: Limits) -> str:
        """Return a range as an operator reads it, in the tag's unit."""
        low, high = from_si(limits.low, self.unit), from_si(limits.high, self.unit)
        if math.isinf(low):
            return f"at most {high:.4g} {self.unit}" if math.isfinite(high) else "no limits"
        if math.isinf(high):
            return f"at least {low:.4g} {self.unit}"
        return f"{low:.4g} to {high:.4g} {self.unit}"


@dataclass(frozen=True, slots=True)
class SafetySettings:
    """The site's outermost limits; every engineering limit must respect them with the margin.

    Attributes:
        max_temperature: [K]; the margin is a fraction of its value in degC.
        max_pressure: [Pa].
        min_flow: of every liquid flow that is an MV [m3/s].
        margin_fraction: kept from each of the three.
    """

    max_temperature: float
    max_pressure: float
    min_flow: float
    margin_fraction: float

    def limits_of(self, dimension: str) -> Limits:
        """Return the range with margin for a physical dimension of `units.py`."""
        if dimension == "temperature":
            celsius = from_si(self.max_temperature, "degC")
            return Limits(high=celsius * (1.0 - self.margin_fraction) + 273.15)
        if dimension == "pressure":
            return Limits(high=self.max_pressure * (1.0 - self.margin_fraction))
        if dimension == "volume flow":
            return Limits(low=self.min_flow * (1.0 + self.margin_fraction))
        return Limits()


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Addresses; all on the loopback unless the site says otherwise.

    Attributes:
        dcs_endpoint: OPC UA server that takes set points (`opc.tcp://host:port/path`).
        scada_endpoint: OPC UA server for reading; may be the same.
        plc_endpoint: Modbus TCP (`modbus.tcp://host:port`), empty for none.
        gate_endpoint: of the write gate (`tcp://host:port`).
        api_endpoint: of the HTTP service (`http://host:port`).
    """

    dcs_endpoint: str
    scada_endpoint: str
    plc_endpoint: str
    gate_endpoint: str
    api_endpoint: str


@dataclass(frozen=True, slots=True)
class SampleTimes:
    """Clocks of the layers, all in plant time [s]."""

    control_s: float
    supervisor_s: float
    planning_s: float


@dataclass(frozen=True, slots=True)
class GateSettings:
    """Time-outs and counts of the write gate.

    Attributes:
        max_move_age_s: monotonic age at which a move is stale [s].
        write_timeout_s: deadline of each request to the device [s].
        read_back_tolerance: fraction of the operator range.
        max_residual: largest scaled violation that a move may declare.
        max_holds: signed holds in a row before the gate sheds.
        max_refusals: refused moves in a row before the gate sheds.
        window_cycles: length of the rolling window on moves [cycles].
        window_fraction: largest sum of absolute moves in the window, of the operator range.
        heartbeat_timeout_s: without a heartbeat for so long the DCS sheds by itself [s plant time].
    """

    max_move_age_s: float
    write_timeout_s: float
    read_back_tolerance: float
    max_residual: float
    max_holds: int
    max_refusals: int
    window_cycles: int
    window_fraction: float
    heartbeat_timeout_s: float


@dataclass(frozen=True, slots=True)
class Site:
    """Everything that the processes of one site share.

    Attributes:
        name: of the site.
        namespace_uri: of the OPC UA nodes; the index is looked up at connect.
        heartbeat_node, lease_node, time_node: written by the gate (heartbeat, lease) and by the
            plant (its time [s since 1970 UTC]).
        tags: in the order of the tag list.
        safety, endpoints, sample_times, gate: see there.
        files: paths by role (`plant`, `planning`, `controller`, `envelope`, `policy`, `scenario`).
        config_sha256: of the file as read.
    """

    name: str
    namespace_uri: str
    heartbeat_node: str
    lease_node: str
    time_node: str
    tags: tuple[Tag, ...]
    safety: SafetySettings
    endpoints: Endpoints
    sample_times: SampleTimes
    gate: GateSettings
    files: Mapping[str, str]
    config_sha256: str

    def __post_init__(self) -> None:
        """Refuse double names and limits outside the safety settings."""
        for what in ("name", "variable"):
            values = [getattr(tag, what) for tag in self.tags]
            doubles = sorted({value for value in values if values.count(value) > 1})
            if doubles:
                raise InputError(
                    f"site {self.name}: {what} {', '.join(doubles)} stands twice in the tag list"
                )
        names = {tag.name for tag in self.tags}
        for tag in self.mvs:
            if tag.output and tag.output not in names:
                raise InputError(f"tag {tag.name}: its output {tag.output} is not in the tag list")
            safe = self.safety.limits_of(unit(tag.unit).dimension)
            if not tag.engineering.within(safe):
                raise InputError(
                    f"tag {tag.name}: engineering limits {tag.range_text(tag.engineering)} pass "
                    f"the site's safety limits with margin, {tag.range_text(safe)}"
                )

    def with_role(self, role: Role) -> tuple[Tag, ...]:
        """Return the tags with this role, in the order of the list."""
        return tuple(tag for tag in self.tags if tag.role is role)

    @property
    def mvs(self) -> tuple[Tag, ...]:
        """The manipulated variables."""
        return self.with_role(Role.MV)

    @property
    def cvs(self) -> tuple[Tag, ...]:
        """The controlled variables."""
        return self.with_role(Role.CV)

    @property
    def dvs(self) -> tuple[Tag, ...]:
        """The measured disturbances."""
        return self.with_role(Role.DV)

    def tag(self, name: str) -> Tag:
        """Return the tag with this name.

        Raises:
            InputError: there is none.
        """
        for tag in self.tags:
            if tag.name == name:
                return tag
        raise InputError(f"site {self.name} has no tag '{name}'")

    @property
    def limits_sha256(self) -> str:
        """Hash of all limits and rates: it stands in every move and every audit record."""
        return sha256_of(
            {
                tag.name: [
                    tag.engineering.payload(),
                    tag.operator.payload(),
                    tag.rate if math.isfinite(tag.rate) else None,
                ]
                for tag in self.tags
            }
        )
