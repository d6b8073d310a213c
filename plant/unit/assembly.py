"""The crude unit put together: feed path, column, overhead and what connects them."""

from collections.abc import Mapping
from dataclasses import dataclass

import casadi as ca

from operator_agent.plant.crude.lumps import Lumps, lumps
from operator_agent.plant.crude.tbp import BoilingCurve
from operator_agent.plant.crude.thermo import properties
from operator_agent.plant.equipment.flow_loop import (
    FlowLoop,
    FlowResult,
    add_flow_loop,
    sized_loop,
)
from operator_agent.plant.smooth import FLOW_FLOOR, smaller, softplus
from operator_agent.plant.states import States
from operator_agent.plant.unit.balances import Stream
from operator_agent.plant.unit.case import CrudeUnitCase, Layout
from operator_agent.plant.unit.column import (
    Column,
    declare_column,
    pumparound_tray,
    set_column_rates,
)
from operator_agent.plant.unit.crude_feed import Crude, add_line_up, crude_of
from operator_agent.plant.unit.feed_path import FeedInputs, FeedPath, add_feed_path
from operator_agent.plant.unit.overhead import (
    Cooling,
    Overhead,
    OverheadStates,
    add_overhead,
    declare_overhead,
    drum_liquid,
    reflux_available,
)
from operator_agent.plant.unit.pumparounds import Circulation, add_circulation, cooler_duty
from operator_agent.plant.unit.stage import Component
from operator_agent.plant.variables import (
    ANALYSERS,
    HANDLES,
    MV_NAMES,
    PLACES,
    SIDE_PRODUCTS,
)

_ANALYSER_SCALE_K = 5.0
_INTEGRAL_TOP_SCALE = 0.005  # [m3/s]


@dataclass(frozen=True, slots=True)
class Assembly:
    """All expressions of one unit.

    Attributes:
        case, layout, lumps, component, curve: of what it is made.
        states: with their rates.
        inputs, disturbances: symbols, in the order of their names.
        u, d: the same by name.
        crude: that is pumped, per volume.
        flows: of the flow loops, by name of the loop.
        circulations: of the pumparounds, by place.
        duties_pumparound: heat taken from the column, by place [W].
        feed_path, column, overhead: parts of the unit.
        drum: states of the overhead.
        reflux: to the top tray.
        flow_vol_reflux: [m3/s].
        analysers: boiling points as analysers have them, by CV name [K].
    """

    case: CrudeUnitCase
    layout: Layout
    lumps: Lumps
    component: Component
    curve: BoilingCurve
    states: States
    inputs: ca.SX
    disturbances: ca.SX
    u: Mapping[str, ca.SX]
    d: Mapping[str, ca.SX]
    crude: Crude
    flows: Mapping[str, FlowResult]
    circulations: Mapping[str, Circulation]
    duties_pumparound: Mapping[str, ca.SX]
    feed_path: FeedPath
    column: Column
    overhead: Overhead
    drum: OverheadStates
    reflux: Stream
    flow_vol_reflux: ca.SX
    analysers: Mapping[str, ca.SX]

    def product(self, name: str) -> Stream:
        """Return a product as it leaves column, stripper or drum."""
        if name == "naphtha":
            return self.overhead.naphtha
        return self.column.product(self.component, name)

    def product_volumes(self, name: str) -> ca.SX:
        """Return the volumes of the lumps where a product is drawn [m3]."""
        return _product_volumes(self.component, self.column, self.drum, name)


@dataclass(frozen=True, slots=True)
class _Start:
    """What all parts are made of, and the symbols of the inputs."""

    case: CrudeUnitCase
    layout: Layout
    lumps: Lumps
    component: Component
    states: States
    inputs: ca.SX
    disturbances: ca.SX
    u: Mapping[str, ca.SX]
    d: Mapping[str, ca.SX]
    loops: Mapping[str, FlowLoop]

    @classmethod
    def of(cls, case: CrudeUnitCase, layout: Layout) -> "_Start":
        divided = lumps(case.assays, layout.lump_edges, case.slate_vector(case.slate))
        names = (*MV_NAMES, *HANDLES)
        inputs = ca.SX.sym("u", len(names))
        disturbances = ca.SX.sym("d", len(case.plant_d_names))
        return cls(
            case=case,
            layout=layout,
            lumps=divided,
            component=Component.from_properties(properties(divided)),
            states=States(),
            inputs=inputs,
            disturbances=disturbances,
            u=dict(zip(names, ca.vertsplit(inputs), strict=True)),
            d=dict(zip(case.plant_d_names, ca.vertsplit(disturbances), strict=True)),
            loops={name: sized_loop(made, case.practice) for name, made in case.services.items()},
        )


def assemble(case: CrudeUnitCase, layout: Layout) -> Assembly:
    """Return all expressions of the unit in a layout.

    Raises:
        InputError: the layout's lumps are wrong.
    """
    start = _Start.of(case, layout)
    states, component = start.states, start.component
    flows = _pumped_flows(start)
    crude = _mixed_crude(start, flows["feed"].flow_vol)
    drum, column = _declared_column(start, flows)
    circulations = _circulations(start, column)
    feed_path = _feed_path(start, crude, flows["feed"].flow_vol, drum, column, circulations)
    top_duty = cooler_duty(
        circulations["top"].hot,
        start.u["duty_pumparound_top"],
        case.train.effectiveness_trim,
        start.d["temp_cooling_water"],
    )
    duties = {"top": top_duty, **feed_path.duties_pumparound}
    flows["reflux"] = _reflux_loop(start, column)
    available = reflux_available(component, drum, case.overhead)
    flow_vol_reflux = smaller(flows["reflux"].flow_vol, available, FLOW_FLOOR)
    reflux = drum_liquid(component, drum, flow_vol_reflux)
    overhead = _overhead(start, drum, column, reflux)
    set_column_rates(states, component, column, feed_path.outlet, reflux, duties)
    curve = BoilingCurve.from_lumps(start.lumps, layout.curve_spread)
    return Assembly(
        case=case,
        layout=layout,
        lumps=start.lumps,
        component=component,
        curve=curve,
        states=states,
        inputs=start.inputs,
        disturbances=start.disturbances,
        u=start.u,
        d=start.d,
        crude=crude,
        flows=flows,
        circulations=circulations,
        duties_pumparound=duties,
        feed_path=feed_path,
        column=column,
        overhead=overhead,
        drum=drum,
        reflux=reflux,
        flow_vol_reflux=flow_vol_reflux,
        analysers=_add_analysers(states, case, layout, curve, component, column, drum),
    )


def _pumped_flows(start: _Start) -> dict[str, FlowResult]:
    """Return the flow loops of feed and draws; product pumps stop with the power alone."""
    power, flows = start.d["status_power"], {}
    for name in ("feed", *SIDE_PRODUCTS):
        running = power * start.d["status_pump_feed"] if name == "feed" else power
        setpoint = start.u[f"flow_vol_{name}"]
        flows[name] = _flow_loop(start, name, setpoint, running)
    return flows


def _flow_loop(start: _Start, name: str, setpoint: ca.SX, running: ca.SX) -> FlowResult:
    band = start.d[f"stick_band_{name}"]
    return add_flow_loop(start.states, name, start.loops[name], setpoint, running, band)


def _mixed_crude(start: _Start, flow_vol: ca.SX) -> Crude:
    case = start.case
    mixed = add_line_up(
        start.states,
        start.lumps,
        case.slate_vector(case.slate),
        case.feed.volume_line_up,
        start.disturbances[: len(case.assays)],
        flow_vol,
    )
    return crude_of(start.component, start.lumps, mixed)


def _declared_column(
    start: _Start, flows: Mapping[str, FlowResult]
) -> tuple[OverheadStates, Column]:
    case, states, component = start.case, start.states, start.component
    guess = (case.setpoints["temp_top"], case.setpoints["temp_coil_outlet"])
    pressure = case.handles["pressure_top"]
    drum = declare_overhead(states, component, case.overhead, pressure, guess[0])
    column = declare_column(
        states,
        component,
        case.column,
        start.layout,
        drum.pressure,
        {place: start.u[f"flow_mass_steam_{place}"] for place in ("bottom", *SIDE_PRODUCTS)},
        {product: flows[product].flow_vol for product in SIDE_PRODUCTS},
        guess,
    )
    return drum, column


def _circulations(start: _Start, column: Column) -> dict[str, Circulation]:
    power = start.d["status_power"]
    return {
        place: add_circulation(
            start.states,
            start.component,
            f"pumparound_{place}",
            start.loops[f"pumparound_{place}"],
            start.case.column.volume_pumparound_dry,
            column.trays[pumparound_tray(start.layout, place) - 1].stage,
            power * start.d[f"status_pump_pumparound_{place}"],
        )
        for place in PLACES
    }


def _feed_path(
    start: _Start,
    crude: Crude,
    flow_vol: ca.SX,
    drum: OverheadStates,
    column: Column,
    circulations: Mapping[str, Circulation],
) -> FeedPath:
    component = start.component
    return add_feed_path(
        start.states,
        component,
        start.case,
        start.layout,
        FeedInputs(crude, flow_vol, start.u, start.d, drum.pressure),
        {place: circulation.hot for place, circulation in circulations.items()},
        {name: column.hot_side(component, name) for name in (*SIDE_PRODUCTS, "residue")},
    )


def _reflux_loop(start: _Start, column: Column) -> FlowResult:
    error = column.top.temp - start.u["temp_top"]
    wanted = _reflux_wanted(start.states, start.case, start.layout, error)
    running = start.d["status_power"] * start.d["status_pump_reflux"]
    return _flow_loop(start, "reflux", wanted, running)


def _overhead(start: _Start, drum: OverheadStates, column: Column, reflux: Stream) -> Overhead:
    d = start.d
    running = d["status_power"] * d["status_condenser"]
    return add_overhead(
        start.states,
        drum,
        start.component,
        start.case.overhead,
        start.layout,
        column.top,
        reflux,
        start.u["pressure_top"],
        Cooling(d["temp_cooling_water"], d["temp_ambient"], running),
    )


def _reflux_wanted(states: States, case: CrudeUnitCase, layout: Layout, error: ca.SX) -> ca.SX:
    """Return the reflux that the loop of the top temperature asks for [m3/s]."""
    loop = case.top_loop
    integral = states.add("integral_top", _INTEGRAL_TOP_SCALE, 0.0)
    push = loop.gain_reflux * error
    raw = loop.flow_vol_reflux + push + integral
    high = loop.flow_vol_reflux_high
    wanted = softplus(raw, layout.flow_soft) - softplus(raw - high, layout.flow_soft)
    states.rates["integral_top"] = (push + wanted - raw) / loop.time_reflux
    return wanted


def _product_volumes(
    component: Component, column: Column, drum: OverheadStates, name: str
) -> ca.SX:
    if name == "naphtha":
        return drum.drum * component.molar_volume
    vessel = column.trays[-1] if name == "residue" else column.strippers[name]
    return vessel.holdup * component.molar_volume


def _add_analysers(
    states: States,
    case: CrudeUnitCase,
    layout: Layout,
    curve: BoilingCurve,
    component: Component,
    column: Column,
    drum: OverheadStates,
) -> dict[str, ca.SX]:
    analysers = {}
    for name, (product, fraction) in ANALYSERS.items():
        guess = case.setpoints["temp_top"] + 40.0
        temp = states.add(f"analyser_{name}", _ANALYSER_SCALE_K, guess)
        volumes = _product_volumes(component, column, drum, product)
        states.rates[f"analyser_{name}"] = (
            curve.newton_step(temp, volumes, fraction) / layout.time_analyser
        )
        analysers[name] = temp
    return analysers
