"""Equipment from a case: units converted, unknown and missing keys refused; smooth limits."""

from typing import Any

import casadi as ca
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operator_agent.errors import InputError
from operator_agent.plant import smooth
from operator_agent.plant.document import Section
from operator_agent.plant.equipment.desalter import SI_OF_DESALTER, Desalter
from operator_agent.plant.equipment.exchanger import SI_OF_EXCHANGER, Exchanger
from operator_agent.plant.equipment.flow_loop import (
    SI_OF_PRACTICE,
    SI_OF_SERVICE,
    Practice,
    Service,
)
from operator_agent.plant.equipment.fouling import SI_OF_FOULING, Fouling
from operator_agent.plant.equipment.heater_sizes import SI_OF_HEATER, Heater
from operator_agent.plant.equipment.preheat_train import TrainEquipment
from operator_agent.plant.equipment.pump import SI_OF_PUMP, Pump
from operator_agent.plant.equipment.valve import SI_OF_VALVE, Valve

from .equipment_bench import number

SIZES: dict[str, dict[str, float]] = {
    "valve": {
        "flow_coefficient": 0.01,
        "rangeability": 30.0,
        "time_s": 2.0,
        "rate_per_s": 0.2,
    },
    "pump": {
        "head_shutoff": 100.0,
        "head_best": 80.0,
        "share_falling": 0.2,
        "flow_vol_best": 0.1,
        "efficiency_best": 0.75,
        "time_start_s": 3.0,
        "time_stop_s": 8.0,
    },
    "service": {"flow_vol": 0.1, "head": 80.0, "density": 700.0},
}


def entry(sizes: dict[str, float], units: dict[str, str]) -> dict[str, Any]:
    return {
        name: {"value": value, "unit": units[name], "source": "test"}
        for name, value in sizes.items()
    }


def plausible(units: dict[str, str]) -> dict[str, Any]:
    """Return an entry with a half for every key; the ranges decide which of them may be that."""
    return entry(dict.fromkeys(units, 0.5), units)


def fouled(sizes: dict[str, Any]) -> dict[str, Any]:
    return sizes | {"fouling": plausible(SI_OF_FOULING)}


def test_sizes_are_read_in_si() -> None:
    given_units = entry(SIZES["pump"], SI_OF_PUMP)
    given_units["time_stop_s"] = {"value": 0.5, "unit": "min", "source": "test"}
    assert Pump.from_section(Section(given_units, "pump")).time_stop_s == 30.0
    valve = Valve.from_section(Section(entry(SIZES["valve"], SI_OF_VALVE), "valve"))
    assert valve.rangeability == 30.0
    service = Service.from_section(Section(entry(SIZES["service"], SI_OF_SERVICE), "feed"))
    assert service == Service(0.1, 80.0, 700.0)


def test_exchanger_and_train_are_read_with_their_parts() -> None:
    one = fouled(plausible(SI_OF_EXCHANGER))
    exchanger = Exchanger.from_section(Section(one, "top"))
    assert exchanger.fouling == Fouling(0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5)
    desalter = plausible(SI_OF_DESALTER)
    desalter["fraction_water_design"]["value"] = 0.002
    train = {
        "before": {"top": one},
        "desalter": desalter,
        "behind": {"mid": one, "residue": one},
        "trim": plausible({"effectiveness_trim": "1"}),
    }
    read = TrainEquipment.from_section(Section(train, "train"))
    assert list(read.behind) == ["mid", "residue"]
    assert read.desalter.removal_best == 0.5
    with pytest.raises(InputError, match=r"train: unknown key 'trimm'"):
        TrainEquipment.from_section(Section(train | {"trimm": {}}, "train"))


@pytest.mark.parametrize(
    ("kind", "units"),
    [
        (Valve, SI_OF_VALVE),
        (Pump, SI_OF_PUMP),
        (Practice, SI_OF_PRACTICE),
        (Desalter, SI_OF_DESALTER),
        (Heater, SI_OF_HEATER),
    ],
)
def test_missing_unknown_and_wrong_keys_are_refused(kind: Any, units: dict[str, str]) -> None:
    whole = plausible(units)
    first = next(iter(units))
    with pytest.raises(InputError, match=f"case: key '{first}' is missing"):
        kind.from_section(Section({k: v for k, v in whole.items() if k != first}, "case"))
    with pytest.raises(InputError, match="case: unknown key 'colour'"):
        kind.from_section(Section(whole | {"colour": whole[first]}, "case"))
    other = whole | {first: {"value": 0.5, "unit": "usd/t", "source": "test"}}
    with pytest.raises(InputError, match=rf"case\.{first}: unit 'usd/t'"):
        kind.from_section(Section(other, "case"))


def test_keys_of_a_case_are_the_fields_of_the_class() -> None:
    for kind, units in (
        (Valve, SI_OF_VALVE),
        (Pump, SI_OF_PUMP),
        (Practice, SI_OF_PRACTICE),
        (Service, SI_OF_SERVICE),
        (Desalter, SI_OF_DESALTER),
        (Fouling, SI_OF_FOULING),
        (Heater, SI_OF_HEATER),
    ):
        assert set(units) == set(kind.__dataclass_fields__)


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e3))
def test_softplus_lies_above_its_corner_by_at_most_its_width(value: float, width: float) -> None:
    found = number(smooth.softplus(ca.SX(value), width))
    rounding = 1e-9 * abs(value)
    assert -rounding <= found - max(value, 0.0) <= width * np.log(2.0) + rounding


@given(st.floats(0.0, 1e8), st.floats(0.0, 1e8))
def test_smaller_lies_just_below_the_minimum_and_is_zero_with_either(a: float, b: float) -> None:
    found = number(smooth.smaller(ca.SX(a), ca.SX(b)))
    assert 0.98 * min(a, b) - 1e-3 <= found <= min(a, b) * (1.0 + 1e-9)
    assert found >= 0.0
    assert number(smooth.smaller(ca.SX(a), ca.SX(0.0))) == 0.0


@given(st.floats(-5.0, 5.0))
def test_between_keeps_the_middle_and_the_limits(value: float) -> None:
    found = number(smooth.between(ca.SX(value), 0.0, 1.0, 0.01))
    assert -1e-12 <= found <= 1.0 + 1e-12
    if 0.3 < value < 0.7:
        assert found == pytest.approx(value, abs=1e-12)


def test_x_coth_x_is_one_at_zero_and_the_size_far_away() -> None:
    assert number(smooth.times_coth(ca.SX(0.0))) == pytest.approx(1.0, abs=1e-6)
    for value in (-2.0, 0.5, 3.0):
        assert number(smooth.times_coth(ca.SX(value))) == pytest.approx(value / np.tanh(value))
    assert number(smooth.times_coth(ca.SX(-1e9))) == pytest.approx(1e9)


def test_power_has_a_floor_and_a_finite_slope_at_zero() -> None:
    ratio = ca.SX.sym("r")
    value = smooth.power_of(ratio, 0.8, 0.01)
    both = ca.Function("p", [ratio], [value, ca.jacobian(value, ratio)])
    assert float(both(0.0)[0]) == pytest.approx(0.01**0.8)
    assert float(both(0.0)[1]) == 0.0
    assert float(both(0.5)[0]) == pytest.approx(0.5**0.8, rel=1e-3)
