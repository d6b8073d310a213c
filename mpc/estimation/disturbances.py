"""Which disturbances an estimator integrates, so that no offset is left.

A disturbance that stays is written as a state with p' = 0: on an output (a bias), on an input, on
the rate of a state, or on a measured disturbance of the model. Without offset at rest the model
needs as many of them as there are measured CVs, and the measured CVs must tell all of them apart:
Muske and Badgwell, "Disturbance modeling for offset-free linear model predictive control", J.
Process Control 12 (2002) 617; Pannocchia and Rawlings, "Disturbance models for offset-free
model-predictive control", AIChE J. 49 (2003) 426.
"""

from dataclasses import dataclass, replace

import casadi as ca
import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.mpc.engine.sampled_model import SampledModel
from operator_agent.plant.process_model import ProcessModel
from operator_agent.units import HOUR_S

Model = ProcessModel | SampledModel


@dataclass(frozen=True, slots=True)
class DisturbanceModel:
    """Names of what carries an integrated disturbance.

    Attributes:
        outputs: CVs with a bias.
        inputs: MVs that act as if they were set a little differently.
        states: states whose rate has a constant error.
        parameters: disturbances of the model that differ from what is measured.
    """

    outputs: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()

    @property
    def inner(self) -> tuple[str, ...]:
        """Names of the estimated disturbances that act inside of the model, in order."""
        return (
            *(f"shift_{name}" for name in self.inputs),
            *(f"rate_{name}" for name in self.states),
            *(f"shift_{name}" for name in self.parameters),
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all: the inner ones, then the biases."""
        return (*self.inner, *(f"bias_{name}" for name in self.outputs))

    def check_names(self, model: Model) -> None:
        """Refuse names that the model does not know, and names given twice.

        Raises:
            InputError: with the name.
        """
        for what, given, known in (
            ("CV", self.outputs, model.y_names),
            ("MV", self.inputs, model.u_names),
            ("state", self.states, model.x_names),
            ("disturbance", self.parameters, model.d_names),
        ):
            for name in given:
                if name not in known or given.count(name) > 1:
                    raise InputError(
                        f"disturbance model: '{name}' is no {what} of model {model.name}, or it is "
                        f"named twice; {what}s are {', '.join(known)}"
                    )


def _chosen(names: tuple[str, ...], known: tuple[str, ...]) -> ca.DM:
    """Return the matrix that puts the named ones in their places, shape (known, names)."""
    matrix = np.zeros((len(known), len(names)))
    for column, name in enumerate(names):
        matrix[known.index(name), column] = 1.0
    return ca.DM(matrix)


def inner_scale(model: Model, disturbances: DisturbanceModel) -> FloatArray:
    """Return a typical size of each inner disturbance, shape (n,) [SI of what it acts on].

    It is the span of an MV or disturbance, and of a state its span per hour or per sample.
    """
    per_s = 1.0 if isinstance(model, SampledModel) else 1.0 / HOUR_S
    sizes = [model.u_scale[model.u_names.index(name)] for name in disturbances.inputs]
    sizes += [model.x_scale[model.x_names.index(name)] * per_s for name in disturbances.states]
    sizes += [model.d_scale[model.d_names.index(name)] for name in disturbances.parameters]
    return np.array(sizes)


def planning_model(model: Model, disturbances: DisturbanceModel) -> Model:
    """Return the model to plan with: estimated disturbances stand behind the measured ones in d.

    Args:
        model: of the process.
        disturbances: what is estimated; biases need no place in the model.

    Raises:
        InputError: a name is not one of the model.
    """
    disturbances.check_names(model)
    n_inner = len(disturbances.inner)
    if n_inner == 0:
        return model
    x, u = ca.SX.sym("x", model.n_x), ca.SX.sym("u", model.n_u)
    d, p = ca.SX.sym("d", model.n_d), ca.SX.sym("p", n_inner)
    u_shifted, rate, d_shifted = _acting(model, disturbances, u, d, p)
    arguments = [x, u, ca.vertcat(d, p)]
    y = model.outputs(x, u_shifted, d_shifted)
    wider = replace(
        model,
        d_names=(*model.d_names, *disturbances.inner),
        outputs=ca.Function("outputs", arguments, [y]),
        d_nominal=np.append(model.d_nominal, np.zeros(n_inner)),
        d_scale=np.append(model.d_scale, inner_scale(model, disturbances)),
    )
    return _with_law(wider, arguments, _law(model)(x, u_shifted, d_shifted) + rate)


def planning_economics(
    economics: ca.Function, model: Model, disturbances: DisturbanceModel
) -> ca.Function:
    """Return economic flows `(x, u, d) -> ...` that see the estimated disturbances.

    Args:
        economics: of the process model.
        model: of the process.
        disturbances: as in `planning_model`.
    """
    n_inner = len(disturbances.inner)
    if n_inner == 0:
        return economics
    x, u = ca.SX.sym("x", model.n_x), ca.SX.sym("u", model.n_u)
    d, p = ca.SX.sym("d", model.n_d), ca.SX.sym("p", n_inner)
    u_shifted, _, d_shifted = _acting(model, disturbances, u, d, p)
    arguments = [x, u, ca.vertcat(d, p)]
    return ca.Function("economics", arguments, [economics(x, u_shifted, d_shifted)])


def _acting(
    model: Model, disturbances: DisturbanceModel, u: ca.SX, d: ca.SX, p: ca.SX
) -> tuple[ca.SX, ca.SX, ca.SX]:
    """Return inputs, added rates of the states, and disturbances as the plant feels them."""
    first, second = len(disturbances.inputs), len(disturbances.inputs) + len(disturbances.states)
    p_inputs, p_states, p_parameters = ca.vertsplit(p, [0, first, second, p.size1()])
    return (
        u + _chosen(disturbances.inputs, model.u_names) @ p_inputs,
        _chosen(disturbances.states, model.x_names) @ p_states,
        d + _chosen(disturbances.parameters, model.d_names) @ p_parameters,
    )


def estimated_model(planning: Model, disturbances: DisturbanceModel) -> Model:
    """Return the model to estimate with: inner disturbances and biases are states that stay.

    Args:
        planning: `planning_model` of the process: inner disturbances stand last in its d.
        disturbances: what is estimated.

    Returns:
        The model with states (x, inner disturbances, biases) and the measured disturbances as d.

    Raises:
        InputError: the model has not been made for these disturbances.
    """
    n_x, n_inner, n_bias = planning.n_x, len(disturbances.inner), len(disturbances.outputs)
    n_d = planning.n_d - n_inner
    if n_d < 0 or planning.d_names[n_d:] != disturbances.inner:
        raise InputError(
            f"model {planning.name} does not end its disturbances with "
            f"{', '.join(disturbances.inner)}; build the controller on "
            "planning_model(model, disturbances)"
        )
    z, u = ca.SX.sym("z", n_x + n_inner + n_bias), ca.SX.sym("u", planning.n_u)
    d = ca.SX.sym("d", n_d)
    x, p, b = ca.vertsplit(z, [0, n_x, n_x + n_inner, n_x + n_inner + n_bias])
    d_all = ca.vertcat(d, p)
    y = planning.outputs(x, u, d_all) + _chosen(disturbances.outputs, planning.y_names) @ b
    y_scale = [planning.y_scale[planning.y_names.index(name)] for name in disturbances.outputs]
    still = np.zeros(n_inner + n_bias)
    wider = replace(
        planning,
        x_names=(*planning.x_names, *disturbances.names),
        d_names=planning.d_names[:n_d],
        outputs=ca.Function("outputs", [z, u, d], [y]),
        x_nominal=np.concatenate([planning.x_nominal, still]),
        d_nominal=planning.d_nominal[:n_d],
        x_scale=np.concatenate([planning.x_scale, planning.d_scale[n_d:], np.array(y_scale)]),
        d_scale=planning.d_scale[:n_d],
    )
    stays = ca.vertcat(p, b) if isinstance(planning, SampledModel) else ca.SX(still.size, 1)
    return _with_law(wider, [z, u, d], ca.vertcat(_law(planning)(x, u, d_all), stays))


def _law(model: Model) -> ca.Function:
    return model.step if isinstance(model, SampledModel) else model.rhs


def _with_law(model: Model, arguments: list[ca.SX], law: ca.SX) -> Model:
    """Return the model with another law of motion."""
    function = ca.Function("law", arguments, [ca.densify(law)])
    if isinstance(model, SampledModel):
        return replace(model, step=function)
    return replace(model, rhs=function)
