"""One equilibrium stage with a liquid holdup: vapour and liquid traffic in closed form.

Raoult's law gives the vapour composition. The vapour flow follows from the transfer of
hydrocarbons into the vapour, V = kappa (R - V/(V + Vs)), where R is the sum of x K, Vs the flow of
steam (an inert) and kappa a transfer constant: a quadratic with one positive root, smooth, and
equal to the equilibrium stripping ratio R Vs/(1 - R) as kappa grows. It replaces the bubble-point
equation, so the model is an explicit ODE.
"""

from dataclasses import dataclass

import casadi as ca

from operator_agent.plant.crude.thermo import GAS_CONSTANT, MOLAR_MASS_WATER, Properties
from operator_agent.plant.smooth import softplus

_STEAM_FLOOR = 1.0  # [mol/s], keeps the root smooth on a stage without steam
_DENSITY_WIDTH = 0.1  # [kg/m3], liquid less vapour is 500 and more wherever there is liquid
_DENSITY_RATIO_WIDTH = 1e-6  # vapour over liquid is 2e-3 and more wherever there is vapour
_DRY_FRACTION = 0.05  # of the weir volume: below it a stage is dry and evaporates no more


@dataclass(frozen=True, slots=True)
class Component:
    """Properties of the lumps as CasADi constants, with the enthalpies as expressions."""

    molar_mass: ca.DM
    molar_volume: ca.DM
    antoine: tuple[ca.DM, ...]
    liquid: tuple[ca.DM, ...]
    vapour: tuple[ca.DM, ...]

    @classmethod
    def from_properties(cls, properties: Properties) -> "Component":
        """Return the constants as column vectors."""
        return cls(
            molar_mass=ca.DM(properties.molar_mass),
            molar_volume=ca.DM(properties.molar_volume),
            antoine=tuple(ca.DM(row) for row in properties.antoine),
            liquid=tuple(ca.DM(row) for row in properties.liquid),
            vapour=tuple(ca.DM(row) for row in properties.vapour),
        )

    @property
    def n(self) -> int:
        """Number of lumps."""
        return int(self.molar_mass.numel())

    def vapour_pressure(self, temp: ca.SX) -> ca.SX:
        """Return the vapour pressures [Pa]."""
        return ca.exp(self.antoine[0] - self.antoine[1] / (temp + self.antoine[2]))

    def enthalpy_liquid(self, temp: ca.SX) -> ca.SX:
        """Return the molar enthalpies of the liquid [J/mol]."""
        return self.liquid[0] + temp * (self.liquid[1] + temp * self.liquid[2])

    def enthalpy_terms_liquid(self, flows: ca.SX) -> tuple[ca.SX, ca.SX, ca.SX]:
        """Return what stands before T^0, T^1, T^2 in the enthalpy of liquid flows [mol/s], in W."""
        constant, linear, square = self.liquid
        return ca.dot(flows, constant), ca.dot(flows, linear), ca.dot(flows, square)

    def heat_capacity_liquid(self, temp: ca.SX) -> ca.SX:
        """Return the molar heat capacities of the liquid [J/(mol K)]."""
        return self.liquid[1] + 2.0 * temp * self.liquid[2]

    def heat_capacity_vapour(self, temp: ca.SX) -> ca.SX:
        """Return the molar heat capacities of the ideal gas [J/(mol K)]."""
        _, b, c, d = self.vapour
        return b + temp * (2.0 * c + 3.0 * temp * d)

    def enthalpy_vapour(self, temp: ca.SX) -> ca.SX:
        """Return the molar enthalpies of the vapour [J/mol]."""
        a, b, c, d = self.vapour
        return a + temp * (b + temp * (c + temp * d))


@dataclass(frozen=True, slots=True)
class Hydraulics:
    """Liquid side of a stage: outflow = softplus((volume - weir) / time) + volume / weep.

    The weeping term drains a stage whose weir runs dry, so that nothing stagnates on it.


    Attributes:
        volume_weir: liquid at which the outflow starts [m3].
        time_s: volume above the weir per outflow [s].
        flow_soft: width of the smooth start [m3/s].
        transfer: kappa [mol/s].
        time_weep_s: volume per weeping flow [s].
    """

    volume_weir: float
    time_s: float
    flow_soft: float
    transfer: float
    time_weep_s: float


@dataclass(frozen=True, slots=True)
class Stage:
    """Traffic of one stage as expressions.

    Attributes:
        temp: [K].
        volume: liquid [m3 at 15 C].
        fractions: mole fractions of the liquid.
        flow_vol_liquid: before any draw [m3/s at 15 C].
        molar_density: of the liquid [mol/m3 at 15 C].
        vapour: molar flows of the lumps in the vapour [mol/s].
        flow_steam: steam that passes the stage [mol/s].
    """

    temp: ca.SX
    volume: ca.SX
    fractions: ca.SX
    flow_vol_liquid: ca.SX
    molar_density: ca.SX
    vapour: ca.SX
    flow_steam: ca.SX

    def liquid(self, flow_vol: ca.SX) -> ca.SX:
        """Return the molar flows [mol/s] of the lumps in a liquid flow [m3/s] from this stage."""
        return flow_vol * self.molar_density * self.fractions


def liquid_outflow(volume: ca.SX, hydraulics: Hydraulics) -> ca.SX:
    """Return the liquid flow over and through the weir [m3/s]."""
    head = (volume - hydraulics.volume_weir) / hydraulics.time_s
    weep = _wetted(volume, hydraulics) * volume / hydraulics.time_weep_s
    return softplus(head, hydraulics.flow_soft) + weep


def _wetted(volume: ca.SX, hydraulics: Hydraulics) -> ca.SX:
    """Return how wet a stage is, 0 to 1.

    It falls with the fourth power of the last liquid, so that a stage cut off for days dries ever
    more slowly and its composition never becomes 0/0.
    """
    ratio = volume / (_DRY_FRACTION * hydraulics.volume_weir)
    return (ratio**2 / (1.0 + ratio**2)) ** 2


def make_stage(
    component: Component,
    holdup: ca.SX,
    temp: ca.SX,
    pressure: ca.SX,
    flow_steam: ca.SX,
    hydraulics: Hydraulics,
) -> Stage:
    """Return the traffic of a stage.

    Args:
        component: the lumps.
        holdup: moles of each lump [mol].
        temp: [K].
        pressure: [Pa].
        flow_steam: steam through the stage [mol/s].
        hydraulics: of the stage.
    """
    moles = ca.sum1(holdup)
    volume = ca.dot(holdup, component.molar_volume)
    fractions = holdup / moles
    partial = fractions * component.vapour_pressure(temp) / pressure
    total = ca.sum1(partial)
    transfer = hydraulics.transfer * _wetted(volume, hydraulics)
    linear = flow_steam + transfer * (1.0 - total)
    root = ca.sqrt(linear**2 + 4.0 * transfer * total * (flow_steam + _STEAM_FLOOR))
    return Stage(
        temp=temp,
        volume=volume,
        fractions=fractions,
        flow_vol_liquid=liquid_outflow(volume, hydraulics),
        molar_density=moles / volume,
        vapour=0.5 * (root - linear) * partial / total,
        flow_steam=flow_steam,
    )


def _positive(value: ca.SX, width: float) -> ca.SX:
    """Return a value that never falls to zero: itself far above `width`, smooth below."""
    return 0.5 * (value + ca.sqrt(value**2 + width**2))


def souders_brown(component: Component, stage: Stage, pressure: ca.SX, area: float) -> ca.SX:
    """Return the vapour load factor u sqrt(rho_V / (rho_L - rho_V)) [m/s].

    Souders and Brown, Ind. Eng. Chem. 26 (1934) 98. It stays finite and smooth on a stage that ran
    dry, whose holdups are zero or a rounding error below.

    Args:
        component: the lumps.
        stage: with its traffic.
        pressure: [Pa].
        area: cross section of the column [m2].
    """
    moles = ca.sum1(stage.vapour) + stage.flow_steam
    mass = ca.dot(stage.vapour, component.molar_mass) + stage.flow_steam * MOLAR_MASS_WATER
    flow_vol = moles * GAS_CONSTANT * stage.temp / pressure
    density_vapour = mass / flow_vol
    density_liquid = ca.dot(stage.fractions, component.molar_mass) * stage.molar_density
    difference = _positive(density_liquid - density_vapour, _DENSITY_WIDTH)
    ratio = _positive(density_vapour / difference, _DENSITY_RATIO_WIDTH)
    return flow_vol / area * ca.sqrt(ratio)
