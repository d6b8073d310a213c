"""An optimal control problem of your own in under 30 lines: a reactor that earns money.

    python examples/user_controller_optimal.py

For those who come from do-mpc or acados: equations of vectors, a stage cost with a price that
changes, hard and soft limits of states, moves; no rest is needed, so a batch works as well.
"""

import casadi as ca
import numpy as np

from operator_agent.mpc.generic.equations import equations_model
from operator_agent.mpc.generic.limits import Soft
from operator_agent.mpc.generic.optimal_control import optimal_control
from operator_agent.plant.generic.variable import Variable
from operator_agent.plant.integrate import make_integrator
from operator_agent.plant.process_model import ProcessModel


def law(x: ca.SX, u: ca.SX, d: ca.SX) -> list[ca.SX]:
    """Return the rates of A, B and the temperature: A becomes B, B spoils when it is hot."""
    make = 7.2e3 * ca.exp(-3000.0 / x[2]) * x[0]
    spoil = 1.5e9 * ca.exp(-7500.0 / x[2]) * x[1]
    heat = 20.0 * make + 2.0 * (u[1] - x[2]) + u[0] * (d[0] - x[2])
    return [u[0] * (1.0 - x[0]) - make, make - spoil - u[0] * x[1], heat]


def main() -> None:
    """Run the reactor while the price of the product falls, and print where it goes."""
    model = equations_model(
        "reactor",
        law,
        states=[Variable("a", 0.5, 0.2), Variable("b", 0.4, 0.2), Variable("temp", 350.0, 10.0)],
        inputs=[Variable("feed", 0.5, 0.2), Variable("jacket", 345.0, 10.0)],
        disturbances=[Variable("temp_feed", 330.0, 5.0)],
    )
    assert isinstance(model, ProcessModel)
    control = optimal_control(
        model,
        sample_time_s=0.5,
        n_pred=20,
        stage_cost=lambda x, u, d, p: u["feed"] * (1.0 - p["price"] * x["b"]),
        parameters=["price"],
        moves={"feed": 0.1, "jacket": 1e-4},
        limits={"feed": (0.1, 1.0), "jacket": (320.0, 370.0), "temp": (None, 365.0)},
        soft={"temp": Soft(high=362.0, price=0.1)},
    )
    x, u, warm, step = model.x_nominal, model.u_nominal, None, make_integrator(model).step
    for k in range(60):
        outcome = control.solve(x, u, warm, parameters={"price": 4.0 if k < 30 else 2.2})
        u, warm = outcome.move, outcome.warm
        x = step(x, u, model.d_nominal, 0.5)
        if k % 10 == 9:
            print(f"{k + 1:3d}  a, b, temp {np.round(x, 3)}  feed, jacket {np.round(u, 3)}")


if __name__ == "__main__":
    main()
