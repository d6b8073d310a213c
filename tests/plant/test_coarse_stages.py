"""The laws of the controller's model: vapour pressure, heat, stages, draws, analysers."""

import casadi as ca
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq

from operator_agent.plant.coarse.boiling_points import CurveOfLumps
from operator_agent.plant.coarse.lump_laws import LumpLaws
from operator_agent.plant.coarse.parameters import CoarseParameters
from operator_agent.plant.coarse.stages import Inflow, Vessel, make_stage, smaller, stage_rates
from operator_agent.plant.crude.lumps import Lumps, lumps
from operator_agent.plant.crude.thermo import HEAT_CAPACITY_STEAM, properties
from operator_agent.plant.unit.case import CrudeUnitCase


@pytest.fixture(scope="module")
def parameters(case: CrudeUnitCase) -> CoarseParameters:
    return case.controller_model


@pytest.fixture(scope="module")
def divided(case: CrudeUnitCase, parameters: CoarseParameters) -> Lumps:
    return lumps(case.assays, parameters.lump_edges, case.slate_vector(case.slate))


@pytest.fixture(scope="module")
def laws(case: CrudeUnitCase, parameters: CoarseParameters, divided: Lumps) -> LumpLaws:
    slate = case.slate_vector(case.slate)
    return LumpLaws.fit(divided, slate, parameters.pressure_reference, 1.0)


def test_vapour_pressures_and_heats_follow_the_correlations(
    divided: Lumps, laws: LumpLaws, parameters: CoarseParameters
) -> None:
    constants = properties(divided)
    a, b, c = constants.antoine
    for shift in (-60.0, 0.0, 40.0):
        temps = np.array(laws.temp_reference).ravel() + shift
        exact = np.exp(a - b / (temps + c)) / parameters.pressure_reference
        for n, temp in enumerate(temps):
            ours = float(laws.volatility(ca.DM(temp))[n])
            assert ours == pytest.approx(exact[n], rel=0.06)
            powers = float(temp) ** np.arange(4)
            latent = powers @ constants.vapour[:, n] - powers[:3] @ constants.liquid[:, n]
            one = ca.DM.zeros(divided.n)
            one[n] = 1.0
            found = float(laws.latent_heat(one, ca.DM(temp))) * constants.molar_volume[n]
            assert found == pytest.approx(latent, rel=0.08)  # a line over 120 K; light oils bend


def stage_of(laws: LumpLaws, temp: float, steam: float, transfer: float) -> dict[str, float]:
    """Return traffic of a stage full of one mixture, evaluated."""
    vessel = Vessel(5.0, 100.0, 1e6, transfer)
    volumes = ca.DM.ones(laws.slope.numel()) * (5.0 / laws.slope.numel())
    stage = make_stage(laws, ca.SX(volumes), ca.SX(temp), 2e5, ca.SX(steam), vessel)
    names = ("vapour", "liquid")
    told = ca.Function("stage", [], [stage.vapour, stage.liquid])()
    values = dict(zip(names, (told["o0"].full().ravel(), told["o1"].full().ravel()), strict=True))
    density = np.array(laws.molar_density).ravel()
    volatile = density * np.array(laws.volatility(ca.DM(temp))).ravel()
    return {
        "moles": float(density @ values["vapour"]),
        "liquid": float(values["liquid"][0]),
        "boiling": float(volatile.sum() / density.sum()) * laws.pressure_reference / 2e5,
    }


def test_vapour_flow_is_that_of_equilibrium_below_boiling(laws: LumpLaws) -> None:
    stages = (stage_of(laws, temp, 100.0, 1e7) for temp in np.arange(300.0, 500.0, 5.0))
    found = next(stage for stage in stages if stage["boiling"] > 0.4)
    assert found["boiling"] < 0.9
    equilibrium = 100.0 * found["boiling"] / (1.0 - found["boiling"])
    assert found["moles"] == pytest.approx(equilibrium, rel=0.02)


def test_superheat_drives_the_vapour_above_boiling(laws: LumpLaws) -> None:
    found = stage_of(laws, 480.0, 0.0, 3e4)
    assert found["boiling"] > 1.2
    driven = 3e4 * found["boiling"] * (found["boiling"] - 1.0)
    assert found["moles"] == pytest.approx(driven, rel=0.005)


def test_a_full_stage_lets_its_design_flow_go(laws: LumpLaws) -> None:
    assert stage_of(laws, 400.0, 10.0, 3e4)["liquid"] == pytest.approx(5.0 / 100.0)


@given(st.floats(0.0, 0.5), st.floats(0.0, 0.5))
def test_a_draw_is_never_more_than_there_is(wanted: float, there: float) -> None:
    got = float(ca.evalf(smaller(ca.SX(wanted), ca.SX(there))))
    least = min(wanted, there)
    assert 0.0 <= got <= least * (1.0 + 1e-12)
    if least < 0.75 * max(wanted, there) and least > 1e-3:
        assert got == pytest.approx(least, rel=0.015)


def test_a_stage_keeps_its_heat(laws: LumpLaws) -> None:
    """The heat held rises by what comes in less what goes out; recomputed from the streams."""
    rng, n = np.random.default_rng(4), int(laws.slope.numel())
    vessel = Vessel(5.0, 100.0, 1e6, 3e4)
    volumes, flows = ca.SX(rng.uniform(0.1, 1.0, n)), ca.SX(rng.uniform(0.0, 0.01, n))
    temp, temp_in, steam, cooling = ca.SX(500.0), ca.SX(530.0), ca.SX(90.0), ca.SX(3e6)
    stage = make_stage(laws, volumes, temp, 2e5, steam, vessel)
    inflow = Inflow(flows, ca.sum1(flows), temp_in, laws.latent_heat(flows, temp_in))
    steams = ((steam, ca.SX(590.0)),)
    rate, temp_rate = stage_rates(laws, stage, vessel, (inflow,), steams, cooling)
    held = ca.sum1(rate) * laws.heat(temp) + temp_rate * (
        1e6 + ca.sum1(volumes) * laws.heat_capacity_at(temp)
    )
    out = (stage.liquid + ca.sum1(stage.vapour)) * laws.heat(temp) + stage.latent
    into = inflow.total * laws.heat(temp_in) + inflow.latent
    into = into + HEAT_CAPACITY_STEAM * steam * (590.0 - 500.0) - cooling
    assert float(ca.evalf(held)) == pytest.approx(float(ca.evalf(into - out)), rel=1e-5)


@pytest.mark.parametrize("fraction", [0.05, 0.5, 0.95])
def test_an_analyser_rests_where_the_fraction_has_distilled(
    divided: Lumps, fraction: float
) -> None:
    curve = CurveOfLumps(divided, 0.2, 110.0)
    volumes = np.linspace(1.0, 0.1, divided.n) * 0.01
    whole = divided.temp_high - divided.temp_low
    width = 0.2 * np.minimum(whole, 110.0)
    centre = np.where(whole > 110.0, divided.temp_low + 55.0, divided.temp_boiling)

    def missing(temp: float) -> float:
        below = 1.0 / (1.0 + np.exp((centre - temp) / width))
        return float(volumes @ below / volumes.sum() - fraction)

    exact = brentq(missing, 250.0, 1200.0, xtol=1e-9)
    for start in (300.0, 500.0, 900.0):
        temp = start
        for _ in range(60):
            temp += float(ca.evalf(curve.step(ca.SX(temp), ca.SX(volumes), fraction)))
        assert temp == pytest.approx(exact, abs=1e-6)
