"""Closed loops that are scored by what the operators see: errors, moves, violations, times.

The plant advances in short steps with exact dead times; each controller acts at its own period on
what is measured then.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import SolveFailedError
from operator_agent.plant.generic.sampled_plant import SampledPlant

MINUTE_S = 60.0
Named = Mapping[str, float]


class Actor(Protocol):
    """A controller in one loop; it keeps its own state."""

    @property
    def name(self) -> str:
        """By which its row is known."""
        ...

    @property
    def period_s(self) -> float:
        """Time between moves, a multiple of the plant's step [s]."""
        ...

    def act(self, y: FloatArray, u: FloatArray, setpoints: Named, d: FloatArray) -> FloatArray:
        """Return the inputs to apply, shape (n_u,).

        Args:
            y: outputs as measured, shape (n_y,).
            u: inputs that hold now, shape (n_u,).
            setpoints: by output.
            d: disturbances as they are now, shape (n_d,); who measures them may use them.

        Raises:
            SolveFailedError: there is no move; the inputs are held and the cycle counts as failed.
        """
        ...


@dataclass(frozen=True, slots=True)
class TrackingCase:
    """One loop to run.

    Attributes:
        name: by which it is asked for.
        story: in words.
        plant: makes the plant at rest, with exact dead times.
        duration_s: of the loop [s].
        setpoints: of the tracked outputs at a time [s].
        disturbances: by name at a time [s]; others stay nominal.
        limits: of outputs, whose violations are scored.
    """

    name: str
    story: str
    plant: Callable[[], SampledPlant]
    duration_s: float
    setpoints: Callable[[float], Named]
    disturbances: Callable[[float], Named]
    limits: Mapping[str, tuple[float, float]]


@dataclass(frozen=True, slots=True)
class TrackingScore:
    """What a loop was worth.

    Attributes:
        case, actor: names.
        absolute_error: integral of |setpoint - y| of each tracked output [unit min].
        variation: sum of |moves| of each input.
        violation: integral of the distance outside of each limited output [unit min].
        depth: largest distance outside.
        end_error: largest |setpoint - y| at the end, in spans.
        cpu_ms: of each call of the controller.
        failures: cycles without a move, and why.
        spans: of the tracked outputs.
    """

    case: str
    actor: str
    absolute_error: Named
    variation: Named
    violation: Named
    depth: Named
    end_error: float
    cpu_ms: FloatArray
    failures: tuple[str, ...]
    spans: Named

    @property
    def cost(self) -> float:
        """Sum of the absolute errors of the tracked outputs [spans min]."""
        return sum(v / self.spans[n] for n, v in self.absolute_error.items())

    def payload(self, reference: "TrackingScore", story: str) -> dict[str, Any]:
        """Return the row of a table; times in ms of CPU, the reference is another controller."""
        depths = dict(self.depth)
        return {
            "case": self.case,
            "engine": self.actor,
            "median_ms": float(np.percentile(self.cpu_ms[1:], 50.0)),
            "p99_ms": float(np.percentile(self.cpu_ms[1:], 99.0)),
            "cost": self.cost,
            "reference_cost": reference.cost,
            "hard_violation": max(depths.values(), default=0.0),
            "failed_cycles": len(self.failures),
            "clock": "cpu",
            "reference": reference.actor,
            "cost_of": "integral of absolute errors [spans min]",
            "iae_min": dict(self.absolute_error),
            "total_variation": dict(self.variation),
            "violation_min": dict(self.violation),
            "violation_depth": depths,
            "end_error_spans": self.end_error,
            "cycles": int(self.cpu_ms.size),
            "failures": list(self.failures[:3]),
            "story": story,
            "reason": "",
        }


def run_tracking(case: TrackingCase, actor: Actor) -> TrackingScore:
    """Return the score of a controller in a case.

    Args:
        case: to run.
        actor: at rest.
    """
    plant = case.plant()
    dt = plant.sample_time_s
    every = round(actor.period_s / dt)
    names = [v.name for v in plant.outputs]
    u = np.array([v.nominal for v in plant.inputs])
    moves, ys, wanted, cpu_ms, failures = [u], [], [], [], []
    for k in range(round(case.duration_s / dt)):
        d = {v.name: v.nominal for v in plant.disturbances} | dict(case.disturbances(k * dt))
        for name, value in d.items():
            plant.disturb(name, value)
        goals = case.setpoints(k * dt)
        y = plant.outputs_now()
        if k % every == 0:
            before_s = time.process_time()
            try:
                u = actor.act(y, u, goals, np.array(list(d.values())))
            except SolveFailedError as error:
                failures.append(f"{k * dt / MINUTE_S:g} min: {error}")
            cpu_ms.append(1e3 * (time.process_time() - before_s))
            for variable, value in zip(plant.inputs, u, strict=True):
                plant.write(variable.name, float(value))
            moves.append(u)
        plant.advance(dt)
        ys.append(plant.outputs_now())
        wanted.append([goals.get(name, np.nan) for name in names])
    record = np.array(ys), np.array(wanted), np.array(moves), np.array(cpu_ms)
    return _score(case, actor.name, plant, record, tuple(failures))


def _score(
    case: TrackingCase,
    actor: str,
    plant: SampledPlant,
    record: tuple[FloatArray, FloatArray, FloatArray, FloatArray],
    failures: tuple[str, ...],
) -> TrackingScore:
    ys, wanted, moves, cpu_ms = record
    dt_min = plant.sample_time_s / MINUTE_S
    names = [v.name for v in plant.outputs]
    tracked = [i for i in range(len(names)) if bool(np.all(np.isfinite(wanted[:, i])))]
    errors = np.abs(wanted - ys)
    varied = np.sum(np.abs(np.diff(moves, axis=0)), axis=0)
    outside = {}
    for name, (low, high) in case.limits.items():
        column = ys[:, names.index(name)]
        outside[name] = np.maximum(np.maximum(low - column, column - high), 0.0)
    return TrackingScore(
        case=case.name,
        actor=actor,
        absolute_error={names[i]: dt_min * float(np.sum(errors[:, i])) for i in tracked},
        variation={v.name: float(x) for v, x in zip(plant.inputs, varied, strict=True)},
        violation={n: dt_min * float(np.sum(v)) for n, v in outside.items()},
        depth={n: float(np.max(v)) for n, v in outside.items()},
        end_error=max(float(errors[-1, i]) / plant.outputs[i].span for i in tracked),
        cpu_ms=cpu_ms,
        failures=failures,
        spans={names[i]: plant.outputs[i].span for i in tracked},
    )
