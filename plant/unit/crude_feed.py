"""The crude on its way to the preheat train: slate, line-up, and its properties per volume.

The tanks' slate enters a well-mixed volume, so a switch of crude arrives as a mixing transient.
"""

from dataclasses import dataclass

import casadi as ca

from operator_agent.plant.crude.lumps import Lumps
from operator_agent.plant.equipment.exchanger import ColdSide
from operator_agent.plant.states import States
from operator_agent.plant.unit.stage import Component
from operator_agent.plant.variables import fraction_name

_FRACTION_SCALE = 0.1


@dataclass(frozen=True, slots=True)
class Crude:
    """A mix of crudes per volume at 15 C, all liquid.

    Attributes:
        moles: of each lump [mol/m3].
        density: [kg/m3].
        enthalpy_terms: coefficients of T^0, T^1, T^2 of the enthalpy [J/m3].
    """

    moles: ca.SX
    density: ca.SX
    enthalpy_terms: tuple[ca.SX, ca.SX, ca.SX]

    def enthalpy(self, temp: ca.SX) -> ca.SX:
        """Return the enthalpy of the liquid [J/m3]."""
        constant, linear, square = self.enthalpy_terms
        return constant + temp * (linear + temp * square)

    def heat_capacity(self, temp: ca.SX) -> ca.SX:
        """Return the heat capacity of the liquid [J/(m3 K)]."""
        _, linear, square = self.enthalpy_terms
        return linear + 2.0 * temp * square

    def cold_side(self, temp: ca.SX, flow_vol: ca.SX) -> ColdSide:
        """Return a flow of this crude [m3/s] as an exchanger meets it."""
        return ColdSide(temp, lambda at: flow_vol * self.heat_capacity(at), flow_vol)


def crude_of(component: Component, lumps: Lumps, fractions: ca.SX) -> Crude:
    """Return the mix of crudes with these volume fractions, in the order of the lumps' crudes."""
    moles = (ca.DM(lumps.fractions.T) @ fractions) / component.molar_volume
    terms = component.enthalpy_terms_liquid(moles)
    return Crude(moles, ca.dot(moles, component.molar_mass), terms)


def add_line_up(
    states: States,
    lumps: Lumps,
    slate: tuple[float, ...],
    volume: float,
    entering: ca.SX,
    flow_vol: ca.SX,
) -> ca.SX:
    """Declare the volume fractions in the line-up and return them.

    Args:
        states: of the model, extended by `mixed_fraction_<crude>`.
        lumps: that name the crudes.
        slate: fractions in the initial guess.
        volume: of tank line and mixer [m3].
        entering: volume fractions that the tanks give.
        flow_vol: [m3/s].
    """
    mixed = []
    for n, (key, guess) in enumerate(zip(lumps.crude_keys, slate, strict=True)):
        name = f"mixed_{fraction_name(key)}"
        fraction = states.add(name, _FRACTION_SCALE, guess)
        states.rates[name] = flow_vol / volume * (entering[n] - fraction)
        mixed.append(fraction)
    return ca.vertcat(*mixed)
