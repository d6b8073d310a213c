"""The commands `operator-agent tune` and `operator-agent choose-tuning`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from operator_agent.engine import engine_from
from operator_agent.errors import InputError
from operator_agent.runtime.cli_tables import OUT, JsonFlag, print_json, rich_table, say
from operator_agent.runtime.progress_bar import Steps, bar
from operator_agent.runtime.site_file import load_site
from operator_agent.units import HOUR_S


def tune(
    site: Annotated[Path, typer.Argument(help="Site file.")],
    out: Annotated[Path, typer.Option(help="Folder for catalogue, weights and pictures.")] = Path(
        "out/tuning"
    ),
    generations: Annotated[
        int, typer.Option(help="Generations bred after the first population.", min=0)
    ] = 4,
    population: Annotated[
        int, typer.Option(help="Candidates of each generation, a multiple of 4.", min=4)
    ] = 8,
    hours: Annotated[float, typer.Option(help="Plant hours of each scenario.", min=0.1)] = 6.0,
    scenarios: Annotated[int, typer.Option(help="Training scenarios.", min=2)] = 2,
    checks: Annotated[
        int, typer.Option(help="Validation scenarios, and as many test scenarios.", min=2)
    ] = 6,
    seed: Annotated[int, typer.Option(help="Seed of the search and scenarios.", min=0)] = 1,
    engine: Annotated[str, typer.Option(help="serial, process or ray.")] = "process",
    workers: Annotated[int, typer.Option(help="Processes.", min=1)] = 2,
    limit: Annotated[
        float, typer.Option(help="Minutes after which a run counts as failed (process).", min=0.1)
    ] = 60.0,
    as_json: JsonFlag = False,
) -> None:
    """Search MPC weights, back-offs and horizon in simulation (NSGA-II) and write a catalogue.

    Judged by profit, distance outside hard limits, and MV travel. An interrupted search goes on
    when it is called again; with more generations a finished one does too. The folder receives
    catalogue.yaml, front.png, convergence.png, and weights.yaml: the tuning that is worth most on
    validation scenarios, which may be the present one. To use it, name it as `controller` under
    `files` of the site.
    """
    try:
        from operator_agent.runtime.weights_search import SearchRequest, run_search
    except ImportError as error:
        raise InputError(f"tuning needs the extra 'tune' ({error}); run: make test") from error
    loaded = load_site(site)
    request = SearchRequest(generations, population, hours, seed, scenarios, checks)
    request.settings()  # refuses what is wrong before anything starts
    out.mkdir(parents=True, exist_ok=True)
    limit_s = limit * HOUR_S / 60.0 if engine == "process" else None
    with engine_from(engine, workers, limit_s) as where, bar() as shown:
        result = run_search(loaded, site, out, request, where, Steps(shown))
    if as_json:
        print_json(result)
        return
    OUT.print(_table(result["entries"]))
    say(result["verdict"])
    say(f"Catalogue: {out / 'catalogue.yaml'}   Weights: {out / 'weights.yaml'}")


def choose_tuning(
    catalogue: Annotated[Path, typer.Argument(help="catalogue.yaml of a search.")],
    out: Annotated[Path, typer.Option(help="Weights file to write.")],
    prefer: Annotated[
        list[str] | None,
        typer.Option(help="OBJECTIVE=WORTH of one unit, such as travel=5; again for each."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the tuning instead.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Take a tuning from a catalogue, by name or by what its objectives are worth, as a file."""
    from operator_agent.mpc.tuning.catalogue import choose
    from operator_agent.mpc.tuning.catalogue_file import load_catalogue
    from operator_agent.mpc.weights import save_weights
    from operator_agent.runtime.weights_search import PRICES, entry_row, verdict

    loaded = load_catalogue(catalogue)
    prices = _prices(prefer) if prefer else PRICES
    entry = loaded.entry(name) if name else choose(loaded, prices)
    if entry.weights is None or entry.failure:
        reason = entry.failure or "it holds no weights"
        raise InputError(f"tuning {entry.name} cannot be used: {reason}; choose another one")
    out.parent.mkdir(parents=True, exist_ok=True)
    save_weights(out, entry.weights)
    text = verdict(loaded, entry.name, prices)
    if as_json:
        print_json(entry_row(loaded, entry.name) | {"verdict": text})
        return
    OUT.print(_table([entry_row(loaded, entry.name)]))
    say(text)
    say(f"Weights: {out}")


def _table(rows: Sequence[dict[str, Any]]) -> Any:
    cells = []
    for row in rows:
        name = row["name"]
        if row["failure"]:
            cells.append([name, row["failure"], "", "", ""])
        for objective, validated in row["validation"].items():
            found = row["gain_on_test"].get(objective)
            tested = row["test"].get(objective)
            cells.append(
                [
                    name,
                    objective,
                    f"{validated[0]:,.4g}",
                    f"{tested[0]:,.4g}" if tested else "-",
                    "{:+,.4g} ({:+,.4g} to {:+,.4g})".format(*found) if found else "-",
                ]
            )
            name = ""
    columns = ["tuning", "objective", "validation", "test", "test less start (95 %)"]
    return rich_table("tunings", columns, cells)


def _prices(texts: Sequence[str]) -> dict[str, float]:
    found = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            found[name] = float(value)
        except ValueError as error:
            raise InputError(f"--prefer {text} is not OBJECTIVE=WORTH, such as travel=5") from error
    return found
