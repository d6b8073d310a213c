"""Blending indices and slice correlations against published figures."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operator_agent.errors import InputError
from operator_agent.planning.qualities import (
    QUALITIES,
    cetane_of_slices,
    cloud_of_slices,
    cloud_point,
    flash_of_slices,
    flash_point,
    quality,
    viscosity_index,
)
from operator_agent.planning.quantities import in_unit, parse_quantity

RANGES = {
    "flash": st.floats(260.0, 420.0),
    "cloud": st.floats(200.0, 320.0),
    "viscosity": st.floats(5e-7, 1.0),
}


@pytest.mark.parametrize("name", list(RANGES))
@given(data=st.data())
def test_an_index_and_its_inverse_cancel(name: str, data: st.DataObject) -> None:
    value = data.draw(RANGES[name])
    of = QUALITIES[name]
    assert of.from_index(of.to_index(value)) == pytest.approx(value, rel=1e-6)


def test_indices_that_fall_say_so() -> None:
    for of in QUALITIES.values():
        rises = of.to_index(300.0) < of.to_index(310.0)
        assert rises != of.falling, of.name


def test_refutas_number_of_a_380_fuel_oil() -> None:
    # Refutas: VBN = 14.534 ln(ln(v + 0.8)) + 10.975; 380 mm2/s gives 36.9.
    assert viscosity_index(380e-6) == pytest.approx(36.88, abs=0.01)


def test_cetane_index_of_a_straight_run_gas_oil() -> None:
    # ASTM D976 by hand for 845 kg/m3 and a mid-boiling point of 270 degC.
    by_hand = (
        454.74 - 1641.416 * 0.845 + 774.74 * 0.845**2 - 0.554 * 270 + 97.803 * np.log10(270) ** 2
    )
    got = cetane_of_slices(np.array([543.15]), np.array([845.0]))[0]
    assert got == pytest.approx(by_hand)
    assert 44.0 < got < 50.0


def test_front_and_tail_of_middle_distillates_are_plausible() -> None:
    kerosene_front = flash_point(float(flash_of_slices(np.array([433.15]))[0]))
    assert 310.0 < kerosene_front < 330.0  # boils at 160 degC, flashes near 48 degC
    gasoil_tail = cloud_point(float(cloud_of_slices(np.array([600.0]), np.array([850.0]))[0]))
    assert 270.0 < gasoil_tail < 290.0  # boils at 327 degC, clouds near 7 degC


@given(st.floats(0.0, 1e5))
def test_quantities_come_back_in_their_unit(value: float) -> None:
    si = parse_quantity(f"{value!r} kbbl/d", "volume flow", "here")
    assert in_unit(si, "kbbl/d") == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("nan usd/bbl", "finite"),
        ("inf usd/bbl", "finite"),
        ("12", "without a unit"),
        ("dear", "write a number and its unit"),
        ("", "write a number and its unit"),
        ("12 kbbl/d", "is a volume flow; give a price by volume"),
        ("12 usd/barrel", "'usd/barrel' is not known"),
    ],
)
def test_bad_quantities_are_refused_in_words(text: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        parse_quantity(text, "price by volume", "crudes.maya.price")


def test_an_unknown_quality_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"'color' is not known.*sulphur"):
        quality("color", "products.jet.specs")
