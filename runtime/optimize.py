"""The economic optimization as one question and one answer: plan, then the unit's best set points.

The plan gives prices and targets; the controller's own model is then driven, in simulation and by
the same controller that runs the plant, to the steady state that pays best under the limits asked
for. Nothing here can write: the answer is advice to whoever asked.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from operator_agent.api.contract import (
    NamedLimit,
    OptimizationReply,
    OptimizationRequest,
    PointWorth,
    Side,
)
from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError, LimitsConflictError, SolveFailedError
from operator_agent.messages import Advice, EconomicTargets
from operator_agent.mpc.controller import Controller, ControllerState, CycleResult
from operator_agent.mpc.scan import Scan
from operator_agent.mpc.target import price_vector
from operator_agent.plant.case_file import CrudeUnitCase, load_crude_unit_case
from operator_agent.plant.controller_economics import build_controller_economics
from operator_agent.plant.crude_unit import disturbance_vector
from operator_agent.plant.integrate import make_integrator
from operator_agent.rl_supervisor.policy_file import load_policy
from operator_agent.rl_supervisor.supervisor import Supervisor
from operator_agent.runtime.control_process import build_controller
from operator_agent.runtime.envelope_file import read_envelope
from operator_agent.runtime.planner import PlanRequest, solve_request
from operator_agent.runtime.site_file import load_site
from operator_agent.site import Limits, Site, Tag
from operator_agent.units import HOUR_S, from_si, unit

OBJECTIVES = ("profit", "energy")
ENERGY_WEIGHT = 2.0  # with the objective "energy", fuel and steam count so many times their price
SETTLING_CYCLES = 360  # six hours: every step response of the unit has ended
UNIT_SUFFIX = {"degC": "degc", "m3/h": "m3_h", "MW": "mw", "t/h": "t_h", "vol%": "pct", "%": "pct"}
"""
"""


@dataclass(frozen=True, slots=True)
class BestPoint:
    """The steady state that pays best in the controller's model.

    Attributes:
        setpoints, cvs: by variable [SI].
        active_limits: that hold it.
        prices: of its limits by name [usd/h per unit of the tag].
        profit_usd_h: of the crude unit.
        energy_gj_t: per tonne of crude.
        advice: that was applied; None without a policy.
        notes: in words.
    """

    setpoints: Mapping[str, float]
    cvs: Mapping[str, float]
    active_limits: tuple[str, ...]
    profit_usd_h: float
    advice: Advice | None
    notes: tuple[str, ...]


def optimize_process(site_path: str, payload: dict[str, Any]) -> dict[str, Any]:
    """Answer a request; runs in a worker process.

    Args:
        site_path: of the site file.
        payload: of an `OptimizationRequest`.

    Returns:
        The payload of an `OptimizationReply`.

    Raises:
        InputError: a name, a case, an objective or a policy is unknown.
        LimitsConflictError: the plan or the limits asked for cannot be met.
        SolveFailedError: the unit's model found no steady state.
    """
    request = OptimizationRequest.from_payload(payload)
    site = load_site(Path(site_path))
    unknown = sorted(set(request.objectives) - set(OBJECTIVES))
    if unknown:
        raise InputError(f"objective '{unknown[0]}' is not known; use {', '.join(OBJECTIVES)}")
    limited = limited_site(site, request.limits)
    policy = None if request.rl_policy is None else policy_path(site, request.rl_policy)
    targets, plan = _plan(site, request)
    if "energy" in request.objectives:
        targets = replace(
            targets,
            energy_price=targets.energy_price * ENERGY_WEIGHT,
            steam_price=targets.steam_price * ENERGY_WEIGHT,
        )
    best = _best_point(limited, targets, policy)
    return _reply(limited, targets, plan, best).payload()


def limited_site(site: Site, limits: Sequence[NamedLimit]) -> Site:
    """Return the site with tighter operator limits.

    Raises:
        InputError: a limit names no MV or CV, or has the wrong dimension.
        LimitsConflictError: nothing is left between the limits asked for and the operator's.
    """
    tags = {tag.variable: tag for tag in (*site.mvs, *site.cvs)}
    for limit in limits:
        tag = tags.get(limit.variable)
        if tag is None:
            known = ", ".join(sorted(tags))
            raise InputError(
                f"constraint '{limit.name}': no MV or CV '{limit.variable}'; known are {known}"
            )
        if unit(tag.unit).dimension != limit.dimension:
            raise InputError(
                f"constraint '{limit.name}' is a {limit.dimension}; {tag.name} is in {tag.unit}"
            )
        tags[limit.variable] = _tightened(tag, limit)
    return replace(site, tags=tuple(tags.get(tag.variable, tag) for tag in site.tags))


def _tightened(tag: Tag, limit: NamedLimit) -> Tag:
    low, high = tag.operator.low, tag.operator.high
    if limit.side is Side.MAX:
        high = min(high, limit.value)
    else:
        low = max(low, limit.value)
    if low > high:
        raise LimitsConflictError(
            f"constraint '{limit.name}' leaves nothing of the operator limits of {tag.name}, "
            f"{tag.range_text(tag.operator)}"
        )
    return replace(tag, operator=Limits(low, high))


def policy_path(site: Site, name: str) -> Path:
    """Return the file of a policy that stands beside the site's own.

    Raises:
        InputError: there is none of this name.
    """
    folder = Path(site.files["policy"]).parent
    known = {path.stem: path for path in sorted(folder.glob("*.policy"))}
    if name not in known:
        raise InputError(f"policy '{name}' is not known; {folder.name} holds {', '.join(known)}")
    return known[name]


def _plan(site: Site, request: OptimizationRequest) -> tuple[EconomicTargets, Mapping[str, Any]]:
    data = request.process_data
    path = Path(site.files["planning"])
    if data.case is not None:
        path = path.parent / data.case
        path = path if path.suffix else path.with_suffix(".yaml")
    targets, plan, _ = solve_request(PlanRequest(str(path), data.price_factors, data.slate))
    return EconomicTargets.from_payload(targets), plan


def _best_point(site: Site, targets: EconomicTargets, policy: Path | None) -> BestPoint:
    """Drive the controller's model with the controller itself until nothing moves."""
    case = load_crude_unit_case(Path(site.files["plant"]))
    controller = build_controller(site, case)
    integrate = make_integrator(controller.model)
    cycle_s = site.sample_times.control_s
    d = disturbance_vector(case, targets.slate, case.temp_preheat)
    x, u = controller.model.x_nominal, controller.model.u_nominal
    u = np.clip(u, controller.variables.mv_low, controller.variables.mv_high)
    supervisor = _supervisor(site, policy)
    state: ControllerState | None = None
    advice: Advice | None = None
    result: CycleResult | None = None
    for cycle in range(1, SETTLING_CYCLES + 1):
        scan = Scan(_outputs(controller, x, u, d), u, d, cycle)
        state = controller.start(scan) if state is None else state
        result, state = controller.step(state, scan, targets, advice)
        if supervisor is not None:
            fresh = supervisor.advise(cycle, scan, result, targets)
            advice = advice if fresh is None else fresh
        u = result.outcome.move
        x = integrate.step(x, u, d, cycle_s)
    assert result is not None
    names = controller.model
    return BestPoint(
        setpoints=dict(zip(names.u_names, u.tolist(), strict=True)),
        cvs=dict(zip(names.y_names, _outputs(controller, x, u, d).tolist(), strict=True)),
        active_limits=result.active_limits,
        profit_usd_h=_profit(case, targets, x, u, d) * HOUR_S,
        advice=advice,
        notes=result.cuts,
    )


def _supervisor(site: Site, policy: Path | None) -> Supervisor | None:
    if policy is None:
        return None
    return Supervisor(load_policy(policy), read_envelope(Path(site.files["envelope"])), site)


def _outputs(controller: Controller, x: FloatArray, u: FloatArray, d: FloatArray) -> FloatArray:
    return np.asarray(controller.model.outputs(x, u, d).full().ravel(), dtype=np.float64)


def _profit(
    case: CrudeUnitCase, targets: EconomicTargets, x: FloatArray, u: FloatArray, d: FloatArray
) -> float:
    outputs = build_controller_economics(case)(x, u, d).full().ravel()
    return float(price_vector(targets) @ outputs)


def _reply(
    site: Site, targets: EconomicTargets, plan: Mapping[str, Any], best: BestPoint
) -> OptimizationReply:
    if not math.isfinite(best.profit_usd_h):
        raise SolveFailedError("the crude unit's model found no steady state for this plan")
    shown = {
        name_with_unit(tag): from_si({**best.setpoints, **best.cvs}[tag.variable], tag.unit)
        for tag in (*site.mvs, *site.cvs)
    }
    return OptimizationReply(
        case=targets.case,
        solver_status=str(plan["stop"]),
        point=PointWorth.OPTIMAL if plan["worth"] == "local_optimum" else PointWorth.FEASIBLE,
        objective_values={
            "plan_profit_usd_h": float(plan["objective_usd_h"]),
            "crude_unit_profit_usd_h": best.profit_usd_h,
        },
        plan=shown,
        economic_targets=targets.payload(),
        active_limits=best.active_limits,
        advice=None if best.advice is None else best.advice.payload(),
        notes=(
            "set points are the crude unit's best steady state in the controller's model; "
            "they are not written anywhere",
            *best.notes,
        ),
        solve_time_s=float(plan["seconds"]),
    )


def name_with_unit(tag: Tag) -> str:
    """Return a tag's variable with its unit, as constraints are named (`flow_vol_feed_m3_h`)."""
    return f"{tag.variable}_{UNIT_SUFFIX[tag.unit]}"
