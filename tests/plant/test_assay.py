"""Assays: the boiling curve, cuts, densities and lumps."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operator_agent.errors import InputError
from operator_agent.plant.crude.assay import Assay, load_assay
from operator_agent.plant.crude.cuts import cut_density, cut_yield, watson_factor
from operator_agent.plant.crude.lumps import lumps

FOLDER = Path(__file__).parents[2] / "cases" / "assays"
KEYS = ("arabian_light", "maya", "bonny_light", "tia_juana_light")
ASSAYS = {key: load_assay(FOLDER / f"{key}.yaml") for key in KEYS}
any_crude = st.sampled_from(list(ASSAYS.values()))
temps = st.floats(200.0, 1500.0)


@given(any_crude, temps, temps)
def test_distilled_fraction_never_falls(assay: Assay, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert 0.0 <= assay.fraction_below(low) <= assay.fraction_below(high) <= 1.0


@settings(max_examples=50)
@given(any_crude, st.floats(0.0, 1.0))
def test_temperature_and_fraction_are_inverse(assay: Assay, fraction: float) -> None:
    assert float(assay.fraction_below(assay.temperature_at(fraction))) == pytest.approx(
        fraction, abs=1e-9
    )


def test_curve_passes_through_the_record() -> None:
    # NOAA ADIOS AD01470: 23.6 % at 177 C, 59.6 % at 399 C.
    arabian = ASSAYS["arabian_light"]
    assert float(arabian.fraction_below(177.0 + 273.15)) == pytest.approx(0.236)
    assert float(arabian.fraction_below(399.0 + 273.15)) == pytest.approx(0.596)


def test_tail_ends_at_the_stated_end_point() -> None:
    for assay in ASSAYS.values():
        end = assay.temperatures_k[-1]
        assert float(assay.fraction_below(end)) == pytest.approx(1.0, abs=1e-12)
        assert float(assay.fraction_below(end - 20.0)) < 1.0


@given(any_crude, st.lists(st.floats(320.0, 900.0), min_size=1, max_size=5, unique=True))
def test_cuts_add_up_to_the_crude(assay: Assay, inner: list[float]) -> None:
    edges = [0.0, *sorted(inner), 2000.0]
    cuts = list(pairwise(edges))
    yields = [cut_yield(assay, low, high) for low, high in cuts]
    assert sum(yields) == pytest.approx(1.0)
    mass = sum(
        share * cut_density(assay, low, high)
        for share, (low, high) in zip(yields, cuts, strict=True)
        if share > 1e-9
    )
    assert mass == pytest.approx(assay.density_kg_m3, rel=1e-4)


def test_watson_factors_are_those_of_such_crudes() -> None:
    # Watson factors of crude oils lie between 11 and 12.5 (Nelson 1958).
    for assay in ASSAYS.values():
        assert 11.3 < watson_factor(assay) < 12.3


def test_lumps_keep_volume_and_density() -> None:
    share = (0.6, 0.15, 0.25, 0.0)
    found = lumps(list(ASSAYS.values()), [400.0, 450.0, 550.0, 650.0], share)
    np.testing.assert_allclose(found.fractions.sum(axis=1), 1.0, rtol=1e-12)
    whole = sum(s * a.density_kg_m3 for s, a in zip(share, ASSAYS.values(), strict=True))
    assert np.array(share) @ found.fractions @ found.specific_gravity * 999.016 == pytest.approx(
        whole
    )
    assert bool(np.all(np.diff(found.temp_boiling) > 0.0))


def test_wrong_assays_are_refused() -> None:
    arabian = ASSAYS["arabian_light"]
    with pytest.raises(InputError, match="must rise"):
        replace(arabian, temperatures_k=arabian.temperatures_k[::-1])
    with pytest.raises(InputError, match="density"):
        replace(arabian, density_kg_m3=float("nan"))
    with pytest.raises(InputError, match="outside 0 to 1"):
        arabian.temperature_at(1.2)
    with pytest.raises(InputError, match="empty"):
        cut_yield(arabian, 500.0, 400.0)
    with pytest.raises(InputError, match="nothing of"):
        cut_density(arabian, 100.0, 120.0)
    with pytest.raises(InputError, match="does not exist"):
        load_assay(FOLDER / "brent.yaml")


def test_file_with_unknown_key_or_wrong_unit_is_refused(tmp_path: Path) -> None:
    text = (FOLDER / "maya.yaml").read_text(encoding="utf-8")
    wrong = tmp_path / "maya.yaml"
    wrong.write_text(text + "densty: 3\n", encoding="utf-8")
    with pytest.raises(InputError, match="'densty'; the nearest valid key is 'density'"):
        load_assay(wrong)
    wrong.write_text(text.replace("unit: kg/m3", "unit: bar"), encoding="utf-8")
    with pytest.raises(InputError, match="unit 'bar' is a pressure"):
        load_assay(wrong)
