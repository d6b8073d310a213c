"""Decisions as a planner writes them: a YAML file of slate, cut points and splits.

crudes: {arabian_light: 55 kbbl/d, maya: 15 kbbl/d}      # what is not named is not bought
purchases: {mtbe: 1 kbbl/d}                              # likewise
cut_points: {naphtha/kerosene: 152 degC, ...}            # all of them
draws:                                                   # proportions of every stream that has
  naphtha: {reformer: 17.3, petrochemical_naphtha: 0}    # more than one use; scaled to add up to 1
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from operator_agent.errors import InputError
from operator_agent.planning.case import PlanningCase
from operator_agent.planning.case_schema import first_complaint
from operator_agent.planning.choices import RUNS, TAKEN, Choice, near_choices
from operator_agent.planning.quantities import in_unit, parse_quantity
from operator_agent.planning.refinery import equal_shares
from operator_agent.planning.streams import Point
from operator_agent.planning.strict_yaml import load_strictly
from operator_agent.units import HOUR_S

FLOW, CUT = "kbbl/d", "degC"
SAME_TEMP_K = 1e-6  # a window's end as written and as computed differ by less
TRACE = 1e-6  # of a stream, or [m3/h]: solvers leave less where nothing flows
FLOW_DIGITS = 6  # written of a flow [kbbl/d]: the last is less than 10 ml an hour
SHARE_DIGITS = 9  # written of a proportion: profit follows it with all that a stream is worth
LEAST_SHARE = 1e-7  # a proportion below it is a trace, and written as none
ONE = 1e-3  # proportions that add up to one by more than this are told to be scaled
HEADING = """\
# Decisions of case {case}, for `operator-agent plan simulate`. Change what you like.
# Draws are proportions of each stream: they are scaled to add up to 1. To send more to one use,
# send less to another. Crudes and purchases that are not named are not bought.
"""

Written = str | int | float


class DecisionsEntry(BaseModel):
    """The layout of a decisions file."""

    model_config = ConfigDict(extra="forbid")

    crudes: dict[str, Written]
    cut_points: dict[str, Written]
    draws: dict[str, dict[str, Written]]
    purchases: dict[str, Written] = {}


@dataclass(frozen=True, slots=True)
class Decisions:
    """What a planner decides; everything else follows.

    Attributes:
        charge: crude by name [m3/s].
        supply: streams bought ready, by purchase [m3/s].
        cut: cut temperatures by name [K].
        shares: of every stream that has several uses: fraction by (stream, use).
        sums: what the proportions of a stream were written to add up to, by stream; those that
            were scaled only.
    """

    charge: Mapping[str, float]
    supply: Mapping[str, float]
    cut: Mapping[str, float]
    shares: Mapping[tuple[str, str], float]
    sums: Mapping[str, float] = field(default_factory=dict)

    def remarks(self) -> tuple[str, ...]:
        """Return a sentence for every stream whose proportions were scaled."""
        return tuple(
            f"draws.{stream}: the proportions add up to {total:.6g}, not 1, and were scaled to 1"
            for stream, total in self.sums.items()
        )


def load_decisions(path: Path, case: PlanningCase) -> Decisions:
    """Return the decisions in a YAML file.

    Args:
        path: of the file.
        case: that they are for.

    Raises:
        InputError: the file cannot be read, or `decisions_from_entry` refuses it.
    """
    source = f"decisions file {path}"
    try:
        entry = load_strictly(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"{source} cannot be read: {error.strerror}; `plan decisions` writes one"
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{source} is not YAML: {error}") from error
    if not isinstance(entry, dict):
        raise InputError(f"{source} holds no keys; `plan decisions` writes one to begin with")
    return decisions_from_entry(entry, case, source)


def decisions_text(decisions: Decisions, case: PlanningCase) -> str:
    """Return decisions as the text of a decisions file, with a heading that explains it.

    Args:
        decisions: to write.
        case: that they are for.
    """
    entry = decisions_entry(decisions)
    heading = HEADING.format(case=case.name)
    return heading + yaml.safe_dump(entry, sort_keys=False, allow_unicode=True)


def decisions_from_entry(raw: Mapping[str, Any], case: PlanningCase, source: str) -> Decisions:
    """Return the decisions of a nested mapping.

    Args:
        raw: with the keys of a decisions file.
        case: that they are for.
        source: of the mapping, for messages.

    Raises:
        InputError: an unknown key, crude, purchase, cut, stream or use; a cut point is missing or
            outside its window; the split of a stream is missing; a flow or proportion is negative
            or not finite.
    """
    try:
        entry = DecisionsEntry.model_validate(raw)
    except ValidationError as error:
        raise InputError(f"{source}: {_complaint(error)}") from error
    shares, sums = _shares(source, entry.draws, case)
    return Decisions(
        _flows(f"{source}: crudes", entry.crudes, list(case.crudes)),
        _flows(f"{source}: purchases", entry.purchases, list(case.purchases)),
        _cut_points(f"{source}: cut_points", entry.cut_points, case),
        shares,
        sums,
    )


def _complaint(error: ValidationError) -> str:
    """Return one sentence about the first value that has the wrong form."""
    fault = error.errors()[0]
    if fault["type"] in ("missing", "extra_forbidden"):
        return first_complaint(error, DecisionsEntry)
    place = [str(part) for part in fault["loc"]]
    if fault["type"] == "dict_type":
        return f"{'.'.join(place)} is {fault['input']!r}; write names with a value for each below"
    part = 3 if place[0] == "draws" else 2
    advice = "a proportion" if place[0] == "draws" else "a number and its unit, such as '36 kbbl/d'"
    return f"{'.'.join(place[:part])} is {fault['input']!r}; write {advice}"


def decisions_at(point: Point, case: PlanningCase) -> Decisions:
    """Return the decisions that a point stands for.

    Args:
        point: of a plan, in the units of the model.
        case: of the point.
    """
    shares = {}
    for stream in case.streams:
        uses = case.uses(stream)
        flows = [max(point.flow[stream, use], 0.0) for use in uses]
        total = sum(flows)
        for use, flow in zip(uses, flows, strict=True):
            shares[stream, use] = flow / total if total > 0.0 else 1.0 / len(uses)
    return Decisions(
        {name: max(flow, 0.0) / HOUR_S for name, flow in point.charge.items()},
        {name: max(flow, 0.0) / HOUR_S for name, flow in point.supply.items()},
        dict(point.cut),
        shares,
    )


def decisions_entry(decisions: Decisions) -> dict[str, Any]:
    """Return decisions as the nested mapping of a decisions file."""

    def flows(part: Mapping[str, float]) -> dict[str, str]:
        return {
            name: f"{round(in_unit(flow, FLOW), FLOW_DIGITS) + 0.0:.12g} {FLOW}"
            for name, flow in part.items()
        }

    draws: dict[str, dict[str, float]] = {}
    for (stream, use), share in decisions.shares.items():
        written = round(share, SHARE_DIGITS) if share >= LEAST_SHARE else 0.0
        draws.setdefault(stream, {})[use] = written
    return {
        "crudes": flows(decisions.charge),
        "purchases": flows(decisions.supply),
        "cut_points": {
            name: f"{in_unit(temp, CUT):.9g} {CUT}" for name, temp in decisions.cut.items()
        },
        "draws": {stream: uses for stream, uses in draws.items() if len(uses) > 1},
    }


def point_of(decisions: Decisions, case: PlanningCase) -> Point:
    """Return a point with the decisions set; its volumes and contents are not yet computed."""
    start = equal_shares(case)
    charge = {name: flow * HOUR_S for name, flow in decisions.charge.items()}
    supply = {name: flow * HOUR_S for name, flow in decisions.supply.items()}
    return Point(
        charge,
        dict(decisions.cut),
        start.volume,
        start.content,
        {key: decisions.shares.get(key, 1.0) for key in start.flow},
        supply,
        _choices(case, decisions, charge | supply),
    )


def _choices(
    case: PlanningCase, decisions: Decisions, bought: Mapping[str, float]
) -> dict[Choice, float]:
    """Return the whole numbers that decisions imply: lots, what is taken, which modes run."""
    found = near_choices(case, bought)
    for kind, name in found:
        if kind == TAKEN:
            found[kind, name] = float(bought[name] > TRACE)
        elif kind == RUNS:
            parts = (decisions.shares[feed, name] for feed in case.operations[name].feeds)
            found[kind, name] = float(max(parts, default=0.0) > TRACE)
    return found


def _known(place: str, names: Iterable[str], known: list[str]) -> None:
    for name in names:
        if name not in known:
            raise InputError(f"{place}: '{name}' is not in the case; use {', '.join(known)}")


def _cut_points(place: str, given: Mapping[str, Written], case: PlanningCase) -> dict[str, float]:
    """Return cut temperatures, each within the window for which its yields are fitted."""
    _known(place, given, [cut.name for cut in case.crude_unit.cuts])
    found = {}
    for cut in case.crude_unit.cuts:
        if cut.name not in given:
            raise InputError(f"{place}.{cut.name} is missing; give its temperature")
        temp = parse_quantity(given[cut.name], "temperature", f"{place}.{cut.name}")
        if not cut.low - SAME_TEMP_K <= temp <= cut.high + SAME_TEMP_K:
            raise InputError(
                f"{place}.{cut.name} is '{given[cut.name]}', outside its window of "
                f"{in_unit(cut.low, CUT):.5g} to {in_unit(cut.high, CUT):.5g} {CUT}, for which its "
                "yields are known; move it inside, or widen the window in the case"
            )
        found[cut.name] = min(max(temp, cut.low), cut.high)
    return found


def _flows(place: str, given: Mapping[str, Written], known: list[str]) -> dict[str, float]:
    _known(place, given, known)
    found = dict.fromkeys(known, 0.0)
    for name, text in given.items():
        found[name] = parse_quantity(text, "volume flow", f"{place}.{name}")
        if found[name] < 0.0:
            raise InputError(f"{place}.{name} is '{text}'; give a flow of zero or more")
    return found


def _shares(
    source: str, given: Mapping[str, Mapping[str, Written]], case: PlanningCase
) -> tuple[dict[tuple[str, str], float], dict[str, float]]:
    """Return fractions by stream and use, and sums of the proportions that were scaled."""
    _known(f"{source}: draws", given, list(case.streams))
    found, sums = {}, {}
    for stream in case.streams:
        uses, place = case.uses(stream), f"{source}: draws.{stream}"
        if stream not in given and len(uses) > 1:
            raise InputError(f"{place} is missing; give its proportions to {', '.join(uses)}")
        written = given.get(stream, dict.fromkeys(uses, 1.0 / max(len(uses), 1)))
        _known(place, written, list(uses))
        parts = {use: _proportion(f"{place}.{use}", part) for use, part in written.items()}
        total = sum(parts.values())
        if uses and total <= 0.0:
            raise InputError(f"{place} adds up to nothing; give at least one use a proportion")
        if uses and abs(total - 1.0) > ONE:
            sums[stream] = total
        for use in uses:
            found[stream, use] = parts.get(use, 0.0) / total
    return found, sums


def _proportion(place: str, written: Written) -> float:
    """Return a proportion: a number without a unit."""
    try:
        part = float(written)
    except ValueError:
        part = math.nan
    if not (math.isfinite(part) and part >= 0.0):
        raise InputError(
            f"{place} is {written}; give a proportion of zero or more, a number without a unit"
        )
    return part
