"""Signs that balances ask of the crude unit's steady gains, each with its reason in words.

`RISES`, `FALLS` and `STAYS` say what a controlled variable does when an input rises. Pairs whose
sign depends on sizes, such as the duty of the condenser against a draw, have no expectation. A
crude's share of the slate is judged by its own boiling curve, see `gains`; equipment partly out of
service stands in `status_expectations`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from operator_agent.plant.variables import CV_NAMES

RISES, FALLS, STAYS = 1, -1, 0
_T95 = ("temp_tbp95_naphtha", "temp_tbp95_kerosene", "temp_tbp95_lgo", "temp_tbp95_hgo")
NAPHTHA, KEROSENE, LGO, HGO = _T95
_T05, OVERFLASH = "temp_tbp05_kerosene", "fraction_overflash"
FURNACE, CONDENSER, FLOODING = "duty_furnace", "duty_condenser", "fraction_flooding"
CUTS = (*_T95, _T05)


@dataclass(frozen=True, slots=True)
class Expectation:
    """What balances say of one gain.

    Attributes:
        source: input that rises.
        output: controlled variable.
        sign: `RISES`, `FALLS` or `STAYS`.
        reason: in words.
        size: from and to of the gain without its sign, in spans per span, where a balance tells.
    """

    source: str
    output: str
    sign: int
    reason: str
    size: tuple[float, float] | None = None


Signs = tuple[tuple[str, int, tuple[str, ...], str], ...]  # input, sign, outputs, reason
_SIGNS: Signs = (
    ("flow_vol_feed", RISES, (FURNACE,), "more crude to heat"),
    ("flow_vol_feed", RISES, (CONDENSER,), "more vapour with the same pumparounds"),
    ("flow_vol_feed", RISES, (FLOODING,), "more vapour through the same column"),
    ("flow_vol_feed", RISES, (OVERFLASH,), "more vapour, the same draws: the rest flows down"),
    ("flow_vol_feed", FALLS, (KEROSENE, LGO, HGO), "the same draws are smaller shares of crude"),
    ("temp_coil_outlet", RISES, (FURNACE,), "hotter crude, more of it vapour"),
    ("temp_coil_outlet", RISES, (CONDENSER,), "more heat in leaves at the top"),
    ("temp_coil_outlet", RISES, (FLOODING,), "more vapour"),
    ("temp_coil_outlet", RISES, (OVERFLASH,), "more vapour, the same draws"),
    ("temp_coil_outlet", FALLS, (HGO,), "more reflux washes the vapour"),
    ("temp_top", RISES, (NAPHTHA, _T05), "the cut between naphtha and kerosene moves up"),
    ("temp_top", RISES, (KEROSENE, LGO, HGO), "more naphtha: the same draws lie deeper"),
    ("temp_top", FALLS, (OVERFLASH,), "more leaves at the top, less is left to flow down"),
    ("flow_vol_kerosene", RISES, (KEROSENE,), "the draw reaches into the LGO"),
    ("flow_vol_kerosene", RISES, (LGO, HGO), "the draws below lie deeper"),
    ("flow_vol_kerosene", FALLS, (OVERFLASH,), "what is drawn does not flow down"),
    ("flow_vol_lgo", RISES, (LGO,), "the draw reaches into the HGO"),
    ("flow_vol_lgo", RISES, (HGO,), "the draw below lies deeper"),
    ("flow_vol_lgo", FALLS, (OVERFLASH,), "what is drawn does not flow down"),
    ("flow_vol_hgo", RISES, (HGO,), "the draw reaches into the residue"),
    ("flow_vol_hgo", FALLS, (OVERFLASH,), "what is drawn does not flow down"),
    ("duty_pumparound_mid", FALLS, (CONDENSER,), "heat that leaves here does not leave there"),
    ("duty_pumparound_mid", RISES, (NAPHTHA, KEROSENE), "less reflux above: worse separation"),
    ("duty_pumparound_bottom", FALLS, (CONDENSER,), "heat that leaves here does not leave there"),
    ("duty_pumparound_bottom", FALLS, (FURNACE,), "the crude takes this heat in the train"),
    ("duty_pumparound_bottom", RISES, (NAPHTHA, KEROSENE, LGO), "less reflux above"),
    ("flow_mass_steam_bottom", RISES, (CONDENSER,), "the steam condenses there"),
    ("flow_mass_steam_bottom", RISES, (FLOODING,), "more vapour"),
    (
        "flow_mass_steam_bottom",
        RISES,
        (NAPHTHA, _T05),
        "steam at the top: the same temperature is a heavier dew point",
    ),
    ("pressure_top", FALLS, (NAPHTHA, _T05), "the same temperature is a lighter dew point"),
    ("pressure_top", FALLS, (KEROSENE,), "less naphtha: the same draw lies higher"),
    ("pressure_top", FALLS, (FURNACE,), "less is vaporised at the same coil outlet"),
    ("pressure_top", FALLS, (FLOODING,), "denser and less vapour"),
    ("fraction_oxygen_stack", STAYS, CV_NAMES, "the coil outlet is held: fuel and stack pay"),
    ("duty_pumparound_top", FALLS, (CONDENSER,), "heat that leaves here does not leave there"),
    ("fraction_wash_water", RISES, (FURNACE,), "the water takes heat of the crude with it"),
    (
        "fraction_wash_water",
        STAYS,
        (*CUTS, OVERFLASH, CONDENSER, FLOODING),
        "the furnace makes up for it",
    ),
    ("flow_mass_steam_kerosene", RISES, (_T05,), "light ends go back to the column"),
    ("flow_mass_steam_kerosene", RISES, (CONDENSER,), "the steam condenses there"),
    ("flow_mass_steam_lgo", RISES, (CONDENSER,), "the steam condenses there"),
    ("flow_mass_steam_hgo", RISES, (CONDENSER,), "the steam condenses there"),
    ("temp_ambient", STAYS, (FURNACE,), "the coil outlet is held"),
    ("temp_ambient", FALLS, (CONDENSER,), "the condensate leaves warmer"),
    ("temp_cooling_water", STAYS, (FURNACE,), "the coil outlet is held"),
    ("temp_cooling_water", FALLS, (CONDENSER,), "the condensate leaves warmer"),
    (
        "temp_cooling_water",
        FALLS,
        (NAPHTHA, KEROSENE),
        "warmer reflux, hence more of it for the same top temperature: sharper cuts",
    ),
    ("temp_crude", FALLS, (FURNACE,), "the crude reaches the furnace warmer"),
    (
        "temp_crude",
        STAYS,
        (*CUTS, OVERFLASH, CONDENSER, FLOODING),
        "the furnace makes up for it",
    ),
    ("heating_value_fuel", STAYS, CV_NAMES, "the coil outlet is held: fuel pays"),
    ("temp_shift_preheat", FALLS, (FURNACE,), "the crude reaches the furnace warmer"),
    (
        "temp_shift_preheat",
        STAYS,
        (*CUTS, OVERFLASH, CONDENSER, FLOODING),
        "the furnace makes up for it",
    ),
)


def expectations() -> Iterator[Expectation]:
    """Yield all expectations on set points and on the boundary, input by input."""
    yield from listed(_SIGNS)


def listed(signs: Signs) -> Iterator[Expectation]:
    """Yield the expectations of a list, output by output."""
    for source, sign, outputs, reason in signs:
        for output in outputs:
            yield Expectation(source, output, sign, reason)
