"""Upsets: whatever trips, fails, switches or runs dry, the plant stays physical and comes back."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest

from operator_agent.arrays import FloatArray
from operator_agent.errors import PlantError
from operator_agent.plant.integrate import Integrator, make_integrator
from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.unit.crude_unit import CrudeUnit, disturbance_vector
from operator_agent.plant.variables import STATUS

MINUTE_S, HOUR_S = 60.0, 3600.0
PUMPS = [name for name in STATUS if name.startswith("status_pump_")]
TEMP_RANGE = (260.0, 950.0)  # [K]: from winter to well above any furnace tube at rest
PRESSURE_RANGE = (0.5e5, 4.0e5)  # [Pa]: from steam alone to far above the relief valve
LOOK_S = 300.0  # between two looks at states and readings
HOLDUP_ROUNDING = 0.01  # [mol] of some 1e4 on a tray: the integrator's tolerance
SHARE_ROUNDING = 1e-3  # integration error of valve positions, speeds and fractions
BACK_SPANS = 0.5  # of each state's span, within which the plant is back at its old rest


@dataclass(frozen=True)
class Rig:
    """A unit at its nominal rest, to be upset."""

    unit: CrudeUnit
    case: CrudeUnitCase
    integrator: Integrator

    def disturbances(
        self, changes: Mapping[str, float], slate: Mapping[str, float] | None = None
    ) -> FloatArray:
        return disturbance_vector(self.case, slate or self.case.slate, changes)

    def told(self, x: FloatArray, u: FloatArray, d: FloatArray) -> dict[str, float]:
        model = self.unit.model
        values = [*model.outputs(x, u, d).full().ravel()]
        values += [*self.unit.information(x, u, d).full().ravel()]
        names = (*model.y_names, *self.unit.information_names)
        return dict(zip(names, map(float, values), strict=True))

    def at_rest(self) -> dict[str, float]:
        model = self.unit.model
        return self.told(model.x_nominal, model.u_nominal, model.d_nominal)

    def run(
        self,
        x: FloatArray,
        duration_s: float,
        changes: Mapping[str, float] | None = None,
        *,
        u: FloatArray | None = None,
        slate: Mapping[str, float] | None = None,
        look_s: float = LOOK_S,
    ) -> tuple[FloatArray, dict[str, float]]:
        """Return states and readings after a time; both are checked on the way."""
        u = self.unit.model.u_nominal if u is None else u
        d = self.disturbances(changes or {}, slate)
        step_s = min(look_s, duration_s)
        for _ in range(round(duration_s / step_s)):
            x = self.integrator.step(x, u, d, step_s)
            self.check(x, self.told(x, u, d))
        return x, self.told(x, u, d)

    def upset(
        self, duration_s: float, changes: Mapping[str, float], look_s: float = LOOK_S
    ) -> tuple[FloatArray, dict[str, float]]:
        return self.run(self.unit.model.x_nominal, duration_s, changes, look_s=look_s)

    def check(self, x: FloatArray, told: Mapping[str, float]) -> None:
        """Refuse states and readings outside what a crude unit can be."""
        assert np.all(np.isfinite(x))
        assert np.all(np.isfinite(list(told.values())))
        for name, value in zip(self.unit.model.x_names, x, strict=True):
            if name.startswith("temp_"):
                assert TEMP_RANGE[0] < value < TEMP_RANGE[1], (name, value)
            elif name.startswith("pressure"):
                assert PRESSURE_RANGE[0] < value < PRESSURE_RANGE[1], (name, value)
            elif name.startswith("holdup"):
                assert value > -HOLDUP_ROUNDING, (name, value)
            elif name.startswith(("opening", "speed", "fraction", "mixed")):
                assert -SHARE_ROUNDING < value < 1.0 + SHARE_ROUNDING, (name, value)
            elif name.startswith("resistance"):
                assert value > 0.0, (name, value)
        for name, value in told.items():
            if name.startswith(("flow", "level", "power")):
                assert value > -1e-5, (name, value)
        assert told["temp_skin"] < 850.0

    def check_back(self, x: FloatArray) -> None:
        """Refuse states that are not back at the nominal rest; deposits may have changed."""
        model = self.unit.model
        away = np.abs(x - model.x_nominal) / model.x_scale
        worst = {
            name: gap
            for name, gap in zip(model.x_names, away, strict=True)
            if gap > BACK_SPANS and not name.startswith("resistance")
        }
        assert not worst


@pytest.fixture(scope="module")
def rig(small: CrudeUnit, case: CrudeUnitCase) -> Rig:
    return Rig(small, case, make_integrator(small.model))


@pytest.fixture(scope="module")
def full(plant: CrudeUnit, case: CrudeUnitCase) -> Rig:
    return Rig(plant, case, make_integrator(plant.model))


def pure(case: CrudeUnitCase, key: str) -> dict[str, float]:
    return {other: float(other == key) for other in case.crude_keys}


def test_heater_trip_lets_the_outlet_cool_and_the_vapour_collapse(rig: Rig) -> None:
    before = rig.at_rest()
    x, soon = rig.upset(10 * MINUTE_S, {"status_heater": 0.0})
    assert soon["duty_fired"] < 1e-3 * before["duty_fired"]
    assert soon["temp_flash_zone"] < before["temp_flash_zone"] - 80.0
    assert soon["fraction_vaporised"] < 0.6 * before["fraction_vaporised"]
    assert soon["duty_condenser"] < 0.6 * before["duty_condenser"]
    assert soon["fraction_overflash"] < 0.3 * before["fraction_overflash"]
    assert soon["flow_vol_product_residue"] > 1.3 * before["flow_vol_product_residue"]
    assert soon["flow_mass_flare"] < 1e-3
    x, late = rig.run(x, HOUR_S, {"status_heater": 0.0})
    assert late["temp_preheat"] < before["temp_preheat"] - 100.0  # no hot streams, no preheat
    rig.check_back(rig.run(x, 3 * HOUR_S)[0])


def test_feed_pump_trip_stops_the_feed_and_with_it_the_fire(rig: Rig) -> None:
    before = rig.at_rest()
    x, soon = rig.upset(5 * MINUTE_S, {"status_pump_feed": 0.0})
    assert soon["flow_vol_feed_actual"] < 1e-6
    assert soon["power_pump_feed"] < 100.0
    assert soon["duty_fired"] < 1e-3 * before["duty_fired"]  # low-flow trip
    assert soon["temp_skin"] < before["temp_skin"]
    assert soon["level_sump"] < before["level_sump"]
    x, _ = rig.run(x, HOUR_S, {"status_pump_feed": 0.0})
    rig.check_back(rig.run(x, 3 * HOUR_S)[0])


def test_reflux_pump_trip_heats_the_top_and_fills_the_drum(rig: Rig) -> None:
    before = rig.at_rest()
    x, soon = rig.upset(10 * MINUTE_S, {"status_pump_reflux": 0.0})
    assert soon["flow_vol_reflux"] < 1e-6
    assert soon["temp_overhead"] > before["temp_overhead"] + 20.0
    assert soon["temp_tbp95_naphtha"] > before["temp_tbp95_naphtha"] + 5.0
    assert soon["level_drum"] > before["level_drum"]
    assert soon["flow_vol_product_naphtha"] > before["flow_vol_product_naphtha"]
    rig.check_back(rig.run(x, 3 * HOUR_S)[0])


@pytest.mark.parametrize("place", ["top", "mid", "bottom"])
def test_pumparound_trip_sends_its_heat_to_the_condenser(rig: Rig, place: str) -> None:
    before = rig.at_rest()
    x, after = rig.upset(20 * MINUTE_S, {f"status_pump_pumparound_{place}": 0.0})
    assert before[f"duty_pumparound_{place}_actual"] > 5e6
    assert after[f"duty_pumparound_{place}_actual"] < 1e4
    assert after[f"power_pump_pumparound_{place}"] < 100.0
    assert after["duty_condenser"] > before["duty_condenser"] + 3e6
    assert after["flow_vol_reflux"] > before["flow_vol_reflux"]
    if place != "top":  # the crude misses this heat, the fire makes up for it
        assert after["temp_preheat"] < before["temp_preheat"] - 5.0
        assert after["duty_fired"] > before["duty_fired"] + 2e6
    rig.check_back(rig.run(x, 3 * HOUR_S)[0])


def test_condenser_failure_opens_the_relief_and_empties_the_drum(
    rig: Rig, case: CrudeUnitCase
) -> None:
    before = rig.at_rest()
    x, soon = rig.upset(2 * MINUTE_S, {"status_condenser": 0.0})
    assert soon["duty_condenser"] < 0.1 * before["duty_condenser"]
    assert soon["pressure_top"] > before["pressure_top"] + 0.5e5
    assert soon["flow_mass_flare"] > 5.0
    assert soon["fraction_vaporised"] < before["fraction_vaporised"]  # pressure holds it down
    x, late = rig.run(x, 30 * MINUTE_S, {"status_condenser": 0.0})
    assert late["level_drum"] < 0.1 * before["level_drum"]
    assert late["temp_overhead"] > before["temp_overhead"]  # the reflux ran out
    x, back = rig.run(x, 3 * HOUR_S)
    assert back["flow_mass_flare"] < 1e-3
    rig.check_back(x)


def test_warm_cooling_water_is_no_upset_but_costs_pressure_or_duty(rig: Rig) -> None:
    before = rig.at_rest()
    _, warm = rig.upset(4 * HOUR_S, {"temp_cooling_water": 308.0, "temp_ambient": 313.0})
    assert warm["temp_drum"] > before["temp_drum"] + 3.0
    assert warm["flow_mass_flare"] < 1.0


@pytest.mark.parametrize("dip_s", [1.0, 10.0, 60.0])
def test_power_dip_takes_everything_down_and_lets_it_back(rig: Rig, dip_s: float) -> None:
    before = rig.at_rest()
    x, dipped = rig.upset(dip_s, {"status_power": 0.0})
    for name in ("flow_vol_feed_actual", "flow_vol_reflux", "duty_fired", "flow_mass_air"):
        assert dipped[name] < 0.95 * before[name], name
    assert dipped["power_electric"] < 0.9 * before["power_electric"]
    if dip_s == 60.0:
        assert dipped["flow_vol_feed_actual"] < 1e-3 * before["flow_vol_feed_actual"]
        assert dipped["pressure_top"] > before["pressure_top"] + 0.3e5  # the condenser's fans too
    x, _ = rig.run(x, 3 * HOUR_S)
    rig.check_back(x)


def test_longer_dips_disturb_more(rig: Rig) -> None:
    depths = []
    for dip_s in (1.0, 10.0, 60.0):
        x, _ = rig.upset(dip_s, {"status_power": 0.0})
        _, after = rig.run(x, 2 * MINUTE_S)
        depths.append(rig.at_rest()["temp_flash_zone"] - after["temp_flash_zone"])
    assert 0.0 < depths[0] < depths[1] < depths[2]


def test_blackout_of_an_hour_ends_in_a_cold_start_that_succeeds(rig: Rig) -> None:
    x, dark = rig.upset(HOUR_S, {"status_power": 0.0})
    assert dark["power_electric"] < 100.0
    assert dark["duty_fired"] < 1e3
    x, _ = rig.run(x, 3 * HOUR_S)
    rig.check_back(x)


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_bypassed_exchanger_costs_fuel_and_is_cleaned(rig: Rig, number: int) -> None:
    before = rig.at_rest()
    x, after = rig.upset(2 * HOUR_S, {f"status_exchanger_{number}": 0.0})
    assert abs(after[f"duty_exchanger_{number}"]) < 10.0
    assert after["temp_preheat"] < before["temp_preheat"] - 5.0
    assert after["duty_fired"] > before["duty_fired"] + 2e6
    fouling = f"resistance_fouling_{number}"
    assert after[fouling] < 0.8 * before[fouling]
    if number in (2, 3):  # the trim cooler keeps the column as it was
        place = "mid" if number == 2 else "bottom"
        assert after[f"duty_trim_pumparound_{place}"] > 5e6
    _, back = rig.run(x, 3 * HOUR_S)
    assert back["temp_preheat"] > before["temp_preheat"] - 0.5  # cleaner than it was


@pytest.mark.parametrize("product", ["kerosene", "lgo", "hgo"])
def test_draw_beyond_the_liquid_takes_what_there_is(rig: Rig, product: str) -> None:
    model, before = rig.unit.model, rig.at_rest()
    u = model.u_nominal.copy()
    place = model.u_names.index(f"flow_vol_{product}")
    u[place] *= 3.0
    x, after = rig.run(model.x_nominal, 2 * HOUR_S, u=u)
    drawn = after[f"flow_vol_draw_{product}"]
    assert drawn < 0.95 * u[place]
    assert drawn > before[f"flow_vol_draw_{product}"]
    assert after["fraction_overflash"] < 0.5 * before["fraction_overflash"]
    rig.check_back(rig.run(x, 3 * HOUR_S)[0])


def test_trays_dry_when_all_draws_and_pumparounds_ask_too_much(rig: Rig) -> None:
    model = rig.unit.model
    u = model.u_nominal.copy()
    for n, name in enumerate(model.u_names):
        if name in ("flow_vol_kerosene", "flow_vol_lgo", "flow_vol_hgo"):
            u[n] *= 4.0
        if name.startswith("duty_pumparound"):
            u[n] = 0.0
    x, after = rig.run(model.x_nominal, 3 * HOUR_S, u=u)
    assert after["fraction_overflash"] < 0.01
    rig.check_back(rig.run(x, 3 * HOUR_S)[0])


def test_mass_is_conserved_through_the_worst_of_it(rig: Rig) -> None:
    model = rig.unit.model
    off = {"status_condenser": 0.0, "status_pump_reflux": 0.0, "status_pump_pumparound_mid": 0.0}
    x, told = rig.upset(15 * MINUTE_S, off)
    rate = model.rhs(x, model.u_nominal, rig.disturbances(off)).full().ravel()
    molar_mass = _molar_masses(rig)
    stored = sum(
        value * molar_mass[int(name.rsplit("_", 1)[1]) - 1]
        for name, value in zip(model.x_names, rate, strict=True)
        if name.startswith("holdup_") and name.rsplit("_", 1)[1].isdigit()
    )
    products = sum(v for name, v in told.items() if name.startswith("flow_mass_product"))
    steam = told["flow_mass_steam"]
    # flare carries hydrocarbons and steam; what is not stored or drawn has gone there
    flared = told["flow_mass_feed"] - stored - products
    assert flared > 0.0
    assert flared == pytest.approx(told["flow_mass_flare"], abs=1.2 * steam)


def _molar_masses(rig: Rig) -> FloatArray:
    from operator_agent.plant.crude.thermo import properties

    masses: FloatArray = properties(rig.unit.lumps).molar_mass
    return masses


def switches(keys: list[str]) -> list[str]:
    """Return crudes in an order that makes every switch from one to another exactly once."""
    left = {key: [other for other in keys if other != key] for key in keys}
    path, circuit = [keys[0]], []
    while path:
        if left[path[-1]]:
            path.append(left[path[-1]].pop())
        else:
            circuit.append(path.pop())
    return circuit[::-1]


def test_order_of_switches_covers_all_pairs() -> None:
    order = switches(list("abcd"))
    pairs = set(pairwise(order))
    assert len(order) == 13
    assert len(pairs) == 12


@pytest.mark.parametrize(
    "name",
    ["status_power", "status_heater", "status_condenser", "status_pump_feed", "status_pump_reflux"],
)
def test_outage_of_three_days_runs_through_and_ends_in_a_start(rig: Rig, name: str) -> None:
    x, _ = rig.upset(72 * HOUR_S, {name: 0.0}, look_s=4 * HOUR_S)
    x, _ = rig.run(x, 6 * HOUR_S)
    rig.check_back(x)


@pytest.mark.slow
def test_every_switch_between_pure_crudes_runs_through(rig: Rig) -> None:
    case = rig.case
    lightness = {}
    x = rig.unit.model.x_nominal
    for key in switches(list(case.crude_keys)):
        x, told = rig.run(x, 4 * HOUR_S, slate=pure(case, key))
        lightness[key] = told["flow_vol_product_residue"]
    assert lightness["maya"] > lightness["arabian_light"] > lightness["bonny_light"]
    rig.check_back(rig.run(x, 6 * HOUR_S)[0])


@pytest.mark.slow
def test_whole_plant_switches_to_the_heaviest_crude_and_back(full: Rig) -> None:
    x, _ = full.run(full.unit.model.x_nominal, 4 * HOUR_S, slate=pure(full.case, "tia_juana_light"))
    full.check_back(full.run(x, 6 * HOUR_S)[0])


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {"status_heater": 0.0},
        {"status_condenser": 0.0},
        {"status_power": 0.0},
        *({pump: 0.0} for pump in PUMPS),
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_whole_plant_lives_through_each_trip(full: Rig, changes: dict[str, float]) -> None:
    x, _ = full.upset(15 * MINUTE_S, changes)
    full.check_back(full.run(x, 3 * HOUR_S)[0])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_random_troubles_end_finite_or_with_a_reason(rig: Rig, seed: int) -> None:
    random = np.random.default_rng(seed)
    model, x = rig.unit.model, rig.unit.model.x_nominal
    try:
        for _ in range(4):
            out = random.choice(list(STATUS), size=3, replace=False)
            changes = {str(name): float(random.uniform(0.0, 1.0)) for name in out}
            u = model.u_nominal + 4.0 * model.u_scale * random.uniform(-1.0, 1.0, model.n_u)
            slate = dict(zip(rig.case.crude_keys, random.dirichlet(np.ones(4)), strict=True))
            x, _ = rig.run(x, HOUR_S, changes, u=np.maximum(u, 0.0), slate=slate)
    except PlantError as error:
        assert model.name in str(error)
        assert "more than the plant can do" in str(error) or "is not finite" in str(error)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("valve", "handle", "factor"), [("feed", "flow_vol_feed", 0.99), ("reflux", "temp_top", 1.002)]
)
def test_sticking_valve_hunts_by_its_band_until_it_is_freed(
    valve: str, handle: str, factor: float, rig: Rig
) -> None:
    model = rig.unit.model
    u, opening = model.u_nominal.copy(), model.x_names.index(f"opening_{valve}")
    u[model.u_names.index(handle)] *= factor
    swings = []
    for band in (0.03, 0.06):
        stuck = {f"stick_band_{valve}": band}
        x, _ = rig.run(model.x_nominal, HOUR_S, stuck, u=u)
        seen = []
        for _ in range(30):
            x, _ = rig.run(x, MINUTE_S, stuck, u=u)
            seen.append(x[opening])
        swings.append(float(np.ptp(seen)))
    assert swings[0] > 0.1 * 0.03
    assert swings[1] == pytest.approx(2.0 * swings[0], rel=0.2)
    x, _ = rig.run(x, 4 * HOUR_S)
    rig.check_back(x)
