"""The rest near a start is found at once, past a kink too, and no other one is taken for it."""

import casadi as ca
import numpy as np
import pytest

from operator_agent.mpc.engine.linearise import Lineariser, ScaledModel
from operator_agent.mpc.engine.steady_state import NEWTON_ITERATIONS, steady_state
from operator_agent.mpc.generic.equations import Law, Variable, equations_model
from operator_agent.plant.process_model import ProcessModel

SLOW_S = 1e5  # a pseudo time step of a minute would need thousands of them
NO_DV = np.zeros(0)


class Counted(Lineariser):
    """Counts what it linearises."""

    def __init__(self, law: Law) -> None:
        """Take the rate of one level under one flow."""
        level, flow = Variable("level", 1.0, 1.0), Variable("flow", 1.0, 1.0)
        model = equations_model("tank", law, [level], [flow])
        assert isinstance(model, ProcessModel)
        super().__init__(ScaledModel.of(model), 1)
        self.count = 0

    def linearise(self, *values):
        """Count, then linearise."""
        self.count += 1
        return super().linearise(*values)


def rest(point: Counted, flow: float, level: float) -> float | None:
    found = steady_state(point, np.array([flow]), NO_DV, np.array([level]))
    return None if found is None else float(found[0][0])


@pytest.mark.parametrize("steep", [0.0, 1.0, 9.0, 99.0])
def test_newton_goes_past_a_kink_although_residuals_rise_there(steep: float) -> None:
    """A tank that spills over a weir: above a level of one its outflow is `steep` times stiffer."""
    tank = Counted(lambda x, u, d: [(u[0] - x[0] - steep * ca.fmax(x[0] - 1.0, 0.0)) / SLOW_S])
    for flow, start in ((1.4, 0.5), (1.3, 0.4), (1.2, 0.6)):  # the steps halve at least
        tank.count = 0
        wanted = 1.0 + (flow - 1.0) / (1.0 + steep)
        assert rest(tank, flow, start) == pytest.approx(wanted, abs=2e-3)
        assert tank.count <= NEWTON_ITERATIONS


@pytest.mark.parametrize("start", [-1.3, -1.0, -0.7, 0.7, 1.0, 1.3])
def test_of_two_rests_the_near_one_is_found(start: float) -> None:
    """dx/dt = (u + x - x^3) / 60 s rests near -1, 0 (unstable) and 1."""
    valley = Counted(lambda x, u, d: [(u[0] + x[0] - x[0] ** 3) / 60.0])
    found = rest(valley, 0.1, start)
    assert found is not None
    assert abs(0.1 + found - found**3) < 1e-5
    assert np.sign(found) == np.sign(start) and abs(found) > 0.8


def test_where_nothing_is_finite_there_is_no_rest() -> None:
    broken = Counted(lambda x, u, d: [ca.sqrt(x[0] - 2.0 * u[0])])
    assert rest(broken, 1.0, 1.0) is None
