"""A gymnasium environment: one step is one supervisor interval of plant and MPC.

The action changes how the MPC works, never a set point (see `advice_map`). An interval holds many
control cycles, so this is a semi-Markov decision process with a fixed length of step.

    reward = (profit - profit of the same MPC without advice) / scale - weight * violation

over the interval, in the same scenario with the same noise. The reference run is made at the
first visit of a scenario and remembered. `violation` is the mean over the cycles of the true
distance beyond hard limits in spans (see `observation`), above that of the reference run.
The episode is truncated at its time limit and terminated only if the plant model breaks down.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from operator_agent.errors import InputError, PlantError
from operator_agent.messages import Advice, AdviceEnvelope
from operator_agent.rl_supervisor.control_loop import Cycle, Driver, LoopMemory, PlantLoop
from operator_agent.rl_supervisor.experiment import Experiment
from operator_agent.rl_supervisor.observation import CLIP, History, Observer
from operator_agent.site import Site

Float32Array = NDArray[np.float32]
BREAKDOWN_REWARD = -10.0  # ten scales: worse than any interval that the plant survives


@dataclass(frozen=True, slots=True)
class Interval:
    """Means over the control cycles of one supervisor interval.

    Attributes:
        profit_usd_per_h, off_spec_usd_per_h: see `Cycle`.
        violation: mean [1].
        violation_s: plant time with any hard limit broken [s].
        holds: cycles without an accepted move.
    """

    profit_usd_per_h: float
    off_spec_usd_per_h: float
    violation: float
    violation_s: float
    holds: int

    @classmethod
    def of(cls, cycles: Sequence[Cycle], control_s: float) -> "Interval":
        """Return the means of some cycles."""
        held = [c for c in cycles if c.result is not None and not c.result.outcome.accepted]
        return cls(
            profit_usd_per_h=float(np.mean([c.profit_usd_per_h for c in cycles])),
            off_spec_usd_per_h=float(np.mean([c.off_spec_usd_per_h for c in cycles])),
            violation=float(np.mean([c.violation for c in cycles])),
            violation_s=control_s * sum(c.violation > 0.0 for c in cycles),
            holds=len(held),
        )


class SupervisorEnv(gymnasium.Env[Float32Array, Float32Array]):
    """Plant, MPC and scenario as seen by a learning supervisor."""

    metadata = {"render_modes": []}  # noqa: RUF012 - the base class wants a plain dict

    def __init__(
        self,
        experiment: Experiment,
        site: Site,
        envelope: AdviceEnvelope,
        scenarios: Sequence[int],
    ) -> None:
        """Build plant, controller and spaces.

        Args:
            experiment: see there.
            site: tag list and limits.
            envelope: bounds of the advice.
            scenarios: seeds from which `reset` draws one.

        Raises:
            InputError: there is no scenario, or files do not fit.
        """
        if not scenarios:
            raise InputError("the environment needs at least one scenario seed")
        self._experiment = experiment
        self._envelope = envelope
        self._scenarios = tuple(scenarios)
        self._loop = PlantLoop(experiment, site)
        self._observer = Observer(site, experiment.actions.names, experiment.target_names)
        self._starts: dict[int, tuple[LoopMemory, History, Cycle]] = {}
        self._references: dict[tuple[int, Driver], tuple[Interval, ...]] = {}
        self.observation_space = gymnasium.spaces.Box(
            -CLIP, CLIP, (self._observer.layout.n_obs,), np.float32
        )
        self.action_space = gymnasium.spaces.Box(
            -1.0, 1.0, (experiment.actions.n_action,), np.float32
        )

    @property
    def n_steps(self) -> int:
        """Decisions in an episode."""
        return self._experiment.episode.steps

    @property
    def observer(self) -> Observer:
        """The observer, whose layout goes into the policy."""
        return self._observer

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Float32Array, dict[str, Any]]:
        """Start a scenario: drawn from the set, or `options["scenario"]`.

        Returns:
            The observation after the start-up, and the scenario's seed.
        """
        super().reset(seed=seed)
        chosen = (options or {}).get("scenario")
        if chosen is None:
            chosen = self._scenarios[int(self.np_random.integers(len(self._scenarios)))]
        self._scenario = int(chosen)
        self._reference = self.reference(self._scenario, Driver.MPC)
        self._resume(self._scenario)
        return self._observe(), {"scenario": self._scenario}

    def _begin(self, scenario: int, driver: Driver) -> None:
        self._loop.start(scenario, driver)
        self._history = self._observer.start()
        self._step, self._cycle = 0, 0
        self._run(Advice(0), self._experiment.episode.start_up_cycles)

    def _resume(self, scenario: int) -> None:
        """Go to the end of a scenario's start-up, which is the same for every policy."""
        memory, history, last = self._starts[scenario]
        self._loop.resume(memory)
        self._history, self._last = history, last
        self._step, self._cycle = 0, self._experiment.episode.start_up_cycles

    def _run(self, advice: Advice, n_cycles: int) -> Interval:
        cycles = []
        for _ in range(n_cycles):
            self._cycle += 1
            cycles.append(self._loop.cycle(advice))
            self._history = self._observer.after_scan(self._history, cycles[-1].scan)
        self._last = cycles[-1]
        return Interval.of(cycles, self._experiment.episode.control_s)

    def reference(self, scenario: int, driver: Driver) -> tuple[Interval, ...]:
        """Return the intervals of a scenario without advice; they are run once and remembered.

        This leaves the environment in the middle of nowhere: call `reset` before `step`.

        Args:
            scenario: seed.
            driver: the MPC, or the recipe card.
        """
        key = (scenario, driver)
        if key not in self._references:
            episode = self._experiment.episode
            self._begin(scenario, driver)
            if driver is Driver.MPC:
                self._starts[scenario] = (self._loop.memory(), self._history, self._last)
            self._references[key] = tuple(
                self._run(Advice(self._cycle), episode.cycles_per_step)
                for _ in range(episode.steps)
            )
        return self._references[key]

    def _observe(self) -> Float32Array:
        """Return the observation; where readings are missing, the neutral zero.

        The supervisor in the loop gives no advice then; the reward of such a step says nothing
        about the policy, and a sensor is not out for long.
        """
        last = self._last
        target = None if last.result is None else last.result.target
        vector = self._observer.observe(self._history, last.scan, target, last.targets)
        self._seen = bool(np.all(np.isfinite(vector)))
        return np.nan_to_num(vector, nan=0.0).astype(np.float32)

    def step(self, action: Float32Array) -> tuple[Float32Array, float, bool, bool, dict[str, Any]]:
        """Run one interval under the advice of an action.

        Returns:
            Observation, reward, whether the plant broke down, whether the time is over, and
            `interval` and `reference` with profits and violations (`breakdown` with the reason).
        """
        episode = self._experiment.episode
        wanted = np.asarray(action, dtype=np.float64)
        if not self._seen:  # as in the loop: no advice without an observation
            wanted = np.zeros_like(wanted)
        advice = self._experiment.actions.advice(wanted, self._cycle, self._envelope)
        self._history = self._observer.after_action(self._history, wanted)
        reference = self._reference[self._step]
        self._step += 1
        try:
            interval = self._run(advice, episode.cycles_per_step)
        except PlantError as error:
            return self._observe(), BREAKDOWN_REWARD, True, False, {"breakdown": str(error)}
        info = {"interval": interval, "reference": reference}
        reward = self._reward(interval, reference)
        return self._observe(), reward, False, self._step >= episode.steps, info

    def _reward(self, interval: Interval, reference: Interval) -> float:
        episode = self._experiment.episode
        gain = interval.profit_usd_per_h - reference.profit_usd_per_h
        worse = interval.violation - reference.violation
        return gain / episode.profit_scale_usd_per_h - episode.violation_weight * worse
