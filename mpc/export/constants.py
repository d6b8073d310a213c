"""The numbers of a problem as C constants: sizes, limits and weights scaled, tolerances."""

from collections.abc import Iterable

import numpy as np

from operator_agent.mpc.engine.seldom_parts import seldom_parts
from operator_agent.mpc.engine.warm_start import HALF_STAGE
from operator_agent.mpc.export.model_code import ModelCode
from operator_agent.mpc.problem import Problem

_PER_LINE = 8


def sizes(problem: Problem) -> tuple[tuple[str, int], ...]:
    """Return the sizes that a user of the code needs, by name."""
    model, n_pred = problem.transcription.model, problem.transcription.horizon.n_pred
    return (
        ("N_PRED", n_pred),
        ("N_X", model.n_x),
        ("N_U", model.n_u),
        ("N_D", model.n_d),
        ("N_Y", model.n_y),
    )


def constants(problem: Problem, model: ModelCode) -> str:
    """Return the definitions that the controller's text reads.

    Args:
        problem: see `export_c`.
        model: its functions.
    """
    grid, parts = problem.transcription, seldom_parts(problem)
    limits, v, n_u = grid.limits, problem.variables, grid.model.n_u
    accuracy = problem.accuracy or grid.accuracy
    shifted = problem.cycle_s > HALF_STAGE * max(grid.lengths_s[:2])
    counts = {
        "N_BLOCKS": grid.horizon.n_blocks,
        "N_V": grid.n_moves + limits.n_slacks,
        "N_M": limits.n_rows + grid.rate_rows.size,
        "N_ROWS": limits.n_rows,
        "N_SLACKS": limits.n_slacks,
        "N_RATED": grid.rated.size,
        "AFFINE": int(grid.affine),
        "SHIFTED": int(shifted),
        "ITERATIONS": problem.iterations,
        "COLD_ITERATIONS": problem.cold_iterations,
        **model.counts,
    }
    numbers = {
        "TOLERANCE": problem.tolerance or 0.0,
        "SHORT_STEP": accuracy.step,
        "MISMATCH": accuracy.mismatch,
        "LATER": accuracy.later,
    }
    places = (limits.stage, limits.cv, limits.slack, limits.sign, grid.rated,
              grid.block_of_stage * n_u, grid.block_shares, grid.move_counts)  # fmt: skip
    arrays = {
        "places": np.concatenate([np.ravel(part).astype(np.float64) for part in places]),
        "fixed": parts.packed,
        "x_scale": grid.model.x_scale,
        "u_scale": grid.model.u_scale,
        "y_scale": grid.model.y_scale,
        "u_low": v.mv_low,
        "u_high": v.mv_high,
        "u_change": v.mv_rate * problem.cycle_s,
        "stage_part": parts.stage_part,
        "block_part": parts.block_part,
    }
    lines = [f"#define {name} {count}" for name, count in counts.items()]
    lines += [f"#define {name} {_number(value)}" for name, value in numbers.items()]
    lines += [_array("double", name, map(_number, np.ravel(a))) for name, a in arrays.items()]
    lines.append(_array("int", "next", map(str, grid.next_constraint.tolist())))
    return "\n".join(["#include <math.h>", "#include <string.h>", "", *lines, ""])


def _number(value: float) -> str:
    """Return a number that C reads back to the last digit."""
    value = float(value)
    if np.isinf(value):
        return "INFINITY" if value > 0.0 else "-INFINITY"
    return repr(value)


def _array(kind: str, name: str, values: Iterable[str]) -> str:
    found = list(values) or ["0"]  # C has no empty arrays
    rows = [", ".join(found[i : i + _PER_LINE]) for i in range(0, len(found), _PER_LINE)]
    return f"static const {kind} {name}[] = {{\n  " + ",\n  ".join(rows) + ",\n};"
