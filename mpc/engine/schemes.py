"""How a model advances over one stage: the discretisations to choose from, as symbolic functions.

Every scheme but implicit Euler is a map (x, u, d, w) -> x_next with its derivatives. Unknowns w
inside a stage (collocation points) are solved by Newton steps written out symbolically, so that
one call predicts a whole horizon; `w` goes in as a guess and comes out improved, with the residual
that is left. All in scaled variables.

Source of the Radau IIA coefficients: Hairer and Wanner, "Solving Ordinary Differential Equations
II", 2nd ed. (1996), tables IV.5.5 and IV.5.6.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

import casadi as ca
import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.mpc.engine.elimination import Elimination
from operator_agent.mpc.engine.linearise import ScaledModel
from operator_agent.plant.process_model import ProcessModel

ROOT_6 = 6.0**0.5
RADAU_2: FloatArray = np.array([[5.0 / 12.0, -1.0 / 12.0], [3.0 / 4.0, 1.0 / 4.0]])
RADAU_3: FloatArray = np.array(
    [
        [(88 - 7 * ROOT_6) / 360, (296 - 169 * ROOT_6) / 1800, (-2 + 3 * ROOT_6) / 225],
        [(296 + 169 * ROOT_6) / 1800, (88 + 7 * ROOT_6) / 360, (-2 - 3 * ROOT_6) / 225],
        [(16 - ROOT_6) / 36, (16 + ROOT_6) / 36, 1.0 / 9.0],
    ]
)
NEWTON_UPDATES = (
    2  # per call, with one factorisation; the caller calls again while a residual stays
)
LARGEST_COLLOCATED = 16  # states; above it the elimination grows longer than LAPACK is slow
MILD = 1.0  # spectral radius times length of a sub-step, below which Runge-Kutta is accurate
MOST_SUBSTEPS = 4
SAME_TIME = 1e-9  # relative: rounding of a multiple of the sample time


class Scheme(Enum):
    """The discretisations."""

    IMPLICIT_EULER = "implicit_euler"  # large stiff models; LAPACK factors
    RADAU_2 = "radau_2"  # collocation of order 3: small models, stiff ones too
    RADAU_3 = "radau_3"  # collocation of order 5
    RUNGE_KUTTA_4 = "runge_kutta_4"  # explicit, with sub-steps: models that are not stiff
    SAMPLED = "sampled"  # a discrete model takes its own steps


RADAU_TABLES: Mapping[Scheme, FloatArray] = MappingProxyType(
    {Scheme.RADAU_2: RADAU_2, Scheme.RADAU_3: RADAU_3}
)


@dataclass(frozen=True, slots=True)
class StageMap:
    """One stage of one length as functions of scaled x, u, w and of d in SI.

    Attributes:
        advance: `(x, u, d, w) -> (x_next, w, residual)`; the residual is the norm of what is left.
        sensitivity: `(x, u, d, w) -> (x_next_x, x_next_u)` at a solved w, dense.
        audit: `(x, x_next, u, d, w) -> defects` with x, u in SI, from the model's own functions.
        n_w: number of unknowns inside the stage.
    """

    advance: ca.Function
    sensitivity: ca.Function
    audit: ca.Function
    n_w: int


def choose_scheme(scaled: ScaledModel, longest_s: float) -> Scheme:
    """Return the scheme that suits a model: by its size, and its stiffness at the nominal point.

    Args:
        scaled: the model.
        longest_s: longest stage of the horizon [s].
    """
    model = scaled.model
    if not isinstance(model, ProcessModel):
        return Scheme.SAMPLED
    if model.n_x <= LARGEST_COLLOCATED:
        return Scheme.RADAU_2
    point = (model.x_nominal / model.x_scale, model.u_nominal / model.u_scale, model.d_nominal)
    jacobian = scaled.jacobians(*point)[2].full()
    if not bool(np.all(np.isfinite(jacobian))):
        return Scheme.IMPLICIT_EULER
    fastest = float(np.max(np.abs(np.linalg.eigvals(jacobian))))
    mild = fastest * longest_s <= MILD * MOST_SUBSTEPS
    return Scheme.RUNGE_KUTTA_4 if mild else Scheme.IMPLICIT_EULER


def stage_map(scaled: ScaledModel, scheme: Scheme, length_s: float, substeps: int) -> StageMap:
    """Return the functions of one stage.

    Args:
        scaled: a continuous or a sampled model.
        scheme: how it advances; not implicit Euler, which has stages of its own.
        length_s: of the stage [s].
        substeps: of Runge-Kutta in one stage.

    Raises:
        InputError: the scheme does not fit the model, or the length is no multiple of its sample
            time.
    """
    if scheme in RADAU_TABLES:
        return _radau(scaled, RADAU_TABLES[scheme], length_s)
    if scheme is Scheme.RUNGE_KUTTA_4:
        return _runge_kutta(scaled, length_s, substeps)
    if scheme is Scheme.SAMPLED:
        return _sampled(scaled, length_s)
    raise InputError(f"scheme {scheme.value} is no map of one stage; take another")


def _symbols(scaled: ScaledModel) -> tuple[ca.SX, ca.SX, ca.SX]:
    model = scaled.model
    return ca.SX.sym("x", model.n_x), ca.SX.sym("u", model.n_u), ca.SX.sym("d", model.n_d)


def _radau(scaled: ScaledModel, table: FloatArray, length_s: float) -> StageMap:
    """Return collocation at Radau points; w holds the increments X[i] - x."""
    x, u, d = _symbols(scaled)
    n_x, n_points = scaled.model.n_x, table.shape[0]
    w = ca.SX.sym("w", n_x * n_points)
    weights = (length_s * table).tolist()

    def residual(increments: ca.SX) -> ca.SX:
        parts = ca.vertsplit(increments, n_x)
        slopes = [scaled.values(x + part, u, d)[0] for part in parts]
        rows = []
        for part, row in zip(parts, weights, strict=True):
            rows.append(part - sum(a * slope for a, slope in zip(row, slopes, strict=True)))
        left: ca.SX = ca.vertcat(*rows)
        return left

    factors, right_x, right_u = collocation_system(scaled, table, length_s, (x, u, d, w))
    improved = w
    for _ in range(NEWTON_UPDATES):
        improved = improved - factors.solve(residual(improved))
    left = ca.norm_2(residual(improved))  # unlike the largest one it does not lose NaN
    changes = factors.solve(ca.densify(ca.horzcat(right_x, right_u)))[-n_x:, :]
    advanced = ca.cse([x + improved[-n_x:], improved, left])
    return StageMap(
        advance=ca.Function("advance", [x, u, d, w], advanced),
        sensitivity=ca.Function(
            "sensitivity",
            [x, u, d, w],
            [ca.densify(ca.SX.eye(n_x) + changes[:, :n_x]), ca.densify(changes[:, n_x:])],
        ),
        audit=_collocation_audit(scaled, table, length_s),
        n_w=n_x * n_points,
    )


def collocation_system(
    scaled: ScaledModel,
    table: FloatArray,
    length_s: float,
    symbols: tuple[ca.SX, ca.SX, ca.SX, ca.SX],
) -> tuple[Elimination, ca.SX, ca.SX]:
    """Return the eliminated Newton matrix of collocation and its right-hand sides for x and u.

    Args:
        scaled: the model.
        table: of the scheme.
        length_s: of the stage [s].
        symbols: x, u, d and the increments w at which the model is linearised.
    """
    x, u, d, w = symbols
    n_x = scaled.model.n_x
    slopes = [scaled.jacobians(x + part, u, d)[2:4] for part in ca.vertsplit(w, n_x)]
    rows, right_x, right_u = [], [], []
    for i, row in enumerate((length_s * table).tolist()):
        blocks = [
            (ca.SX.eye(n_x) if i == j else ca.SX(n_x, n_x)) - a * slopes[j][0]
            for j, a in enumerate(row)
        ]
        rows.append(ca.horzcat(*blocks))
        right_x.append(sum(a * slopes[j][0] for j, a in enumerate(row)))
        right_u.append(sum(a * slopes[j][1] for j, a in enumerate(row)))
    return Elimination(ca.vertcat(*rows)), ca.vertcat(*right_x), ca.vertcat(*right_u)


def _collocation_audit(scaled: ScaledModel, table: FloatArray, length_s: float) -> ca.Function:
    model = _continuous(scaled)
    x, u, d = _symbols(scaled)
    x_next, w = ca.SX.sym("x_next", model.n_x), ca.SX.sym("w", model.n_x * table.shape[0])
    scale = ca.DM(model.x_scale.tolist())
    points = [x + part * scale for part in ca.vertsplit(w, model.n_x)]
    slopes = ca.horzcat(*[model.rhs(point, u, d) for point in points])
    ends = x + length_s * slopes @ ca.DM(table.T.tolist())
    found = [point - ends[:, i] for i, point in enumerate(points)] + [x_next - points[-1]]
    return ca.Function("audit", [x, x_next, u, d, w], [ca.vertcat(*[row / scale for row in found])])


def _runge_kutta(scaled: ScaledModel, length_s: float, substeps: int) -> StageMap:
    """Return the classical explicit scheme of order 4."""
    x, u, d = _symbols(scaled)
    model = _continuous(scaled)

    def stepped(start: ca.SX, slope: Callable[[ca.SX], ca.SX]) -> ca.SX:
        step_s = length_s / substeps
        for _ in range(substeps):
            k1 = slope(start)
            k2 = slope(start + 0.5 * step_s * k1)
            k3 = slope(start + 0.5 * step_s * k2)
            k4 = slope(start + step_s * k3)
            start = start + step_s / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
        return start

    scaled_next = stepped(x, lambda at: scaled.values(at, u, d)[0])
    return _plain_map(scaled, (x, u, d), scaled_next, stepped(x, lambda at: model.rhs(at, u, d)))


def _sampled(scaled: ScaledModel, length_s: float) -> StageMap:
    """Return so many steps of a discrete model as fit into the stage."""
    model = scaled.model
    if isinstance(model, ProcessModel):
        raise InputError(f"model {model.name} is continuous; scheme sampled needs a SampledModel")
    count = round(length_s / model.sample_time_s)
    if count < 1 or abs(count * model.sample_time_s - length_s) > SAME_TIME * length_s:
        raise InputError(
            f"a stage of {length_s:g} s is no multiple of the sample time "
            f"{model.sample_time_s:g} s of model {model.name}; choose stages that are"
        )
    x, u, d = _symbols(scaled)
    after, after_si = x, x
    for _ in range(count):
        after, after_si = scaled.values(after, u, d)[0], model.step(after_si, u, d)
    return _plain_map(scaled, (x, u, d), after, after_si)


def _continuous(scaled: ScaledModel) -> ProcessModel:
    if isinstance(scaled.model, ProcessModel):
        return scaled.model
    raise InputError(f"model {scaled.model.name} is discrete; its scheme is sampled")


def _plain_map(
    scaled: ScaledModel, symbols: tuple[ca.SX, ca.SX, ca.SX], after: ca.SX, after_si: ca.SX
) -> StageMap:
    """Return the functions of a stage that is an explicit expression, scaled and in SI."""
    x, u, d = symbols
    w, x_next = ca.SX.sym("w", 0), ca.SX.sym("x_next", x.size1())
    derivatives = [ca.densify(ca.jacobian(after, v)) for v in (x, u)]
    defect = (x_next - after_si) / ca.DM(scaled.model.x_scale.tolist())
    return StageMap(
        advance=ca.Function("advance", [x, u, d, w], [ca.densify(after), w, ca.SX(0.0)]),
        sensitivity=ca.Function("sensitivity", [x, u, d, w], ca.cse(derivatives)),
        audit=ca.Function("audit", [x, x_next, u, d, w], [ca.densify(defect)]),
        n_w=0,
    )
