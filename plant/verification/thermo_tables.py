"""The plant's property correlations against references, row by row.

Pure hydrocarbons and water come from the property library `chemicals` (Bell and others,
github.com/CalebBell/chemicals): critical constants, Perry's vapour pressures and densities, CRC
heats of vaporisation, TRC heat capacities of ideal gases, Zabransky's and Poling's of liquids,
IAPWS-95 steam. Petroleum lumps are compared with Maxwell and Bonnell's vapour pressures and with
Twu's critical constants. `allowed` is the error that a correlation is published with where its
number is known, and otherwise an assumed one; the module constants say which.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType

import numpy as np
from scipy.optimize import brentq

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.plant.crude import thermo
from operator_agent.plant.crude.assay import DENSITY_WATER_15C
from operator_agent.plant.crude.lumps import Lumps
from operator_agent.plant.verification import twu
from operator_agent.plant.verification.maxwell_bonnell import boiling_temperature
from operator_agent.plant.verification.reference_row import (
    ReferenceRow,
    absolute_row,
    relative_row,
)

SUBSTANCES = (
    "n-pentane",
    "n-hexane",
    "n-heptane",
    "n-octane",
    "n-decane",
    "n-dodecane",
    "n-tetradecane",
    "n-hexadecane",
    "isooctane",
    "cyclohexane",
    "methylcyclohexane",
    "benzene",
    "toluene",
    "p-xylene",
    "n-butylbenzene",
    "tetralin",
)
PRESSURES = (1e4, 3e4, 1e5, 2e5, 3e5)  # [Pa]
_TEMP_60F = 288.7056  # [K]
# Allowed differences. Published: molar mass, 7 % (engineeringtoolbox.com on the API method); vapour
# pressure, 2 % above and 10 % below 1 atm (wikipedia.org, Lee-Kesler method) with exact critical
# constants, which is 0.7 K and 3 K of boiling temperature. The others are assumed: the size of
# error that texts give for these correlations in words.
_MASS, _TC, _PC, _OMEGA = 7.0, 1.0, 5.0, 0.03
_BOILING_HIGH_K, _BOILING_LOW_K = 1.5, 3.0
_HEAT, _CP_GAS, _CP_LIQUID = 3.0, 5.0, 5.0
_ANTOINE_K = 1.0
_WATER = 1.0
_BESIDE = 1e-6  # relative pressure above or below saturation, to name the phase
_HEAVY_K = 650.0  # lumps above it are beyond the data of all these correlations
_HEAVY_ALLOWED_K = 5.0
_TWU_TC, _TWU_PC = 2.0, 10.0


def property_library() -> ModuleType:
    """Return the property library.

    Raises:
        InputError: it is not installed.
    """
    try:
        import chemicals
    except ModuleNotFoundError:
        raise InputError(
            "the tables of references need the package 'chemicals'; install operator-agent[dev]"
        ) from None
    found: ModuleType = chemicals
    return found


@dataclass(frozen=True, slots=True)
class PureSubstance:
    """A hydrocarbon as the correlations see it, and its number in the library.

    Attributes:
        name: of the substance.
        cas: registry number.
        temp_boiling: [K].
        gravity: at 60 F.
    """

    name: str
    cas: str
    temp_boiling: float
    gravity: float

    @property
    def watson(self) -> float:
        """Watson factor."""
        return float(np.cbrt(1.8 * self.temp_boiling)) / self.gravity

    @property
    def arrays(self) -> tuple[FloatArray, FloatArray]:
        """Boiling point and gravity as the correlations take them."""
        return np.array([self.temp_boiling]), np.array([self.gravity])


def pure_substance(name: str) -> PureSubstance:
    """Return a hydrocarbon with boiling point and density from the library.

    Raises:
        InputError: the library is missing.
    """
    library = property_library()
    cas = str(library.CAS_from_any(name))
    gravity = _density(library, cas) / DENSITY_WATER_15C
    return PureSubstance(name, cas, float(library.Tb(cas)), gravity)


def _density(library: ModuleType, cas: str) -> float:
    """Return the liquid density at 60 F [kg/m3]: VDI Heat Atlas, without it Perry's."""
    table = library.volume.rho_data_VDI_PPDS_2
    if cas in table.index:
        row = table.loc[cas]
        names = ("Tc", "rhoc", "A", "B", "C", "D", "MW")
        volume = library.volume.volume_VDI_PPDS(_TEMP_60F, *(row[name] for name in names))
        return 1e-3 * float(row["MW"]) / float(volume)
    row = library.volume.rho_data_Perry_8E_105_l.loc[cas]
    molar = library.dippr.EQ105(_TEMP_60F, row["C1"], row["C2"], row["C3"], row["C4"])
    return float(molar) * float(library.MW(cas)) * 1e-3


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


def heat_capacity_rows(substance: PureSubstance) -> list[ReferenceRow]:
    """Return heat capacities of the ideal gas at 400 to 600 K and of the liquid at 298 K."""
    library = property_library()
    kw, gravity = np.array([substance.watson]), np.array([substance.gravity])
    mass = float(library.MW(substance.cas)) * 1e-3
    kw = np.minimum(kw, thermo.WATSON_CAP)
    trc = library.heat_capacity.TRC_gas_data.loc[substance.cas]
    constants = [float(trc[f"a{n}"]) for n in range(8)]
    omega = thermo.acentric_factor(*substance.arrays)
    a, b, c = thermo.heat_capacity_gas(kw, omega)[:, 0]
    found = []
    for temp in (400.0, 500.0, 600.0):
        theirs = library.heat_capacity.TRCCp(temp, *constants) / mass
        ours = float(a + b * temp + c * temp**2)
        found.append(
            relative_row(
                "heat capacity, ideal gas",
                f"{substance.name}, {temp:g} K",
                ours,
                theirs,
                "J/(kg K)",
                _CP_GAS,
                "TRC",
            )
        )
    low, slope = thermo.heat_capacity_liquid(kw, gravity)[:, 0]
    table = library.heat_capacity.Cp_data_Poling["Cpl"]
    liquid = float(table.get(substance.cas, np.nan)) / mass
    if np.isfinite(liquid):
        found.append(
            relative_row(
                "heat capacity, liquid",
                f"{substance.name}, 298 K",
                float(low + slope * 298.15),
                liquid,
                "J/(kg K)",
                _CP_LIQUID,
                "Poling, Prausnitz, O'Connell",
            )
        )
    return found


def water_rows() -> list[ReferenceRow]:
    """Return the plant's constants of water and steam beside IAPWS-95."""
    library = property_library()
    mass = thermo.MOLAR_MASS_WATER

    def enthalpy(temp: float, pressure: float) -> float:  # [J/mol]
        return float(library.iapws.iapws95_properties(temp, pressure)[3]) * mass

    saturation = float(library.iapws.iapws95_Psat(320.0))
    liquid = enthalpy(320.0, (1.0 + _BESIDE) * saturation)
    heat = enthalpy(320.0, (1.0 - _BESIDE) * saturation) - liquid
    rows = [
        relative_row(
            "water, heat of vaporisation",
            "320 K",
            1e-3 * thermo.HEAT_VAPORISATION_WATER,
            1e-3 * heat,
            "kJ/mol",
            _WATER,
            "IAPWS-95",
        )
    ]
    for temp in (420.0, 520.0, 640.0):
        theirs = (enthalpy(temp, 1e3) - enthalpy(320.0, 1e3)) / (temp - 320.0)
        rows.append(
            relative_row(
                "steam, mean heat capacity",
                f"320 to {temp:g} K, dilute",
                thermo.HEAT_CAPACITY_STEAM,
                theirs,
                "J/(mol K)",
                4.0 * _WATER,
                "IAPWS-95",
            )
        )
    path = thermo.HEAT_VAPORISATION_WATER + thermo.HEAT_CAPACITY_STEAM * (640.0 - 320.0)
    whole = enthalpy(640.0, 1.5e5) - liquid
    rows.append(
        relative_row(
            "steam, enthalpy above water",
            "water 320 K to steam 640 K, 1.5 bar",
            1e-3 * path,
            1e-3 * whole,
            "kJ/mol",
            _WATER,
            "IAPWS-95",
        )
    )
    return rows


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
    return found + water_rows() + lump_rows(lumps) + critical_rows(lumps)
