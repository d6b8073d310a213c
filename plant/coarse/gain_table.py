"""Steady gains of the controller's model beside those of the plant, as data."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.plant.integrate import SteadyStateSolver, make_steady_state_solver
from operator_agent.plant.process_model import ProcessModel
from operator_agent.plant.variables import TEMP_PREHEAT

_STEP_SPANS = 0.25  # to both sides: small against curvature, large against the solver's residual
_SMALL_GAIN = 0.1  # spans per span; below it the meters' noise hides a step of one span
_FRACTION = "fraction_"
# What moves the temperature at the furnace inlet of a plant that has a preheat train.
_PLANT_DV = {TEMP_PREHEAT: "temp_shift_preheat"}


@dataclass(frozen=True, slots=True)
class GainPair:
    """One steady gain in both models, in spans of the output per span of the input.

    Attributes:
        source: manipulated or disturbance variable.
        output: controlled variable.
        model: gain of the controller's model.
        plant: gain of the plant.
    """

    source: str
    output: str
    model: float
    plant: float

    @property
    def significant(self) -> bool:
        """Whether either gain is large enough to matter."""
        return max(abs(self.model), abs(self.plant)) > _SMALL_GAIN

    @property
    def ratio(self) -> float:
        """Gain of the model over that of the plant; not a number where the plant's is small."""
        return self.model / self.plant if abs(self.plant) > _SMALL_GAIN else float("nan")

    @property
    def same_sign(self) -> bool:
        """Whether the signs agree, or one of the gains is too small to have one."""
        small = min(abs(self.model), abs(self.plant)) <= _SMALL_GAIN
        return small or self.model * self.plant > 0.0


def gain_table(model: ProcessModel, plant: ProcessModel) -> tuple[GainPair, ...]:
    """Return the gains of all MVs and DVs of the controller's model in both models.

    A step goes a quarter of a span to both sides. A crude's share grows at the expense of all
    others in proportion.

    Args:
        model: of the controller, at its nominal point.
        plant: at its nominal point; its controlled variables have the same names.

    Raises:
        InputError: the plant lacks an input or output of the model.
        PlantError: a model does not come to rest after a step.
    """
    sources = (*model.u_names, *model.d_names)
    of_plant = [_in_plant(name, plant) for name in sources]
    ours = _gains(model, sources, model.y_names)
    theirs = _gains(plant, of_plant, model.y_names)
    return tuple(
        GainPair(source, output, ours[column][row], theirs[column][row])
        for column, source in enumerate(sources)
        for row, output in enumerate(model.y_names)
    )


def _in_plant(name: str, plant: ProcessModel) -> str:
    """Return the plant's name of an input of the controller's model."""
    inputs = (*plant.u_names, *plant.d_names)
    for candidate in (name, _PLANT_DV.get(name, name)):
        if candidate in inputs:
            return candidate
    raise InputError(f"model {plant.name} has no input '{name}' to compare")


def _gains(
    model: ProcessModel, sources: Sequence[str], outputs: Sequence[str]
) -> list[list[float]]:
    """Return the gains of inputs on outputs: for each input, all outputs in their order."""
    missing = [name for name in outputs if name not in model.y_names]
    if missing:
        raise InputError(f"model {model.name} has no output '{missing[0]}' to compare")
    rows = [model.y_names.index(name) for name in outputs]
    solver = make_steady_state_solver(model)
    found = []
    for name in sources:
        moved = _moved(solver, name, 1.0) - _moved(solver, name, -1.0)
        found.append([float(moved[row] / model.y_scale[row]) / (2.0 * _STEP_SPANS) for row in rows])
    return found


def _moved(solver: SteadyStateSolver, name: str, direction: float) -> FloatArray:
    """Return the outputs at rest after a step of one input."""
    model = solver.integrator.model
    u, d = model.u_nominal.copy(), model.d_nominal.copy()
    if name in model.u_names:
        at = model.u_names.index(name)
        u[at] += direction * _STEP_SPANS * model.u_scale[at]
    else:
        at = model.d_names.index(name)
        step = direction * _STEP_SPANS * model.d_scale[at]
        d = _swapped(model, name, step) if name.startswith(_FRACTION) else d
        d[at] = model.d_nominal[at] + step
    x = solver.solve(u, d, model.x_nominal)
    y: FloatArray = model.outputs(x, u, d).full().ravel()
    return y


def _swapped(model: ProcessModel, name: str, step: float) -> FloatArray:
    """Return the disturbances with the other crudes' shares shrunk in proportion."""
    d = model.d_nominal.copy()
    others = [
        n for n, other in enumerate(model.d_names) if other.startswith(_FRACTION) and other != name
    ]
    d[others] -= step * d[others] / np.sum(d[others])
    return d
