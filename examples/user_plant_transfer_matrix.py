"""A plant of your own from transfer functions with dead times.

    python examples/user_plant_transfer_matrix.py

The same matrix twice: as an ordinary differential equation for controllers, with dead times
approximated, and in steps with exact dead times, to see how good the approximation is.
"""

import numpy as np

from operator_agent.plant.check import check_plant
from operator_agent.plant.generic.transfer_function import first_order, integrator, second_order
from operator_agent.plant.generic.transfer_matrix import (
    from_transfer_matrix,
    sampled_transfer_matrix,
)
from operator_agent.plant.generic.variable import Variable
from operator_agent.plant.integrate import make_integrator

INPUTS = [Variable("fuel", 10.0, 1.0), Variable("draw", 5.0, 0.5)]
OUTPUTS = [Variable("temp", 350.0, 5.0), Variable("level", 50.0, 5.0)]
ELEMENTS = [  # one row per output, times in seconds
    [first_order(4.0, 600.0, 120.0), second_order(-2.0, (300.0, 900.0), -200.0, 60.0)],
    [None, integrator(-0.01, dead_time_s=60.0)],
]


def main() -> None:
    """Step the fuel of both plants, print the temperatures, check both, and print a report."""
    model = from_transfer_matrix("oven", ELEMENTS, INPUTS, OUTPUTS)
    exact = sampled_transfer_matrix("oven", ELEMENTS, INPUTS, OUTPUTS, sample_time_s=60.0)
    step, x, u = make_integrator(model).step, model.x_nominal, np.array([11.0, 5.0])
    exact.write("fuel", 11.0)
    for minute in range(1, 11):
        x = step(x, u, model.d_nominal, 60.0)
        exact.advance(60.0)
        approximate = float(model.outputs(x, u, model.d_nominal)[0])
        print(f"{minute:3d} min  exact {exact.truth()['temp']:9.4f}  as an ODE {approximate:9.4f}")
    print(f"\n{check_plant(model)}\n\nin steps:\n{check_plant(exact)}")


if __name__ == "__main__":
    main()
