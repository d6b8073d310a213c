"""The best steady state is one: inside its limits, at rest, and no feasible neighbour pays more."""

from pathlib import Path

import numpy as np
import pytest

from operator_agent.messages import EconomicTargets
from operator_agent.mpc.controller import Controller
from operator_agent.mpc.engine.linearise import ScaledModel
from operator_agent.mpc.target.crude_unit import crude_unit_economics, price_vector
from operator_agent.mpc.target.inputs import TargetInputs
from operator_agent.mpc.target.planned import planned_wishes
from operator_agent.mpc.target.steady_model import ModelRest
from operator_agent.mpc.target.steady_optimum import SteadyOptimum, best_steady_state
from operator_agent.mpc.target.table import target_table
from operator_agent.mpc.target.target import TargetOptimizer
from operator_agent.mpc.target.target_tuning import TargetTuning
from operator_agent.mpc.target.what_if import worth_of_limits
from operator_agent.plant.coarse.controller_economics import build_controller_economics
from operator_agent.plant.integrate import steady_state
from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.unit.case_file import load_crude_unit_case
from operator_agent.runtime.control_process import build_controller
from operator_agent.runtime.site_file import load_site
from operator_agent.units import unit

SITE = load_site(Path(__file__).resolve().parents[2] / "cases" / "sites" / "crude_unit.yaml")
PRICES = {
    "feed": 450.0, "naphtha": 437.0, "kerosene": 575.0, "lgo": 575.0, "hgo": 489.0, "residue": 396.0
}  # fmt: skip


@pytest.fixture(scope="module")
def case() -> CrudeUnitCase:
    return load_crude_unit_case(Path(SITE.files["plant"]))


@pytest.fixture(scope="module")
def controller(case: CrudeUnitCase) -> Controller:
    return build_controller(SITE, case)


@pytest.fixture(scope="module")
def targets(case: CrudeUnitCase) -> EconomicTargets:
    return EconomicTargets("test", 0.0, dict(case.slate), 0.184, {}, PRICES, 6.5e-9, 0.022)


@pytest.fixture(scope="module")
def found(case: CrudeUnitCase, controller: Controller, targets: EconomicTargets) -> SteadyOptimum:
    model = controller.model
    wishes = planned_wishes(targets, {}, economic=True)
    inputs = TargetInputs(controller.variables, model.d_nominal, np.zeros(model.n_y), wishes)
    tuning = TargetTuning.of(controller.weights)
    return best_steady_state(model, tuning, crude_unit_economics(case), inputs)


@pytest.mark.slow
def test_the_optimum_is_at_rest_inside_its_limits(
    controller: Controller, found: SteadyOptimum
) -> None:
    model, limits = controller.model, controller.variables
    assert found.converged
    u = found.target.u
    assert np.all(u >= limits.mv_low) and np.all(u <= limits.mv_high)
    x = steady_state(model, u, model.d_nominal, model.x_nominal)
    y = model.outputs(x, u, model.d_nominal).full().ravel()
    np.testing.assert_allclose(y, found.target.y, atol=0.02 * model.y_scale.max())
    slack = 0.02 * model.y_scale
    assert np.all(y >= limits.cv_hard_low - slack) and np.all(y <= limits.cv_hard_high + slack)


@pytest.mark.slow
def test_the_table_gives_prices_in_the_units_of_the_tags(
    controller: Controller, found: SteadyOptimum
) -> None:
    model = controller.model
    told = TargetInputs(controller.variables, model.d_nominal, np.zeros(model.n_y))
    rows = {row.name: row for row in target_table(found.target, told, SITE).rows}
    assert len(rows) == model.n_u + model.n_y
    assert found.target.active
    for name in found.target.active:
        variable, _, side = name.rpartition(" ")
        row = rows[variable]
        limit = row.high if side == "high" else row.low
        assert row.tag and limit.active
        assert limit.price_per_unit == pytest.approx(unit(row.unit).factor * limit.price)


@pytest.mark.slow
def test_a_moved_limit_of_the_unit_earns_what_its_price_promises(
    case: CrudeUnitCase, controller: Controller, targets: EconomicTargets, found: SteadyOptimum
) -> None:
    model = controller.model
    optimizer = TargetOptimizer(
        ModelRest(ScaledModel.of(model)), TargetTuning.of(controller.weights),
        crude_unit_economics(case),
    )  # fmt: skip
    told = TargetInputs(
        controller.variables, model.d_nominal, np.zeros(model.n_y),
        planned_wishes(targets, {}, economic=True),
    )  # fmt: skip
    answers = worth_of_limits(optimizer, found.state, told, 0.05)  # first order: a small move
    assert len(answers) >= 3
    for answer in answers:
        assert answer.converged
        assert answer.profit_change == pytest.approx(answer.expected_change, rel=0.3, abs=2.5e-4)


@pytest.mark.slow
def test_no_neighbour_inside_the_limits_pays_more(
    case: CrudeUnitCase, controller: Controller, targets: EconomicTargets, found: SteadyOptimum
) -> None:
    model, limits = controller.model, controller.variables
    economics = build_controller_economics(case)
    margin = controller.weights.target_margin * model.y_scale  # which the target keeps from limits
    rng = np.random.default_rng(5)
    pull = controller.weights.target_pull["flow_vol_feed"]
    feed = model.u_names.index("flow_vol_feed")

    def worth(u: np.ndarray) -> float:
        x = steady_state(model, u, model.d_nominal, model.x_nominal)
        y = model.outputs(x, u, model.d_nominal).full().ravel()
        low = np.maximum(limits.cv_soft_low, limits.cv_hard_low) + margin
        high = np.minimum(limits.cv_soft_high, limits.cv_hard_high) - margin
        if np.any(y < low - 0.02 * model.y_scale) or np.any(y > high + 0.02 * model.y_scale):
            return -np.inf
        flows = economics(x, u, model.d_nominal).full().ravel()
        off_plan = (u[feed] - targets.flow_vol_feed) / model.u_scale[feed]
        return float(price_vector(targets) @ flows) - pull * off_plan**2

    best = worth(found.target.u)
    for _ in range(25):
        step = rng.normal(size=model.n_u) * 0.2 * model.u_scale
        u = np.clip(found.target.u + step, limits.mv_low, limits.mv_high)
        assert worth(u) <= best + 0.002 * abs(best)
