"""A controller for your own plant in under 30 lines: transfer functions with dead times.

    python examples/user_controller_linear.py

The plant is simulated with exact dead times. A disturbance that nobody measures comes after an
hour; the oven returns to its set point without offset, the level stays between its limits.
"""

import numpy as np

from operator_agent.mpc.generic.controller import make_controller, wanted
from operator_agent.mpc.scan import Scan
from operator_agent.plant.generic.transfer_function import first_order, integrator
from operator_agent.plant.generic.transfer_matrix import linear_plant, sampled_plant
from operator_agent.plant.generic.variable import Variable

OVEN = linear_plant(
    "oven",
    [
        [first_order(4.0, 600.0, 120.0), first_order(-2.0, 900.0, 75.0), first_order(3.0, 300.0)],
        [None, integrator(-0.01, dead_time_s=60.0), integrator(0.01)],
    ],
    inputs=[Variable("fuel", 10.0, 1.0), Variable("draw", 5.0, 1.0)],
    outputs=[Variable("temp", 350.0, 5.0), Variable("level", 50.0, 5.0)],
    disturbances=[Variable("feed", 5.0, 1.0)],
)


def main() -> None:
    """Run three hours and print every tenth cycle."""
    controller = make_controller(
        OVEN,
        cycle_s=30.0,
        track=["temp", "level"],
        limits={"fuel": (7.0, 13.0), "draw": (2.0, 8.0), "level": (45.0, 55.0)},
    )
    plant, u, d, state = sampled_plant(OVEN, 15.0), np.array([10.0, 5.0]), np.array([5.0]), None
    for cycle in range(360):
        scan = Scan(plant.outputs_now(), u, d)
        state = state or controller.start(scan)
        result, state = controller.step(state, scan, wanted({"temp": 354.0, "level": 50.0}), None)
        u = result.outcome.move
        plant.disturb("feed", 5.0 if cycle < 120 else 5.4)
        for name, value in zip(("fuel", "draw"), u, strict=True):
            plant.write(name, float(value))
        plant.advance(30.0)
        if cycle % 20 == 19:
            print(f"{(cycle + 1) / 2:5.0f} min  {plant.truth()}")


if __name__ == "__main__":
    main()
