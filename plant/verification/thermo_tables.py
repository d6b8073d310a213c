"""The plant's property correlations against references, row by row.

Pure hydrocarbons and water come from the property library `chemicals` (Bell and others,
github.com/CalebBell/chemicals): critical constants, Perry's vapour pressures and densities, CRC
heats of vaporisation, TRC heat capacities of ideal gases, Zabransky's and Poling's of liquids,
IAPWS-95 steam. Petroleum lumps are compared with Maxwell and Bonnell's vapour pressures and with
Twu's critical constants. `allowed` is the error that a correlation is published with where its
number is known, and otherwise an assumed one; the module constants say which.
"""

from collections.abc import Callable, Sequence

import numpy as np
from scipy.optimize import brentq

from operator_agent.plant.crude import thermo
from operator_agent.plant.crude.lumps import Lumps
from operator_agent.plant.verification import twu
from operator_agent.plant.verification.maxwell_bonnell import boiling_temperature
from operator_agent.plant.verification.pure_substance import (
    SUBSTANCES,
    PureSubstance,
    property_library,
    pure_substance,
)
from operator_agent.plant.verification.reference_row import (
    ReferenceRow,
    absolute_row,
    relative_row,
)
from operator_agent.plant.verification.thermo_heat import (
    enthalpy_rows,
    heat_capacity_rows,
    water_rows,
)

PRESSURES = (1e4, 3e4, 1e5, 2e5, 3e5)  # [Pa]
# Allowed differences. Published: molar mass, 7 % (engineeringtoolbox.com on the API method); vapour
# pressure, 2 % above and 10 % below 1 atm (wikipedia.org, Lee-Kesler method) with exact critical
# constants, which is 0.7 K and 3 K of boiling temperature. The others are assumed: the size of
# error that texts give for these correlations in words.
_MASS, _TC, _PC, _OMEGA = 7.0, 1.0, 5.0, 0.03
_BOILING_HIGH_K, _BOILING_LOW_K = 1.5, 3.0
_HEAT = 3.0
_ANTOINE_K = 1.0
_HEAVY_K = 650.0  # lumps above it are beyond the data of all these correlations
_HEAVY_ALLOWED_K = 5.0
_TWU_TC, _TWU_PC = 2.0, 10.0


def constant_rows(substance: PureSubstance) -> list[ReferenceRow]:
    """Return molar mass, critical point, acentric factor and heat of vaporisation of one."""
    library = property_library()
    cas, name = substance.cas, substance.name
    tb, sg = substance.arrays
    temp, pressure = (float(value[0]) for value in thermo.critical_point(tb, sg))
    omega = float(thermo.acentric_factor(tb, sg)[0])
    mass = 1e3 * float(thermo.molar_mass(tb, sg)[0])
    heat = 1e-3 * float(thermo.heat_vaporisation(tb, sg)[0])
    crc = 1e-3 * float(library.phase_change.Hvap_data_CRC.loc[cas, "HvapTb"])
    pc = 1e-5 * float(library.Pc(cas))
    tables = "chemicals, critical constants"
    return [
        relative_row("molar mass", name, mass, library.MW(cas), "g/mol", _MASS, "chemicals"),
        relative_row("critical temperature", name, temp, library.Tc(cas), "K", _TC, tables),
        relative_row("critical pressure", name, 1e-5 * pressure, pc, "bar", _PC, tables),
        absolute_row("acentric factor", name, omega, library.omega(cas), "1", _OMEGA, tables),
        relative_row("heat of vaporisation at Tb", name, heat, crc, "kJ/mol", _HEAT, "CRC"),
    ]


def _temperature_of(vapour_pressure: Callable[[float], float], wanted: float, near: float) -> float:
    return float(brentq(lambda temp: vapour_pressure(temp) - wanted, 0.6 * near, 1.3 * near))


def boiling_rows(substance: PureSubstance) -> list[ReferenceRow]:
    """Return the boiling temperature under each of `PRESSURES`."""
    library = property_library()
    row = library.vapor_pressure.Psat_data_Perrys2_8.loc[substance.cas]
    constants = [float(row[key]) for key in ("C1", "C2", "C3", "C4", "C5")]
    tb, sg = substance.arrays
    found = []
    for pressure in PRESSURES:
        ours = _temperature_of(
            lambda temp: float(thermo.vapour_pressure(np.array([temp]), tb, sg)[0]),
            pressure,
            substance.temp_boiling,
        )
        theirs = _temperature_of(
            lambda temp: float(library.dippr.EQ101(temp, *constants)),
            pressure,
            substance.temp_boiling,
        )
        subject = f"{substance.name}, {1e-5 * pressure:g} bar"
        allowed = _BOILING_LOW_K if pressure < 1e5 else _BOILING_HIGH_K
        found.append(
            absolute_row(
                "boiling temperature, pure", subject, ours, theirs, "K", allowed, "Perry, table 2-8"
            )
        )
    return found


def lump_rows(lumps: Lumps) -> list[ReferenceRow]:
    """Return boiling temperatures of lumps by Lee and Kesler and by the Antoine fit.

    The reference is Maxwell and Bonnell for the first and Lee and Kesler for the second.
    """
    found: list[ReferenceRow] = []
    fit = thermo.antoine(lumps.temp_boiling, lumps.specific_gravity)
    for n, boiling in enumerate(lumps.temp_boiling):
        tb, sg = lumps.temp_boiling[n : n + 1], lumps.specific_gravity[n : n + 1]
        a, b, c = fit[:, n]
        for pressure in (1e4, 5e4, 1e5, 2e5):
            ours = _temperature_of(
                lambda temp, tb=tb, sg=sg: float(  # type: ignore[misc]
                    thermo.vapour_pressure(np.array([temp]), tb, sg)[0]
                ),
                pressure,
                float(boiling),
            )
            theirs = boiling_temperature(pressure, float(boiling), float(lumps.watson_factor[n]))
            subject = f"lump of {boiling:.0f} K, {1e-5 * pressure:g} bar"
            light = _BOILING_LOW_K if pressure < 1e5 else _BOILING_HIGH_K
            allowed = light if boiling < _HEAVY_K else _HEAVY_ALLOWED_K
            topic = "boiling temperature, lumps" if boiling < _HEAVY_K else "the same, heavy lumps"
            found.append(
                absolute_row(topic, subject, ours, theirs, "K", allowed, "Maxwell and Bonnell")
            )
            fitted = float(b / (a - np.log(pressure)) - c)
            found.append(
                absolute_row(
                    "Antoine fit, lumps", subject, fitted, ours, "K", _ANTOINE_K, "Lee and Kesler"
                )
            )
    return found


def critical_rows(lumps: Lumps) -> list[ReferenceRow]:
    """Return critical constants of lumps by Kesler and Lee beside those of Twu."""
    found = []
    pairs = zip(lumps.temp_boiling, lumps.specific_gravity, strict=True)
    for boiling, gravity in pairs:
        temp, pressure = thermo.critical_point(np.array([boiling]), np.array([gravity]))
        twu_temp, twu_pressure = twu.critical_point(float(boiling), float(gravity))
        subject = f"lump of {boiling:.0f} K"
        found.append(
            relative_row(
                "critical temperature, lumps",
                subject,
                float(temp[0]),
                twu_temp,
                "K",
                _TWU_TC,
                "Twu 1984",
            )
        )
        found.append(
            relative_row(
                "critical pressure, lumps",
                subject,
                1e-5 * float(pressure[0]),
                1e-5 * twu_pressure,
                "bar",
                _TWU_PC,
                "Twu 1984",
            )
        )
    return found


def thermo_rows(lumps: Lumps, substances: Sequence[str] = SUBSTANCES) -> list[ReferenceRow]:
    """Return all rows: pure hydrocarbons, water, and the lumps of a slate.

    Args:
        lumps: pseudo-components of the plant.
        substances: names of pure hydrocarbons.

    Raises:
        InputError: the property library is missing.
    """
    found: list[ReferenceRow] = []
    for name in substances:
        substance = pure_substance(name)
        found += constant_rows(substance)
        found += boiling_rows(substance)
        found += heat_capacity_rows(substance)
        found += enthalpy_rows(substance)
    return found + water_rows() + lump_rows(lumps) + critical_rows(lumps)
