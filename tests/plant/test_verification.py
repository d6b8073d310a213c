"""The verification tables: what they judge, that they tell misses, and how they are shown."""

import json
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from operator_agent.errors import InputError, PlantError
from operator_agent.plant.integrate import make_steady_state_solver
from operator_agent.plant.simulation.scenario import Scenario
from operator_agent.plant.simulation.simulator import Simulator
from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.unit.crude_unit import CrudeUnit, build_crude_unit, disturbance_vector
from operator_agent.plant.unit.recipe import nearest_recipe
from operator_agent.plant.variables import MV_NAMES, PRODUCTS
from operator_agent.plant.verification.classic_topics import agrees
from operator_agent.plant.verification.closure import CLOSURE, close_a_day, day_of_moves
from operator_agent.plant.verification.layout_of_size import layout_of_size
from operator_agent.plant.verification.render import as_document, as_markdown
from operator_agent.plant.verification.settling import settling_minutes
from operator_agent.plant.verification.subject import Subject, told
from operator_agent.plant.verification.titles import SUMMARY, TITLES
from operator_agent.plant.verification.topic import Column, Row, Topic, Verification
from operator_agent.plant.verification.upset_list import Upset, crude_switches, upsets
from operator_agent.plant.verification.upset_topics import is_physical, upset_row
from operator_agent.plant.verification.verify import TOPICS, verify
from operator_agent.plant.verification.yields import Products, cut_rows

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
    for product in PRODUCTS:
        light, heavy = products.point(product, 0.05), products.point(product, 0.95)
        assert light < products.point(product, 0.5) < heavy
    analyser = subject.told["temp_tbp95_kerosene"]
    assert products.point("kerosene", 0.95) == pytest.approx(analyser, abs=0.01)


def on_one_crude(plant: CrudeUnit, case: CrudeUnitCase) -> Products:
    """Return the products of the unit at rest on Arabian Light with its card."""
    model, slate = plant.model, {"arabian_light": 1.0}
    u = model.u_nominal.copy()
    card = nearest_recipe(case, slate).setpoints
    u[: len(MV_NAMES)] = [card[mv] for mv in MV_NAMES]
    d = disturbance_vector(case, slate)
    x = make_steady_state_solver(model).solve(u, d, model.x_nominal)
    return Products.of(plant, x, told(plant, x, u, d))


def test_a_column_that_separates_nothing_misses_every_cut(
    plant: CrudeUnit, case: CrudeUnitCase
) -> None:
    """Five streams of the crude's composition, as large as the column's products."""
    products = on_one_crude(plant, case)
    assay = next(assay for assay in case.assays if assay.key == "arabian_light")
    column = cut_rows(products, assay)
    assert [row.met for row in column] == [True] * 4
    flows, crude = products.flows.sum(axis=1), products.flows.sum(axis=0)
    mixed = replace(products, flows=np.outer(flows, crude) / crude.sum())
    assert [row.met for row in cut_rows(mixed, assay)] == [False] * 4
    # A fifth of every product goes round the column: the yields stay, the ends do not.
    partly = replace(products, flows=0.8 * products.flows + 0.2 * mixed.flows)
    assert [row.met for row in cut_rows(partly, assay)] == [False] * 4


def test_yields_beside_the_assay_decide_even_with_sharp_cuts(
    plant: CrudeUnit, case: CrudeUnitCase
) -> None:
    """An assay of another crude does not fit the products, however well they are separated."""
    products = on_one_crude(plant, case)
    other = next(assay for assay in case.assays if assay.key == "bonny_light")
    assert [row.met for row in cut_rows(products, other)][2:] == [False, False]


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


@pytest.mark.parametrize(
    ("message", "physical"),
    [
        ("model crude_unit: integration over 120 s failed; the rate of x was not finite", False),
        ("temp_flash_zone is nan at 120 s", False),
        ("model crude_unit: state holdup_drum_1 is not finite after 120 s", False),
        ("holdup_drum_1 is -3.0 mol after 120 s: a vessel ran empty", True),
    ],
)
def test_only_physical_reasons_excuse_a_stop(message: str, physical: bool) -> None:
    assert is_physical(PlantError(message)) is physical


def test_limits_of_the_simulator_are_physical_reasons(
    small: CrudeUnit, case: CrudeUnitCase
) -> None:
    """A tray that is set far above the correlations' range is refused at the next step."""
    simulator = Simulator(small, case, Scenario(3600.0), seed=0)
    start = simulator.snapshot()
    x = np.array(start.x)
    x[small.model.x_names.index("temp_tray_5")] = 1500.0
    simulator.restore(replace(start, x=tuple(x)))
    with pytest.raises(PlantError) as stopped:
        simulator.advance(1e-3)
    assert is_physical(stopped.value)


def test_an_upset_that_breaks_the_integration_is_a_miss(subject: Subject) -> None:
    """Steam beyond all measure leaves the correlations without a finite value."""
    absurd = Upset("absurd steam", 600.0, factors={"flow_mass_steam_bottom": 1e9})
    row = upset_row(subject, absurd)
    assert row.met is False, row


def test_upsets_go_beyond_what_the_control_system_accepts(subject: Subject) -> None:
    """A stuck valve asks nobody: draws of four times the nominal are run, not refused."""
    factors = {f"flow_vol_{product}": 4.0 for product in ("kerosene", "lgo", "hgo")}
    row = upset_row(subject, Upset("stuck valves", 600.0, factors=factors))
    assert row.met, row
    dry = row.cells[6]
    assert isinstance(dry, float)
    assert dry < 1.0  # overflash [vol%]


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
