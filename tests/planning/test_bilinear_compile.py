"""Pyomo models become bilinear programs that say the same."""

import numpy as np
import pyomo.environ as pyo
import pytest

from operator_agent.errors import InputError, LimitsConflictError
from operator_agent.planning.bilinear.compile import compile_bilinear


def blending_model() -> pyo.ConcreteModel:
    model = pyo.ConcreteModel()
    model.flow = pyo.Var(range(2), bounds=(0.0, 10.0), initialize=1.0)
    model.quality = pyo.Var(initialize=2.0)
    model.open = pyo.Var(domain=pyo.Binary, initialize=1)
    model.sulphur = pyo.Constraint(
        expr=(model.quality + 1.0) * (model.flow[0] + 2.0 * model.flow[1]) - model.flow[0] ** 2
        == 4.0 + model.open
    )
    model.supply = pyo.Constraint(expr=(1.0, model.flow[0] + model.flow[1], 15.0))
    model.profit = pyo.Objective(
        expr=model.flow[0] * model.quality - 3.0 * model.open + 7.0, sense=pyo.maximize
    )
    return model


def test_the_program_says_what_the_model_says() -> None:
    model = blending_model()
    program, variables, rows = compile_bilinear(model)
    assert [row.name for row in rows] == ["sulphur", "supply"]
    generator = np.random.default_rng(3)
    for _ in range(5):
        values = generator.uniform(-2.0, 2.0, len(variables))
        for variable, value in zip(variables, values, strict=True):
            variable.set_value(float(value), skip_validation=True)
        x = np.append(values, pyo.value(model.flow[0] * model.quality - 3.0 * model.open))
        activity = program.activity(x)
        for place, row in enumerate(rows):
            shift = pyo.value(row.upper) - program.row_high[place]  # constants moved to the right
            assert activity[place] + shift == pytest.approx(pyo.value(row.body))
        assert activity[-1] == pytest.approx(0.0, abs=1e-12)
        assert program.objective(x) == pytest.approx(pyo.value(model.profit))


def test_bounds_whole_numbers_and_start_values_are_kept() -> None:
    program, variables, _ = compile_bilinear(blending_model())
    place = {variable.name: number for number, variable in enumerate(variables)}
    assert program.high[place["flow[1]"]] == 10.0
    assert program.low[place["quality"]] == -np.inf
    assert program.start[place["quality"]] == 2.0
    assert [program.columns[k] for k in np.flatnonzero(program.integer)] == ["open"]


def test_a_linear_objective_needs_no_further_row() -> None:
    model = blending_model()
    model.profit.set_value(2.0 * model.flow[1] - 1.0)
    program, variables, rows = compile_bilinear(model)
    assert len(program.columns) == len(variables)
    assert len(program.rows) == len(rows)
    x = np.arange(1.0, len(variables) + 1.0)
    place = [variable.name for variable in variables].index("flow[1]")
    assert program.objective(x) == pytest.approx(2.0 * x[place] - 1.0)


def test_fixed_variables_become_constants() -> None:
    model = blending_model()
    model.quality.fix(0.5)
    program, variables, _ = compile_bilinear(model)
    assert "quality" not in {variable.name for variable in variables}
    assert np.all(program.term_left == program.term_right)  # only the square is left


def test_a_row_that_is_no_product_is_refused_by_name() -> None:
    model = blending_model()
    model.ratio = pyo.Constraint(expr=model.flow[0] / (1.0 + model.flow[1]) <= 2.0)
    with pytest.raises(InputError, match="'ratio' holds more than"):
        compile_bilinear(model)


def test_a_constant_row_that_does_not_hold_is_refused_by_name() -> None:
    model = blending_model()
    model.flow.fix(1.0)
    model.limit = pyo.Constraint(expr=model.flow[0] + model.flow[1] <= 1.0)
    with pytest.raises(LimitsConflictError, match="'limit'"):
        compile_bilinear(model)


def test_two_objectives_are_refused() -> None:
    model = blending_model()
    model.cost = pyo.Objective(expr=model.flow[0])
    with pytest.raises(InputError, match="2 active objectives"):
        compile_bilinear(model)


def test_a_domain_with_a_hole_is_refused() -> None:
    model = blending_model()
    model.lot = pyo.Var(domain=pyo.Set(initialize=[0, 5, 9]))
    model.use = pyo.Constraint(expr=model.lot <= model.flow[0])
    with pytest.raises(InputError, match="'lot'"):
        compile_bilinear(model)
