"""Checks at the nominal point and around it: finite, at rest, repeatable, differentiable."""

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.plant.checking.evaluation import Evaluation
from operator_agent.plant.checking.structure import some

AROUND = 0.02  # spans: far enough to find a root of zero, near enough to stay physical
_N_POINTS = 24
_N_SLOPES = 4  # points at which derivatives are compared
RESIDUAL = 1e-6  # [spans/s]: a drift of 0.004 spans in an hour
_STEPS = (1e-3, 1e-4, 1e-5, 1e-6)  # spans; the best one counts: rounding bounds some plants
_SLOPE_ERROR = 1e-4  # of the row's derivatives


def points_around(evaluation: Evaluation, seed: int) -> FloatArray:
    """Return the nominal point and random ones around it, shape (n, size) [spans]."""
    rng = np.random.default_rng(seed)
    around = rng.uniform(-AROUND, AROUND, (_N_POINTS, evaluation.size))
    return np.vstack((np.zeros(evaluation.size), around))


def finite_findings(evaluation: Evaluation, points: FloatArray) -> list[str]:
    """Return which rates and outputs are not finite, and where first."""
    first: dict[int, FloatArray] = {}
    for z in points:
        for bad in np.flatnonzero(~np.isfinite(evaluation.at(z))):
            first.setdefault(int(bad), z)
    found = []
    for row, z in first.items():
        if not np.any(z):
            where = "at the nominal point"
        else:
            where = f"within {AROUND} spans of the nominal point, as at {evaluation.place(z)}"
        found.append(f"{evaluation.row_name(row)} is not finite {where}; bound what it divides by")
    return found


def residual_finding(evaluation: Evaluation) -> tuple[list[str], float]:
    """Return whether the nominal point is at rest, and its largest rate [spans/s]."""
    model = evaluation.model
    rates = evaluation.at(np.zeros(evaluation.size))[: model.n_x]
    largest = float(np.max(np.abs(rates), initial=0.0))
    if not largest > RESIDUAL:
        return [], largest
    moving = [model.x_names[n] for n in np.argsort(-np.abs(rates)) if abs(rates[n]) > RESIDUAL]
    return [
        f"the nominal point is not at rest: {some(moving)} move, the first by {largest:.2e} "
        f"spans/s (allowed {RESIDUAL:.0e}); find rest with plant.integrate.steady_state"
    ], largest


def repeat_findings(evaluation: Evaluation, points: FloatArray) -> list[str]:
    """Return which rates and outputs differ when asked again."""
    once = np.array([evaluation.at(z) for z in points])
    again = np.array([evaluation.at(z) for z in points[::-1]])[::-1]
    differs = np.any((once != again) & ~(np.isnan(once) & np.isnan(again)), axis=0)
    rows = [evaluation.row_name(int(row)) for row in np.flatnonzero(differs)]
    if not rows:
        return []
    return [f"not repeatable: {some(rows)} differ for the same input; take out what is random"]


def slope_findings(
    evaluation: Evaluation, points: FloatArray, seed: int
) -> tuple[list[str], float]:
    """Compare derivatives by CasADi with finite differences along random directions.

    Returns:
        Findings, and the largest relative error.
    """
    rng = np.random.default_rng(seed)
    worst, found = 0.0, {}
    for z in points[:_N_SLOPES]:
        matrix = evaluation.matrix(z)
        for row in np.flatnonzero(~np.all(np.isfinite(matrix), axis=1)):
            found[int(row)] = "has a derivative that is not finite; soften roots and powers at zero"
        direction = rng.choice((-1.0, 1.0), evaluation.size)
        exact = evaluation.on_line(z, direction)[1]
        size = np.sum(np.abs(matrix), axis=1)
        gap = np.min(
            [np.abs(_difference(evaluation, z, direction, step) - exact) for step in _STEPS],
            axis=0,
        )
        noise = 1e-12 * np.abs(evaluation.at(z)) / _STEPS[0]
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            error = np.where(gap > noise, gap / np.maximum(size, 1e-300), 0.0)
        for row in np.flatnonzero(error > _SLOPE_ERROR):
            text = f"has a derivative by CasADi that is {error[row]:.1e} off finite differences"
            found.setdefault(int(row), f"{text} near {evaluation.place(z)}; it is not smooth")
        worst = max(worst, float(np.max(error[np.isfinite(error)], initial=0.0)))
    return [f"{evaluation.row_name(row)} {text}" for row, text in found.items()], worst


def _difference(
    evaluation: Evaluation, z: FloatArray, direction: FloatArray, step: float
) -> FloatArray:
    ahead, behind = evaluation.at(z + step * direction), evaluation.at(z - step * direction)
    with np.errstate(invalid="ignore", over="ignore"):
        slope: FloatArray = (ahead - behind) / (2.0 * step)
    return slope
