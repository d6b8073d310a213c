"""The dynamic crude unit as a process model, in the resolution of a layout."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import casadi as ca
import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.plant.crude.lumps import Lumps, lumps
from operator_agent.plant.crude.tbp import BoilingCurve
from operator_agent.plant.crude.thermo import properties
from operator_agent.plant.integrate import steady_state
from operator_agent.plant.process_model import ProcessModel
from operator_agent.plant.states import States
from operator_agent.plant.unit.balances import Stream
from operator_agent.plant.unit.case import CrudeUnitCase, Layout
from operator_agent.plant.unit.column import Column, ColumnInputs, add_column
from operator_agent.plant.unit.furnace import Furnace, add_furnace
from operator_agent.plant.unit.stage import Component, souders_brown
from operator_agent.plant.variables import (
    ANALYSERS,
    CV_NAMES,
    MV_NAMES,
    PRODUCTS,
    SIDE_PRODUCTS,
)

_ANALYSER_SCALE_K = 5.0
_N_TBP_STEPS = 10  # Newton steps from the analyser's reading to the stream's own boiling point
_FLOODING_SHARPNESS = 60.0  # of the smooth maximum over trays: within 0.01 of the largest


@dataclass(frozen=True, slots=True)
class CrudeUnit:
    """The unit as a model, with the further quantities that it can tell.

    Attributes:
        model: states, rates, controlled variables.
        layout: resolution of the model.
        lumps: pseudo-components.
        information: CasADi function `(x, u, d) -> info` [SI].
        information_names: of its elements.
    """

    model: ProcessModel
    layout: Layout
    lumps: Lumps
    information: ca.Function
    information_names: tuple[str, ...]


def build_crude_unit(case: CrudeUnitCase, layout: str = "plant") -> CrudeUnit:
    """Return the crude unit in one of the case's layouts, at its nominal steady state.

    Args:
        case: numbers of the unit.
        layout: key of the layout (`plant`, `controller`).

    Raises:
        InputError: the layout is not in the case or its lumps are wrong.
        PlantError: there is no steady state at the nominal set points.
    """
    chosen = case.layout(layout)
    parts = _Parts.build(case, chosen)
    name = re.sub(r"[^a-z0-9_]", "_", f"{case.key}_{layout}")
    x, u, d = parts.states.vector(), parts.inputs, parts.disturbances
    arguments = [x, u, d]
    rhs = ca.Function(f"{name}_rhs", arguments, [ca.cse(parts.states.rate_vector())])
    cvs = parts.controlled()
    outputs = ca.Function(f"{name}_outputs", arguments, [ca.vertcat(*(cvs[cv] for cv in CV_NAMES))])
    info = parts.information()
    information = ca.Function(f"{name}_information", arguments, [ca.vertcat(*info.values())])
    model = _settled(case, name, parts.states, rhs, outputs)
    return CrudeUnit(model, chosen, parts.lumps, information, tuple(info))


def disturbance_vector(
    case: CrudeUnitCase, slate: Mapping[str, float], temp_preheat: float
) -> FloatArray:
    """Return the disturbance variables of a slate and a preheat temperature [K]."""
    return np.array([*case.slate_vector(slate), temp_preheat], dtype=np.float64)


def _settled(
    case: CrudeUnitCase, name: str, states: States, rhs: ca.Function, outputs: ca.Function
) -> ProcessModel:
    def spans(names: tuple[str, ...]) -> FloatArray:
        return np.array([case.spans[variable] for variable in names])

    def model(x: FloatArray) -> ProcessModel:
        return ProcessModel(
            name=name,
            x_names=tuple(states.names),
            u_names=MV_NAMES,
            d_names=case.d_names,
            y_names=CV_NAMES,
            rhs=rhs,
            outputs=outputs,
            x_nominal=x,
            u_nominal=np.array([case.setpoints[mv] for mv in MV_NAMES]),
            d_nominal=disturbance_vector(case, case.slate, case.temp_preheat),
            x_scale=np.array(states.scales),
            u_scale=spans(MV_NAMES),
            d_scale=spans(case.d_names),
            y_scale=spans(CV_NAMES),
        )

    start = model(np.array(states.guesses))
    return model(steady_state(start, start.u_nominal, start.d_nominal, start.x_nominal))


@dataclass(frozen=True, slots=True)
class _Parts:
    """All expressions of one unit while it is being put together."""

    case: CrudeUnitCase
    layout: Layout
    lumps: Lumps
    component: Component
    curve: BoilingCurve
    states: States
    inputs: ca.SX
    disturbances: ca.SX
    furnace: Furnace
    column: Column
    analysers: dict[str, ca.SX]

    @classmethod
    def build(cls, case: CrudeUnitCase, layout: Layout) -> "_Parts":
        slate = case.slate_vector(case.slate)
        divided = lumps(case.assays, layout.lump_edges, slate)
        component = Component.from_properties(properties(divided))
        curve = BoilingCurve.from_lumps(divided, layout.curve_spread)
        states = States()
        u = ca.SX.sym("u", len(MV_NAMES))
        d = ca.SX.sym("d", len(case.d_names))
        mv = dict(zip(MV_NAMES, ca.vertsplit(u), strict=True))
        volumes = ca.DM(divided.fractions.T) @ d[: len(case.assays)]
        feed = mv["flow_vol_feed"] * volumes / component.molar_volume
        furnace = add_furnace(
            states, component, case, layout, feed, d[len(case.assays)], mv["temp_coil_outlet"]
        )
        column_inputs = ColumnInputs(
            feed=furnace.outlet,
            temp_top=mv["temp_top"],
            flow_vol_draws={name: mv[f"flow_vol_{name}"] for name in SIDE_PRODUCTS},
            duties_pumparound={
                place: mv[f"duty_pumparound_{place}"] for place in ("mid", "bottom")
            },
            flow_mass_steam=mv["flow_mass_steam_bottom"],
        )
        column = add_column(states, component, case, layout, column_inputs)
        parts = cls(case, layout, divided, component, curve, states, u, d, furnace, column, {})
        parts._add_analysers()
        return parts

    def _add_analysers(self) -> None:
        for name, (product, fraction) in ANALYSERS.items():
            guess = self.case.setpoints["temp_top"] + 40.0
            temp = self.states.add(f"analyser_{name}", _ANALYSER_SCALE_K, guess)
            volumes = self._product(product).flows * self.component.molar_volume
            step = self.curve.newton_step(temp, volumes, fraction)
            self.states.rates[f"analyser_{name}"] = step / self.layout.time_analyser
            self.analysers[name] = temp

    def _product(self, name: str) -> Stream:
        ends = {"naphtha": self.column.naphtha, "residue": self.column.residue}
        return ends[name] if name in ends else self.column.draws[name].product

    def controlled(self) -> dict[str, ca.SX]:
        """Return the controlled variables by name."""
        return {
            **self.analysers,
            "fraction_overflash": self.column.flow_vol_overflash / self.inputs[0],
            "duty_furnace": self.furnace.duty,
            "duty_condenser": self.column.duty_condenser,
            "fraction_flooding": self._flooding(),
        }

    def _flooding(self) -> ca.SX:
        """Return the largest load of the trays above the flash zone, as a smooth maximum."""
        unit = self.case.equipment
        loads = ca.vertcat(
            *(
                souders_brown(self.component, tray, pressure, unit.area_column)
                for tray, pressure in zip(
                    self.column.trays[: self.layout.tray_flash_zone - 1],
                    self.column.pressures,
                    strict=False,
                )
            )
        )
        fractions = loads / unit.load_factor_flood
        weights = ca.exp(_FLOODING_SHARPNESS * (fractions - 1.0))
        return ca.dot(fractions, weights) / ca.sum1(weights)

    def information(self) -> dict[str, ca.SX]:
        """Return the further quantities by name."""
        column, flow_feed = self.column, self.inputs[0]
        trays = column.trays
        info: dict[str, ca.SX] = {}
        for product in PRODUCTS:
            flows = self._product(product).flows
            flow_vol = ca.dot(flows, self.component.molar_volume)
            info[f"flow_vol_product_{product}"] = flow_vol
            info[f"flow_mass_product_{product}"] = ca.dot(flows, self.component.molar_mass)
            info[f"fraction_yield_{product}"] = flow_vol / flow_feed
        info["flow_vol_naphtha"] = info["flow_vol_product_naphtha"]
        info["flow_vol_residue"] = info["flow_vol_product_residue"]
        for product, draw in column.draws.items():
            info[f"flow_vol_draw_{product}"] = draw.flow_vol
            info[f"temp_draw_{product}"] = trays[getattr(self.layout, f"tray_{product}") - 1].temp
        for name, (product, fraction) in ANALYSERS.items():
            volumes = self._product(product).flows * self.component.molar_volume
            info[f"{name}_product"] = self.curve.temperature_at(
                self.analysers[name], volumes, fraction, _N_TBP_STEPS
            )
        return info | self._conditions()

    def _conditions(self) -> dict[str, ca.SX]:
        column, trays = self.column, self.column.trays
        feed = self.furnace.outlet.flows
        return {
            "flow_mass_feed": ca.dot(feed, self.component.molar_mass),
            "flow_vol_reflux": column.flow_vol_reflux,
            "temp_flash_zone": trays[self.layout.tray_flash_zone - 1].temp,
            "temp_bottom": trays[-1].temp,
            "temp_overhead": trays[0].temp,
            "pressure_top": ca.SX(column.pressures[0]),
            "fraction_vaporised": self.furnace.fraction_vaporised,
            "duty_pumparound_top": column.duties_pumparound["top"],
            "duty_pumparound_mid_actual": column.duties_pumparound["mid"],
            "duty_pumparound_bottom_actual": column.duties_pumparound["bottom"],
            "duty_steam": column.enthalpy_steam,
            "duty_feed": self.furnace.enthalpy_in,
            "duty_products": sum(
                (self._product(product).enthalpy for product in PRODUCTS), ca.SX(0.0)
            ),
            "flow_mass_steam": column.flow_mass_steam,
            "duty_fired": self.furnace.duty / self.case.equipment.efficiency_furnace,
        }
