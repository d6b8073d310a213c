"""Blending indices and slice correlations against published figures."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operator_agent.errors import InputError
from operator_agent.planning.blending_indices import (
    cloud_point,
    flash_index,
    flash_point,
    octane_index,
    pour_index,
    vapour_pressure_index,
    viscosity_index,
)
from operator_agent.planning.qualities import (
    QUALITIES,
    Basis,
    cetane_of_slices,
    cloud_of_slices,
    flash_of_slices,
    quality,
)
from operator_agent.planning.quantities import in_unit, parse_quantity

RANGES = {
    "flash": st.floats(260.0, 420.0),
    "cloud": st.floats(200.0, 320.0),
    "viscosity": st.floats(5e-7, 1.0),
    "freeze": st.floats(200.0, 320.0),
    "pour": st.floats(200.0, 330.0),
    "rvp": st.floats(1e3, 5e5),
    "vapour_pressure": st.floats(1e3, 5e5),
    "ron": st.floats(77.0, 102.0),
}


@pytest.mark.parametrize("name", list(RANGES))
@given(data=st.data())
def test_an_index_and_its_inverse_cancel(name: str, data: st.DataObject) -> None:
    value = data.draw(RANGES[name])
    of = QUALITIES[name]
    assert of.from_index(of.to_index(value)) == pytest.approx(value, rel=1e-6)


def test_indices_that_fall_say_so() -> None:
    for of in QUALITIES.values():
        low, high = (90.0, 95.0) if of.dimension == "number" else (300.0, 310.0)
        rises = of.to_index(low) < of.to_index(high)
        assert rises != of.falling, of.name


def test_refutas_number_of_a_380_fuel_oil() -> None:
    # Refutas: VBN = 14.534 ln(ln(v + 0.8)) + 10.975; 380 mm2/s gives 36.9.
    assert viscosity_index(380e-6) == pytest.approx(36.88, abs=0.01)


# Table of blending numbers of flash points in a handbook for depots; rounded to whole numbers.
@pytest.mark.parametrize(
    ("flash_c", "number"),
    [(20, 3281), (30, 1400), (38, 742), (50, 306), (60, 155), (66, 105), (80, 45), (100, 15)],
)
def test_flash_index_of_the_published_table(flash_c: float, number: int) -> None:
    assert flash_index(flash_c + 273.15) == pytest.approx(number, rel=0.003, abs=0.6)


def test_pour_index_has_the_published_shape() -> None:
    # 3262000 (T/1000)^12.5 in degrees Rankine; the factor cancels in every blend.
    for one, other in ((430.0, 500.0), (460.0, 520.0)):
        published = (3_262_000 * (one / 1e3) ** 12.5) / (3_262_000 * (other / 1e3) ** 12.5)
        assert pour_index(one / 1.8) / pour_index(other / 1.8) == pytest.approx(published)


def test_butane_raises_the_vapour_pressure_of_gasoline_as_in_the_textbook_rule() -> None:
    # In psi: 9^1.25 = 15.59, butane 52^1.25 = 139.6; 95 and 5 % give 21.79, which is 11.77 psi.
    psi = 6894.757
    blend = 0.95 * vapour_pressure_index(9.0 * psi) + 0.05 * vapour_pressure_index(52.0 * psi)
    by_hand = (0.95 * 9.0**1.25 + 0.05 * 52.0**1.25) ** 0.8
    assert QUALITIES["rvp"].from_index(blend) / psi == pytest.approx(by_hand)
    assert pytest.approx(15.59, abs=0.01) == 9.0**1.25
    assert by_hand == pytest.approx(11.77, abs=0.01)


def test_octane_index_by_hand_and_where_its_ranges_meet() -> None:
    # X = 0.9: -299.5 + 1272 * 0.9 - 1552.9 * 0.81 + 651 * 0.729 = 62.03.
    assert octane_index(90.0) == pytest.approx(62.03, abs=0.001)
    assert octane_index(76.0) == pytest.approx(octane_index(76.0 + 1e-9), abs=0.2)
    assert octane_index(103.0) == pytest.approx(octane_index(103.0 + 1e-9), abs=0.06)


def test_a_low_octane_lifts_a_blend_by_index_more_than_by_volume() -> None:
    blend = 0.5 * octane_index(60.0) + 0.5 * octane_index(98.0)
    assert QUALITIES["ron"].from_index(blend) > 0.5 * (60.0 + 98.0)


def test_sulphur_and_viscosity_blend_by_mass_and_density_by_volume() -> None:
    for name in ("sulphur", "viscosity", "nitrogen", "metals", "carbon_residue", "oxygen"):
        assert QUALITIES[name].basis is Basis.MASS
    for name in ("density", "octane", "mon", "ron", "rvp", "pour", "freeze", "flash", "cloud"):
        assert QUALITIES[name].basis is Basis.VOLUME


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
