"""Planning as a process of its own: solves run in a worker, never in a thread.

Two solves in threads of one process can hang for ever (the solver's output is captured through a
shared file descriptor), so every solve goes through `PlannerPool` or the main thread.
"""

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from types import TracebackType
from typing import Any

from operator_agent.errors import InputError
from operator_agent.messages import EconomicTargets
from operator_agent.planning.case_file import load_case, with_price_factors, with_slate
from operator_agent.planning.plan import Plan
from operator_agent.planning.report import Table, plan_tables
from operator_agent.planning.solve import solve_case
from operator_agent.site import Site


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


def solve_request(request: PlanRequest) -> tuple[dict[str, Any], dict[str, Any], list[Table]]:
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
    payload = plan_payload(plan)
    return payload["targets"], payload, list(plan_tables(plan))


def plan_payload(plan: Plan) -> dict[str, Any]:
    """Return a plan and the economic targets in it as plain values."""
    return {**plan.payload(), "targets": plan.targets().payload()}


class PlannerPool:
    """One worker process that solves plans in order."""

    def __init__(self) -> None:
        """Prepare the worker; it starts with the first plan."""
        self._pool = ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn"))

    def solve(self, request: PlanRequest) -> PlanAnswer:
        """Return the plan; errors of the worker come through as they are."""
        plain = PlanRequest(request.case, dict(request.price_factors), dict(request.slate))
        targets, payload, tables = self._pool.submit(solve_request, plain).result()
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
        return EconomicTargets.from_payload(payload["targets"])
    except OSError as error:
        raise InputError(f"plan {plan} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{plan} is not a plan ({error}); write one with: "
            "operator-agent plan solve CASE --json FILE"
        ) from error
