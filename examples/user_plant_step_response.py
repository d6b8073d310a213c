"""A plant of your own from step-response coefficients, as predictive controllers keep them.

    python examples/user_plant_step_response.py

One output settles and one integrates. The coefficients here come from a formula; yours come from
a plant test or from the files of a controller.
"""

import numpy as np

from operator_agent.plant.check import check_plant
from operator_agent.plant.generic.step_response import from_step_response, sampled_step_response
from operator_agent.plant.generic.variable import Variable

MINUTES = np.arange(1.0, 121.0)  # after the step
SINCE = np.maximum(MINUTES - 5.0, 0.0)  # five minutes of dead time
TEMP = 3.0 * (1.0 - np.exp(-SINCE / 20.0))
LEVEL = 0.5 * (SINCE - 8.0 * (1.0 - np.exp(-SINCE / 8.0)))
COEFFICIENTS = np.stack([TEMP, LEVEL], axis=1)[:, :, None]  # samples, outputs, inputs
NAMES = ([Variable("fuel", 10.0, 1.0)], [Variable("temp", 350.0, 2.0), Variable("level", 50.0, 20)])


def main() -> None:
    """Build the plant twice, compare a pulse, check both, and print a report."""
    model = from_step_response("furnace", COEFFICIENTS, 60.0, *NAMES, integrating=["level"])
    exact = sampled_step_response("furnace", COEFFICIENTS, 60.0, *NAMES, integrating=["level"])
    for fuel, minutes in ((11.0, 30), (10.0, 150)):
        exact.write("fuel", fuel)
        exact.advance(60.0 * minutes)
        print(f"after {minutes} min at fuel {fuel}: {exact.truth()}")
    print(f"the pulse left the level {0.5 * 30:.0f} higher: it integrates\n")
    print(f"{check_plant(model)}\n\nin steps:\n{check_plant(exact)}")


if __name__ == "__main__":
    main()
