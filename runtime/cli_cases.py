"""The commands of case work below `operator-agent plan`: tree, stack, ramp and compare."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

import typer
from rich.text import Text

from operator_agent.errors import InputError, SolveFailedError
from operator_agent.runtime.cli_tables import ERR, OUT, print_json, rich_table, say

if TYPE_CHECKING:
    from operator_agent.planning.casework.ramps import Axis
    from operator_agent.planning.casework.stack_row import StackResult, StackRow
    from operator_agent.planning.casework.tree import CaseNode
    from operator_agent.planning.report import Table

Stage = Literal["lp", "nlp"]
STOPPED_EXIT = 130  # as shells say of a program that was ended by Ctrl-C
LONGEST_NUMBER = 16  # characters; what is longer reads as a sentence

CaseArgument = Annotated[
    str, typer.Argument(help="Case file, child file, or tree.yaml#name for a case of a tree.")
]
EngineOption = Annotated[
    str, typer.Option("--engine", help="Where to solve: serial, process or ray.")
]
WorkersOption = Annotated[
    int | None, typer.Option("--workers", help="Processes; as many as processors when not given.")
]
LimitOption = Annotated[
    float | None,
    typer.Option("--limit-s", help="Give a case up after this many seconds (engine process)."),
]
StageOption = Annotated[
    str, typer.Option("--stage", help="lp stops after the LP; nlp goes on to the exact optimum.")
]
WatchOption = Annotated[
    list[str] | None,
    typer.Option("--watch", help="Show this too, such as crudes.maya or 'shadow units.fcc'."),
]
WideOption = Annotated[
    bool,
    typer.Option("--wide", help="Show crudes, unit loads and sales too, a column for each case."),
]
ResumeOption = Annotated[
    Path | None,
    typer.Option("--resume", help="Keep rows in this file; rows that it has are not solved again."),
]
JsonOption = Annotated[
    str | None, typer.Option("--json", help="Write JSON to this file; - for the terminal.")
]
PlotOption = Annotated[
    Path | None, typer.Option("--plot", help="Draw the result to this file, .png or .svg.")
]


def add_case_commands(app: typer.Typer) -> None:
    """Add the commands of case work to `operator-agent plan`."""
    app.command("tree")(tree)
    app.command("stack")(stack)
    app.command("quick")(quick)
    app.command("ramp")(ramp)
    app.command("compare")(compare_plans)


def tree(case: CaseArgument) -> None:
    """Show a case, its parents and its children, and what each changes."""
    from operator_agent.planning.casework.tables import tree_table

    _show([tree_table(_tree(case))])


def stack(
    files: Annotated[
        list[str], typer.Argument(help="Tree files, case files, or folders of case files.")
    ],
    engine: EngineOption = "process",
    workers: WorkersOption = None,
    limit_s: LimitOption = None,
    stage: StageOption = "nlp",
    watch: WatchOption = None,
    wide: WideOption = False,
    resume: ResumeOption = None,
    json_file: JsonOption = None,
    plot: PlotOption = None,
) -> None:
    """Solve many cases side by side, one row for each; a case that fails loses its row only.

    The exit code is 1 when a case has no plan, and 8 when none has one. Ctrl-C shows what is done
    and ends with 130; with --resume the same command goes on from there.
    """
    from operator_agent.engine import engine_from
    from operator_agent.planning.casework.stack import run_stack
    from operator_agent.planning.casework.tables import reasons_table, stack_table, wide_table
    from operator_agent.runtime.case_plots import check_plot_file, save_figure, stack_figure

    check_plot_file(plot)
    cases, found_stage = _cases(files), _stage(stage)
    with engine_from(engine, workers, limit_s) as where:
        found = run_stack(
            cases, where, stage=found_stage, watch=watch or (), file=resume, progress=_tell
        )
    _tell_resumed(found)
    reasons = reasons_table(found)
    tables = [stack_table(found), *([wide_table(found)] if wide else [])]
    _give(found.payload(), [*tables, *([reasons] if reasons else [])], json_file)
    if plot is not None:
        save_figure(stack_figure(found), plot)
    _tell_stopped(found, resume)
    _refuse_if_nothing_solved(found)
    if not all(row.ok for row in found.rows):
        raise typer.Exit(1)


def quick(
    files: Annotated[
        list[str], typer.Argument(help="Tree files, case files, or folders; the base case first.")
    ],
    json_file: JsonOption = None,
) -> None:
    """Screen cases that differ in prices, limits and capacities on the matrix of the first.

    About a millisecond for each case. Qualities are known to first order about the plan of the
    first case: solve with `plan stack` what is to be acted on. A case that changes more than that
    is shown without an answer, and the exit code is then 1.
    """
    from operator_agent.planning.casework.quick_stack import (
        quick_matrix,
        quick_reasons_table,
        quick_stack,
        quick_table,
    )

    cases = _cases(files)
    rows = quick_stack(quick_matrix(cases[0]), cases)
    payload = {"base": cases[0].name, "rows": [row.payload() for row in rows]}
    reasons = quick_reasons_table(rows)
    _give(payload, [quick_table(rows), *([reasons] if reasons else [])], json_file)
    if not all(row.ok for row in rows):
        raise typer.Exit(1)


def ramp(
    case: CaseArgument,
    key: Annotated[
        list[str] | None,
        typer.Option("--key", help="Key to move; twice for a grid. Else the file's own ramp."),
    ] = None,
    start: Annotated[
        list[str] | None, typer.Option("--from", help="First value with its unit, for each key.")
    ] = None,
    end: Annotated[
        list[str] | None, typer.Option("--to", help="Last value with its unit, for each key.")
    ] = None,
    steps: Annotated[
        list[int] | None, typer.Option("--steps", help="Number of values, for each key.")
    ] = None,
    engine: EngineOption = "process",
    workers: WorkersOption = None,
    limit_s: LimitOption = None,
    stage: StageOption = "nlp",
    watch: WatchOption = None,
    resume: ResumeOption = None,
    json_file: JsonOption = None,
    plot: PlotOption = None,
) -> None:
    """Move one or two keys of a case in steps, and show where the plan changes its mind."""
    from operator_agent.engine import engine_from
    from operator_agent.planning.casework.ramps import run_ramp
    from operator_agent.planning.casework.tables import ramp_tables
    from operator_agent.runtime.case_plots import check_plot_file, ramp_figure, save_figure

    check_plot_file(plot)
    node, found_stage = _tree(case), _stage(stage)
    axes = _axes(node, key or [], start or [], end or [], steps or [])
    with engine_from(engine, workers, limit_s) as where:
        found = run_ramp(
            node, axes, where, stage=found_stage, watch=watch or (), file=resume, progress=_tell
        )
    _tell_resumed(found.stack)
    _give(found.payload(), ramp_tables(found), json_file)
    if plot is not None:
        save_figure(ramp_figure(found), plot)
    _tell_stopped(found.stack, resume)
    _refuse_if_nothing_solved(found.stack)


def compare_plans(
    first: CaseArgument,
    second: CaseArgument,
    stage: StageOption = "nlp",
    json_file: JsonOption = None,
) -> None:
    """Solve two cases and say what changed from the first to the second, and why, in money."""
    from operator_agent.planning.casework.comparison import compare
    from operator_agent.planning.casework.tables import comparison_payload, comparison_tables
    from operator_agent.planning.solve import solve_case

    found_stage = _stage(stage)
    cases = [_tree(name).case() for name in (first, second)]
    found = compare(*(solve_case(case, stage=found_stage) for case in cases))
    _give(comparison_payload(found), comparison_tables(found), json_file)


def _tree(name: str) -> "CaseNode":
    """Return the case of a file; a system of several plants or periods is none."""
    from operator_agent.planning.casework.tree import load_tree
    from operator_agent.planning.system.reader import is_system_file

    if is_system_file(name):
        raise InputError(
            f"{name} is a system of several periods or plants, and case work takes single cases; "
            "solve it with 'plan solve', or name a case file"
        )
    return load_tree(name)


def _cases(files: Sequence[str]) -> "list[CaseNode]":
    """Return the cases of files and folders; a case that stands in two of them counts once."""
    from operator_agent.planning.casework.tree import load_tree
    from operator_agent.planning.system.reader import is_system_file

    found: list[CaseNode] = []
    for name in files:
        if Path(name).is_dir():
            paths = sorted(Path(name).glob("*.yaml"))
            if not paths:
                raise InputError(f"folder {name} holds no case file; name one that ends in .yaml")
            trees = [load_tree(path) for path in paths if not is_system_file(path)]
        else:
            trees = [_tree(name)]
        for node in (node for one in trees for node in one.walk()):
            if not any((node.name, node.entry) == (known.name, known.entry) for known in found):
                found.append(node)
    return found


def _axes(
    node: "CaseNode", keys: list[str], starts: list[str], ends: list[str], steps: list[int]
) -> "Sequence[Axis]":
    from operator_agent.planning.casework.ramps import axis_from, ramp_axes

    if not keys and not (starts or ends or steps):
        if not node.ramp:
            raise InputError(
                f"{node.source} states no ramp; give --key, --from, --to and --steps, or add "
                "'ramp' to the file"
            )
        return ramp_axes(node.ramp)
    if not len(keys) == len(starts) == len(ends) == len(steps):
        raise InputError(
            f"the ramp has {len(keys)} --key, {len(starts)} --from, {len(ends)} --to and "
            f"{len(steps)} --steps; give each once for every key"
        )
    return [axis_from(*parts) for parts in zip(keys, starts, ends, steps, strict=True)]


def _stage(text: str) -> Stage:
    for stage in get_args(Stage):
        if text == stage:
            return stage  # type: ignore[no-any-return]  # of a Literal
    raise InputError(f"stage '{text}' is not known; use 'lp' or 'nlp'")


def _tell(row: "StackRow", done: int, total: int) -> None:
    from operator_agent.planning.casework.tables import state_words

    told = f"{row.profit:,.0f} usd/h" if row.ok else state_words(row)
    ERR.print(Text(f"{done}/{total} {row.case}: {told}, {row.seconds:.1f} s"), soft_wrap=True)


def _tell_resumed(found: "StackResult") -> None:
    if found.resumed:
        ERR.print(Text(f"{found.resumed} of {len(found.rows)} rows stood in the file already"))


def _tell_stopped(found: "StackResult", file: Path | None) -> None:
    """Say how far a stack came that was stopped, and end as a stopped program does."""
    done, total = found.reached, len(found.rows)
    if done == total:
        return
    if file is None:
        told = f"{done} of {total} rows are shown and kept nowhere; --resume FILE keeps them"
    else:
        told = f"{done} of {total} rows are in {file}; the same command goes on"
    ERR.print(Text(f"stopped; {told}"), soft_wrap=True)
    raise typer.Exit(STOPPED_EXIT)


def _refuse_if_nothing_solved(found: "StackResult") -> None:
    if not any(row.ok for row in found.rows):
        raise SolveFailedError(
            f"none of the {len(found.rows)} cases has a plan; the first: {found.rows[0].error}"
        )


def _give(payload: dict[str, Any], tables: "Iterable[Table]", json_file: str | None) -> None:
    if json_file == "-":
        print_json(payload)
        return
    _show(tables)
    if json_file is not None:
        Path(json_file).write_text(json.dumps(payload, indent=2, allow_nan=False) + "\n")
        say(f"JSON: {json_file}")


def _show(tables: "Iterable[Table]") -> None:
    """Print tables; sentences begin at the left."""
    for table in tables:
        shown = rich_table(table.title, table.columns, table.rows)
        for place, column in enumerate(shown.columns):
            if max((len(row[place]) for row in table.rows), default=0) > LONGEST_NUMBER:
                column.justify = "left"
        OUT.print(shown, "")
