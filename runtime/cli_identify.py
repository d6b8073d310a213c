"""The commands `operator-agent identify` and `operator-agent step-test`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

import typer

from operator_agent.errors import InputError
from operator_agent.runtime.cli_tables import ERR, OUT, JsonFlag, print_json, rich_table, say
from operator_agent.units import HOUR_S

_UPSETS = ("upset",)  # modes that are not used unless others are named


def identify(
    history: Annotated[Path, typer.Argument(help="History folder, Parquet or CSV file.")],
    mv: Annotated[list[str], typer.Option(help="Manipulated variable; again for each.")],
    cv: Annotated[list[str], typer.Option(help="Controlled variable; again for each.")],
    out: Annotated[Path, typer.Option(help="Folder for the model, report and pictures.")],
    dv: Annotated[list[str] | None, typer.Option(help="Measured disturbance.")] = None,
    settling: Annotated[
        float, typer.Option(help="Hours after which a step has settled.", min=0.001)
    ] = 3.0,
    integrating: Annotated[
        list[str] | None, typer.Option(help="CV that goes on moving after a step.")
    ] = None,
    analyser: Annotated[
        list[str] | None, typer.Option(help="CV=SECONDS: age of an analyser's result when shown.")
    ] = None,
    span: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE: typical travel; else from the data.")
    ] = None,
    leave_out: Annotated[
        list[str] | None, typer.Option(help="Mode that is not used; upset if not given.")
    ] = None,
    settle: Annotated[
        float, typer.Option(help="Hours left out after what is not used.", min=0.0)
    ] = 0.0,
    at_rest: Annotated[
        bool, typer.Option("--at-rest", help="The plant was at rest when the record began.")
    ] = False,
    start: Annotated[float, typer.Option(help="Hour from which rows are used.", min=0.0)] = 0.0,
    end: Annotated[float | None, typer.Option(help="Hour to which rows are used.")] = None,
    validation: Annotated[float, typer.Option(help="Last share of rows, kept from the fit.")] = 0.3,
    as_json: JsonFlag = False,
) -> None:
    """Fit a linear model with intervals to a step test or to historian data.

    Each pair of an input and a CV gets a transfer function with dead time, its 95 % intervals and
    a verdict. The folder receives plant.yaml (for `load_plant`), identification.json, fit.png
    (measured beside simulated on rows that the fit has not seen) and steps.png (step responses
    with bands).
    """
    from operator_agent.mpc.identification.cleaning import Cleaning
    from operator_agent.mpc.identification.identify import Request
    from operator_agent.mpc.identification.identify import identify as identified
    from operator_agent.mpc.identification.record_file import load_record
    from operator_agent.mpc.identification.report_file import report_payload

    _make_folder(out)
    cleaning = Cleaning(
        window_s=(start * HOUR_S, float("inf") if end is None else end * HOUR_S),
        unknown_past_s=0.0 if at_rest else settling * HOUR_S,
        settle_s=settle * HOUR_S,
        analyser_delays_s=_pairs(analyser, "analyser"),
    )
    request = Request(
        tuple(mv),
        tuple(cv),
        tuple(dv or ()),
        settling * HOUR_S,
        tuple(integrating or ()),
        _pairs(span, "span"),
        cleaning,
        validation,
    )
    record = load_record(history, (*mv, *(dv or ()), *cv), tuple(leave_out or _UPSETS))
    with _bar() as bar:
        task = bar.add_task("reading", total=1.0)
        found = identified(
            _model_name(history),
            record,
            request,
            lambda share, what: bar.update(task, completed=share, description=what),
        )
    _write(out, found)
    if as_json:
        print_json(report_payload(found) | {"out": str(out)})
        return
    _show(found)
    say(f"{out / 'plant.yaml'}   {out / 'fit.png'}   {out / 'steps.png'}")


def _write(out: Path, found: Any) -> None:
    """Write the model, its report and its pictures."""
    import json

    from operator_agent.mpc.identification.report_file import report_payload, save_plant
    from operator_agent.runtime.identify_plots import fit_figure, steps_figure
    from operator_agent.runtime.plots import save_png

    save_plant(out / "plant.yaml", found)
    text = json.dumps(report_payload(found), indent=1, allow_nan=False)
    (out / "identification.json").write_text(text, encoding="utf-8")
    save_png(fit_figure(found), out / "fit.png")
    save_png(steps_figure(found), out / "steps.png")


def _show(found: Any) -> None:
    """Print a table of channels, why some are not good, and a table of outputs."""
    channels = [channel for row in found.channels for channel in row]
    rows = [
        (
            f"{c.output} from {c.source}",
            f"{c.gain:.3g}",
            f"{c.gain_interval[0]:.3g} to {c.gain_interval[1]:.3g}",
            " and ".join(f"{t / 60.0:.1f}" for t in c.time_constants_s),
            f"{c.dead_time_s / 60.0:.1f}",
            c.verdict.value,
        )
        for c in channels
    ]
    heads = ("channel", "gain", "95 %", "lags [min]", "dead time [min]", "verdict")
    OUT.print(rich_table(found.name, heads, rows))
    for c in channels:
        if c.verdict.value != "good":
            say(f"{c.output} from {c.source}: {c.verdict.value}: {c.words}")
    checks = [
        (
            output.name,
            f"{v.fit_percent:.0f}",
            f"{v.ahead_percent:.0f}",
            f"{v.white:.2g}",
            f"{min(v.independent.values()):.2g}",
        )
        for output, v in zip(found.outputs, found.validations, strict=True)
    ]
    titles = ("output", "fit [%]", "one ahead [%]", "p white", "lowest p of an input")
    OUT.print(rich_table("On rows that the fit has not seen", titles, checks))


def step_test(
    plant: Annotated[Path, typer.Argument(help="A linear plant's YAML.")],
    out: Annotated[Path, typer.Option(help="Folder for test.csv.")],
    amplitude: Annotated[
        list[str] | None, typer.Option(help="INPUT=VALUE: to both sides; half a span if not given.")
    ] = None,
    limit: Annotated[
        list[str] | None, typer.Option(help="INPUT=LOW:HIGH: limits that the test keeps.")
    ] = None,
    kind: Annotated[str, typer.Option(help="step, prbs or gbn.")] = "gbn",
    settling: Annotated[float, typer.Option(help="Hours to settle.", min=0.001)] = 3.0,
    sample_s: Annotated[float, typer.Option("--sample", help="Seconds.", min=0.1)] = 60.0,
    settlings: Annotated[float, typer.Option(help="Length in settling times.", min=1.0)] = 20.0,
    noise: Annotated[float, typer.Option(help="Noise of the readings, in spans.", min=0.0)] = 0.02,
    seed: Annotated[int, typer.Option(help="Seed of all chance.", min=0)] = 1,
    as_json: JsonFlag = False,
) -> None:
    """Plan a step test within limits and run it on a simulated linear plant."""
    import numpy as np

    from operator_agent.mpc.identification.record_file import save_csv
    from operator_agent.mpc.identification.step_test import TestedInput, plan_test, run_test
    from operator_agent.plant.generic.plant_file import load_plant
    from operator_agent.plant.generic.sampled_plant import delayed_plant

    model = load_plant(plant)
    sizes, limits = _pairs(amplitude, "amplitude"), _ranges(limit)
    _refuse_unknown((*sizes, *limits), model.u_names)
    tested = [
        TestedInput(name, float(value), sizes.get(name, 0.5 * float(width)),
                    *limits.get(name, (-np.inf, np.inf)))
        for name, value, width in zip(model.u_names, model.u_nominal, model.u_scale, strict=True)
    ]  # fmt: skip
    plan = plan_test(tested, _kind(kind), settling * HOUR_S, sample_s, seed, settlings)
    ERR.print(f"the test takes {plan.duration_s / HOUR_S:.1f} h of the plant", highlight=False)
    _make_folder(out)
    simulated, rng = delayed_plant(model, sample_s), np.random.default_rng(seed)

    def read() -> Mapping[str, float]:
        true = simulated.truth()
        spreads = zip(model.y_names, model.y_scale, strict=True)
        return {n: true[n] + noise * float(s) * rng.standard_normal() for n, s in spreads}

    with _bar() as bar:
        task = bar.add_task("test", total=1.0)
        record = run_test(simulated, plan, read, None, lambda s: bar.update(task, completed=s))
    save_csv(out / "test.csv", record)
    summary = {
        "duration_h": plan.duration_s / HOUR_S,
        "rows": len(record.values),
        "inputs": list(model.u_names),
        "outputs": list(model.y_names),
        "file": str(out / "test.csv"),
    }
    if as_json:
        print_json(summary)
    else:
        say(f"{summary['rows']} rows in {summary['file']}")


def _bar() -> Any:
    from rich.progress import Progress

    return Progress(console=ERR)


def _model_name(history: Path) -> str:
    stem = history.resolve().name if history.is_dir() else history.stem
    return f"{stem}_model"


def _kind(text: str) -> Any:
    from operator_agent.mpc.identification.step_test import TestKind

    known = [kind.value for kind in TestKind]
    if text not in known:
        raise InputError(f"--kind {text}: choose one of {', '.join(known)}")
    return TestKind(text)


def _make_folder(path: Path) -> None:
    """Make the folder of results before anything is computed."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out {path}: no folder can be made there; name another") from error


def _refuse_unknown(names: Sequence[str], known: Sequence[str]) -> None:
    for name in names:
        if name not in known:
            raise InputError(f"'{name}' is no input of the plant; there is: {', '.join(known)}")


def _pairs(texts: Sequence[str] | None, what: str) -> Mapping[str, float]:
    """Return NAME=VALUE as a mapping."""
    found = {}
    for text in texts or ():
        name, _, value = text.partition("=")
        found[name] = _number(value, f"--{what} {text}", "NAME=VALUE")
    return MappingProxyType(found)


def _ranges(texts: Sequence[str] | None) -> Mapping[str, tuple[float, float]]:
    """Return NAME=LOW:HIGH as a mapping."""
    found = {}
    for text in texts or ():
        name, _, values = text.partition("=")
        low, _, high = values.partition(":")
        where = f"--limit {text}"
        found[name] = (_number(low, where, "NAME=LOW:HIGH"), _number(high, where, "NAME=LOW:HIGH"))
    return MappingProxyType(found)


def _number(text: str, where: str, form: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise InputError(f"{where}: write {form} with numbers") from error
