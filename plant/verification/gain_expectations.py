"""Signs that balances ask of the crude unit's steady gains, each with its reason in words.

`RISES`, `FALLS` and `STAYS` say what a controlled variable does when an input rises. Pairs whose
sign depends on sizes, such as the duty of the condenser against a draw, have no expectation. A
crude's share of the slate is judged by its own boiling curve; see `gains`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from operator_agent.plant.variables import CV_NAMES

RISES, FALLS, STAYS = 1, -1, 0
_T95 = ("temp_tbp95_naphtha", "temp_tbp95_kerosene", "temp_tbp95_lgo", "temp_tbp95_hgo")
_NAPHTHA, _KEROSENE, _LGO, _HGO = _T95
_T05, _OVERFLASH = "temp_tbp05_kerosene", "fraction_overflash"
_FURNACE, _CONDENSER, _FLOODING = "duty_furnace", "duty_condenser", "fraction_flooding"
_CUTS = (*_T95, _T05)


@dataclass(frozen=True, slots=True)
class Expectation:
    """What balances say of one gain.

    Attributes:
        source: input that rises.
        output: controlled variable.
        sign: `RISES`, `FALLS` or `STAYS`.
        reason: in words.
    """

    source: str
    output: str
    sign: int
    reason: str


_SIGNS: tuple[tuple[str, int, tuple[str, ...], str], ...] = (
    ("flow_vol_feed", RISES, (_FURNACE,), "more crude to heat"),
    ("flow_vol_feed", RISES, (_CONDENSER,), "more vapour with the same pumparounds"),
    ("flow_vol_feed", RISES, (_FLOODING,), "more vapour through the same column"),
    ("flow_vol_feed", RISES, (_OVERFLASH,), "more vapour, the same draws: the rest flows down"),
    ("flow_vol_feed", FALLS, (_KEROSENE, _LGO, _HGO), "the same draws are smaller shares of crude"),
    ("temp_coil_outlet", RISES, (_FURNACE,), "hotter crude, more of it vapour"),
    ("temp_coil_outlet", RISES, (_CONDENSER,), "more heat in leaves at the top"),
    ("temp_coil_outlet", RISES, (_FLOODING,), "more vapour"),
    ("temp_coil_outlet", RISES, (_OVERFLASH,), "more vapour, the same draws"),
    ("temp_coil_outlet", FALLS, (_HGO,), "more reflux washes the vapour"),
    ("temp_top", RISES, (_NAPHTHA, _T05), "the cut between naphtha and kerosene moves up"),
    ("temp_top", RISES, (_KEROSENE, _LGO, _HGO), "more naphtha: the same draws lie deeper"),
    ("temp_top", FALLS, (_OVERFLASH,), "more leaves at the top, less is left to flow down"),
    ("flow_vol_kerosene", RISES, (_KEROSENE,), "the draw reaches into the LGO"),
    ("flow_vol_kerosene", RISES, (_LGO, _HGO), "the draws below lie deeper"),
    ("flow_vol_kerosene", FALLS, (_OVERFLASH,), "what is drawn does not flow down"),
    ("flow_vol_lgo", RISES, (_LGO,), "the draw reaches into the HGO"),
    ("flow_vol_lgo", RISES, (_HGO,), "the draw below lies deeper"),
    ("flow_vol_lgo", FALLS, (_OVERFLASH,), "what is drawn does not flow down"),
    ("flow_vol_hgo", RISES, (_HGO,), "the draw reaches into the residue"),
    ("flow_vol_hgo", FALLS, (_OVERFLASH,), "what is drawn does not flow down"),
    ("duty_pumparound_mid", FALLS, (_CONDENSER,), "heat that leaves here does not leave there"),
    ("duty_pumparound_mid", RISES, (_NAPHTHA, _KEROSENE), "less reflux above: worse separation"),
    ("duty_pumparound_bottom", FALLS, (_CONDENSER,), "heat that leaves here does not leave there"),
    ("duty_pumparound_bottom", FALLS, (_FURNACE,), "the crude takes this heat in the train"),
    ("duty_pumparound_bottom", RISES, (_NAPHTHA, _KEROSENE, _LGO), "less reflux above"),
    ("flow_mass_steam_bottom", RISES, (_CONDENSER,), "the steam condenses there"),
    ("flow_mass_steam_bottom", RISES, (_FLOODING,), "more vapour"),
    (
        "flow_mass_steam_bottom",
        RISES,
        (_NAPHTHA, _T05),
        "steam at the top: the same temperature is a heavier dew point",
    ),
    ("pressure_top", FALLS, (_NAPHTHA, _T05), "the same temperature is a lighter dew point"),
    ("pressure_top", FALLS, (_KEROSENE,), "less naphtha: the same draw lies higher"),
    ("pressure_top", FALLS, (_FURNACE,), "less is vaporised at the same coil outlet"),
    ("pressure_top", FALLS, (_FLOODING,), "denser and less vapour"),
    ("fraction_oxygen_stack", STAYS, CV_NAMES, "the coil outlet is held: fuel and stack pay"),
    ("duty_pumparound_top", FALLS, (_CONDENSER,), "heat that leaves here does not leave there"),
    ("fraction_wash_water", RISES, (_FURNACE,), "the water takes heat of the crude with it"),
    (
        "fraction_wash_water",
        STAYS,
        (*_CUTS, _OVERFLASH, _CONDENSER, _FLOODING),
        "the furnace makes up for it",
    ),
    ("flow_mass_steam_kerosene", RISES, (_T05,), "light ends go back to the column"),
    ("flow_mass_steam_kerosene", RISES, (_CONDENSER,), "the steam condenses there"),
    ("flow_mass_steam_lgo", RISES, (_CONDENSER,), "the steam condenses there"),
    ("flow_mass_steam_hgo", RISES, (_CONDENSER,), "the steam condenses there"),
    ("temp_ambient", STAYS, (_FURNACE,), "the coil outlet is held"),
    ("temp_ambient", FALLS, (_CONDENSER,), "the condensate leaves warmer"),
    ("temp_cooling_water", STAYS, (_FURNACE,), "the coil outlet is held"),
    ("temp_cooling_water", FALLS, (_CONDENSER,), "the condensate leaves warmer"),
    (
        "temp_cooling_water",
        FALLS,
        (_NAPHTHA, _KEROSENE),
        "warmer reflux, hence more of it for the same top temperature: sharper cuts",
    ),
    ("temp_crude", FALLS, (_FURNACE,), "the crude reaches the furnace warmer"),
    (
        "temp_crude",
        STAYS,
        (*_CUTS, _OVERFLASH, _CONDENSER, _FLOODING),
        "the furnace makes up for it",
    ),
    ("heating_value_fuel", STAYS, CV_NAMES, "the coil outlet is held: fuel pays"),
    ("temp_shift_preheat", FALLS, (_FURNACE,), "the crude reaches the furnace warmer"),
    (
        "temp_shift_preheat",
        STAYS,
        (*_CUTS, _OVERFLASH, _CONDENSER, _FLOODING),
        "the furnace makes up for it",
    ),
)


def expectations() -> Iterator[Expectation]:
    """Yield all expectations, input by input."""
    for source, sign, outputs, reason in _SIGNS:
        for output in outputs:
            yield Expectation(source, output, sign, reason)
