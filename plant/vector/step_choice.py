"""Which substeps a model needs, found by comparison with CVODES."""

from dataclasses import dataclass
from typing import Any

import casadi as ca
import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError, PlantError
from operator_agent.plant.process_model import ProcessModel
from operator_agent.plant.vector.vector_plant import Engine, VectorPlant, make_engine

_CANDIDATES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
_EXACT = 1e-9  # tolerance of the reference, in spans
_N_COPIES, _N_STEPS = 8, 4


@dataclass(frozen=True, slots=True)
class Trial:
    """Copies with random inputs, and where they are after each step.

    Attributes:
        u: inputs, shape (steps, copies, n_u) [SI].
        d: disturbances, shape (copies, n_d) [SI].
        x: exact states before the first and after each step, shape (steps + 1, copies, n_x) [SI].
    """

    u: FloatArray
    d: FloatArray
    x: FloatArray


def random_trial(model: ProcessModel, step_s: float, spans: float = 1.0, seed: int = 0) -> Trial:
    """Return copies whose inputs all jump within some spans of the nominal ones at every step.

    Args:
        model: of the plant.
        step_s: time of one step [s].
        spans: largest distance of an input from its nominal value, in spans.
        seed: of the inputs.

    Raises:
        PlantError: CVODES cannot follow such inputs.
    """
    rng = np.random.default_rng(seed)
    jumps = rng.uniform(-spans, spans, (_N_STEPS, _N_COPIES, model.n_u))
    u = model.u_nominal + model.u_scale * jumps
    d = np.tile(model.d_nominal, (_N_COPIES, 1))
    cvodes = exact_integrator(model, step_s)
    x = np.empty((_N_STEPS + 1, _N_COPIES, model.n_x))
    x[0] = model.x_nominal
    for step in range(_N_STEPS):
        for copy in range(_N_COPIES):
            scaled, inputs = x[step, copy] / model.x_scale, np.concatenate((u[step, copy], d[copy]))
            try:
                end = cvodes(x0=scaled, p=inputs)["xf"].full().ravel()
            except RuntimeError as error:
                raise PlantError(
                    f"model {model.name}: CVODES cannot follow inputs that jump by {spans} spans; "
                    f"try fewer: {str(error).splitlines()[-1][:200]}"
                ) from error
            x[step + 1, copy] = end * model.x_scale
    return Trial(u, d, x)


def exact_integrator(model: ProcessModel, step_s: float, tolerance: float = _EXACT) -> ca.Function:
    """Return CVODES for scaled states over one step, with `(u, d)` as parameter.

    Args:
        model: of the plant.
        step_s: time of one step [s].
        tolerance: relative, and absolute in spans.
    """
    z, p = ca.SX.sym("z", model.n_x), ca.SX.sym("p", model.n_u + model.n_d)
    scale = ca.DM(model.x_scale)
    ode = model.rhs(z * scale, p[: model.n_u], p[model.n_u :]) / scale
    options: dict[str, Any] = {
        "linear_solver": "qr",
        "reltol": tolerance,
        "abstol": tolerance,
        "max_num_steps": 100_000,
        "show_eval_warnings": False,
    }
    return ca.integrator("exact", "cvodes", {"x": z, "p": p, "ode": ode}, 0.0, step_s, options)


def largest_difference(plant: VectorPlant, trial: Trial) -> float:
    """Return how far a plant's steps end from a trial's, in spans of a state.

    Each step starts where the exact one before it ended.

    Args:
        plant: for as many copies as the trial has.
        trial: from `random_trial`.

    Returns:
        Infinity if a copy fails.
    """
    worst = 0.0
    for u, start, end in zip(trial.u, trial.x[:-1], trial.x[1:], strict=True):
        done = plant.advance(start, u, trial.d)
        if not bool(np.all(done.finished)):
            return float("inf")
        worst = max(worst, float(np.max(np.abs(done.x - end) / plant.model.x_scale)))
    return worst


def suggest_substeps(model: ProcessModel, step_s: float, tolerance: float) -> int:
    """Return the fewest equal substeps that stay near CVODES when all inputs jump by a span.

    Twice as many must stay near as well, because a coarse step can be near by luck. A copy that
    chooses its own substeps needs no such number; there it is the length of the first one.

    Args:
        model: of the plant.
        step_s: time of one step [s].
        tolerance: largest difference of any state after a step, in spans.

    Raises:
        InputError: the tolerance is not positive, or no number of substeps reaches it.
        PlantError: CVODES cannot follow the random inputs.
    """
    if not tolerance > 10.0 * _EXACT:
        raise InputError(f"tolerance is {tolerance} spans; the reference allows 1e-8 and more")
    trial = random_trial(model, step_s)
    engine = make_engine(model, _N_COPIES, 1)
    for substeps in _CANDIDATES:
        if all(
            _difference(model, step_s, count, engine, trial) <= tolerance
            for count in (substeps, 2 * substeps)
        ):
            return substeps
    raise InputError(
        f"model {model.name}: {_CANDIDATES[-1]} substeps in {step_s} s do not stay within "
        f"{tolerance} spans; use a shorter step, or a tolerance by which each copy chooses"
    )


def _difference(
    model: ProcessModel, step_s: float, substeps: int, engine: Engine, trial: Trial
) -> float:
    plant = VectorPlant(model, _N_COPIES, step_s, substeps, tolerance=None, engine=engine)
    return largest_difference(plant, trial)
