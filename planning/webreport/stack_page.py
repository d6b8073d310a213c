"""A stack of cases as one page: profit by case, watched values, limits that hold, differences."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from operator_agent.planning.casework.comparison import Comparison
from operator_agent.planning.casework.stack_row import StackResult, StackRow
from operator_agent.planning.casework.tables import comparison_tables, reasons_table
from operator_agent.planning.casework.tree import CaseNode
from operator_agent.planning.webreport.bars import signed_bars
from operator_agent.planning.webreport.sections import table_section
from operator_agent.planning.webreport.style import CSS
from operator_agent.planning.webreport.tables import Row, note, page, section, table
from operator_agent.planning.webreport.words import NO_VALUE, fixed, money, words


def stack_page(
    stack: StackResult,
    comparisons: Sequence[Comparison] = (),
    cases: Sequence[CaseNode] = (),
) -> str:
    """Return the report of a case stack as a self-contained HTML document.

    Args:
        stack: solved cases; the first that has a plan is what the others are compared with.
        comparisons: of plans side by side, shown below.
        cases: that were solved: their notes and changes are shown, so that they can be told apart.
    """
    reasons = reasons_table(stack)
    n_plans = sum(row.ok for row in stack.rows)
    return page(
        "Case stack",
        CSS,
        (
            "<h1>Case stack</h1>",
            note(f"Stage {stack.stage}: {n_plans} of {len(stack.rows)} cases have a plan."),
            _differences(cases),
            _profits(stack),
            _watched(stack),
            _limits(stack),
            table_section(reasons) if reasons else "",
            *(_comparison(one) for one in comparisons),
        ),
    )


def _differences(cases: Sequence[CaseNode]) -> str:
    """Return the note of every case, and a line for each change against its parent."""
    rows = []
    for case in cases:
        lines = [line for path, change in case.changes.items() for line in _lines(path, change)]
        lines = lines or [("", "")]
        for n, (path, change) in enumerate(lines):
            parent = words(case.parents[-1].name) if case.parents else ""
            own = (words(case.name), parent, case.note) if n == 0 else ("", "", "")
            rows.append(Row((*own, path, change)))
    columns = ("case", "changes", "note", "what", "to")
    return section("What the cases change", table(columns, rows, left=(1, 2, 3, 4))) if rows else ""


def _lines(path: str, change: Any) -> list[tuple[str, str]]:
    """Return place and value of a change; a line for every key where a change holds several."""
    if isinstance(change, Mapping) and len(change) > 1:
        return [line for key, part in change.items() for line in _lines(f"{path}.{key}", part)]
    return [(path, _told(change))]


def _told(change: Any) -> str:
    """Return a change as the case file writes it, without braces."""
    if isinstance(change, Mapping):
        return ", ".join(f"{key} {_told(value)}" for key, value in change.items())
    if isinstance(change, list | tuple):
        return ", ".join(map(_told, change))
    return str(change)


def _base(stack: StackResult) -> StackRow | None:
    return next((row for row in stack.rows if row.ok), None)


def _profits(stack: StackResult) -> str:
    base = _base(stack)
    bars = [(words(row.case), row.profit) for row in stack.rows]
    remark = note(f"The grey line stands at {words(base.case)}.") if base else ""
    picture = signed_bars(bars, base.profit if base else None)
    return section("Profit by case [usd/h]", f'<div class="flows">{picture}</div>', remark)


def _watched(stack: StackResult) -> str:
    """Return watched values of every case, and below each its difference to the first."""
    base = _base(stack)
    rows = []
    for row in stack.rows:
        values = [row.watched.get(one.key, math.nan) for one in stack.watch]
        rows.append(Row((words(row.case), _money(row.profit), *map(_value, values))))
        if base is None or row is base or not row.ok:
            continue
        steps = [
            value - base.watched.get(one.key, math.nan)
            for one, value in zip(stack.watch, values, strict=True)
        ]
        gained = row.profit - base.profit
        rows.append(
            Row(("difference", _signed(gained, 0), *(_signed(x, 2) for x in steps)), "step")
        )
    columns = ("case", "profit usd/h", *(one.title for one in stack.watch))
    return section("Cases side by side", table(columns, rows))


def _limits(stack: StackResult) -> str:
    """Return which limits hold and cost something, by case."""
    solved = [row for row in stack.rows if row.ok]
    keys = sorted({key for row in solved for key in row.active})
    rows = [
        Row((words(key.replace(":", " ")), *("●" if key in row.active else "" for row in solved)))
        for key in keys
    ]
    if not rows:
        return ""
    columns = ("limit", *(words(row.case) for row in solved))
    return section("Limits that hold and cost something", table(columns, rows))


def _comparison(found: Comparison) -> str:
    return "".join(table_section(one) for one in comparison_tables(found) if one.rows)


def _value(value: float) -> str:
    return fixed(value, 2) if math.isfinite(value) else NO_VALUE


def _signed(value: float, decimals: int) -> str:
    if not math.isfinite(value):
        return NO_VALUE
    shown = fixed(value, decimals)
    return shown if shown.startswith("-") or float(shown.replace(",", "")) == 0.0 else f"+{shown}"


def _money(value: float) -> str:
    return money(value) if math.isfinite(value) else NO_VALUE
