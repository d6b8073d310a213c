"""Planning as a process of its own: solves run in a worker, never in a thread.

Two solves in threads of one process can hang for ever (the solver's output is captured through a
shared file descriptor), so every solve goes through `PlannerPool` or the main thread.
"""

import contextlib
import json
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from operator_agent.errors import InputError, OperatorAgentError
from operator_agent.messages import EconomicTargets
from operator_agent.planning.case_file import load_case, with_price_factors, with_slate
from operator_agent.planning.plan import Plan
from operator_agent.planning.report import Table, plan_tables
from operator_agent.planning.solve import solve_case
from operator_agent.planning.webreport.payload import report_payload
from operator_agent.site import Site

LOG = logging.getLogger(__name__)

PlanParts = tuple[dict[str, Any], dict[str, Any], list[Table]]


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """A case with what has changed since it was written.

    Attributes:
        case: path of the YAML file.
        price_factors: multiplier by product; empty for none.
        slate: volume fraction by crude when the crude is given; empty to let the plan choose.
    """

    case: str
    price_factors: Mapping[str, float]
    slate: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class PlanAnswer:
    """A solved plan as it crosses between processes.

    Attributes:
        targets: what the crude unit is asked to do.
        payload: the whole plan as plain values.
        tables: as a planner reads it.
    """

    targets: EconomicTargets
    payload: Mapping[str, Any]
    tables: Sequence[Table]


def solve_request(request: PlanRequest) -> PlanParts:
    """Solve a request; runs in the worker.

    Raises:
        InputError, LimitsConflictError: as the planning layer says.
    """
    case = load_case(Path(request.case))
    if request.price_factors:
        case = with_price_factors(case, request.price_factors)
    if request.slate:
        case = with_slate(case, request.slate)
    plan = solve_case(case)
    targets = plan.targets().payload()
    return targets, plan_payload(plan), list(plan_tables(plan))


def plan_payload(plan: Plan) -> dict[str, Any]:
    """Return a plan with its balances and giveaway, and the economic targets in it, as values.

    The targets of a plant without a crude unit are None.
    """
    has_targets = bool(plan.case.crude_unit.cuts)
    return {**report_payload(plan), "targets": plan.targets().payload() if has_targets else None}


class PlannerPool:
    """One worker process that solves plans in order."""

    def __init__(self) -> None:
        """Prepare the worker; it starts with the first plan."""
        self._pool = ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn"))

    def submit(self, request: PlanRequest) -> Future[PlanParts]:
        """Start a plan; its result holds targets, payload and tables."""
        plain = PlanRequest(request.case, dict(request.price_factors), dict(request.slate))
        return self._pool.submit(solve_request, plain)

    def solve(self, request: PlanRequest) -> PlanAnswer:
        """Return the plan; errors of the worker come through as they are."""
        targets, payload, tables = self.submit(request).result()
        return PlanAnswer(EconomicTargets.from_payload(targets), payload, tables)

    def __enter__(self) -> "PlannerPool":
        """Return the pool."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the worker."""
        self._pool.shutdown(cancel_futures=True)


class Planning(Protocol):
    """Where the control loop gets its economic targets from."""

    def first(self) -> EconomicTargets:
        """Return the targets to start with."""
        ...

    def renewed(self, plant_time_s: float) -> EconomicTargets | None:
        """Return new targets when there are any; never waits."""
        ...


class PlanningClock:
    """Gives economic targets, and new ones once in a planning period of plant time."""

    def __init__(self, planner: PlannerPool, request: PlanRequest, period_s: float) -> None:
        """Plan this request each `period_s` of plant time [s]."""
        self._planner, self._request, self._period_s = planner, request, period_s
        self._due_s = math.inf
        self._running: Future[PlanParts] | None = None

    def first(self) -> EconomicTargets:
        """Return the targets of the first plan; errors come through."""
        return self._planner.solve(self._request).targets

    def renewed(self, plant_time_s: float) -> EconomicTargets | None:
        """Return new targets when a plan has ended, None otherwise; never waits.

        A plan that fails leaves the old targets in force and says so in the log.

        Args:
            plant_time_s: now [s since 1970 UTC].
        """
        if math.isinf(self._due_s):
            self._due_s = plant_time_s + self._period_s
        if self._running is None and plant_time_s >= self._due_s:
            self._running, self._due_s = self._planner.submit(self._request), math.inf
        if self._running is None or not self._running.done():
            return None
        done, self._running = self._running, None
        try:
            return EconomicTargets.from_payload(done.result()[0])
        except OperatorAgentError as error:
            LOG.warning("no new plan, the old targets stay in force: %s", error)
            return None


class FixedPlan:
    """The targets of one plan, for good."""

    def __init__(self, targets: EconomicTargets) -> None:
        """Take the targets."""
        self._targets = targets

    def first(self) -> EconomicTargets:
        """Return the targets."""
        return self._targets

    def renewed(self, plant_time_s: float) -> EconomicTargets | None:
        """Return None: there are no others."""
        return None


def targets_of(site: Site, plan: Path | None) -> EconomicTargets:
    """Return the economic targets in a plan's JSON file, or of the site's case solved now.

    Raises:
        InputError: the file cannot be read or is not a plan.
    """
    if plan is None:
        with PlannerPool() as planner:
            return planner.solve(PlanRequest(site.files["planning"], {}, {})).targets
    try:
        payload = json.loads(plan.read_text())
        if payload["targets"] is None:
            raise InputError("it sets no targets, as its case has no crude_unit")
        return EconomicTargets.from_payload(payload["targets"])
    except OSError as error:
        raise InputError(f"plan {plan} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{plan} is not a plan ({error}); write one with: "
            "operator-agent plan solve CASE --json FILE"
        ) from error


@contextlib.contextmanager
def planning_of(site: Site, plan: Path | None) -> Iterator[Planning]:
    """Give the targets of a plan file, or of the site's own case on planning's clock."""
    if plan is not None:
        yield FixedPlan(targets_of(site, plan))
        return
    with PlannerPool() as planner:
        request = PlanRequest(site.files["planning"], {}, {})
        yield PlanningClock(planner, request, site.sample_times.planning_s)
