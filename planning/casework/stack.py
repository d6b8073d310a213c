"""The case stack: many cases solved on an engine, one row for each, kept while it goes.

A case that fails loses its own row only. Rows go to a file of JSON lines as they come, so that a
stack that was stopped goes on where it was: a row counts for a case as long as nothing in the case,
its assays, the stage, the watch list or the version of this package has changed.
"""

import contextlib
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from operator_agent import __version__
from operator_agent.engine import Engine, TaskResult
from operator_agent.errors import InputError
from operator_agent.planning.case_file import case_from_entry
from operator_agent.planning.casework.stack_row import (
    ROW_FORMAT,
    STOPPED,
    StackResult,
    StackRow,
    keep_row,
    kept_rows,
)
from operator_agent.planning.casework.tree import CaseNode
from operator_agent.planning.casework.watch import (
    SMALLEST_MARGINAL,
    Watched,
    plan_flows,
    watch_list,
    watched_values,
)
from operator_agent.planning.outcome import PointWorth
from operator_agent.planning.plan import Plan
from operator_agent.planning.solve import Stage, solve_case

NOTHING = 1e-6  # [m3/s] less of a crude is none
FINAL_ERRORS = ("", "LimitsConflictError", "InputError", "NoPlan")
"""How a case may end for good; others, such as a lost process, are tried again on resuming."""

NO_PLAN = "NoPlan"


@dataclass(frozen=True, slots=True)
class _Job:
    """A case on its way to a worker."""

    node: CaseNode
    stage: Stage
    watch: tuple[str, ...]
    fingerprint: str


RowProgress = Callable[[StackRow, int, int], None]
"""Is told each new row, how many rows there are, and how many there will be."""


def run_stack(
    cases: Sequence[CaseNode],
    engine: Engine,
    *,
    stage: Stage = "nlp",
    watch: Sequence[str] = (),
    file: Path | None = None,
    progress: RowProgress | None = None,
) -> StackResult:
    """Return a row for each case.

    An interruption (Ctrl-C) ends it early: cases that were not reached get rows of kind `Stopped`.

    Args:
        cases: of a tree, or of several.
        engine: to solve them on; each is solved in the main thread of a process.
        stage: of all of them.
        watch: keys of further numbers to report (see `casework.watch`).
        file: of JSON lines, to which rows are added as they come; rows that it holds already are
            not solved again. None keeps nothing.
        progress: is told each row.

    Raises:
        InputError: no or equal names, an unknown key in the watch list, or a damaged file.
    """
    _check_names(cases)
    watched = _watched(cases, watch)
    jobs = [_job(node, stage, tuple(watch)) for node in cases]
    known = {} if file is None else kept_rows(file)
    rows = {
        job.fingerprint: replace(known[job.fingerprint], case=job.node.name)
        for job in jobs
        if job.fingerprint in known and known[job.fingerprint].error_kind in FINAL_ERRORS
    }
    resumed = len([job for job in jobs if job.fingerprint in rows])
    waiting = [job for job in jobs if job.fingerprint not in rows]
    fresh: dict[str, StackRow] = {}

    def note(result: TaskResult[StackRow]) -> None:
        row = _row(waiting[result.index], result)
        fresh[row.case] = row
        if file is not None:
            keep_row(file, row)
        if progress is not None:
            progress(row, resumed + len(fresh), len(jobs))

    with contextlib.suppress(KeyboardInterrupt):
        engine.map(_solved, waiting, progress=note)
    found = tuple(
        fresh.get(job.node.name) or rows.get(job.fingerprint, _not_reached(job)) for job in jobs
    )
    found = tuple(replace(row, case=job.node.name) for row, job in zip(found, jobs, strict=True))
    return StackResult(stage, watched, found, resumed)


def _solved(job: _Job) -> StackRow:
    """Return the row of a case; runs in a worker."""
    node = job.node
    plan = solve_case(case_from_entry(node.entry, node.folder, node.source), stage=job.stage)
    row = StackRow(
        node.name,
        job.fingerprint,
        stop=plan.stop.name.lower(),
        worth=plan.worth.name.lower(),
        violation=plan.violation.amount,
        seconds=plan.seconds,
    )
    if plan.worth is PointWorth.NONE:
        return replace(row, error=no_plan_reason(plan), error_kind=NO_PLAN)
    return replace(
        row,
        profit=plan.objective,
        watched=dict(watched_values(plan, job.watch)),
        active=active_limits(plan),
        bought=bought(plan),
        flows_kbbl_d=dict(plan_flows(plan)),
    )


def no_plan_reason(plan: Plan) -> str:
    """Return why a point that is worth nothing is no plan."""
    broken = plan.violation
    told = f"the solver stopped ({plan.stop.value}) at a point that breaks {broken.row} by "
    told += f"{broken.amount:.1g} of its size"
    return told + ("; solve it with stage 'nlp'" if plan.stage == "lp" else "; check its limits")


def active_limits(plan: Plan) -> tuple[str, ...]:
    """Return the keys of the limits that hold a plan and cost something."""
    return tuple(
        sorted(
            result.limit.key
            for result in plan.limits
            if result.held and abs(result.shadow_price) > SMALLEST_MARGINAL
        )
    )


def bought(plan: Plan) -> tuple[str, ...]:
    """Return the crudes and purchased streams of which a plan takes any."""
    flows = {**plan.charge, **plan.purchases}
    return tuple(name for name, flow in flows.items() if flow > NOTHING)


def _row(job: _Job, result: TaskResult[StackRow]) -> StackRow:
    if result.ok:
        return result.value
    return StackRow(
        job.node.name,
        job.fingerprint,
        seconds=result.seconds,
        error=result.error,
        error_kind=result.error_kind,
    )


def _not_reached(job: _Job) -> StackRow:
    why = "the stack was stopped before this case was solved"
    return StackRow(job.node.name, job.fingerprint, error=why, error_kind=STOPPED)


def _check_names(cases: Sequence[CaseNode]) -> None:
    if not cases:
        raise InputError("a stack needs a case; name a case file or a folder of case files")
    sources: dict[str, str] = {}
    for node in cases:
        if node.name in sources:
            raise InputError(
                f"two cases of the stack are named '{node.name}' ({sources[node.name]} and "
                f"{node.source}); rename one"
            )
        sources[node.name] = node.source


def _watched(cases: Sequence[CaseNode], keys: Sequence[str]) -> tuple[Watched, ...]:
    """Return the watch list by the first case that is sound; a case that is not gets its own row.

    Raises:
        InputError: a key names nothing in it.
    """
    for node in cases if keys else ():
        try:
            case = node.case()
        except InputError:
            continue
        return watch_list(keys, case)
    return tuple(Watched(key, "") for key in keys)


def _job(node: CaseNode, stage: Stage, watch: tuple[str, ...]) -> _Job:
    """Return the job of a case with the fingerprint of all that its result depends on."""
    content = {key: value for key, value in node.entry.items() if key != "name"}
    crudes = node.entry.get("crudes")
    assays = [
        (node.folder / str(crude["assay"]))
        for crude in (crudes.values() if isinstance(crudes, Mapping) else ())
        if isinstance(crude, Mapping) and "assay" in crude
    ]
    text = json.dumps([__version__, ROW_FORMAT, content, stage, watch], default=str)
    digest = hashlib.sha256(text.encode())
    for path in assays:
        digest.update(path.read_bytes() if path.is_file() else b"missing")
    return _Job(node.alone(), stage, watch, digest.hexdigest())
