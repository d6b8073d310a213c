"""What may happen to the unit at a time: crude, prices, equipment, surroundings, sensors, hands."""

from collections.abc import Mapping
from dataclasses import dataclass

from operator_agent.errors import InputError

FAULT_KINDS = ("stuck", "bad", "uncertain", "spike", "bias", "drift", "noise", "dropout")
PREHEAT_SHIFT = "temp_shift_preheat"  # what moves the preheat beside the train's own response


@dataclass(frozen=True, slots=True)
class CrudeSwitch:
    """The declared slate moves in a straight line to `slate` from `at_s` over `ramp_s`."""

    at_s: float
    ramp_s: float
    slate: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class PriceChange:
    """From `at_s` on each named price is that of the plan times the factor.

    The names are those of the unit's streams or of the planning case's products; whoever applies
    the factors refuses names that it does not price.
    """

    at_s: float
    factors: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class SensorFault:
    """A measurement that is wrong for a while.

    Attributes:
        at_s, duration_s: when.
        variable: that is measured.
        kind: `stuck` (frozen) repeats the value of the start, calls it good and is as old
            as a reading without the fault; `bad` and `uncertain` carry that status; `spike` adds
            `size` now and then; `bias` adds `size` always; `drift` adds `size` for each hour since
            the start; `noise` adds further noise of standard deviation `size`; `dropout` loses
            readings now and then, with status `bad`.
        size: [SI].
    """

    at_s: float
    duration_s: float
    variable: str
    kind: str
    size: float = 0.0

    def __post_init__(self) -> None:
        """Refuse kinds that do not exist."""
        if self.kind not in FAULT_KINDS:
            known = ", ".join(FAULT_KINDS)
            raise InputError(f"fault of {self.variable}: kind '{self.kind}'; use one of: {known}")

    def active(self, time_s: float) -> bool:
        """Return whether the fault is on at a time."""
        return self.at_s <= time_s < self.at_s + self.duration_s


@dataclass(frozen=True, slots=True)
class NoiseChange:
    """From `at_s` on all measurement noise is `factor` times that of the instruments."""

    at_s: float
    factor: float


@dataclass(frozen=True, slots=True)
class PreheatChange:
    """The crude behind the preheat train is colder or warmer by `temp_k_delta`, over `ramp_s`.

    The train's own response comes on top.
    """

    at_s: float
    ramp_s: float
    temp_k_delta: float


@dataclass(frozen=True, slots=True)
class DisturbanceChange:
    """A disturbance moves by `delta` [SI] in a straight line from `at_s` over `ramp_s`."""

    at_s: float
    ramp_s: float
    variable: str
    delta: float


@dataclass(frozen=True, slots=True)
class FuelChange:
    """The fuel's heating value moves to `factor` times its nominal over `ramp_s`."""

    at_s: float
    ramp_s: float
    factor: float


@dataclass(frozen=True, slots=True)
class EquipmentTrip:
    """A piece of equipment is out of service for a while, and then returns.

    Attributes:
        at_s, duration_s: when.
        equipment: as in the unit's disturbance `status_<equipment>`: `pump_feed`, `heater`,
            `condenser`, `exchanger_2`, ...
        remaining: status meanwhile; 0 is out of service, 1 in service.
    """

    at_s: float
    duration_s: float
    equipment: str
    remaining: float = 0.0

    @property
    def variable(self) -> str:
        """Name of the disturbance that it acts on."""
        return f"status_{self.equipment}"


@dataclass(frozen=True, slots=True)
class ValveSticks:
    """A control valve sticks from a time on, or is free again.

    Attributes:
        at_s: when.
        valve: as in the unit's disturbance `stick_band_<valve>`: `feed`, `reflux`, `lgo`, ...
        band: error of its position below which the stem stays where it is, share of the stroke;
            0 frees it. It holds until the valve's next event.
    """

    at_s: float
    valve: str
    band: float

    @property
    def variable(self) -> str:
        """Name of the disturbance that it sets."""
        return f"stick_band_{self.valve}"


@dataclass(frozen=True, slots=True)
class SetpointChange:
    """An operator writes a set point at a time.

    Attributes:
        at_s: when.
        handle: manipulated variable.
        value: new set point [SI].
    """

    at_s: float
    handle: str
    value: float


Event = (
    CrudeSwitch
    | PriceChange
    | SensorFault
    | NoiseChange
    | PreheatChange
    | DisturbanceChange
    | FuelChange
    | EquipmentTrip
    | ValveSticks
    | SetpointChange
)
EVENT_NAMES: Mapping[type[Event], str] = {
    CrudeSwitch: "crude_switch",
    PriceChange: "price_change",
    SensorFault: "sensor_fault",
    NoiseChange: "noise_change",
    PreheatChange: "preheat_change",
    DisturbanceChange: "disturbance_change",
    FuelChange: "fuel_change",
    EquipmentTrip: "equipment",
    ValveSticks: "valve_sticks",
    SetpointChange: "setpoint_change",
}
