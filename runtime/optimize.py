"""The economic optimization as one question and one answer: plan, then the unit's best set points.

The plan gives prices and targets; the controller's target layer then walks on its own model to the
steady state that pays best under the limits asked for. Nothing here can write: the answer is advice
to whoever asked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from operator_agent.api.contract import (
    UNIT_OF_SUFFIX,
    NamedLimit,
    OptimizationReply,
    OptimizationRequest,
    PointWorth,
    Side,
)
from operator_agent.arrays import FloatArray
from operator_agent.clock import SystemClock
from operator_agent.errors import InputError, LimitsConflictError
from operator_agent.messages import Advice, EconomicTargets
from operator_agent.mpc.advice import backed_off
from operator_agent.mpc.controller import Controller
from operator_agent.mpc.scan import Scan
from operator_agent.mpc.target.crude_unit import crude_unit_economics, price_vector
from operator_agent.mpc.target.inputs import TargetInputs
from operator_agent.mpc.target.planned import planned_wishes
from operator_agent.mpc.target.steady_optimum import best_steady_state
from operator_agent.mpc.target.target import SteadyTarget
from operator_agent.mpc.target.target_tuning import TargetTuning
from operator_agent.plant.coarse.controller_economics import build_controller_economics
from operator_agent.plant.integrate import steady_state
from operator_agent.plant.process_model import ProcessModel
from operator_agent.plant.unit.case_file import load_crude_unit_case
from operator_agent.rl_supervisor.policy_file import load_policy
from operator_agent.rl_supervisor.supervisor import Supervisor
from operator_agent.runtime.control_process import build_controller
from operator_agent.runtime.envelope_file import read_envelope
from operator_agent.runtime.planner import PlanRequest, solve_request
from operator_agent.runtime.site_file import load_site
from operator_agent.runtime.state_folder import StateFolder, read_status
from operator_agent.site import Limits, Site, Tag
from operator_agent.units import HOUR_S, from_si, unit

OBJECTIVES = ("profit", "energy")
ENERGY_WEIGHT = 2.0  # with the objective "energy", fuel and steam count so many times their price
N_ENERGY = 2  # the last two priced quantities are fuel and steam
STATUS_MAX_AGE_CYCLES = 3.0  # a loop that missed three cycles is not running
SETTLED_INTERVALS = 4  # twice the window of scans that a policy looks at
UNCORRECTED = (
    "no control loop tells how far plant and model differ: boiling points carry the model's own "
    "error of up to some 15 K"
)
LIMIT_TOLERANCE = 1e-3  # spans: the walk ends so near a limit
UNIT_SUFFIX = {symbol: suffix for suffix, symbol in UNIT_OF_SUFFIX.items()} | {"vol%": "pct"}


@dataclass(frozen=True, slots=True)
class BestPoint:
    """The steady state that pays best in the controller's model.

    Attributes:
        values: MVs and CVs by variable [SI].
        active_limits: that hold it.
        prices: what one unit of the tag more of such a limit is worth, by its name [usd/h].
        profit_usd_h, energy_usd_h: of the crude unit at the plan's prices; the profit is what is
            left after the cost of fuel and steam.
        converged: whether the search ended because nothing paid more.
        advice: that was applied; None without a policy.
        notes: in words.
    """

    values: Mapping[str, float]
    active_limits: tuple[str, ...]
    prices: Mapping[str, float]
    profit_usd_h: float
    energy_usd_h: float
    converged: bool
    advice: Advice | None
    notes: tuple[str, ...]


def optimize_process(site_path: str, state_path: str, payload: dict[str, Any]) -> dict[str, Any]:
    """Answer a request; runs in a worker process.

    Args:
        site_path: of the site file.
        state_path: folder of the running site, whose loop tells how far model and plant differ;
            empty for none.
        payload: of an `OptimizationRequest`.

    Returns:
        The payload of an `OptimizationReply`.

    Raises:
        InputError: a name, a case, an objective or a policy is unknown.
        LimitsConflictError: the plan or the limits asked for cannot be met.
        SolveFailedError, PlantError: the unit's model found no steady state.
    """
    request = OptimizationRequest.from_payload(payload)
    site = load_site(Path(site_path))
    unknown = sorted(set(request.objectives) - set(OBJECTIVES))
    if unknown:
        raise InputError(f"objective '{unknown[0]}' is not known; use {', '.join(OBJECTIVES)}")
    limited = limited_site(site, request.limits)
    policy = None if request.rl_policy is None else policy_path(site, request.rl_policy)
    targets, plan = _plan(site, request)
    energy_weight = ENERGY_WEIGHT if "energy" in request.objectives else 1.0
    biases = _biases(site, StateFolder(Path(state_path))) if state_path else {}
    best = _best_point(limited, targets, energy_weight, policy, biases)
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
        held = ", ".join(known) or "none"
        raise InputError(f"policy '{name}' is not known; {folder.name} holds {held}")
    return known[name]


def _plan(site: Site, request: OptimizationRequest) -> tuple[EconomicTargets, Mapping[str, Any]]:
    data = request.process_data
    path = Path(site.files["planning"])
    if data.case is not None:
        path = _case_path(path.parent, data.case)
    targets, plan, _ = solve_request(PlanRequest(str(path), data.price_factors, data.slate))
    return EconomicTargets.from_payload(targets), plan


def _case_path(folder: Path, name: str) -> Path:
    path = folder / name
    path = path if path.suffix else path.with_suffix(".yaml")
    if not path.is_file():
        known = ", ".join(sorted(found.stem for found in folder.glob("*.yaml")))
        raise InputError(f"case '{name}' is not known; {folder.name} holds {known or 'none'}")
    return path


def _biases(site: Site, state: StateFolder) -> Mapping[str, float]:
    """Return measured minus modelled by CV as the control loop tells; empty without a loop."""
    status = read_status(state) or {}
    updated_s, found = status.get("updated_s"), status.get("biases")
    if not isinstance(updated_s, int | float) or not isinstance(found, Mapping):
        return {}
    age_s = SystemClock().wall_s() - updated_s
    return dict(found) if age_s <= STATUS_MAX_AGE_CYCLES * site.sample_times.control_s else {}


def _best_point(
    site: Site,
    targets: EconomicTargets,
    energy_weight: float,
    policy: Path | None,
    biases: Mapping[str, float],
) -> BestPoint:
    case = load_crude_unit_case(Path(site.files["plant"]))
    controller = build_controller(site, case)
    model = controller.model
    assert isinstance(model, ProcessModel)  # the crude unit is an ODE
    d = np.array([*case.slate_vector(targets.slate), case.temp_preheat])
    bias = np.array([biases.get(name, 0.0) for name in model.y_names])
    advice = None if policy is None else _advice(site, controller, targets, policy, d, bias)
    variables, cuts = backed_off(controller.variables, advice.back_offs if advice else {})
    wanted = advice.target_biases if advice else {}
    economics = build_controller_economics(case)
    weighted = replace(
        targets,
        energy_price=targets.energy_price * energy_weight,
        steam_price=targets.steam_price * energy_weight,
    )
    found = best_steady_state(
        model,
        TargetTuning.of(controller.weights),
        crude_unit_economics(case),
        TargetInputs(variables, d, bias, planned_wishes(weighted, wanted, economic=True)),
    )
    target = found.target
    x = steady_state(model, target.u, d, model.x_nominal)  # not the walk's own word
    y = model.outputs(x, target.u, d).full().ravel() + bias
    money = price_vector(targets) * economics(x, target.u, d).full().ravel() * HOUR_S
    values = dict(zip((*model.u_names, *model.y_names), (*target.u, *y), strict=True))
    spans = dict(zip(model.y_names, model.y_scale.tolist(), strict=True))
    notes = [*_kept_limits(site, values, spans), *cuts, *([] if biases else [UNCORRECTED])]
    if not found.converged:
        notes.append("the search ended before the set points stood still: feasible, not best")
    return BestPoint(
        values=values,
        active_limits=target.active,
        prices=_limit_prices(site, target),
        profit_usd_h=float(np.sum(money)),
        energy_usd_h=-float(np.sum(money[-N_ENERGY:])),
        converged=found.converged,
        advice=advice,
        notes=tuple(notes),
    )


def _kept_limits(
    site: Site, values: Mapping[str, float], spans: Mapping[str, float]
) -> tuple[str, ...]:
    """Return a note for each product quality that is missed.

    Raises:
        LimitsConflictError: an operator limit or one that was asked for is broken.
    """

    def broken(limits: Limits, tag: Tag) -> bool:
        room = LIMIT_TOLERANCE * spans[tag.variable]
        return not limits.low - room <= values[tag.variable] <= limits.high + room

    def told(tag: Tag, limits: Limits) -> str:
        return f"{tag.name} at {tag.text(values[tag.variable])} ({tag.range_text(limits)})"

    hard = [told(tag, tag.operator) for tag in site.cvs if broken(tag.operator, tag)]
    if hard:
        raise LimitsConflictError(
            "no set points within the operator limits keep all limits of the unit; the nearest "
            f"leave {', '.join(hard)}; widen these or others"
        )
    soft = [told(tag, tag.soft) for tag in site.cvs if broken(tag.soft, tag)]
    return (f"off specification: {', '.join(soft)}",) if soft else ()


def _limit_prices(site: Site, target: SteadyTarget) -> dict[str, float]:
    units = {tag.variable: unit(tag.unit).factor for tag in site.tags}
    return {
        name: price * HOUR_S * units[name.rsplit(" ", 1)[0]]
        for name, price in zip(target.active, target.prices, strict=True)
    }


def _advice(
    site: Site,
    controller: Controller,
    targets: EconomicTargets,
    policy: Path,
    d: FloatArray,
    bias: FloatArray,
) -> Advice | None:
    """Return what the policy advises at the nominal steady state of the model."""
    model = controller.model
    y = model.outputs(model.x_nominal, model.u_nominal, d).full().ravel() + bias
    scan = Scan(y, model.u_nominal, d, 1)
    result, _ = controller.step(controller.start(scan), scan, targets, None)
    envelope = read_envelope(Path(site.files["envelope"]))
    supervisor = Supervisor(load_policy(policy), envelope, site)
    every = round(site.sample_times.supervisor_s / site.sample_times.control_s)
    for cycle in range(1, SETTLED_INTERVALS * every + 1):  # the policy looks at a window of scans
        advice = supervisor.advise(cycle, scan, result, targets)
    return advice


def _reply(
    site: Site, targets: EconomicTargets, plan: Mapping[str, Any], best: BestPoint
) -> OptimizationReply:
    optimal = best.converged and plan["worth"] == "local_optimum"
    return OptimizationReply(
        case=targets.case,
        solver_status=str(plan["stop"]),
        point=PointWorth.OPTIMAL if optimal else PointWorth.FEASIBLE,
        objective_values={
            "plan_profit_usd_h": float(plan["objective_usd_h"]),
            "crude_unit_profit_usd_h": best.profit_usd_h,
            "crude_unit_energy_usd_h": best.energy_usd_h,
        },
        plan={
            name_with_unit(tag): from_si(float(best.values[tag.variable]), tag.unit)
            for tag in (*site.mvs, *site.cvs)
        },
        economic_targets=targets.payload(),
        shadow_prices=best.prices,
        active_limits=best.active_limits,
        advice=None if best.advice is None else best.advice.payload(),
        notes=(
            "the plan's values are the crude unit's best steady state in the controller's model; "
            "they are not written anywhere",
            *best.notes,
        ),
        solve_time_s=float(plan["seconds"]),
    )


def name_with_unit(tag: Tag) -> str:
    """Return a tag's variable with its unit, as constraints are named (`flow_vol_feed_m3_h`).

    Raises:
        InputError: constraints have no name for the tag's unit.
    """
    if tag.unit not in UNIT_SUFFIX:
        raise InputError(f"{tag.name} is in {tag.unit}; use one of {', '.join(UNIT_SUFFIX)}")
    return f"{tag.variable}_{UNIT_SUFFIX[tag.unit]}"
