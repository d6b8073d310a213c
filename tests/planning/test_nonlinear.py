"""Pooling problems with known optima through the .nl file, CasADi and IPOPT."""

from typing import Any

import numpy as np
import pyomo.environ as pyo
import pytest

from operator_agent.planning.certificate import largest_violation
from operator_agent.planning.nonlinear import (
    ACCEPTED_RESIDUAL,
    import_nonlinear,
    solve_from,
    solve_nonlinear,
)
from operator_agent.planning.outcome import SolverStop
from operator_agent.planning.solve import TRUE_ROWS

N_STARTS = 20


def pooling(data: Any) -> Any:
    """Return a pooling problem in proportions (PQ form): minimise cost."""
    model = pyo.ConcreteModel()
    feeds, products = data["feeds"], data["products"]
    into = [(f, p) for f, p, *_ in data["arcs_feed_pool"]]
    out = [(p, t) for p, t, *_ in data["arcs_pool_product"]]
    direct = [(f, t) for f, t, *_ in data["arcs_feed_product"]]
    model.share = pyo.Var(into, bounds=(0, 1), initialize=0.5)
    model.out = pyo.Var(out, bounds=(0, 300), initialize=50)
    model.direct = pyo.Var(direct, bounds=(0, 300), initialize=50)

    def paths(feed: str, product: str) -> list[tuple[str, str]]:
        return [(p, t) for f, p in into if f == feed for q, t in out if q == p and t == product]

    def used(feed: str) -> Any:
        through = sum(
            model.share[feed, p] * model.out[p, t] for t in products for p, _ in paths(feed, t)
        )
        return through + sum(model.direct[a] for a in direct if a[0] == feed)

    def sold(product: str) -> Any:
        return sum(model.out[a] for a in out if a[1] == product) + sum(
            model.direct[a] for a in direct if a[1] == product
        )

    pools = sorted({p for _, p in into})
    model.whole = pyo.Constraint(
        pools, rule=lambda m, p: sum(m.share[a] for a in into if a[1] == p) == 1
    )
    model.supply = pyo.Constraint(list(feeds), rule=lambda m, f: used(f) <= feeds[f]["max"])
    model.demand = pyo.Constraint(list(products), rule=lambda m, t: sold(t) <= products[t]["max"])

    def quality(product: str, index: int) -> Any:
        high = products[product]["q_max"][index]
        through = sum(
            (feeds[f]["quality"][index] - high) * model.share[f, p] * model.out[p, product]
            for f in feeds
            for p, _ in paths(f, product)
        )
        return through + sum(
            (feeds[f]["quality"][index] - high) * model.direct[f, t]
            for f, t in direct
            if t == product
        )

    limited = [
        (t, i) for t in products for i, high in enumerate(products[t]["q_max"]) if high is not None
    ]
    model.spec = pyo.Constraint(limited, rule=lambda m, t, i: quality(t, i) <= 0)
    model.cost = pyo.Objective(
        expr=sum(feeds[f]["cost"] * used(f) for f in feeds)
        - sum(products[t]["price"] * sold(t) for t in products)
    )
    return model


@pytest.mark.parametrize("name", ["haverly1", "haverly2", "haverly3"])
def test_pooling_reaches_the_known_global_optimum(published: Any, name: str) -> None:
    data = published(f"pooling/{name}.json")
    model = pooling(data)
    program = import_nonlinear(model)
    random = np.random.default_rng(0)
    starts = [random.uniform(program.low, program.high) for _ in range(N_STARTS)]
    best = solve_from(program, starts)
    assert best.stop is SolverStop.CONVERGED
    assert -best.profit == pytest.approx(data["known_min_cost"], rel=1e-6)
    assert best.residual < ACCEPTED_RESIDUAL
    best.load()
    assert largest_violation(model).amount < TRUE_ROWS
    assert pyo.value(model.cost) == pytest.approx(-best.profit)


def curved(limit: float) -> Any:
    model = pyo.ConcreteModel()
    model.x = pyo.Var(bounds=(0.1, 10), initialize=1)
    model.y = pyo.Var(bounds=(0.1, 10), initialize=1)
    model.limit = pyo.Constraint(expr=(None, model.x**2 + model.y**2, limit))
    model.profit = pyo.Objective(expr=model.x * model.y, sense=pyo.maximize)
    return model


def test_a_marginal_is_the_gain_of_profit_when_the_right_hand_side_rises() -> None:
    # Largest x y on a disc: x = y = sqrt(limit/2), so profit = limit/2 and its slope is 1/2.
    found = solve_nonlinear(import_nonlinear(curved(8.0)))
    assert found.profit == pytest.approx(4.0, rel=1e-6)
    assert found.marginal_of()["limit"] == pytest.approx(0.5, rel=1e-5)


def test_contradicting_rows_do_not_count_as_converged() -> None:
    model = curved(1.0)
    model.far = pyo.Constraint(expr=(5.0, model.x + model.y, None))
    assert solve_nonlinear(import_nonlinear(model)).stop is SolverStop.INFEASIBLE


def test_the_certificate_names_the_worst_row() -> None:
    model = curved(8.0)
    model.x.set_value(3.0)
    model.y.set_value(3.0)
    worst = largest_violation(model)
    assert worst.row == "limit"
    assert worst.amount == pytest.approx(10.0 / 9.0)
