"""Modifier adaptation in the cycle, on the reactor of Williams and Otto."""

from dataclasses import replace

import casadi as ca
import numpy as np
import pytest

from operator_agent.errors import InputError
from operator_agent.mpc.controller import Controller, ControllerState, CycleResult
from operator_agent.mpc.generic.controller import make_controller, wanted
from operator_agent.mpc.scan import Scan
from operator_agent.mpc.status.states import ServiceRequest
from operator_agent.mpc.target.live_adaptation import LiveAdaptation
from operator_agent.mpc.target.wishes import Economics
from operator_agent.plant.classics.williams_otto import (
    steady_optimum,
    williams_otto,
    williams_otto_approximate,
)
from operator_agent.plant.integrate import make_integrator, steady_state

PUBLISHED_OPTIMUM = 190.98  # $/s; sources in plant/classics/williams_otto.py
CYCLE_S, PRICES = 60.0, {"profit": 1.0}
LIMITS = {"flow_mass_b": (3.0, 6.0), "temp_reactor": (343.15, 373.15)}
LEARNING = LiveAdaptation(
    step={"flow_mass_b": 0.1, "temp_reactor": 1.0},
    largest_move={"flow_mass_b": 0.5, "temp_reactor": 5.0},
    settle_s=1200.0,
)


def reactor(adaptation: LiveAdaptation | None) -> Controller:
    """Return a controller whose model has two of the plant's three reactions."""
    made = make_controller(
        williams_otto_approximate(), CYCLE_S, prices=PRICES, limits=LIMITS, spare=["flow_mass_b"]
    )
    return made.retuned(made.weights, replace(made.options, adaptation=adaptation))


class Plant:
    """The plant of three reactions under a controller."""

    def __init__(self, controller: Controller, u: list[float]) -> None:
        self.controller, self.plant, self.u = controller, williams_otto(), np.array(u)
        self.d = self.plant.d_nominal
        self.x = steady_state(self.plant, self.u, self.d, self.plant.x_nominal)
        self.step, self.cycle = make_integrator(self.plant).step, 0
        self.state: ControllerState | None = None

    def run(self, cycles: int, request: ServiceRequest = ServiceRequest()  # noqa: B008
            ) -> tuple[np.ndarray, list[CycleResult]]:  # fmt: skip
        """Return the true profit of each cycle, and what the controller found."""
        profits, results = [], []
        for _ in range(cycles):
            y = self.plant.outputs(self.x, self.u, self.d).full().ravel()
            scan = Scan(y, self.u, self.d, self.cycle, CYCLE_S * self.cycle)
            self.state = self.state or self.controller.start(scan)
            found, self.state = self.controller.step(
                self.state, scan, wanted({}, PRICES), None, request
            )
            assert found.outcome.accepted, found.outcome.reason
            self.u, self.cycle = found.outcome.move, self.cycle + 1
            self.x = self.step(self.x, self.u, self.d, CYCLE_S)
            profits.append(y[0])
            results.append(found)
        return np.array(profits), results


@pytest.mark.slow
def test_the_controller_leads_the_plant_to_its_own_optimum() -> None:
    plant = Plant(reactor(LEARNING), [3.5, 345.15])
    profits, results = plant.run(390)
    assert np.mean(profits[-60:]) == pytest.approx(PUBLISHED_OPTIMUM, rel=1e-2)
    best = steady_optimum(williams_otto())
    assert plant.u == pytest.approx([best.flow_b, best.temp], abs=2.5)
    assert not any(result.cuts for result in results)


def test_without_it_the_target_stands_still_at_the_models_optimum() -> None:
    """An optimum between the limits is approached, not overshot by a whole step for ever."""
    plant = Plant(reactor(None), [3.5, 345.15])
    profits, results = plant.run(90)
    wrong = steady_optimum(williams_otto_approximate())
    targets = np.array([result.u_target for result in results[-30:]])
    assert np.mean(targets, axis=0) == pytest.approx([wrong.flow_b, wrong.temp], rel=5e-3)
    assert np.all(np.ptp(targets, axis=0) < [0.02, 0.2])
    assert profits[-1] < 0.8 * PUBLISHED_OPTIMUM


def test_nothing_is_learned_while_an_mv_is_held_and_it_is_said() -> None:
    plant = Plant(reactor(LEARNING), [3.5, 345.15])
    plant.run(30)
    assert plant.state is not None and plant.state.learned is not None
    rests = plant.state.learned.rests
    held = ServiceRequest(out_of_service={"flow_mass_b": "by Kim"})
    _, results = plant.run(40, held)
    assert plant.state.learned.rests == rests
    assert all("flow_mass_b" in "; ".join(result.cuts) for result in results)
    _, results = plant.run(45)
    assert plant.state.learned.rests > rests and not results[-1].cuts


def test_slopes_that_cannot_be_had_are_refused() -> None:
    model = williams_otto_approximate()
    with pytest.raises(InputError, match=r"step of temp_reactor: .* cannot be had"):
        reactor(replace(LEARNING, step={"flow_mass_b": 0.1}))
    with pytest.raises(InputError, match="without prices"):
        plain = make_controller(model, CYCLE_S, track=["profit"], limits=LIMITS)
        plain.retuned(plain.weights, replace(plain.options, adaptation=LEARNING))
    x, u, d, p = (ca.SX.sym(n, k) for n, k in (("x", model.n_x), ("u", 2), ("d", 1), ("p", 1)))
    unread = Economics(ca.Function("profit", [x, u, d, p], [p * x[0]]), ("product",))
    made = reactor(None)
    with pytest.raises(InputError, match="'product' earns is computed by the model"):
        Controller(
            made.model, made.variables, made.weights, unread, CYCLE_S,
            replace(made.options, adaptation=LEARNING),
        )  # fmt: skip


@pytest.mark.parametrize(
    "wrong", [{"step": {"a": 0.0}}, {"largest_move": {"a": -1.0}}, {"settle_s": 0.0},
              {"slope_filter": 1.5}]
)  # fmt: skip
def test_tunings_that_cannot_adapt_are_refused(wrong: dict) -> None:
    with pytest.raises(InputError, match="adaptation"):
        replace(LEARNING, **wrong)
