"""Assays out of record collections: every record loads or is refused with a reason."""

import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operator_agent.errors import InputError
from operator_agent.plant.crude.assay import Assay, AssayCut, load_assay
from operator_agent.plant.crude.assay_record import (
    assay_records,
    load_assay_record,
    read_crude,
    usable_assays,
)
from operator_agent.plant.crude.cuts import (
    api_gravity,
    cut_density,
    cut_mass,
    cut_yield,
    sulphur_of_crude,
)
from operator_agent.plant.crude.lumps import lumps
from operator_agent.plant.crude.record_curve import checked_points, mass_to_volume, with_ends
from operator_agent.plant.unit.case_file import load_crude_unit_case

CASES = Path(__file__).parents[2] / "cases"
DATA = Path(__file__).parents[3] / "shared" / "data" / "assays"
FULL, CURVES, TABLES = (
    DATA / name for name in ("noaa_ex58.json", "noaa_government4.json", "noaa_crudes.csv")
)
with_data = pytest.mark.skipif(not DATA.is_dir(), reason="the collections of records are not here")


@pytest.fixture(scope="module")
def full() -> dict[str, Assay]:
    assays, refused = usable_assays(FULL)
    assert not refused
    return dict(assays)


@with_data
def test_all_full_assays_load(full: dict[str, Assay]) -> None:
    assert len(full) == 58
    assert all(len(assay.cuts) == 7 for assay in full.values())


@with_data
def test_cuts_keep_the_densities_of_their_record(full: dict[str, Assay]) -> None:
    # One scale for all cuts, below 1 %, makes them weigh what the whole crude weighs. A cut takes
    # in a neighbour that is too small to be seen: hence the spread.
    for assay in full.values():
        ratios = [
            cut_density(assay, cut.temp_low_k, cut.temp_high_k) / cut.density_kg_m3
            for cut in assay.cuts
            if cut_yield(assay, cut.temp_low_k, cut.temp_high_k) > 1e-3
        ]
        assert max(ratios) - min(ratios) < 3e-3
        assert 0.99 < min(ratios) <= max(ratios) < 1.01
        assert cut_mass(assay, 0.0, math.inf) == pytest.approx(assay.density_kg_m3, rel=1e-5)


@with_data
def test_full_assay_says_what_its_record_says() -> None:
    brent = load_assay_record(FULL, "brent blend")
    # EX00009: 50 % at 254.1 C, API 40.1, kerosene (330 to 480 F) 0.81127 g/cm3.
    assert float(brent.fraction_below(254.1 + 273.15)) == pytest.approx(0.5)
    assert api_gravity(brent) == pytest.approx(40.1, abs=0.15)
    assert cut_density(brent, 438.706, 522.039) == pytest.approx(811.3, rel=0.003)
    # Brent Blend has 0.35 to 0.45 wt% sulphur in the crude sheets of its producers.
    assert 0.003 < sulphur_of_crude(brent) < 0.005


@with_data
def test_tables_load_or_are_refused_with_a_reason() -> None:
    assays, refused = usable_assays(TABLES)
    assert len(assays) + len(refused) == len(assay_records(TABLES)) == 585
    assert len(assays) == 550
    reasons = ("less than 40 %", "a double", "must rise", "neither a density", "extrapolate to")
    for record_id, reason in refused.items():
        assert record_id in reason
        assert any(words in reason for words in reasons), reason
    for assay in assays.values():
        assert bool(np.all(np.diff(assay.temperatures_k) > 0.0))


@with_data
@pytest.mark.parametrize(
    ("record", "key"),
    [
        ("AD01470", "arabian_light"),
        ("AD01474", "maya"),
        ("BONNY LIGHT, SHELL OIL", "bonny_light"),
        ("ad01490", "tia_juana_light"),
    ],
)
def test_shipped_cases_are_their_records(record: str, key: str) -> None:
    shipped, recorded = (
        load_assay(CASES / "assays" / f"{key}.yaml"),
        load_assay_record(CURVES, record),
    )
    assert recorded.fractions == pytest.approx(shipped.fractions)
    # The ends in the cases are rounded to degrees.
    assert recorded.temperatures_k == pytest.approx(shipped.temperatures_k, abs=0.51)
    assert recorded.density_kg_m3 == shipped.density_kg_m3


@with_data
def test_lumps_take_the_gravity_of_the_cuts(full: dict[str, Assay]) -> None:
    heavy = load_assay_record(FULL, "EX00007")
    edges = [cut.temp_low_k for cut in heavy.cuts[1:]]
    found = lumps([heavy], edges)
    recorded = np.array([cut.density_kg_m3 for cut in heavy.cuts]) / 999.016
    np.testing.assert_allclose(found.specific_gravity, recorded, rtol=0.01)


@with_data
def test_a_case_takes_records_among_its_crudes(tmp_path: Path) -> None:
    shutil.copytree(CASES, tmp_path / "cases")
    path = tmp_path / "cases" / "plants" / "crude_unit.yaml"
    text = path.read_text(encoding="utf-8")
    yaml_entry = "  - ../assays/tia_juana_light.yaml\n"
    assert yaml_entry in text
    record = text.replace(yaml_entry, f"  - {{file: {CURVES}, record: AD01490}}\n")
    record = record.replace("tia_juana_light:", "tia_juana_light_shell_oil:")
    path.write_text(record, encoding="utf-8")
    assert load_crude_unit_case(path).crude_keys[3] == "tia_juana_light_shell_oil"
    path.write_text(text.replace(yaml_entry, "  - ../assays/maya.yaml\n"), encoding="utf-8")
    with pytest.raises(InputError, match="'maya' stands there twice"):
        load_crude_unit_case(path)


@with_data
def test_unknown_and_ambiguous_records_are_refused() -> None:
    with pytest.raises(InputError, match="no record 'Brant Blend'; the nearest are 'Brent Blend'"):
        load_assay_record(FULL, "Brant Blend")
    with pytest.raises(InputError, match=r"'Oseberg' is the name of \w+, \w+; give the id"):
        load_assay_record(TABLES, "Oseberg")
    with pytest.raises(InputError, match=r"give the one whose name ends in crudes\.csv"):
        assay_records(DATA / "noaa_distillation_cuts.csv")


def test_entries_of_a_case_are_checked(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected the path of an assay"):
        read_crude(7, tmp_path)
    with pytest.raises(InputError, match=r"'record' is missing.*'recrod'"):
        read_crude({"file": "a.json", "recrod": "EX1"}, tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        read_crude({"file": "a.json", "record": "EX1"}, tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        read_crude({"file": "a_crudes.csv", "record": "EX1"}, tmp_path)


def record(**changes: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "name": "Test",
        "API": 30.0,
        "distillation_type": "volume fraction",
        "cuts": [
            [f, "fraction", t, "C"] for f, t in ((0.1, 90), (0.3, 200), (0.5, 300), (0.8, 480))
        ],
        "densities": [[0.876, "g/cm^3", 15.0, "C"]],
    }
    return made | changes


def load(tmp_path: Path, made: dict[str, Any]) -> Assay:
    path = tmp_path / "records.json"
    path.write_text(json.dumps({"X1": made}), encoding="utf-8")
    return load_assay_record(path, "X1")


def points(*rows: tuple[float, float]) -> list[list[Any]]:
    return [[fraction, "fraction", temp, "C"] for fraction, temp in rows]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cuts": points((0.1, 90), (0.3, 200), (0.5, 300))}, "3 usable points"),
        ({"cuts": points((0.1, 90), (0.3, 200), (0.3, 300), (0.8, 400))}, "a double"),
        ({"cuts": points((0.1, 90), (0.3, 200), (0.2, 300), (0.8, 400))}, "must rise"),
        ({"cuts": points((0.1, 90), (math.nan, 200), (0.5, 300), (0.8, 400))}, "not finite"),
        ({"cuts": points((0.1, 90), (0.3, 200), (0.5, 300), (1.8, 400))}, "outside 0 to 1"),
        ({"cuts": points((0.1, 90), (0.2, 120), (0.25, 150), (0.3, 200))}, "less than 40 %"),
        ({"cuts": points((0.1, 90), (0.2, 120), (0.45, 150), (0.46, 400))}, "above 1226.8 C"),
        ({"cuts": points((0.1, 40), (0.12, 120), (0.45, 150), (0.6, 200))}, "below -161.4 C"),
        ({"end_point": {"value": 400, "unit": "C"}}, "not above the last point"),
        ({"cuts": [[0.1, "litre", 90, "C"]]}, "distilled fraction 'litre'"),
        ({"cuts": [[0.1, "fraction", 90, "R"]]}, "unit of temperature 'R'"),
        ({"cuts": 5}, "cannot be read"),
        ({"distillation_type": "mole fraction"}, "distillation by 'mole fraction'"),
        ({"densities": [], "API": None}, "neither a density at 15 C nor an API gravity"),
        ({"densities": [[0.876, "lb/gal", 15.0, "C"]]}, "unit of density 'lb/gal'"),
        ({"densities": [[2.0, "g/cm^3", 15.0, "C"]]}, "outside 600 to 1100"),
    ],
)
def test_bad_records_are_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        load(tmp_path, record(**changes))


def test_density_follows_from_api_gravity_where_none_is_recorded(tmp_path: Path) -> None:
    # 30 API is a specific gravity of 0.8762 by definition.
    assay = load(tmp_path, record(densities=[[0.85, "g/cm^3", 40.0, "C"]]))
    assert assay.density_kg_m3 == pytest.approx(141.5 / 161.5 * 999.016)


def full_record(**changes: Any) -> dict[str, Any]:
    def cut(low: float, high: float, density: float) -> dict[str, Any]:
        span = {"unit": "C", "min_value": low, "max_value": high}
        return {"name": f"{low}", "range_F": span, "density": [[density, "g/cm^3", 15, "C"]],
                "bulk": {"Sulfur Mass Fraction": [1.0, "%"]}}  # fmt: skip

    made: dict[str, Any] = {
        "name": "Test",
        "oil_id": "X1",
        "tbp_volpct_degC": [[0, 30], [20, 130], [50, 300], [80, 480], [95, 600]],
        "tbp_type": "volume fraction",
        "whole_density": [[0.86, "g/cm^3", 15.6, "C"]],
        "cuts": [cut(0, 200, 0.76), cut(200, 400, 0.86), cut(400, 800, 0.945)],
    }
    return made | changes


def test_cuts_that_contradict_the_crude_are_refused(tmp_path: Path) -> None:
    assert sulphur_of_crude(load(tmp_path, full_record())) == pytest.approx(0.01)
    with pytest.raises(InputError, match="its cuts together have a density of"):
        load(tmp_path, full_record(whole_density=[[0.93, "g/cm^3", 15.6, "C"]]))
    cuts = full_record()["cuts"]
    with pytest.raises(InputError, match="is a gap"):
        load(tmp_path, full_record(cuts=[cuts[0], cuts[2]]))
    del cuts[1]["density"][0]
    with pytest.raises(InputError, match=r"cut 200: has no density at 15 C"):
        load(tmp_path, full_record(cuts=cuts))


def test_impossible_cuts_are_refused() -> None:
    with pytest.raises(InputError, match="is empty"):
        AssayCut(400.0, 300.0, 800.0)
    with pytest.raises(InputError, match="outside 400 to 1300"):
        AssayCut(300.0, 400.0, math.nan)
    with pytest.raises(InputError, match="no mass fraction"):
        AssayCut(300.0, 400.0, 800.0, 2.0)


def test_files_that_are_no_records_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    for text, message in (
        ("{", "cannot be read as JSON"),
        ("[]", "no mapping of records"),
        ('{"a": 1}', "is no record with a name"),
        ('{"a": {"name": "b"}}', "unknown layout"),
        ('{"a": {"name": "b", "oil_id": "1"}, "c": {"name": "d", "oil_id": "1"}}', "twice"),
    ):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match=message):
            load_assay_record(path, "a")
    table = tmp_path / "x_crudes.csv"
    table.write_text("oil_id,name\n", encoding="utf-8")
    (tmp_path / "x_distillation_cuts.csv").write_text("oil_id,temp_C\n", encoding="utf-8")
    with pytest.raises(InputError, match="column 'cum_fraction' is missing"):
        assay_records(table)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0.02, 0.2), min_size=4, max_size=4), st.floats(20.0, 120.0))
def test_mass_fractions_become_volume_fractions(steps: list[float], step_k: float) -> None:
    # Light ends take more volume than mass, so the curve by volume lies above.
    total = np.cumsum([*steps])
    row = [(0.0, 300.0), *((float(w), 350.0 + step_k * n) for n, w in enumerate(total))]
    curve = with_ends(checked_points(row, "x"), "x", end_point_k=1400.0)
    volume = mass_to_volume(curve)
    assert [point[1] for point in volume] == [point[1] for point in curve]
    assert all(v[0] > w[0] for v, w in zip(volume[1:-1], curve[1:-1], strict=True))
    assert (volume[0][0], volume[-1][0]) == (0.0, 1.0)
    # Back again through the densities at constant Watson factor.
    assay = Assay("x", "x", 850.0, *zip(*volume, strict=True), "x")
    mass = [cut_mass(assay, 0.0, temp) / 850.0 for _, temp in volume]
    assert mass == pytest.approx([point[0] for point in curve], abs=0.01)


def test_repeated_zeros_and_ones_mark_the_ends() -> None:
    row = [(0.0, 300.0), (0.0, 320.0), (0.1, 350.0), (0.6, 500.0), (1.0, 700.0), (1.0, 720.0)]
    assert checked_points(row, "x") == tuple(row[1:5])
    assert with_ends(row[1:5], "x") == tuple(row[1:5])
