"""Time until the boiling points have settled after a step of each handle."""

import numpy as np

from operator_agent.plant.classics.shell_fractionator import TIMES_MIN
from operator_agent.plant.variables import MV_NAMES
from operator_agent.plant.verification.subject import Subject, moved, slowest_time_s
from operator_agent.plant.verification.titles import TITLES
from operator_agent.plant.verification.topic import Column, Row, Topic

_STEP_SPANS = 0.5
_SETTLED = 0.05  # of the whole change
_SEEN_SPANS = 0.05  # a boiling point that moves less says nothing
_N_MINUTES = 240
_USUAL_MIN = (20.0, 90.0)  # minutes
_N_END_POINTS = 2  # the first outputs of Shell's fractionator; its others are temperatures


def settling_topics(subject: Subject) -> tuple[Topic, ...]:
    """Return the minutes to 95 % of the boiling points for each manipulated variable."""
    rows = []
    for name in MV_NAMES:
        subject.progress(f"settling: {name}")
        times = settling_minutes(subject, name)
        low, high = _USUAL_MIN
        met = all(low <= time <= high for time in times.values())
        quickest, slowest = min(times, key=times.__getitem__), max(times, key=times.__getitem__)
        cells = (
            f"`{name}`",
            f"`{quickest}`",
            float(times[quickest]),
            f"`{slowest}`",
            float(times[slowest]),
        )
        rows.append(Row(cells, met))
    heads = (
        Column("step of half a span"),
        Column("first to settle"),
        Column("after, min", ".0f"),
        Column("last to settle"),
        Column("at last after, min", ".0f"),
    )
    notes = (
        f"Minutes until a boiling point that moves by {_SEEN_SPANS} of a span or more stays within "
        f"5 % of its change. Usual: {_USUAL_MIN[0]:.0f} to {_USUAL_MIN[1]:.0f} minutes: "
        f"{_published()}. Slowest time constant of the linearised plant without fouling: "
        f"{slowest_time_s(subject.unit) / 60.0:.0f} min.",
    )
    return (Topic("settling", TITLES["settling"][0], heads, tuple(rows), notes),)


def _published() -> str:
    """Return what a published fractionator takes, three time constants without dead times."""
    minutes = np.sort(3.0 * np.array(TIMES_MIN[_N_END_POINTS:]).ravel())
    quarters = np.percentile(minutes, (25.0, 50.0, 75.0))
    return (
        f"the temperatures of Shell's heavy oil fractionator take {quarters[0]:.0f}, "
        f"{quarters[1]:.0f} and {quarters[2]:.0f} (quartiles of the {minutes.size} channels, three "
        "time constants; Prett, Morari, The Shell Process Control Workshop, Butterworth 1987)"
    )


def settling_minutes(subject: Subject, name: str) -> dict[str, int]:
    """Return the minutes to 95 % of each boiling point that moves, by name.

    Args:
        subject: the unit.
        name: of the input that steps.

    Raises:
        PlantError: the plant does not come to rest.
    """
    model, solver = subject.unit.model, subject.solver
    u, d = moved(model, name, _STEP_SPANS)
    curves = [n for n, cv in enumerate(model.y_names) if cv.startswith("temp_")]
    x = model.x_nominal
    path = [model.outputs(x, u, d).full().ravel()[curves]]
    for _ in range(_N_MINUTES):
        x = solver.integrator.step(x, u, d, 60.0)
        path.append(model.outputs(x, u, d).full().ravel()[curves])
    end = model.outputs(solver.solve(u, d, x), u, d).full().ravel()[curves]
    change = np.abs(end - path[0])
    away = np.abs(np.array(path) - end) > _SETTLED * change
    return {
        model.y_names[at]: int(np.flatnonzero(away[:, n])[-1]) + 1
        for n, at in enumerate(curves)
        if change[n] > _SEEN_SPANS * model.y_scale[at]
    }
