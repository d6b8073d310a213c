"""Integration: what a failure and what an interrupt look like."""

import signal
import threading
from collections.abc import Iterator

import casadi as ca
import numpy as np
import pytest

from operator_agent.errors import PlantError
from operator_agent.plant.classics.van_de_vusse import van_de_vusse
from operator_agent.plant.generic.ode import from_casadi
from operator_agent.plant.generic.variable import Variable
from operator_agent.plant.integrate import make_integrator


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Let an interrupt through, also where the shell that started the tests ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_is_no_failure_of_the_plant() -> None:
    model = van_de_vusse()
    integrator = make_integrator(model)
    rng = np.random.default_rng(1)
    main = threading.main_thread().ident
    assert main is not None
    timer = threading.Timer(0.3, lambda: signal.pthread_kill(main, signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        while True:
            u = model.u_nominal + 0.1 * model.u_scale * rng.standard_normal(model.n_u)
            integrator.step(model.x_nominal, u, model.d_nominal, 3600.0)
    timer.join()


def test_a_plant_that_runs_away_is_told_with_the_state_that_moved() -> None:
    def equations(
        x: dict[str, ca.SX], u: dict[str, ca.SX], d: dict[str, ca.SX]
    ) -> tuple[dict[str, ca.SX], dict[str, ca.SX]]:
        del d
        return {"heat": x["heat"] ** 2 + u["fuel"]}, {"heat": x["heat"]}

    model = from_casadi(
        "bomb",
        equations,
        states=[Variable("heat", -1.0, 1.0)],
        inputs=[Variable("fuel", -1.0, 1.0)],
        output_spans={"heat": 1.0},
    )
    with pytest.raises(PlantError, match="heat was at"):
        make_integrator(model).step(np.array([2.0]), np.array([0.0]), np.array([]), 10.0)
