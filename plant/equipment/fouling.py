"""Fouling of heat exchangers: growth above a threshold, removal by shear, cleaning.

Ebert and Panchal, "Analysis of Exxon crude-oil-slip stream coking data", Engineering Foundation
Conference on Fouling Mitigation, 1995; exponents of Panchal et al., 1997:

    dRf/dt = a Re^-0.66 Pr^-0.33 exp(-E / (R Tf)) - g tau_w.

Removal fades with the last of the deposit, so the resistance never falls below zero: below the
threshold it rests at a trace.
"""

from dataclasses import dataclass

import casadi as ca

from operator_agent.plant.crude.thermo import GAS_CONSTANT
from operator_agent.plant.document import Section
from operator_agent.plant.equipment.parameters import require_not_negative, require_range
from operator_agent.plant.smooth import power_of

SI_OF_FOULING = {
    "deposition": "m2 K/J",
    "reynolds_design": "1",
    "prandtl": "1",
    "energy_activation": "J/mol",
    "removal": "m2 K/(J Pa)",
    "shear_design": "Pa",
    "time_cleaning_s": "s",
}
_TRACE = 1e-6  # [m2 K/W], deposit that shear no longer removes: 0.03 % of a clean exchanger's
_REYNOLDS_EXPONENT = -0.66
_PRANDTL_EXPONENT = -0.33
_SHEAR_EXPONENT = 1.75  # Blasius: friction falls with Re^-0.25
_FLOW_FLOOR = 0.05  # share of the design flow below which Re counts as constant
_FILM_SHARE = 0.55  # Tf = Tb + 0.55 (Tw - Tb), Ebert and Panchal (1995)


@dataclass(frozen=True, slots=True)
class Fouling:
    """How a surface fouls.

    Attributes:
        deposition: a [m2 K/J].
        reynolds_design: Re at the design flow.
        prandtl: Pr of the fouling liquid.
        energy_activation: E [J/mol].
        removal: g [m2 K/(J Pa)].
        shear_design: tau_w at the design flow [Pa].
        time_cleaning_s: time constant of the cleaning while out of service [s].
    """

    deposition: float
    reynolds_design: float
    prandtl: float
    energy_activation: float
    removal: float
    shear_design: float
    time_cleaning_s: float

    def __post_init__(self) -> None:
        """Refuse values that no surface has.

        Raises:
            InputError: a value is out of range.
        """
        require_not_negative(self, ("deposition", "removal", "shear_design", "energy_activation"))
        require_range(self, ("reynolds_design", "prandtl", "time_cleaning_s"))

    @classmethod
    def from_section(cls, section: Section) -> "Fouling":
        """Return the fouling that a section of a case describes.

        Raises:
            InputError: a key is missing, unknown or out of range.
        """
        return cls(**section.quantities(SI_OF_FOULING))

    def deposition_rate(self, ratio_flow: ca.SX, temp_film: ca.SX) -> ca.SX:
        """Return the growth without removal [m2 K/J].

        Args:
            ratio_flow: flow over design flow, not negative.
            temp_film: Tf [K].
        """
        reynolds = self.reynolds_design**_REYNOLDS_EXPONENT * power_of(
            ratio_flow, _REYNOLDS_EXPONENT, _FLOW_FLOOR
        )
        prandtl = self.prandtl**_PRANDTL_EXPONENT
        arrhenius = ca.exp(-self.energy_activation / (GAS_CONSTANT * temp_film))
        rate: ca.SX = self.deposition * reynolds * prandtl * arrhenius
        return rate

    def removal_rate(self, ratio_flow: ca.SX) -> ca.SX:
        """Return the removal by shear from a thick deposit [m2 K/J]."""
        shear = self.shear_design * power_of(ratio_flow, _SHEAR_EXPONENT, 0.01 * _FLOW_FLOOR)
        return self.removal * shear

    def rate(
        self, resistance: ca.SX, ratio_flow: ca.SX, temp_film: ca.SX, in_service: ca.SX
    ) -> ca.SX:
        """Return the growth of the resistance [m2 K/J].

        Out of service the exchanger is opened and cleaned: its deposit decays with the time
        constant of the cleaning, so a day at six hours leaves 2 % of it.

        Args:
            resistance: Rf [m2 K/W].
            ratio_flow: flow over design flow.
            temp_film: Tf [K].
            in_service: 1 or 0 or between.
        """
        present = resistance / ca.sqrt(resistance**2 + _TRACE**2)
        grown = self.deposition_rate(ratio_flow, temp_film) - present * self.removal_rate(
            ratio_flow
        )
        rate: ca.SX = in_service * grown - (1.0 - in_service) * resistance / self.time_cleaning_s
        return rate


def film_temperature(temp_bulk: ca.SX, temp_wall: ca.SX) -> ca.SX:
    """Return the film temperature at which deposits form [K]."""
    return temp_bulk + _FILM_SHARE * (temp_wall - temp_bulk)
