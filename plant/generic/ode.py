"""A user's own ordinary differential equation, written with CasADi expressions."""

from collections.abc import Callable, Mapping, Sequence

import casadi as ca

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.plant.generic.rest import at_rest
from operator_agent.plant.generic.variable import (
    Variable,
    as_variables,
    check_sources,
    names_of,
    nominals_of,
    spans_of,
)
from operator_agent.plant.process_model import ProcessModel

Symbols = Mapping[str, ca.SX]
Equations = Callable[[Symbols, Symbols, Symbols], tuple[Symbols, Symbols]]


def from_casadi(
    name: str,
    equations: Equations,
    states: Sequence[Variable],
    inputs: Sequence[Variable],
    output_spans: Mapping[str, float],
    disturbances: Sequence[Variable] = (),
) -> ProcessModel:
    """Return a plant from its equations, with its states moved to rest.

    Args:
        name: of the plant.
        equations: `(x, u, d) -> (rates, outputs)`; each is a mapping from names to CasADi
            expressions: states, inputs and disturbances in, the rate of every state [SI/s] and
            every output [SI] out.
        states: their nominal values are the guess from which rest is sought: one within a span is
            taken, stable or not; else where the plant settles by itself, see `at_rest`.
        inputs, disturbances: at rest and how far they move.
        output_spans: how far each output typically moves, by name [SI].

    Raises:
        InputError: a rate or an output is missing, too many or no scalar expression, or the guess
            does not tell which of several states of rest is meant.
        PlantError: the plant does not come to rest.

    Example:
        >>> def equations(x, u, d):
        ...     return {"level": (u["inflow"] - x["level"]) / 60.0}, {"level": x["level"]}
        >>> tank = from_casadi(
        ...     "tank", equations, [Variable("level", 0.5)], [Variable("inflow", 2.0)], {"level": 1}
        ... )
        >>> float(tank.x_nominal[0])
        2.0
    """
    groups = [
        as_variables(given, f"{name}: {what}")
        for given, what in ((states, "states"), (inputs, "inputs"), (disturbances, "disturbances"))
    ]
    check_sources(name, groups[1], groups[2])
    if not groups[0]:
        raise InputError(f"{name}: there is no state; a plant needs at least one")
    vectors = [ca.SX.sym(letter, len(group)) for letter, group in zip("xud", groups, strict=True)]
    x, u, d = (
        dict(zip(names_of(group), ca.vertsplit(vector) if group else [], strict=True))
        for group, vector in zip(groups, vectors, strict=True)
    )
    rates, outputs = _called(name, equations, (x, u, d))
    model = ProcessModel(
        name=name,
        x_names=names_of(groups[0]),
        u_names=names_of(groups[1]),
        d_names=names_of(groups[2]),
        y_names=tuple(output_spans),
        rhs=_function(name, "rate", vectors, rates, names_of(groups[0])),
        outputs=_function(name, "output", vectors, outputs, tuple(output_spans)),
        x_nominal=nominals_of(groups[0]),
        u_nominal=nominals_of(groups[1]),
        d_nominal=nominals_of(groups[2]),
        x_scale=spans_of(groups[0]),
        u_scale=spans_of(groups[1]),
        d_scale=spans_of(groups[2]),
        y_scale=_spans(name, output_spans),
    )
    return at_rest(model)


def _called(
    name: str, equations: Equations, symbols: tuple[Symbols, Symbols, Symbols]
) -> tuple[Symbols, Symbols]:
    """Return rates and outputs by name."""
    try:
        given = equations(*symbols)
    except KeyError as error:
        known = ", ".join(key for group in symbols for key in group)
        raise InputError(
            f"{name}: the equations ask for {error}, which does not exist; there is: {known}"
        ) from error
    except RuntimeError as error:
        if "truth value" not in str(error):
            raise
        raise InputError(
            f"{name}: the equations ask `if` about an expression, which has no value yet; use "
            "ca.if_else, or better something smooth such as softplus"
        ) from error
    pair = isinstance(given, tuple) and len(given) == 2
    if not (pair and all(isinstance(part, Mapping) for part in given)):
        raise InputError(
            f"{name}: the equations must return two mappings, of rates and of outputs, each from "
            "name to expression"
        )
    return given


def _function(
    name: str, what: str, vectors: list[ca.SX], found: Symbols, wanted: tuple[str, ...]
) -> ca.Function:
    if missing := [key for key in wanted if key not in found]:
        raise InputError(f"{name}: the equations give no {what} of {missing[0]}; add it")
    if unknown := [key for key in found if key not in wanted]:
        raise InputError(
            f"{name}: the equations give a {what} of '{unknown[0]}', which is not declared; "
            f"there is: {', '.join(wanted)}"
        )
    for key in wanted:
        if not isinstance(found[key], ca.SX | ca.DM | float | int):
            raise InputError(f"{name}: {what} of {key} is no CasADi expression: {found[key]!r}")
        if ca.SX(found[key]).shape != (1, 1):
            raise InputError(
                f"{name}: {what} of {key} has shape {ca.SX(found[key]).shape}; it must be a scalar"
            )
    try:
        return ca.Function(what, vectors, [ca.vertcat(*(ca.SX(found[key]) for key in wanted))])
    except RuntimeError as error:
        raise InputError(
            f"{name}: a {what} contains a symbol that is no state, input or disturbance: "
            f"{str(error).splitlines()[-1][:200]}"
        ) from error


def _spans(name: str, output_spans: Mapping[str, float]) -> FloatArray:
    if not output_spans:
        raise InputError(f"{name}: there is no output; a plant needs at least one")
    return spans_of([Variable(key, 0.0, span) for key, span in output_spans.items()])
