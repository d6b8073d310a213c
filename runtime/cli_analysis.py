"""The commands of `operator-agent plan` that look into cases: marginals, crudes, optima, limits."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from operator_agent.errors import InputError
from operator_agent.runtime.cli_tables import ERR, OUT, print_json, rich_table, say

if TYPE_CHECKING:
    from operator_agent.engine_task import TaskResult
    from operator_agent.planning.case import PlanningCase
    from operator_agent.planning.report import Table

CaseArgument = Annotated[Path, typer.Argument(help="Planning case: a YAML file or a workbook.")]
NlpFlag = Annotated[
    bool, typer.Option("--nlp", help="About the nonlinear plan, not the last linear program.")
]
LinearFlag = Annotated[bool, typer.Option("--linear", help="Stop after the LP.")]
Workers = Annotated[int, typer.Option("--workers", help="Processes that solve at the same time.")]
JsonOption = Annotated[
    str | None, typer.Option("--json", help="Write JSON to this file; - for the terminal.")
]
PARTNER_UNIT = "kbbl/d"  # of a partner's flow that is given without one
DEFAULT_STEPS = "5,10,15 kbbl/d"


def plan_marginals(
    case: CaseArgument,
    explain: Annotated[
        str | None,
        typer.Option(
            "--explain",
            help="What one marginal is made of: a limit in the words of the table or by its key, "
            "purchase:CRUDE or sale:PRODUCT.",
        ),
    ] = None,
    less: Annotated[bool, typer.Option("--less", help="Explain one less, not one more.")] = False,
    nlp: NlpFlag = False,
    json_file: JsonOption = None,
) -> None:
    """Show what one more of every limit earns and one less costs; explain one of them."""
    from operator_agent.planning.analysis import decomposition, tables, two_sided
    from operator_agent.planning.analysis.base import linear_base
    from operator_agent.planning.analysis.tangent import Tangent
    from operator_agent.planning.analysis.words import plain

    base = linear_base(_load(case), stage="nlp" if nlp else "lp")
    tangent = Tangent(base.program, base.solution)
    if explain is not None:
        way: decomposition.Way = "less" if less else "more"
        found = decomposition.explain(base, explain, way, tangent)
        _show(json_file, plain(found), lambda: [tables.explained_table(found)])
        return
    limits = two_sided.limit_marginals(base, tangent)
    trades = two_sided.trade_marginals(base, tangent)
    payload = {"limits": plain(limits), "trades": plain(trades)}
    _show(json_file, payload, lambda: [tables.limit_table(limits), tables.trade_table(trades)])


def plan_range(
    case: CaseArgument,
    every: Annotated[
        bool, typer.Option("--all", help="Also the limits that do not hold the plan.")
    ] = False,
    nlp: NlpFlag = False,
    json_file: JsonOption = None,
) -> None:
    """Show how far prices and limits may move while the plan, or a marginal, stays as it is."""
    from operator_agent.planning.analysis import ranging, tables
    from operator_agent.planning.analysis.base import linear_base
    from operator_agent.planning.analysis.words import plain

    base = linear_base(_load(case), stage="nlp" if nlp else "lp")
    prices, limits = ranging.price_ranges(base), ranging.limit_ranges(base)
    payload = {"prices": plain(prices), "limits": plain(limits)}
    shown = [tables.holding_range_table, *([tables.slack_range_table] if every else [])]
    _show(
        json_file,
        payload,
        lambda: [tables.price_range_table(prices), *(table(limits) for table in shown)],
    )
    if not every and json_file is None:
        say("--all lists the limits that do not hold the plan")


def plan_crudes(
    case: CaseArgument,
    candidate: Annotated[
        list[str], typer.Option("--candidate", help="Crude of the case, or a candidate file.")
    ],
    steps: Annotated[
        str, typer.Option("--steps", help="Flows to force in, with their unit.")
    ] = DEFAULT_STEPS,
    beside: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            help="Partner, set to exactly this flow beside each one: --with 'maya=10 kbbl/d'; "
            "without a unit kbbl/d, without a flow the last step.",
        ),
    ] = None,
    linear: LinearFlag = False,
    workers: Workers = 1,
    json_file: JsonOption = None,
) -> None:
    """Force candidate crudes into the plan in steps; show breakeven prices and synergies.

    A partner is set to exactly its flow, no more and no less, whether that pays or not.
    """
    from operator_agent.engine import engine_from
    from operator_agent.planning.analysis.crude_evaluation import evaluate_crudes
    from operator_agent.planning.analysis.crude_payload import crude_payload
    from operator_agent.planning.analysis.study_tables import crude_tables

    flows = _flows(steps)
    loaded, names = _with_candidates(case, candidate)
    partners = dict(_partner(text, flows[-1]) for text in beside or [])
    total = len(names) * (len(flows) + 1) * (len(partners) + 1)
    with engine_from("serial" if workers == 1 else "process", workers) as engine:
        found = evaluate_crudes(
            loaded,
            names,
            flows,
            partners=partners,
            stage="lp" if linear else "nlp",
            engine=engine,
            progress=_progress(total),
        )
    _show(json_file, crude_payload(found), lambda: crude_tables(found))


def plan_simulate(
    case: CaseArgument,
    decisions: Annotated[Path, typer.Argument(help="Decisions, a YAML file; see `decisions`.")],
    json_file: JsonOption = None,
) -> None:
    """Evaluate decisions as they are: profit, loads, and every limit that they miss."""
    from operator_agent.planning.analysis.decisions import load_decisions
    from operator_agent.planning.analysis.simulate import simulate_decisions, simulation_payload
    from operator_agent.planning.analysis.study_tables import simulation_tables

    loaded = _load(case)
    found = simulate_decisions(loaded, load_decisions(decisions, loaded))
    _show(json_file, simulation_payload(found), lambda: simulation_tables(found))


def plan_decisions(
    case: CaseArgument,
    file: Annotated[Path, typer.Argument(help="YAML file to write.")],
) -> None:
    """Solve a case and write the decisions of its plan, for a planner to change and simulate."""
    from operator_agent.planning.analysis.decisions import decisions_at, decisions_text
    from operator_agent.planning.analysis.local_search import LocalSearch
    from operator_agent.planning.recursion import solve_recursion
    from operator_agent.planning.refinery import refinery

    loaded = _load(case)
    plant = refinery(loaded)
    linear = solve_recursion(plant)
    best = LocalSearch(plant, linear.point).best_of([linear.point, plant.first_point()])
    file.write_text(decisions_text(decisions_at(best.point, loaded), loaded), encoding="utf-8")
    say(f"decisions: {file}")


def plan_multistart(
    case: CaseArgument,
    starts: Annotated[int, typer.Option("--starts", help="Random starts.")] = 20,
    seed: Annotated[int, typer.Option("--seed", help="Of the random starts.")] = 1,
    workers: Workers = 1,
    json_file: JsonOption = None,
) -> None:
    """Look for other local optima from random starts; show in what they differ."""
    from operator_agent.engine import engine_from
    from operator_agent.planning.analysis.multistart import multistart, multistart_payload
    from operator_agent.planning.analysis.study_tables import multistart_tables

    with engine_from("serial" if workers == 1 else "process", workers) as engine:
        found = multistart(
            _load(case), starts, seed=seed, engine=engine, progress=_progress(starts + 1)
        )
    _show(json_file, multistart_payload(found), lambda: multistart_tables(found))


def plan_matrix(case: CaseArgument, json_file: JsonOption = None) -> None:
    """Show the statistics of a case's matrix, with warnings and advice."""
    from operator_agent.planning.analysis.matrix import case_matrix
    from operator_agent.planning.analysis.study_tables import matrix_tables
    from operator_agent.planning.analysis.words import plain

    found = case_matrix(_load(case))
    _show(json_file, plain(found), lambda: matrix_tables(found))


def plan_explain_conflict(case: CaseArgument, json_file: JsonOption = None) -> None:
    """Show which limits must give way for a case to have a plan, what each costs, which clash."""
    from operator_agent.planning.analysis.infeasibility import conflict_payload, conflict_report
    from operator_agent.planning.analysis.study_tables import conflict_tables

    found = conflict_report(_load(case))
    if found is None and json_file is None:
        say("all limits of the case can hold together")
        return
    _show(json_file, conflict_payload(found), lambda: conflict_tables(found) if found else [])


def add_analysis_commands(app: typer.Typer) -> None:
    """Add the commands of this module to `operator-agent plan`."""
    app.command("marginals")(plan_marginals)
    app.command("range")(plan_range)
    app.command("crudes")(plan_crudes)
    app.command("simulate")(plan_simulate)
    app.command("decisions")(plan_decisions)
    app.command("multistart")(plan_multistart)
    app.command("matrix")(plan_matrix)
    app.command("explain-conflict")(plan_explain_conflict)


def _load(file: Path) -> "PlanningCase":
    from operator_agent.planning.system.reader import is_system_file
    from operator_agent.planning.workbook.convert import load_any_case

    if is_system_file(file):
        raise InputError(
            f"{file} is a system of several periods or plants, and this command takes one case; "
            "give one of the case files that it names"
        )
    return load_any_case(file)


def _with_candidates(file: Path, candidates: list[str]) -> "tuple[PlanningCase, list[str]]":
    """Return the case with the crudes of candidate files, and the names of all candidates."""
    from operator_agent.planning.analysis.candidate_file import with_candidate
    from operator_agent.planning.case_file import case_from_entry
    from operator_agent.planning.casework.tree import load_tree

    files = [name for name in candidates if Path(name).suffix in (".yaml", ".yml")]
    if not files:
        return _load(file), candidates
    node = load_tree(file)
    entry, names = dict(node.entry), [name for name in candidates if name not in files]
    for path in files:
        entry, name = with_candidate(entry, Path(path))
        names.append(name)
    return case_from_entry(entry, node.folder, node.source), names


def _flows(text: str) -> list[float]:
    """Return flows [m3/s] of a list such as `5,10,15 kbbl/d`, rising."""
    from operator_agent.planning.quantities import parse_quantity

    numbers, _, unit = text.strip().partition(" ")
    parts = [part for part in numbers.split(",") if part]
    flows = [parse_quantity(f"{part} {unit}".strip(), "volume flow", "--steps") for part in parts]
    return sorted(set(flows))


def _partner(text: str, default: float) -> tuple[str, float]:
    """Return a partner and its flow [m3/s]; `maya=10` is in kbbl/d."""
    from operator_agent.planning.quantities import parse_quantity

    name, given, flow = (part.strip() for part in text.partition("="))
    if not given:
        return name, default
    stated = f"{flow} {PARTNER_UNIT}" if len(flow.split()) == 1 else flow
    return name, parse_quantity(stated, "volume flow", f"--with {name}")


def _progress(total: int) -> "Callable[[TaskResult[Any]], None]":
    from operator_agent.planning.analysis.words import first_sentence

    done: list[int] = []

    def tell(result: "TaskResult[Any]") -> None:
        done.append(result.index)
        state = f"{result.seconds:.1f} s" if result.ok else first_sentence(result.error)
        ERR.print(f"{len(done)}/{total}: {state}", markup=False, highlight=False)

    return tell


def _show(json_file: str | None, payload: Any, tables: "Callable[[], Iterable[Table]]") -> None:
    """Print tables, or JSON and nothing else; JSON for a file goes beside the tables."""
    if json_file == "-":
        print_json(payload)
        return
    for table in tables():
        OUT.print(rich_table(table.title, table.columns, table.rows), "")
    if json_file is not None:
        Path(json_file).write_text(json.dumps(payload, indent=2) + "\n", encoding="utf-8")
        say(f"JSON: {json_file}")
