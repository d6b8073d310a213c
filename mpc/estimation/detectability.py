"""Whether the measured CVs tell all disturbances of a disturbance model apart.

The linearised model with its disturbances as states must be detectable: at each eigenvalue s that
does not decay, the matrix [A - s I; C] has full column rank (Popov, Belevitch and Hautus). What its
null vector names is the combination that leaves no trace in the measured CVs.
"""

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.mpc.engine.linearise import Lineariser, ScaledModel
from operator_agent.mpc.engine.sampled_model import SampledModel
from operator_agent.mpc.estimation.disturbances import (
    DisturbanceModel,
    Model,
    estimated_model,
    planning_model,
)
from operator_agent.units import HOUR_S

SLOWEST_S = 1000.0 * HOUR_S  # a mode slower than six weeks counts as one that does not decay
RANK_TOLERANCE = 1e-7  # of a matrix with rows and columns of norm one; far above rounding
NAMED_SHARE = 0.2  # of the largest part of a null vector: smaller parts are not named


def blind_combination(planning: Model, disturbances: DisturbanceModel) -> tuple[str, ...]:
    """Return the disturbances that together leave no trace; empty when there are none.

    Where no disturbance has a part in it, the states are named.

    Args:
        planning: `planning_model` of the process; it is linearised at its nominal point.
        disturbances: to be estimated.

    Raises:
        InputError: the model was not made for these, or has no finite derivatives there.
    """
    whole = estimated_model(planning, disturbances)
    a, c = linearised(ScaledModel.of(whole))
    if not bool(np.all(np.isfinite(a)) and np.all(np.isfinite(c))):
        raise InputError(f"model {whole.name}: its derivatives at the nominal point are not finite")
    for mode in _lasting_modes(whole, a[: planning.n_x, : planning.n_x]):
        blind = _null_vector(np.vstack([a - mode * np.eye(a.shape[0]), c.astype(complex)]))
        if blind is not None:
            share = np.abs(blind) / np.max(np.abs(blind))
            named = np.flatnonzero(share > NAMED_SHARE)
            added = named[named >= planning.n_x]
            return tuple(whole.x_names[i] for i in (added if added.size else named))
    return ()


def check_detectable(planning: Model, disturbances: DisturbanceModel) -> None:
    """Refuse a disturbance model that leaves an offset or that cannot be estimated.

    Args:
        planning: `planning_model` of the process.
        disturbances: to be estimated.

    Raises:
        InputError: there are fewer disturbances than CVs, or the CVs do not tell them apart; the
            message names the combination.
    """
    count = len(disturbances.names)
    if count < planning.n_y:
        raise InputError(
            f"model {planning.name} has {planning.n_y} measured CVs and {count} integrated "
            "disturbances; without offset it needs one for each CV: add some, or take "
            "default_disturbances(model)"
        )
    blind = blind_combination(planning, disturbances)
    if blind:
        raise InputError(
            f"model {planning.name}: the measured CVs ({', '.join(planning.y_names)}) show no "
            f"trace of a combination of {', '.join(blind)}; drop one of these disturbances or "
            "take default_disturbances(model)"
        )


def linearised(scaled: ScaledModel) -> tuple[FloatArray, FloatArray]:
    """Return df/dx, or dF/dx of a sampled model, and dy/dx at the nominal point, scaled."""
    model, point = scaled.model, Lineariser(scaled, 1)
    linear = point.linearise(
        model.x_nominal / model.x_scale, model.u_nominal / model.u_scale, model.d_nominal
    )
    return point.rhs_x_pattern.dense(linear.rhs_x)[0], linear.outputs_x[0]


def default_disturbances(model: Model) -> DisturbanceModel:
    """Return a disturbance for each CV that can be told apart: without offset by construction.

    A bias on each output where that is enough; where it is not, as on an integrating level, shifts
    of inputs take their places, and rates of states where these do not do either.

    Raises:
        InputError: no choice works; the message names what leaves no trace.
    """
    simple = DisturbanceModel(outputs=model.y_names)
    if not blind_combination(model, simple):
        return simple
    chosen = DisturbanceModel()
    blind = blind_combination(model, chosen)
    if blind:
        raise InputError(
            f"model {model.name}: {', '.join(blind)} neither settle nor "
            "leave a trace in the measured CVs; measure another CV or leave them out of the model"
        )
    candidates = [("outputs", n) for n in model.y_names] + [("inputs", n) for n in model.u_names]
    for kind, name in [*candidates, *(("states", n) for n in model.x_names)]:
        outputs, inputs, states = chosen.outputs, chosen.inputs, chosen.states
        more = DisturbanceModel(
            outputs=(*outputs, name) if kind == "outputs" else outputs,
            inputs=(*inputs, name) if kind == "inputs" else inputs,
            states=(*states, name) if kind == "states" else states,
        )
        if not blind_combination(planning_model(model, more), more):
            chosen = more
        if len(chosen.names) == model.n_y:
            return chosen
    raise InputError(
        f"model {model.name}: only {len(chosen.names)} disturbances can be told apart by its "
        f"{model.n_y} CVs ({', '.join(chosen.names)}); a CV repeats what another one measures"
    )


def check_settles(scaled: ScaledModel) -> None:
    """Refuse a model with modes that do not decay at its nominal point.

    Where its derivatives are not finite nothing is said: each step of it is judged by itself.

    Raises:
        InputError: a state of the model would go its own way without correction by readings.
    """
    model = scaled.model
    a, _ = linearised(scaled)
    if bool(np.all(np.isfinite(a))) and len(_lasting_modes(model, a)) > 1:
        raise InputError(
            f"model {model.name} does not settle by itself, so that a model beside the plant would "
            "drift away from it; choose KalmanChoice() or HorizonChoice() of mpc.estimation.choice"
        )


def _lasting_modes(model: Model, a: FloatArray) -> list[complex]:
    """Return the eigenvalues that do not decay, with that of a constant disturbance first."""
    found = np.linalg.eigvals(a)
    if isinstance(model, SampledModel):
        lasting = found[np.abs(found) >= 1.0 - model.sample_time_s / SLOWEST_S]
        return [1.0 + 0.0j, *(complex(mode) for mode in lasting)]
    return [0.0j, *(complex(mode) for mode in found[found.real >= -1.0 / SLOWEST_S])]


def _null_vector(matrix: np.ndarray) -> np.ndarray | None:
    """Return a vector that the matrix takes to nothing, weighed by what each part does; or None."""
    norms = np.linalg.norm(matrix, axis=1)
    rows = matrix[norms > 0.0] / norms[norms > 0.0, None]
    columns = np.linalg.norm(rows, axis=0)
    if not bool(np.all(columns > 0.0)):
        unseen: np.ndarray = columns == 0.0
        return unseen.astype(complex)
    _, sizes, right = np.linalg.svd(rows / columns, full_matrices=True)
    missing = right.shape[0] > sizes.size
    if not missing and sizes[-1] >= RANK_TOLERANCE * sizes[0]:
        return None
    blind: np.ndarray = right[-1].conj()
    return blind
