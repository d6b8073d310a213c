"""Which states that integrate need no balance: what only grows while others are controlled.

The volume of a fed batch, the place of a cart whose speed is controlled, biomass over a day: their
rates are not brought to zero, as that would forbid the set points of the others.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from operator_agent.mpc.generic.equations import Model
from operator_agent.mpc.generic.open_loop import lasting_states, matrices
from operator_agent.plant.process_model import ProcessModel

HORIZONS = 10.0  # what takes longer to move by a span hardly moves within one
SHOWN = 1e-9  # spans of a CV by a span of a state: less is none


def without_balance(
    model: Model, integrating: tuple[str, ...], asked: Sequence[str], horizon_s: float
) -> tuple[Model, tuple[str, ...]]:
    """Return the model with states that drift, and the states left that integrate.

    What hardly moves within the horizon is as what integrates: it has no rest that the MVs could
    go to. Such a state drifts when no CV that is asked for shows it, and when without it all of
    these can still be brought to another rest by the MVs.

    Args:
        model: of the process; a sampled one stays as it is.
        integrating: its states that integrate.
        asked: names of the CVs that are tracked, limited or priced, and of MVs.
        horizon_s: of the plan [s].
    """
    rows = [i for i, name in enumerate(model.y_names) if name in asked]
    if not isinstance(model, ProcessModel) or not rows:
        return model, integrating
    a, b, c, through = matrices(model)
    slow = lasting_states(model, a, HORIZONS * horizon_s)
    found = (*integrating, *(name for name in slow if name not in integrating))
    held = [model.x_names.index(name) for name in found]
    free = [i for i in range(model.n_x) if i not in held]
    shown = np.abs(c[np.ix_(rows, held)]) > SHOWN
    others = [row for row, shows in zip(rows, shown, strict=True) if not bool(np.any(shows))]
    states = np.linalg.solve(a[np.ix_(free, free)], b[free])
    gains = through[others] - c[np.ix_(others, free)] @ states
    if bool(np.any(np.max(np.abs(gains), axis=1, initial=0.0) <= SHOWN)):
        return model, integrating
    drifting = tuple(n for n, seen in zip(found, shown.T, strict=True) if not np.any(seen))
    left = tuple(name for name in integrating if name not in drifting)
    return replace(model, drifting=(*model.drifting, *drifting)), left
