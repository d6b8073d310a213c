"""A model with its nominal states moved to where it rests."""

import logging
from dataclasses import replace

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError, PlantError
from operator_agent.plant.integrate import make_steady_state_solver
from operator_agent.plant.process_model import ProcessModel

AT_REST = 1e-9  # [spans/s]: a guess that moves less is kept as it is
MEANT = 1.0  # spans: a rest so close to the guess is the one that is meant
FAR = 10.0  # spans: a rest so far from the guess is told
APART = 0.1  # spans: two rests closer than that are one

_log = logging.getLogger(__name__)


def at_rest(model: ProcessModel) -> ProcessModel:
    """Return the model with its nominal states at rest, at nominal inputs.

    Nominal states that are at rest stay as they are, so a plant that integrates can be given
    with the level that it is to have. A rest close by is taken whether the plant stays there by
    itself or not; else the plant is left to settle from the nominal states.

    Raises:
        InputError: it settles elsewhere than at a rest that is closer to the nominal states.
        PlantError: it does not come to rest.
    """
    given, u, d, scale = model.x_nominal, model.u_nominal, model.d_nominal, model.x_scale
    rates = model.rhs(given, u, d).full().ravel()
    if float(np.max(np.abs(rates / scale))) < AT_REST:
        return model
    solver = make_steady_state_solver(model)
    close = solver.near(u, d, given)
    if close is not None and _apart(close, given, scale) <= MEANT:
        return replace(model, x_nominal=close)
    try:
        settled = solver.solve(u, d, given)
    except PlantError:
        if close is None:
            raise
        settled = close
    moved = _apart(settled, given, scale)
    if close is not None and _apart(close, given, scale) < moved - APART:
        raise InputError(
            f"model {model.name} has several states of rest at its nominal inputs: by itself it "
            f"goes to {_words(model, settled)}, and closer to the nominal states is "
            f"{_words(model, close)}; give the one that is meant as nominal values"
        )
    if moved > FAR:
        _log.warning("model %s rests far from its nominal states: %s",
                     model.name, _words(model, settled))  # fmt: skip
    return replace(model, x_nominal=settled)


def _apart(one: FloatArray, other: FloatArray, scale: FloatArray) -> float:
    return float(np.max(np.abs(one - other) / scale))


def _words(model: ProcessModel, x: FloatArray) -> str:
    """Return the states that differ most from the nominal ones, in words."""
    worst = np.argsort(-np.abs(x - model.x_nominal) / model.x_scale)[:3]
    return ", ".join(
        f"{model.x_names[i]} {x[i]:.4g} (given {model.x_nominal[i]:.4g})" for i in worst
    )
