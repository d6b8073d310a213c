"""Operators' recipe cards for a slate: set points that put the products where an operator wants.

Top temperature and the three draws are solved, by Newton's method on steady states, for the 95 %
points of naphtha, kerosene and LGO and for the overflash; the other set points are given.
"""

from collections.abc import Mapping

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import PlantError
from operator_agent.plant.integrate import SteadyStateSolver
from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.unit.crude_unit import disturbance_vector
from operator_agent.plant.variables import MV_NAMES

SOLVED_FOR = {
    "temp_top": "temp_tbp95_naphtha",
    "flow_vol_kerosene": "temp_tbp95_kerosene",
    "flow_vol_lgo": "temp_tbp95_lgo",
    "flow_vol_hgo": "fraction_overflash",
}
_STEP = 0.1  # of a span, for the differences
_LONGEST = 1.0  # spans in one step
_CLOSE = 0.03  # of a span, 0.15 K: cards are rounded more coarsely
_N_STEPS = 25


def card_targets(case: CrudeUnitCase, margin_k: float, overflash: float) -> dict[str, float]:
    """Return the targets of a card: 95 % points below their limits, and the overflash.

    Args:
        case: with the specifications.
        margin_k: below the upper limits of naphtha, kerosene and LGO [K].
        overflash: fraction of the feed.
    """
    highs = {spec.variable: spec.high for spec in case.specifications if np.isfinite(spec.high)}
    temps = {cv: highs[cv] - margin_k for cv in SOLVED_FOR.values() if cv in highs}
    return {**temps, "fraction_overflash": overflash}


def find_card(
    solver: SteadyStateSolver,
    case: CrudeUnitCase,
    slate: Mapping[str, float],
    given: Mapping[str, float],
    targets: Mapping[str, float],
) -> dict[str, float]:
    """Return the set points of a card by MV name [SI].

    Args:
        solver: of the unit's model.
        case: of the unit.
        slate: volume fraction by crude.
        given: set points that stay and guesses of those that are solved, by MV name [SI].
        targets: of the CVs in `SOLVED_FOR` [SI].

    Raises:
        InputError: the slate is wrong.
        PlantError: the targets cannot be met together.
    """
    model = solver.integrator.model
    d = disturbance_vector(case, slate)
    moved = [model.u_names.index(mv) for mv in SOLVED_FOR]
    seen = [model.y_names.index(cv) for cv in SOLVED_FOR.values()]
    wanted = np.array([targets[cv] for cv in SOLVED_FOR.values()])
    u, x = model.u_nominal.copy(), model.x_nominal
    u[: len(MV_NAMES)] = [given[mv] for mv in MV_NAMES]

    def at(point: FloatArray, start: FloatArray) -> tuple[FloatArray, FloatArray]:
        rest = solver.solve(point, d, start)
        y: FloatArray = model.outputs(rest, point, d).full().ravel()[seen]
        return rest, y

    span_u, span_y = model.u_scale[moved], model.y_scale[seen]
    for _ in range(_N_STEPS):
        x, y = at(u, x)
        missing = (wanted - y) / span_y
        if float(np.max(np.abs(missing))) < _CLOSE:
            return dict(zip(MV_NAMES, map(float, u), strict=False))
        slopes = np.empty((len(seen), len(moved)))
        for column, index in enumerate(moved):
            shifted = u.copy()
            shifted[index] += _STEP * model.u_scale[index]
            slopes[:, column] = (at(shifted, x)[1] - y) / span_y / _STEP
        step = np.linalg.solve(slopes, missing)
        u[moved] += span_u * step * min(1.0, _LONGEST / float(np.max(np.abs(step))))
    raise PlantError(
        f"no card for slate {dict(slate)}: still {np.max(np.abs(missing)):.2f} spans from the "
        "targets; change coil outlet, steam or pumparounds"
    )
