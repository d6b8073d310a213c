"""Times of a control cycle on the crude unit, and against IPOPT on the same problems.

Run with `python -m benchmarks.mpc.crude_unit`; one core: OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1.
The unit is simulated with the plant's layout, the controller has its own model. Every tenth problem
of the run is solved by IPOPT as well, started from the controller's own plan, until it converges.
"""

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from operator_agent.messages import EconomicTargets
from operator_agent.mpc.controller import Controller, ControllerState
from operator_agent.mpc.engine.compiled_functions import Compilation
from operator_agent.mpc.engine.linearise import ScaledModel
from operator_agent.mpc.peers.ipopt import Reference
from operator_agent.mpc.problem import Problem, Warm
from operator_agent.mpc.target.crude_unit import crude_unit_economics
from operator_agent.mpc.tuning.closed_loop import scan_of
from operator_agent.mpc.variables import variables_from_site
from operator_agent.mpc.weights import load_weights
from operator_agent.plant.coarse.controller_model import build_controller_model
from operator_agent.plant.simulation.events import CrudeSwitch
from operator_agent.plant.simulation.scenario import Scenario
from operator_agent.plant.simulation.simulator import Simulator
from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.unit.case_file import load_crude_unit_case
from operator_agent.plant.unit.crude_unit import build_crude_unit
from operator_agent.runtime.site_file import load_site

ROOT = Path(__file__).resolve().parents[2]
CYCLES = 150
SWITCH_AT_S = 3600.0
REFERENCE_EVERY = 10
PARTS = ("estimate", "target", "nmpc_start", "nmpc_linearise", "nmpc_write", "nmpc_qp",
         "nmpc_step", "nmpc_check", "nmpc")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Comparison:
    """One problem solved both ways."""

    nmpc_ms: float
    nmpc_cost: float
    ipopt_ms: float
    ipopt_cost: float
    ipopt_iterations: int


def targets(case: CrudeUnitCase) -> EconomicTargets:
    """Return plausible prices and targets [SI]."""
    prices = {"feed": 460.5, "naphtha": 437.5, "kerosene": 567.5, "lgo": 564.1, "hgo": 508.9,
              "residue": 408.1}  # fmt: skip
    wanted = {"temp_tbp95_kerosene": 518.0, "temp_tbp95_lgo": 606.0}
    return EconomicTargets("benchmark", 0.0, dict(case.slate), 0.184, wanted, prices, 6.5e-9, 0.022)


@dataclass(frozen=True, slots=True)
class Run:
    """Times by part [ms], and every tenth problem with the plan and cost found for it."""

    times: Mapping[str, np.ndarray]
    kept: tuple[tuple[Problem, Warm, float, float], ...]


def compiled_in_s() -> float:
    """Return how long it took to compile the controller's model, or to load it from the cache."""
    case = load_crude_unit_case(ROOT / "cases/plants/crude_unit.yaml")
    started_s = time.perf_counter()
    ScaledModel.of(build_controller_model(case), Compilation.ALWAYS).evaluated()
    return time.perf_counter() - started_s


def run(relinearise_every: int) -> Run:
    """Return a run with a crude switch."""
    case = load_crude_unit_case(ROOT / "cases/plants/crude_unit.yaml")
    site = load_site(ROOT / "cases/sites/crude_unit.yaml")
    model = build_controller_model(case)
    weights = load_weights(ROOT / "cases/controllers/crude_unit_weights.yaml")
    controller = Controller(
        model,
        variables_from_site(site, model),
        replace(weights, relinearise_every=relinearise_every),
        crude_unit_economics(case),
        60.0,
    )
    heavier = {"arabian_light": 0.4, "maya": 0.4, "bonny_light": 0.2}
    scenario = Scenario(CYCLES * 60.0, events=(CrudeSwitch(SWITCH_AT_S, 1800.0, heavier),))
    simulator = Simulator(build_crude_unit(case, "plant"), case, scenario, 1)
    state: ControllerState | None = None
    times: dict[str, list[float]] = {part: [] for part in (*PARTS, "cycle", "cycle, CPU time")}
    kept = []
    for cycle in range(CYCLES):
        scan = scan_of(simulator, controller.variables, cycle)
        state = state or controller.start(scan)
        cpu_s = time.process_time()
        result, state = controller.step(state, scan, targets(case), None)
        cpu_s = time.process_time() - cpu_s
        for name, value in zip(model.u_names, result.outcome.move.tolist(), strict=True):
            simulator.write(name, value)
        simulator.advance(60.0)
        if cycle == 0:
            times["cold start"] = [result.solve_ms]
            continue
        for part in PARTS:
            times[part].append(result.timings_ms.get(part, 0.0))
        times["cycle"].append(result.solve_ms)
        times["cycle, CPU time"].append(1e3 * cpu_s)
        if cycle % REFERENCE_EVERY == 0 and result.problem is not None and state.warm is not None:
            found = result.outcome.diagnostics.cost_after
            kept.append((result.problem, state.warm, result.timings_ms["nmpc"], found))
    return Run({part: np.array(values) for part, values in times.items()}, tuple(kept))


def compare(kept: tuple[tuple[Problem, Warm, float, float], ...]) -> list[Comparison]:
    """Return the kept problems as solved by IPOPT."""
    first = kept[0][0]
    scaled = ScaledModel.of(first.transcription.model)
    reference = Reference(first.transcription, scaled.values)
    found = []
    for problem, warm, spent_ms, cost in kept:
        best = reference.solve(problem, (warm.blocks, warm.states))
        if best.success:
            found.append(Comparison(spent_ms, cost, best.solve_ms, best.cost, best.iterations))
    return found


def table(title: str, times: Mapping[str, np.ndarray]) -> str:
    """Return p50, p99 and the largest of each part as text [ms]."""
    rows = [title, f"{'part':<18}{'p50':>8}{'p99':>8}{'max':>8}  [ms]"]
    for part, values in times.items():
        p50, p99 = np.percentile(values, [50.0, 99.0])
        rows.append(f"{part:<18}{p50:8.2f}{p99:8.2f}{np.max(values):8.2f}")
    return "\n".join(rows)


def rows(relinearise_every: int, times: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    """Return p50, p99 and the largest of each part as plain values [ms]."""
    found: list[dict[str, Any]] = []
    for part, values in times.items():
        p50, p99 = np.percentile(values, [50.0, 99.0]).tolist()
        ends = {"p50_ms": p50, "p99_ms": p99, "max_ms": float(np.max(values))}
        found.append({"relinearise_every": relinearise_every, "part": part, **ends})
    return found


def main() -> list[dict[str, Any]]:
    """Run all and print."""
    print(f"model compiled, or loaded from the cache, in {compiled_in_s():.1f} s\n")
    full, sparing = run(1), run(5)
    print(table(f"new Jacobians each cycle, {CYCLES} cycles with a crude switch", full.times))
    print(table("\nnew Jacobians every 5th cycle", sparing.times))
    pairs = compare(full.kept)
    ours, theirs = (
        float(np.median([getattr(p, name) for p in pairs])) for name in ("nmpc_ms", "ipopt_ms")
    )
    excess = [p.nmpc_cost / p.ipopt_cost - 1.0 for p in pairs]
    print(f"\n{len(pairs)} of these problems by IPOPT to convergence, from the same plan:")
    print(f"NMPC median {ours:.1f} ms, IPOPT median {theirs:.0f} ms, ratio {theirs / ours:.0f}")
    print(f"cost above IPOPT's: median {np.median(excess):.2e}, largest {np.max(excess):.2e}")
    compared = {
        "problems": len(pairs),
        "nmpc_median_ms": ours,
        "ipopt_median_ms": theirs,
        "median_cost_above_ipopt": float(np.median(excess)),
        "largest_cost_above_ipopt": float(np.max(excess)),
    }
    return [*rows(1, full.times), *rows(5, sparing.times), compared]


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
