"""Loads that come as slowly as the CVs themselves move.

What disturbs a process often enters where its MVs do, and is seen through the same lags. A bias
takes it for a step of the reading that stays as it is: each cycle it has grown, and a plant with a
long lag comes back no sooner than by that lag. Here a CV gets one more state, which goes to a
constant load with the CV's own time constant. Source: Lundström, Lee, Morari and Skogestad,
"Limitations of dynamic matrix control", Comput. Chem. Eng. 19 (1995) 409.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import casadi as ca
import numpy as np

from operator_agent.errors import InputError
from operator_agent.mpc.engine.sampled_model import SampledModel
from operator_agent.mpc.generic.equations import Model
from operator_agent.mpc.generic.open_loop import OpenLoop
from operator_agent.plant.process_model import ProcessModel


def load_lags(model: Model, loop: OpenLoop, cvs: Sequence[str]) -> dict[str, float]:
    """Return the time constants of the loads of some CVs, by name [s]: those of the CVs.

    Args:
        model: of the process.
        loop: its responses.
        cvs: names of CVs that settle under an MV.

    Raises:
        InputError: one does not settle, or no MV moves it.
    """
    lags_s = {name: loop.speed_s([model.y_names.index(name)]) for name in cvs}
    wrong = [name for name, lag_s in lags_s.items() if not lag_s > 0.0]
    if wrong:
        raise InputError(
            f"model {model.name}: {', '.join(wrong)} has no time constant of its own, so no load "
            "can come with it; name the MV or the DV by which loads enter in `unmeasured`"
        )
    return lags_s


def load_names(cvs: Iterable[str]) -> tuple[str, ...]:
    """Return the names of the states of the loads of some CVs."""
    return tuple(f"load_{name}" for name in cvs)


def with_loads(model: Model, lags_s: Mapping[str, float]) -> Model:
    """Return the model with a state behind the others for each load, zero at the nominal point.

    Args:
        model: continuous or sampled.
        lags_s: time constant of each load, by CV [s].
    """
    x, u, d = (ca.SX.sym(n, k) for n, k in (("x", model.n_x), ("u", model.n_u), ("d", model.n_d)))
    load, lags = ca.SX.sym("load", len(lags_s)), np.array(list(lags_s.values()))
    places = [model.y_names.index(name) for name in lags_s]
    shown = np.zeros((model.n_y, lags.size))
    shown[places, np.arange(lags.size)] = 1.0
    arguments = [ca.vertcat(x, load), u, d]
    y = ca.densify(model.outputs(x, u, d) + ca.DM(shown) @ load)
    wider = replace(
        model,
        x_names=(*model.x_names, *load_names(lags_s)),
        outputs=ca.Function("outputs", arguments, [y]),
        x_nominal=np.append(model.x_nominal, np.zeros(lags.size)),
        x_scale=np.append(model.x_scale, model.y_scale[places]),
    )
    if isinstance(model, SampledModel) and isinstance(wider, SampledModel):
        kept = ca.DM(np.exp(-model.sample_time_s / lags))
        law = ca.densify(ca.vertcat(model.step(x, u, d), kept * load))
        return replace(wider, step=ca.Function("law", arguments, [law]))
    assert isinstance(model, ProcessModel) and isinstance(wider, ProcessModel)
    law = ca.densify(ca.vertcat(model.rhs(x, u, d), -load / ca.DM(lags)))
    return replace(wider, rhs=ca.Function("law", arguments, [law]))
