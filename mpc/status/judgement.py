"""The states of one cycle from its scan and its estimate, and what they leave to do."""

from dataclasses import replace

import numpy as np

from operator_agent.mpc.estimation.estimator import EstimatorState, Rejected
from operator_agent.mpc.problem import Outcome, SolverStatus, refused
from operator_agent.mpc.scan import Scan
from operator_agent.mpc.status.rules import (
    ServiceRules,
    judge_cvs,
    judge_dvs,
    obstacle,
    waiting,
)
from operator_agent.mpc.status.states import MvStatus, ServiceRequest, ServiceStatus
from operator_agent.mpc.variables import ControlVariables


def filled(
    scan: Scan,
    mvs: tuple[MvStatus, ...],
    last: EstimatorState | None,
    request: ServiceRequest,
    variables: ControlVariables,
) -> Scan:
    """Return the scan with the last values of lost read-backs and of DVs out of service.

    Args:
        scan: of this cycle.
        mvs: states of the MVs.
        last: estimate of the cycle before; None in the first.
        request: of people and devices.
        variables: names.
    """
    d = scan.d
    if last is not None:
        off = np.array([n in request.out_of_service for n in variables.dv_names], dtype=np.bool_)
        d = np.where(off, last.d[: off.size], scan.d)
    return replace(scan, u_readback=np.array([mv.value for mv in mvs]), d=d)


def judged(
    scan: Scan,
    mvs: tuple[MvStatus, ...],
    last: EstimatorState | None,
    estimate: EstimatorState | Rejected,
    request: ServiceRequest,
    variables: ControlVariables,
    rules: ServiceRules,
) -> ServiceStatus:
    """Return the states of all variables; those of CVs and DVs need an estimate, at least the last.

    Arguments as in `filled`, with the estimate of this cycle and the rules.
    """
    seen = estimate if isinstance(estimate, EstimatorState) else None
    if seen is None and last is not None:
        seen = last.with_lost(scan)
    if seen is None:
        return ServiceStatus(mvs, obstacle=obstacle(mvs, (), variables, rules))
    memory = seen.memory
    cvs = judge_cvs(memory.verdicts, memory.bad_cvs.tolist(), request, variables, rules)
    dvs = judge_dvs(memory.bad_dvs.tolist(), request, variables, rules)
    return ServiceStatus(mvs, cvs, dvs, obstacle(mvs, cvs, variables, rules))


def refusal(
    service: ServiceStatus, estimate: EstimatorState | Rejected, variables: ControlVariables
) -> Outcome | None:
    """Return why there is nothing to solve in this cycle, or None.

    Args:
        service: of this cycle.
        estimate: of this cycle.
        variables: which of them are critical.
    """
    if isinstance(estimate, Rejected) and estimate.model_failed:
        return refused(SolverStatus.NOT_FINITE, estimate.reason)
    why = waiting(service.mvs, variables)
    if not why and isinstance(estimate, Rejected):
        why = estimate.reason
    if why:
        return refused(SolverStatus.BAD_READING, why)
    return refused(SolverStatus.OUT_OF_SERVICE, service.obstacle) if service.obstacle else None
