"""Combustion of a gas: air and flue gas by stoichiometry, losses with the flue gas.

One mole of fuel holds one mole of carbon and y of hydrogen atoms, CHy; it takes 1 + y/4 moles of
oxygen. What leaves is dry flue gas of CO2, nitrogen and the oxygen that is left over.
"""

from dataclasses import dataclass

import casadi as ca

from operator_agent.plant.smooth import softplus

MOLAR_MASS_CARBON = 0.012011  # [kg/mol], IUPAC
MOLAR_MASS_HYDROGEN = 0.001008  # [kg/mol] of atoms, IUPAC
MOLAR_MASS_AIR = 0.028965  # [kg/mol], dry
FRACTION_OXYGEN_AIR = 0.20946  # of dry air, by volume
HEAT_CARBON_MONOXIDE = 283_000.0  # [J/mol], heat of combustion; NIST WebBook
_SHARPNESS = 40.0  # of the limit of burning by air: 0.01 % unburnt at 3 % O2, 0.4 % at 1 %
_AIR_FLOOR = 1e-3  # [kg/s]
_OXYGEN_CO = 0.015  # dry O2 below which CO forms
_CO_SLOPE = 0.4  # CO per missing O2: 0.2 % CO at 1 % O2, usual for gas burners
_CO_SOFT = 0.0015  # of O2, width of the start
_SIEGERT_OXYGEN = 21.0  # [%] as in Siegert's formula
_N_MOLES_DRY_FLOOR = 1e-6  # [mol/s]


@dataclass(frozen=True, slots=True)
class Flue:
    """Expressions of the combustion.

    Attributes:
        share_burned: of the fuel, 0 to 1.
        fraction_oxygen: of the dry flue gas.
        fraction_co: of the dry flue gas.
        duty_released: heat of combustion [W], before any loss but that of unburnt fuel and CO.
    """

    share_burned: ca.SX
    fraction_oxygen: ca.SX
    fraction_co: ca.SX
    duty_released: ca.SX


def air_stoichiometric(ratio_hydrogen: float) -> float:
    """Return the air that a fuel needs [kg/kg].

    Args:
        ratio_hydrogen: y in CHy.

    Example:
        >>> round(air_stoichiometric(4.0), 1)  # methane
        17.2
    """
    moles_air = (1.0 + 0.25 * ratio_hydrogen) / FRACTION_OXYGEN_AIR
    return moles_air * MOLAR_MASS_AIR / molar_mass_fuel(ratio_hydrogen)


def molar_mass_fuel(ratio_hydrogen: float) -> float:
    """Return the molar mass of CHy [kg/mol]."""
    return MOLAR_MASS_CARBON + ratio_hydrogen * MOLAR_MASS_HYDROGEN


def air_ratio_for(fraction_oxygen: ca.SX, ratio_hydrogen: float) -> ca.SX:
    """Return the air over the stoichiometric air that leaves a fraction of oxygen, dry.

    Args:
        fraction_oxygen: of the dry flue gas, below 0.2.
        ratio_hydrogen: y in CHy.
    """
    need = 1.0 + 0.25 * ratio_hydrogen
    return (1.0 + fraction_oxygen * (1.0 / need - 1.0)) / (
        1.0 - fraction_oxygen / FRACTION_OXYGEN_AIR
    )


def burn(
    flow_fuel: ca.SX,
    flow_air: ca.SX,
    flow_tramp: float,
    heating_value: ca.SX,
    ratio_hydrogen: float,
) -> Flue:
    """Return what burning a fuel gives.

    Args:
        flow_fuel: [kg/s].
        flow_air: to the burners [kg/s].
        flow_tramp: air that leaks in behind the flames [kg/s].
        heating_value: lower, of the fuel [J/kg].
        ratio_hydrogen: y in CHy.
    """
    need = 1.0 + 0.25 * ratio_hydrogen
    lack = flow_fuel * air_stoichiometric(ratio_hydrogen) / (flow_air + _AIR_FLOOR)
    share = (1.0 + lack**_SHARPNESS) ** (-1.0 / _SHARPNESS)
    moles_burned = flow_fuel * share / molar_mass_fuel(ratio_hydrogen)
    moles_air = (flow_air + _AIR_FLOOR + flow_tramp) / MOLAR_MASS_AIR
    oxygen = FRACTION_OXYGEN_AIR * moles_air - need * moles_burned
    dry = moles_air + (1.0 - need) * moles_burned + _N_MOLES_DRY_FLOOR
    fraction = oxygen / dry
    share_co = _CO_SLOPE * softplus(_OXYGEN_CO - fraction, _CO_SOFT)
    heat_co = HEAT_CARBON_MONOXIDE * share_co * dry
    return Flue(share, fraction, share_co, flow_fuel * share * heating_value - heat_co)


def loss_siegert(
    temp_stack: ca.SX, temp_ambient: ca.SX, fraction_oxygen: ca.SX, a2: float, b: float
) -> ca.SX:
    """Return the share of the fired duty that leaves with the flue gas.

    Siegert's formula, loss [%] = (Tst - Tamb) (A2/(21 - O2) + B), with O2 in % dry; for natural
    gas A2 = 0.66 and B = 0.009 (German 1. BImSchV, annex 2).

    Args:
        temp_stack: of the flue gas at the stack [K].
        temp_ambient: of the combustion air outside [K].
        fraction_oxygen: of the dry flue gas, below 0.21.
        a2, b: constants of the fuel.
    """
    percent = (temp_stack - temp_ambient) * (a2 / (_SIEGERT_OXYGEN - 100.0 * fraction_oxygen) + b)
    return 0.01 * percent
