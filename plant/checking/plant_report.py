"""What was found out about a plant, to read and to store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

_HOUR_S, _MINUTE_S = 3600.0, 60.0
_LONGEST_TABLE = 40  # rows; a plant with more inputs prints the strongest


@dataclass(frozen=True, slots=True)
class Response:
    """What a step of one input did.

    Attributes:
        source: name of the MV or DV.
        spans: height of the step, with sign, in spans of the source.
        output: that moved most, in its own spans; empty when nothing moved.
        output_spans: how far it moved by the end, with sign.
    """

    source: str
    spans: float
    output: str
    output_spans: float


@dataclass(frozen=True, slots=True)
class PlantReport:
    """Findings and figures of one plant; `str()` of it is a page to read.

    Attributes:
        name: of the plant.
        counts: of states, inputs, disturbances, outputs, by word.
        figures: measured numbers, by name with unit.
        responses: to steps of each input.
        findings: what is wrong; each one sentence with the next step.
        notes: what is worth knowing and not wrong.
    """

    name: str
    counts: Mapping[str, int]
    figures: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    responses: tuple[Response, ...] = ()
    findings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    def to_dict(self) -> dict[str, object]:
        """Return the report in types that JSON has."""
        return {
            "name": self.name,
            "passed": self.passed,
            "counts": dict(self.counts),
            "figures": dict(self.figures),
            "responses": [
                {
                    "source": r.source,
                    "spans": r.spans,
                    "output": r.output,
                    "output_spans": r.output_spans,
                }
                for r in self.responses
            ],
            "findings": list(self.findings),
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        """Return the report as a page of text."""
        verdict = "passes" if self.passed else f"fails: {_plural(len(self.findings), 'finding')}"
        counts = ", ".join(_plural(n, word) for word, n in self.counts.items())
        lines = [f"plant {self.name}: {verdict}", f"  {counts}"]
        lines += [f"  {label:<34}{value}" for label, value in _readable(self.figures)]
        lines += _table(self.responses)
        lines += [f"  wrong: {text}" for text in self.findings]
        lines += [f"  note:  {text}" for text in self.notes]
        return "\n".join(lines)

    __repr__ = __str__


def _plural(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _readable(figures: Mapping[str, float]) -> list[tuple[str, str]]:
    """Return label and value of each figure, times in the unit that suits them."""
    rows = []
    for name, value in figures.items():
        if name.endswith("_spans_per_s"):
            rows.append((name[:-12].replace("_", " "), f"{value:.1e} spans/s"))
        elif name.endswith("_s"):
            rows.append((name[:-2].replace("_", " "), duration_text(value)))
        else:
            rows.append((name.replace("_", " "), f"{value:.3g}"))
    return rows


def duration_text(time_s: float) -> str:
    """Return a time in the unit that suits it.

    Example:
        >>> duration_text(5400.0)
        '1.5 h'
    """
    if time_s >= _HOUR_S:
        return f"{time_s / _HOUR_S:.3g} h"
    if time_s >= _MINUTE_S:
        return f"{time_s / _MINUTE_S:.3g} min"
    return f"{time_s:.3g} s"


def _table(responses: Sequence[Response]) -> list[str]:
    if not responses:
        return []
    strongest = sorted(responses, key=lambda r: -abs(r.output_spans))[:_LONGEST_TABLE]
    shown = [r for r in responses if r in strongest]
    width = max(len(r.source) for r in shown) + 2
    wide = max(len(r.output) for r in shown) + 2
    lines = [f"  {'step of':<{width}}{'spans':>7}   {'moves most':<{wide}}{'spans':>9}"]
    for r in shown:
        moved = r.output or "nothing"
        lines.append(
            f"  {r.source:<{width}}{r.spans:>+7.2f}   {moved:<{wide}}{r.output_spans:>+9.3f}"
        )
    if len(shown) < len(responses):
        lines.append(f"  and {len(responses) - len(shown)} weaker ones")
    return lines
