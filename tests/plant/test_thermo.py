"""Property correlations against published constants and an independent vapour pressure method."""

import numpy as np
import pytest
from scipy.optimize import brentq

from operator_agent.plant.crude import thermo
from operator_agent.plant.crude.lumps import lumps
from operator_agent.plant.unit.case import CrudeUnitCase

# Boiling point [K], gravity; molar mass [g/mol], Tc [K], Pc [bar], acentric factor, heat of
# vaporisation at Tb [kJ/mol], liquid heat capacity at 298 K [J/(kg K)]. Poling, Prausnitz and
# O'Connell, The Properties of Gases and Liquids, 5th ed. 2001; NIST Chemistry WebBook.
PURE = {
    "n-heptane": (371.57, 0.6879, 100.20, 540.2, 27.4, 0.350, 31.77, 2242.0),
    "n-decane": (447.30, 0.7342, 142.28, 617.7, 21.1, 0.490, 39.0, 2210.0),
    "toluene": (383.78, 0.8719, 92.14, 591.75, 41.1, 0.264, 33.18, 1704.0),
}


def one(value: float) -> np.ndarray:
    return np.array([value])


@pytest.mark.parametrize("name", PURE)
def test_constants_of_pure_compounds(name: str) -> None:
    tb, sg, mass, tc, pc, omega, heat, cp = PURE[name]
    found_tc, found_pc = thermo.critical_point(one(tb), one(sg))
    assert 1e3 * thermo.molar_mass(one(tb), one(sg))[0] == pytest.approx(mass, rel=0.045)
    assert found_tc[0] == pytest.approx(tc, rel=0.005)
    assert found_pc[0] / 1e5 == pytest.approx(pc, rel=0.035)
    assert thermo.acentric_factor(one(tb), one(sg))[0] == pytest.approx(omega, abs=0.015)
    assert thermo.heat_vaporisation(one(tb), one(sg))[0] / 1e3 == pytest.approx(heat, rel=0.015)
    low, slope = thermo.heat_capacity_liquid(np.cbrt(1.8 * one(tb)) / sg, one(sg))[:, 0]
    assert low + slope * 298.15 == pytest.approx(cp, rel=0.02)


def test_gas_heat_capacity_of_toluene() -> None:
    # NIST Chemistry WebBook: 171.5 J/(mol K) at 500 K.
    kw = np.cbrt(1.8 * one(383.78)) / 0.8719
    omega = thermo.acentric_factor(one(383.78), one(0.8719))
    a, b, c = thermo.heat_capacity_gas(kw, omega)[:, 0]
    assert a + b * 500.0 + c * 500.0**2 == pytest.approx(171.5 / 0.09214, rel=0.02)


def maxwell_bonnell(temp: float, boiling: float) -> float:
    """Vapour pressure [Pa] at Kw = 12; Maxwell and Bonnell (1955), API procedure 5A1.19."""
    q = (boiling / temp - 5.1606e-4 * boiling) / (748.1 - 0.3861 * boiling)
    if q > 0.0022:
        log = (3000.538 * q - 6.761560) / (43.0 * q - 0.987672)
    elif q >= 0.0013:
        log = (2663.129 * q - 5.994296) / (95.76 * q - 0.972546)
    else:
        log = (2770.085 * q - 6.412631) / (36.0 * q - 0.989679)
    return float(10.0**log * 133.322)


@pytest.mark.parametrize("pressure", [1e4, 5e4, 2e5])
@pytest.mark.parametrize(
    ("boiling", "tolerance"),
    [(320.0, 1.5), (380.0, 1.5), (450.0, 1.5), (520.0, 1.5), (600.0, 1.5), (717.0, 4.0)],
)
def test_boiling_temperature_agrees_with_maxwell_bonnell(
    boiling: float, tolerance: float, pressure: float
) -> None:
    gravity = one(float(np.cbrt(1.8 * boiling)) / 12.0)

    def lee_kesler(temp: float) -> float:
        return float(thermo.vapour_pressure(one(temp), one(boiling), gravity)[0])

    span = (0.6 * boiling, 1.3 * boiling)
    ours = brentq(lambda temp: lee_kesler(temp) - pressure, *span)
    theirs = brentq(lambda temp: maxwell_bonnell(temp, boiling) - pressure, *span)
    assert ours == pytest.approx(theirs, abs=tolerance)


def test_antoine_fit_reproduces_its_source(case: CrudeUnitCase) -> None:
    divided = lumps(case.assays, case.layout("plant").lump_edges, (0.6, 0.15, 0.25, 0.0))
    tb, sg = divided.temp_boiling, divided.specific_gravity
    a, b, c = thermo.antoine(tb, sg)
    for offset in (-120.0, -60.0, 0.0, 60.0, 100.0):
        exact = np.log(thermo.vapour_pressure(tb + offset, tb, sg))
        np.testing.assert_allclose(a - b / (tb + offset + c), exact, atol=0.07)


def test_heat_of_vaporisation_falls_with_temperature_and_stays_positive(
    case: CrudeUnitCase,
) -> None:
    divided = lumps(case.assays, case.layout("plant").lump_edges, (0.6, 0.15, 0.25, 0.0))
    found = thermo.properties(divided)

    def heat(temp: float) -> np.ndarray:
        powers = temp ** np.arange(4.0)
        return np.asarray(found.vapour.T @ powers - found.liquid.T @ powers[:3])

    assert bool(np.all(heat(400.0) > heat(520.0)))
    assert bool(np.all(heat(520.0) > heat(640.0)))
    assert bool(np.all(heat(640.0) > 0.0))
    per_mass = heat(450.0) / found.molar_mass
    assert bool(np.all((per_mass > 2e5) & (per_mass < 4e5)))
