"""What is verified: one unit with its solvers, each built once and only when a table needs it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property

import casadi as ca
import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.plant.crude.assay import Assay
from operator_agent.plant.integrate import SteadyStateSolver, make_steady_state_solver
from operator_agent.plant.process_model import ProcessModel
from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.unit.crude_unit import CrudeUnit, build_crude_unit
from operator_agent.plant.variables import fraction_name

Progress = Callable[[str], None]
_FRACTION = "fraction_"
_SPAN_OF_FURTHER = 0.1  # of a crude's share of the slate


class Subject:
    """One unit under verification.

    Attributes:
        case: of the unit.
        layout: key of the layout that is verified.
        further: crudes beside those of the case.
        progress: told each step in words.
    """

    def __init__(
        self,
        case: CrudeUnitCase,
        layout: str = "plant",
        further: tuple[Assay, ...] = (),
        progress: Progress = lambda line: None,
    ) -> None:
        """Take a case; nothing is built yet."""
        self.case = case
        self.layout = layout
        self.further = further
        self.progress = progress

    @cached_property
    def unit(self) -> CrudeUnit:
        """The unit in its layout, at rest at the nominal point."""
        self.progress(f"building the unit in layout {self.layout}")
        return build_crude_unit(self.case, self.layout)

    @cached_property
    def solver(self) -> SteadyStateSolver:
        """Solver for states of rest of the unit."""
        return make_steady_state_solver(self.unit.model)

    @cached_property
    def told(self) -> Mapping[str, float]:
        """Everything that the unit tells at its nominal point, by name [SI]."""
        model = self.unit.model
        return told(self.unit, model.x_nominal, model.u_nominal, model.d_nominal)


def told(unit: CrudeUnit, x: FloatArray, u: FloatArray, d: FloatArray) -> dict[str, float]:
    """Return controlled variables and information of a unit by name [SI].

    Args:
        unit: that tells.
        x: states, shape (n_x,) [SI].
        u: set points, shape (n_u,) [SI].
        d: disturbances, shape (n_d,) [SI].
    """
    values = [*unit.model.outputs(x, u, d).full().ravel()]
    values += [*unit.information(x, u, d).full().ravel()]
    names = (*unit.model.y_names, *unit.information_names)
    return dict(zip(names, map(float, values), strict=True))


def with_crudes(case: CrudeUnitCase, further: tuple[Assay, ...]) -> CrudeUnitCase:
    """Return a case that may also run further crudes; its lumps keep their properties."""
    spans = {fraction_name(assay.key): _SPAN_OF_FURTHER for assay in further}
    return replace(case, assays=(*case.assays, *further), spans={**case.spans, **spans})


def moved(model: ProcessModel, name: str, spans: float) -> tuple[FloatArray, FloatArray]:
    """Return the inputs (u, d) with one input moved from its nominal value.

    A crude's share grows at the expense of all others in proportion.

    Args:
        model: whose inputs they are.
        name: of a manipulated or disturbance variable.
        spans: by how many of its spans.
    """
    u, d = model.u_nominal.copy(), model.d_nominal.copy()
    if name in model.u_names:
        at = model.u_names.index(name)
        u[at] += spans * model.u_scale[at]
        return u, d
    at = model.d_names.index(name)
    step = spans * float(model.d_scale[at])
    crudes = [n for n, other in enumerate(model.d_names) if other.startswith(_FRACTION)]
    if at in crudes:
        others = [n for n in crudes if n != at]
        d[others] -= step * d[others] / np.sum(d[others])
    d[at] += step
    return u, d


def slowest_time_s(unit: CrudeUnit) -> float:
    """Return the largest time constant at the nominal point [s], without states that drift."""
    model = unit.model
    moving = np.array([name not in model.drifting for name in model.x_names])
    x = ca.SX.sym("x", model.n_x)
    rate = model.rhs(x, model.u_nominal, model.d_nominal)
    slopes = ca.Function("slopes", [x], [ca.jacobian(rate, x)])(model.x_nominal).full()
    return -1.0 / float(np.max(np.linalg.eigvals(slopes[np.ix_(moving, moving)]).real))
