"""The column's overhead: vapour space, condenser, relief, drum, and the pressure loop.

The vapour space holds the lumps and the steam; its pressure is that of an ideal gas,
P = sum(n) R T/V. The condenser takes vapour out of it. Its condensing curve is a straight line, its
cold side unlimited (Kays and London, Compact Heat Exchangers, 1984), so with r = Q_cap/Q, the heat
it could take from vapour that stays hot over the heat it takes,

    NTU = r (1 - exp(-NTU)),    T_c = T_water + (T_vapour - T_water) exp(-NTU).

All vapour that is condensed becomes liquid: light ends stay in the naphtha.
"""

from dataclasses import dataclass

import casadi as ca

from operator_agent.plant.crude.thermo import (
    GAS_CONSTANT,
    HEAT_CAPACITY_STEAM,
    HEAT_VAPORISATION_WATER,
    MOLAR_MASS_WATER,
)
from operator_agent.plant.smooth import smaller, softplus
from operator_agent.plant.states import States
from operator_agent.plant.unit.balances import Stream, vapour_stream
from operator_agent.plant.unit.case import Layout, OverheadSizes
from operator_agent.plant.unit.guess import guess_holdup
from operator_agent.plant.unit.stage import (
    Component,
    Hydraulics,
    Stage,
    liquid_outflow,
)

HEAT_CAPACITY_WATER = 75.3  # [J/(mol K)], liquid at 300 to 350 K; NIST WebBook
TEMP_LATENT = 320.0  # [K], where the heat of vaporisation of water is taken
_DUTY_SOFT = 2e5  # [W], width of the smooth limits on the duty: 0.5 % of the nominal
_RATIO_LOWEST, _RATIO_SOFT = 1.001, 0.002  # of r: at 1 the condensate is as hot as the vapour
_N_NEWTON = 2  # steps to NTU, which then is within 2e-5
_DRUM_HEEL = 0.02  # of the weir volume: below it the reflux pump loses its suction
_DRUM_EMPTYING_S = 60.0  # reflux takes at most the drum's content in this time
_STEAM_SCALE, _VAPOUR_SCALE, _HOLDUP_SCALE = 200.0, 200.0, 500.0  # [mol]
_PRESSURE_SCALE, _TEMP_SCALE = 5e3, 5.0  # [Pa], [K]
_INTEGRAL_SCALE = 1e6  # [W]
_GUESS_STEAM = 0.2  # of the moles of the vapour


def enthalpy_steam(temp: ca.SX) -> ca.SX:
    """Return the molar enthalpy of steam over liquid water at 320 K [J/mol]."""
    return HEAT_VAPORISATION_WATER + HEAT_CAPACITY_STEAM * (temp - TEMP_LATENT)


def enthalpy_water(temp: ca.SX) -> ca.SX:
    """Return the molar enthalpy of liquid water over that at 320 K [J/mol]."""
    return HEAT_CAPACITY_WATER * (temp - TEMP_LATENT)


@dataclass(frozen=True, slots=True)
class Cooling:
    """What the condenser meets: temperatures [K] of water and air, and the share in service."""

    temp_water: ca.SX
    temp_air: ca.SX
    running: ca.SX


@dataclass(frozen=True, slots=True)
class OverheadStates:
    """States of the overhead as symbols.

    Attributes:
        vapour: moles of the lumps in the vapour space [mol].
        steam: moles of steam there [mol].
        temp: of the vapour [K].
        pressure: as the trays and the transmitter feel it [Pa].
        drum: moles of the lumps in the drum [mol].
        temp_drum: [K].
        integral: of the pressure controller [W].
        cooling: share of the condenser's surface that is cooled.
    """

    vapour: ca.SX
    steam: ca.SX
    temp: ca.SX
    pressure: ca.SX
    drum: ca.SX
    temp_drum: ca.SX
    integral: ca.SX
    cooling: ca.SX


@dataclass(frozen=True, slots=True)
class Overhead:
    """Expressions of the overhead.

    Attributes:
        pressure_vapour: of the vapour space [Pa].
        duty_condenser: [W].
        temp_condensate: [K].
        relief: hydrocarbons to the flare.
        steam_relief, water: steam to the flare and water from the condenser [mol/s].
        flow_mass_flare: everything that goes to the flare [kg/s].
        naphtha: product.
        volume_drum: liquid in the drum [m3].
    """

    pressure_vapour: ca.SX
    duty_condenser: ca.SX
    temp_condensate: ca.SX
    relief: Stream
    steam_relief: ca.SX
    water: ca.SX
    flow_mass_flare: ca.SX
    naphtha: Stream
    volume_drum: ca.SX


def declare_overhead(
    states: States, component: Component, sizes: OverheadSizes, pressure: float, temp: float
) -> OverheadStates:
    """Declare the states of the overhead.

    Args:
        states: of the model, extended here.
        component: the lumps.
        sizes: of the overhead.
        pressure, temp: of the vapour in the initial guess [Pa], [K].
    """
    moles = pressure * sizes.volume_vapour / (GAS_CONSTANT * temp)
    liquid = guess_holdup(component, 1.0, temp - 30.0)
    share = (1.0 - _GUESS_STEAM) * moles / sum(liquid)
    drum = guess_holdup(component, 1.2 * sizes.volume_drum, temp - 20.0)
    return OverheadStates(
        vapour=states.add_holdup("overhead", [share * n for n in liquid], _VAPOUR_SCALE),
        steam=states.add("holdup_steam_overhead", _STEAM_SCALE, _GUESS_STEAM * moles),
        temp=states.add("temp_vapour_overhead", _TEMP_SCALE, temp),
        drum=states.add_holdup("drum", drum, _HOLDUP_SCALE),
        temp_drum=states.add("temp_drum", _TEMP_SCALE, 318.0),
        integral=states.add("integral_pressure", _INTEGRAL_SCALE, 0.0),
        cooling=states.add("fraction_condenser_cooled", 0.1, 1.0),
        pressure=states.add("pressure_top", _PRESSURE_SCALE, pressure),
    )


def drum_liquid(component: Component, states: OverheadStates, flow_vol: ca.SX) -> Stream:
    """Return a liquid flow [m3/s] from the drum."""
    flows = flow_vol * states.drum / ca.dot(states.drum, component.molar_volume)
    return Stream(flows, ca.dot(flows, component.enthalpy_liquid(states.temp_drum)))


def reflux_available(component: Component, states: OverheadStates, sizes: OverheadSizes) -> ca.SX:
    """Return the largest flow that the drum can give to the reflux pump [m3/s].

    The pump loses its suction at a heel of liquid, so the drum never runs out of a composition.
    """
    heel = _DRUM_HEEL * sizes.volume_drum
    volume = ca.dot(states.drum, component.molar_volume)
    return softplus(volume - heel, 0.1 * heel) / _DRUM_EMPTYING_S


def add_overhead(
    states: States,
    declared: OverheadStates,
    component: Component,
    sizes: OverheadSizes,
    layout: Layout,
    top: Stage,
    reflux: Stream,
    setpoint: ca.SX,
    cooling: Cooling,
) -> Overhead:
    """Give the rates of the overhead's states and return its expressions.

    Args:
        states: of the model.
        declared: states from `declare_overhead`.
        component: the lumps.
        sizes: of the overhead.
        layout: for the widths of smooth limits.
        top: tray whose vapour comes over.
        reflux: liquid that goes back to the top tray.
        setpoint: of the pressure [Pa].
        cooling: water, air and service of the condenser.
    """
    temp, moles = declared.temp, ca.sum1(declared.vapour) + declared.steam
    pressure = moles * GAS_CONSTANT * temp / sizes.volume_vapour
    duty = _duty(states, declared, sizes, setpoint, cooling)
    capacity = _capacity(declared, sizes, cooling)
    temp_condensate = cooling.temp_water + (temp - cooling.temp_water) * ca.exp(
        -transfer_units(capacity / (duty + _DUTY_SOFT))
    )
    share, share_steam = declared.vapour / moles, declared.steam / moles
    vapour, liquid = component.enthalpy_vapour(temp), component.enthalpy_liquid(temp_condensate)
    heat = ca.dot(share, vapour - liquid)
    heat = heat + share_steam * (enthalpy_steam(temp) - enthalpy_water(temp_condensate))
    condensed = duty / heat
    relieved = sizes.coefficient_relief * softplus(
        pressure - sizes.pressure_relief, sizes.width_relief
    )
    _vapour_rates(states, declared, component, top, condensed + relieved)
    states.rates["pressure_top"] = (pressure - declared.pressure) / sizes.time_pressure

    condensate = condensed * share
    drum_volume = ca.dot(declared.drum, component.molar_volume)
    level = Hydraulics(sizes.volume_drum, sizes.time_drum, layout.flow_soft, 0.0, layout.time_weep)
    naphtha = drum_liquid(component, declared, liquid_outflow(drum_volume, level))
    states.set_holdup_rate("drum", condensate - reflux.flows - naphtha.flows)
    enthalpy_drum = component.enthalpy_liquid(declared.temp_drum)
    capacity_drum = ca.dot(declared.drum, component.heat_capacity_liquid(declared.temp_drum))
    states.rates["temp_drum"] = ca.dot(condensate, liquid - enthalpy_drum) / (
        capacity_drum + sizes.heat_capacity_drum
    )
    relief = Stream(relieved * share, relieved * ca.dot(share, vapour))
    steam_relief = relieved * share_steam
    mass_flare = ca.dot(relief.flows, component.molar_mass) + steam_relief * MOLAR_MASS_WATER
    return Overhead(
        pressure_vapour=pressure,
        duty_condenser=duty,
        temp_condensate=temp_condensate,
        relief=relief,
        steam_relief=steam_relief,
        water=condensed * share_steam,
        flow_mass_flare=mass_flare,
        naphtha=naphtha,
        volume_drum=drum_volume,
    )


def transfer_units(ratio: ca.SX) -> ca.SX:
    """Return NTU of a condenser, the root of NTU = r (1 - exp(-NTU)) that is not zero.

    Args:
        ratio: r, the duty with all vapour hot over the duty; below 1 it counts as just above 1.
    """
    guarded = _RATIO_LOWEST + softplus(ratio - _RATIO_LOWEST, _RATIO_SOFT)
    units = guarded * (1.0 - ca.exp(-2.0 * (guarded - 1.0)))
    for _ in range(_N_NEWTON):
        rest = ca.exp(-units)
        units = units - (units - guarded * (1.0 - rest)) / (1.0 - guarded * rest)
    return units


def _capacity(declared: OverheadStates, sizes: OverheadSizes, cooling: Cooling) -> ca.SX:
    """Return the heat that the condenser can take at most [W]."""
    air = sizes.conductance_air * (declared.temp - cooling.temp_air)
    water = sizes.conductance_water * (declared.temp - cooling.temp_water)
    return declared.cooling * softplus(air + water, _DUTY_SOFT)


def _duty(
    states: States,
    declared: OverheadStates,
    sizes: OverheadSizes,
    setpoint: ca.SX,
    cooling: Cooling,
) -> ca.SX:
    """Return the duty that the pressure controller gets [W]; its integral winds up no further."""
    states.rates["fraction_condenser_cooled"] = (
        cooling.running - declared.cooling
    ) / sizes.time_condenser
    push = sizes.gain_pressure * (declared.pressure - setpoint)
    raw = sizes.duty_condenser + push + declared.integral
    duty = smaller(softplus(raw, _DUTY_SOFT), _capacity(declared, sizes, cooling))
    states.rates["integral_pressure"] = (push + duty - raw) / sizes.time_integral
    return duty


def _vapour_rates(
    states: States, declared: OverheadStates, component: Component, top: Stage, leaving: ca.SX
) -> None:
    """Give the rates of the vapour space: dU/dt = H_in - H_out with U = sum n (h - R T)."""
    temp = declared.temp
    moles = ca.sum1(declared.vapour) + declared.steam
    rate = top.vapour - leaving * declared.vapour / moles
    rate_steam = top.flow_steam - leaving * declared.steam / moles
    states.set_holdup_rate("overhead", rate)
    states.rates["holdup_steam_overhead"] = rate_steam
    entering = vapour_stream(component, top)
    heat = entering.enthalpy - ca.dot(entering.flows, component.enthalpy_vapour(temp))
    heat = heat + HEAT_CAPACITY_STEAM * top.flow_steam * (top.temp - temp)
    work = GAS_CONSTANT * temp * (ca.sum1(rate) + rate_steam)
    capacity = ca.dot(declared.vapour, component.heat_capacity_vapour(temp) - GAS_CONSTANT)
    capacity = capacity + declared.steam * (HEAT_CAPACITY_STEAM - GAS_CONSTANT)
    states.rates["temp_vapour_overhead"] = (heat + work) / capacity
