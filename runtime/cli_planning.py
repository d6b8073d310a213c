"""The command `operator-agent plan`: planning cases on the command line.

`plan_app` gathers the commands; those of one kind of work stand in a module of their own.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from operator_agent.runtime.cli_analysis import add_analysis_commands
from operator_agent.runtime.cli_cases import add_case_commands
from operator_agent.runtime.cli_tables import OUT, print_json, rich_table, say
from operator_agent.runtime.cli_workbook import add_workbook_commands, write_text

if TYPE_CHECKING:
    from operator_agent.planning.report import Table

plan_app = typer.Typer(help="Planning: economic targets from crudes, prices and limits.")
add_workbook_commands(plan_app)
add_analysis_commands(plan_app)
add_case_commands(plan_app)


@plan_app.command("solve")
def plan_solve(
    case: Annotated[
        Path, typer.Argument(help="Planning case or system: a YAML file or a workbook.")
    ],
    json_file: Annotated[
        str | None, typer.Option("--json", help="Write JSON to this file; - for the terminal.")
    ] = None,
    linear: Annotated[
        bool, typer.Option("--linear", help="Stop after the LP; the NLP is left out.")
    ] = False,
    xlsx_file: Annotated[
        Path | None,
        typer.Option("--xlsx", help="Write every table to a sheet of this workbook, .xlsx."),
    ] = None,
) -> None:
    """Solve a planning case and show slate, cut points, blends, capacities and marginal values.

    A system of several periods or plants also shows stocks and transport.
    """
    from operator_agent.planning.system.reader import is_system_file
    from operator_agent.planning.workbook.results import write_results

    solve = _solve_system if is_system_file(case) else _solve_case
    payload, tables = solve(case, linear)
    if xlsx_file is not None:
        write_results(xlsx_file, tables)
    if json_file == "-":
        print_json(payload)
        return
    for table in tables:
        OUT.print(rich_table(table.title, table.columns, table.rows), "")
    if json_file is not None:
        write_text(Path(json_file), json.dumps(payload, indent=2, allow_nan=False) + "\n")
        say(f"JSON: {json_file}")
    if xlsx_file is not None:
        say(f"workbook: {xlsx_file}")


def _solve_case(file: Path, linear: bool) -> "tuple[dict[str, Any], list[Table]]":
    from operator_agent.planning.case_file import load_case
    from operator_agent.planning.report import plan_tables
    from operator_agent.planning.solve import solve_case
    from operator_agent.runtime.planner import plan_payload

    plan = solve_case(load_case(file), stage="lp" if linear else "nlp")
    return plan_payload(plan), plan_tables(plan)


def _solve_system(file: Path, linear: bool) -> "tuple[dict[str, Any], list[Table]]":
    from operator_agent.planning.system.reader import load_system
    from operator_agent.planning.system.report import system_tables
    from operator_agent.planning.system.solve import solve_system

    plan = solve_system(load_system(file), stage="lp" if linear else "nlp")
    return plan.payload(), system_tables(plan)
