"""The command `operator-agent bench`: published problems, solved and judged."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from operator_agent.runtime.cli_bench_mpc import bench_mpc
from operator_agent.runtime.cli_tables import ERR, OUT, check_json_file, print_json, rich_table, say

bench_app = typer.Typer(help="Benchmarks: published problems, solved and judged.")


@bench_app.callback()
def bench() -> None:
    """Benchmarks: published problems, solved and judged."""


bench_app.command("mpc")(bench_mpc)


@bench_app.command("planning")
def bench_planning(
    paths: Annotated[list[Path], typer.Argument(help="Instances, or folders of instances.")],
    json_file: Annotated[
        str | None, typer.Option("--json", help="Write JSON to this file; - for the terminal.")
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option("--seeds", help="Starts of each search; else as the layout needs.", min=1),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the first start.", min=0)] = 0,
    bound_seconds: Annotated[
        float | None,
        typer.Option(
            "--bound-seconds",
            help="Seconds for a proven bound of each; else 2 for small ones, 0 for large ones.",
            min=0.0,
        ),
    ] = None,
) -> None:
    """Solve published planning problems; show objective, gap, bound, violation and hits.

    Reads row files (.json), sets and parameters (`*_all_parameters.txt` with its `*_all_sets.txt`
    beside it), pooling problems, and the refineries of Williams and of Pike. A gap is relative to
    the best known objective and positive when worse. A file that cannot be solved has the status
    `error: ...`; the others are solved all the same, and the exit code is 1.
    """
    from operator_agent.planning.published.bench import solve_instance
    from operator_agent.planning.published.instances import instance_files

    check_json_file(json_file)
    results = []
    for file in [file for path in paths for file in instance_files(path)]:
        ERR.print(f"{file} ...", markup=False, highlight=False)
        results.append(solve_instance(file, starts=seeds, seed=seed, bound_seconds=bound_seconds))
    payload = [result.payload() for result in results]
    if json_file == "-":
        print_json(payload)
    else:
        OUT.print(_table(payload))
        for entry in payload:
            failed = [entry["status"]] if entry["objective"] is None else []
            for sentence in failed + entry["notes"]:
                say(f"{entry['instance']}: {sentence}")
    if json_file not in (None, "-"):
        Path(str(json_file)).write_text(json.dumps(payload, indent=2, allow_nan=False) + "\n")
        say(f"JSON: {json_file}")
    if not results or any(result.failed for result in results):
        raise typer.Exit(1)


def _table(payload: list[dict[str, Any]]) -> Any:
    columns = ("instance", "status", "objective", "best known", "gap", "bound", "violation")
    rows = [
        (
            entry["instance"],
            entry["status"].split(":")[0],
            _number(entry["objective"], ",.2f"),
            _number(entry["best_known"], ",.2f"),
            _number(entry["gap"], "+.1e"),
            f"{_number(entry['bound'], ',.2f')} {entry['bound_status']}",
            _number(entry["violation"], ".0e"),
            f"{entry['hits']['reached']}/{entry['hits']['of']}",
            f"{entry['seconds']:.2f}",
        )
        for entry in payload
    ]
    return rich_table("Published planning problems", (*columns, "hits", "seconds"), rows)


def _number(value: float | None, layout: str) -> str:
    return "-" if value is None else format(value, layout)
