"""What one control cycle carries on, and what it found."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.messages import Advice, ControllerMode
from operator_agent.mpc.estimation.estimator import EstimatorState
from operator_agent.mpc.problem import Outcome, Problem, Warm
from operator_agent.mpc.robust.back_off import Spread
from operator_agent.mpc.status.frozen_readings import FrozenMemory
from operator_agent.mpc.status.states import ServiceStatus
from operator_agent.mpc.status.validity import ValidityMemory
from operator_agent.mpc.target.inputs import TargetInputs
from operator_agent.mpc.target.live_adaptation import Learned
from operator_agent.mpc.target.noise_band import NoiseBand
from operator_agent.mpc.target.target import SteadyTarget, TargetState


@dataclass(frozen=True, slots=True)
class ControllerState:
    """All that a controller carries from one cycle to the next.

    Attributes:
        cycle: number of steps done.
        estimate: None until the first scan that could be used.
        target: steady-state target and the state from which it walks; None before the first.
        target_state: see above.
        warm: plan of the last accepted solve; None after a failure.
        service: states of the variables in the last cycle.
        mode: of the last cycle; None before the first.
        spread: of the innovations, for back-offs.
        validity: what is remembered of numbers that were not believed.
        frozen: how long readings have stood still.
        told: bias and disturbances that the target rests on; None before the first.
        learned: of the plant's slopes; None without adaptation, and before its first cycle.
        refusals: solves in a row without a move although all that they needed was there.
    """

    cycle: int = 0
    estimate: EstimatorState | None = None
    target: SteadyTarget | None = None
    target_state: TargetState | None = None
    warm: Warm | None = None
    service: ServiceStatus = field(default_factory=ServiceStatus)
    mode: ControllerMode | None = None
    spread: Spread = field(default_factory=Spread)
    validity: ValidityMemory = field(default_factory=ValidityMemory)
    frozen: FrozenMemory = field(default_factory=FrozenMemory)
    told: NoiseBand | None = None
    learned: Learned | None = None
    refusals: int = 0


@dataclass(frozen=True, slots=True)
class CycleResult:
    """What one cycle found, in SI.

    Attributes:
        outcome: of the solve, without its warm start; its move exists only when accepted.
        y_estimate: CVs with bias, shape (n_y,).
        y_target: steady-state target, shape (n_y,).
        u_target: the same for the MVs, shape (n_u,).
        y_predicted: at the end of each stage, shape (N, n_y); None without a plan.
        active_limits: limits that hold the plan.
        unmet_limits: hard CV limits that the plan cannot keep at once; empty when all is well.
        target: with prices of its limits; None before the first.
        advice: as applied; None without.
        cuts: what of advice, set points, request and scan was not followed, and what to do.
        bad_readings: bad or rejected readings in a row, by CV or DV name.
        solve_ms: wall time of the whole step [ms].
        timings_ms: wall time by part [ms].
        problem: that was solved, for audits; None when it did not come so far.
        service: states of all variables; only MVs that it calls moved may be written.
        y_measured: of the scan, NaN where bad, shape (n_y,).
        bias, innovation: of the estimate, shape (n_y,); None before the first.
        target_inputs: of which the target was renewed; None where it was not.
    """

    outcome: Outcome
    y_estimate: FloatArray
    y_target: FloatArray
    u_target: FloatArray
    y_predicted: FloatArray | None
    active_limits: tuple[str, ...]
    unmet_limits: tuple[str, ...]
    target: SteadyTarget | None
    advice: Advice | None
    cuts: tuple[str, ...]
    bad_readings: Mapping[str, int]
    solve_ms: float
    timings_ms: Mapping[str, float]
    problem: Problem | None = None
    service: ServiceStatus = field(default_factory=ServiceStatus)
    y_measured: FloatArray = field(default_factory=lambda: np.zeros(0))
    bias: FloatArray | None = None
    innovation: FloatArray | None = None
    target_inputs: TargetInputs | None = None


@dataclass(slots=True)
class Stopwatch:
    """Wall times of the parts of one cycle."""

    start_s: float = field(default_factory=time.perf_counter)
    last_s: float = field(default_factory=time.perf_counter)
    parts_ms: dict[str, float] = field(default_factory=dict)

    def lap(self, part: str) -> None:
        """Give the time since the last lap to a part."""
        now = time.perf_counter()
        self.parts_ms[part] = 1e3 * (now - self.last_s)
        self.last_s = now

    def total_ms(self) -> float:
        """Return the time since the start [ms]."""
        return 1e3 * (time.perf_counter() - self.start_s)
