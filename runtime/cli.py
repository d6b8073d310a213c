"""The command line `operator-agent`: from a plan to the whole loop.

Every command explains itself with `--help`. A wrong input ends in one sentence that names the
thing, its value and the next step, and in an exit code that is not 0 (see `errors.py`).
"""

import logging
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from operator_agent import __version__
from operator_agent.errors import OperatorAgentError
from operator_agent.runtime.cli_tables import (
    ERR,
    OUT,
    JsonFlag,
    complain,
    print_json,
    say,
)

app = typer.Typer(
    name="operator-agent",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
DEMO_SITE = Path("cases/sites/crude_unit.yaml")


def show_version(wanted: bool) -> None:
    """Print the version and end."""
    if wanted:
        say(f"operator-agent {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=show_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """From a plan to a valve: planning, plant, MPC, supervisor and the write gate."""


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for report.html and summary.json.")] = Path(
        "out/demo"
    ),
    hours: Annotated[float, typer.Option(help="Plant hours to run.", min=0.5, max=48.0)] = 8.0,
    seed: Annotated[int, typer.Option(help="Seed of noise and disturbances.", min=0)] = 1,
    site: Annotated[Path, typer.Option(help="Site file.")] = DEMO_SITE,
    as_json: JsonFlag = False,
) -> None:
    """Run the whole loop: plan, plant, MPC, supervisor, gate; then compare three controllers.

    The plant runs faster than real time behind a real OPC UA server, the write gate in a process
    of its own. Three controllers meet the same scenario: the operators' recipe, the MPC, and the
    MPC with the supervisor. Takes a few minutes on two cores.
    """
    from operator_agent.runtime.demo import run_demo
    from operator_agent.runtime.demo_display import DemoDisplay, controllers_table
    from operator_agent.runtime.report import supervisor_sentence

    with DemoDisplay(ERR) as display:
        summary = run_demo(site, out, hours, seed, display)
    if as_json:
        print_json(summary)
        return
    OUT.print(controllers_table(summary))
    say(supervisor_sentence(summary))
    say(f"Report: {out / 'report.html'}   Figures: {out / 'summary.json'}")


def main() -> None:
    """Run the command line; errors of this package become one sentence and an exit code."""
    for library in ("OMP", "OPENBLAS", "MKL"):  # before numpy loads: more threads are slower here
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    from operator_agent.runtime import (
        cli_bench,
        cli_explain,
        cli_identify,
        cli_learning,
        cli_planning,
        cli_plant,
        cli_site,
        cli_tuning,
    )

    app.add_typer(cli_planning.plan_app, name="plan")
    app.add_typer(cli_bench.bench_app, name="bench")
    app.add_typer(cli_plant.plant_app, name="plant")
    app.add_typer(cli_site.gate_app, name="gate")
    app.add_typer(cli_site.control_app, name="control")
    app.add_typer(cli_site.api_app, name="api")
    app.command("keys")(cli_site.keys)
    app.command("approve")(cli_site.approve)
    app.command("explain")(cli_explain.explain)
    app.command("identify")(cli_identify.identify)
    app.command("step-test")(cli_identify.step_test)
    app.command("train")(cli_learning.train)
    app.command("evaluate")(cli_learning.evaluate)
    app.command("tune")(cli_tuning.tune)
    app.command("choose-tuning")(cli_tuning.choose_tuning)
    logging.basicConfig(
        level=os.environ.get("OPERATOR_AGENT_LOG", "WARNING").upper(),
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    if "OPERATOR_AGENT_LOG" not in os.environ:  # its warnings say in code what ours say in words
        logging.getLogger("asyncua").setLevel(logging.CRITICAL)
    try:
        app()
    except OperatorAgentError as error:
        complain(error)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
