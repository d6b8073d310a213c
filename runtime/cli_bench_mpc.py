"""The command `operator-agent bench mpc`: controllers against each other on published problems."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from operator_agent.errors import InputError
from operator_agent.runtime.bench_unit import UNIT_ENGINES, UNIT_PREFIX, unit_names, unit_runner
from operator_agent.runtime.cli_tables import ERR, OUT, print_json, rich_table, say

CRUDE_UNIT = Path("cases/sites/crude_unit.yaml")
PEERS = ("do_mpc", "ipopt")  # whose times the others are set against: the first that ran


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
    site: Annotated[
        Path, typer.Option("--site", help="Site file of the crude unit, for the cases unit-...")
    ] = CRUDE_UNIT,
    json_file: Annotated[
        str | None, typer.Option("--json", help="Write JSON to this file; - for the terminal.")
    ] = None,
) -> None:
    """Run controllers in closed loops on published problems; show times, cost, limits, failures.

    The cases unit-... are upsets of the crude unit, with the controller's model as the plant
    (-model) and with the unit of record (-record); there IPOPT, converged, is the peer. The cases
    shell-... and column-a compare this project's controller with published and tuned PI loops: the
    reference of their cost is the tuned PI, and --engine and --cycles leave them alone. All cases
    take some fifteen minutes on an idle core, most of them IPOPT's.

    Every engine solves the same problem on the same plant in the same minutes. Times are CPU time
    around the whole call, first cycle apart; use one thread (OMP_NUM_THREADS=1). A cost is that of
    the closed loop; its reference is the converged solution's in the same loop. Violations of hard
    limits are in scales of their variables.
    """
    from operator_agent.mpc.peers.catalogue import ENGINES
    from operator_agent.mpc.published.bench import bench_case
    from operator_agent.mpc.published.catalogue import CASE_NAMES, published_case
    from operator_agent.mpc.published.scored import SCORED_CASES, scored_rows

    names = case or [*CASE_NAMES, *([] if engine else SCORED_CASES), *unit_names(site)]
    scored = [name for name in names if name in SCORED_CASES]
    chosen = engine or list(dict.fromkeys((*[e.name for e in ENGINES], *UNIT_ENGINES)))
    engines, unit_engines = _engines(chosen)
    units = [name for name in names if name.startswith(UNIT_PREFIX)]
    cases = [published_case(name, cycles) for name in names if name not in (*units, *scored)]
    run_units = unit_runner(site, units, cycles) if units and unit_engines else None
    payload: list[dict[str, Any]] = []
    for one in cases if engines else ():
        payload += [row.payload() for row in bench_case(one, engines, seed, repeats, _tell)]
    for name in scored:
        payload += scored_rows(name, _tell)
    if run_units is not None:
        payload += run_units(unit_engines, _tell)
    if not payload:
        raise InputError(f"engine {', '.join(chosen)} runs none of the cases {', '.join(names)}")
    if json_file == "-":
        print_json(payload)
    else:
        for table in _tables(payload):
            OUT.print(table)
        say(
            f"Times in ms of CPU, warm cycles; ratio: times of {' or '.join(PEERS)} by the "
            "engine's; off: cost relative to the converged solution's; hard: worst violation, in "
            "scales."
        )
        for sentence in dict.fromkeys(_notes(payload)):
            say(sentence)
    if json_file not in (None, "-"):
        Path(str(json_file)).write_text(json.dumps(payload, indent=2, allow_nan=False) + "\n")
        say(f"JSON: {json_file}")
    if all(row["cost"] is None for row in payload):
        raise typer.Exit(1)


def _engines(names: list[str]) -> tuple[list[Any], list[str]]:
    """Return the engines of the published cases and the names of those of the unit."""
    from operator_agent.mpc.peers.catalogue import engine_named

    units = [name for name in names if name in UNIT_ENGINES]
    only_units = set(UNIT_ENGINES) - {"own"}
    return [engine_named(name) for name in names if name not in only_units], units


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
        peers = [row for name in PEERS for row in rows if row["engine"] == name]
        peer = peers[0] if peers else None
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
        " / ".join(_short(value) for value in times),
        " / ".join(ratios),
        _number(cost, ".5g"),
        off,
        _number(row["hard_violation"] or None, ".0e"),
        str(row["failed_cycles"]),
    )


def _ratio(theirs: float | None, own: float | None) -> str:
    return _short(theirs / own) if theirs is not None and own else "-"


def _short(value: float | None) -> str:
    """Return three digits, and no power of ten."""
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 100.0 else f"{value:.3g}"


def _number(value: float | None, layout: str) -> str:
    return "-" if value is None else format(value, layout)
