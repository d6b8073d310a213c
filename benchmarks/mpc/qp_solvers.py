"""The engine's own QP against sparse solvers on the same one, over the length of the horizon.

Run with `python -m benchmarks.mpc.qp_solvers [--json FILE]`; one core: OMP_NUM_THREADS=1.
A warm cycle of the published reactor (4 states, 2 MVs, 8 limits), with a move for each stage and a
state 1 % off the prediction. The own way condenses the states and solves what is left by an active
set from the last cycle's; PIQP and HPIPM get states and moves stage by stage, without slacks, which
cost nothing here. "Off" is the difference of the costs, relative to what the step gains.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import casadi as ca
import numpy as np
from scipy import sparse

from operator_agent.mpc.engine.condense_maps import CondensedMaps
from operator_agent.mpc.engine.cost import ScaledProblem, write_qp
from operator_agent.mpc.engine.course import SinglePath
from operator_agent.mpc.engine.linearise import BufferedFunction
from operator_agent.mpc.engine.stages import Response
from operator_agent.mpc.peers.engine import Reading
from operator_agent.mpc.peers.own_engine import OwnRun
from operator_agent.mpc.problem import Problem, Warm
from operator_agent.mpc.published.catalogue import published_case
from operator_agent.mpc.solve import solve

STAGES = (10, 20, 60, 100, 200)
CYCLES, REPEATS = 4, 60
ASIDE = 1.01  # of the predicted state: where the plant is found
SOLVERS = ("piqp", "hpipm")


def warm_problem(n_pred: int) -> tuple[Problem, Warm]:
    """Return the problem of a cycle after some others, and their last plan."""
    case = published_case("reactor", CYCLES)
    published = replace(case.problem, n_pred=n_pred)
    run, warm = OwnRun(published, 3, None), None
    x, u = published.x_start, published.u_start
    for cycle in range(CYCLES):
        problem = run.problem(Reading(cycle, x, u, published.model.d_nominal, case.p[cycle]))
        if cycle == CYCLES - 1 and warm is not None:
            return problem, warm
        outcome = solve(problem, warm)
        assert outcome.warm is not None
        x = ASIDE * outcome.warm.states[1] * published.model.x_scale
        u, warm = outcome.move, outcome.warm
    raise AssertionError("a reactor without a plan")


def median_ms(call: Callable[[], object]) -> float:
    """Return the median CPU time of a call [ms]."""
    spent = []
    for _ in range(REPEATS):
        began_s = time.process_time()
        call()
        spent.append(1e3 * (time.process_time() - began_s))
    return float(np.median(spent))


class StagedQp:
    """The QP in states and moves, for solvers of CasADi; y = x, and each stage has its move.

    Variables of stage k: change of the state, of the last move, and of the move; without slacks.
    """

    def __init__(self, problem: Problem, scaled: ScaledProblem, response: Response) -> None:
        """Write matrices and vectors."""
        grid, condensed = problem.transcription, response.condensed
        assert isinstance(condensed, CondensedMaps)
        self.n_pred, self.n_u = grid.horizon.n_pred, grid.model.n_u
        self.n_z = grid.model.n_x + self.n_u
        step = self.n_z + self.n_u
        size, n_x = self.n_pred * step + self.n_z, grid.model.n_x
        h, g = sparse.lil_matrix((size, size)), np.zeros(size)
        a = sparse.lil_matrix((self.n_pred * self.n_z, size))
        low, high = np.full(size, -np.inf), np.full(size, np.inf)
        low[: self.n_z] = high[: self.n_z] = 0.0
        gap = response.free + scaled.bias - scaled.y_reference
        blocks, before = response.plan.blocks, scaled.u_held
        for k in range(self.n_pred):
            z, after = k * step, (k + 1) * step
            last, u = z + n_x + np.arange(self.n_u), z + self.n_z + np.arange(self.n_u)
            weight, move = scaled.stage_tracking[k], problem.weights.move
            for i, state in enumerate(range(after, after + n_x)):
                h[state, state], g[state] = 2.0 * weight[i], 2.0 * weight[i] * gap[k, i]
            h[u, u] = 2.0 * move
            h[last, last] = 2.0 * move
            h[u, last] = h[last, u] = -2.0 * move
            slope = 2.0 * move * (blocks[k] - before)
            g[u], g[last] = slope, -slope
            before = blocks[k]
            rows = k * self.n_z
            a[rows : rows + n_x, z : z + n_x] = condensed.stages.x_x[k].T
            a[rows : rows + n_x, u] = condensed.stages.x_u[k].T
            a[rows + n_x + np.arange(self.n_u), u] = 1.0
            a[rows + np.arange(self.n_z), after + np.arange(self.n_z)] = -1.0
            moves = slice(k * self.n_u, (k + 1) * self.n_u)
            low[u], high[u] = grid.qp.low[moves], grid.qp.high[moves]
        limits = grid.limits
        for stage, cv, sign, room in zip(
            limits.stage, limits.cv, limits.sign, grid.qp.row_high[: limits.n_rows], strict=True
        ):
            state = (stage + 1) * step + cv
            if sign > 0.0:
                high[state] = min(high[state], room)
            else:
                low[state] = max(low[state], -room)
        self._h, self._a = ca.DM(h.tocsc()), ca.DM(a.tocsc())
        self._vectors = {"g": g, "lbx": low, "ubx": high}

    def function(self, solver: str) -> BufferedFunction:
        """Return the QP with one of CasADi's solvers, its arguments filled."""
        shape = {"h": self._h.sparsity(), "a": self._a.sparsity()}
        options: dict[str, Any] = {"error_on_fail": False}
        if solver == "hpipm":
            counts = {"nx": [self.n_z] * (self.n_pred + 1), "nu": [self.n_u] * self.n_pred + [0]}
            options |= {"N": self.n_pred, **counts, "ng": [0] * (self.n_pred + 1)}
        found = ca.conic("staged", solver, shape, options)
        buffered = BufferedFunction(found)
        for name, matrix in (("h", self._h), ("a", self._a)):
            buffered.inputs[found.index_in(name)][:] = matrix.nonzeros()
        for name, vector in self._vectors.items():
            buffered.inputs[found.index_in(name)][:] = vector
        return buffered


def row(n_pred: int) -> dict[str, Any]:
    """Return the times [ms] and differences of one horizon."""
    problem, warm = warm_problem(n_pred)
    grid, course = problem.transcription, SinglePath(problem)
    known, scaled = course.start(warm), course.scaled
    assert known is not None
    inputs = grid.stage_inputs(known.plan.blocks)
    response = grid.stages.respond(known.plan, inputs, scaled.d, None)
    assert response is not None
    write_qp(grid, scaled, response)
    ours = grid.qp.solve(known.working_set)
    value = float(grid.qp.gradient @ ours.x + 0.5 * ours.x @ grid.qp.hessian @ ours.x)
    staged = StagedQp(problem, scaled, response)
    found: dict[str, Any] = {
        "stages": n_pred,
        "moves": grid.n_moves,
        "solve_ms": median_ms(lambda: solve(problem, warm)),
        "responses_ms": median_ms(lambda: grid.stages.respond(known.plan, inputs, scaled.d, None)),
        "write_ms": median_ms(lambda: write_qp(grid, scaled, response)),
        "qp_ms": median_ms(lambda: grid.qp.solve(known.working_set)),
    }
    for name in SOLVERS:
        function = staged.function(name)
        found[f"{name}_ms"] = median_ms(function.call)
        found[f"{name}_off"] = float((function.outputs[1][0] - value) / abs(value))
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a row for each horizon, and write them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mpc.qp_solvers")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows to this file")
    asked = parser.parse_args(arguments)
    if asked.json is not None and not asked.json.parent.is_dir():
        parser.error(f"{asked.json}: folder {asked.json.parent} does not exist; make it first")
    print("| stages | moves | whole solve [ms] | responses | write QP | solve QP | sparse PIQP | "
          "HPIPM | off, PIQP / HPIPM |")  # fmt: skip
    print("| --- " * 9 + "|")
    rows = []
    for n_pred in STAGES:
        one = row(n_pred)
        rows.append(one)
        times = [f"{one[key]:.2g}" for key in ("solve_ms", "responses_ms", "write_ms", "qp_ms",
                                               "piqp_ms", "hpipm_ms")]  # fmt: skip
        off = " / ".join(f"{one[f'{name}_off']:+.0e}" for name in SOLVERS)
        print(f"| {n_pred} | {one['moves']} | {' | '.join(times)} | {off} |", flush=True)
    if asked.json is not None:
        asked.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
