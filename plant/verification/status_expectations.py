"""What physics asks of the unit's steady gains when equipment is partly out of service.

Controllers hold what their equipment has capacity left for: flow loops open their valves, the
pressure loop takes more of the condenser, burners in service fire more. What is out of service is
then seen in openings, powers and temperatures, and stays away from the products. All signs are
those of equipment that comes back: `RISES` is what falls with a loss.
"""

from collections.abc import Iterator, Mapping

from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.variables import CV_NAMES
from operator_agent.plant.verification.gain_expectations import (
    CONDENSER,
    CUTS,
    FALLS,
    FLOODING,
    FURNACE,
    KEROSENE,
    NAPHTHA,
    OVERFLASH,
    RISES,
    STAYS,
    Expectation,
    Signs,
    listed,
)

_BEHIND_THE_FURNACE = (*CUTS, OVERFLASH, CONDENSER, FLOODING)
_LIKE = {"temp_": "temp_preheat", "duty_": "duty_furnace", "flow_vol_": "flow_vol_feed"}
_PUMPS = "status_pump_"
_LEAST_OF_BALANCE, _MOST_OF_BALANCE = 0.8, 1.05  # wash water, films and curvature are left out
_HELD = "the flow loop holds it with its valve"
_VALVE = "the faster pump needs less of its valve"
_AFFINITY = "power rises with the speed (affinity law)"
_UNTOUCHED = "the loops hold flow and duty: nothing reaches the products"

_SIGNS: Signs = (
    ("status_power", FALLS, ("opening_valve_feed", "opening_valve_reflux"), _VALVE),
    (
        "status_power",
        FALLS,
        tuple(f"opening_valve_{p}" for p in ("kerosene", "lgo", "hgo")),
        _VALVE,
    ),
    ("status_power", FALLS, ("temp_drum",), "more of the condenser is cooled"),
    ("status_power", RISES, (CONDENSER,), "the condensate leaves colder"),
    ("status_power", FALLS, ("conc_salt_desalter",), "a stronger field"),
    ("status_power", STAYS, ("flow_vol_feed_actual",), _HELD),
    ("status_power", STAYS, ("pressure_top",), "the condenser has capacity left"),
    ("status_power", STAYS, ("fraction_oxygen_stack_actual",), "the fan has air left"),
    ("status_power", STAYS, ("temp_coil_outlet_actual", FURNACE), "the coil outlet is held"),
    ("status_heater", STAYS, CV_NAMES, "the burners have fuel left: the coil outlet is held"),
    ("status_heater", STAYS, ("temp_coil_outlet_actual",), "the burners have fuel left"),
    ("status_heater", STAYS, ("flow_mass_fuel",), "the same heat takes the same fuel"),
    ("status_pump_feed", FALLS, ("opening_valve_feed",), _VALVE),
    ("status_pump_feed", RISES, ("power_pump_feed",), _AFFINITY),
    ("status_pump_feed", STAYS, ("flow_vol_feed_actual",), _HELD),
    ("status_pump_feed", STAYS, CV_NAMES, _UNTOUCHED),
    ("status_pump_reflux", FALLS, ("opening_valve_reflux",), _VALVE),
    ("status_pump_reflux", RISES, ("power_pump_reflux",), _AFFINITY),
    ("status_pump_reflux", STAYS, ("flow_vol_reflux",), _HELD),
    ("status_pump_reflux", STAYS, CV_NAMES, _UNTOUCHED),
    ("status_condenser", FALLS, ("temp_drum",), "more surface: the condensate leaves colder"),
    ("status_condenser", RISES, (CONDENSER,), "the condensate leaves colder"),
    ("status_condenser", FALLS, ("flow_vol_reflux",), "colder reflux, hence less of it"),
    (
        "status_condenser",
        RISES,
        (NAPHTHA, KEROSENE),
        "less reflux for the same top temperature: worse separation",
    ),
    ("status_condenser", STAYS, ("pressure_top",), "the condenser has capacity left"),
    ("status_condenser", STAYS, (FURNACE,), "the coil outlet is held"),
    ("status_exchanger_1", RISES, ("temp_desalter", "temp_preheat"), "more heat to the crude"),
    ("status_exchanger_1", FALLS, ("conc_salt_desalter",), "a warmer desalter"),
    *(
        (f"status_exchanger_{n}", RISES, ("temp_preheat",), "more heat to the crude")
        for n in (2, 3, 4)
    ),
    *(
        (f"status_exchanger_{n}", STAYS, _BEHIND_THE_FURNACE, "the furnace makes up for it")
        for n in (1, 2, 3, 4)
    ),
)


def _of_pumparound(place: str, exchanger: int | None) -> Signs:
    """Return the expectations of a pumparound's pump and of the exchanger that it feeds."""
    pump, duty = f"{_PUMPS}pumparound_{place}", f"duty_pumparound_{place}_actual"
    of_pump: Signs = (
        (pump, RISES, (f"power_pump_pumparound_{place}",), _AFFINITY),
        (pump, STAYS, (duty,), "its set point asks for less than there is"),
        (pump, STAYS, CV_NAMES, _UNTOUCHED),
    )
    if exchanger is None:
        return of_pump
    status = f"status_exchanger_{exchanger}"
    return (
        *of_pump,
        (pump, RISES, (f"temp_hot_exchanger_{exchanger}",), "more flow loses the same heat"),
        (status, FALLS, (f"duty_trim_pumparound_{place}",), "the trim cooler takes what is left"),
        (status, STAYS, (duty,), "the trim cooler takes what is left"),
    )


_PUMPAROUNDS = (
    *_of_pumparound("top", None),
    *_of_pumparound("mid", 2),
    *_of_pumparound("bottom", 3),
)


def status_expectations(told: Mapping[str, float], case: CrudeUnitCase) -> Iterator[Expectation]:
    """Yield all expectations on the status of equipment.

    The furnace's share of an exchanger's loss follows from the nominal point: all of the lost
    duty, or, for the crude that still meets the residue, what that exchanger leaves. A colder
    inlet passes it by 1 - e, with e = (rise of the crude) / (residue in - crude in).

    Args:
        told: everything that the unit tells at its nominal point, by name [SI].
        case: spans of the unit.
    """
    yield from listed((*_SIGNS, *_PUMPAROUNDS))
    before, behind = told["temp_cold_exchanger_3"], told["temp_cold_exchanger_4"]
    passed = 1.0 - (behind - before) / (told["temp_bottom"] - before)
    for n in (1, 2, 3, 4):
        lost = told[f"duty_exchanger_{n}"] / case.spans[FURNACE]
        share, reason = (1.0, "") if n == 4 else (passed, ", less what exchanger 4 makes up")
        yield Expectation(
            f"status_exchanger_{n}",
            FURNACE,
            FALLS,
            f"the furnace gives the lost duty{reason}",
            (_LEAST_OF_BALANCE * share * lost, _MOST_OF_BALANCE * lost),
        )


def watched() -> tuple[str, ...]:
    """Return what is judged beside the controlled variables, each name once."""
    outputs = (output for _, _, names, _ in (*_SIGNS, *_PUMPAROUNDS) for output in names)
    return tuple(dict.fromkeys(name for name in outputs if name not in CV_NAMES))


def span_of(name: str, case: CrudeUnitCase, nominal: float) -> float:
    """Return by how much a quantity counts in gains [SI].

    Its span in the case where there is one, that of a variable of its kind otherwise; for
    concentrations, openings, powers and fuel their own nominal value.

    Args:
        name: of the quantity, as the unit tells it.
        case: with the spans.
        nominal: value of the quantity [SI].
    """
    bare = name.removesuffix("_actual")
    if bare in case.spans:
        return case.spans[bare]
    for prefix, like in _LIKE.items():
        if name.startswith(prefix):
            return case.spans[like]
    return nominal
