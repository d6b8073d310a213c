"""Heat capacities and enthalpies of pure hydrocarbons and water beside the property library.

Liquids: Poling, Prausnitz and O'Connell at 298 K, Zabransky's measurements when hot. Ideal gases:
TRC. The whole path from cold liquid to hot vapour is compared as one: the CRC's heat of
vaporisation at 298 K and the TRC's ideal gas against the plant's polynomials, which vaporise at
the boiling point instead.
"""

import numpy as np
from scipy.integrate import quad

from operator_agent.arrays import FloatArray
from operator_agent.plant.crude import thermo
from operator_agent.plant.crude.lumps import Lumps
from operator_agent.plant.verification.pure_substance import PureSubstance, property_library
from operator_agent.plant.verification.reference_row import ReferenceRow, relative_row

# Allowed differences [%], assumed: the size of error that texts give for these correlations.
_CP_GAS, _CP_LIQUID, _PATH = 5.0, 5.0, 4.0
_WATER = 1.0
_BESIDE = 1e-6  # relative pressure above or below saturation, to name the phase
_ZABRANSKY = "Zabransky spline, constant-pressure"
_TEMP_COLD = 298.15  # [K]
_TEMP_WATER, _TEMP_STEAM = 320.0, 640.0  # [K], of the drum and of the stripping steam
_PRESSURE_STEAM, _PRESSURE_DILUTE = 1.5e5, 1e3  # [Pa]


def heat_capacity_rows(substance: PureSubstance) -> list[ReferenceRow]:
    """Return heat capacities of the ideal gas at 400 to 600 K and of the liquid at 298 K."""
    kw, gravity = np.array([substance.watson]), np.array([substance.gravity])
    kw = np.minimum(kw, thermo.WATSON_CAP)
    low, slope = map(float, thermo.heat_capacity_liquid(kw, gravity)[:, 0])
    return [
        *_gas_rows(substance, kw),
        *_hot_liquid_rows(substance, low, slope),
        *_cold_liquid_rows(substance, low, slope),
    ]


def _gas_rows(substance: PureSubstance, kw: FloatArray) -> list[ReferenceRow]:
    library = property_library()
    mass = float(library.MW(substance.cas)) * 1e-3
    trc = library.heat_capacity.TRC_gas_data.loc[substance.cas]
    constants = [float(trc[f"a{n}"]) for n in range(8)]
    omega = thermo.acentric_factor(*substance.arrays)
    a, b, c = thermo.heat_capacity_gas(kw, omega)[:, 0]
    return [
        relative_row(
            "heat capacity, ideal gas",
            f"{substance.name}, {temp:g} K",
            float(a + b * temp + c * temp**2),
            library.heat_capacity.TRCCp(temp, *constants) / mass,
            "J/(kg K)",
            _CP_GAS,
            "TRC",
        )
        for temp in (400.0, 500.0, 600.0)
    ]


def _cold_liquid_rows(substance: PureSubstance, low: float, slope: float) -> list[ReferenceRow]:
    library = property_library()
    mass = float(library.MW(substance.cas)) * 1e-3
    table = library.heat_capacity.Cp_data_Poling["Cpl"]
    liquid = float(table.get(substance.cas, np.nan)) / mass
    if not np.isfinite(liquid):
        return []
    return [
        relative_row(
            "heat capacity, liquid",
            f"{substance.name}, 298 K",
            low + slope * _TEMP_COLD,
            liquid,
            "J/(kg K)",
            _CP_LIQUID,
            "Poling, Prausnitz, O'Connell",
        )
    ]


def water_rows() -> list[ReferenceRow]:
    """Return the plant's constants of water and steam beside IAPWS-95."""
    saturation = float(property_library().iapws.iapws95_Psat(_TEMP_WATER))
    liquid = _enthalpy_of_water(_TEMP_WATER, (1.0 + _BESIDE) * saturation)
    heat = _enthalpy_of_water(_TEMP_WATER, (1.0 - _BESIDE) * saturation) - liquid
    path = thermo.HEAT_VAPORISATION_WATER
    path += thermo.HEAT_CAPACITY_STEAM * (_TEMP_STEAM - _TEMP_WATER)
    whole = _enthalpy_of_water(_TEMP_STEAM, _PRESSURE_STEAM) - liquid
    condition = "water 320 K to steam 640 K, 1.5 bar"
    return [
        _heat_row("water, heat of vaporisation", "320 K", thermo.HEAT_VAPORISATION_WATER, heat),
        *(_steam_row(temp) for temp in (420.0, 520.0, _TEMP_STEAM)),
        _heat_row("steam, enthalpy above water", condition, path, whole),
    ]


def _enthalpy_of_water(temp: float, pressure: float) -> float:
    """Return the molar enthalpy by IAPWS-95 [J/mol]."""
    mass = thermo.MOLAR_MASS_WATER
    return float(property_library().iapws.iapws95_properties(temp, pressure)[3]) * mass


def _heat_row(topic: str, subject: str, ours: float, theirs: float) -> ReferenceRow:
    """Return two heats [J/mol] as a row in kJ/mol."""
    kilo = (1e-3 * ours, 1e-3 * theirs)
    return relative_row(topic, subject, *kilo, "kJ/mol", _WATER, "IAPWS-95")


def _steam_row(temp: float) -> ReferenceRow:
    """Return the mean heat capacity of dilute steam from cold to a temperature [K]."""
    cold, hot = (_enthalpy_of_water(at, _PRESSURE_DILUTE) for at in (_TEMP_WATER, temp))
    return relative_row(
        "steam, mean heat capacity",
        f"{_TEMP_WATER:g} to {temp:g} K, dilute",
        thermo.HEAT_CAPACITY_STEAM,
        (hot - cold) / (temp - _TEMP_WATER),
        "J/(mol K)",
        4.0 * _WATER,
        "IAPWS-95",
    )


def _hot_liquid_rows(substance: PureSubstance, low: float, slope: float) -> list[ReferenceRow]:
    library = property_library()
    table = library.heat_capacity.zabransky_dicts[_ZABRANSKY]
    if substance.cas not in table:
        return []
    mass = float(library.MW(substance.cas)) * 1e-3
    return [
        relative_row(
            "heat capacity, hot liquid",
            f"{substance.name}, {temp:g} K",
            low + slope * temp,
            float(table[substance.cas].calculate(temp)) / mass,
            "J/(kg K)",
            _CP_LIQUID,
            "Zabransky",
        )
        for temp in (350.0, 400.0, 450.0, 500.0)
        if temp < min(substance.temp_boiling, table[substance.cas].Tmax)
    ]


def enthalpy_rows(substance: PureSubstance) -> list[ReferenceRow]:
    """Return the enthalpy of vapour at 450 and 550 K above the liquid of 298 K."""
    library = property_library()
    cold = float(library.phase_change.Hvap_data_CRC.loc[substance.cas, "Hvap298"])
    if not np.isfinite(cold):
        return []
    mass = float(library.MW(substance.cas)) * 1e-3
    trc = library.heat_capacity.TRC_gas_data.loc[substance.cas]
    constants = [float(trc[f"a{n}"]) for n in range(8)]
    found = thermo.properties(_as_lumps(substance))
    liquid = found.liquid[:, 0] @ _TEMP_COLD ** np.arange(3.0)
    rows = []
    for temp in (450.0, 550.0):
        gas, _ = quad(lambda at: library.heat_capacity.TRCCp(at, *constants), _TEMP_COLD, temp)
        vapour = found.vapour[:, 0] @ temp ** np.arange(4.0)
        rows.append(
            relative_row(
                "enthalpy, cold liquid to vapour",
                f"{substance.name}, {temp:g} K",
                1e-3 * float((vapour - liquid) / found.molar_mass[0]),
                1e-3 * (cold + gas) / mass,
                "kJ/kg",
                _PATH,
                "CRC, TRC",
            )
        )
    return rows


def _as_lumps(substance: PureSubstance) -> Lumps:
    boiling, gravity = substance.arrays
    return Lumps(
        crude_keys=(substance.name,),
        temp_boiling=boiling,
        temp_low=boiling - 1.0,
        temp_high=boiling + 1.0,
        specific_gravity=gravity,
        watson_factor=np.array([substance.watson]),
        fractions=np.ones((1, 1)),
    )
