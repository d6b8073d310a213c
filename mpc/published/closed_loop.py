"""One engine in one closed loop: plant, noise, clocks and record."""

import time
from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import PlantError
from operator_agent.mpc.peers.engine import Engine, Reading
from operator_agent.mpc.published.case import Case
from operator_agent.mpc.published.control_problem import ClosedLoop
from operator_agent.plant.integrate import make_integrator

PLANT_TOLERANCE = 1e-10  # as in the published simulations


@dataclass(frozen=True, slots=True)
class LoopRecord:
    """A closed loop with its clocks, one row for each cycle.

    Attributes:
        loop: true states and inputs.
        cpu_ms, wall_ms: around the whole call of the engine, shape (n,) [ms].
        iterations: of the engine's solver, shape (n,).
        failures: `cycle: reason` of each cycle that was not solved.
        ended: why the loop stopped early; empty when it did not.
    """

    loop: ClosedLoop
    cpu_ms: FloatArray
    wall_ms: FloatArray
    iterations: FloatArray
    failures: tuple[str, ...]
    ended: str = ""


def run_engine(case: Case, engine: Engine, seed: int) -> LoopRecord:
    """Return the record of an engine in the closed loop of a case.

    A cycle without finite inputs holds the last ones and counts as failed.

    Args:
        case: to run.
        engine: to run it with.
        seed: of the measurement noise; the same for every engine.
    """
    problem = case.problem
    noise = np.random.default_rng(seed).standard_normal((case.cycles, problem.model.n_x))
    integrator = make_integrator(problem.model, PLANT_TOLERANCE)
    run = engine.start(case)
    x, u, ended = problem.x_start, problem.u_start, ""
    xs, us, failures = [x], [], []
    clocks: list[tuple[float, float, int]] = []
    for k in range(case.cycles):
        reading = Reading(k, x + noise[k] * case.noise, u, case.d_known[k], case.p[k])
        cpu_s, wall_s = time.process_time(), time.perf_counter()
        found = run.move(reading)
        wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
        clocks.append((1e3 * cpu_s, 1e3 * wall_s, found.iterations))
        finite = bool(np.all(np.isfinite(found.u)))
        if not (finite and found.success):
            failures.append(f"{k}: {found.reason if finite else 'inputs are not finite'}")
        u = found.u if finite else u
        try:
            x = integrator.step(x, u, case.d_plant[k], problem.sample_time_s)
        except PlantError as error:
            clocks.pop()
            ended = f"cycle {k}: {error}"
            break
        xs.append(x)
        us.append(u)
    cpu_ms, wall_ms, iterations = np.array(clocks, dtype=np.float64).reshape(-1, 3).T
    loop = ClosedLoop(np.array(xs), np.array(us).reshape(-1, problem.model.n_u), case.p[: len(us)])
    return LoopRecord(loop, cpu_ms, wall_ms, iterations, tuple(failures), ended)
