"""Plant and MPC without wire and gate: what the environment steps, one control cycle at a time.

The order inside a cycle is that of the control loop: scan, controller step with the advice in
force, set points written, plant advanced. The truth is scored over the minute that follows.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.messages import Advice, EconomicTargets
from operator_agent.mpc.controller import Controller, ControllerState, CycleResult
from operator_agent.mpc.engine.compiled_functions import Compilation
from operator_agent.mpc.options import ControllerOptions
from operator_agent.mpc.scan import Scan
from operator_agent.mpc.target.crude_unit import crude_unit_economics
from operator_agent.mpc.variables import variables_from_site
from operator_agent.mpc.weights import load_weights
from operator_agent.plant.coarse.controller_model import build_controller_model
from operator_agent.plant.simulation.events import CrudeSwitch
from operator_agent.plant.simulation.random_scenario import random_scenario
from operator_agent.plant.simulation.simulator import Simulator
from operator_agent.plant.simulation.snapshot import Snapshot
from operator_agent.plant.unit.case_file import load_crude_unit_case
from operator_agent.plant.unit.crude_unit import build_crude_unit
from operator_agent.plant.unit.economics import prices_with, profit_rate
from operator_agent.plant.unit.recipe import recipe_setpoints, step_towards_card
from operator_agent.rl_supervisor.experiment import Experiment
from operator_agent.rl_supervisor.observation import span_of
from operator_agent.site import Site
from operator_agent.units import HOUR_S

GOOD = "good"  # status of a measurement that may be used


class Driver(Enum):
    """Who moves the set points."""

    MPC = "mpc"
    RECIPE = "recipe"


@dataclass(frozen=True, slots=True)
class Cycle:
    """One control cycle.

    Attributes:
        scan: that the controller saw.
        result: of the controller; None under the recipe.
        targets: that were tracked.
        profit_usd_per_h: at the true state after the cycle.
        off_spec_usd_per_h: the part of it lost to products out of specification.
        violation: sum of the true CVs' distances beyond hard limits, in spans [1].
    """

    scan: Scan
    result: CycleResult | None
    targets: EconomicTargets
    profit_usd_per_h: float
    off_spec_usd_per_h: float
    violation: float


@dataclass(frozen=True, slots=True)
class LoopMemory:
    """A loop at one moment, to be resumed any number of times.

    Attributes:
        simulator, snapshot: the plant.
        state: of the controller.
        price_factors: of the scenario.
        good_d: last good disturbances, shape (n_dv,).
    """

    simulator: Simulator
    snapshot: Snapshot
    state: ControllerState | None
    price_factors: Mapping[str, float]
    good_d: FloatArray


class PlantLoop:
    """The simulated unit under its MPC, or under the recipe card. Built once, started often."""

    def __init__(self, experiment: Experiment, site: Site) -> None:
        """Build plant and controller.

        Args:
            experiment: layout of the plant, times, targets and prices.
            site: tag list; its limits are the controller's.

        Raises:
            InputError: a file is wrong, or the tag list does not fit the model.
        """
        self._experiment = experiment
        self._site = site
        self._case = load_crude_unit_case(Path(site.files["plant"]))
        self._unit = build_crude_unit(self._case, experiment.layout)
        model = build_controller_model(self._case)
        self._controller = Controller(
            model,
            variables_from_site(site, model),
            load_weights(Path(site.files["controller"])),
            crude_unit_economics(self._case),
            experiment.episode.control_s,
            ControllerOptions(compilation=Compilation.ALWAYS),
        )
        self._base_targets = experiment.targets
        self._good_d = np.array([])

    def start(self, scenario_seed: int, driver: Driver) -> None:
        """Start a scenario from its first minute.

        Args:
            scenario_seed: fixes crude, events, prices and every noise.
            driver: who moves the set points.
        """
        episode = self._experiment.episode
        rng = np.random.default_rng(scenario_seed)
        self._driver = driver
        scenario = random_scenario(rng, self._case, episode.start_up_s + episode.duration_s)
        self._simulator = Simulator(self._unit, self._case, scenario, scenario_seed)
        self._price_factors: Mapping[str, float] = self._draw_prices(rng)
        self._state: ControllerState | None = None
        self._good_d = np.array([self._simulator.truth()[tag.variable] for tag in self._site.dvs])

    def memory(self) -> LoopMemory:
        """Return the loop as it is now, for `resume`."""
        simulator = self._simulator
        return LoopMemory(
            simulator, simulator.snapshot(), self._state, self._price_factors, self._good_d
        )

    def resume(self, memory: LoopMemory) -> None:
        """Go on from a memory of this loop under the MPC."""
        self._driver = Driver.MPC
        self._simulator = memory.simulator
        self._simulator.restore(memory.snapshot)
        self._state = memory.state
        self._price_factors, self._good_d = memory.price_factors, memory.good_d

    def _draw_prices(self, rng: np.random.Generator) -> dict[str, float]:
        scatter = self._experiment.price_scatter
        return {
            stream: 1.0 + scatter * float(rng.uniform(-1.0, 1.0))
            for stream in self._base_targets.stream_prices
            if stream != "feed"
        }

    def targets(self) -> EconomicTargets:
        """Return what planning asks now: the declared slate and this scenario's prices."""
        base = self._base_targets
        slate: Mapping[str, float] = self._case.slate
        for switch in self._simulator.scenario.of(CrudeSwitch):
            if switch.at_s <= self._simulator.time_s:
                slate = switch.slate
        factors = {
            stream: self._price_factors.get(stream, 1.0)
            * self._simulator.price_factors.get(stream, 1.0)
            for stream in base.stream_prices
        }
        return prices_with(replace(base, slate=slate), factors)

    def cycle(self, advice: Advice | None) -> Cycle:
        """Run one control cycle with the advice in force, and score it.

        Raises:
            PlantError: the plant left its physical range.
        """
        scan, targets = self._scan(), self.targets()
        result = None
        if self._driver is Driver.MPC:
            result = self._control(scan, targets, advice)
        else:
            self._follow_recipe()
        self._simulator.advance(self._experiment.episode.control_s)
        truth = self._simulator.truth()
        profit = profit_rate(truth, targets, self._case.specifications)
        return Cycle(
            scan=scan,
            result=result,
            targets=targets,
            profit_usd_per_h=profit.profit_usd_s * HOUR_S,
            off_spec_usd_per_h=profit.off_spec_cost_usd_s * HOUR_S,
            violation=self._violation(truth),
        )

    def _scan(self) -> Scan:
        measured = self._simulator.measure()

        def value(variable: str) -> float:
            found = measured[variable]
            return found.value if found.status == GOOD else math.nan

        d = np.array([value(tag.variable) for tag in self._site.dvs])
        self._good_d = np.where(np.isfinite(d), d, self._good_d)
        return Scan(
            y=np.array([value(tag.variable) for tag in self._site.cvs]),
            u_readback=np.array([self._simulator.setpoints[t.variable] for t in self._site.mvs]),
            d=self._good_d.copy(),
            time_s=self._simulator.time_s,
            y_age_s=np.array([measured[tag.variable].age_s for tag in self._site.cvs]),
        )

    def _control(self, scan: Scan, targets: EconomicTargets, advice: Advice | None) -> CycleResult:
        if self._state is None:
            self._state = self._controller.start(scan)
        result, self._state = self._controller.step(self._state, scan, targets, advice)
        if result.outcome.accepted:
            for tag, move in zip(self._site.mvs, result.outcome.move.tolist(), strict=True):
                self._simulator.write(tag.variable, move)
        return result

    def _follow_recipe(self) -> None:
        """Walk towards the card of the declared slate, as fast as the rates of the tags allow."""
        held = self._simulator.setpoints
        card = recipe_setpoints(self._case, self._simulator.declared_slate)
        rates = {tag.variable: tag.rate for tag in self._site.mvs}
        moved = step_towards_card(card, held, rates, self._experiment.episode.control_s)
        for name, value in moved.items():
            self._simulator.write(name, value)

    def _violation(self, truth: Mapping[str, float]) -> float:
        total = 0.0
        for tag in self._site.cvs:
            value = truth[tag.variable]
            if not math.isfinite(value):
                raise InputError(f"the plant gives no true value of {tag.variable}")
            beyond = max(value - tag.operator.high, tag.operator.low - value, 0.0)
            total += beyond / span_of(tag)
        return total
