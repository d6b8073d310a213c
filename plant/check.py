"""One check that every plant must pass, the shipped ones and a user's own."""

import math
from collections.abc import Mapping

from operator_agent.errors import InputError, PlantError
from operator_agent.plant.checking.dynamics import (
    eigenvalue_figures,
    scale_findings,
    step_runs,
)
from operator_agent.plant.checking.evaluation import Evaluation
from operator_agent.plant.checking.plant_report import PlantReport
from operator_agent.plant.checking.point_checks import (
    AROUND,
    finite_findings,
    points_around,
    repeat_findings,
    residual_finding,
    slope_findings,
)
from operator_agent.plant.checking.smoothness import kink_findings
from operator_agent.plant.checking.stepping import SteppingPlant, inspect_stepping
from operator_agent.plant.checking.structure import (
    counts,
    dependence,
    dependence_findings,
    name_findings,
    shape_findings,
)
from operator_agent.plant.integrate import make_integrator
from operator_agent.plant.process_model import ProcessModel

HOUR_S = 3600.0
STEP_SPANS = 0.5  # a span is a typical move, so half of one is within every plant's range


def check_plant(
    plant: ProcessModel | SteppingPlant,
    *,
    spans: Mapping[str, float] | None = None,
    duration_s: float = HOUR_S,
    step_spans: float = STEP_SPANS,
    seed: int = 0,
) -> PlantReport:
    """Return the report of a plant that passes; raise with all findings when it does not.

    A model is checked for: unique names, shapes, finite scales; finite values and derivatives at
    the nominal point and around it; rest at the nominal point; the same answer when asked twice;
    derivatives that agree with finite differences; no kinks and no jumps along any input;
    integration over the duration at rest and after steps of each input in both directions; states
    of the order of their scales; inputs that act and outputs that are acted upon. A stepped plant
    (a simulator) is checked for repetition, for restoring its snapshots, and for steps. Time
    constants, stiffness, instability, integrators and dead states are told and are no fault.

    Args:
        plant: a model, or a plant that is stepped.
        spans: of a stepped plant: span of each input, and of each output that is shown, by name
            [SI]; taken from its property of this name when left out.
        duration_s: of each run [s].
        step_spans: height of the steps, in spans of the input.
        seed: of the random points and directions; the same seed gives the same report.

    Raises:
        InputError: this is no plant, or an argument is out of range.
        PlantError: something is wrong; the message lists every finding.

    Example:
        >>> from operator_agent.plant.classics.wood_berry import wood_berry
        >>> check_plant(wood_berry()).passed
        True
    """
    report = inspect_plant(
        plant,
        spans=spans,
        duration_s=duration_s,
        step_spans=step_spans,
        seed=seed,
    )
    if report.passed:
        return report
    listed = "\n".join(f"  {n}. {text}" for n, text in enumerate(report.findings, 1))
    raise PlantError(f"plant {report.name} fails check_plant:\n{listed}")


def inspect_plant(
    plant: ProcessModel | SteppingPlant,
    *,
    spans: Mapping[str, float] | None = None,
    duration_s: float = HOUR_S,
    step_spans: float = STEP_SPANS,
    seed: int = 0,
) -> PlantReport:
    """Return the report of a plant, with its findings, without raising them.

    Args:
        plant, spans, duration_s, step_spans, seed: as in `check_plant`.

    Raises:
        InputError: this is no plant, or an argument is out of range.
    """
    for what, value in (("duration", duration_s), ("step", step_spans)):
        if not (math.isfinite(value) and value > 0.0):
            raise InputError(f"check_plant: {what} {value} must be finite and above zero")
    if isinstance(plant, ProcessModel):
        if spans is not None:
            raise InputError("check_plant: a model brings its own spans; leave them out")
        return _inspect_model(plant, duration_s, step_spans, seed)
    if not isinstance(plant, SteppingPlant):
        raise InputError(
            f"check_plant: {type(plant).__name__} is neither a ProcessModel nor a plant with "
            "time_s, setpoints, write, advance, truth, snapshot and restore"
        )
    known = getattr(plant, "spans", None) if spans is None else spans
    if known is None:
        raise InputError("check_plant: give spans, the span of each input by name")
    return inspect_stepping(plant, known, duration_s, step_spans)


def _inspect_model(
    model: ProcessModel, duration_s: float, step_spans: float, seed: int
) -> PlantReport:
    findings = [*name_findings(model), *shape_findings(model)]
    if findings:
        return PlantReport(model.name, counts(model), findings=tuple(findings))
    notes: list[str] = []
    more, told = dependence_findings(model, dependence(model))
    findings, notes = findings + more, notes + told
    try:
        evaluation = Evaluation.of(model)
        integrator = make_integrator(model)
    except RuntimeError as error:
        findings.append(
            "CasADi cannot differentiate it or turn it into SX, which the solvers need: "
            f"{str(error).splitlines()[-1][:200]}"
        )
        return PlantReport(model.name, counts(model), findings=tuple(findings))
    points = points_around(evaluation, seed)
    findings += finite_findings(evaluation, points)
    more, residual = residual_finding(evaluation)
    findings += more + repeat_findings(evaluation, points)
    more, slope_error = slope_findings(evaluation, points, seed)
    findings += more
    findings += kink_findings(evaluation, max(step_spans, AROUND), seed)
    figures, told = eigenvalue_figures(evaluation)
    notes += told
    runs = step_runs(integrator, duration_s, step_spans)
    more, told = scale_findings(model, runs)
    findings, notes = [*findings, *runs.findings, *more], notes + told
    figures |= {"residual_at_rest_spans_per_s": residual, "derivative_error": slope_error}
    figures["run_s"] = duration_s
    told_figures = {name: value for name, value in figures.items() if math.isfinite(value)}
    return PlantReport(
        model.name, counts(model), told_figures, runs.responses, tuple(findings), tuple(notes)
    )
