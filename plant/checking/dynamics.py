"""Time constants at the nominal point, and an hour after steps of each input."""

from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import PlantError
from operator_agent.plant.checking.evaluation import Evaluation
from operator_agent.plant.checking.plant_report import Response, duration_text
from operator_agent.plant.checking.structure import some
from operator_agent.plant.integrate import Integrator
from operator_agent.plant.process_model import ProcessModel

_PIECES = (0.02, 0.18, 0.8)  # of the run, after which states are looked at
_STANDS_STILL = 1e-9  # [1/s], and of the fastest: an eigenvalue this small integrates
_STIFF = 1e6
_FAR = 1e3  # spans: no state of a well-scaled plant gets there within a step of one span
_NEAR = 1e-6  # spans: a state that moves less has a scale that is far too wide
_NOTHING = 1e-9  # spans of an output


def eigenvalue_figures(evaluation: Evaluation) -> tuple[dict[str, float], list[str]]:
    """Return time constants and stiffness at the nominal point, and notes on them."""
    n = evaluation.model.n_x
    slopes = evaluation.matrix(np.zeros(evaluation.size))[:n, :n]
    if n == 0 or not bool(np.all(np.isfinite(slopes))):
        return {}, []
    real = np.linalg.eigvals(slopes).real
    fastest = float(np.max(np.abs(real)))
    still = np.abs(real) <= max(_STANDS_STILL, 1e-12 * fastest)
    figures, notes = {}, []
    decaying = -real[(real < 0.0) & ~still]
    if decaying.size:
        figures["slowest_time_constant_s"] = 1.0 / float(np.min(decaying))
        figures["fastest_time_constant_s"] = 1.0 / float(np.max(decaying))
        figures["stiffness"] = float(np.max(decaying) / np.min(decaying))
        if figures["stiffness"] > _STIFF:
            notes.append("very stiff: take an implicit integrator, and short steps are no cure")
    growing = real[(real > 0.0) & ~still]
    if growing.size:
        doubling = duration_text(float(np.log(2.0) / np.max(growing)))
        notes.append(
            f"unstable without control: modes that grow: {growing.size}; the fastest doubles in "
            f"{doubling}"
        )
    if bool(np.any(still)):
        notes.append(f"modes that integrate, so that rest is not unique: {int(np.sum(still))}")
    return figures, notes


@dataclass(frozen=True, slots=True)
class StepRuns:
    """What steps of all inputs did.

    Attributes:
        findings: failed integrations.
        responses: one for each step.
        moved: largest distance of each state from nominal over all steps, shape (n_x,) [spans].
    """

    findings: tuple[str, ...]
    responses: tuple[Response, ...]
    moved: FloatArray


def step_runs(integrator: Integrator, duration_s: float, step_spans: float) -> StepRuns:
    """Integrate at rest and after steps of each input in both directions.

    Args:
        integrator: of the plant.
        duration_s: of each run [s].
        step_spans: height of the steps [spans].
    """
    model = integrator.model
    findings: list[str] = []
    responses: list[Response] = []
    moved = np.zeros(model.n_x)
    sources = model.u_names + model.d_names
    try:
        rest, _ = _run(integrator, model.u_nominal, model.d_nominal, duration_s)
    except PlantError as error:
        return StepRuns((f"at rest: {error}",), (), moved)
    for n, name in enumerate(sources):
        for spans in (step_spans, -step_spans):
            u, d = model.u_nominal.copy(), model.d_nominal.copy()
            if n < model.n_u:
                u[n] += spans * model.u_scale[n]
            else:
                d[n - model.n_u] += spans * model.d_scale[n - model.n_u]
            try:
                y, distance = _run(integrator, u, d, duration_s)
            except PlantError as error:
                findings.append(f"after a step of {name} by {spans:+g} spans: {error}")
                continue
            moved = np.maximum(moved, distance)
            responses.append(_response(model, name, spans, (y - rest) / model.y_scale))
    return StepRuns(tuple(findings), tuple(responses), moved)


def _run(
    integrator: Integrator, u: FloatArray, d: FloatArray, duration_s: float
) -> tuple[FloatArray, FloatArray]:
    """Return the outputs at the end, and how far each state got from nominal [spans]."""
    model = integrator.model
    x, distance = model.x_nominal, np.zeros(model.n_x)
    for share in _PIECES:
        x = integrator.step(x, u, d, share * duration_s)
        distance = np.maximum(distance, np.abs(x - model.x_nominal) / model.x_scale)
        y: FloatArray = model.outputs(x, u, d).full().ravel()
        if not bool(np.all(np.isfinite(y))):
            name = model.y_names[int(np.argmin(np.isfinite(y)))]
            raise PlantError(f"output {name} is not finite")
    return y, distance


def _response(model: ProcessModel, source: str, spans: float, moves: FloatArray) -> Response:
    at = int(np.argmax(np.abs(moves)))
    if abs(moves[at]) < _NOTHING:
        return Response(source, spans, "", 0.0)
    return Response(source, spans, model.y_names[at], float(moves[at]))


def scale_findings(model: ProcessModel, runs: StepRuns) -> tuple[list[str], list[str]]:
    """Return findings and notes on scales that do not suit how the states move."""
    if not runs.responses:
        return [], []
    findings = [
        f"state {name} moved {distance:.1e} spans: its scale {scale:.3g} is far too small; "
        f"about {scale * distance:.1e} would suit"
        for name, distance, scale in zip(model.x_names, runs.moved, model.x_scale, strict=True)
        if distance > _FAR
    ]
    still = [n for n, far in zip(model.x_names, runs.moved, strict=True) if far < _NEAR]
    notes = [f"states that no step moved by 1e-6 spans: {some(still)}"] if still else []
    quiet = {r.source for r in runs.responses if not r.output}
    idle = [name for name in dict.fromkeys(r.source for r in runs.responses) if name in quiet]
    if idle:
        notes.append(f"steps that moved no output within the run: {some(idle)}")
    return findings, notes
