"""Counter-current heat exchangers: effectiveness without a corner, holdup, fouling, bypass.

With d = UA (1/Cc - 1/Ch)/2 the effectiveness-NTU relation of the counter-current exchanger (Kays
and London, Compact Heat Exchangers, 1984) reads

    Q = (Th - Tc) / [ d coth(d) / UA + (1/Ch + 1/Cc) / 2 ],

the same for either side being the smaller one, and smooth through equal capacity flows, where
d coth(d) is 1. The cold outlet is a state: crude and metal store heat, so that duty, outlet and
store always balance. Capacity flows are secants of the enthalpy, which is quadratic in the
temperature: on the cold side from inlet to outlet, on the hot side from inlet to where the duty
ends, so that no exchanger takes more than the hot stream has above the cold inlet.
"""

from collections.abc import Callable
from dataclasses import dataclass

import casadi as ca

from operator_agent.plant.document import Section
from operator_agent.plant.equipment.fouling import Fouling, film_temperature
from operator_agent.plant.equipment.parameters import require_not_negative, require_range
from operator_agent.plant.smooth import power_of, smaller, softplus, times_coth
from operator_agent.plant.states import States

SI_OF_EXCHANGER = {
    "area": "m2",
    "coefficient_clean": "W/(m2 K)",
    "share_hot": "1",
    "flow_hot_design": "m3/s",
    "flow_cold_design": "m3/s",
    "heat_capacity": "J/K",
    "resistance_start": "m2 K/W",
    "temp_cold_guess": "K",
}
_FILM_EXPONENT = 0.8  # Dittus-Boelter: film coefficients in turbulent tubes rise with flow^0.8
_FILM_FLOOR = 0.01  # share of the design flow; natural convection below it
_CAPACITY_FLOOR = 1.0  # [W/K], far below any flow, keeps the quotients finite without flow
_OUTLET_FLOOR = 1e-3  # [W/K], the same for the hot outlet: its balance closes within 1e-8
_N_SECANTS = 2  # corrections of the hot secant; each leaves some 5 % of the error
_APPROACH_SOFT = 0.5  # [K], width of the end of a controlled duty as the hot side cools
_TEMP_SCALE = 5.0  # [K]
_RESISTANCE_SCALE = 1e-4  # [m2 K/W]


@dataclass(frozen=True, slots=True)
class Exchanger:
    """An exchanger, its wall and its surface.

    Attributes:
        area: [m2].
        coefficient_clean: over-all, clean, at the design flows [W/(m2 K)].
        share_hot: of the clean resistance that lies on the hot side, 0 to 1.
        flow_hot_design, flow_cold_design: to which the coefficient refers [m3/s].
        heat_capacity: of the tubes and the liquid on the cold side [J/K].
        resistance_start: fouling at the nominal point [m2 K/W].
        temp_cold_guess: cold outlet in the initial guess [K].
        fouling: of the surface.
    """

    area: float
    coefficient_clean: float
    share_hot: float
    flow_hot_design: float
    flow_cold_design: float
    heat_capacity: float
    resistance_start: float
    temp_cold_guess: float
    fouling: Fouling

    def __post_init__(self) -> None:
        """Refuse sizes that no exchanger has.

        Raises:
            InputError: a size is out of range.
        """
        require_range(self, ("area", "coefficient_clean", "heat_capacity", "temp_cold_guess"))
        require_range(self, ("flow_hot_design", "flow_cold_design"))
        require_range(self, ("share_hot",), high=1.0 - 1e-9)
        require_not_negative(self, ("resistance_start",))

    @classmethod
    def from_section(cls, section: Section) -> "Exchanger":
        """Return the exchanger that a section of a case describes, with its `fouling` inside.

        Raises:
            InputError: a key is missing, unknown or out of range.
        """
        fouling = Fouling.from_section(section.section("fouling"))
        return cls(**section.quantities(SI_OF_EXCHANGER), fouling=fouling)

    def film_cold(self, flow_cold: ca.SX) -> ca.SX:
        """Return the film coefficient of the cold side [W/(m2 K)]."""
        clean = self.coefficient_clean / (1.0 - self.share_hot)
        return clean * power_of(flow_cold / self.flow_cold_design, _FILM_EXPONENT, _FILM_FLOOR)

    def conductance(self, flow_hot: ca.SX, flow_cold: ca.SX, resistance: ca.SX) -> ca.SX:
        """Return UA [W/K] at two flows [m3/s] and a fouling resistance [m2 K/W]."""
        hot = (self.coefficient_clean / self.share_hot) * power_of(
            flow_hot / self.flow_hot_design, _FILM_EXPONENT, _FILM_FLOOR
        )
        return self.area / (1.0 / hot + 1.0 / self.film_cold(flow_cold) + resistance)


@dataclass(frozen=True, slots=True)
class HotSide:
    """The hot stream at the inlet of an exchanger.

    Attributes:
        temp_in: [K].
        enthalpy_terms: coefficients of T^0, T^1, T^2 of the enthalpy of the whole stream [W],
            [W/K], [W/K2].
        flow: on which the film coefficient depends [m3/s].
    """

    temp_in: ca.SX
    enthalpy_terms: tuple[ca.SX, ca.SX, ca.SX]
    flow: ca.SX

    def enthalpy(self, temp: ca.SX) -> ca.SX:
        """Return the enthalpy of the stream at a temperature [W]."""
        constant, linear, square = self.enthalpy_terms
        return constant + temp * (linear + temp * square)

    def capacity_flow(self, first: ca.SX, second: ca.SX) -> ca.SX:
        """Return the enthalpy between two temperatures over their difference [W/K], exactly."""
        _, linear, square = self.enthalpy_terms
        return linear + square * (first + second)

    def temp_after(self, duty: ca.SX) -> ca.SX:
        """Return the temperature that the stream has after giving a duty [W] away [K].

        With t the fall from the inlet and C the capacity flow there, the duty is C t - c t^2; of
        its two roots the one that is zero with the duty, in the form that stands c = 0.
        """
        inlet = self.capacity_flow(self.temp_in, self.temp_in) + _OUTLET_FLOOR
        root = ca.sqrt(inlet**2 - 4.0 * self.enthalpy_terms[2] * duty)
        return self.temp_in - 2.0 * duty / (inlet + root)


@dataclass(frozen=True, slots=True)
class ColdSide:
    """The cold stream at the inlet of an exchanger.

    Attributes:
        temp_in: [K].
        capacity_flow: of the temperature [K], mass flow times heat capacity [W/K]; taken half-way
            between inlet and outlet it makes the enthalpy exact where that is quadratic.
        flow: on which the film coefficient depends [m3/s].
    """

    temp_in: ca.SX
    capacity_flow: Callable[[ca.SX], ca.SX]
    flow: ca.SX


@dataclass(frozen=True, slots=True)
class ExchangerResult:
    """Expressions of an exchanger.

    Attributes:
        duty: heat that leaves the hot side [W].
        duty_cold: heat that the cold stream takes along [W]; the store takes the difference.
        temp_hot_out, temp_cold_out: [K].
        resistance_fouling: [m2 K/W].
    """

    duty: ca.SX
    duty_cold: ca.SX
    temp_hot_out: ca.SX
    temp_cold_out: ca.SX
    resistance_fouling: ca.SX


def duty_per_approach(conductance: ca.SX, hot: ca.SX, cold: ca.SX) -> ca.SX:
    """Return Q/(Th - Tc) of a counter-current exchanger [W/K], zero when a side stands still.

    Args:
        conductance: UA [W/K], above zero.
        hot, cold: capacity flows, not negative [W/K].
    """
    product = hot * cold
    half = 0.5 * (hot - cold)
    store = product + _CAPACITY_FLOOR**2
    units = conductance * half / store
    return product / (
        store * times_coth(units) / conductance + 0.5 * (hot + cold) + _CAPACITY_FLOOR
    )


def duty_available(conductance: ca.SX, hot: HotSide, capacity_cold: ca.SX, temp: ca.SX) -> ca.SX:
    """Return what an exchanger takes of a hot stream per difference of the inlets [W/K].

    The secant of the hot side starts as the one down to the cold inlet, the largest fall there
    is, and is then drawn to the outlet that the duty before gives.

    Args:
        conductance: UA [W/K], above zero.
        hot: stream.
        capacity_cold: [W/K].
        temp: of the cold stream at its inlet [K].
    """
    outlet = temp
    for _ in range(_N_SECANTS):
        slope = duty_per_approach(
            conductance, hot.capacity_flow(hot.temp_in, outlet), capacity_cold
        )
        outlet = hot.temp_after(slope * (hot.temp_in - temp))
    return duty_per_approach(conductance, hot.capacity_flow(hot.temp_in, outlet), capacity_cold)


def add_exchanger(
    states: States,
    name: str,
    exchanger: Exchanger,
    hot: HotSide,
    cold: ColdSide,
    in_service: ca.SX,
    duty_high: ca.SX | None = None,
) -> ExchangerResult:
    """Declare the states of an exchanger and return its duty and outlets.

    Args:
        states: of the model, extended by `temp_cold_<name>` and `resistance_fouling_<name>`.
        name: of the exchanger.
        exchanger: its sizes.
        hot, cold: what enters.
        in_service: 1, or 0 while both streams bypass it and it is cleaned.
        duty_high: set point of the duty that a bypass of the hot side holds [W]; it is not
            exceeded, nor does heat flow back. Without it the exchanger takes all it can.
    """
    temp_out = states.add(f"temp_cold_{name}", _TEMP_SCALE, exchanger.temp_cold_guess)
    resistance = states.add(
        f"resistance_fouling_{name}", _RESISTANCE_SCALE, exchanger.resistance_start
    )
    capacity_cold = cold.capacity_flow(0.5 * (cold.temp_in + temp_out))
    conductance = exchanger.conductance(hot.flow, cold.flow, resistance)
    slope = duty_available(conductance, hot, capacity_cold, cold.temp_in)
    approach = hot.temp_in - cold.temp_in
    if duty_high is None:
        duty = in_service * slope * approach
    else:
        available = slope * softplus(approach, _APPROACH_SOFT)
        duty = in_service * smaller(duty_high, available)
    duty_cold = capacity_cold * (temp_out - cold.temp_in)
    states.rates[f"temp_cold_{name}"] = (duty - duty_cold) / exchanger.heat_capacity

    bulk = 0.5 * (cold.temp_in + temp_out)
    wall = bulk + duty / exchanger.area / exchanger.film_cold(cold.flow)
    states.rates[f"resistance_fouling_{name}"] = exchanger.fouling.rate(
        resistance,
        cold.flow / exchanger.flow_cold_design,
        film_temperature(bulk, wall),
        in_service,
    )
    return ExchangerResult(duty, duty_cold, hot.temp_after(duty), temp_out, resistance)
