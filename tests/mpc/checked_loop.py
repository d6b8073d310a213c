"""A loop on the reactor in which every cycle is checked: a certified move, or a named reason."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from operator_agent.errors import SolveFailedError
from operator_agent.messages import ControllerMode, EconomicTargets
from operator_agent.mpc.controller import Controller, ControllerState, CycleResult
from operator_agent.mpc.scan import Scan
from operator_agent.mpc.status.states import ServiceRequest
from operator_agent.plant.integrate import make_integrator
from operator_agent.plant.process_model import ProcessModel

CYCLE_S, NAN = 18.0, np.nan
ON = ServiceRequest()
DAY_S = 86400.0


def wanted(**goals: float) -> EconomicTargets:
    return EconomicTargets("test", 0.0, {"a": 1.0}, 0.0, goals, {}, 0.0, 0.0)


GOAL = wanted(conc_b=0.93)


@dataclass
class Loop:
    """A reactor that takes what is accepted, and a controller whose every cycle is checked."""

    controller: Controller
    plant: ProcessModel
    state: ControllerState | None = None
    cycle_number: int = 0
    x: np.ndarray = field(init=False)
    u: np.ndarray = field(init=False)
    written: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.x, self.u = self.plant.x_nominal.copy(), self.plant.u_nominal.copy()
        self._integrator = make_integrator(self.plant)

    def measured(self) -> np.ndarray:
        return self.plant.outputs(self.x, self.u, self.plant.d_nominal).full().ravel()

    def cycle(
        self,
        request: ServiceRequest = ON,
        targets: EconomicTargets = GOAL,
        **changed: object,
    ) -> CycleResult:
        """Run one cycle; further keywords replace parts of the scan."""
        d, time_s = self.plant.d_nominal.copy(), CYCLE_S * self.cycle_number
        scan = replace(Scan(self.measured(), self.u.copy(), d, time_s=time_s), **changed)
        request = replace(request, written={**self.written, **request.written})
        state = self.state or self.controller.start(scan)
        result, self.state = self.controller.step(state, scan, targets, None, request)
        self.cycle_number += 1
        self._check(result)
        self.written = {}
        if result.outcome.accepted and request.mode is ControllerMode.ON:
            moved = result.service.moved
            self.u = np.where(moved, result.outcome.move, self.u)
            names = np.array(self.plant.u_names)[moved]
            self.written = dict(zip(names.tolist(), self.u[moved].tolist(), strict=True))
        self.x = self._integrator.step(self.x, self.u, d, CYCLE_S)
        return result

    def cycles(self, count: int, request: ServiceRequest = ON, **changed) -> list[CycleResult]:
        return [self.cycle(request, **changed) for _ in range(count)]

    def _check(self, result: CycleResult) -> None:
        outcome, limits = result.outcome, self.controller.variables
        if not outcome.accepted:
            assert outcome.reason and outcome.warm is None
            assert self.state is not None and self.state.warm is None
            with pytest.raises(SolveFailedError):
                _ = outcome.move
            return
        move, held, moved = outcome.move, result.service.held, result.service.moved
        reach = limits.mv_rate * CYCLE_S * (1.0 + 1e-9)
        assert np.all(np.isfinite(move)) and np.array_equal(move[~moved], held[~moved])
        assert np.all(np.abs(move - held)[moved] <= reach[moved])
        inside = (limits.mv_low <= move) & (move <= limits.mv_high)
        assert np.all(inside[moved])

    def recovered(self) -> None:
        """Check that it controls again, and knows where the plant stands."""
        results = self.cycles(8)
        assert all(result.outcome.accepted for result in results[-4:]), results[-1].outcome
        assert not results[-1].service.unusual()
        off = np.abs(results[-1].y_estimate - results[-1].y_measured) / self.plant.y_scale
        assert off.max() < 0.2


ABSURD = [1e300, np.inf]
