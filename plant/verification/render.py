"""A verification as Markdown for the documentation and as a mapping for JSON."""

from typing import Any

from operator_agent.plant.verification.titles import SUMMARY
from operator_agent.plant.verification.topic import Cell, Row, Topic, Verification

_NAMED_BY = 2  # texts of a row are enough to find it
_VERDICT = {True: "yes", False: "**no**", None: "-"}


def as_markdown(verification: Verification) -> str:
    """Return all tables as Markdown, each under a heading of the third level."""
    parts = [_table(topic) for topic in verification.topics]
    return "\n\n".join([*parts, _summary(verification)]) + "\n"


def _table(topic: Topic) -> str:
    judged = topic.has_criterion
    head = [column.name for column in topic.columns] + (["met"] if judged else [])
    lines = [head, ["---"] * len(head)]
    for row in topic.rows:
        pairs = zip(topic.columns, row.cells, strict=True)
        cells = [column.shown(cell) for column, cell in pairs]
        lines.append(cells + ([_VERDICT[row.met]] if judged else []))
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return "\n\n".join([f"### {topic.title}", table, *topic.notes])


def _summary(verification: Verification) -> str:
    """Return one line per table that is judged, and the first cells of the rows that miss."""
    lines = [["table", "rows judged", "rows met", "rows that miss"], ["---"] * 4]
    for topic in verification.topics:
        judged = [row for row in topic.rows if row.met is not None]
        if judged:
            met = len(judged) - len(topic.missed)
            missed = "; ".join(_named(topic, row) for row in topic.missed) or "-"
            lines.append([topic.title, str(len(judged)), str(met), missed])
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return f"### {SUMMARY}\n\n{table}"


def _named(topic: Topic, row: Row) -> str:
    """Return the texts with which a row begins."""
    texts: list[str] = []
    for column, cell in zip(topic.columns, row.cells, strict=True):
        if not isinstance(cell, str) or len(texts) == _NAMED_BY:
            break
        texts.append(column.shown(cell))
    return ", ".join(texts)


def as_document(verification: Verification) -> dict[str, Any]:
    """Return all tables as mappings, lists, texts, numbers and booleans."""
    return {
        "unit": verification.unit,
        "missed": len(verification.missed),
        "topics": [
            {
                "key": topic.key,
                "title": topic.title,
                "columns": [column.name for column in topic.columns],
                "rows": [
                    {"cells": [_plain(cell) for cell in row.cells], "met": row.met}
                    for row in topic.rows
                ],
                "notes": list(topic.notes),
            }
            for topic in verification.topics
        ],
    }


def _plain(cell: Cell) -> Any:
    if isinstance(cell, tuple):
        return [_plain(value) for value in cell]
    if isinstance(cell, float):
        return cell if cell - cell == 0.0 else None  # JSON knows no infinity and no NaN
    return cell
