"""The commands of `operator-agent plan` that write pages and workbooks."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from operator_agent.errors import InputError
from operator_agent.runtime.cli_tables import say

if TYPE_CHECKING:
    from operator_agent.planning.casework.tree import CaseNode


def plan_report(
    case: Annotated[
        str, typer.Argument(help="Case, case tree or system: a YAML file or a workbook.")
    ],
    html_file: Annotated[Path, typer.Option("--html", help="Write the page to this file.")],
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the same figures as JSON to this file.")
    ] = None,
    watch: Annotated[
        list[str] | None, typer.Option("--watch", help="Of a tree, show this of every case too.")
    ] = None,
    linear: Annotated[
        bool, typer.Option("--linear", help="Stop after the LP; the NLP is left out.")
    ] = False,
    engine: Annotated[
        str, typer.Option("--engine", help="Where to solve a tree: serial, process or ray.")
    ] = "process",
) -> None:
    """Solve and write one HTML page that needs no network: flows, balances, recipes, marginals.

    A tree of cases gives the cases side by side; a system gives its stocks over time.
    """
    page, payload = _page(case, watch or [], "lp" if linear else "nlp", engine)
    write_text(html_file, page)
    say(f"page: {html_file}")
    if json_file is not None:
        write_text(json_file, json.dumps(payload, indent=2, allow_nan=False) + "\n")
        say(f"JSON: {json_file}")


def write_text(file: Path, text: str) -> None:
    """Write a file.

    Raises:
        InputError: it cannot be written.
    """
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{file} cannot be written: {error.strerror}") from error


def _page(case: str, watch: list[str], stage: Literal["lp", "nlp"], engine: str) -> tuple[str, Any]:
    """Return the page of a file, and its figures."""
    from operator_agent.planning.case_file import load_case
    from operator_agent.planning.casework.tree import load_tree
    from operator_agent.planning.solve import solve_case
    from operator_agent.planning.system.reader import is_system_file
    from operator_agent.planning.webreport.plan_page import plan_page
    from operator_agent.runtime.planner import plan_payload

    file, _, named = case.partition("#")
    if is_system_file(file):
        return _system_page(file, stage)
    node = load_tree(case)
    if node.children:
        return _stack_page(list(node.walk()), watch, stage, engine)
    plain = not node.parents and not named
    plan = solve_case(load_case(file) if plain else node.case(), stage=stage)
    return plan_page(plan), plan_payload(plan)


def _system_page(file: str, stage: Literal["lp", "nlp"]) -> tuple[str, Any]:
    from operator_agent.planning.system.reader import load_system
    from operator_agent.planning.system.solve import solve_system
    from operator_agent.planning.webreport.payload import system_payload
    from operator_agent.planning.webreport.system_page import system_page

    plan = solve_system(load_system(file), stage=stage)
    return system_page(plan), system_payload(plan)


def _stack_page(
    cases: "list[CaseNode]", watch: list[str], stage: Literal["lp", "nlp"], engine: str
) -> tuple[str, Any]:
    from operator_agent.engine import engine_from
    from operator_agent.planning.casework.stack import run_stack
    from operator_agent.planning.webreport.stack_page import stack_page

    with engine_from(engine, None) as where:
        found = run_stack(cases, where, stage=stage, watch=watch)
    if found.reached < len(found.rows):
        raise KeyboardInterrupt  # half a stack is no report
    return stack_page(found, cases=cases), found.payload()


def plan_to_excel(
    case: Annotated[Path, typer.Argument(help="Planning case, case tree or system, a YAML file.")],
    workbook: Annotated[Path, typer.Argument(help="Workbook to write, .xlsx.")],
    all_sheets: Annotated[
        bool,
        typer.Option("--all-sheets", help="Write empty sheets too, of kinds it does not use."),
    ] = False,
) -> None:
    """Write a planning case as an Excel workbook, with the remarks beside its numbers."""
    from operator_agent.planning.workbook.convert import yaml_to_workbook

    yaml_to_workbook(case, workbook, all_sheets=all_sheets)
    say(f"workbook: {workbook}")


def plan_from_excel(
    workbook: Annotated[Path, typer.Argument(help="Workbook of a planning case or system, .xlsx.")],
    case: Annotated[Path, typer.Argument(help="YAML file to write.")],
) -> None:
    """Write the planning case in an Excel workbook as a YAML file."""
    from operator_agent.planning.workbook.convert import workbook_to_yaml

    for file in workbook_to_yaml(workbook, case):
        say(f"case: {file}")


def plan_template(
    workbook: Annotated[Path, typer.Argument(help="Workbook to write, .xlsx.")],
) -> None:
    """Write an empty Excel workbook for a planner to fill."""
    from operator_agent.planning.workbook.convert import write_template

    write_template(workbook)
    say(f"workbook: {workbook}")


def add_workbook_commands(app: typer.Typer) -> None:
    """Add the commands of this module to `operator-agent plan`."""
    app.command("report")(plan_report)
    app.command("to-excel")(plan_to_excel)
    app.command("from-excel")(plan_from_excel)
    app.command("template")(plan_template)
