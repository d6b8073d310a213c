"""A plant of your own from its equations: a heated tank that overflows.

    python examples/user_plant_casadi.py

Write the rate of every state and every output with CasADi expressions of the named variables, in
SI units. The states are moved to rest, and `check_plant` says whether controllers can trust it.
"""

import casadi as ca

from operator_agent.plant.check import check_plant
from operator_agent.plant.generic.ode import Symbols, from_casadi
from operator_agent.plant.generic.variable import Variable

AREA_M2, OUTLET, WEIR_M, RHO_CP = 2.0, 0.004, 3.0, 4.18e6


def equations(x: Symbols, u: Symbols, d: Symbols) -> tuple[Symbols, Symbols]:
    """Return the rates of level and temperature, and what the instruments read."""
    out = OUTLET * ca.sqrt(x["level"] ** 2 + 1e-6) ** 0.5
    over = 0.05 * 0.02 * ca.log1p(ca.exp((x["level"] - WEIR_M) / 0.02))  # smooth max(0, level-weir)
    heating = u["duty"] / RHO_CP + u["inflow"] * (d["temp_in"] - x["temp"])
    rates = {
        "level": (u["inflow"] - out - over) / AREA_M2,
        "temp": heating / (AREA_M2 * x["level"]),
    }
    return rates, {"level": x["level"], "temp": x["temp"], "overflow": over}


def main() -> None:
    """Build the plant, check it, and print the report."""
    tank = from_casadi(
        "heated_tank",
        equations,
        states=[Variable("level", 2.0, 0.5), Variable("temp", 320.0, 10.0)],
        inputs=[Variable("inflow", 0.006, 0.001), Variable("duty", 5e5, 1e5)],
        disturbances=[Variable("temp_in", 290.0, 5.0)],
        output_spans={"level": 0.5, "temp": 10.0, "overflow": 0.001},
    )
    print("at rest: level {:.3f} m, temperature {:.2f} K\n".format(*tank.x_nominal))
    print(check_plant(tank))


if __name__ == "__main__":
    main()
