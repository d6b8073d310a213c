"""Tables of case work: the tree, a stack, a ramp, and a comparison; texts only."""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from operator_agent.planning.casework.comparison import (
    FAMILIES,
    PRICE,
    SAME_MONEY,
    Comparison,
    Decision,
)
from operator_agent.planning.casework.ramps import RampResult
from operator_agent.planning.casework.stack import NO_PLAN
from operator_agent.planning.casework.stack_row import STOPPED, StackResult, StackRow
from operator_agent.planning.casework.thresholds import BasisChange
from operator_agent.planning.casework.tree import CaseNode
from operator_agent.planning.quantities import in_unit
from operator_agent.planning.report import Table
from operator_agent.units import HOUR_S

LONGEST_NAME = 26  # characters of a line in a tree, so that changes and notes fit beside
LEAST_FLOW = 0.005  # [kbbl/d] rows of which every case shows 0.00 are left out
WIDE_GROUPS: Mapping[str, str] = {
    "crudes": "CRUDES",
    "purchases": "PURCHASES",
    "units": "UNIT LOADS",
    "products": "SALES",
}
NOISE = 1e-6  # solvers leave traces of what is nothing in any unit of a watch list
WITHOUT_PLAN: Mapping[str, str] = {
    "LimitsConflictError": "limits contradict",
    "InputError": "the case is wrong",
    NO_PLAN: "no feasible point found",
    "SolveFailedError": "the solver failed",
    "WorkerLost": "its process was lost",
}
FAMILY_WORDS: Mapping[str, str] = {
    "sale": "sales",
    "crude": "crude",
    "purchase": "purchases",
    "energy": "energy and steam",
    "operating": "other operating cost",
}


def tree_table(node: CaseNode) -> Table:
    """Return the parents of a case, the case, and all below it, with what each changes."""
    rows: list[tuple[str, ...]] = []
    for depth, parent in enumerate(node.parents):
        rows += _tree_rows(parent, depth)
    for inner in node.walk():
        rows += _tree_rows(inner, len(inner.parents))
    return Table("Case tree", ("case", "changes", "to", "note"), tuple(rows))


def stack_table(stack: StackResult) -> Table:
    """Return a row for each case, with its profit also against the first that has a plan."""
    base = next((row.profit for row in stack.rows if row.ok), math.nan)
    rows = [
        (
            row.case,
            _money(row.profit),
            f"{row.profit - base:+,.0f}" if row.ok else "-",
            *(_number(row.watched.get(watched.key, math.nan)) for watched in stack.watch),
            state_words(row),
            f"{row.seconds:.1f}",
        )
        for row in stack.rows
    ]
    watched = (one.title for one in stack.watch)
    columns = ("case", "profit usd/h", "to the first", *watched, "the plan is", "s")
    return Table(f"Case stack, stage {stack.stage}", columns, tuple(rows))


def wide_table(stack: StackResult) -> Table:
    """Return the cases that have a plan side by side: crudes, purchases, unit loads and sales."""
    solved = [row for row in stack.rows if row.ok]
    keys = list(dict.fromkeys(key for row in solved for key in row.flows_kbbl_d))
    rows = [("profit usd/h", *(_money(row.profit) for row in solved))]
    for group, words in WIDE_GROUPS.items():
        rows.append((words, *("" for _ in solved)))
        for key in (key for key in keys if key.startswith(f"{group}.")):
            flows = [row.flows_kbbl_d.get(key, math.nan) for row in solved]
            if any(abs(flow) > LEAST_FLOW for flow in flows):
                rows.append((key.removeprefix(f"{group}."), *map(_volume, flows)))
    columns = ("kbbl/d", *(row.case for row in solved))
    return Table("Cases side by side", columns, tuple(rows))


def reasons_table(stack: StackResult) -> Table | None:
    """Return why cases have no plan, in full, or None when all have one."""
    rows = [
        (row.case, " ".join(row.error.split()))
        for row in stack.rows
        if not row.ok and row.error_kind != STOPPED
    ]
    return Table("Cases without a plan", ("case", "reason"), tuple(rows)) if rows else None


def ramp_tables(ramp: RampResult) -> list[Table]:
    """Return the points of a ramp and where its plan changes its mind."""
    stack = ramp.stack
    rows = [
        (
            *(f"{value:.6g}" for value in point),
            _money(row.profit),
            *(_number(row.watched.get(watched.key, math.nan)) for watched in stack.watch),
            ", ".join(row.bought) if row.ok else state_words(row),
        )
        for point, row in zip(ramp.points(), stack.rows, strict=True)
    ]
    keys = (f"{axis.key} [{axis.unit}]" for axis in ramp.axes)
    watched = (one.title for one in stack.watch)
    columns = (*keys, "profit usd/h", *watched, "buys")
    reasons = reasons_table(stack)
    return [
        Table(f"Ramp of {ramp.case}, stage {stack.stage}", columns, tuple(rows)),
        *([reasons] if reasons else []),
        *([_basis_table(ramp)] if any(row.ok for row in stack.rows) else []),
    ]


def comparison_tables(found: Comparison) -> list[Table]:
    """Return the tables of a comparison: money first, then what moved it."""
    return [
        _money_table(found),
        _lines_table(found),
        _drivers_table(found),
        _decisions_table(found),
        _limits_table(found),
    ]


def comparison_payload(found: Comparison) -> dict[str, Any]:
    """Return a comparison as plain values; a NaN becomes None."""
    price, volume = found.effects()
    return {
        "a": found.name_a,
        "b": found.name_b,
        "profit_a_usd_h": found.profit_a,
        "profit_b_usd_h": found.profit_b,
        "difference_usd_h": found.difference,
        "price_effect_usd_h": price,
        "volume_effect_usd_h": volume,
        "lines": [
            {
                "family": line.family,
                "item": line.item,
                "volume_a_m3_h": line.volume_a,
                "volume_b_m3_h": line.volume_b,
                "price_a_usd_m3": line.price_a,
                "price_b_usd_m3": line.price_b,
                "money_a_usd_h": line.money_a,
                "money_b_usd_h": line.money_b,
                "price_effect_usd_h": line.price_effect,
                "volume_effect_usd_h": line.volume_effect,
            }
            for line in found.lines
        ],
        "drivers": [
            {
                "what": driver.what,
                "before": driver.before,
                "after": driver.after,
                "expected_usd_h": _finite(driver.expected),
            }
            for driver in found.drivers
        ],
        "decisions": [
            {
                "group": decision.group,
                "item": decision.item,
                "before": _finite(decision.before),
                "after": _finite(decision.after),
                "unit": decision.unit,
            }
            for decision in found.decisions
        ],
        "limits": [
            {
                "limit": limit.limit,
                "now_holds": limit.now_holds,
                "shadow_price_a": limit.price_a,
                "shadow_price_b": limit.price_b,
                "unit": limit.unit,
            }
            for limit in found.limits
        ],
    }


def _tree_rows(node: CaseNode, depth: int) -> Iterator[tuple[str, ...]]:
    name, note = _below(node.name, depth), node.note
    if not node.changes:
        yield name, "", "", note
    for key, value in node.changes.items():
        yield name, key, _written(value), note
        name = note = ""


def _below(name: str, depth: int) -> str:
    """Return a name behind the line from its parent; a long one goes on below, as far in."""
    branch = "└" + "─" * (2 * depth - 1) if depth else ""
    lines = [branch]
    for part in re.findall(r"[^_ ]*[_ ]|[^_ ]+$", name):
        if len(lines[-1]) + len(part) > LONGEST_NAME:
            lines.append(" " * (len(branch) + 2))
        lines[-1] += part
    return "\n".join(lines)


def _written(value: Any) -> str:
    """Return a change as it stands in a file, on one line."""
    if isinstance(value, Mapping):
        inner = ", ".join(f"{key}: {_written(item)}" for key, item in value.items())
        return f"{{{inner}}}"
    return "removed" if value is None else str(value)


def _basis_table(ramp: RampResult) -> Table:
    grid = len(ramp.axes) > 1
    units = {axis.key: axis.unit for axis in ramp.axes}
    rows = [
        (
            change.key,
            _threshold(change, units[change.key]),
            *([change.beside] if grid else []),
            "\n".join(_basis_words(change)),
        )
        for change in ramp.changes
    ]
    n_missing = sum(not row.ok for row in ramp.stack.rows)
    title = "Where the plan changes its mind" if rows else "The plan slides on one basis throughout"
    if not rows and n_missing:
        title = f"One basis wherever there is a plan; {n_missing} points have none"
    return Table(title, ("key", "at", *(["beside"] if grid else []), "what changes"), tuple(rows))


def _threshold(change: BasisChange, unit: str) -> str:
    if not change.narrowed:
        return f"between {change.before:.6g} and {change.after:.6g} {unit}".rstrip()
    half = 0.5 * abs(change.high - change.low)
    return f"{change.threshold:.6g} {unit}".rstrip() + f" (±{half:.1g})"


def _basis_words(change: BasisChange) -> Iterator[str]:
    for word, names in (
        ("buys", change.buys),
        ("no longer buys", change.drops),
        ("held by", [_limit_words(key) for key in change.holds]),
        ("freed of", [_limit_words(key) for key in change.frees]),
    ):
        if names:
            yield f"{word} {', '.join(names)}"


def _limit_words(key: str) -> str:
    """Return the key of a limit as words: item, what is limited, side."""
    return " ".join(key.split(":")[1:])


def _money_table(found: Comparison) -> Table:
    rows = []
    for family in FAMILIES:
        price, volume = found.effects(family)
        rows.append(
            (FAMILY_WORDS[family], _signed(price), _signed(volume), _signed(price + volume))
        )
    price, volume = found.effects()
    rows.append(("profit", _signed(price), _signed(volume), _signed(found.difference)))
    title = (
        f"From {found.name_a} ({found.profit_a:,.0f} usd/h) to {found.name_b} "
        f"({found.profit_b:,.0f} usd/h)"
    )
    return Table(title, ("usd/h", "by prices", "by volumes", "together"), tuple(rows))


def _lines_table(found: Comparison) -> Table:
    rows = [
        (
            f"{FAMILY_WORDS[line.family]}: {line.item}",
            _flow(line.volume_a),
            _flow(line.volume_b),
            f"{in_unit(abs(line.price_a), PRICE):.2f}",
            f"{in_unit(abs(line.price_b), PRICE):.2f}",
            _signed(line.price_effect),
            _signed(line.volume_effect),
        )
        for line in sorted(found.lines, key=lambda line: -abs(line.money_b - line.money_a))
        if max(abs(line.price_effect), abs(line.volume_effect)) > SAME_MONEY
    ]
    columns = (
        "line", "kbbl/d before", "after", f"{PRICE} before", "after", "by price usd/h", "by volume",
    )  # fmt: skip
    return Table("Lines that moved, the largest first", columns, tuple(rows))


def _drivers_table(found: Comparison) -> Table:
    rows = [
        (driver.what, driver.before or "-", driver.after or "-", _signed(driver.expected))
        for driver in found.drivers
    ]
    if rows:
        rows.append(("together, to first order", "", "", _signed(found.expected)))
        beyond = found.difference - found.expected
        rows.append(("by choosing anew, and beyond the first order", "", "", _signed(beyond)))
    title = "What the cases differ in, and what the first plan expects of it"
    return Table(title, ("", "before", "after", "usd/h"), tuple(rows))


def _decisions_table(found: Comparison) -> Table:
    rows = [
        (decision.group, decision.item, _place(decision, decision.before),
         _place(decision, decision.after), decision.unit)
        for decision in found.decisions
    ]  # fmt: skip
    return Table("Decisions that differ", ("", "", "before", "after", "unit"), tuple(rows))


def _limits_table(found: Comparison) -> Table:
    rows = [
        (limit.limit, "holds now" if limit.now_holds else "holds no more",
         f"{limit.price_a:.4g}", f"{limit.price_b:.4g}", limit.unit)
        for limit in found.limits
    ]  # fmt: skip
    columns = ("limit", "", "shadow price before", "after", "unit")
    return Table("Limits that begin or cease to hold", columns, tuple(rows))


def state_words(row: StackRow) -> str:
    """Return what the plan of a row is worth, or that there is none and why, in few words."""
    if row.ok:
        return row.worth.replace("_", " ")
    if row.error_kind == STOPPED:
        return "not reached"
    return f"no plan: {WITHOUT_PLAN.get(row.error_kind, row.error_kind)}"


def _place(decision: Decision, value: float) -> str:
    return "-" if math.isnan(value) else f"{value + 0.0:.{1 if decision.unit == 'degC' else 2}f}"


def _flow(value_m3_h: float) -> str:
    return f"{in_unit(value_m3_h / HOUR_S, 'kbbl/d') + 0.0:.2f}"


def _signed(value: float) -> str:
    if not math.isfinite(value):
        return "-"
    return f"{value:+,.0f}" if abs(value) >= SAME_MONEY else "0"


def _money(value: float) -> str:
    return f"{value:,.0f}" if math.isfinite(value) else "-"


def _volume(value: float) -> str:
    if not math.isfinite(value):
        return "-"
    return f"{value if abs(value) > LEAST_FLOW else 0.0:.2f}"


def _number(value: float) -> str:
    if not math.isfinite(value):
        return "-"
    return f"{value:,.4g}" if abs(value) > NOISE else "0"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
