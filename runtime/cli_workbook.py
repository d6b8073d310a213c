"""The commands of `operator-agent plan` that write pages and workbooks."""

import json
from pathlib import Path
from typing import Annotated

import typer

from operator_agent.runtime.cli_tables import say


def plan_report(
    case: Annotated[Path, typer.Argument(help="Planning case: a YAML file or a workbook.")],
    html_file: Annotated[Path, typer.Option("--html", help="Write the page to this file.")],
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the same figures as JSON to this file.")
    ] = None,
) -> None:
    """Solve a planning case and write the plan as one HTML page that needs no network."""
    from operator_agent.planning.solve import solve_case
    from operator_agent.planning.webreport.plan_page import plan_page
    from operator_agent.planning.workbook.convert import load_any_case
    from operator_agent.runtime.planner import plan_payload

    plan = solve_case(load_any_case(case))
    html_file.write_text(plan_page(plan), encoding="utf-8")
    say(f"page: {html_file}")
    if json_file is not None:
        json_file.write_text(json.dumps(plan_payload(plan), indent=2) + "\n", encoding="utf-8")
        say(f"JSON: {json_file}")


def plan_to_excel(
    case: Annotated[Path, typer.Argument(help="Planning case, case tree or system, a YAML file.")],
    workbook: Annotated[Path, typer.Argument(help="Workbook to write, .xlsx.")],
) -> None:
    """Write a planning case as an Excel workbook, with the remarks beside its numbers."""
    from operator_agent.planning.workbook.convert import yaml_to_workbook

    yaml_to_workbook(case, workbook)
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
