"""The command `operator-agent bench mpc`: controllers against each other on published problems."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from operator_agent.errors import InputError
from operator_agent.runtime.bench_tables import sentences, tables
from operator_agent.runtime.bench_unit import UNIT_ENGINES, UNIT_PREFIX, unit_names, unit_runner
from operator_agent.runtime.cli_tables import ERR, OUT, check_json_file, print_json, say

CRUDE_UNIT = Path("cases/sites/crude_unit.yaml")


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
        int,
        typer.Option("--repeats", help="Loops of each engine: a median for each cycle.", min=1),
    ] = 3,
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
    take some twenty minutes on an idle core, most of them IPOPT's; the JSON file is written anew
    after each case.

    Every engine solves the same problem on the same plant in the same minutes. Times are CPU time
    around the whole call, first cycle apart, and that of a cycle is its median over the loops; use
    one thread (OMP_NUM_THREADS=1). A cost is that of
    the closed loop; its reference is the converged solution's in the same loop. Violations of hard
    limits are in scales of their variables.
    """
    from operator_agent.mpc.peers.catalogue import SHOWN_ENGINES
    from operator_agent.mpc.published.bench import bench_case
    from operator_agent.mpc.published.catalogue import CASE_NAMES, published_case
    from operator_agent.mpc.published.scored import SCORED_CASES, scored_rows

    check_json_file(json_file)
    names = case or [*CASE_NAMES, *([] if engine else SCORED_CASES), *unit_names(site)]
    scored = [name for name in names if name in SCORED_CASES]
    chosen = engine or list(dict.fromkeys((*[e.name for e in SHOWN_ENGINES], *UNIT_ENGINES)))
    engines, unit_engines = _engines(chosen)
    units = [name for name in names if name.startswith(UNIT_PREFIX)]
    plain = [name for name in names if name not in (*units, *scored)]
    unknown = [name for name in plain if name not in CASE_NAMES]
    if unknown:
        known = ", ".join((*CASE_NAMES, *SCORED_CASES, *unit_names(site)))
        raise InputError(f"no case '{unknown[0]}'; cases are {known}")
    cases = [published_case(name, cycles) for name in plain]
    run_unit = unit_runner(site, units, cycles) if units and unit_engines else None
    payload: list[dict[str, Any]] = []
    for one in cases if engines else ():
        payload += [row.payload() for row in bench_case(one, engines, seed, repeats, _tell)]
        _write(json_file, payload)
    for name in scored:
        payload += scored_rows(name, _tell)
        _write(json_file, payload)
    if run_unit is not None:
        for name in units:
            payload += run_unit(name, unit_engines, _tell)
            _write(json_file, payload)
    if not payload:
        raise InputError(f"engine {', '.join(chosen)} runs none of the cases {', '.join(names)}")
    if json_file == "-":
        print_json(payload)
    else:
        for table in tables(payload):
            OUT.print(table)
        for sentence in sentences(payload):
            say(sentence)
    if json_file not in (None, "-"):
        say(f"JSON: {json_file}")
    if all(row["cost"] is None for row in payload):
        raise typer.Exit(1)


def _engines(names: list[str]) -> tuple[list[Any], list[str]]:
    """Return the engines of the published cases and the names of those of the unit."""
    from operator_agent.mpc.peers.catalogue import engine_named

    units = [name for name in names if name in UNIT_ENGINES]
    only_units = set(UNIT_ENGINES) - {"own"}
    return [engine_named(name) for name in names if name not in only_units], units


def _write(json_file: str | None, payload: list[dict[str, Any]]) -> None:
    """Write what is known so far, so that an interrupted run loses no finished case."""
    if json_file not in (None, "-"):
        Path(str(json_file)).write_text(json.dumps(payload, indent=2, allow_nan=False) + "\n")


def _tell(sentence: str) -> None:
    ERR.print(sentence, markup=False, highlight=False)
