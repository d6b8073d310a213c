"""Sizes and tuning of a fired heater, as a case gives them, with its films and its coke."""

from dataclasses import dataclass

import casadi as ca

from operator_agent.plant.crude.thermo import GAS_CONSTANT
from operator_agent.plant.document import Section
from operator_agent.plant.equipment.parameters import require_not_negative, require_range
from operator_agent.plant.smooth import power_of

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
