"""The command `operator-agent plan`: planning cases on the command line.

`plan_app` gathers the commands; those of one kind of work stand in a module of their own.
"""

import json
from pathlib import Path
from typing import Annotated

import typer

from operator_agent.runtime.cli_tables import OUT, print_json, rich_table, say
from operator_agent.runtime.cli_workbook import add_workbook_commands

plan_app = typer.Typer(help="Planning: economic targets from crudes, prices and limits.")
add_workbook_commands(plan_app)


@plan_app.command("solve")
def plan_solve(
    case: Annotated[Path, typer.Argument(help="Planning case, a YAML file.")],
    json_file: Annotated[
        str | None, typer.Option("--json", help="Write JSON to this file; - for the terminal.")
    ] = None,
    linear: Annotated[
        bool, typer.Option("--linear", help="Stop after the LP; the NLP is left out.")
    ] = False,
) -> None:
    """Solve a planning case and show slate, cut points, blends, capacities and marginal values."""
    from operator_agent.planning.case_file import load_case
    from operator_agent.planning.report import plan_tables
    from operator_agent.planning.solve import solve_case
    from operator_agent.runtime.planner import plan_payload

    plan = solve_case(load_case(case), stage="lp" if linear else "nlp")
    if json_file == "-":
        print_json(plan_payload(plan))
        return
    for table in plan_tables(plan):
        OUT.print(rich_table(table.title, table.columns, table.rows), "")
    if json_file is not None:
        Path(json_file).write_text(json.dumps(plan_payload(plan), indent=2) + "\n")
        say(f"JSON: {json_file}")
