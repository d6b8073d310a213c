"""The commands `operator-agent plant`: simulate, check, verify, history, crudes and market."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from operator_agent.errors import InputError
from operator_agent.runtime.cli_tables import ERR, OUT, JsonFlag, print_json, rich_table, say

CRUDE_UNIT = Path("cases/plants/crude_unit.yaml")
MARKET = Path("cases/market/us_gulf.yaml")

plant_app = typer.Typer(help="Simulated plants: run, verify, check, history, crudes, market.")

CaseArgument = Annotated[Path, typer.Argument(help="Case file of a crude unit.")]
SeedOption = Annotated[int, typer.Option(help="Seed of all chance.", min=0)]


@plant_app.command("simulate")
def simulate(
    case: CaseArgument = CRUDE_UNIT,
    scenario: Annotated[
        Path | None, typer.Option(help="Scenario file; a calm plant without one.")
    ] = None,
    hours: Annotated[
        float | None, typer.Option(help="Length; that of the scenario, or 8 h.", min=0.1)
    ] = None,
    seed: SeedOption = 1,
    cards: Annotated[
        bool,
        typer.Option(
            "--cards/--hold",
            help="Walk to the operators' cards, or hold.",
        ),
    ] = True,
    layout: Annotated[str, typer.Option(help="Layout of the case.")] = "plant",
    speed: Annotated[
        float | None,
        typer.Option(help="Plant seconds per wall second; else at full speed.", min=0.01),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for trends.png and trends.csv.")] = Path(
        "out/plant"
    ),
    force: Annotated[bool, typer.Option("--force", help="Write over a former run.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Run the crude unit by itself, without a controller; write its trends as picture and table.

    A handle that the scenario moves is left to it. Grey is what the instruments read, colour what
    is true, red a reading that is not good. When the plant stops for a reason, what came before is
    written, and the exit code is 1.
    """
    from operator_agent.plant.simulation.scenario import Scenario
    from operator_agent.plant.simulation.scenario_file import load_scenario
    from operator_agent.plant.simulation.simulator import Simulator
    from operator_agent.plant.unit.case_file import load_crude_unit_case
    from operator_agent.plant.unit.crude_unit import build_crude_unit
    from operator_agent.runtime.plant_plots import trends_figure
    from operator_agent.runtime.plant_run import run_plant, write_csv
    from operator_agent.runtime.plots import save_png

    picture, table = out / "trends.png", out / "trends.csv"
    _make_folder(out)
    _keep_former(() if force else (picture, table))
    found = load_crude_unit_case(case)
    events = None if scenario is None else load_scenario(scenario, found.crude_keys)
    length_h = hours or (8.0 if events is None else events.duration_s / 3600.0)
    unit = build_crude_unit(found, layout)
    simulator = Simulator(unit, found, events or Scenario(duration_s=length_h * 3600.0), seed)
    began_s = time.monotonic()

    def wait(plant_s: float) -> None:
        if speed is not None:
            time.sleep(max(began_s + plant_s / speed - time.monotonic(), 0.0))
        if plant_s % 1800.0 == 0.0:
            ERR.print(f"{plant_s / 3600.0:.1f} of {length_h:g} h", highlight=False)

    run = run_plant(simulator, length_h, by_card=cards, pace=wait)
    what = "calm" if scenario is None else scenario.stem
    title = f"{found.name}, {what}, seed {seed}" + (f"; stopped: {run.stopped}" * bool(run.stopped))
    marks = [] if events is None else [event.at_s / 3600.0 for event in events.events]
    save_png(trends_figure(run, found.crude_keys, title, marks), picture)
    write_csv(run, table)
    summary = _summary(run, found.crude_keys) | {"out": str(out), "stopped": run.stopped}
    if as_json:
        print_json(summary)
    else:
        rows = [(name, *values.values()) for name, values in summary["variables"].items()]
        title = f"{found.name}: {run.time_s[-1] / 3600.0:g} h, true values"
        OUT.print(rich_table(title, ("variable", *_PICKED), rows))
        say(f"{picture}   {table}")
    if run.stopped:
        raise typer.Exit(_say_stopped(run.stopped))


def _make_folder(path: Path) -> None:
    """Make the folder of results before anything is computed."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out {path}: no folder can be made there; name another") from error


def _keep_former(results: Sequence[Path]) -> None:
    """Refuse to write over a former run before anything is computed."""
    for path in results:
        if path.exists():
            raise InputError(
                f"{path} is there from a former run; name another folder by --out, or give --force "
                "to write over it"
            )


def _need_parent(path: Path | None) -> None:
    """Refuse a file in a folder that does not exist before anything is computed."""
    if path is not None and not path.parent.is_dir():
        raise InputError(f"{path}: folder {path.parent} does not exist; make it first")


def _say_stopped(reason: str) -> int:
    ERR.print(f"the plant stopped: {reason}", highlight=False, markup=False)
    return 1


_PICKED = ("unit", "start", "low", "high", "end")


def _summary(run: Any, crude_keys: tuple[str, ...]) -> dict[str, Any]:
    from operator_agent.runtime.plant_plots import shown_unit, trends
    from operator_agent.units import from_si

    variables = {}
    for name in (name for names in trends(crude_keys).values() for name in names):
        unit, true = shown_unit(name), run.truth[name]
        picked = (true[0], true.min(), true.max(), true[-1])
        shown = [round(from_si(float(value), unit), 3) for value in picked]
        variables[name] = dict(zip(_PICKED, (unit, *shown), strict=True))
    return {"hours": float(run.time_s[-1]) / 3600.0, "variables": variables}


@plant_app.command("check")
def check(
    path: Annotated[Path, typer.Argument(help="A linear plant's YAML, or a crude unit's case.")],
    layout: Annotated[str, typer.Option(help="Layout, for a crude unit.")] = "plant",
    as_json: JsonFlag = False,
) -> None:
    """Check a plant as `check_plant` does: shapes, scales, rest, smoothness, steps, repetition.

    For plants written in Python call `operator_agent.plant.check.check_plant`; see examples/. The
    exit code is 1 when something is wrong.
    """
    from operator_agent.plant.check import inspect_plant
    from operator_agent.plant.generic.plant_file import is_plant_file, load_plant
    from operator_agent.plant.unit.case_file import load_crude_unit_case
    from operator_agent.plant.unit.crude_unit import build_crude_unit

    if path.suffix == ".py":
        raise InputError(
            f"{path}: the command takes a YAML file, of a linear plant or a crude unit's case, and "
            "runs no code from files; for a plant written in Python call `check_plant(model)` of "
            "operator_agent.plant.check there, as in examples/"
        )
    if is_plant_file(path):
        model = load_plant(path)
    else:
        model = build_crude_unit(load_crude_unit_case(path), layout).model
    report = inspect_plant(model)
    if as_json:
        print_json(report.to_dict())
    else:
        say(str(report))
    if not report.passed:
        raise typer.Exit(1)


@plant_app.command("history")
def history(
    out: Annotated[Path, typer.Option(help="Folder for the Parquet files.")],
    case: CaseArgument = CRUDE_UNIT,
    days: Annotated[float, typer.Option(help="Length [d].", min=0.25)] = 30.0,
    seed: SeedOption = 1,
    sample_s: Annotated[float, typer.Option("--sample", help="Seconds between rows.")] = 60.0,
    as_json: JsonFlag = False,
) -> None:
    """Write operation data as a plant's historian would hold them, under operators' recipes.

    history.parquet holds readings with their status, set points, mode and declared slate;
    truth.parquet what really was; metadata.json seed, versions, events and excitation. An
    interrupted command goes on where it stopped when it is given again.
    """
    from rich.progress import Progress

    from operator_agent.plant.simulation.history import write_history
    from operator_agent.plant.unit.case_file import load_crude_unit_case

    with Progress(console=ERR) as bar:
        task = bar.add_task(f"{days:g} days", total=1.0)
        report = write_history(
            out,
            load_crude_unit_case(case),
            days,
            seed,
            sample_s,
            lambda share: bar.update(task, completed=share),
        )
    if as_json:
        print_json(json.loads((out / "metadata.json").read_text()))
        return
    rows = [
        (name, found.moves, f"{found.move_spans:.2f}", f"{found.sd_spans:.2f}")
        for name, found in report.excitation.handles.items()
    ]
    OUT.print(rich_table("Set points", ("handle", "moves", "mean move", "sd"), rows))
    size = (report.bytes_measured + report.bytes_truth) / 1e6
    say(f"{report.rows} rows, {report.columns} columns, {size:.1f} MB in {report.folder}")
    for reason in report.shutdowns:
        say(f"shutdown: {reason}")


@plant_app.command("crudes")
def crudes(
    path: Annotated[
        Path, typer.Argument(help="A collection of assay records, or an assay's YAML.")
    ],
    record: Annotated[str | None, typer.Option(help="Id or name: show this one's cuts.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """List the crudes of a collection, or show the boiling curve and the cuts of one."""
    from operator_agent.plant.crude.assay import load_assay
    from operator_agent.plant.crude.assay_record import assay_records, load_assay_record

    if path.suffix in (".yaml", ".yml"):
        _show_crude(load_assay(path), as_json)
    elif record is not None:
        _show_crude(load_assay_record(path, record), as_json)
    else:
        names = [(name.record_id, name.name) for name in assay_records(path)]
        if as_json:
            print_json([{"id": key, "name": name} for key, name in names])
        else:
            OUT.print(rich_table(f"{len(names)} crudes", ("record", "name"), names))


_CUTS_C = (-60.0, 15.0, 75.0, 165.0, 235.0, 350.0, 370.0, 540.0)


def _show_crude(assay: Any, as_json: bool) -> None:
    from itertools import pairwise

    from operator_agent.plant.crude.cuts import api_gravity, cut_density, cut_yield, watson_factor

    kelvin = [value + 273.15 for value in _CUTS_C]
    ends = [*kelvin[:-1], kelvin[-1], max(assay.temperatures_k[-1], kelvin[-1] + 1.0)]
    cuts = [
        (f"{low - 273.15:.0f} to {high - 273.15:.0f}", cut_yield(assay, low, high), low, high)
        for low, high in pairwise(ends)
    ]
    rows = [
        (name, f"{100.0 * share:.2f}", f"{cut_density(assay, low, high):.1f}" if share > 0 else "-")
        for name, share, low, high in cuts
    ]
    head = {
        "key": assay.key,
        "name": assay.name,
        "density_kg_m3": round(assay.density_kg_m3, 2),
        "gravity_api": round(api_gravity(assay), 2),
        "watson_factor": round(watson_factor(assay), 3),
        "source": assay.source,
    }
    if as_json:
        cuts_json = [
            {
                "cut_degc": name,
                "vol_percent": round(100.0 * share, 3),
                "density_kg_m3": round(cut_density(assay, low, high), 2) if share > 0 else None,
            }
            for name, share, low, high in cuts
        ]
        print_json(head | {"cuts": cuts_json})
        return
    title = f"{assay.name}: {head['gravity_api']} API, {head['density_kg_m3']} kg/m3, "
    OUT.print(
        rich_table(
            title + f"Watson factor {head['watson_factor']}",
            ("cut [degC]", "vol%", "density [kg/m3]"),
            rows,
        )
    )
    say(f"source: {assay.source}")


@plant_app.command("market")
def market(
    path: Annotated[Path, typer.Argument(help="Market file.")] = MARKET,
    days: Annotated[int, typer.Option(help="Length [d].", min=2)] = 90,
    seed: SeedOption = 1,
    feed: Annotated[float, typer.Option(help="Feed of the unit [kbbl/d].", min=1.0)] = 100.0,
    plot: Annotated[Path | None, typer.Option(help="Picture (.png or .svg).")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Draw prices, demands and crude arrivals; let a tank farm feed the unit from them."""
    from operator_agent.plant.market.market_file import load_market, load_supply
    from operator_agent.plant.market.price_path import price_path
    from operator_agent.plant.market.supply import run_supply
    from operator_agent.runtime.case_plots import check_plot_file, save_figure
    from operator_agent.runtime.plant_plots import market_figure
    from operator_agent.units import DAY_S, OIL_BARREL_M3, to_si

    check_plot_file(plot)
    found, supply = load_market(path), load_supply(path)
    prices = price_path(found, seed, days)
    fed = run_supply(supply, seed, days * DAY_S, to_si(feed, "kbbl/d"))
    if plot is not None:
        save_figure(market_figure(prices, fed, f"{found.key}, seed {seed}"), plot)
    series = {"marker": prices.marker, **prices.crudes, **prices.products}
    if as_json:
        per_day = {name: [round(float(v), 4) for v in values] for name, values in series.items()}
        cargoes = [{"name": c.name, "arrival_s": round(c.arrival_s)} for c in fed.cargoes]
        print_json({"prices_usd_m3": per_day, "cargoes": cargoes, "delivered": fed.delivered})
        return
    barrel = OIL_BARREL_M3
    rows = [
        (name, *(f"{barrel * value:.2f}" for value in (v[0], v.min(), v.mean(), v.max(), v[-1])))
        for name, v in series.items()
    ]
    heads = ("price [USD/bbl]", "first", "low", "mean", "high", "last")
    OUT.print(rich_table(f"{days} days, seed {seed}", heads, rows))
    short = [reason for reason in fed.reasons if reason]
    say(f"{len(fed.cargoes)} cargoes; " + (short[0] if short else "every step was fed as ordered"))


@plant_app.command("verify")
def verify_plant(
    case: CaseArgument = CRUDE_UNIT,
    topics: Annotated[
        list[str] | None, typer.Option("--topic", help="A topic, as often as wanted; else all.")
    ] = None,
    layout: Annotated[str, typer.Option(help="Layout of the case.")] = "plant",
    json_file: Annotated[
        str | None, typer.Option("--json", help="Write JSON to this file; - for the terminal.")
    ] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write the tables to this file.")] = None,
) -> None:
    """Hold the plants against references, balances, usual ranges and published numbers.

    Takes some minutes for all topics. The tables are those of docs/plant.md; further crudes are
    added by `python -m operator_agent.plant`. Shows what was judged and which rows miss.
    """
    from operator_agent.plant.unit.case_file import load_crude_unit_case
    from operator_agent.plant.verification.render import as_document, as_markdown
    from operator_agent.plant.verification.verify import verify

    def tell(line: str) -> None:
        ERR.print(line, highlight=False, markup=False)

    _need_parent(markdown)
    _need_parent(None if json_file in (None, "-") else Path(json_file))
    found = verify(load_crude_unit_case(case), topics, tell, layout=layout)
    if markdown is not None:
        markdown.write_text(as_markdown(found), encoding="utf-8")
    if json_file == "-":
        print_json(as_document(found))
        return
    if json_file is not None:
        text = json.dumps(as_document(found), indent=1, allow_nan=False)
        Path(json_file).write_text(text + "\n", encoding="utf-8")
    judged = [topic for topic in found.topics if topic.has_criterion]
    rows = [
        (t.title, t.key, sum(row.met is not None for row in t.rows), len(t.missed) or "none")
        for t in judged
    ]
    OUT.print(rich_table(found.unit, ("table", "topic", "rows judged", "missed"), rows))
    for topic, row in found.missed:
        cells = zip(topic.columns, row.cells, strict=True)
        say(f"missed: {topic.key}: " + ", ".join(f"{c.name} {c.shown(cell)}" for c, cell in cells))
