"""The column: trays, side strippers, and the liquid that is drawn from the one to the other."""

from collections.abc import Mapping
from dataclasses import dataclass

import casadi as ca

from operator_agent.plant.crude.thermo import MOLAR_MASS_WATER
from operator_agent.plant.equipment.exchanger import HotSide
from operator_agent.plant.smooth import FLOW_FLOOR, smaller
from operator_agent.plant.states import States
from operator_agent.plant.unit.balances import (
    Steam,
    Stream,
    liquid_stream,
    stage_rates,
    vapour_stream,
)
from operator_agent.plant.unit.case import ColumnSizes, Layout
from operator_agent.plant.unit.guess import guess_holdup, guess_temps
from operator_agent.plant.unit.stage import Component, Hydraulics, Stage, make_stage
from operator_agent.plant.variables import SIDE_PRODUCTS

_HOLDUP_SCALE = 500.0  # [mol] of one lump; a tray holds some 1e4 mol
_TEMP_SCALE = 5.0  # [K]


@dataclass(frozen=True, slots=True)
class Vessel:
    """A stage with the symbols of its states.

    Attributes:
        stage: its traffic.
        holdup: moles of the lumps [mol].
        pressure: [Pa].
        name: as in the names of its states.
    """

    stage: Stage
    holdup: ca.SX
    pressure: ca.SX
    name: str


@dataclass(frozen=True, slots=True)
class Column:
    """Expressions of the column.

    Attributes:
        trays: from the top.
        strippers: by product.
        flow_vol_draws: liquid that leaves the column, by product [m3/s]; at most what there is.
        layout: places of draws, pumparounds and feed.
        temp_steam: of all stripping steam [K].
        heat_capacity_tray: metal of one stage [J/K].
    """

    trays: tuple[Vessel, ...]
    strippers: Mapping[str, Vessel]
    flow_vol_draws: Mapping[str, ca.SX]
    layout: Layout
    temp_steam: float
    heat_capacity_tray: float

    @property
    def top(self) -> Stage:
        """Top tray."""
        return self.trays[0].stage

    @property
    def flash_zone(self) -> Stage:
        """Tray of the feed."""
        return self.trays[self.layout.tray_flash_zone - 1].stage

    @property
    def bottom(self) -> Stage:
        """Sump, whose liquid is the residue."""
        return self.trays[-1].stage

    @property
    def flow_vol_overflash(self) -> ca.SX:
        """Liquid from the tray above the flash zone [m3/s]."""
        return self._flow_vol_down(self.layout.tray_flash_zone - 1)

    def product(self, component: Component, name: str) -> Stream:
        """Return a side product or the residue."""
        stage = self.bottom if name == "residue" else self.strippers[name].stage
        return liquid_stream(component, stage, stage.flow_vol_liquid)

    def hot_side(self, component: Component, name: str) -> HotSide:
        """Return a side product or the residue as an exchanger meets it."""
        stage = self.bottom if name == "residue" else self.strippers[name].stage
        flows = stage.liquid(stage.flow_vol_liquid)
        terms = component.enthalpy_terms_liquid(flows)
        return HotSide(stage.temp, terms, stage.flow_vol_liquid)

    def steam(self) -> ca.SX:
        """Return the flow of all steam that enters [mol/s]."""
        steam = self.bottom.flow_steam
        for stripper in self.strippers.values():
            steam = steam + stripper.stage.flow_steam
        return steam

    def _flow_vol_down(self, tray: int) -> ca.SX:
        flow_vol = self.trays[tray - 1].stage.flow_vol_liquid
        for product, drawn in self.flow_vol_draws.items():
            if draw_tray(self.layout, product) == tray:
                flow_vol = flow_vol - drawn
        return flow_vol

    def _liquid_from(self, component: Component, tray: int) -> Stream:
        return liquid_stream(component, self.trays[tray - 1].stage, self._flow_vol_down(tray))


def draw_tray(layout: Layout, product: str) -> int:
    """Return the tray from which a side product is drawn."""
    return int(getattr(layout, f"tray_{product}"))


def pumparound_tray(layout: Layout, place: str) -> int:
    """Return the tray that a pumparound cools."""
    return int(getattr(layout, f"tray_pumparound_{place}"))


def declare_column(
    states: States,
    component: Component,
    sizes: ColumnSizes,
    layout: Layout,
    pressure_top: ca.SX,
    flow_mass_steam: Mapping[str, ca.SX],
    flow_vol_wanted: Mapping[str, ca.SX],
    guess: tuple[float, float],
) -> Column:
    """Declare the states of trays and strippers and return the column's traffic.

    Args:
        states: of the model, extended here.
        component: the lumps.
        sizes, layout: numbers.
        pressure_top: of the top tray [Pa]; it rises evenly to the flash zone.
        flow_mass_steam: to `bottom` and to each side product's stripper [kg/s].
        flow_vol_wanted: draws that the flow loops let through [m3/s].
        guess: temperatures of top and feed where the search for rest starts [K].
    """
    step = sizes.pressure_drop_column / (layout.tray_flash_zone - 1)
    temps = guess_temps(*guess, layout.n_trays, layout.tray_flash_zone)
    steam = {name: flow / MOLAR_MASS_WATER for name, flow in flow_mass_steam.items()}
    trays = []
    for n in range(1, layout.n_trays + 1):
        through = steam["bottom"]
        for product in SIDE_PRODUCTS:
            if n < draw_tray(layout, product):
                through = through + steam[product]
        kind = "sump" if n == layout.n_trays else "tray"
        hydraulics = _hydraulics(layout, kind, layout.transfer_tray)
        pressure = pressure_top + step * (n - 1)
        trays.append(
            _vessel(states, component, f"tray_{n}", temps[n - 1], pressure, through, hydraulics)
        )
    strippers, draws = {}, {}
    hydraulics = _hydraulics(layout, "stripper", layout.transfer_stripper)
    for product in SIDE_PRODUCTS:
        tray = trays[draw_tray(layout, product) - 1]
        temp = temps[draw_tray(layout, product) - 1] - 8.0
        name = f"stripper_{product}"
        strippers[product] = _vessel(
            states, component, name, temp, tray.pressure, steam[product], hydraulics
        )
        draws[product] = smaller(flow_vol_wanted[product], tray.stage.flow_vol_liquid, FLOW_FLOOR)
    metal = sizes.heat_capacity_trays / layout.n_trays
    return Column(tuple(trays), strippers, draws, layout, sizes.temp_steam, metal)


def _hydraulics(layout: Layout, vessel: str, transfer: float) -> Hydraulics:
    return Hydraulics(
        volume_weir=getattr(layout, f"volume_{vessel}"),
        time_s=getattr(layout, f"time_{vessel}"),
        flow_soft=layout.flow_soft,
        transfer=transfer,
        time_weep_s=layout.time_weep,
    )


def _vessel(
    states: States,
    component: Component,
    name: str,
    temp_guess: float,
    pressure: ca.SX,
    steam: ca.SX,
    hydraulics: Hydraulics,
) -> Vessel:
    guess = guess_holdup(component, 1.4 * hydraulics.volume_weir, temp_guess)
    holdup = states.add_holdup(name, guess, _HOLDUP_SCALE)
    temp = states.add(f"temp_{name}", _TEMP_SCALE, temp_guess)
    stage = make_stage(component, holdup, temp, pressure, steam, hydraulics)
    return Vessel(stage, holdup, pressure, name)


def set_column_rates(
    states: States,
    component: Component,
    column: Column,
    feed: Stream,
    reflux: Stream,
    duties_pumparound: Mapping[str, ca.SX],
) -> None:
    """Give the rates of all trays and strippers.

    Args:
        states: of the model.
        component: the lumps.
        column: from `declare_column`.
        feed: crude behind the heater, to the flash zone.
        reflux: to the top tray.
        duties_pumparound: heat taken out, by place [W].
    """
    for n in range(1, len(column.trays) + 1):
        inflows, steams = _entering(component, column, n, reflux)
        if n == column.layout.tray_flash_zone:
            inflows.append(feed)
        cooling = ca.SX(0.0)
        for place, duty in duties_pumparound.items():
            if pumparound_tray(column.layout, place) == n:
                cooling = cooling + duty
        _set_rates(states, component, column, column.trays[n - 1], inflows, steams, cooling)
    for product, stripper in column.strippers.items():
        tray = column.trays[draw_tray(column.layout, product) - 1].stage
        inflow = liquid_stream(component, tray, column.flow_vol_draws[product])
        inlet = Steam(stripper.stage.flow_steam, ca.SX(column.temp_steam))
        _set_rates(states, component, column, stripper, [inflow], [inlet], ca.SX(0.0))


def _entering(
    component: Component, column: Column, n: int, reflux: Stream
) -> tuple[list[Stream], list[Steam]]:
    """Return what enters tray n from its neighbours and from the strippers."""
    inflows = [reflux] if n == 1 else [column._liquid_from(component, n - 1)]
    if n == len(column.trays):
        return inflows, [Steam(column.bottom.flow_steam, ca.SX(column.temp_steam))]
    below = column.trays[n].stage
    inflows.append(vapour_stream(component, below))
    steams = [Steam(below.flow_steam, below.temp)]
    for product, stripper in column.strippers.items():
        if draw_tray(column.layout, product) - 1 == n:
            inflows.append(vapour_stream(component, stripper.stage))
            steams.append(Steam(stripper.stage.flow_steam, stripper.stage.temp))
    return inflows, steams


def _set_rates(
    states: States,
    component: Component,
    column: Column,
    vessel: Vessel,
    inflows: list[Stream],
    steams: list[Steam],
    cooling: ca.SX,
) -> None:
    metal = column.heat_capacity_tray
    rate, temp_rate = stage_rates(
        component, vessel.stage, vessel.holdup, inflows, steams, cooling, metal
    )
    states.set_holdup_rate(vessel.name, rate)
    states.rates[f"temp_{vessel.name}"] = temp_rate
