"""Vapour load of a stage: the published formula where there is liquid, finite where it is dry."""

import math

import casadi as ca
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operator_agent.plant.unit.stage import Component, Stage, souders_brown

MOLAR_MASS = (0.1, 0.3)  # [kg/mol]
TEMP_K, PRESSURE_PA, AREA_M2 = 500.0, 2e5, 20.0
DENSITY_MOL = 4000.0  # of the liquid [mol/m3]


def load(fractions: tuple[float, float], vapour: tuple[float, float], steam: float) -> ca.SX:
    """The load factor of a stage with this liquid and traffic."""
    none = ca.DM(2, 1)
    component = Component(ca.DM(MOLAR_MASS), none, (none,), (none,), (none,))
    stage = Stage(
        temp=ca.SX(TEMP_K),
        volume=ca.SX(1.0),
        fractions=ca.SX(ca.DM(fractions)),
        flow_vol_liquid=ca.SX(0.1),
        molar_density=ca.SX(DENSITY_MOL),
        vapour=ca.SX(ca.DM(vapour)),
        flow_steam=ca.SX(steam),
    )
    return souders_brown(component, stage, ca.SX(PRESSURE_PA), AREA_M2)


def test_load_is_that_of_souders_and_brown() -> None:
    """u sqrt(rho_V / (rho_L - rho_V)) by hand: 110 mol/s of ideal gas, liquid of 800 kg/m3."""
    flow_vol = 110.0 * 8.314462618 * TEMP_K / PRESSURE_PA
    vapour = (60.0 * 0.1 + 40.0 * 0.3 + 10.0 * 0.018015) / flow_vol
    expected = flow_vol / AREA_M2 * math.sqrt(vapour / (800.0 - vapour))
    found = float(ca.evalf(load((0.5, 0.5), (60.0, 40.0), 10.0)))
    assert found == pytest.approx(expected, rel=1e-5)


@given(
    light=st.floats(-3.0, 3.0),
    vapour=st.tuples(st.floats(-1e-3, 1e-3), st.floats(-1e-3, 1e-3)),
)
def test_load_of_a_dry_stage_is_finite(light: float, vapour: tuple[float, float]) -> None:
    """Holdups a rounding error below zero make any fractions, and vapour of either sign."""
    found = float(ca.evalf(load((light, 1.0 - light), vapour, 10.0)))
    assert math.isfinite(found)
    assert found >= 0.0
