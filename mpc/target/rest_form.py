"""Models brought into the form in which a state of rest can be sought."""

from collections.abc import Collection
from dataclasses import dataclass

import casadi as ca
import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.mpc.engine.sampled_model import SampledModel
from operator_agent.mpc.variables import BoolArray
from operator_agent.plant.process_model import ProcessModel
from operator_agent.units import HOUR_S


def rest_form(model: SampledModel) -> ProcessModel:
    """Return a continuous model that rests where a sampled one does: dx/dt = (F - x) / T."""
    x, u, d = _symbols(model.n_x, model.n_u, model.n_d)
    rhs = (model.step(x, u, d) - x) / model.sample_time_s
    return ProcessModel(
        name=model.name,
        x_names=model.x_names,
        u_names=model.u_names,
        d_names=model.d_names,
        y_names=model.y_names,
        rhs=ca.Function("rhs", [x, u, d], [rhs]),
        outputs=model.outputs,
        x_nominal=model.x_nominal,
        u_nominal=model.u_nominal,
        d_nominal=model.d_nominal,
        x_scale=model.x_scale,
        u_scale=model.u_scale,
        d_scale=model.d_scale,
        y_scale=model.y_scale,
    )


@dataclass(frozen=True, slots=True)
class HeldStates:
    """A model in which some states are held, as disturbances, and their rates are outputs.

    Attributes:
        model: of the free states; its d is (d, held states), its y is (y, rates), where the rates
            are those of the integrating states [SI/s] with scales of one span per hour.
        free, held: indices of the states in the whole model.
        floating: outputs that integrating states bring anywhere, whatever the MVs rest at: those
            that depend on held states alone, and one for each integrator besides, shape (n_y,).
    """

    model: ProcessModel
    free: tuple[int, ...]
    held: tuple[int, ...]
    floating: BoolArray


def held_states(
    model: ProcessModel, integrating: tuple[str, ...], wanted: Collection[str] = ()
) -> HeldStates:
    """Return a model with integrating and drifting states held.

    Drifting states, such as fouling, are held without a balance. Of several outputs that show an
    integrator those with a set point float first: it goes where they are wanted.

    Args:
        model: of the plant.
        integrating: names of the states.
        wanted: names of the outputs with a set point.

    Raises:
        InputError: an integrating state is none of the model's.
    """
    unknown = [name for name in integrating if name not in model.x_names]
    if unknown:
        raise InputError(
            f"model {model.name} has no state {', '.join(unknown)} that could integrate; its "
            f"states are {', '.join(model.x_names)}"
        )
    fixed = (*integrating, *(name for name in model.drifting if name not in integrating))
    held = tuple(model.x_names.index(name) for name in fixed)
    free = tuple(i for i in range(model.n_x) if i not in held)
    x, u, d = _symbols(len(free), model.n_u, model.n_d + len(held))
    whole = ca.SX.zeros(model.n_x)
    for place, i in enumerate(free):
        whole[i] = x[place]
    for place, i in enumerate(held):
        whole[i] = d[model.n_d + place]
    rhs = model.rhs(whole, u, d[: model.n_d])
    y = model.outputs(whole, u, d[: model.n_d])
    rates = rhs[list(held[: len(integrating)])]
    moved = [ca.jacobian(y, v).sparsity() for v in (x, u)]
    rows_that_move = {row for pattern in moved for row in pattern.get_triplet()[0]}
    pick, drop = np.array(free, dtype=np.intp), np.array(held, dtype=np.intp)
    balance_scale = model.x_scale[drop][: len(integrating)] / HOUR_S
    reduced = ProcessModel(
        name=model.name,
        x_names=tuple(model.x_names[i] for i in free),
        u_names=model.u_names,
        d_names=(*model.d_names, *fixed),
        y_names=(*model.y_names, *(f"rate of {name}" for name in integrating)),
        rhs=ca.Function("rhs", [x, u, d], [rhs[list(free)] if free else ca.SX(0, 1)]),
        outputs=ca.Function("outputs", [x, u, d], [ca.vertcat(y, rates)]),
        x_nominal=model.x_nominal[pick],
        u_nominal=model.u_nominal,
        d_nominal=np.concatenate([model.d_nominal, model.x_nominal[drop]]),
        x_scale=model.x_scale[pick],
        u_scale=model.u_scale,
        d_scale=np.concatenate([model.d_scale, model.x_scale[drop]]),
        y_scale=np.concatenate([model.y_scale, balance_scale]),
    )
    floating = np.array([row not in rows_that_move for row in range(model.n_y)], dtype=np.bool_)
    places = list(held[: len(integrating)])
    asked = np.array([name in wanted for name in model.y_names], dtype=np.bool_)
    return HeldStates(reduced, free, held, _carried_along(model, places, floating, asked))


def _carried_along(
    model: ProcessModel, integrating: list[int], floating: BoolArray, asked: BoolArray
) -> BoolArray:
    """Return the outputs that float, with those that show an integrator beside other states.

    A level behind a lag is the sum of an integral and of what the lag still holds.
    """
    x, u, d = _symbols(model.n_x, model.n_u, model.n_d)
    slopes = ca.Function("slopes", [x, u, d], [ca.jacobian(model.outputs(x, u, d), x)])
    shown = slopes(model.x_nominal, model.u_nominal, model.d_nominal).full()[:, integrating]
    shown = shown * model.x_scale[integrating] / model.y_scale[:, None]
    found = floating.copy()
    if not integrating or not bool(np.all(np.isfinite(shown))):
        return found
    counted = found & asked
    for rows in (~found & asked, ~found & ~asked):
        for row in np.flatnonzero(rows):
            more = counted | (np.arange(found.size) == row)
            if np.linalg.matrix_rank(shown[more]) > np.linalg.matrix_rank(shown[counted]):
                found[row] = counted[row] = True
        counted = counted | floating
    return found


def with_states(places: tuple[int, ...], values: FloatArray, whole: FloatArray) -> FloatArray:
    """Return an array over all states, with the values of some put in along its first axis."""
    filled = whole.copy()
    filled[np.array(places, dtype=np.intp)] = values
    return filled


def _symbols(n_x: int, n_u: int, n_d: int) -> tuple[ca.SX, ca.SX, ca.SX]:
    return ca.SX.sym("x", n_x), ca.SX.sym("u", n_u), ca.SX.sym("d", n_d)
