"""An explained cycle in words and numbers, in the units of the tags."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from operator_agent.mpc.explain.accuracy import Accuracy, PredictionLog
from operator_agent.mpc.explain.causes import CauseKind
from operator_agent.planning.report import Table
from operator_agent.runtime.explain_record import ExplanationFile, Line, measured
from operator_agent.units import HOUR_S, from_si, unit

CAUSES = 3  # of one move that are named; the others are added up
PRESSING = 2  # causes against a limit that are named
MOVED = 4  # MVs that are named with a limit of the target
SMALL = 0.1  # of the largest cause of a move: smaller ones are added up
IDLE = 5e-4  # of an MV's range: who moves less hardly moves
SHOWN = 0.005  # share that rounds to one percent
DIGITS, MOST_DIGITS = 5, 8  # of values; more where two of them would read the same
NO_GAIN = 1e-9  # of the largest gain of a CV: smaller ones are rounding


@dataclass(frozen=True, slots=True)
class Tags:
    """Names and units of the variables of a record."""

    words: Mapping[str, Mapping[str, Any]]

    @classmethod
    def of(cls, record: ExplanationFile) -> "Tags":
        """Return the tags in the first line of a record."""
        head = record.head
        return cls({**head["mvs"], **head["cvs"], **head["dvs"]})

    def tag(self, variable: str) -> str:
        """Return the tag of a variable, or the text itself."""
        return str(self.words.get(variable, {"tag": variable})["tag"])

    def unit(self, variable: str) -> str:
        """Return the unit of a variable."""
        return str(self.words[variable]["unit"])

    def share(self, variable: str, change: float) -> float:
        """Return a change of an MV as a part of its range; records of old have no range."""
        return abs(change) / float(self.words[variable].get("range", abs(change) or 1.0))

    def limit(self, name: str) -> str:
        """Return the name of a limit with the tag in place of the variable."""
        variable, _, rest = name.partition(" ")
        return f"{self.tag(variable)} {rest}"

    def value(self, variable: str, value: float | None) -> str:
        """Return a value in its unit."""
        return "–" if value is None else f"{from_si(value, self.unit(variable)):.{DIGITS}g}"

    def way(self, variable: str, now: float | None, target: float | None) -> str:
        """Return from where to where an MV moves, with digits that tell one from the other."""
        if now is None or target is None:
            return f"from {self.value(variable, now)} towards {self.value(variable, target)}"
        first, last = (from_si(value, self.unit(variable)) for value in (now, target))
        if self.share(variable, target - now) <= IDLE:
            return f"from {first:.{DIGITS}g}, its target"
        digits = DIGITS
        while digits < MOST_DIGITS and f"{first:.{digits}g}" == f"{last:.{digits}g}":
            digits += 1
        return f"from {first:.{digits}g} towards {last:.{digits}g}"

    def change(self, variable: str, change: float | None) -> str:
        """Return a difference in its unit, signed."""
        if change is None:
            return "–"
        return f"{self.span(variable, change):+.3g}"

    def span(self, variable: str, difference: float) -> float:
        """Return a difference in the unit of its tag."""
        return difference / unit(self.unit(variable)).factor

    def per_unit(self, variable: str, price: float) -> float:
        """Return something per SI unit of a variable per unit of its tag."""
        return price * unit(self.unit(variable)).factor


def sentences(record: ExplanationFile, line: Line) -> list[str]:
    """Return what a cycle did and why, one sentence each."""
    tags = Tags.of(record)
    found = [_headline(line)]
    found += [
        f"{tags.tag(name)} is {state}{': ' + reason if reason else ''}."
        for name, (state, reason) in line["states"].items()
        if state != "ON"
    ]
    found += [_given_up(tags, one) for one in line.get("given_up", [])]
    if line["moves"] is not None:
        found += _moves(tags, line)
    for effect in sorted(line["target_limits"], key=lambda one: -_price(tags, one)):
        found.append(_target_limit(tags, effect))
    for effect in line["plan_limits"]:
        if not effect["limit"].endswith((" rate low", " rate high")):  # told with their MVs
            found.append(_plan_limit(tags, effect))
    found += [f"Not followed: {note}." for note in line.get("notes", [])]
    found += _paths(tags, line.get("paths", []))
    if line["unexplained"]:
        found.append(f"Not all could be explained: {line['unexplained']}.")
    return found


def _headline(line: Line) -> str:
    text = f"Cycle {line['cycle']}, controller {line['mode'].upper()}, gate {line['verdict']}"
    return f"{text}." if line["accepted"] else f"{text}: no move, {line['reason']}."


def _given_up(tags: Tags, one: Mapping[str, Any]) -> str:
    variable = one["limit"].rpartition(" ")[0]
    text = f"{tags.limit(one['limit'])} cannot be kept by the steady-state target"
    if variable in tags.words:
        text += f": {tags.span(variable, one['by']):.3g} {tags.unit(variable)} outside"
    against = ", ".join(tags.limit(name) for name in one["because"])
    return f"{text}, because {against} stand against it." if against else f"{text}."


def _moves(tags: Tags, line: Line) -> list[str]:
    """Return one sentence for each MV that moves, the largest first, and one for the others."""
    rows = line["moves"]["mvs"]
    share = {name: tags.share(name, row["move"]) for name, row in rows.items()}
    going = sorted((name for name in rows if share[name] > IDLE), key=lambda name: -share[name])
    idle = [tags.tag(name) for name in rows if name not in going]
    found = [_move(tags, name, line) for name in going]
    return [*found, f"{', '.join(idle)} hardly move{'' if idle[1:] else 's'}."] if idle else found


def _move(tags: Tags, name: str, line: Line) -> str:
    causes, row, now = line["moves"]["causes"], line["moves"]["mvs"][name], line["mvs"][name]
    way = tags.way(name, now["now"], now["target"])
    by = f"{tags.change(name, row['move'])} {tags.unit(name)} {way}"
    presses = row.get("presses")
    if presses:
        others = [k for k, cause in enumerate(causes) if not cause[1].startswith(f"{name} ")]
        side = 1.0 if row["move"] > 0.0 else -1.0
        first = sorted(others, key=lambda k: -side * presses[k])[:PRESSING]
        told = [_cause(tags, causes[k], name, line) for k in first if side * presses[k] > 0.0]
        why = f"; it would go further: {', '.join(told)}" if told else ""
        return f"{tags.tag(name)} moves by {by}, as fast or as far as it may{why}."
    order = sorted(range(len(causes)), key=lambda k: -abs(row["parts"][k]))
    least = SMALL * abs(row["parts"][order[0]])
    large = [k for k in order[:CAUSES] if row["parts"][k] and abs(row["parts"][k]) >= least]
    rest = sum(row["parts"][k] for k in order if k not in large)
    reasons = [
        f"{tags.change(name, row['parts'][k])} {_cause(tags, causes[k], name, line)}" for k in large
    ]
    if abs(rest) >= SHOWN * abs(row["move"]):
        reasons.append(f"{tags.change(name, rest)} all else")
    text = f"{tags.tag(name)} moves by {by}"
    return f"{text}: {'; '.join(reasons)}." if reasons else f"{text}."


def _cause(tags: Tags, cause: Sequence[str], mv: str, line: Line) -> str:
    """Return a cause of an MV's move."""
    kind, name = CauseKind[cause[0]], cause[1]
    if not name or (kind is CauseKind.RESTING and name == mv):
        return kind.value
    if kind is CauseKind.LIMIT:
        return f"{tags.limit(name)} holds"
    if kind is CauseKind.TRACKING:
        return _missed(tags, name, line["cvs"][name])
    return f"{tags.tag(name)} {kind.value}"


def _missed(tags: Tags, name: str, cv: Mapping[str, float | None]) -> str:
    """Return how far a CV would lie from the way to its target if nothing moved."""
    missed = cv.get("missed")
    if missed is None:
        return f"{tags.tag(name)} {CauseKind.TRACKING.value}"
    gap = f"{abs(tags.span(name, missed)):.2g} {tags.unit(name)}"
    return f"{tags.tag(name)} would lie {gap} too {'high' if missed > 0.0 else 'low'}"


def _target_limit(tags: Tags, effect: Mapping[str, Any]) -> str:
    variable = effect["limit"].rpartition(" ")[0]
    factor = tags.per_unit(variable, 1.0)
    text = (
        f"{tags.limit(effect['limit'])} holds the steady-state target and costs "
        f"{_price(tags, effect):.3g} USD/h "
        f"per {tags.unit(variable)}"
    )
    order = sorted(effect["mvs"].items(), key=lambda kv: -tags.share(kv[0], kv[1]))
    moved = [
        f"{tags.tag(name)} by {tags.change(name, value * factor)} {tags.unit(name)}"
        for name, value in order[:MOVED]
        if tags.change(name, value * factor) not in ("+0", "-0")
    ]
    return f"{text}; one {tags.unit(variable)} of room would move {', '.join(moved) or 'nothing'}."


def _price(tags: Tags, effect: Mapping[str, Any]) -> float:
    """Return the price of a limit of the target [USD/h per unit of its tag]."""
    variable = effect["limit"].rpartition(" ")[0]
    return tags.per_unit(variable, effect["price_usd_s"]) * HOUR_S


def _plan_limit(tags: Tags, effect: Mapping[str, Any]) -> str:
    variable = effect["limit"].partition(" ")[0]
    factor = tags.per_unit(variable, 1.0)
    order = sorted(effect["first_move"].items(), key=lambda kv: -tags.share(kv[0], kv[1]))
    moved = [
        f"{tags.tag(name)} by {tags.change(name, value * factor)} {tags.unit(name)}"
        for name, value in order[:MOVED]
        if abs(value) > 0.0
    ]
    return (
        f"{tags.limit(effect['limit'])} holds the plan; one {tags.unit(variable)} of room would "
        f"change this move of {', '.join(moved) or 'nothing'}."
    )


def _paths(tags: Tags, paths: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return which scenario presses which limit, dearest first; what presses none in one go."""
    found, calm = [], []
    for path in sorted(paths, key=lambda one: -max(one["limits"].values(), default=0.0)):
        where = ", ".join(_scenario(tags, name, path["values"][name]) for name in path["values"])
        if not path["limits"]:
            calm.append(where)
            continue
        pressed = ", ".join(tags.limit(name) for name in list(path["limits"])[:CAUSES])
        found.append(
            f"Where {where} ({100.0 * path['probability']:.3g} % likely) the plan rests on "
            f"{pressed}."
        )
    if found and calm:
        found.append(f"Where {'; or '.join(calm)}, it rests on no CV limit.")
    return found


def _scenario(tags: Tags, name: str, values: Sequence[float]) -> str:
    known = name in tags.words
    shown = [tags.value(name, v) if known else f"{v:.5g}" for v in dict.fromkeys(values)]
    return f"{tags.tag(name)} is {', then '.join(shown)}{' ' + tags.unit(name) if known else ''}"


def accuracy_of(record: ExplanationFile, last: int | None = None) -> Accuracy | None:
    """Return how good the predictions of the written moves of a run were, or None without any.

    Args:
        record: of the run.
        last: cycle up to which it counts; None for all.
    """
    names = tuple(record.head["cvs"])
    plans: list[list[float]] = [line["ahead_s"] for line in record.cycles]
    longest = max(plans, key=len, default=[])
    if not longest:
        return None
    log = PredictionLog.empty(names, np.array(longest))
    for line in record.cycles:
        if last is not None and line["cycle"] > last:
            break
        if line["time_s"] > log.last_s:
            log = log.measured(line["time_s"], measured(line, names))
        if line["ahead_s"] and line["verdict"] == "written":
            rows = np.array([line["predicted"][name] for name in names]).T
            log = log.predicted(line["time_s"], rows)
    return log.accuracy()


def tables(record: ExplanationFile, line: Line) -> list[Table]:
    """Return gains, residuals and the accuracy of predictions up to a cycle, as tables."""
    tags = Tags.of(record)
    found = [_cv_table(tags, line)]
    if line["gains"] is not None:
        found.append(_gain_table(tags, line))
    accuracy = accuracy_of(record, line["cycle"])
    if accuracy is not None:
        found.append(_accuracy_table(tags, accuracy))
    return found


def _cv_table(tags: Tags, line: Line) -> Table:
    rows = []
    for name, cv in line["cvs"].items():
        residual = line["residuals"][name]
        rows.append(
            (
                tags.tag(name),
                tags.unit(name),
                *(tags.value(name, cv[key]) for key in ("measured", "end", "target")),
                *(
                    tags.change(name, residual[key])
                    for key in ("model_error", "bias", "innovation")
                ),
            )
        )
    columns = (
        "CV",
        "unit",
        "measured",
        "end of plan",
        "target",
        "model error",
        "bias",
        "innovation",
    )
    return Table("CVs and how far the model is from them", columns, tuple(rows))


def _gain_table(tags: Tags, line: Line) -> Table:
    mvs = list(line["mvs"])
    rows = []
    for name, row in line["gains"].items():
        cells = []
        gains = [tags.per_unit(mv, gain) for mv, gain in zip(mvs, row["gain"], strict=True)]
        least = NO_GAIN * max(map(abs, gains))
        for gain, share in zip(gains, row["share"], strict=True):
            shown = tags.change(name, gain) if abs(gain) > least else "0"
            cells.append(f"{shown} ({100.0 * share:+.0f} %)" if abs(share) >= SHOWN else shown)
        rows.append((f"{tags.tag(name)} [{tags.unit(name)}]", *cells))
    columns = ("CV per MV", *(f"{tags.tag(mv)} [{tags.unit(mv)}]" for mv in mvs))
    title = "Steady-state gains, and their share in what moves a CV to its target"
    return Table(title, columns, tuple(rows))


def _accuracy_table(tags: Tags, accuracy: Accuracy) -> Table:
    known = np.isfinite(accuracy.mean).any(axis=1)
    rows = []
    for i, name in enumerate(accuracy.cv_names):
        pairs = zip(accuracy.mean[known, i], accuracy.std[known, i], strict=True)
        cells = [_apart(tags, name, mean, std) for mean, std in pairs]
        rows.append((f"{tags.tag(name)} [{tags.unit(name)}]", *cells))
    ahead = [f"{s / 60.0:.0f} min" for s in accuracy.ahead_s[known]]
    title = "Measured minus predicted so far ahead: mean ± standard deviation"
    return Table(title, ("CV", *ahead), tuple(rows))


def _apart(tags: Tags, name: str, mean: float, std: float) -> str:
    if not math.isfinite(mean):
        return "–"
    return f"{tags.change(name, mean)} ± {_spread(tags, name, std)}"


def _spread(tags: Tags, name: str, std: float) -> str:
    return f"{tags.span(name, std):.2g}" if math.isfinite(std) else "–"


def limit_prices(record: ExplanationFile) -> dict[str, list[float]]:
    """Return the price of each limit of the target over the cycles [USD/h per unit of its tag]."""
    tags = Tags.of(record)
    found: dict[str, list[float]] = {}
    for k, line in enumerate(record.cycles):
        for effect in line["target_limits"]:
            name = effect["limit"]
            variable = name.rpartition(" ")[0]
            row = found.setdefault(name, [0.0] * len(record.cycles))
            row[k] = tags.per_unit(variable, effect["price_usd_s"]) * HOUR_S
    return found


def payload(record: ExplanationFile, line: Line) -> dict[str, Any]:
    """Return a cycle with its sentences and the accuracy so far, SI, for JSON."""
    accuracy = accuracy_of(record, line["cycle"])
    words: Sequence[str] = sentences(record, line)
    return {
        **line,
        "sentences": list(words),
        "accuracy": None if accuracy is None else accuracy.payload(),
        "tags": {**record.head["mvs"], **record.head["cvs"], **record.head["dvs"]},
    }
