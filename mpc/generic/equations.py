"""Models from vector equations, continuous or discrete, as other tools of the field take them.

Unlike `plant.generic.ode.from_casadi` no rest is sought: a batch has none, and the nominal values
are where the equations are scaled. All states are outputs unless others are given.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import casadi as ca
import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.mpc.engine.sampled_model import SampledModel
from operator_agent.plant.generic.variable import (
    Variable,
    as_variables,
    check_sources,
    names_of,
    nominals_of,
    spans_of,
)
from operator_agent.plant.process_model import ProcessModel

Model = ProcessModel | SampledModel
Law = Callable[[ca.SX, ca.SX, ca.SX], ca.SX | Sequence[ca.SX]]
Outputs = Mapping[str, Callable[[ca.SX, ca.SX, ca.SX], ca.SX]]
Symbols = tuple[ca.SX, ca.SX, ca.SX]


def equations_model(
    name: str,
    law: Law,
    states: Sequence[Variable | str],
    inputs: Sequence[Variable | str],
    disturbances: Sequence[Variable | str] = (),
    outputs: Outputs | None = None,
    *,
    sample_time_s: float | None = None,
) -> Model:
    """Return a model from one function of vectors.

    Args:
        name: of the model.
        law: `(x, u, d) -> dx/dt` as a CasADi vector or a list of expressions; of a discrete model
            the next state. Unknowns of an algebraic equation are taken out first, see
            `algebraic`.
        states: with a nominal value and the span by which each is divided.
        inputs, disturbances: the same; what changes from time to time, parameters too, is a
            disturbance.
        outputs: name to `(x, u, d) -> expression`, besides the states, which are all outputs.
        sample_time_s: of a discrete model [s]; None for a continuous one.

    Raises:
        InputError: the equations do not fit the names.

    Example:
        >>> tank = equations_model("tank", lambda x, u, d: u - x, ["level"], ["inflow"])
        >>> tank.y_names
        ('level',)
    """
    groups = [
        as_variables(given, f"{name}: {what}")
        for given, what in ((states, "states"), (inputs, "inputs"), (disturbances, "disturbances"))
    ]
    check_sources(name, groups[1], groups[2])
    twice = set(names_of(groups[0])) & {n for group in groups[1:] for n in names_of(group)}
    if twice:
        raise InputError(
            f"{name}: '{min(twice)}' is a state and an input or a disturbance; rename one"
        )
    x, u, d = (ca.SX.sym(n, len(group)) for n, group in zip("xud", groups, strict=True))
    symbols = (x, u, d)
    laws = _function("law", name, symbols, law, len(groups[0]))
    made = _frame(name, groups, laws, symbols, sample_time_s)
    return with_outputs(made, outputs or {})


def _function(what: str, name: str, symbols: Symbols, law: Law, rows: int) -> ca.Function:
    try:
        found = law(*symbols)
    except (RuntimeError, IndexError) as error:
        sizes = ", ".join(f"{n} of {v.numel()}" for n, v in zip("xud", symbols, strict=True))
        raise InputError(
            f"{name}: the {what} failed with {sizes} values: {str(error).splitlines()[-1][:200]}"
        ) from error
    vector = ca.SX(found) if isinstance(found, ca.SX | ca.DM) else ca.vertcat(*found)
    if vector.numel() != rows:
        raise InputError(
            f"{name}: the {what} gives {vector.numel()} values for {rows} states; give one for each"
        )
    try:
        return ca.Function(what, list(symbols), [ca.densify(ca.reshape(vector, rows, 1))])
    except RuntimeError as error:
        raise InputError(
            f"{name}: the {what} contains a symbol that is no state, input or disturbance: "
            f"{str(error).splitlines()[-1][:200]}"
        ) from error


def _frame(
    name: str,
    groups: list[tuple[Variable, ...]],
    law: ca.Function,
    symbols: Symbols,
    sample_time_s: float | None,
) -> Model:
    states, inputs, disturbances = groups
    outputs = ca.Function("outputs", list(symbols), [symbols[0]])
    point = [nominals_of(group) for group in groups]
    scales = [spans_of(group) for group in groups]
    model = ProcessModel(
        name=name,
        x_names=names_of(states),
        u_names=names_of(inputs),
        d_names=names_of(disturbances),
        y_names=names_of(states),
        rhs=law,
        outputs=outputs,
        x_nominal=point[0],
        u_nominal=point[1],
        d_nominal=point[2],
        x_scale=scales[0],
        u_scale=scales[1],
        d_scale=scales[2],
        y_scale=scales[0],
    )
    return model if sample_time_s is None else in_steps(model, law, sample_time_s)


def in_steps(model: ProcessModel, step: ca.Function, sample_time_s: float) -> SampledModel:
    """Return a model in steps with the names, rest and scales of another one.

    Args:
        model: names, outputs, nominal point and scales are taken from it.
        step: `(x, u, d) -> x` one sample later [SI].
        sample_time_s: of a step [s].
    """
    return SampledModel(
        name=model.name,
        x_names=model.x_names,
        u_names=model.u_names,
        d_names=model.d_names,
        y_names=model.y_names,
        step=step,
        outputs=model.outputs,
        sample_time_s=sample_time_s,
        x_nominal=model.x_nominal,
        u_nominal=model.u_nominal,
        d_nominal=model.d_nominal,
        x_scale=model.x_scale,
        u_scale=model.u_scale,
        d_scale=model.d_scale,
        y_scale=model.y_scale,
    )


def with_outputs(model: Model, more: Outputs, spans: Mapping[str, float] | None = None) -> Model:
    """Return a model with further outputs.

    Args:
        model: continuous or sampled.
        more: name to `(x, u, d) -> expression` [SI].
        spans: how far each typically moves [SI]; estimated from its slopes where left out.

    Raises:
        InputError: a name is an output already, or an expression is no scalar.
    """
    if not more:
        return model
    x, u, d = (ca.SX.sym(n, k) for n, k in (("x", model.n_x), ("u", model.n_u), ("d", model.n_d)))
    found, scales = [], []
    for name, expression in more.items():
        if name in model.y_names:
            raise InputError(f"model {model.name}: '{name}' is an output already; take another")
        value = ca.SX(expression(x, u, d))
        if value.shape != (1, 1):
            raise InputError(f"model {model.name}: output {name} must be a scalar: {value.shape}")
        found.append(value)
        given = None if spans is None else spans.get(name)
        scales.append(_span(model, (x, u, d), value) if given is None else given)
    y = ca.vertcat(model.outputs(x, u, d), *found)
    return replace(
        model,
        y_names=(*model.y_names, *more),
        outputs=ca.Function("outputs", [x, u, d], [y]),
        y_scale=np.concatenate([model.y_scale, np.array(scales, dtype=np.float64)]),
    )


def _span(model: Model, symbols: Symbols, value: ca.SX) -> float:
    """Return how far a value moves when one of its variables moves by its span."""
    z, scale = ca.vertcat(*symbols), np.concatenate([model.x_scale, model.u_scale, model.d_scale])
    slopes = ca.Function("slopes", list(symbols), [ca.jacobian(value, z)])
    found = slopes(model.x_nominal, model.u_nominal, model.d_nominal).full().ravel() * scale
    size = float(np.max(np.abs(found), initial=0.0))
    return size if 0.0 < size < np.inf else 1.0


def states_as_outputs(model: Model, names: Sequence[str]) -> Model:
    """Return a model of which the named states are outputs, too.

    Raises:
        InputError: a name is no state.
    """
    lost = [name for name in names if name not in model.x_names]
    if lost:
        raise InputError(
            f"model {model.name} has no state {', '.join(lost)}; states are "
            f"{', '.join(model.x_names)}"
        )
    places = {name: model.x_names.index(name) for name in names}

    def reader(place: int) -> Callable[[ca.SX, ca.SX, ca.SX], ca.SX]:
        return lambda x, u, d: x[place]

    spans = {name: float(model.x_scale[place]) for name, place in places.items()}
    return with_outputs(model, {name: reader(i) for name, i in places.items()}, spans)


def algebraic(
    residual: Callable[[ca.SX], ca.SX], guess: ca.SX | Sequence[float], newton_steps: int = 6
) -> ca.SX:
    """Return z with residual(z) = 0 as an explicit expression: Newton's method, written out.

    For differential-algebraic models of index one: z is eliminated before the engine sees them.
    A guess that is an expression of the states, such as an approximate law, saves steps.

    Args:
        residual: of as many values as z has.
        guess: where Newton begins, shape (n_z,).
        newton_steps: taken always.

    Raises:
        InputError: the residual has another number of values than z.
    """
    start = ca.SX(ca.DM(guess)) if not isinstance(guess, ca.SX) else guess
    symbol = ca.SX.sym("z", start.numel())
    value = ca.SX(residual(symbol))
    if value.numel() != symbol.numel():
        raise InputError(
            f"the algebraic equations are {value.numel()} for {symbol.numel()} unknowns; there "
            "must be as many"
        )
    step = ca.solve(ca.jacobian(value, symbol), value)
    z = start
    for _ in range(newton_steps):
        z = z - ca.substitute(step, symbol, z)
    return z


def nominal_outputs(model: Model) -> FloatArray:
    """Return the outputs at the nominal point, shape (n_y,) [SI]."""
    y: FloatArray = model.outputs(model.x_nominal, model.u_nominal, model.d_nominal).full().ravel()
    return y
