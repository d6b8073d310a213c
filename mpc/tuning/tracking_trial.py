"""A trial for any plant in steps: set points move, disturbances come, readings are noisy.

The scenario follows from its seed: each tracked CV gets a set point step, each disturbance a step,
at random moments and by random sizes; every reading has noise. The plant may differ from the
controller's model. Whatever breaks the plant raises, and the candidate counts as worst.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.mpc.controller import Controller
from operator_agent.mpc.generic.controller import wanted
from operator_agent.mpc.scan import Scan
from operator_agent.mpc.tuning.closed_loop import outside
from operator_agent.mpc.tuning.genes import Genes
from operator_agent.mpc.tuning.weight_genes import applied
from operator_agent.plant.generic.sampled_plant import SampledPlant, SampledSnapshot
from operator_agent.units import HOUR_S

STEPS_UNTIL = 0.6  # of the run: the last step comes so late at most, and its answer is seen


@dataclass(frozen=True, slots=True)
class Loop:
    """A controller and the plant that it meets.

    Attributes:
        controller: with the weights of the start.
        plant: at rest; every trial goes back to this state.
    """

    controller: Controller
    plant: SampledPlant


@dataclass(frozen=True, slots=True)
class TrackingTrial:
    """Judges genes of `Weights` by tracking, limits and travel.

    Attributes:
        make: the loop, made once in each process: a function at the top level of a module.
        cycles: of each scenario.
        setpoint_spans: largest set point step of a tracked CV [spans].
        disturbance_spans: largest step of a disturbance [spans].
        noise_spans: standard deviation of the readings [spans].
    """

    make: Callable[[], Loop]
    cycles: int
    setpoint_spans: float = 1.0
    disturbance_spans: float = 1.0
    noise_spans: float = 0.0

    def __post_init__(self) -> None:
        """Refuse runs without cycles and sizes below zero."""
        sizes = (self.setpoint_spans, self.disturbance_spans, self.noise_spans)
        if self.cycles < 2 or not min(sizes) >= 0.0:
            raise InputError(f"{self.cycles} cycles, sizes {sizes}: give 2 or more, zero or more")

    def __call__(self, genes: Genes, seed: int) -> Mapping[str, float]:
        """Return what genes are worth on the scenario of a seed.

        Args:
            genes: see `weight_genes.applied`.
            seed: of the scenario and its noise.

        Returns:
            `tracking`: mean of the squared distances from the set points, summed over the tracked
            CVs [spans^2]; `violation`: mean distance outside hard limits [spans]; `travel`: total
            variation of the MVs [spans/h].

        Raises:
            PlantError: the plant left finite numbers.
            InputError: a gene is not known.
        """
        loop, rest = _made(self.make)
        loop.plant.restore(rest)
        weights = applied(loop.controller.weights, genes)
        return self._run(loop.controller.with_weights(weights), loop.plant, seed)

    def _run(self, controller: Controller, plant: SampledPlant, seed: int) -> Mapping[str, float]:
        rng, model = np.random.default_rng(seed), controller.model
        variables = controller.variables
        setpoints = self._steps(rng, self.setpoint_spans, model.n_y)
        disturbed = self._steps(rng, self.disturbance_spans, len(plant.disturbances))
        noise = self.noise_spans * rng.standard_normal((self.cycles, model.n_y))
        rest, tracked = plant.outputs_now(), tuple(controller.weights.cv_tracking)
        places = [model.y_names.index(name) for name in tracked]
        u, state = np.array([plant.setpoints[n] for n in model.u_names]), None
        ys, us, goals = [], [], []
        for k in range(self.cycles):
            y, goal = plant.outputs_now(), rest + setpoints[k] * model.y_scale
            d = np.array([v.nominal + s * v.span for v, s in
                          zip(plant.disturbances, disturbed[k], strict=True)])  # fmt: skip
            shown = d[[model.d_names.index(name) for name in variables.dv_names]]
            scan = Scan(y + noise[k] * model.y_scale, u, shown)
            state = state or controller.start(scan)
            wishes = wanted({n: float(goal[i]) for n, i in zip(tracked, places, strict=True)})
            result, state = controller.step(state, scan, wishes, None)
            u = np.array(result.outcome.move) if result.outcome.accepted else u
            _let_run(plant, controller, u, d)
            ys.append(plant.outputs_now())
            us.append(u)
            goals.append(goal)
        return _judged(controller, np.array(ys), np.array(us), np.array(goals), places)

    def _steps(self, rng: np.random.Generator, size: float, count: int) -> FloatArray:
        """Return one step for each variable over the cycles, shape (cycles, count) [spans]."""
        at = rng.uniform(0.0, STEPS_UNTIL * self.cycles, count)
        sizes = size * rng.uniform(-1.0, 1.0, count)
        steps: FloatArray = sizes * (np.arange(self.cycles)[:, None] >= at)
        return steps


@functools.cache
def _made(make: Callable[[], Loop]) -> tuple[Loop, SampledSnapshot]:
    loop = make()
    return loop, loop.plant.snapshot()


def _let_run(plant: SampledPlant, controller: Controller, u: FloatArray, d: FloatArray) -> None:
    for name, value in zip(controller.model.u_names, u.tolist(), strict=True):
        plant.write(name, value)
    for variable, value in zip(plant.disturbances, d.tolist(), strict=True):
        plant.disturb(variable.name, value)
    plant.advance(controller.cycle_s)


def _judged(
    controller: Controller, y: FloatArray, u: FloatArray, goals: FloatArray, places: list[int]
) -> Mapping[str, float]:
    model, variables = controller.model, controller.variables
    missed = ((y - goals) / model.y_scale)[:, places]
    broken = outside(y, variables.cv_hard_low, variables.cv_hard_high) / model.y_scale
    moved = np.abs(np.diff(u, axis=0)) / model.u_scale
    hours = len(u) * controller.cycle_s / HOUR_S
    return {
        "tracking": float(np.mean(np.sum(missed**2, axis=1))),
        "violation": float(np.mean(np.sum(broken, axis=1))),
        "travel": float(np.sum(moved)) / hours,
    }
