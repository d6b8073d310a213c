"""The states of one cycle from its scan and its estimate, and what they leave to do."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.estimation.estimator import EstimatorState, Rejected
from operator_agent.mpc.estimation.readings import Verdict
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
    d_nominal: FloatArray,
) -> Scan:
    """Return the scan with the last values of lost read-backs and of DVs out of service.

    Args:
        scan: of this cycle.
        mvs: states of the MVs.
        last: estimate of the cycle before; None in the first.
        request: of people and devices.
        variables: names.
        d_nominal: what stands for a DV that is out of service in the first cycle, shape (n_d,)
            [SI].
    """
    d, out = scan.d, request.out_of_service
    if out:
        off = np.array([n in out for n in variables.dv_names], dtype=np.bool_)
        known = d_nominal if last is None else last.d
        d = np.where(off, known[: off.size], scan.d)
    return replace(scan, u_readback=np.array([mv.value for mv in mvs]), d=d)


def judged(
    scan: Scan,
    mvs: tuple[MvStatus, ...],
    last: EstimatorState | None,
    estimate: EstimatorState | Rejected,
    request: ServiceRequest,
    variables: ControlVariables,
    rules: ServiceRules,
    doubts: Mapping[str, str],
) -> ServiceStatus:
    """Return the states of all variables; those of CVs and DVs need an estimate, at least the last.

    Arguments as in `filled`, with the estimate of this cycle, the rules, and why numbers of the
    scan are not believed, by name.
    """
    seen = estimate if isinstance(estimate, EstimatorState) else None
    if seen is None and last is not None:
        seen = last.with_lost(scan)
    if seen is None:
        return ServiceStatus(mvs, obstacle=obstacle(mvs, (), variables, rules))
    memory = seen.memory
    spikes = {
        name: f"{scan.y[i]:.6g} [SI] is {memory.spike_error[i]:+.3g} off its prediction"
        for i, (name, verdict) in enumerate(zip(variables.cv_names, memory.verdicts, strict=True))
        if verdict is Verdict.SPIKE
    }
    said = {**spikes, **doubts}
    cvs = judge_cvs(memory.verdicts, memory.bad_cvs.tolist(), request, variables, rules, said)
    dvs = judge_dvs(memory.bad_dvs.tolist(), request, variables, rules, said)
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
