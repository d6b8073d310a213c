"""The crude unit of record as a process model, in the resolution of a layout."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import casadi as ca
import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.plant.crude.lumps import Lumps
from operator_agent.plant.integrate import steady_state
from operator_agent.plant.process_model import ProcessModel
from operator_agent.plant.unit.assembly import Assembly, assemble
from operator_agent.plant.unit.case import CrudeUnitCase, Layout
from operator_agent.plant.unit.information import controlled, information
from operator_agent.plant.variables import CV_NAMES, HANDLES, MV_NAMES, STATUS, STICTION

PLANT_U_NAMES = (*MV_NAMES, *HANDLES)
_SPAN_STATUS = 1.0  # from out of service to in service
_SPAN_STICTION = 0.05  # stroke; of a valve that is due for repair
_REST = {**dict.fromkeys(STATUS, 1.0), **dict.fromkeys(STICTION, 0.0)}


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
        layout: key of the layout (`plant`, `small`).

    Raises:
        InputError: the layout is not in the case or its lumps are wrong.
        PlantError: there is no steady state at the nominal set points.
    """
    chosen = case.layout(layout)
    unit = assemble(case, chosen)
    name = re.sub(r"[^a-z0-9_]", "_", f"{case.key}_{layout}")
    arguments = [unit.states.vector(), unit.inputs, unit.disturbances]
    rhs = ca.Function(f"{name}_rhs", arguments, [ca.cse(unit.states.rate_vector())])
    cvs = controlled(unit)
    outputs = ca.Function(f"{name}_outputs", arguments, [ca.vertcat(*(cvs[cv] for cv in CV_NAMES))])
    info = information(unit)
    told = ca.Function(f"{name}_information", arguments, [ca.vertcat(*info.values())])
    model = _settled(case, name, unit, rhs, outputs)
    return CrudeUnit(model, chosen, unit.lumps, told, tuple(info))


def disturbance_vector(
    case: CrudeUnitCase,
    slate: Mapping[str, float],
    changes: Mapping[str, float] | None = None,
) -> FloatArray:
    """Return the plant's disturbances at a slate, everything else nominal and in order.

    Args:
        case: numbers of the unit.
        slate: volume fraction by crude.
        changes: values that differ from the nominal ones, by name of boundary,
            status or stick band [SI].

    Raises:
        InputError: the slate is wrong, or a change has no such name.
    """
    values = {**case.boundary, **_REST}
    for name in changes or {}:
        if name not in values:
            known = ", ".join(values)
            raise InputError(
                f"no boundary, status or stick band is called '{name}'; there are: {known}"
            )
    values |= changes or {}
    return np.array([*case.slate_vector(slate), *values.values()], dtype=np.float64)


def _settled(
    case: CrudeUnitCase, name: str, unit: Assembly, rhs: ca.Function, outputs: ca.Function
) -> ProcessModel:
    states = unit.states
    equipment = dict.fromkeys(STATUS, _SPAN_STATUS) | dict.fromkeys(STICTION, _SPAN_STICTION)
    spans = {**case.spans, **equipment}
    nominal = {**case.setpoints, **case.handles}

    def scales(names: tuple[str, ...]) -> FloatArray:
        return np.array([spans[variable] for variable in names])

    def model(x: FloatArray) -> ProcessModel:
        return ProcessModel(
            name=name,
            x_names=tuple(states.names),
            u_names=PLANT_U_NAMES,
            d_names=case.plant_d_names,
            y_names=CV_NAMES,
            rhs=rhs,
            outputs=outputs,
            x_nominal=x,
            u_nominal=np.array([nominal[variable] for variable in PLANT_U_NAMES]),
            d_nominal=disturbance_vector(case, case.slate),
            x_scale=np.array(states.scales),
            u_scale=scales(PLANT_U_NAMES),
            d_scale=scales(case.plant_d_names),
            y_scale=scales(CV_NAMES),
            drifting=tuple(n for n in states.names if n.startswith("resistance_")),
        )

    start = model(np.array(states.guesses))
    return model(steady_state(start, start.u_nominal, start.d_nominal, start.x_nominal))
