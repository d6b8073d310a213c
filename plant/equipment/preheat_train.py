"""Preheat train: the crude takes up the heat of pumparounds, products and residue.

The exchangers stand in the order of the case, some before and some behind the desalter. A
pumparound's duty is a set point: a bypass of its exchanger keeps the heat to the crude at or
below it, and a trim cooler takes the rest as far as its own effectiveness allows.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import casadi as ca

from operator_agent.errors import InputError
from operator_agent.plant.document import Section
from operator_agent.plant.equipment.desalter import (
    Desalter,
    DesalterResult,
    WashWater,
    add_desalter,
)
from operator_agent.plant.equipment.exchanger import (
    ColdSide,
    Exchanger,
    ExchangerResult,
    HotSide,
    add_exchanger,
)
from operator_agent.plant.equipment.parameters import require_range
from operator_agent.plant.smooth import smaller, softplus
from operator_agent.plant.states import States

SI_OF_TRIM = {"effectiveness_trim": "1"}
_DUTY_SOFT = 1e3  # [W], width of the start of trim cooling: 0.01 % of a duty
_APPROACH_SOFT = 0.5  # [K], width of the end of trim cooling as the circulation cools


@dataclass(frozen=True, slots=True)
class TrainEquipment:
    """The exchangers of a train in the order in which the crude meets them.

    Attributes:
        before, behind: by place, upstream and downstream of the desalter.
        desalter: between them.
        effectiveness_trim: of the trim coolers of the pumparounds, 0 to 1.
    """

    before: Mapping[str, Exchanger]
    desalter: Desalter
    behind: Mapping[str, Exchanger]
    effectiveness_trim: float

    def __post_init__(self) -> None:
        """Refuse a train without exchangers or with one place twice.

        Raises:
            InputError: see above, or a trim cooler that is better than ideal.
        """
        require_range(self, ("effectiveness_trim",), high=1.0)
        twice = set(self.before) & set(self.behind)
        if twice:
            raise InputError(
                f"preheat train: exchanger '{min(twice)}' stands before and behind the desalter; "
                "give each place once"
            )
        if not self.before and not self.behind:
            raise InputError("preheat train: no exchangers; list them under 'before' or 'behind'")

    @classmethod
    def from_section(cls, section: Section) -> "TrainEquipment":
        """Return the train that a section of a case describes.

        Its keys: `before` and `behind` with one exchanger for each place, `desalter`, `trim`.

        Raises:
            InputError: a key is missing, unknown or out of range.
        """
        parts = {key: section.section(key) for key in ("before", "behind", "desalter", "trim")}
        section.close()
        return cls(
            before=_exchangers(parts["before"]),
            desalter=Desalter.from_section(parts["desalter"]),
            behind=_exchangers(parts["behind"]),
            **parts["trim"].quantities(SI_OF_TRIM),
        )


def _exchangers(section: Section) -> dict[str, Exchanger]:
    return {place: Exchanger.from_section(section.section(place)) for place in section.names()}


@dataclass(frozen=True, slots=True)
class TrainInputs:
    """What acts on a train.

    Attributes:
        crude: that enters, cold.
        hot_sides: by place, for each exchanger.
        duties: set points of the pumparounds by place [W]; exchangers of other places take all
            they can.
        in_service: of the exchangers by place, 1 or 0; those not named are in service.
        wash: water to the desalter and salt in the crude.
        temp_coolant: of the trim coolers [K].
    """

    crude: ColdSide
    hot_sides: Mapping[str, HotSide]
    duties: Mapping[str, ca.SX]
    in_service: Mapping[str, ca.SX]
    wash: WashWater
    temp_coolant: ca.SX


@dataclass(frozen=True, slots=True)
class PreheatTrain:
    """Expressions of a train.

    Attributes:
        temp_out: of the crude behind it [K].
        exchangers: by place.
        desalter: between them.
        duties: heat taken from each pumparound by exchanger and trim cooler together [W].
        duties_trim: of that, by the trim cooler [W].
    """

    temp_out: ca.SX
    exchangers: dict[str, ExchangerResult]
    desalter: DesalterResult
    duties: dict[str, ca.SX]
    duties_trim: dict[str, ca.SX]


def add_preheat_train(states: States, train: TrainEquipment, inputs: TrainInputs) -> PreheatTrain:
    """Declare the states of a preheat train and return its temperatures and duties.

    Args:
        states: of the model, extended by those of the exchangers and the desalter.
        train: sizes.
        inputs: streams, set points and status.

    Raises:
        InputError: an exchanger has no hot side, or a duty or status has no exchanger.
    """
    _check_places(train, inputs)
    crude = inputs.crude
    results: dict[str, ExchangerResult] = {}
    for place, exchanger in train.before.items():
        results[place], crude = _pass(states, place, exchanger, inputs, crude)
    desalter = add_desalter(states, train.desalter, crude, inputs.wash)
    crude = ColdSide(desalter.temp, crude.capacity_flow, crude.flow)
    for place, exchanger in train.behind.items():
        results[place], crude = _pass(states, place, exchanger, inputs, crude)
    trims = {
        place: _trim_duty(
            train.effectiveness_trim, inputs.hot_sides[place], results[place], duty, inputs
        )
        for place, duty in inputs.duties.items()
    }
    duties = {place: results[place].duty + trim for place, trim in trims.items()}
    return PreheatTrain(crude.temp_in, results, desalter, duties, trims)


def _check_places(train: TrainEquipment, inputs: TrainInputs) -> None:
    places = {*train.before, *train.behind}
    for place in places - set(inputs.hot_sides):
        raise InputError(f"preheat train: exchanger '{place}' has no hot side; give its stream")
    for what, given in (("duty", inputs.duties), ("status", inputs.in_service)):
        for place in set(given) - places:
            raise InputError(
                f"preheat train: a {what} names exchanger '{place}', which is not in the train "
                f"({', '.join(sorted(places))})"
            )


def _pass(
    states: States, place: str, exchanger: Exchanger, inputs: TrainInputs, crude: ColdSide
) -> tuple[ExchangerResult, ColdSide]:
    """Return an exchanger and the crude behind it."""
    result = add_exchanger(
        states,
        place,
        exchanger,
        inputs.hot_sides[place],
        crude,
        inputs.in_service.get(place, ca.SX(1.0)),
        inputs.duties.get(place),
    )
    return result, ColdSide(result.temp_cold_out, crude.capacity_flow, crude.flow)


def _trim_duty(
    effectiveness: float,
    hot: HotSide,
    exchanger: ExchangerResult,
    setpoint: ca.SX,
    inputs: TrainInputs,
) -> ca.SX:
    """Return what the trim cooler takes of the remaining duty [W], zero without circulation."""
    approach = softplus(exchanger.temp_hot_out - inputs.temp_coolant, _APPROACH_SOFT)
    capacity = hot.capacity_flow(exchanger.temp_hot_out, inputs.temp_coolant)
    available = effectiveness * capacity * approach
    remaining = softplus(setpoint - exchanger.duty, _DUTY_SOFT)
    return smaller(remaining, available)
