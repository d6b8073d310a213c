"""The reactor of Williams and Otto: the test of economic optimisation with a wrong model.

Three reactions A + B -> C, B + C -> P + E, C + P -> G in a stirred tank, in mass fractions.
Sources: Williams and Otto, "A generalized chemical processing model for the investigation of
computer control", AIEE Trans. 79 (1960) 458; the reactor alone with its profit and the model of
two reactions as in Forbes, Marlin and MacGregor, "Model adequacy requirements for optimizing
plant operations", Comput. Chem. Eng. 18 (1994) 497, and Marchetti, Chachuat and Bonvin,
"Modifier-adaptation methodology for real-time optimization", Ind. Eng. Chem. Res. 48 (2009) 6022.
"""

from dataclasses import dataclass
from typing import Any

import casadi as ca
import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import SolveFailedError
from operator_agent.plant.generic.rest import at_rest
from operator_agent.plant.process_model import ProcessModel

MASS = 2105.2  # of the content [kg]
FLOW_A = 1.8275  # [kg/s]
RATES = (1.6599e6, 7.2117e8, 2.6745e12)  # [1/s]
ACTIVATION = (6666.7, 8333.3, 11111.0)  # [K]
MODEL_RATES = (2.189e8, 4.310e13)  # of the two reactions of the approximate model [1/s]
MODEL_ACTIVATION = (8077.6, 12438.0)  # [K]
PRICE_P, PRICE_E, PRICE_A, PRICE_B = 1143.38, 25.92, 76.23, 114.34  # [$/kg]
COMPONENTS = ("a", "b", "c", "e", "p", "g")
MODEL_COMPONENTS = ("a", "b", "e", "p", "g")
FLOW_B_RANGE = (3.0, 6.0)  # of the search for the optimum [kg/s]
TEMP_RANGE = (343.15, 373.15)  # 70 to 100 C
_FLOW_B, _TEMP = 4.787, 362.85  # nominal point: the published optimum


@dataclass(frozen=True, slots=True)
class SteadyOptimum:
    """The most profitable state of rest.

    Attributes:
        flow_b: feed of B [kg/s].
        temp: of the reactor [K].
        profit: [$/s].
        fractions: mass fractions in the order of the model's states.
    """

    flow_b: float
    temp: float
    profit: float
    fractions: FloatArray


def williams_otto() -> ProcessModel:
    """Return the reactor of three reactions at rest.

    States: mass fractions of A, B, C, E, P, G. MVs: feed of B [kg/s], temperature [K]. DV: feed
    of A [kg/s]. CVs: profit [$/s], mass fractions of A and G.
    """
    x, u, d = (ca.SX.sym(letter, n) for letter, n in (("x", 6), ("u", 2), ("d", 1)))
    a, b, c, e, p, g = ca.vertsplit(x)
    k1, k2, k3 = (k * ca.exp(-t / u[1]) for k, t in zip(RATES, ACTIVATION, strict=True))
    r1, r2, r3 = k1 * a * b, k2 * b * c, k3 * c * p
    made = ca.vertcat(-r1, -r1 - r2, 2.0 * (r1 - r2) - r3, 2.0 * r2, r2 - 0.5 * r3, 1.5 * r3)
    guess = np.array([0.0875, 0.3896, 0.0153, 0.2906, 0.1095, 0.1075])
    return _reactor("williams_otto", COMPONENTS, (x, u, d), (made, a, e, p, g), guess)


def williams_otto_approximate() -> ProcessModel:
    """Return the model of two reactions, A + 2 B -> P + E and A + B + P -> G, at rest.

    Wrong in structure on purpose: C is left out. Variables as in `williams_otto`.
    """
    x, u, d = (ca.SX.sym(letter, n) for letter, n in (("x", 5), ("u", 2), ("d", 1)))
    a, b, e, p, g = ca.vertsplit(x)
    k1, k2 = (k * ca.exp(-t / u[1]) for k, t in zip(MODEL_RATES, MODEL_ACTIVATION, strict=True))
    r1, r2 = k1 * a * b**2, k2 * a * b * p
    made = ca.vertcat(-r1 - r2, -2.0 * r1 - r2, 2.0 * r1, r1 - r2, 3.0 * r2)
    guess = np.array([0.09, 0.4, 0.3, 0.11, 0.1])
    name = "williams_otto_approximate"
    return _reactor(name, MODEL_COMPONENTS, (x, u, d), (made, a, e, p, g), guess)


def _reactor(
    name: str,
    components: tuple[str, ...],
    symbols: tuple[ca.SX, ca.SX, ca.SX],
    parts: tuple[ca.SX, ca.SX, ca.SX, ca.SX, ca.SX],
    guess: FloatArray,
) -> ProcessModel:
    """Return a reactor from what its reactions make per mass of content [1/s]."""
    x, u, d = symbols
    made, a, e, p, g = parts
    feeds = {"a": d[0], "b": u[0]}
    fed = ca.vertcat(*(feeds.get(component, ca.SX(0.0)) for component in components))
    flow = u[0] + d[0]
    profit = (PRICE_P * p + PRICE_E * e) * flow - PRICE_A * d[0] - PRICE_B * u[0]
    return at_rest(
        ProcessModel(
            name=name,
            x_names=tuple(f"fraction_mass_{component}" for component in components),
            u_names=("flow_mass_b", "temp_reactor"),
            d_names=("flow_mass_a",),
            y_names=("profit", "fraction_mass_a", "fraction_mass_g"),
            rhs=ca.Function("rhs", [x, u, d], [(fed - flow * x) / MASS + made]),
            outputs=ca.Function("outputs", [x, u, d], [ca.vertcat(profit, a, g)]),
            x_nominal=guess,
            u_nominal=np.array([_FLOW_B, _TEMP]),
            d_nominal=np.array([FLOW_A]),
            x_scale=np.full(len(components), 0.05),
            u_scale=np.array([0.5, 5.0]),
            d_scale=np.array([0.2]),
            y_scale=np.array([20.0, 0.02, 0.02]),
        )
    )


def steady_optimum(model: ProcessModel) -> SteadyOptimum:
    """Return the most profitable state of rest of either reactor, found by IPOPT.

    Within 3 to 6 kg/s of B and 70 to 100 C.

    Raises:
        SolveFailedError: no optimum was found.
    """
    x, u = ca.SX.sym("x", model.n_x), ca.SX.sym("u", 2)
    profit = model.outputs(x, u, model.d_nominal)[0]
    rest = model.rhs(x, u, model.d_nominal) * MASS
    options: dict[str, Any] = {
        "ipopt.print_level": 0,
        "ipopt.sb": "yes",
        "print_time": False,
        "ipopt.tol": 1e-10,
    }
    problem = {"x": ca.vertcat(x, u), "f": -profit, "g": rest}
    solver = ca.nlpsol("optimum", "ipopt", problem, options)
    low = [0.0] * model.n_x + [FLOW_B_RANGE[0], TEMP_RANGE[0]]
    high = [1.0] * model.n_x + [FLOW_B_RANGE[1], TEMP_RANGE[1]]
    start = np.concatenate((model.x_nominal, model.u_nominal))
    found = solver(x0=start, lbx=low, ubx=high, lbg=0.0, ubg=0.0)
    if not solver.stats()["success"]:
        raise SolveFailedError(
            f"{model.name}: no steady optimum was found: {solver.stats()['return_status']}"
        )
    point = found["x"].full().ravel()
    return SteadyOptimum(
        flow_b=float(point[-2]),
        temp=float(point[-1]),
        profit=-float(found["f"]),
        fractions=point[:-2],
    )
