"""Checks of a plant that is stepped: a simulator with a state that can be kept."""

import math
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from operator_agent.errors import InputError, OperatorAgentError
from operator_agent.plant.checking.plant_report import PlantReport, Response
from operator_agent.plant.checking.structure import some

_N_PIECES = 4


@runtime_checkable
class SteppingPlant(Protocol):
    """What a plant offers that is stepped by its user; the crude unit's simulator does."""

    @property
    def time_s(self) -> float:
        """Simulated time [s]."""
        ...

    @property
    def setpoints(self) -> dict[str, float]:
        """What is written to the inputs now, by name [SI]."""
        ...

    def write(self, name: str, value_si: float, /) -> None:
        """Set an input [SI]."""
        ...

    def advance(self, duration_s: float) -> None:
        """Let time pass [s]."""
        ...

    def truth(self) -> dict[str, float]:
        """Return all variables by name [SI]."""
        ...

    def snapshot(self) -> Any:
        """Return the present state."""
        ...

    def restore(self, snapshot: Any, /) -> None:
        """Go back to a snapshot."""
        ...


def inspect_stepping(
    plant: SteppingPlant, spans: Mapping[str, float], duration_s: float, step_spans: float
) -> PlantReport:
    """Return the report of a stepped plant; it ends where it began.

    Args:
        plant: to check.
        spans: of each input, and of each output that is shown, by name [SI].
        duration_s: of each run [s].
        step_spans: height of the steps [spans].

    Raises:
        InputError: a span is missing, of no variable, or not positive.
    """
    _check_spans(plant, spans)
    piece_s = _piece(plant, duration_s)
    start = plant.snapshot()
    findings, notes = _state_findings(plant, start, piece_s)
    responses: list[Response] = []
    if not findings:
        responses, more, notes = _steps(plant, start, spans, piece_s, step_spans)
        findings += more
    plant.restore(start)
    name = str(getattr(plant, "name", type(plant).__name__.lower()))
    n_inputs = len(plant.setpoints)
    return PlantReport(
        name=name,
        counts={"input": n_inputs, "further variable": len(plant.truth()) - n_inputs},
        figures={"run_s": piece_s * _N_PIECES},
        responses=tuple(responses),
        findings=tuple(findings),
        notes=tuple(notes),
    )


def _check_spans(plant: SteppingPlant, spans: Mapping[str, float]) -> None:
    if missing := sorted(set(plant.setpoints) - set(spans)):
        raise InputError(f"check_plant: no span is given for input {missing[0]}; add it")
    if unknown := sorted(set(spans) - set(plant.truth())):
        raise InputError(f"check_plant: a span is given for '{unknown[0]}', which does not exist")
    for name, span in spans.items():
        if not (math.isfinite(span) and span > 0.0):
            raise InputError(f"check_plant: span {span} of {name} must be above zero")


def _piece(plant: SteppingPlant, duration_s: float) -> float:
    """Return a quarter of the run, in whole samples where the plant has them [s]."""
    sample_s = getattr(plant, "sample_time_s", None)
    piece_s = duration_s / _N_PIECES
    return piece_s if sample_s is None else max(1, round(piece_s / sample_s)) * float(sample_s)


def _walk(plant: SteppingPlant, piece_s: float) -> dict[str, float]:
    for _ in range(_N_PIECES):
        plant.advance(piece_s)
    return plant.truth()


def _state_findings(
    plant: SteppingPlant, start: Any, piece_s: float
) -> tuple[list[str], list[str]]:
    """Return what is wrong with names, finiteness, repetition and restoring."""
    before, at, written = plant.truth(), plant.time_s, plant.setpoints
    found = [f"{name} is {v} at the start" for name, v in before.items() if not math.isfinite(v)]
    if missing := sorted(set(written) - set(before)):
        found.append(f"inputs that truth() does not tell: {some(missing)}")
    try:
        first = _walk(plant, piece_s)
        passed = plant.time_s - at
        plant.restore(start)
        back, restored = plant.truth(), plant.time_s
        second = _walk(plant, piece_s)
    except OperatorAgentError as error:
        return [*found, f"at rest: {error}"], []
    if not math.isclose(passed, piece_s * _N_PIECES, rel_tol=1e-9):
        found.append(f"time went on by {passed} s when {piece_s * _N_PIECES} s were asked for")
    if back != before or restored != at or plant.setpoints != written:
        changed = [name for name in before if back.get(name) != before[name]]
        found.append(f"restore() does not bring back {some(changed or ['time or inputs'])}")
    if first != second:
        changed = [name for name in first if second.get(name) != first[name]]
        found.append(
            f"not repeatable: after restore() the same hour ends with other values of "
            f"{some(changed)}; keep all that the plant knows in the snapshot"
        )
    found += [f"{name} is {v} after the run" for name, v in first.items() if not math.isfinite(v)]
    return found, []


def _steps(
    plant: SteppingPlant,
    start: Any,
    spans: Mapping[str, float],
    piece_s: float,
    step_spans: float,
) -> tuple[list[Response], list[str], list[str]]:
    """Return responses, findings and notes of steps of each input in both directions."""
    plant.restore(start)
    shown = _shown(plant, spans)
    rest = _walk(plant, piece_s)
    responses, findings, idle = [], [], set(plant.setpoints)
    steps = [(name, height) for name in plant.setpoints for height in (step_spans, -step_spans)]
    for name, height in steps:
        plant.restore(start)
        try:
            plant.write(name, plant.setpoints[name] + height * spans[name])
            moved = _walk(plant, piece_s)
        except OperatorAgentError as error:
            findings.append(f"after a step of {name} by {height:+g} spans: {error}")
            continue
        if bad := [key for key, value in moved.items() if not math.isfinite(value)]:
            findings.append(f"after a step of {name} by {height:+g} spans: {some(bad)} not finite")
            continue
        response = _response(name, height, rest, moved, shown)
        responses.append(response)
        if response.output:
            idle.discard(name)
    notes = [f"inputs that moved nothing within the run: {some(sorted(idle))}"] if idle else []
    return responses, findings, notes


def _shown(plant: SteppingPlant, spans: Mapping[str, float]) -> dict[str, float]:
    """Return the spans of the variables whose moves are told; their own sizes when none has one."""
    inputs = plant.setpoints
    given = {name: span for name, span in spans.items() if name not in inputs}
    sizes = {name: abs(value) or 1.0 for name, value in plant.truth().items() if name not in inputs}
    return given or sizes


def _response(
    source: str,
    height: float,
    rest: Mapping[str, float],
    moved: Mapping[str, float],
    shown: Mapping[str, float],
) -> Response:
    """Return which variable moved most, in its spans."""
    moves = {name: (moved[name] - rest[name]) / span for name, span in shown.items()}
    strongest = max(moves, key=lambda name: abs(moves[name]), default="")
    if not strongest or moves[strongest] == 0.0:
        return Response(source, height, "", 0.0)
    return Response(source, height, strongest, moves[strongest])
