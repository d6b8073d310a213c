"""A plant of your own from state-space matrices, as an identification toolbox gives them.

    python examples/user_plant_state_space.py

The matrices are those of samples a minute apart; `from_sampled_state_space` finds the continuous
plant behind them. For continuous matrices use `from_state_space`.
"""

import numpy as np

from operator_agent.plant.check import check_plant
from operator_agent.plant.generic.state_space import from_sampled_state_space
from operator_agent.plant.generic.variable import Variable
from operator_agent.plant.integrate import make_integrator

A = [[0.90, 0.05], [0.10, 0.80]]
B = [[0.40, 0.00, 0.02], [0.00, 0.30, -0.05]]  # columns: fuel, reflux, feed temperature
C = [[1.0, 0.0], [0.2, 1.0]]


def main() -> None:
    """Build the plant, step it as the samples do, check it, and print the report."""
    plant = from_sampled_state_space(
        "identified_column",
        A,
        B,
        C,
        sample_time_s=60.0,
        inputs=[Variable("fuel", 12.0, 1.0), Variable("reflux", 30.0, 2.0)],
        outputs=[Variable("temp_bottom", 620.0, 5.0), Variable("temp_top", 400.0, 3.0)],
        disturbances=[Variable("temp_feed", 500.0, 4.0)],
    )
    more_fuel = np.array([13.0, 30.0])
    x = make_integrator(plant).step(plant.x_nominal, more_fuel, plant.d_nominal, 60.0)
    print(f"a minute after a step of fuel by 1 the states are {x.round(3)}; B says [0.4, 0.0]\n")
    print(check_plant(plant))


if __name__ == "__main__":
    main()
