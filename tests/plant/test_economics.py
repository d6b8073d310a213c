"""Profit: closed-form checks, downgrading, and recipe cards that are worth beating."""

import pytest

from operator_agent.errors import InputError
from operator_agent.messages import EconomicTargets
from operator_agent.plant.integrate import make_steady_state_solver
from operator_agent.plant.simulation.events import EquipmentTrip
from operator_agent.plant.simulation.scenario import Scenario
from operator_agent.plant.simulation.simulator import Simulator
from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.unit.crude_unit import CrudeUnit, disturbance_vector
from operator_agent.plant.unit.economics import exceedance, prices_with, profit_rate
from operator_agent.plant.unit.recipe import nearest_recipe, recipe_setpoints
from operator_agent.plant.variables import MV_NAMES, PRODUCTS

PRICES = EconomicTargets(
    case="test",
    created_s=0.0,
    slate={"maya": 1.0},
    flow_vol_feed=0.18,
    targets={},
    stream_prices={
        "feed": 400.0,
        "naphtha": 500.0,
        "kerosene": 600.0,
        "lgo": 580.0,
        "hgo": 480.0,
        "residue": 350.0,
    },
    energy_price=8e-9,
    steam_price=0.02,
)
TRUTH = {
    "flow_vol_feed": 1.5,  # the set point, which nobody pays for
    "flow_vol_feed_actual": 1.0,
    "flow_mass_feed": 850.0,
    "duty_fired": 4e8,
    "flow_mass_steam": 10.0,
    **{f"flow_vol_product_{product}": 0.2 for product in PRODUCTS},
    "temp_tbp95_naphtha_product": 160.0 + 273.15,
    "temp_tbp95_kerosene_product": 250.0 + 273.15,
    "temp_tbp05_kerosene_product": 140.0 + 273.15,
    "temp_tbp95_lgo_product": 330.0 + 273.15,
    "temp_tbp95_hgo_product": 430.0 + 273.15,
}


def test_profit_adds_up(case: CrudeUnitCase) -> None:
    rate = profit_rate(TRUTH, PRICES, case.specifications)
    value = 0.2 * (500.0 + 600.0 + 580.0 + 480.0 + 350.0)
    assert rate.product_value_usd_s == pytest.approx(value)
    assert rate.feed_cost_usd_s == pytest.approx(400.0)
    assert rate.energy_cost_usd_s == pytest.approx(3.2 + 0.2)
    assert rate.off_spec_cost_usd_s == 0.0
    assert rate.profit_usd_s == pytest.approx(value - 400.0 - 3.4)
    assert rate.energy_j_per_kg_crude == pytest.approx(4e8 / 850.0)


@pytest.mark.parametrize("rest_kg_s", [0.0, 1e-9])
def test_a_unit_without_feed_pays_for_none(rest_kg_s: float, case: CrudeUnitCase) -> None:
    still = {"flow_vol_feed_actual": 0.0, "flow_mass_feed": rest_kg_s, "duty_fired": 1e6}
    rate = profit_rate({**TRUTH, **still}, PRICES, case.specifications)
    assert rate.feed_cost_usd_s == 0.0
    assert rate.energy_j_per_kg_crude == 0.0


def test_a_trip_of_the_feed_pump_can_be_priced(small: CrudeUnit, case: CrudeUnitCase) -> None:
    trip = EquipmentTrip(60.0, 1200.0, "pump_feed")
    simulator = Simulator(small, case, Scenario(3600.0, events=(trip,)), 1)
    simulator.advance(600.0)
    truth = simulator.truth()
    rate = profit_rate(truth, PRICES, case.specifications)
    assert truth["flow_vol_feed"] > 0.1
    assert rate.feed_cost_usd_s == pytest.approx(0.0, abs=1e-2)
    assert 0.0 <= rate.energy_j_per_kg_crude < 1e6


@pytest.mark.parametrize(("over", "share"), [(-1.0, 0.0), (0.0, 0.0), (2.0, 0.4), (9.0, 1.0)])
def test_off_specification_lgo_falls_to_the_price_of_hgo(
    over: float, share: float, case: CrudeUnitCase
) -> None:
    truth = {**TRUTH, "temp_tbp95_lgo_product": 340.0 + over + 273.15}
    rate = profit_rate(truth, PRICES, case.specifications)
    assert rate.off_spec_cost_usd_s == pytest.approx(share * 0.2 * (580.0 - 480.0), abs=1e-9)


def test_worst_limit_of_a_product_counts_once(case: CrudeUnitCase) -> None:
    truth = {**TRUTH, "temp_tbp95_kerosene_product": 600.0, "temp_tbp05_kerosene_product": 300.0}
    rate = profit_rate(truth, PRICES, case.specifications)
    assert rate.off_spec_cost_usd_s == pytest.approx(0.2 * (600.0 - 500.0))


def test_price_factors_change_their_streams_only() -> None:
    changed = prices_with(PRICES, {"kerosene": 1.1})
    assert changed.stream_prices["kerosene"] == pytest.approx(660.0)
    assert changed.stream_prices["lgo"] == 580.0
    with pytest.raises(InputError, match="no price for stream 'petrol'"):
        prices_with(PRICES, {"petrol": 2.0})


def test_missing_variable_is_named(case: CrudeUnitCase) -> None:
    truth = {name: value for name, value in TRUTH.items() if name != "duty_fired"}
    with pytest.raises(InputError, match="'duty_fired' is needed"):
        profit_rate(truth, PRICES, case.specifications)


def test_nearest_card_is_chosen(case: CrudeUnitCase) -> None:
    for recipe in case.recipes:
        assert nearest_recipe(case, recipe.slate) is recipe
    near = {"arabian_light": 0.55, "maya": 0.18, "bonny_light": 0.27}
    assert recipe_setpoints(case, near) == dict(nearest_recipe(case, case.slate).setpoints)
    with pytest.raises(InputError, match="unknown crude 'brent'"):
        recipe_setpoints(case, {"brent": 1.0})


@pytest.mark.slow
def test_cards_meet_all_specifications_with_an_operators_margin(
    plant: CrudeUnit, case: CrudeUnitCase
) -> None:
    model, solver = plant.model, make_steady_state_solver(plant.model)
    for recipe in case.recipes:
        u = model.u_nominal.copy()
        u[: len(MV_NAMES)] = [recipe.setpoints[mv] for mv in MV_NAMES]
        d = disturbance_vector(case, recipe.slate)
        x = solver.solve(u, d, model.x_nominal)
        outputs = model.outputs(x, u, d).full().ravel()
        told = dict(zip(model.y_names, map(float, outputs), strict=True))
        further = plant.information(x, u, d).full().ravel()
        told |= dict(zip(plant.information_names, map(float, further), strict=True))
        assert 0.02 < told["fraction_overflash"] < 0.05, recipe.name
        assert told["fraction_flooding"] < 0.88, recipe.name
        assert recipe.setpoints["temp_coil_outlet"] < 358.0 + 273.15
        for spec in case.specifications:
            assert exceedance(told, spec) == 0.0, (recipe.name, spec.variable)
            value = told[f"{spec.variable}_product"]
            assert min(spec.high - value, value - spec.low) > 2.5, (recipe.name, spec.variable)
