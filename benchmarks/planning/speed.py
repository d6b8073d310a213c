"""Case stacks and many periods against what else solves them with HiGHS in Python.

Run with `python -m benchmarks planning`. All ways solve the same numbers in the same minutes, with
one HiGHS thread each; times are CPU seconds, so a busy machine counts less. "Pure" is HiGHS on
bare matrices that were there before the clock started: for a stack, the changed numbers handed over
and the warm dual simplex; for a model of many periods, the matrices handed over and the interior
point method with crossover. Our times contain the check of every answer; the others have none.
"""

import gc
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import highspy
import numpy as np
import pyomo.environ as pyo
from benchmarks.planning.authored import linopy_model, pyomo_model
from benchmarks.planning.synthetic import BLOCKS, CDUS, CRUDES, UNITS, Data, arrays, synthetic
from pyomo.contrib.appsi.solvers import Highs as AppsiHighs
from pyomo.contrib.solver.common.results import SolutionStatus
from pyomo.contrib.solver.solvers.highs import Highs as NewHighs

from operator_agent.planning.collection import collector_at_rest
from operator_agent.planning.linear import LinearProgram, compile_linear, solve_linear
from operator_agent.planning.linear_stack import LinearCase, LinearStack

CASES = 100
PEER_CASES = 30
ROUNDS = 5
SMALL = 28  # periods up to which a model is timed several times
PERIODS = (1, 3, 6, 12, 28)
SAME = 1e-6  # relative: all ways must find the same profit


def moved(program: LinearProgram, spread: float, count: int, seed: int) -> list[LinearCase]:
    """Return cases in which every price, availability, demand and capacity has moved a little."""
    rng = np.random.default_rng(seed)
    rows = slice(CRUDES, CRUDES + CDUS + UNITS)

    def near(values: Any) -> Any:
        return values * rng.uniform(1.0 - spread, 1.0 + spread, len(values))

    found = []
    for _ in range(count):
        row_high = program.row_high.copy()
        row_high[rows] = near(row_high[rows])
        high = np.maximum(near(program.high), program.low)
        found.append(LinearCase(cost=near(program.cost), high=high, row_high=row_high))
    return found


def pure_stack(program: LinearProgram, cases: Sequence[LinearCase]) -> tuple[float, list[float]]:
    """Return seconds and profits of bare HiGHS over a stack, warm."""
    stack = LinearStack(program)
    stack.solve(cases[0])
    solver = stack._solver
    solver.setOptionValue("solver", "simplex")
    scale, columns = program.scales()
    all_columns = np.arange(len(columns), dtype=np.int32)
    all_rows = np.arange(len(scale), dtype=np.int32)
    low, row_low = program.low / columns, program.row_low * scale
    ready = [(c.cost * columns, c.high / columns, c.row_high * scale) for c in cases]
    profits = []
    begin = time.process_time()
    for cost, high, row_high in ready:
        solver.changeColsCost(len(all_columns), all_columns, cost)
        solver.changeColsBounds(len(all_columns), all_columns, low, high)
        solver.changeRowsBounds(len(all_rows), all_rows, row_low, row_high)
        solver.run()
        profits.append(-solver.getObjectiveValue())
    return time.process_time() - begin, profits


def own_stack(program: LinearProgram, cases: Sequence[LinearCase]) -> tuple[float, list[float]]:
    """Return seconds and profits of our stack, started warm as the pure one."""
    stack = LinearStack(program)
    stack.solve(cases[0])
    begin = time.process_time()
    answers = stack.solve_all(cases)
    return time.process_time() - begin, [answer.profit for answer in answers]


def peer_stack(data: Data, cases: Sequence[LinearCase], new: bool) -> tuple[float, list[float]]:
    """Return seconds and profits of Pyomo's persistent HiGHS interfaces over a stack, warm."""
    model = pyomo_model(data)
    columns = [v for name in BLOCKS for v in model.component(name).values()]
    capacities = [*model.cdu_row.values(), *model.unit_row.values()]
    prices = pyo.Param(range(len(columns)), mutable=True, initialize=0.0)
    model.prices = prices
    model.del_component("cost")
    model.cost = pyo.Objective(expr=sum(prices[i] * v for i, v in enumerate(columns)))
    limits = pyo.Param(range(len(capacities)), mutable=True, initialize=0.0)
    model.limits = limits
    for i, row in enumerate(capacities):
        row.set_value((None, row.body, limits[i]))
    solve = _new_solver(model) if new else _appsi_solver(model)

    def write(case: LinearCase) -> None:
        prices.store_values(dict(enumerate(case.cost.tolist())))
        for variable, value in zip(columns, case.high.tolist(), strict=True):
            variable.setub(None if value == np.inf else value)
        high = case.row_high[CRUDES : CRUDES + CDUS + UNITS].tolist()
        limits.store_values(dict(enumerate(high)))

    write(cases[0])
    solve()
    profits = []
    begin = time.process_time()
    for case in cases:
        write(case)
        profits.append(solve())
    return time.process_time() - begin, profits


def _appsi_solver(model: Any, method: str = "choose") -> Callable[[], float]:
    solver = AppsiHighs()
    solver.config.load_solution = False
    solver.highs_options = {"threads": 1, "solver": method, "output_flag": False}
    return lambda: -float(solver.solve(model).best_feasible_objective)


def _new_solver(model: Any, method: str = "choose") -> Callable[[], float]:
    solver = NewHighs()
    options = {"threads": 1, "solver": method, "output_flag": False}

    def solve() -> float:
        found = solver.solve(model, load_solutions=False, solver_options=options)
        assert found.solution_status is SolutionStatus.optimal
        return -float(found.incumbent_objective)

    return solve


def stack_rows() -> list[dict[str, Any]]:
    """Return the case stacks: milliseconds per case, and the ratio to pure HiGHS."""
    data = synthetic(1)
    program = arrays(data)
    rows = []
    for spread in (0.002, 0.01, 0.05):
        cases = moved(program, spread, CASES, seed=2)
        pure, own = [], []
        for _ in range(ROUNDS):
            seconds, reference = pure_stack(program, cases)
            pure.append(seconds / CASES)
            seconds, profits = own_stack(program, cases)
            _agree(profits, reference)
            own.append(seconds / CASES)
        walk = [a.iterations for a in LinearStack(program).solve_all(cases)]
        row = {
            "moved": spread,
            "iterations": statistics.mean(walk[1:]),
            "pure": statistics.median(pure),
            "own": statistics.median(own),
        }
        for name, new in (("appsi", False), ("new interface", True)):
            seconds, profits = peer_stack(data, cases[:PEER_CASES], new)
            _agree(profits, reference[:PEER_CASES])
            row[name] = seconds / PEER_CASES
        rows.append(row)
        _print_stack(row)
    return rows


def _print_stack(row: dict[str, Any]) -> None:
    ways = [key for key in row if key not in ("moved", "iterations")]
    times = "  ".join(
        f"{way} {1e3 * row[way]:.2f} ms ({row[way] / row['pure']:.2f}x)" for way in ways
    )
    print(
        f"all numbers +-{row['moved']:.1%}, {row['iterations']:.0f} iterations: {times}", flush=True
    )


def _agree(profits: Sequence[float], reference: Sequence[float]) -> None:
    for one, other in zip(profits, reference, strict=True):
        if abs(one - other) > SAME * abs(other):
            raise SystemExit(f"two ways disagree: profit {one!r} and {other!r}")


def period_row(periods: int, peers: bool = True) -> dict[str, Any]:
    """Return the CPU seconds from numbers to the checked optimum of a model of many periods.

    Small models are timed in several rounds, in which the ways take turns; medians count.
    """
    data = synthetic(periods)
    program = arrays(data)
    ways: dict[str, Callable[[Data], float]] = {"own": _own}
    if peers:
        ways |= {"appsi": _appsi, "new interface": _new, "linopy": _linopy}
    taken: dict[str, list[float]] = {"pure": [], **{name: [] for name in ways}}
    translation = []
    for _ in range(ROUNDS if periods <= SMALL else 1):
        gc.collect()  # what the way before left behind is not this one's to carry
        seconds, reference = pure_solve(program)
        taken["pure"].append(seconds)
        translation.append(_translation(data))
        for name, way in ways.items():
            gc.collect()
            begin = time.process_time()
            profit = way(data)
            taken[name].append(time.process_time() - begin)
            _agree([profit], [reference])
    found = {name: statistics.median(values) for name, values in taken.items()}
    return {
        "periods": periods,
        "columns": len(program.cost),
        **found,
        "own translation": statistics.median(translation),
    }


def pure_solve(program: LinearProgram) -> tuple[float, float]:
    """Return seconds and profit of HiGHS on bare matrices: handed over as they are, and run."""
    lp = highspy.HighsLp()
    lp.num_row_, lp.num_col_ = program.matrix.shape
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = program.cost, program.low, program.high
    lp.row_lower_, lp.row_upper_ = program.row_low, program.row_high
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_ = program.matrix.indptr
    lp.a_matrix_.index_ = program.matrix.indices
    lp.a_matrix_.value_ = program.matrix.data
    begin = time.process_time()
    solver = highspy.Highs()
    for key, value in {"output_flag": False, "threads": 1, "solver": "ipm"}.items():
        solver.setOptionValue(key, value)
    solver.passModel(lp)
    solver.run()
    return time.process_time() - begin, -float(solver.getObjectiveValue())


def _translation(data: Data) -> float:
    begin = time.process_time()
    _compiled(data)
    return time.process_time() - begin


def _compiled(data: Data) -> LinearProgram:
    with collector_at_rest():
        return compile_linear(pyomo_model(data))


def _own(data: Data) -> float:
    return solve_linear(_compiled(data)).profit


def _appsi(data: Data) -> float:
    return _appsi_solver(pyomo_model(data), "ipm")()


def _new(data: Data) -> float:
    return _new_solver(pyomo_model(data), "ipm")()


def _linopy(data: Data) -> float:
    solver = linopy_model(data).to_highspy(set_names=False)
    for key, value in {"output_flag": False, "threads": 1, "solver": "ipm"}.items():
        solver.setOptionValue(key, value)
    solver.run()
    return -float(solver.getObjectiveValue())


def _print_period(row: dict[str, Any]) -> None:
    ways = [key for key in ("pure", "own", "appsi", "new interface", "linopy") if key in row]
    times = "  ".join(f"{way} {row[way]:.3f} s ({row[way] / row['pure']:.2f}x)" for way in ways)
    of_that = f"authoring and compiling {row['own translation']:.3f} s of our own"
    print(f"{row['periods']} periods, {row['columns']} columns: {times}; {of_that}", flush=True)


def main() -> list[dict[str, Any]]:
    """Run both benchmarks and return their rows."""
    rows = stack_rows()
    period_row(1)  # imports and first calls
    for periods in PERIODS:
        row = period_row(periods)
        _print_period(row)
        rows.append(row)
    return rows


if __name__ == "__main__":
    sys.exit(not main())
