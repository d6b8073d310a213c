"""Desalter and preheat train: salt and water, duties held by bypass and trim, energy balance."""

from dataclasses import replace

import casadi as ca
import numpy as np
import pytest

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.plant.equipment.desalter import Desalter, WashWater, add_desalter
from operator_agent.plant.equipment.exchanger import ColdSide, Exchanger, HotSide
from operator_agent.plant.equipment.fouling import Fouling
from operator_agent.plant.equipment.preheat_train import (
    TrainEquipment,
    TrainInputs,
    add_preheat_train,
)
from operator_agent.plant.states import States

from .equipment_bench import Bench, make_bench, symbols

DESALTER = Desalter(
    volume=150.0,
    heat_capacity=3e8,
    flow_vol_design=0.19,
    removal_best=0.97,
    ratio_wash=0.015,
    temp_design=383.0,
    temp_span=40.0,
    fraction_water_design=0.002,
)
FOULING = Fouling(8.39, 4e4, 20.0, 68_000.0, 4e-12, 10.0, 21_600.0)


def exchanger(area: float, flow_hot: float, temp: float) -> Exchanger:
    return Exchanger(area, 370.0, 0.4, flow_hot, 0.19, 2e7, 3e-4, temp, FOULING)


TRAIN = TrainEquipment(
    before={"top": exchanger(700.0, 0.11, 330.0)},
    desalter=DESALTER,
    behind={
        "mid": exchanger(900.0, 0.12, 390.0),
        "bottom": exchanger(650.0, 0.075, 420.0),
        "residue": exchanger(2600.0, 0.085, 500.0),
    },
    effectiveness_trim=0.6,
)
CAPACITY = 300_000.0, 560.0  # crude: [W/K] at 273 K and its rise [W/K2]; 158 kg/s
TEMP_HOT = {"top": 423.0, "mid": 488.0, "bottom": 563.0}
CAPACITY_HOT = {"top": 190e3, "mid": 227e3, "bottom": 147e3, "residue": 192e3}
FLOW_HOT = {"top": 0.11, "mid": 0.12, "bottom": 0.075, "residue": 0.085}
NORMAL = {
    "temp_crude": 288.0,
    "circulation": 1.0,
    "duty_top": 12e6,
    "duty_mid": 14e6,
    "duty_bottom": 11e6,
    "in_service": 1.0,
    "temp_coolant": 300.0,
    "feed": 1.0,
    "wash": 0.05,
}


def capacity(temp: ca.SX) -> ca.SX:
    return CAPACITY[0] + CAPACITY[1] * (temp - 273.0)


def enthalpy(temp: float) -> float:
    """Return the crude's enthalpy flow over 273 K [W]."""
    return CAPACITY[0] * (temp - 273.0) + 0.5 * CAPACITY[1] * (temp - 273.0) ** 2


def train_bench(train: TrainEquipment = TRAIN) -> Bench:
    states, u = States(), symbols(*NORMAL)
    hot = {
        place: HotSide(
            ca.SX(TEMP_HOT.get(place, 617.0)),
            (
                ca.SX(0.0),
                CAPACITY_HOT[place] * (u["circulation"] if place in TEMP_HOT else ca.SX(1.0)),
                ca.SX(0.0),
            ),
            FLOW_HOT[place] * (u["circulation"] if place in TEMP_HOT else ca.SX(1.0)),
        )
        for place in CAPACITY_HOT
    }
    feed = 0.184 * u["feed"]
    result = add_preheat_train(
        states,
        train,
        TrainInputs(
            crude=ColdSide(u["temp_crude"], lambda temp: u["feed"] * capacity(temp), feed),
            hot_sides=hot,
            duties={place: u[f"duty_{place}"] for place in TEMP_HOT},
            in_service={"mid": u["in_service"]},
            wash=WashWater(u["wash"] * feed, ca.SX(330.0), ca.SX(0.1), ca.SX(1.0)),
            temp_coolant=u["temp_coolant"],
        ),
    )
    outputs: dict[str, ca.SX | float] = {"temp_out": result.temp_out}
    for place, found in result.exchangers.items():
        outputs[f"duty_{place}"] = found.duty
        outputs[f"temp_hot_{place}"] = found.temp_hot_out
        outputs[f"temp_cold_{place}"] = found.temp_cold_out
    for place in result.duties:
        outputs[f"total_{place}"] = result.duties[place]
        outputs[f"trim_{place}"] = result.duties_trim[place]
    outputs["duty_wash"] = result.desalter.duty
    outputs["temp_desalter"] = result.desalter.temp
    return make_bench(states, u, outputs)


@pytest.fixture(scope="module")
def bench() -> Bench:
    return train_bench()


@pytest.fixture(scope="module")
def rest(bench: Bench) -> FloatArray:
    return bench.after(bench.guess(), NORMAL, 2e4)


def test_pumparounds_give_their_set_points(bench: Bench, rest: FloatArray) -> None:
    told = bench.read(rest, NORMAL)
    for place, duty in (("top", 12e6), ("mid", 14e6), ("bottom", 11e6)):
        assert told[f"total_{place}"] == pytest.approx(duty, rel=1e-3)
        assert told[f"duty_{place}"] <= duty


def test_energy_of_the_train_closes(bench: Bench, rest: FloatArray) -> None:
    told, rate = bench.read(rest, NORMAL), bench.rate(rest, NORMAL)
    given = sum(told[f"duty_{place}"] for place in CAPACITY_HOT)
    taken = enthalpy(told["temp_out"]) - enthalpy(288.0) + told["duty_wash"]
    stored = DESALTER.heat_capacity * rate["temp_desalter"]
    stored += sum(2e7 * rate[f"temp_cold_{place}"] for place in CAPACITY_HOT)
    assert given == pytest.approx(taken + stored, rel=1e-9)


def test_energy_closes_in_a_transient_too(bench: Bench, rest: FloatArray) -> None:
    inputs = NORMAL | {"temp_crude": 278.0, "feed": 0.8, "in_service": 0.3}
    x = bench.after(rest, inputs, 40.0)
    told, rate = bench.read(x, inputs), bench.rate(x, inputs)
    given = sum(told[f"duty_{place}"] for place in CAPACITY_HOT)
    taken = 0.8 * (enthalpy(told["temp_out"]) - enthalpy(278.0)) + told["duty_wash"]
    stored = DESALTER.heat_capacity * rate["temp_desalter"]
    stored += sum(2e7 * rate[f"temp_cold_{place}"] for place in CAPACITY_HOT)
    assert given == pytest.approx(taken + stored, rel=1e-9)


def test_duty_ends_with_the_circulation(bench: Bench, rest: FloatArray) -> None:
    inputs = NORMAL | {"circulation": 0.0}
    told = bench.read(bench.after(rest, inputs, 600.0), inputs)
    for place in TEMP_HOT:
        assert told[f"total_{place}"] == pytest.approx(0.0, abs=1.0)
    little = bench.read(rest, NORMAL | {"circulation": 0.01})
    assert 0.0 < little["total_top"] < 0.05 * 12e6


def test_trim_cooler_takes_over_from_a_bypassed_exchanger(bench: Bench, rest: FloatArray) -> None:
    inputs = NORMAL | {"in_service": 0.0}
    x = bench.after(rest, inputs, 2e4)
    told = bench.read(x, inputs)
    assert told["duty_mid"] == pytest.approx(0.0, abs=1.0)
    assert told["trim_mid"] == pytest.approx(14e6, rel=2e-3)
    assert told["temp_out"] < bench.read(rest, NORMAL)["temp_out"] - 10.0


def test_pumparound_never_cools_below_what_cools_it(bench: Bench, rest: FloatArray) -> None:
    inputs = NORMAL | {"duty_top": 100e6, "duty_mid": 100e6, "duty_bottom": 100e6}
    x = bench.after(rest, inputs, 2e4)
    told = bench.read(x, inputs)
    for place, temp in TEMP_HOT.items():
        left = temp - told[f"total_{place}"] / CAPACITY_HOT[place]
        assert 300.0 < left < temp
    assert told["temp_hot_top"] > 288.0


def test_crude_warms_from_place_to_place_and_stays_below_the_hot_side(
    bench: Bench, rest: FloatArray
) -> None:
    told = bench.read(rest, NORMAL)
    order = [told[f"temp_cold_{place}"] for place in ("top", "mid", "bottom", "residue")]
    assert order == sorted(order)
    for place, temp in (TEMP_HOT | {"residue": 617.0}).items():
        assert told[f"temp_cold_{place}"] < temp


def test_fouled_residue_exchanger_costs_preheat(bench: Bench, rest: FloatArray) -> None:
    x = rest.copy()
    x[bench.index("resistance_fouling_residue")] = 2e-3
    fouled = bench.read(bench.after(x, NORMAL, 2e4), NORMAL)["temp_out"]
    assert fouled < bench.read(rest, NORMAL)["temp_out"] - 3.0


def test_stopped_feed_leaves_the_train_finite(bench: Bench, rest: FloatArray) -> None:
    inputs = NORMAL | {"feed": 0.0}
    x = bench.after(rest, inputs, 7200.0)
    assert np.all(np.isfinite(x))
    told = bench.read(x, inputs)
    assert told["duty_residue"] == pytest.approx(0.0, abs=1.0)
    assert 288.0 < told["temp_out"] < 617.0


def test_wrong_places_are_refused_by_name() -> None:
    with pytest.raises(InputError, match="'top' stands before and behind the desalter"):
        replace(TRAIN, behind={"top": exchanger(1.0, 0.1, 400.0)})
    with pytest.raises(InputError, match="no exchangers"):
        replace(TRAIN, before={}, behind={})
    with pytest.raises(InputError, match=r"effectiveness_trim = 1\.2"):
        replace(TRAIN, effectiveness_trim=1.2)
    with pytest.raises(InputError, match="exchanger 'kerosene' has no hot side"):
        train_bench(replace(TRAIN, before={"kerosene": exchanger(1.0, 0.1, 400.0)}))
    with pytest.raises(InputError, match="names exchanger 'top', which is not in the train"):
        train_bench(replace(TRAIN, before={}))


def desalter_bench() -> Bench:
    states, u = States(), symbols("feed", "temp_in", "wash", "energised")
    result = add_desalter(
        states,
        DESALTER,
        ColdSide(u["temp_in"], lambda temp: u["feed"] / 0.184 * capacity(temp), u["feed"]),
        WashWater(u["wash"], ca.SX(330.0), ca.SX(0.1), u["energised"]),
    )
    names = ("temp", "conc_salt", "fraction_water", "duty")
    return make_bench(states, u, {name: getattr(result, name) for name in names})


DESALTING = {"feed": 0.184, "temp_in": 395.0, "wash": 0.0092, "energised": 1.0}


def settled(**changes: float) -> dict[str, float]:
    plant, inputs = desalter_bench(), DESALTING | changes
    return plant.read(plant.after(plant.guess(), inputs, 4e4), inputs)


def test_desalter_removes_most_salt_and_cools_by_its_wash_water() -> None:
    told = settled()
    assert 0.003 < told["conc_salt"] < 0.01  # of 0.1; usual 90 to 98 % removed
    assert told["duty"] == pytest.approx(4.2e6 * 0.0092 * (told["temp"] - 330.0))
    lost = enthalpy(395.0) - enthalpy(told["temp"])
    assert lost == pytest.approx(told["duty"], rel=1e-5)


def test_salt_falls_with_wash_water_and_warmth() -> None:
    salt = [settled(wash=wash)["conc_salt"] for wash in (0.0, 0.002, 0.005, 0.01)]
    assert salt == sorted(salt, reverse=True)
    assert salt[0] == pytest.approx(0.1, rel=1e-3)
    assert settled(temp_in=350.0)["conc_salt"] > 3.0 * settled()["conc_salt"]


def test_lost_field_and_overload_carry_water_over() -> None:
    base = settled()["fraction_water"]
    assert base == pytest.approx(0.002, rel=0.1)
    assert settled(energised=0.0)["fraction_water"] > 2.5 * base
    assert settled(energised=0.0)["conc_salt"] > 5.0 * settled()["conc_salt"]
    assert settled(feed=0.25)["fraction_water"] > 1.5 * base
    assert settled(energised=0.0, temp_in=300.0, feed=0.4)["fraction_water"] < 0.05


def test_desalter_without_crude_is_finite() -> None:
    told = settled(feed=0.0)
    assert np.all(np.isfinite(list(told.values())))
    assert told["fraction_water"] == pytest.approx(0.0, abs=1e-9)


def test_impossible_desalters_are_refused_by_name() -> None:
    for name, value in (("removal_best", 1.1), ("volume", 0.0), ("fraction_water_design", 0.2)):
        with pytest.raises(InputError, match=rf"desalter: {name} = "):
            replace(DESALTER, **{name: value})
