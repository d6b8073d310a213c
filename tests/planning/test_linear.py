"""Linear programs through the compiler and HiGHS: a published optimum and its marginals."""

from dataclasses import replace
from typing import Any

import numpy as np
import pyomo.environ as pyo
import pytest

from operator_agent.planning.linear import (
    ACCEPTED_RESIDUAL,
    compile_linear,
    linear_residual,
    solve_linear,
)
from operator_agent.planning.outcome import SolverStop


def williams(data: Any) -> Any:
    """Return H. P. Williams' refinery (Model Building in Mathematical Programming, 12.6)."""
    model = pyo.ConcreteModel()
    distilled = data["distillation"]["yields"]
    naphthas, oils = ["LN", "MN", "HN"], ["LO", "HO", "CO", "R"]
    fuels, jets = ["regular", "premium"], ["LO", "HO", "CO", "R"]
    model.crude = pyo.Var(list(data["crudes"]), bounds=lambda m, c: (0, data["crudes"][c]["max"]))
    model.reform = pyo.Var(naphthas, domain=pyo.NonNegativeReals)
    model.crack = pyo.Var(["LO", "HO"], domain=pyo.NonNegativeReals)
    model.petrol = pyo.Var([*naphthas, "RG", "CG"], fuels, domain=pyo.NonNegativeReals)
    model.jet = pyo.Var(jets, domain=pyo.NonNegativeReals)
    model.fuel_oil = pyo.Var(domain=pyo.NonNegativeReals)
    model.lube = pyo.Var(bounds=(data["lube"]["min"], data["lube"]["max"]))
    model.cdu = pyo.Constraint(expr=sum(model.crude.values()) <= data["distillation"]["capacity"])
    model.reforming = pyo.Constraint(
        expr=sum(model.reform.values()) <= data["reforming"]["capacity"]
    )
    model.cracking = pyo.Constraint(expr=sum(model.crack.values()) <= data["cracking"]["capacity"])

    def made(stream: str) -> Any:
        straight = sum(distilled[c].get(stream, 0) * model.crude[c] for c in model.crude)
        reformed = sum(
            data["reforming"]["yields"][n].get(stream, 0) * model.reform[n] for n in naphthas
        )
        cracked = sum(
            data["cracking"]["yields"][o].get(stream, 0) * model.crack[o] for o in ["LO", "HO"]
        )
        return straight + reformed + cracked

    recipe = data["fuel_oil_recipe"]

    def used(stream: str) -> Any:
        total = sum(model.petrol[stream, f] for f in fuels) if stream not in oils else 0.0
        total += model.reform[stream] if stream in naphthas else 0.0
        total += model.crack[stream] if stream in ("LO", "HO") else 0.0
        if stream in oils:
            total += model.jet[stream] + recipe[stream] / sum(recipe.values()) * model.fuel_oil
        if stream == "R":
            total += model.lube / data["lube"]["yields"]["R"]["LBO"]
        return total

    streams = [*naphthas, *oils, "RG", "CG"]
    model.balance = pyo.Constraint(streams, rule=lambda m, s: used(s) == made(s))
    model.octane = pyo.Constraint(
        fuels,
        rule=lambda m, f: (
            sum(
                (data["octane"][s] - data["octane_min"][f]) * m.petrol[s, f]
                for s in [*naphthas, "RG", "CG"]
            )
            >= 0
        ),
    )
    pressure = data["vapour_pressure"]
    model.vapour = pyo.Constraint(
        expr=sum((pressure[s] - data["jet_vp_max"]) * model.jet[s] for s in jets) <= 0
    )
    total = {f: sum(model.petrol[s, f] for s in [*naphthas, "RG", "CG"]) for f in fuels}
    ratio = data["premium_min_ratio_to_regular"]
    model.premium = pyo.Constraint(expr=total["premium"] - ratio * total["regular"] >= 0)
    profit = data["profit_per_bbl"]
    model.profit = pyo.Objective(
        expr=sum(profit[f] * total[f] for f in fuels)
        + profit["jet"] * sum(model.jet.values())
        + profit["fuel_oil"] * model.fuel_oil
        + profit["lube"] * model.lube,
        sense=pyo.maximize,
    )
    return model


def test_williams_refinery_reaches_the_published_profit_and_marginals(published: Any) -> None:
    data = published("williams_refinery.json")
    model = williams(data)
    found = solve_linear(compile_linear(model))
    assert found.stop is SolverStop.CONVERGED
    assert found.profit == pytest.approx(data["known_optimum"], abs=0.01)
    marginals = found.marginal_of()
    # Published duals of the maximisation: capacity of distillation, of cracking, premium ratio.
    assert marginals["cdu"] == pytest.approx(4.47138, abs=1e-4)
    assert marginals["cracking"] == pytest.approx(0.68207, abs=1e-4)
    assert marginals["reforming"] == pytest.approx(0.0, abs=1e-9)
    assert marginals["lube"] == pytest.approx(-6.5, abs=1e-6)
    found.load()
    assert pyo.value(model.crude["C2"]) == pytest.approx(30_000.0)
    assert pyo.value(model.jet["LO"] + model.jet["HO"] + model.jet["CO"] + model.jet["R"]) == (
        pytest.approx(data["published_solution"]["jet"], abs=1.0)
    )


def small_program() -> Any:
    model = pyo.ConcreteModel()
    model.x = pyo.Var(bounds=(0, 4))
    model.y = pyo.Var(bounds=(0, 4))
    model.sum = pyo.Constraint(expr=model.x + model.y <= 5)
    model.least = pyo.Constraint(expr=(1.0, model.y, None))
    model.profit = pyo.Objective(expr=3 * model.x + model.y + 10, sense=pyo.maximize)
    return model


def test_a_marginal_is_the_gain_of_profit_when_the_right_hand_side_rises() -> None:
    found = solve_linear(compile_linear(small_program()))
    marginals = found.marginal_of()
    assert found.profit == pytest.approx(23.0)
    assert marginals["sum"] == pytest.approx(1.0)
    assert marginals["x"] == pytest.approx(2.0)  # the bound x <= 4 holds


def test_contradicting_rows_are_reported_as_infeasible() -> None:
    model = small_program()
    model.more = pyo.Constraint(expr=(9.0, model.x + model.y, None))
    found = solve_linear(compile_linear(model))
    assert found.stop is SolverStop.INFEASIBLE
    assert np.all(np.isnan(found.x))


def test_the_residual_notices_wrong_duals_and_wrong_values() -> None:
    program = compile_linear(small_program())
    found = solve_linear(program)
    good = (found.x, found.marginals, found.bound_marginals)
    assert linear_residual(program, *good) < ACCEPTED_RESIDUAL
    assert linear_residual(program, found.x + 0.1, *good[1:]) > 1e-3
    assert linear_residual(program, found.x, good[1] + 0.5, good[2]) > 1e-2
    worse = replace(program, cost=program.cost + 1.0)
    assert linear_residual(worse, *good) > 1e-2


def test_whole_numbers_are_found_and_marginals_hold_for_them() -> None:
    model = pyo.ConcreteModel()
    model.lots = pyo.Var(bounds=(0, 10), domain=pyo.Integers)
    model.flow = pyo.Var(bounds=(0, 7))
    model.taken = pyo.Var(domain=pyo.Binary)
    model.sold = pyo.Var(bounds=(0, 20))
    model.parcels = pyo.Constraint(expr=model.flow == 3 * model.lots)
    model.tank = pyo.Constraint(expr=model.flow <= 6.9)
    model.fee = pyo.Constraint(expr=model.flow <= 100 * model.taken)
    model.balance = pyo.Constraint(expr=model.sold - model.flow == 0.0)
    model.profit = pyo.Objective(expr=2 * model.sold - model.taken, sense=pyo.maximize)
    found = solve_linear(compile_linear(model))
    # Two lots of three fit under 6.9; one more unit from elsewhere would sell for 2.
    assert found.profit == pytest.approx(2 * 6 - 1)
    assert found.marginal_of()["balance"] == pytest.approx(2.0)
    assert found.marginal_of()["tank"] == 0.0
    model.more = pyo.Constraint(expr=model.flow >= 6.5)
    assert solve_linear(compile_linear(model)).stop is SolverStop.INFEASIBLE
