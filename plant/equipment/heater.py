"""Fired heater: coil outlet temperature loop on the fuel, air with O2 trim, tubes, coke.

Heat goes from the flame to the tubes, a thermal mass, and from these to the crude through the
inner film, the coke and the wall:

    C_t dTt/dt = Q_released - Q_stack - Q_wall - Q_crude
    Q_crude = A (Tt - Tb) / (1/h_i + R_coke + t/k),    h_i ~ F^0.8
    C_o dCOT/dt = Q_crude - (H_out(COT) - H_in)

with the bulk at Tb = (Tin + COT)/2, or at COT when nothing flows.
The hottest skin is at the outlet, Tsk = COT + f q" (1/h_i + R_coke + t/k), with the peak factor f
of the flux (API 530). Coke grows by Arrhenius' law in the film temperature COT + f q"/h_i.
"""

from collections.abc import Callable
from dataclasses import dataclass

import casadi as ca

from operator_agent.plant.crude.thermo import GAS_CONSTANT
from operator_agent.plant.document import Section
from operator_agent.plant.equipment.combustion import (
    Flue,
    air_ratio_for,
    air_stoichiometric,
    burn,
    loss_siegert,
)
from operator_agent.plant.equipment.parameters import require_not_negative, require_range
from operator_agent.plant.smooth import between, power_of, smaller, softplus
from operator_agent.plant.states import States

SI_OF_HEATER = {
    "duty_design": "W",
    "duty_high": "W",
    "heating_value_design": "J/kg",
    "ratio_hydrogen": "1",
    "flow_mass_air_high": "kg/s",
    "flow_mass_air_tramp": "kg/s",
    "time_fuel_s": "s",
    "time_fan_s": "s",
    "gain": "W/K",
    "time_integral_s": "s",
    "time_oxygen_s": "s",
    "siegert_a2": "1",
    "siegert_b": "1",
    "temp_approach_flue": "delta_K",
    "effectiveness_air": "1",
    "coefficient_wall": "W/K",
    "heat_capacity_tubes": "J/K",
    "heat_capacity_oil": "J/K",
    "area": "m2",
    "coefficient_inside": "W/(m2 K)",
    "flow_vol_design": "m3/s",
    "share_flow_trip": "1",
    "resistance_wall": "m2 K/W",
    "factor_flux_peak": "1",
    "resistance_start": "m2 K/W",
    "coking_rate": "m2 K/J",
    "coking_energy": "J/mol",
    "power_fan": "W",
    "temp_outlet_guess": "K",
}
_FILM_EXPONENT = 0.8  # Dittus-Boelter
_FILM_FLOOR = 0.02  # share of the design flow; natural convection below it
_FIRE_LEAST = 0.01  # of the design duty: below it the fire makes no hot spot
_DUTY_SOFT = 1e5  # [W], width of the limits of the fuel demand: 0.2 % of the nominal
_DUTY_OFF = 1e5  # [W], fired duty at which a heater is off and its efficiency means nothing
_FLOW_STILL = 0.03  # of the design flow: below it the inlet no longer cools the coil
_FLOW_TRIP_SOFT = 0.02  # of the design flow, width of the low-flow trip
_TRIM_HIGH = 0.25  # of the air ratio, by which the O2 controller may correct
_TRIM_SOFT = 0.02  # width of the ends of that correction
_OXYGEN_SPAN = 0.05  # of the O2 meter, to which the controller's integral time refers
_LEAN_LEAST = 0.92  # air over stoichiometric air below which the cross limit holds the fuel
_PURGE = 0.05  # of the fan's capacity, air that always flows while the fan runs
_AIR_SOFT = 0.01  # of the fan's capacity, width of both limits of the air
_TEMP_SCALE = 5.0  # [K]
_RESISTANCE_SCALE = 1e-4  # [m2 K/W]


@dataclass(frozen=True, slots=True)
class Heater:
    """A fired heater with its controllers.

    Attributes:
        duty_design: fired, where the flue gas approaches by `temp_approach_flue` [W].
        duty_high: fired, highest demand of the controller [W].
        heating_value_design: lower, by which the controller reckons its fuel [J/kg].
        ratio_hydrogen: hydrogen per carbon atom of the fuel.
        flow_mass_air_high: of the fan [kg/s].
        flow_mass_air_tramp: leaks in behind the flames [kg/s].
        time_fuel_s: lag of the fuel valve, also when it trips [s].
        time_fan_s: lag of the air [s].
        gain: of the coil outlet temperature controller [W/K].
        time_integral_s: of that controller [s].
        time_oxygen_s: integral time of the O2 controller [s].
        siegert_a2, siegert_b: constants of the flue gas loss.
        temp_approach_flue: flue gas behind the convection bank over crude inlet, at design [K].
        effectiveness_air: of the air preheater, 0 to 1.
        coefficient_wall: heat loss per kelvin between tubes and surroundings [W/K].
        heat_capacity_tubes: [J/K].
        heat_capacity_oil: of the crude in the coil, with its evaporation damped in it [J/K].
        area: of the tubes, inside [m2].
        coefficient_inside: h_i at `flow_vol_design` [W/(m2 K)].
        flow_vol_design: crude [m3/s].
        share_flow_trip: of the design flow; below it the fuel trips.
        resistance_wall: t/k of the tube wall [m2 K/W].
        factor_flux_peak: highest over mean flux.
        resistance_start: coke at the nominal point [m2 K/W].
        coking_rate: Arrhenius factor [m2 K/J].
        coking_energy: activation energy [J/mol].
        power_fan: at its full air [W].
        temp_outlet_guess: coil outlet in the initial guess [K].
    """

    duty_design: float
    duty_high: float
    heating_value_design: float
    ratio_hydrogen: float
    flow_mass_air_high: float
    flow_mass_air_tramp: float
    time_fuel_s: float
    time_fan_s: float
    gain: float
    time_integral_s: float
    time_oxygen_s: float
    siegert_a2: float
    siegert_b: float
    temp_approach_flue: float
    effectiveness_air: float
    coefficient_wall: float
    heat_capacity_tubes: float
    heat_capacity_oil: float
    area: float
    coefficient_inside: float
    flow_vol_design: float
    share_flow_trip: float
    resistance_wall: float
    factor_flux_peak: float
    resistance_start: float
    coking_rate: float
    coking_energy: float
    power_fan: float
    temp_outlet_guess: float

    def __post_init__(self) -> None:
        """Refuse sizes that no heater has.

        Raises:
            InputError: a size is out of range.
        """
        may_be_zero = {
            "flow_mass_air_tramp",
            "share_flow_trip",
            "effectiveness_air",
            "coefficient_wall",
            "resistance_wall",
            "resistance_start",
            "coking_rate",
            "coking_energy",
            "power_fan",
            "ratio_hydrogen",
        }
        require_not_negative(self, sorted(may_be_zero))
        require_range(self, [name for name in SI_OF_HEATER if name not in may_be_zero])
        require_range(self, ("effectiveness_air", "share_flow_trip"), low=-1.0, high=1.0)
        require_range(self, ("duty_high",), low=self.duty_design)

    @classmethod
    def from_section(cls, section: Section) -> "Heater":
        """Return the heater that a section of a case describes.

        Raises:
            InputError: a key is missing, unknown or out of range.
        """
        return cls(**section.quantities(SI_OF_HEATER))

    def resistance_film(self, flow_vol: ca.SX) -> ca.SX:
        """Return 1/h_i at a flow of crude [m2 K/W]."""
        ratio = flow_vol / self.flow_vol_design
        return 1.0 / (self.coefficient_inside * power_of(ratio, _FILM_EXPONENT, _FILM_FLOOR))

    def temp_skin(
        self, temp_bulk: ca.SX, flux: ca.SX, flow_vol: ca.SX, resistance_coke: ca.SX
    ) -> ca.SX:
        """Return the outer temperature of a tube [K].

        Args:
            temp_bulk: of the crude in it [K].
            flux: heat flux there [W/m2].
            flow_vol: crude [m3/s].
            resistance_coke: [m2 K/W].
        """
        series = self.resistance_film(flow_vol) + resistance_coke + self.resistance_wall
        return temp_bulk + flux * series

    def coking(self, temp_film: ca.SX) -> ca.SX:
        """Return the growth of the coke's resistance at a film temperature [m2 K/J]."""
        rate: ca.SX = self.coking_rate * ca.exp(-self.coking_energy / (GAS_CONSTANT * temp_film))
        return rate


@dataclass(frozen=True, slots=True)
class HeaterProcess:
    """The crude that passes the heater.

    Attributes:
        temp_in: [K].
        enthalpy_in: of the whole stream [W].
        flow_vol: [m3/s].
        enthalpy_out: of the whole stream [W] as a function of the coil outlet temperature [K]; it
            is called once and may declare states of its own, such as the vaporised fraction.
    """

    temp_in: ca.SX
    enthalpy_in: ca.SX
    flow_vol: ca.SX
    enthalpy_out: Callable[[ca.SX], ca.SX]


@dataclass(frozen=True, slots=True)
class HeaterInputs:
    """Set points, surroundings and status.

    Attributes:
        temp_coil_outlet: set point [K].
        fraction_oxygen: set point, dry.
        heating_value: lower, of the fuel at hand [J/kg].
        temp_ambient: [K].
        in_service: 1, or 0 while its fuel is tripped.
        power: 1 while the fan has power, 0 while not.
    """

    temp_coil_outlet: ca.SX
    fraction_oxygen: ca.SX
    heating_value: ca.SX
    temp_ambient: ca.SX
    in_service: ca.SX
    power: ca.SX


@dataclass(frozen=True, slots=True)
class HeaterResult:
    """Expressions of a heater.

    Attributes:
        temp_out: coil outlet [K].
        enthalpy_out: of the crude there [W].
        duty: heat that the crude takes up [W].
        duty_fired: lower heating value of the fuel [W].
        efficiency: heat to the tubes over fired duty.
        flow_mass_fuel, flow_mass_air: [kg/s].
        fraction_oxygen, fraction_co: of the dry flue gas.
        temp_stack, temp_tube, temp_skin: flue gas, mean of the tubes, hottest skin [K].
        resistance_coke: [m2 K/W].
        power: of the fan [W].
    """

    temp_out: ca.SX
    enthalpy_out: ca.SX
    duty: ca.SX
    duty_fired: ca.SX
    efficiency: ca.SX
    flow_mass_fuel: ca.SX
    flow_mass_air: ca.SX
    fraction_oxygen: ca.SX
    fraction_co: ca.SX
    temp_stack: ca.SX
    temp_tube: ca.SX
    temp_skin: ca.SX
    resistance_coke: ca.SX
    power: ca.SX


def add_heater(
    states: States, heater: Heater, process: HeaterProcess, inputs: HeaterInputs
) -> HeaterResult:
    """Declare the states of a fired heater and return its expressions.

    Args:
        states: of the model, extended by `temp_coil_outlet`, `temp_tube`, `resistance_coke`,
            `flow_mass_fuel`, `flow_mass_air`, `integral_heater` and `integral_oxygen`.
        heater: sizes and tuning.
        process: crude in and out.
        inputs: set points, surroundings and status.
    """
    temp_out = states.add("temp_coil_outlet", _TEMP_SCALE, heater.temp_outlet_guess)
    temp_tube = states.add("temp_tube", _TEMP_SCALE, heater.temp_outlet_guess)
    coke = states.add("resistance_coke", _RESISTANCE_SCALE, heater.resistance_start)
    ratio = process.flow_vol / heater.flow_vol_design
    passing = ratio**2 / (ratio**2 + _FLOW_STILL**2)
    low_flow = ratio - heater.share_flow_trip
    permit = inputs.in_service * 0.5 * (1.0 + ca.tanh(low_flow / _FLOW_TRIP_SOFT))
    fuel, air, flue = _fire(states, heater, inputs, temp_out, permit)
    fired = fuel * inputs.heating_value
    enthalpy_out = process.enthalpy_out(temp_out)

    film = heater.resistance_film(process.flow_vol)
    temp_bulk = temp_out - 0.5 * passing * (temp_out - process.temp_in)
    flux = (temp_tube - temp_bulk) / (film + coke + heater.resistance_wall)
    duty = heater.area * flux
    flue_over_inlet = heater.temp_approach_flue * fired / heater.duty_design
    over_ambient = process.temp_in + flue_over_inlet - inputs.temp_ambient
    temp_stack = inputs.temp_ambient + (1.0 - heater.effectiveness_air) * over_ambient
    loss_stack = fired * loss_siegert(
        temp_stack,
        inputs.temp_ambient,
        flue.fraction_oxygen,
        heater.siegert_a2,
        heater.siegert_b,
    )
    loss_wall = heater.coefficient_wall * (temp_tube - inputs.temp_ambient)
    to_tubes = flue.duty_released - loss_stack - loss_wall
    fire = softplus(to_tubes, _DUTY_SOFT)
    peak = heater.factor_flux_peak * fire / heater.area
    burning = fire / (fire + _FIRE_LEAST * heater.duty_design)
    hottest = burning * temp_out + (1.0 - burning) * temp_tube  # stored heat makes no hot spot
    states.rates["temp_tube"] = (to_tubes - duty) / heater.heat_capacity_tubes
    states.rates["temp_coil_outlet"] = (duty - (enthalpy_out - process.enthalpy_in)) / (
        heater.heat_capacity_oil
    )
    states.rates["resistance_coke"] = heater.coking(temp_out + peak * film)
    return HeaterResult(
        temp_out=temp_out,
        enthalpy_out=enthalpy_out,
        duty=duty,
        duty_fired=fired,
        efficiency=to_tubes * fired / (fired**2 + _DUTY_OFF**2),
        flow_mass_fuel=fuel,
        flow_mass_air=air,
        fraction_oxygen=flue.fraction_oxygen,
        fraction_co=flue.fraction_co,
        temp_stack=temp_stack,
        temp_tube=temp_tube,
        temp_skin=heater.temp_skin(hottest, peak, process.flow_vol, coke),
        resistance_coke=coke,
        power=heater.power_fan * (air / heater.flow_mass_air_high) ** 3,
    )


def _fire(
    states: States, heater: Heater, inputs: HeaterInputs, temp_out: ca.SX, in_service: ca.SX
) -> tuple[ca.SX, ca.SX, Flue]:
    """Return fuel [kg/s], air [kg/s] and flue gas; controllers, valve and fan inside.

    The fuel follows the smaller of its demand and what the air at hand can burn (cross limit), so
    a failing fan takes the fuel down with it. While the fuel is tripped the integral part of the
    temperature controller returns to zero demand.
    """
    value = heater.heating_value_design
    need = air_stoichiometric(heater.ratio_hydrogen)
    start = 0.9 * heater.duty_design / value
    fuel = states.add("flow_mass_fuel", 0.05, start)
    air = states.add("flow_mass_air", 1.0, 1.15 * need * start)
    integral = states.add("integral_heater", 2e6, 0.0)
    trim = states.add("integral_oxygen", 0.1, 0.0)

    permit = in_service * inputs.power
    push = heater.gain * (inputs.temp_coil_outlet - temp_out)
    wanted = 0.9 * heater.duty_design + push + integral
    demand = between(wanted, 0.0, heater.duty_high, _DUTY_SOFT)
    states.rates["integral_heater"] = (push + permit * demand - wanted) / heater.time_integral_s
    admitted = smaller(permit * demand, air * value / (_LEAN_LEAST * need))
    states.rates["flow_mass_fuel"] = (admitted / value - fuel) / heater.time_fuel_s

    # A fuel of another heating value is this one with more or less inert gas in it.
    burnable = fuel * inputs.heating_value / value
    flue = burn(burnable, air, heater.flow_mass_air_tramp, ca.SX(value), heater.ratio_hydrogen)
    trimmed = between(trim, -1.0, 1.0, _TRIM_SOFT)
    ratio = air_ratio_for(inputs.fraction_oxygen, heater.ratio_hydrogen) + _TRIM_HIGH * trimmed
    high = heater.flow_mass_air_high
    needed = in_service * demand * ratio * need / value
    asked = between(needed, _PURGE * high, high, _AIR_SOFT * high)
    states.rates["flow_mass_air"] = (inputs.power * asked - air) / heater.time_fan_s
    missing = (inputs.fraction_oxygen - flue.fraction_oxygen) / _OXYGEN_SPAN
    states.rates["integral_oxygen"] = (
        (fuel / start) * missing + (trimmed - trim)
    ) / heater.time_oxygen_s
    return fuel, air, flue
