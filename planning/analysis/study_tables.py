"""Tables of studies: crude evaluation, multistart, simulation, matrix, conflict."""

import math

from operator_agent.planning.analysis.crude_evaluation import ALONE, CrudeEvaluation
from operator_agent.planning.analysis.infeasibility import ConflictReport
from operator_agent.planning.analysis.matrix import Concern, MatrixStatistics, Span
from operator_agent.planning.analysis.multistart import LocalGroup, Multistart
from operator_agent.planning.analysis.simulate import Simulation, check_point
from operator_agent.planning.analysis.words import (
    FLOW,
    NONE,
    PRICE,
    amount_text,
    flow_text,
    limit_value_text,
    marginal_text,
    money_text,
    price_text,
)
from operator_agent.planning.case import PlanningCase
from operator_agent.planning.quantities import in_unit
from operator_agent.planning.recursion import BREAK_PRICE
from operator_agent.planning.report import Table
from operator_agent.planning.streams import Point
from operator_agent.units import HOUR_S

PENALTY = "penalty usd/h"
ABOUT_PENALTY = "penalty: what the search counts a miss for, no money"
MOST_FINDINGS = 40  # lines of a matrix report; the rest is counted


def crude_tables(evaluation: CrudeEvaluation) -> list[Table]:
    """Return the value curves of all candidates, and their synergies with partners."""
    rows = []
    for curve in evaluation.curves.values():
        beside = f"{flow_text(curve.partner_flow)} {curve.partner}" if curve.partner else "alone"
        steps = {high: worth for _, high, worth in curve.increments()}
        for plan in curve.plans:
            forced = plan.flow > 0.0
            rows.append(
                (
                    curve.candidate,
                    beside,
                    flow_text(plan.flow),
                    money_text(plan.profit),
                    money_text(curve.gain(plan.flow)),
                    price_text(curve.breakeven(plan.flow) if forced else curve.first_barrel),
                    price_text(steps.get(plan.flow, curve.first_barrel)),
                    price_text(curve.price),
                )
            )
    columns = (
        "candidate",
        "beside",
        f"forced {FLOW}",
        "profit usd/h",
        "change",
        f"breakeven {PRICE}",
        "of this step",
        "price",
    )
    tables = [Table(f"Crude evaluation of {evaluation.case}", columns, tuple(rows))]
    return [*tables, *_synergies(evaluation), *_reasons(evaluation)]


def _reasons(evaluation: CrudeEvaluation) -> list[Table]:
    rows = tuple(
        (curve.candidate, curve.partner or "alone", flow_text(plan.flow), plan.reason)
        for curve in evaluation.curves.values()
        for plan in curve.plans
        if not plan.possible
    )
    columns = ("candidate", "beside", f"forced {FLOW}", "reason")
    return [Table("No plan", columns, rows)] if rows else []


def _synergies(evaluation: CrudeEvaluation) -> list[Table]:
    rows = [
        (
            candidate,
            partner,
            flow_text(plan.flow),
            price_text(evaluation.synergy(candidate, partner, plan.flow)),
        )
        for (candidate, partner), curve in evaluation.curves.items()
        if partner != ALONE
        for plan in curve.plans
        if plan.flow > 0.0
    ]
    columns = ("candidate", "partner", FLOW, f"adds to breakeven {PRICE}")
    return [Table("Synergy of candidates with partners", columns, tuple(rows))] if rows else []


def multistart_tables(result: Multistart) -> list[Table]:
    """Return the distinct local optima, and in what the others differ from the best."""
    best = result.groups[0]
    rows = []
    for number, group in enumerate(result.groups, start=1):
        usual = "yes" if 0 in group.starts else ""
        profit, below = group.best.profit, best.best.profit - group.best.profit
        rows.append(
            (str(number), money_text(profit), money_text(below), str(len(group.starts)), usual)
        )
    for start, reason in result.failed:
        rows.append((f"start {start}", NONE, NONE, reason, "yes" if start == 0 else ""))
    columns = ("optimum", "profit usd/h", "below best", "starts that end here", "usual start")
    tables = [Table(f"Local optima of {result.case}, seed {result.seed}", columns, tuple(rows))]
    names = tuple(str(number) for number in range(1, len(result.groups) + 1))
    structure = Table("Structure of the optima", ("", *names), _structure(result.groups))
    return [*tables, structure]


def _structure(groups: tuple[LocalGroup, ...]) -> tuple[tuple[str, ...], ...]:
    points = [group.best.point for group in groups]
    rows = [
        (f"{name} {FLOW}", *(flow_text(point.charge[name] / HOUR_S) for point in points))
        for name in points[0].charge
    ]
    rows += [
        (f"{name} degC", *(f"{in_unit(point.cut[name], 'degC'):.1f}" for point in points))
        for name in points[0].cut
    ]
    sets = [set(group.best.held) for group in groups]
    for key in sorted(set().union(*sets)):
        rows.append((key, *("holds" if key in held else "" for held in sets)))
    return tuple(rows)


def simulation_tables(result: Simulation) -> list[Table]:
    """Return money, loads, and everything that the point misses, worst first."""
    money = result.money
    rows = [
        ("sales", money_text(sum(money.revenue.values()))),
        ("crude", money_text(-sum(money.crude_cost.values()))),
        ("other purchases", money_text(-sum(money.purchase_cost.values()))),
        ("energy and steam", money_text(-sum(money.energy_cost.values()))),
        ("other operating cost", money_text(-sum(money.operating_cost.values()))),
        ("profit", money_text(money.profit)),
    ]
    if result.misses:
        rows.append(("the same less penalties of misses (no money)", money_text(result.penalised)))
    loads = tuple((name, flow_text(load)) for name, load in result.unit_loads.items())
    sales = tuple((blend.product, flow_text(blend.flow_vol)) for blend in result.blends)
    return [
        Table("Economics of the decisions", ("", "usd/h"), tuple(rows)),
        Table("Unit feeds", ("unit", FLOW), loads),
        Table("Products", ("product", FLOW), sales),
        *feasibility_tables(result),
        *_alerts(result),
        *_remarks(result),
    ]


def _remarks(result: Simulation) -> list[Table]:
    rows = tuple((remark,) for remark in result.remarks)
    return [Table("Remarks", ("",), rows)] if rows else []


def _alerts(result: Simulation) -> list[Table]:
    rows = []
    for one in result.alerts:
        known = math.isfinite(one.value)
        value = f"{in_unit(one.value, one.alert.unit):.4g}" if known else NONE
        rows.append((one.state.value, one.alert.of, value, one.alert.unit))
    return [Table("Alerts", ("state", "of", "value", "unit"), tuple(rows))] if rows else []


def feasibility_report(case: PlanningCase, point: Point) -> list[Table]:
    """Return what any point misses, worst first, exactly as it stands: limits, then balances.

    Args:
        case: to look at.
        point: with all flows and contents, wherever it comes from.
    """
    return feasibility_tables(check_point(case, point))


def feasibility_tables(result: Simulation) -> list[Table]:
    """Return every limit with its value and room, worst first, and balances that do not close."""
    missed = {miss.result.limit.key: miss for miss in result.misses}
    kept = [one for one in result.limits if one.limit.key not in missed]
    rows = []
    for miss in result.misses:
        limit = miss.result.limit
        rows.append(
            (
                limit.text(),
                limit_value_text(miss.result.value, limit),
                f"missed by {amount_text(miss.amount, limit)}",
                money_text(miss.at_stake) if miss.at_stake else NONE,
            )
        )
    for one in kept:
        room = amount_text(max(one.room, 0.0), one.limit)
        rows.append(
            (
                one.limit.text(),
                limit_value_text(one.value, one.limit),
                f"room {room}" if math.isfinite(one.value) else "nothing made",
                "",
            )
        )
    columns = ("limit", "value", "", "sales at stake usd/h")
    title = "Limits: all kept" if not missed else f"Limits: {len(missed)} missed, worst first"
    tables = [Table(title, columns, tuple(rows))]
    if result.rows:
        open_rows = tuple(
            (miss.row, f"{miss.amount:.4g}", f"{miss.relative:.2e}") for miss in result.rows
        )
        tables.append(Table("Balances that do not close", ("row", "by", "relative"), open_rows))
    return tables


def matrix_tables(statistics: MatrixStatistics) -> list[Table]:
    """Return counts, spans and findings of a matrix."""
    counts = (
        ("rows", str(statistics.rows)),
        ("of them equalities", str(statistics.equalities)),
        ("columns", str(statistics.columns)),
        ("of them whole numbers", str(statistics.integers)),
        ("of them without a bound on one side", str(statistics.unbounded)),
        ("nonzeros", str(statistics.nonzeros)),
        ("products of columns", str(statistics.products)),
    )
    spans = (
        ("coefficients", statistics.coefficients),
        ("coefficients, scaled", statistics.scaled),
        ("right-hand sides", statistics.right_sides),
        ("costs", statistics.costs),
        ("bounds", statistics.bounds),
    )
    shown = statistics.findings[:MOST_FINDINGS]
    found = [(_about(f.concern), ", ".join(f.where), _size(f.amount)) for f in shown]
    if len(statistics.findings) > len(shown):
        found.append((f"{len(statistics.findings) - len(shown)} more", "see --json", ""))
    advice = tuple(
        (_about(concern), str(statistics.count(concern)), concern.value)
        for concern in Concern
        if statistics.count(concern)
    )
    return [
        Table("Size", ("", "count"), counts),
        Table(
            "Numbers",
            ("", "smallest", "largest", "ratio"),
            tuple(_span_row(*item) for item in spans),
        ),
        Table("Warnings", ("about", "count", "advice"), advice),
        Table("Where", ("about", "rows and columns", "size"), tuple(found)),
    ]


def _about(concern: Concern) -> str:
    return concern.name.lower().replace("_", " ")


def _span_row(name: str, span: Span) -> tuple[str, ...]:
    return name, f"{span.low:.3g}", f"{span.high:.3g}", f"{span.spread:.1e}"


def _size(amount: float) -> str:
    return f"{amount:.1e}" if math.isfinite(amount) else NONE


def conflict_tables(report: ConflictReport) -> list[Table]:
    """Return what must give way with its cost, what clashes, and both objectives."""
    broken = tuple(
        (
            one.limit.text(),
            one.limit.unit,
            limit_value_text(one.reached, one.limit),
            marginal_text(abs(one.price), one.limit) if not one.limit.quality else NONE,
            money_text(BREAK_PRICE * severity),
        )
        for one, severity in zip(report.conflict.broken, report.severities, strict=True)
    )
    columns = ("limit", "unit", "move it to", "each further barrel earns usd", PENALTY)
    objectives = (
        ("economic, with these limits moved", money_text(report.economic)),
        ("the same less penalties", money_text(report.penalised)),
    )
    told, together = report.conflict.clash_text(), report.conflict.together
    clash = tuple((limit.text(),) for limit in together) or ((told,),)
    return [
        Table(f"The least that must give way ({ABOUT_PENALTY})", columns, broken),
        Table("Objectives", ("", "usd/h"), objectives),
        Table(told.rstrip(":") if together else "Limits that clash", ("limit",), clash),
    ]
