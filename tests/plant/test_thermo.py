"""Property correlations against a property library, Maxwell and Bonnell, Twu, and IAPWS."""

import math
import sys

import numpy as np
import pytest

from operator_agent.errors import InputError
from operator_agent.plant.crude import thermo
from operator_agent.plant.crude.distillation import (
    D86_FRACTIONS,
    d86_curve_of_tbp,
    d86_of_tbp,
    tbp_curve_of_d86,
    tbp_of_d86,
)
from operator_agent.plant.crude.lumps import Lumps, lumps
from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.verification import twu
from operator_agent.plant.verification.maxwell_bonnell import boiling_temperature, vapour_pressure
from operator_agent.plant.verification.pure_substance import property_library, pure_substance
from operator_agent.plant.verification.reference_row import (
    ReferenceRow,
    summaries,
)
from operator_agent.plant.verification.thermo_tables import thermo_rows

chemicals = pytest.importorskip("chemicals", reason="the property library is not installed")
_WORST = 3.0  # times the mean error of a correlation; a slip in a coefficient is far beyond


@pytest.fixture(scope="module")
def divided(case: CrudeUnitCase) -> Lumps:
    return lumps(case.assays, case.layout("plant").lump_edges, case.slate_vector(case.slate))


@pytest.fixture(scope="module")
def rows(divided: Lumps) -> list[ReferenceRow]:
    return thermo_rows(divided)


def test_mean_errors_stay_within_those_of_the_correlations(rows: list[ReferenceRow]) -> None:
    for found in summaries(rows):
        assert found.mean <= found.worst.allowed, found


def test_no_single_value_is_far_off(rows: list[ReferenceRow]) -> None:
    for row in rows:
        assert abs(row.difference) <= _WORST * row.allowed, row


def test_lumps_that_evaporate_boil_where_maxwell_and_bonnell_say(rows: list[ReferenceRow]) -> None:
    chosen = [row for row in rows if row.topic == "boiling temperature, lumps"]
    assert len(chosen) > 30
    assert all(row.within for row in chosen)


@pytest.mark.parametrize("pressure", [1e4, 5e4, 2e5])
@pytest.mark.parametrize(
    ("boiling", "tolerance"),
    [(320.0, 1.5), (380.0, 1.5), (450.0, 1.5), (520.0, 1.5), (600.0, 1.5), (717.0, 2.0)],
)
def test_boiling_temperature_of_paraffinic_stock(
    boiling: float, tolerance: float, pressure: float
) -> None:
    gravity = np.array([np.cbrt(1.8 * boiling) / 12.0])
    theirs = boiling_temperature(pressure, boiling)
    found = thermo.vapour_pressure(np.array([theirs]), np.array([boiling]), gravity)[0]
    slope = thermo.vapour_pressure(np.array([theirs + 1.0]), np.array([boiling]), gravity)[0]
    assert abs(math.log(found / pressure) / math.log(slope / found)) < tolerance


@pytest.mark.parametrize("boiling", [300.0, 450.0, 650.0, 900.0])
def test_every_fraction_boils_at_its_boiling_point(boiling: float) -> None:
    tb, sg = np.array([boiling]), np.array([np.cbrt(1.8 * boiling) / 11.8])
    assert thermo.vapour_pressure(tb, tb, sg)[0] == pytest.approx(thermo.ATMOSPHERE_PA)
    # The reference's own equation leaves 1 atm by less than 1 %.
    assert vapour_pressure(boiling, boiling) == pytest.approx(thermo.ATMOSPHERE_PA, rel=0.01)


def test_vapour_pressure_is_the_librarys_lee_kesler() -> None:
    substance = pure_substance("n-decane")
    tb, sg = substance.arrays
    tc, pc = (float(value[0]) for value in thermo.critical_point(tb, sg))
    omega = float(thermo.acentric_factor(tb, sg)[0])
    for temp in (380.0, 450.0, 520.0):
        theirs = chemicals.Lee_Kesler(temp, tc, pc, omega)
        assert thermo.vapour_pressure(np.array([temp]), tb, sg)[0] == pytest.approx(theirs)


@pytest.mark.parametrize("name", ["n-heptane", "n-decane", "toluene", "tetralin"])
def test_reference_of_critical_points_holds_for_pure_substances(name: str) -> None:
    # Twu 1984 states 0.6 % for Tc and 3 to 4 % for Pc as average errors.
    substance = pure_substance(name)
    temp, pressure = twu.critical_point(substance.temp_boiling, substance.gravity)
    assert temp == pytest.approx(chemicals.Tc(substance.cas), rel=0.01)
    assert pressure == pytest.approx(chemicals.Pc(substance.cas), rel=0.04)


def test_heat_of_vaporisation_falls_with_temperature_and_stays_positive(divided: Lumps) -> None:
    found = thermo.properties(divided)

    def heat(temp: float) -> np.ndarray:
        powers = temp ** np.arange(4.0)
        return np.asarray(found.vapour.T @ powers - found.liquid.T @ powers[:3])

    assert bool(np.all(heat(400.0) > heat(520.0)))
    assert bool(np.all(heat(520.0) > heat(640.0)))
    assert bool(np.all(heat(640.0) > 0.0))
    per_mass = heat(450.0) / found.molar_mass
    assert bool(np.all((per_mass > 2e5) & (per_mass < 4e5)))


def test_d86_becomes_tbp_as_in_a_worked_example() -> None:
    # Worked example of API procedure 3A1.1 (scribd.com/document/782942720): D86 in, TBP out [C].
    d86 = np.array([36.5, 54.0, 77.0, 101.5, 131.0, 171.0, 186.5]) + 273.15
    tbp = np.array([14.1, 33.3, 68.9, 101.6, 135.2, 180.5, 194.1]) + 273.15
    np.testing.assert_allclose(tbp_curve_of_d86(d86), tbp, atol=0.15)


def test_d86_and_tbp_are_inverse() -> None:
    d86 = np.array([430.0, 445.0, 465.0, 480.0, 495.0, 515.0, 525.0])
    np.testing.assert_allclose(d86_curve_of_tbp(tbp_curve_of_d86(d86)), d86, rtol=1e-12)
    assert d86_of_tbp(tbp_of_d86(480.0, 0.5), 0.5) == pytest.approx(480.0)
    # D86 has no rectification: its curve is the flatter one.
    tbp = tbp_curve_of_d86(d86)
    assert tbp[0] < d86[0]
    assert tbp[-1] > d86[-1]


def test_impossible_distillations_are_refused() -> None:
    with pytest.raises(InputError, match=r"not at 0\.2"):
        tbp_of_d86(400.0, 0.2)
    with pytest.raises(InputError, match="7 rising temperatures"):
        tbp_curve_of_d86(np.full(len(D86_FRACTIONS), 400.0))


def test_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "chemicals", None)
    with pytest.raises(InputError, match=r"need the package 'chemicals'"):
        property_library()
