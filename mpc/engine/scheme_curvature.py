"""Second derivatives of a stage map, weighted by the adjoint of the state that it gives.

For collocation R(X; x, u) = 0 the implicit function's second derivative needs only those of the
model at the collocation points: with J' v = (0, .., a) and c[j] = length sum_i table[i, j] v[i],

    d2 (a' F) = sum_j S[j]' d2 (c[j]' f)(X[j], u) S[j],    S[j] = d(X[j], u)/d(x, u)

which is exact, and short.
"""

import casadi as ca

from operator_agent.mpc.engine.linearise import ScaledModel
from operator_agent.mpc.engine.schemes import RADAU_TABLES, Scheme, StageMap, collocation_system


def stage_curvature(
    scaled: ScaledModel, scheme: Scheme, length_s: float, stage: StageMap
) -> ca.Function:
    """Return `(x, u, d, w, a) -> d2 (a'F)/d(x, u)2`, dense, in scaled variables.

    Args:
        scaled: the model.
        scheme: of the stage.
        length_s: of the stage [s].
        stage: its functions.
    """
    model = scaled.model
    x, u, d = (ca.SX.sym(n, k) for n, k in (("x", model.n_x), ("u", model.n_u), ("d", model.n_d)))
    w, a = ca.SX.sym("w", stage.n_w), ca.SX.sym("a", model.n_x)
    if scheme in RADAU_TABLES:
        bent = _collocated(scaled, scheme, length_s, (x, u, d, w, a))
    else:
        after = stage.advance(x, u, d, w)[0]
        bent = ca.hessian(ca.dot(a, after), ca.vertcat(x, u))[0]
    return ca.Function("curvature", [x, u, d, w, a], ca.cse([ca.densify(bent)]))


def _collocated(
    scaled: ScaledModel,
    scheme: Scheme,
    length_s: float,
    symbols: tuple[ca.SX, ca.SX, ca.SX, ca.SX, ca.SX],
) -> ca.SX:
    x, u, d, w, a = symbols
    n_x, n_u = scaled.model.n_x, scaled.model.n_u
    table = RADAU_TABLES[scheme]
    n_points = table.shape[0]
    factors, right_x, right_u = collocation_system(scaled, table, length_s, (x, u, d, w))
    changes = factors.solve(ca.densify(ca.horzcat(right_x, right_u)))
    last = ca.vertcat(ca.SX.zeros(n_x * (n_points - 1)), a)
    prices = ca.vertsplit(factors.solve_transposed(last), n_x)
    weighted = _bent_model(scaled)
    base = ca.horzcat(ca.SX.eye(n_x), ca.SX(n_x, n_u))
    held = ca.horzcat(ca.SX(n_u, n_x), ca.SX.eye(n_u))
    bent = ca.SX.zeros(n_x + n_u, n_x + n_u)
    for j, part in enumerate(ca.vertsplit(w, n_x)):
        price = sum(length_s * float(table[i, j]) * prices[i] for i in range(n_points))
        moved = ca.vertcat(base + changes[j * n_x : (j + 1) * n_x, :], held)
        bent += moved.T @ weighted(x + part, u, d, price) @ moved
    return bent


def _bent_model(scaled: ScaledModel) -> ca.Function:
    model = scaled.model
    x, u, d = (ca.SX.sym(n, k) for n, k in (("x", model.n_x), ("u", model.n_u), ("d", model.n_d)))
    c = ca.SX.sym("c", model.n_x)
    bent = ca.hessian(ca.dot(c, scaled.values(x, u, d)[0]), ca.vertcat(x, u))[0]
    return ca.Function("bent", [x, u, d, c], [bent])
