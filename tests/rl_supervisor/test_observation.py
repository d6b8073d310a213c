from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from operator_agent.errors import InputError
from operator_agent.messages import EconomicTargets
from operator_agent.mpc.target.target import SteadyTarget
from operator_agent.rl_supervisor.observation import History, Observer
from operator_agent.site import Site

from .conftest import Values, calm_scan

ACTIONS = ("cut:temp_tbp95_kerosene", "move_suppression")
NOISE = 0.8  # K, of the scans below
HELD = SteadyTarget(
    u=np.zeros(9), y=np.zeros(9), active=("temp_tbp95_lgo high", "flow_vol_feed high"),
    prices=(0.05, 1.0), profit=0.0, violation=0.0,
)  # fmt: skip
Change = Callable[[int, Values], Values]


def run(
    observer: Observer, site: Site, n_cycles: int, change: Change = lambda _, scan: scan
) -> tuple[History, Values]:
    rng = np.random.default_rng(0)
    history = observer.start()
    scan = calm_scan(site, rng)
    for cycle in range(n_cycles):
        scan = change(cycle, calm_scan(site, rng))
        history = observer.after_scan(history, scan)
    return history, scan


def observed(
    observer: Observer, site: Site, targets: EconomicTargets, change: Change = lambda _, s: s
) -> dict[str, float]:
    history, scan = run(observer, site, 40, change)
    vector = observer.observe(history, scan, HELD, targets)
    return dict(zip(observer.layout.names, vector.tolist(), strict=True))


@pytest.fixture
def observer(site: Site) -> Observer:
    return Observer(site, ACTIONS, ("temp_tbp95_kerosene",))


def test_calm_plant_gives_the_values_it_was_made_with(
    observer: Observer, site: Site, targets: EconomicTargets
) -> None:
    seen = observed(observer, site, targets)
    assert seen["margin:temp_tbp95_lgo"] == pytest.approx(1.0, abs=0.15)
    assert seen["spread:temp_tbp95_lgo"] == pytest.approx(np.log10(NOISE / 0.5), abs=0.1)
    assert seen["trend:temp_tbp95_lgo"] == pytest.approx(0.0, abs=0.15)
    assert seen["room:temp_tbp95_lgo"] == pytest.approx(0.05 * 0.5 * 3600.0 / 100.0)
    assert seen["room:temp_tbp95_hgo"] == 0.0
    assert seen["slate_gap"] == pytest.approx(0.0, abs=1e-9)
    assert seen["feed_gap"] == pytest.approx(0.0)
    assert seen["slate_age"] == 0.0
    assert seen["price:naphtha-kerosene"] == pytest.approx(-0.6)
    assert seen["action:move_suppression"] == 0.0


def test_a_restless_plant_shows_in_the_spread(
    observer: Observer, site: Site, targets: EconomicTargets
) -> None:
    index = [tag.variable for tag in site.cvs].index("temp_tbp95_lgo")

    def shake(cycle: int, scan: Values) -> Values:
        y = scan.y.copy()
        y[index] += 8.0 * (-1.0) ** cycle
        return replace(scan, y=y)

    seen = observed(observer, site, targets, shake)
    assert seen["spread:temp_tbp95_lgo"] == pytest.approx(np.log10(8.0 / 0.5), abs=0.05)


def test_a_crude_switch_is_fresh_and_ages(
    observer: Observer, site: Site, targets: EconomicTargets
) -> None:
    def switch(at: int) -> Change:
        new = np.array([0.3, 0.7, 0.0, 0.0, 510.0])
        return lambda cycle, scan: replace(scan, d=new if cycle >= at else scan.d)

    late = observed(observer, site, targets, switch(39))
    early = observed(observer, site, targets, switch(5))
    assert late["slate_age"] == 1.0
    assert 0.0 < early["slate_age"] < 1.0
    assert late["slate_gap"] == pytest.approx(1.5)


def test_too_few_good_readings_are_nan_not_a_guess(
    observer: Observer, site: Site, targets: EconomicTargets
) -> None:
    def lose(share: float) -> Change:
        def change(cycle: int, scan: Values) -> Values:
            y = scan.y.copy()
            if cycle % 10 < 10 * share:
                y[0] = np.nan
            return replace(scan, y=y)

        return change

    assert np.isfinite(observed(observer, site, targets, lose(0.3))["margin:temp_tbp95_naphtha"])
    assert np.isnan(observed(observer, site, targets, lose(0.8))["margin:temp_tbp95_naphtha"])


def test_values_are_cut_to_the_training_range(
    observer: Observer, site: Site, targets: EconomicTargets
) -> None:
    rich = replace(targets, stream_prices={**targets.stream_prices, "naphtha": 9e4})
    assert observed(observer, site, rich)["price:naphtha-kerosene"] == 5.0


def test_history_is_a_value(observer: Observer, site: Site) -> None:
    before = observer.start()
    scan = calm_scan(site, np.random.default_rng(0))
    after = observer.after_action(observer.after_scan(before, scan), np.ones(2))
    assert np.all(np.isnan(before.cvs))
    assert not before.action.any()
    assert np.isfinite(after.cvs[-1]).all()


def test_a_limited_cv_without_span_is_refused(site: Site) -> None:
    tags = tuple(
        replace(tag, unit="kg/s") if tag.variable == "duty_furnace" else tag for tag in site.tags
    )
    with pytest.raises(InputError, match="no span for a mass flow"):
        Observer(replace(site, tags=tags), ACTIONS, ())


def test_a_target_that_is_no_cv_is_refused(site: Site) -> None:
    with pytest.raises(InputError, match="no CVs"):
        Observer(site, ACTIONS, ("temp_of_the_moon",))
