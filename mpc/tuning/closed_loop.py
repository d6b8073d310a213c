"""Controller and simulated unit in one process, without wire and gate: for tuning and tests.

One cycle: measure, step the controller, write the accepted move, let the plant run. The truth is
recorded at the end of each cycle.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import PlantError
from operator_agent.messages import Advice, AdviceEnvelope, EconomicTargets
from operator_agent.mpc.advice import inside
from operator_agent.mpc.controller import Controller, ControllerState, CycleResult
from operator_agent.mpc.scan import Scan
from operator_agent.mpc.variables import ControlVariables
from operator_agent.plant.simulation.scenario import Scenario
from operator_agent.plant.simulation.simulator import Simulator
from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.unit.crude_unit import CrudeUnit
from operator_agent.plant.unit.economics import profit_rate
from operator_agent.plant.unit.recipe import recipe_setpoints, step_towards_card
from operator_agent.units import HOUR_S

TargetsAt = Callable[[Simulator], EconomicTargets | None]


class Supervisor(Protocol):
    """Gives advice now and then."""

    def advise(
        self, cycle: int, scan: Scan, result: CycleResult, targets: EconomicTargets | None
    ) -> Advice | None:
        """Return new advice, or None to keep the last."""
        ...


class Driver(Protocol):
    """Moves the set points of a simulated unit, once each cycle."""

    def cycle(
        self, simulator: Simulator, targets: EconomicTargets | None
    ) -> tuple[CycleResult | None, str]:
        """Write set points; return the controller's result and why nothing was written."""
        ...


@dataclass(frozen=True, slots=True)
class Trajectory:
    """What a run did, one row for each cycle, SI.

    Attributes:
        time_s: at the end of the cycle, shape (n,).
        y: true CVs, shape (n, n_y).
        u: set points during the cycle, shape (n, n_u).
        y_target: steady-state target, NaN without a controller, shape (n, n_y).
        profit_usd_s: at plan prices, less losses off specification, shape (n,).
        off_spec_usd_s: those losses, shape (n,).
        hard_spans, soft_spans: true distance outside the limits, shape (n, n_y) [spans].
        solve_ms: wall time of the controller's step, NaN without, shape (n,).
        held: why no move was written; empty where one was.
        results: of the controller's cycles.
        ended: why the run stopped early, empty when it did not.
    """

    time_s: FloatArray
    y: FloatArray
    u: FloatArray
    y_target: FloatArray
    profit_usd_s: FloatArray
    off_spec_usd_s: FloatArray
    hard_spans: FloatArray
    soft_spans: FloatArray
    solve_ms: FloatArray
    held: tuple[str, ...]
    results: tuple[CycleResult | None, ...]
    ended: str = ""

    @property
    def profit_usd_h(self) -> float:
        """Mean profit [usd/h]."""
        return float(np.mean(self.profit_usd_s)) * HOUR_S

    def travel(self, u_span: FloatArray) -> FloatArray:
        """Return the total variation of each MV per hour, shape (n_u,) [spans/h]."""
        hours = (self.time_s[-1] - self.time_s[0]) / HOUR_S
        total: FloatArray = np.abs(np.diff(self.u, axis=0)).sum(axis=0) / u_span / hours
        return total


class MpcDriver:
    """The controller, with its supervisor where there is one."""

    def __init__(
        self,
        controller: Controller,
        supervisor: Supervisor | None = None,
        envelope: AdviceEnvelope | None = None,
    ) -> None:
        """Start without state.

        Args:
            controller: tuned.
            supervisor: whose advice is followed.
            envelope: to which advice is cut; needed with a supervisor.
        """
        self._controller, self._supervisor, self._envelope = controller, supervisor, envelope
        self._state: ControllerState | None = None
        self._advice: Advice | None = None
        self._count = 0

    def cycle(
        self, simulator: Simulator, targets: EconomicTargets | None
    ) -> tuple[CycleResult | None, str]:
        """Step the controller and write its move when it was accepted."""
        controller = self._controller
        scan = scan_of(simulator, controller.variables, self._count)
        state = self._state or controller.start(scan)
        result, self._state = controller.step(state, scan, targets, self._advice)
        self._count += 1
        if self._supervisor is not None and self._envelope is not None:
            advice = self._supervisor.advise(self._count, scan, result, targets)
            self._advice = self._advice if advice is None else inside(advice, self._envelope)[0]
        if not result.outcome.accepted:
            return result, result.outcome.reason
        names = controller.variables.mv_names
        for name, value in zip(names, result.outcome.move.tolist(), strict=True):
            simulator.write(name, value)
        return result, ""


class RecipeDriver:
    """The operators' card of the declared slate, approached no faster than the rates allow."""

    def __init__(self, case: CrudeUnitCase, variables: ControlVariables, cycle_s: float) -> None:
        """Take cards, rates and the time between moves [s]."""
        self._case, self._variables, self._cycle_s = case, variables, cycle_s

    def cycle(
        self, simulator: Simulator, targets: EconomicTargets | None
    ) -> tuple[CycleResult | None, str]:
        """Write the next step towards the card."""
        card = recipe_setpoints(self._case, simulator.declared_slate)
        rates = dict(zip(self._variables.mv_names, self._variables.mv_rate.tolist(), strict=True))
        moved = step_towards_card(card, simulator.setpoints, rates, self._cycle_s)
        for name, value in moved.items():
            simulator.write(name, value)
        return None, ""


def scan_of(simulator: Simulator, variables: ControlVariables, read_id: int) -> Scan:
    """Return what the sensors show; NaN where a status is not good."""
    shown = simulator.measure()

    def column(names: tuple[str, ...]) -> FloatArray:
        readings = [shown[name] for name in names]
        return np.array([r.value if r.status == "good" else math.nan for r in readings])

    held = simulator.setpoints
    return Scan(
        y=column(variables.cv_names),
        u_readback=np.array([held[name] for name in variables.mv_names]),
        d=column(variables.dv_names),
        read_id=read_id,
        time_s=simulator.time_s,
        y_age_s=np.array([shown[name].age_s for name in variables.cv_names]),
    )


def run_closed_loop(
    unit: CrudeUnit,
    case: CrudeUnitCase,
    driver: Driver,
    scenario: Scenario,
    seed: int,
    hours: float,
    variables: ControlVariables,
    targets_at: TargetsAt,
    cycle_s: float = 60.0,
) -> Trajectory:
    """Return what a driver does with the simulated unit.

    Args:
        unit: the plant.
        case: numbers of the unit.
        driver: who moves the set points.
        scenario: events; its length is replaced by `hours`.
        seed: of noise.
        hours: of plant time.
        variables: limits for the record, in the order of the model.
        targets_at: planning's targets at a moment.
        cycle_s: between moves [s].

    Raises:
        InputError: scenario and case do not fit.
    """
    simulator = Simulator(unit, case, replace(scenario, duration_s=hours * HOUR_S), seed)
    rows: list[_Row] = []
    ended = ""
    for _ in range(round(hours * HOUR_S / cycle_s)):
        targets = targets_at(simulator)
        result, held = driver.cycle(simulator, targets)
        try:
            simulator.advance(cycle_s)
            truth = simulator.truth()
        except PlantError as error:
            ended = str(error)
            break
        profit = None
        if targets is not None:
            profit = profit_rate(truth, targets, case.specifications)
        rows.append(
            _Row(
                simulator.time_s,
                np.array([truth[name] for name in variables.cv_names]),
                np.array([truth[name] for name in variables.mv_names]),
                math.nan if profit is None else profit.profit_usd_s,
                math.nan if profit is None else profit.off_spec_cost_usd_s,
                result,
                held,
            )
        )
    return _trajectory(rows, variables, unit.model.y_scale, ended)


@dataclass(frozen=True, slots=True)
class _Row:
    time_s: float
    y: FloatArray
    u: FloatArray
    profit_usd_s: float
    off_spec_usd_s: float
    result: CycleResult | None
    held: str


def _trajectory(
    rows: list[_Row], variables: ControlVariables, span: FloatArray, ended: str
) -> Trajectory:
    y = np.array([row.y for row in rows])
    none = np.full(span.size, np.nan)
    results = tuple(row.result for row in rows)
    return Trajectory(
        time_s=np.array([row.time_s for row in rows]),
        y=y,
        u=np.array([row.u for row in rows]),
        y_target=np.array([none if r is None else r.y_target for r in results]),
        profit_usd_s=np.array([row.profit_usd_s for row in rows]),
        off_spec_usd_s=np.array([row.off_spec_usd_s for row in rows]),
        hard_spans=outside(y, variables.cv_hard_low, variables.cv_hard_high) / span,
        soft_spans=outside(y, variables.cv_soft_low, variables.cv_soft_high) / span,
        solve_ms=np.array([math.nan if r is None else r.solve_ms for r in results]),
        held=tuple(row.held for row in rows),
        results=results,
        ended=ended,
    )


def outside(y: FloatArray, low: FloatArray, high: FloatArray) -> FloatArray:
    """Return how far values lie outside a range; zero inside."""
    distance: FloatArray = np.maximum(np.maximum(low - y, y - high), 0.0)
    return distance
