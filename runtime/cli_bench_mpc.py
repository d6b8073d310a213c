"""The command `operator-agent bench mpc`: controllers against each other on published problems."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from operator_agent.runtime.cli_tables import ERR, OUT, print_json, rich_table, say

PEER = "do_mpc"  # whose times the others are set against


def bench_mpc(
    case: Annotated[
        list[str] | None, typer.Option("--case", help="Case to run; again for more. Else all.")
    ] = None,
    engine: Annotated[
        list[str] | None, typer.Option("--engine", help="Engine to run; again for more. Else all.")
    ] = None,
    cycles: Annotated[
        int | None, typer.Option("--cycles", help="Stop each loop after so many cycles.", min=2)
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the measurement noise.", min=0)] = 0,
    repeats: Annotated[
        int, typer.Option("--repeats", help="Loops of each engine; their times are pooled.", min=1)
    ] = 2,
    json_file: Annotated[
        str | None, typer.Option("--json", help="Write JSON to this file; - for the terminal.")
    ] = None,
) -> None:
    """Run controllers in closed loops on published problems; show times, cost, limits, failures.

    Every engine solves the same problem on the same plant in the same minutes. Times are CPU time
    around the whole call, first cycle apart; use one thread (OMP_NUM_THREADS=1). A cost is that of
    the closed loop; its reference is the converged solution's in the same loop. Violations of hard
    limits are in scales of their variables.
    """
    from operator_agent.mpc.peers.catalogue import ENGINES, engine_named
    from operator_agent.mpc.published.bench import bench_case
    from operator_agent.mpc.published.catalogue import CASE_NAMES, published_case

    engines = [engine_named(name) for name in engine] if engine else list(ENGINES)
    cases = [published_case(name, cycles) for name in case or CASE_NAMES]
    payload: list[dict[str, Any]] = []
    for chosen in cases:
        rows = bench_case(chosen, engines, seed, repeats, _tell)
        payload += [row.payload() for row in rows]
    if json_file == "-":
        print_json(payload)
    else:
        for table in _tables(payload):
            OUT.print(table)
        say(
            f"Times in ms of CPU, warm cycles; ratio: {PEER}'s times by the engine's; off: cost "
            "relative to the converged solution's; hard: worst violation, in scales."
        )
        for sentence in dict.fromkeys(_notes(payload)):
            say(sentence)
    if json_file not in (None, "-"):
        Path(str(json_file)).write_text(json.dumps(payload, indent=2, allow_nan=False) + "\n")
        say(f"JSON: {json_file}")
    if all(row["cost"] is None for row in payload):
        raise typer.Exit(1)


def _tell(sentence: str) -> None:
    ERR.print(sentence, markup=False, highlight=False)


def _notes(payload: list[dict[str, Any]]) -> list[str]:
    """Return why engines did not run, and where loops ended early."""
    notes = [f"{row['engine']}: {row['reason']}" for row in payload if row["reason"]]
    ended = [row for row in payload if row.get("ended")]
    return notes + [f"{row['case']}, {row['engine']}: {row['ended']}" for row in ended]


def _tables(payload: list[dict[str, Any]]) -> list[Any]:
    """Return one table for each case."""
    columns = ("engine", "p50 / p99", "ratio", "cost", "off", "hard", "fail")
    tables = []
    for case in dict.fromkeys(row["case"] for row in payload):
        rows = [row for row in payload if row["case"] == case and row["cost"] is not None]
        peer = next((row for row in rows if row["engine"] == PEER), None)
        if rows:
            title = f"{case}: {rows[0]['story']}"
            tables.append(rich_table(title, columns, [_cells(row, peer) for row in rows]))
    return tables


def _cells(row: dict[str, Any], peer: dict[str, Any] | None) -> tuple[str, ...]:
    times = [row["median_ms"], row["p99_ms"]]
    theirs = [None, None] if peer is None else [peer["median_ms"], peer["p99_ms"]]
    ratios = [_ratio(their, own) for their, own in zip(theirs, times, strict=True)]
    cost, reference = row["cost"], row["reference_cost"]
    off = "-" if not reference else f"{(cost - reference) / abs(reference):+.0e}"
    return (
        row["engine"],
        " / ".join(_number(value, ".3g") for value in times),
        " / ".join(ratios),
        _number(cost, ".5g"),
        off,
        _number(row["hard_violation"] or None, ".0e"),
        str(row["failed_cycles"]),
    )


def _ratio(theirs: float | None, own: float | None) -> str:
    return "-" if theirs is None or not own else f"{theirs / own:.2g}"


def _number(value: float | None, layout: str) -> str:
    return "-" if value is None else format(value, layout)
