"""The column: trays, side strippers, pumparounds, condenser and reflux drum."""

from dataclasses import dataclass

import casadi as ca
import numpy as np

from operator_agent.plant.crude.thermo import (
    HEAT_CAPACITY_STEAM,
    HEAT_VAPORISATION_WATER,
    MOLAR_MASS_WATER,
)
from operator_agent.plant.smooth import limited, softplus
from operator_agent.plant.states import States
from operator_agent.plant.unit.balances import (
    Steam,
    Stream,
    liquid_stream,
    stage_rates,
    vapour_stream,
)
from operator_agent.plant.unit.case import CrudeUnitCase, Layout
from operator_agent.plant.unit.stage import (
    Component,
    Hydraulics,
    Stage,
    liquid_outflow,
    make_stage,
)
from operator_agent.plant.variables import SIDE_PRODUCTS

_HOLDUP_SCALE = 500.0  # [mol] of one lump; a tray holds some 1e4 mol
_TEMP_SCALE = 5.0  # [K]
_DRUM_EMPTYING_S = 60.0  # reflux takes at most the drum's content in this time
_PUMPAROUND_COLD_K = 330.0  # pumparounds cannot cool a tray below about this
_PUMPAROUND_WIDTH_K = 25.0
_GUESS_WIDTH_K = 60.0  # spread of boiling points on a tray in the initial guess


@dataclass(frozen=True, slots=True)
class SideDraw:
    """A side product: flow from the column, and the stripper it passes.

    Attributes:
        flow_vol: liquid that leaves the column [m3/s], at most what there is.
        stripper: stage of the stripper.
        product: stripped liquid.
    """

    flow_vol: ca.SX
    stripper: Stage
    product: Stream


@dataclass(frozen=True, slots=True)
class Column:
    """Expressions of the column.

    Attributes:
        trays: from the top.
        pressures: of the trays [Pa].
        draws: side draws by product.
        flow_vol_overflash: liquid from the tray above the flash zone [m3/s].
        flow_vol_reflux: [m3/s].
        naphtha, residue: products at the ends.
        duty_condenser: heat taken out of the overhead [W].
        duties_pumparound: heat taken out, by place [W].
        flow_mass_steam: all stripping steam [kg/s].
        enthalpy_steam: sensible and latent heat of all steam, over water at drum temperature [W].
    """

    trays: tuple[Stage, ...]
    pressures: tuple[float, ...]
    draws: dict[str, SideDraw]
    flow_vol_overflash: ca.SX
    flow_vol_reflux: ca.SX
    naphtha: Stream
    residue: Stream
    duty_condenser: ca.SX
    duties_pumparound: dict[str, ca.SX]
    flow_mass_steam: ca.SX
    enthalpy_steam: ca.SX


@dataclass(frozen=True, slots=True)
class ColumnInputs:
    """What acts on the column: set points, feed and steam.

    Attributes:
        feed: from the furnace.
        temp_top: set point [K].
        flow_vol_draws: set points by product [m3/s].
        duties_pumparound: by place [W].
        flow_mass_steam: to the bottom [kg/s].
    """

    feed: Stream
    temp_top: ca.SX
    flow_vol_draws: dict[str, ca.SX]
    duties_pumparound: dict[str, ca.SX]
    flow_mass_steam: ca.SX


def tray_pressures(case: CrudeUnitCase, layout: Layout) -> tuple[float, ...]:
    """Return the pressure of each tray [Pa], rising evenly to the flash zone."""
    step = case.equipment.pressure_drop_column / (layout.tray_flash_zone - 1)
    return tuple(case.equipment.pressure_top + step * n for n in range(layout.n_trays))


def _guess_holdup(component: Component, volume: float, temp: float) -> list[float]:
    """Return moles of lumps that boil near a temperature, together of the given volume [m3]."""
    a, b, c = (np.array(row).ravel() for row in component.antoine)
    boiling = b / (a - np.log(1.8e5)) - c
    weight = np.exp(-(((boiling - temp) / _GUESS_WIDTH_K) ** 2)) + 1e-3
    volumes = volume * weight / weight.sum()
    return [float(v) for v in volumes / np.array(component.molar_volume).ravel()]


def _guess_temps(case: CrudeUnitCase, layout: Layout) -> list[float]:
    top, bottom = case.setpoints["temp_top"], case.setpoints["temp_coil_outlet"]
    below = layout.n_trays - layout.tray_flash_zone
    down = np.linspace(top, bottom - 5.0, layout.tray_flash_zone)
    return [*map(float, down), *(float(bottom - 8.0 - 4.0 * n) for n in range(below))]


def add_column(
    states: States,
    component: Component,
    case: CrudeUnitCase,
    layout: Layout,
    inputs: ColumnInputs,
) -> Column:
    """Declare the column's states and rates and return its expressions."""
    trays, holdups = _trays(states, component, case, layout, inputs)
    draws = _draws(states, component, case, layout, inputs, trays)
    overhead, reflux_stream, naphtha, flow_vol_reflux = _overhead(
        states, component, case, layout, inputs, trays[0]
    )
    duties = _pumparounds(case, layout, inputs, trays)
    pumparound_tray = _pumparound_trays(layout)
    last = layout.n_trays
    for n, (tray, holdup) in enumerate(zip(trays, holdups, strict=True), 1):
        inflows = [reflux_stream] if n == 1 else [_liquid_to(component, layout, trays, draws, n)]
        steams = [Steam(trays[n].flow_steam, trays[n].temp)] if n < last else []
        if n < last:
            inflows.append(vapour_stream(component, trays[n]))
        else:
            steams.append(Steam(tray.flow_steam, ca.SX(case.equipment.temp_steam)))
        if n == layout.tray_flash_zone:
            inflows.append(inputs.feed)
        for product, draw in draws.items():
            if _draw_tray(layout, product) - 1 == n:
                inflows.append(vapour_stream(component, draw.stripper))
                steams.append(Steam(draw.stripper.flow_steam, draw.stripper.temp))
        cooling = sum((duties[p] for p, at in pumparound_tray.items() if at == n), ca.SX(0.0))
        rate, temp_rate = stage_rates(component, tray, holdup, inflows, steams, cooling)
        states.set_holdup_rate(f"tray_{n}", rate)
        states.rates[f"temp_tray_{n}"] = temp_rate
    above = trays[layout.tray_flash_zone - 2]
    overflash = above.flow_vol_liquid - _drawn(layout, draws, layout.tray_flash_zone - 1)
    steam = _all_steam(trays, draws)
    return Column(
        trays=tuple(trays),
        pressures=tray_pressures(case, layout),
        draws=draws,
        flow_vol_overflash=overflash,
        flow_vol_reflux=flow_vol_reflux,
        naphtha=naphtha,
        residue=liquid_stream(component, trays[-1], trays[-1].flow_vol_liquid),
        duty_condenser=overhead,
        duties_pumparound=duties,
        flow_mass_steam=steam * MOLAR_MASS_WATER,
        enthalpy_steam=_steam_enthalpy(case, steam),
    )


def _draw_tray(layout: Layout, product: str) -> int:
    return int(getattr(layout, f"tray_{product}"))


def _pumparound_trays(layout: Layout) -> dict[str, int]:
    return {
        "top": layout.tray_pumparound_top,
        "mid": layout.tray_pumparound_mid,
        "bottom": layout.tray_pumparound_bottom,
    }


def _moles_steam(flow_mass: ca.SX | float) -> ca.SX:
    return ca.SX(flow_mass) / MOLAR_MASS_WATER


def _steam_to_stripper(case: CrudeUnitCase, product: str) -> ca.SX:
    return _moles_steam(getattr(case.equipment, f"flow_mass_steam_{product}"))


def _hydraulics(layout: Layout, vessel: str, transfer: float) -> Hydraulics:
    return Hydraulics(
        volume_weir=getattr(layout, f"volume_{vessel}"),
        time_s=getattr(layout, f"time_{vessel}"),
        flow_soft=layout.flow_soft,
        transfer=transfer,
        time_weep_s=layout.time_weep,
    )


def _trays(
    states: States,
    component: Component,
    case: CrudeUnitCase,
    layout: Layout,
    inputs: ColumnInputs,
) -> tuple[list[Stage], list[ca.SX]]:
    normal = _hydraulics(layout, "tray", layout.transfer_tray)
    sump = _hydraulics(layout, "sump", layout.transfer_tray)
    trays, holdups = [], []
    pressures, temps = tray_pressures(case, layout), _guess_temps(case, layout)
    for n in range(1, layout.n_trays + 1):
        hydraulics = sump if n == layout.n_trays else normal
        guess = _guess_holdup(component, 1.5 * hydraulics.volume_weir, temps[n - 1])
        holdup = states.add_holdup(f"tray_{n}", guess, _HOLDUP_SCALE)
        temp = states.add(f"temp_tray_{n}", _TEMP_SCALE, temps[n - 1])
        steam = _moles_steam(inputs.flow_mass_steam)
        for product in SIDE_PRODUCTS:
            if n < _draw_tray(layout, product):
                steam = steam + _steam_to_stripper(case, product)
        stage = make_stage(component, holdup, temp, pressures[n - 1], steam, hydraulics)
        trays.append(stage)
        holdups.append(holdup)
    return trays, holdups


def _draws(
    states: States,
    component: Component,
    case: CrudeUnitCase,
    layout: Layout,
    inputs: ColumnInputs,
    trays: list[Stage],
) -> dict[str, SideDraw]:
    hydraulics = _hydraulics(layout, "stripper", layout.transfer_stripper)
    pressures, temps = tray_pressures(case, layout), _guess_temps(case, layout)
    draws = {}
    for product in SIDE_PRODUCTS:
        place = _draw_tray(layout, product)
        tray = trays[place - 1]
        wanted = inputs.flow_vol_draws[product]
        flow_vol = limited(wanted, tray.flow_vol_liquid, layout.flow_soft)
        guess = _guess_holdup(component, 1.2 * layout.volume_stripper, temps[place - 1])
        holdup = states.add_holdup(f"stripper_{product}", guess, _HOLDUP_SCALE)
        temp = states.add(f"temp_stripper_{product}", _TEMP_SCALE, temps[place - 1] - 8.0)
        steam = _steam_to_stripper(case, product)
        stripper = make_stage(component, holdup, temp, pressures[place - 1], steam, hydraulics)
        inflow = liquid_stream(component, tray, flow_vol)
        inlet = Steam(steam, ca.SX(case.equipment.temp_steam))
        rate, temp_rate = stage_rates(component, stripper, holdup, [inflow], [inlet], ca.SX(0.0))
        states.set_holdup_rate(f"stripper_{product}", rate)
        states.rates[f"temp_stripper_{product}"] = temp_rate
        product_stream = liquid_stream(component, stripper, stripper.flow_vol_liquid)
        draws[product] = SideDraw(flow_vol, stripper, product_stream)
    return draws


def _drawn(layout: Layout, draws: dict[str, SideDraw], tray: int) -> ca.SX:
    return sum(
        (draw.flow_vol for product, draw in draws.items() if _draw_tray(layout, product) == tray),
        ca.SX(0.0),
    )


def _liquid_to(
    component: Component,
    layout: Layout,
    trays: list[Stage],
    draws: dict[str, SideDraw],
    tray: int,
) -> Stream:
    above = trays[tray - 2]
    return liquid_stream(component, above, above.flow_vol_liquid - _drawn(layout, draws, tray - 1))


def _pumparounds(
    case: CrudeUnitCase, layout: Layout, inputs: ColumnInputs, trays: list[Stage]
) -> dict[str, ca.SX]:
    """Return the duties [W]; they fade when the tray is as cold as the coolant."""
    wanted = {"top": ca.SX(case.equipment.duty_pumparound_top), **inputs.duties_pumparound}
    duties = {}
    for place, tray in _pumparound_trays(layout).items():
        over = (trays[tray - 1].temp - _PUMPAROUND_COLD_K) / _PUMPAROUND_WIDTH_K
        duties[place] = wanted[place] * 0.5 * (1.0 + ca.tanh(over))
    return duties


def _overhead(
    states: States,
    component: Component,
    case: CrudeUnitCase,
    layout: Layout,
    inputs: ColumnInputs,
    top: Stage,
) -> tuple[ca.SX, Stream, Stream, ca.SX]:
    """Return condenser duty, reflux, naphtha and the reflux flow; top temperature loop inside."""
    loops, temp_drum = case.loops, case.equipment.temp_drum
    guess = _guess_holdup(component, 1.2 * layout.volume_drum, temp_drum + 60.0)
    holdup = states.add_holdup("drum", guess, _HOLDUP_SCALE)
    integral = states.add("integral_top", 0.005, 0.0)
    moles, volume = ca.sum1(holdup), ca.dot(holdup, component.molar_volume)
    enthalpy = component.enthalpy_liquid(ca.SX(temp_drum))
    density = moles / volume

    def liquid(flow_vol: ca.SX) -> Stream:
        flows = flow_vol * density * holdup / moles
        return Stream(flows, ca.dot(flows, enthalpy))

    error = top.temp - inputs.temp_top
    raw = loops.flow_vol_reflux + loops.gain_reflux * error + integral
    reflux = limited(softplus(raw, layout.flow_soft), volume / _DRUM_EMPTYING_S, layout.flow_soft)
    states.rates["integral_top"] = (loops.gain_reflux * error + (reflux - raw)) / loops.time_reflux
    level = _hydraulics(layout, "drum", 0.0)
    naphtha = liquid_outflow(volume, level)
    reflux_stream, naphtha_stream = liquid(reflux), liquid(naphtha)
    states.set_holdup_rate("drum", top.vapour - reflux_stream.flows - naphtha_stream.flows)
    steam = top.flow_steam * (
        HEAT_VAPORISATION_WATER + HEAT_CAPACITY_STEAM * (top.temp - temp_drum)
    )
    hydrocarbons = ca.dot(top.vapour, component.enthalpy_vapour(top.temp) - enthalpy)
    return hydrocarbons + steam, reflux_stream, naphtha_stream, reflux


def _all_steam(trays: list[Stage], draws: dict[str, SideDraw]) -> ca.SX:
    """Return the molar flow of all steam that enters the column [mol/s]."""
    return trays[-1].flow_steam + sum(
        (draw.stripper.flow_steam for draw in draws.values()), ca.SX(0.0)
    )


def _steam_enthalpy(case: CrudeUnitCase, flow: ca.SX) -> ca.SX:
    superheat = case.equipment.temp_steam - case.equipment.temp_drum
    return flow * (HEAT_VAPORISATION_WATER + HEAT_CAPACITY_STEAM * superheat)
