"""A nonlinear model in steps with exact dead times at its inputs and outputs."""

from collections.abc import Mapping
from types import MappingProxyType

import casadi as ca
import numpy as np

from operator_agent.errors import InputError
from operator_agent.mpc.engine.linearise import ScaledModel
from operator_agent.mpc.engine.sampled_model import SampledModel
from operator_agent.mpc.engine.schemes import Scheme, choose_scheme, stage_map
from operator_agent.plant.generic.sampled_plant import check_sample_time, whole_samples
from operator_agent.plant.process_model import ProcessModel

NOTHING: Mapping[str, float] = MappingProxyType({})
NEWTON_CALLS = 3  # of an implicit step, two updates each: far from rest five are enough
MOST_SUBSTEPS = 200


def delayed_model(
    model: ProcessModel,
    sample_time_s: float,
    input_dead_times_s: Mapping[str, float] = NOTHING,
    output_dead_times_s: Mapping[str, float] = NOTHING,
) -> SampledModel:
    """Return a model in steps, with past inputs and outputs as further states.

    Args:
        model: continuous, without dead times.
        sample_time_s: of a step [s].
        input_dead_times_s: by name of an MV or DV; whole samples [s].
        output_dead_times_s: by name of a CV; whole samples [s].

    Raises:
        InputError: an unknown name, or a dead time that is no whole number of samples.
    """
    sample_time_s = check_sample_time(model.name, sample_time_s)
    sources = model.u_names + model.d_names
    late = _samples(model.name, "input", input_dead_times_s, sources, sample_time_s)
    slow = _samples(model.name, "output", output_dead_times_s, model.y_names, sample_time_s)
    x = ca.SX.sym("x", model.n_x + sum(late) + sum(slow))
    u, d = ca.SX.sym("u", model.n_u), ca.SX.sym("d", model.n_d)
    w = ca.vertcat(u, d)
    parts = ca.vertsplit(x, np.cumsum([0, model.n_x, *late, *slow]).tolist())
    core, pasts, reads = parts[0], parts[1 : 1 + len(late)], parts[1 + len(late) :]
    arriving = ca.vertcat(*(p[-1] if n else w[i] for i, (p, n) in
                            enumerate(zip(pasts, late, strict=True))))  # fmt: skip
    into = (arriving[: model.n_u], arriving[model.n_u :])
    y_now = model.outputs(core, *into)
    shifted = [ca.vertcat(w[i], p[:-1]) for i, p in enumerate(pasts) if late[i]]
    shifted += [ca.vertcat(y_now[i], r[:-1]) for i, r in enumerate(reads) if slow[i]]
    after = ca.vertcat(one_step(model, sample_time_s)(core, *into), *shifted)
    y = ca.vertcat(*(r[-1] if n else y_now[i] for i, (r, n) in
                     enumerate(zip(reads, slow, strict=True))))  # fmt: skip
    point = (model.x_nominal, model.u_nominal, model.d_nominal)
    y_rest = model.outputs(*point).full().ravel()
    rests = np.concatenate([np.repeat(np.concatenate(point[1:]), late), np.repeat(y_rest, slow)])
    spans = np.concatenate([
        np.repeat(np.concatenate([model.u_scale, model.d_scale]), late),
        np.repeat(model.y_scale, slow),
    ])  # fmt: skip
    names = [f"{n}_{k + 1}_samples_ago" for n, m in zip(sources, late, strict=True)
             for k in range(m)]  # fmt: skip
    names += [f"{n}_{k + 1}_samples_ago" for n, m in zip(model.y_names, slow, strict=True)
              for k in range(m)]  # fmt: skip
    return SampledModel(
        name=model.name,
        x_names=(*model.x_names, *names),
        u_names=model.u_names,
        d_names=model.d_names,
        y_names=model.y_names,
        step=ca.Function("step", [x, u, d], [after]),
        outputs=ca.Function("outputs", [x, u, d], [y]),
        sample_time_s=sample_time_s,
        x_nominal=np.concatenate([model.x_nominal, rests]),
        u_nominal=model.u_nominal,
        d_nominal=model.d_nominal,
        x_scale=np.concatenate([model.x_scale, spans]),
        u_scale=model.u_scale,
        d_scale=model.d_scale,
        y_scale=model.y_scale,
    )


def _samples(
    plant: str,
    what: str,
    dead_times_s: Mapping[str, float],
    known: tuple[str, ...],
    sample_time_s: float,
) -> list[int]:
    for name in dead_times_s:
        if name not in known:
            raise InputError(
                f"model {plant}: a dead time is given for {what} '{name}', which does not exist; "
                f"there is: {', '.join(known)}"
            )
    return [
        whole_samples(f"model {plant}: dead time of {n}", dead_times_s.get(n, 0.0), sample_time_s)
        for n in known
    ]


def one_step(model: ProcessModel, sample_time_s: float) -> ca.Function:
    """Return `(x, u, d) -> x` one sample later, in SI, by the scheme that suits the model.

    Raises:
        InputError: the model is large and so fast that an explicit step would need hundreds of
            parts.
    """
    scaled = ScaledModel.of(model)
    scheme = choose_scheme(scaled, sample_time_s)
    substeps = 2
    if scheme is Scheme.IMPLICIT_EULER:
        scheme = Scheme.RUNGE_KUTTA_4
        point = (model.x_nominal / model.x_scale, model.u_nominal / model.u_scale, model.d_nominal)
        fastest = float(np.max(np.abs(np.linalg.eigvals(scaled.jacobians(*point)[2].full()))))
        substeps = int(np.ceil(fastest * sample_time_s))
        if substeps > MOST_SUBSTEPS:
            raise InputError(
                f"model {model.name}: its fastest mode takes {1.0 / fastest:.3g} s, too fast for "
                f"explicit steps of {sample_time_s:g} s with {model.n_x} states; shorten the "
                "sample or take dead times as approximations"
            )
    made = stage_map(scaled, scheme, sample_time_s, substeps)
    x, u, d = (ca.SX.sym(n, k) for n, k in (("x", model.n_x), ("u", model.n_u), ("d", model.n_d)))
    x_scale, u_scale = ca.DM(model.x_scale.tolist()), ca.DM(model.u_scale.tolist())
    w, after = ca.SX.zeros(made.n_w), x
    for _ in range(NEWTON_CALLS if made.n_w else 1):
        after, w, _ = made.advance(x / x_scale, u / u_scale, d, w)
    return ca.Function("one_step", [x, u, d], [ca.densify(after * x_scale)])
