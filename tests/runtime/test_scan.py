"""From judged readings to the controller's scan: values, ages, and what is missing."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from operator_agent.errors import InputError
from operator_agent.messages import Quality, Reading
from operator_agent.runtime.scan import to_scan
from operator_agent.runtime.site_file import load_site
from operator_agent.site import Role, Site

ROOT = Path(__file__).resolve().parents[2]
NOW_S = 1_767_225_600.0


@pytest.fixture(scope="module")
def site() -> Site:
    return load_site(ROOT / "cases/sites/crude_unit.yaml")


def readings(site: Site) -> list[Reading]:
    return [
        Reading(tag.name, 400.0, "K", Quality.GOOD, NOW_S - 2.0, "", NOW_S - 130.0)
        for tag in site.tags
    ]


def scanned(site: Site, found: list[Reading]):
    setpoints = {tag.name: 1.0 for tag in site.mvs}
    return to_scan(site, found, setpoints, 7, NOW_S)


def test_an_analysers_sample_lies_a_dead_time_before_its_result(site: Site):
    scan, why = scanned(site, readings(site))
    assert scan is not None and not why
    assert scan.time_s == NOW_S
    ages = dict(zip([tag.variable for tag in site.cvs], scan.y_age_s, strict=True))
    assert ages["temp_tbp95_kerosene"] == pytest.approx(130.0 + 300.0)
    assert ages["fraction_overflash"] == pytest.approx(2.0)


def test_a_value_never_seen_before_has_no_age(site: Site):
    lost = site.with_role(Role.CV)[0].name
    found = [replace(r, since_s=math.nan) if r.tag == lost else r for r in readings(site)]
    scan, _ = scanned(site, found)
    assert scan is not None and np.isnan(scan.y_age_s[0]) and np.all(np.isfinite(scan.y_age_s[1:]))


def test_a_bad_critical_input_gives_no_scan(site: Site):
    critical = next(tag.name for tag in site.tags if tag.critical)
    found = [
        replace(r, quality=Quality.BAD, reason="broken") if r.tag == critical else r
        for r in readings(site)
    ]
    scan, why = scanned(site, found)
    assert scan is None and critical in why and "broken" in why


def test_a_negative_dead_time_is_refused(site: Site):
    with pytest.raises(InputError, match="dead time"):
        replace(site.cvs[0], dead_time_s=-1.0)


def test_the_loop_below_an_mv_is_seen_where_the_site_shows_it(site: Site):
    valve = next(tag.name for tag in site.tags if tag.role is Role.CV)
    first = replace(site.mvs[0], output=valve)
    shown = replace(site, tags=tuple(first if t.name == first.name else t for t in site.tags))
    lost = site.mvs[1].name
    found = [
        replace(r, value=0.7) if r.tag == valve
        else replace(r, quality=Quality.BAD, reason="broken") if r.tag == lost
        else r
        for r in readings(site)
    ]  # fmt: skip
    uncritical = tuple(replace(t, critical=False) for t in shown.tags)
    scan, why = scanned(replace(shown, tags=uncritical), found)
    assert scan is not None, why
    assert scan.mv_output[0] == 0.7 and np.all(np.isnan(scan.mv_output[1:]))
    assert scan.mv_process[0] == 400.0 and np.isnan(scan.mv_process[1])
    with pytest.raises(InputError, match="XV1"):
        replace(site, tags=(replace(site.mvs[0], output="XV1"), *site.tags[1:]))
