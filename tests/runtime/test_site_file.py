"""A site file is read whole or refused with one sentence that names key and value."""

from pathlib import Path

import pytest

from operator_agent.errors import InputError
from operator_agent.runtime.site_file import load_site

SITE = Path(__file__).resolve().parents[2] / "cases" / "sites" / "crude_unit.yaml"


def test_the_shipped_site_is_valid_and_in_si() -> None:
    site = load_site(SITE)
    furnace = site.tag("TC1002")
    assert furnace.operator.high == pytest.approx(633.15)
    assert furnace.rate == pytest.approx(0.25 / 60.0)
    assert site.tag("FC1001").operator.low == pytest.approx(560.0 / 3600.0)
    assert site.safety.limits_of("temperature").high == pytest.approx(633.15)
    assert site.safety.limits_of("volume flow").low == pytest.approx(11.0 / 3600.0)
    assert site.safety.limits_of("pressure").high == pytest.approx(45e5)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "margin_fraction: 0.10",
            "margin_fracton: 0.10",
            ["safety.margin_fracton", "did you mean"],
        ),
        ("setpoint_node: CDU.TC1010.SP", "setpont_node: X", ["tags[TC1010].setpont_node"]),
        ("{low: 330.0, high: 360.0}", "{low: 330.0, high: 365.0}", ["TC1002", "at most 360 degC"]),
        ("{low: 11.0, high: 120.0}", "{low: 9.0, high: 120.0}", ["FC1023", "at least 11 m3/h"]),
        ("{low: 105.0, high: 145.0}", "{low: 85.0, high: 145.0}", ["TC1010", "85 to 145 degC"]),
        ("rate: 0.25", "rate: .nan", ["tags[TC1002].rate", "nan"]),
        ("{value: 50.0, unit: bar}", "{value: 50.0, unit: degC}", ["max_pressure", "degC"]),
        ("unit: t/h", "unit: gpm", ["FC1041", "gpm"]),
        ("role: mv", "role: knob", ["FC1001", "knob"]),
        ("name: TC1010", "name: TC1002", ["TC1002", "twice"]),
        ("  scenario:", "  scenery:", ["scenery", "scenario"]),
    ],
)
def test_a_wrong_site_file_is_refused(old: str, new: str, words: list[str], tmp_path: Path) -> None:
    text = SITE.read_text()
    assert old in text
    path = tmp_path / "site.yaml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(InputError) as caught:
        load_site(path)
    for word in words:
        assert word in str(caught.value)


def test_a_missing_site_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.yaml cannot be read"):
        load_site(tmp_path / "nowhere.yaml")
