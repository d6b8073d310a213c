"""The verification tables: what they judge, that they tell misses, and how they are shown."""

import json
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from operator_agent.errors import InputError
from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.unit.crude_unit import CrudeUnit, build_crude_unit
from operator_agent.plant.variables import CV_NAMES, HANDLES, MV_NAMES, PRODUCTS
from operator_agent.plant.verification.classic_topics import agrees
from operator_agent.plant.verification.closure import CLOSURE, close_a_day, day_of_moves
from operator_agent.plant.verification.gain_expectations import expectations
from operator_agent.plant.verification.gains import gain_ranges, sources_of
from operator_agent.plant.verification.layout_of_size import layout_of_size
from operator_agent.plant.verification.render import as_document, as_markdown
from operator_agent.plant.verification.settling import settling_minutes
from operator_agent.plant.verification.subject import Subject, moved, told
from operator_agent.plant.verification.titles import SUMMARY, TITLES
from operator_agent.plant.verification.topic import Column, Row, Topic, Verification
from operator_agent.plant.verification.upset_list import crude_switches, upsets
from operator_agent.plant.verification.upset_topics import upset_row
from operator_agent.plant.verification.verify import TOPICS, verify
from operator_agent.plant.verification.yields import Products

DOCS = Path(__file__).parents[2] / "docs" / "plant.md"


@pytest.fixture(scope="module")
def subject(case: CrudeUnitCase) -> Subject:
    return Subject(case, "small")


def table(*rows: Row) -> Topic:
    return Topic("key", "Title", (Column("name"), Column("value, K", ".1f")), rows, ("A note.",))


def test_markdown_shows_values_verdicts_notes_and_misses() -> None:
    found = Verification("unit", (table(Row(("a", 1.25), True), Row(("b", -0.001), False)),))
    text = as_markdown(found)
    assert "### Title\n\n| name | value, K | met |" in text
    assert "| a | 1.2 | yes |" in text
    assert "| b | 0.0 | **no** |" in text  # minus nothing is nothing
    assert "A note." in text
    assert "| Title | 2 | 1 | b |" in text
    assert len(found.missed) == 1


def test_tables_without_criterion_have_no_verdicts() -> None:
    found = Verification("unit", (table(Row(("a", None)), Row(("b", (1.0, 2.0)))),))
    text = as_markdown(found)
    assert "| a | - |" in text
    assert "| b | 1.0 / 2.0 |" in text
    assert "| name | value, K |\n" in text


def test_document_is_plain_json_without_infinity() -> None:
    rows = (Row(("a", float("inf")), False), Row(("b", (1.0, float("nan"))), None))
    document = as_document(Verification("unit", (table(*rows),)))
    again = json.loads(json.dumps(document, allow_nan=False))
    assert again["missed"] == 1
    assert again["topics"][0]["rows"][0] == {"cells": ["a", None], "met": False}
    assert again["topics"][0]["rows"][1]["cells"] == ["b", [1.0, None]]


def test_row_that_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="row 1 has 1 cells for 2 columns"):
        table(Row(("a",)))


def test_unknown_topic_layout_and_double_crude_are_named(case: CrudeUnitCase) -> None:
    with pytest.raises(InputError, match="no topic 'gain' to verify; the nearest is 'gains'"):
        verify(case, ["gain"])
    with pytest.raises(InputError, match="no layout 'huge'"):
        verify(case, ["closure"], layout="huge")
    with pytest.raises(InputError, match="crude 'maya' is in the case already"):
        verify(case, ["yields"], further=[case.assays[1]])
    with pytest.raises(InputError, match="no tables of 'gains' were made"):
        verify(case, []).of("gains")


def test_progress_is_told_in_words(case: CrudeUnitCase) -> None:
    lines: list[str] = []
    found = verify(case, ["operating_point"], lines.append, layout="small")
    assert any("small" in line for line in lines)
    rows = {row.cells[0]: row for row in found.of("operating_point")[0].rows}
    assert rows["coil outlet"].cells[1] == pytest.approx(354.0, abs=0.1)  # the set point is held


@pytest.mark.slow
def test_balances_close_over_a_day(subject: Subject) -> None:
    assert close_a_day(subject).largest < CLOSURE


def test_day_moves_every_set_point_and_switches_the_crude(subject: Subject) -> None:
    day = day_of_moves(subject)
    model = subject.unit.model
    assert len(day) == 12
    moved_by = np.array([u - model.u_nominal for u, _ in day]) / model.u_scale
    assert np.all(np.abs(moved_by).max(axis=0) > 0.3)
    n_crudes = len(subject.case.crude_keys)
    assert all(d[:n_crudes].sum() == pytest.approx(1.0) for _, d in day)
    assert day[-1][1][1] == pytest.approx(model.d_nominal[1] + 0.2)


def test_every_set_point_and_disturbance_is_stepped(subject: Subject) -> None:
    inputs = {*MV_NAMES, *HANDLES, *sources_of(subject.case)}
    steps = {e.source for e in expectations()}
    assert steps <= inputs
    assert {e.output for e in expectations()} <= set(CV_NAMES)
    pairs = [(e.source, e.output) for e in expectations()]
    assert len(set(pairs)) == len(pairs)
    # Whatever has no expectation here is a crude's share, judged by its own boiling curve.
    assert all(name.startswith("fraction_") for name in inputs - steps)


@pytest.mark.slow
def test_gains_agree_with_the_linearised_plant(subject: Subject) -> None:
    """A nominal gain is the mean of two steps; the analytic one is between low and high."""
    small = Subject(subject.case, "small")
    found = {r.source: r for r in gain_ranges(small)}
    assert all(np.all(r.low <= r.nominal + 1e-9) for r in found.values())
    assert all(np.all(r.nominal <= r.high + 1e-9) for r in found.values())
    model = small.unit.model
    at = model.y_names.index("temp_tbp95_kerosene")
    u, d = moved(model, "flow_vol_kerosene", 0.05)
    x = small.solver.solve(u, d, model.x_nominal)
    change = (
        model.outputs(x, u, d).full().ravel()[at]
        - told(small.unit, model.x_nominal, model.u_nominal, model.d_nominal)["temp_tbp95_kerosene"]
    )
    slope = float(change / model.y_scale[at]) / 0.05
    kerosene = found["flow_vol_kerosene"]
    assert kerosene.low[at] - 0.05 < slope < kerosene.high[at] + 0.05


def test_crude_share_grows_at_the_expense_of_the_others(small: CrudeUnit) -> None:
    model = small.model
    _, d = moved(model, "fraction_maya", 1.0)
    shares = d[: sum(name.startswith("fraction_") for name in model.d_names)]
    assert shares.sum() == pytest.approx(1.0)
    assert d[model.d_names.index("fraction_maya")] == pytest.approx(0.25)


@pytest.mark.parametrize(("n_lumps", "n_trays"), [(8, 10), (24, 24), (18, 16), (13, 19)])
def test_layouts_keep_equipment_and_order(case: CrudeUnitCase, n_lumps: int, n_trays: int) -> None:
    base = case.layout("plant")
    layout = layout_of_size(base, n_lumps, n_trays)
    assert len(layout.lump_edges) + 1 == n_lumps
    assert layout.n_trays == n_trays
    assert layout.volume_tray * n_trays == pytest.approx(base.volume_tray * base.n_trays)
    if (n_lumps, n_trays) == (18, 16):
        assert replace(layout, key="plant") == base


def test_layouts_too_coarse_are_refused(case: CrudeUnitCase) -> None:
    with pytest.raises(InputError, match="take 3 lumps and 10 trays or more"):
        layout_of_size(case.layout("plant"), 2, 16)


def test_scaled_layout_comes_to_rest(case: CrudeUnitCase) -> None:
    layout = layout_of_size(case.layout("plant"), 6, 11)
    unit = build_crude_unit(replace(case, layouts={layout.key: layout}), layout.key)
    assert unit.lumps.n == 6
    assert "temp_tray_11" in unit.model.x_names


def test_products_carry_what_the_feed_brought(small: CrudeUnit, subject: Subject) -> None:
    products = Products.of(small, small.model.x_nominal, subject.told)
    total = products.flows.sum()
    assert total == pytest.approx(subject.told["flow_vol_feed_actual"], rel=1e-6)
    for n, product in enumerate(PRODUCTS):
        light, heavy = products.point(product, 0.05), products.point(product, 0.95)
        assert light < products.point(product, 0.5) < heavy
        if product != "residue":
            cut = products.cut_point(n + 1)
            below = products.below(cut)
            assert below.sum() == pytest.approx(products.flows[: n + 1].sum(), rel=1e-9)
    analyser = subject.told["temp_tbp95_kerosene"]
    assert products.point("kerosene", 0.95) == pytest.approx(analyser, abs=0.01)


def test_switches_make_every_pair_once(case: CrudeUnitCase) -> None:
    pairs = crude_switches(case.crude_keys)
    assert len(pairs) == len(set(pairs)) == 12
    assert all(first[1] == second[0] for first, second in pairwise(pairs))


def test_upsets_name_what_the_plant_has(small: CrudeUnit) -> None:
    known: Mapping[str, object] = dict.fromkeys((*small.model.u_names, *small.model.d_names))
    for upset in upsets():
        assert upset.duration_s > 0.0
        assert set(upset.disturbances) <= set(known), upset.name
        assert set(upset.factors) <= set(known), upset.name


@pytest.mark.slow
@pytest.mark.parametrize("key", ["thermo", "yields", "classics", "controller_gains"])
def test_topics_of_the_small_layout_are_made(case: CrudeUnitCase, key: str) -> None:
    if key == "thermo":
        pytest.importorskip("chemicals")
    found = verify(case, [key], layout="small")
    assert found.of(key)
    assert all(topic.rows for topic in found.of(key))
    assert tuple(topic.title for topic in found.topics) == TITLES[key]


@pytest.mark.slow
def test_upset_tells_its_extremes_and_when_it_is_over(subject: Subject) -> None:
    trip = next(upset for upset in upsets() if upset.name == "heater trip")
    row = upset_row(subject, trip)
    flash_zone = row.cells[2]
    assert row.met
    assert isinstance(flash_zone, float)
    assert flash_zone < 250.0  # [degC]; the crude comes in cold for half an hour
    hours, end = row.cells[-2:]
    assert isinstance(hours, float)
    assert 0.0 < hours < 6.0
    assert end == "back"


def test_top_temperature_settles_before_the_coil_outlet(subject: Subject) -> None:
    """The top loop acts on the overhead at once; the coil's effect climbs the whole column."""
    top = settling_minutes(subject, "temp_top")["temp_tbp95_naphtha"]
    coil = settling_minutes(subject, "temp_coil_outlet")["temp_tbp95_naphtha"]
    assert 5 < top < coil < 240


@pytest.mark.parametrize(
    ("published", "computed", "same"),
    [
        (0.8754, 0.8800, True),  # half a percent
        (0.8754, 0.8900, False),
        (2.5, 2.58, True),  # within a unit of its last digit
        (2.5, 2.65, False),
        (194.0, 193.2, True),
        (194.0, 197.0, False),
    ],
)
def test_printed_digits_decide_what_agrees(published: float, computed: float, same: bool) -> None:
    assert agrees(published, computed) is same


def test_documentation_has_the_headings_of_the_command() -> None:
    text = DOCS.read_text(encoding="utf-8")
    inside = text.partition("<!-- verification: begin -->")[2]
    inside = inside.partition("<!-- verification: end -->")[0]
    found = [line[4:] for line in inside.splitlines() if line.startswith("### ")]
    assert found == [*(title for titles in TITLES.values() for title in titles), SUMMARY]
    assert tuple(TOPICS) == tuple(TITLES)
