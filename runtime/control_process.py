"""Builds the control loop of a site from its files, and runs it against the wall clock."""

import asyncio
import contextlib
import gc
import logging
from collections.abc import Callable
from pathlib import Path

from operator_agent.clock import Clock
from operator_agent.errors import InputError, LinkError, WriteRefusedError
from operator_agent.io.gate_client import GateClient
from operator_agent.io.historian import Historian
from operator_agent.messages import ControllerMode
from operator_agent.mpc.controller import Controller
from operator_agent.mpc.engine.compiled_functions import Compilation
from operator_agent.mpc.options import ControllerOptions
from operator_agent.mpc.target.crude_unit import crude_unit_economics
from operator_agent.mpc.variables import variables_from_site
from operator_agent.mpc.weights import load_weights
from operator_agent.plant.coarse.controller_model import build_controller_model
from operator_agent.plant.process_model import ProcessModel
from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.unit.case_file import load_crude_unit_case
from operator_agent.rl_supervisor.policy_file import Policy, load_policy
from operator_agent.rl_supervisor.supervisor import Supervisor
from operator_agent.runtime.approval import check_files
from operator_agent.runtime.cycle import ControlLoop
from operator_agent.runtime.envelope_file import load_signed_envelope
from operator_agent.runtime.explain_record import ExplanationWriter
from operator_agent.runtime.loop_parts import LoopParts
from operator_agent.runtime.order_book import OrderBook
from operator_agent.runtime.planner import Planning
from operator_agent.runtime.run_record import CycleRecord
from operator_agent.runtime.site_links import SiteLinks
from operator_agent.runtime.state_folder import StateFolder, need_keys, write_status
from operator_agent.signing import read_key
from operator_agent.site import Site

LOG = logging.getLogger(__name__)
OPTIONS = ControllerOptions(compilation=Compilation.ALWAYS)


def build_controller(site: Site, case: CrudeUnitCase) -> Controller:
    """Return the site's controller: model, limits, weights and economics.

    The model is compiled, which takes some seconds the first time on a machine.

    Raises:
        InputError: the tag list does not fit the model.
    """
    model = build_controller_model(case)
    check_site_fits(site, model)
    return Controller(
        model,
        variables_from_site(site, model),
        load_weights(Path(site.files["controller"])),
        crude_unit_economics(case),
        site.sample_times.control_s,
        OPTIONS,
    )


def check_site_fits(site: Site, model: ProcessModel) -> None:
    """Check that MVs, CVs and DVs of the tag list are those of the model, in its order.

    Raises:
        InputError: they are not; the message names the first difference.
    """
    for what, tags, names in (
        ("MV", site.mvs, model.u_names),
        ("CV", site.cvs, model.y_names),
        ("DV", site.dvs, model.d_names),
    ):
        found = tuple(tag.variable for tag in tags)
        if found != names:
            odd = sorted(set(found) ^ set(names)) or ["their order"]
            raise InputError(
                f"site {site.name}: the {what}s of the tag list are not those of the model "
                f"{model.name}; look at {', '.join(odd)}; the model wants {', '.join(names)}"
            )


def build_loop(
    site: Site,
    state: StateFolder,
    links: SiteLinks,
    gate: GateClient,
    historian: Historian,
    clock: Clock,
    controller: Controller,
    policy: Policy | None,
) -> ControlLoop:
    """Return the loop with everything in its place.

    Args:
        site, state: of the installation.
        links, gate, historian: opened by the caller, who closes them.
        clock: of this host.
        controller: from `build_controller`.
        policy: of the supervisor; None to run without.

    Raises:
        SignatureError: the advice envelope or a file was changed after its approval.
    """
    key = need_keys(state)
    approval_key = read_key(state.envelope_key)
    envelope = load_signed_envelope(
        Path(site.files["envelope"]), state.signed_envelope, approval_key
    )
    check_files(site, approval_key, state.approval)
    adviser = None if policy is None else Supervisor(policy, envelope, site)
    parts = LoopParts(
        site=site,
        controller=controller,
        envelope=envelope,
        reader=links,
        gate=gate,
        historian=historian,
        adviser=adviser,
        publish=lambda status: write_status(state, status),
        key=key,
        clock=clock,
        orders=OrderBook(state.orders, read_key(state.operator_key)),
        explain=ExplanationWriter(state.explanations, site).write,
    )
    return ControlLoop(parts)


async def run_against_the_clock(
    site: Site,
    state: StateFolder,
    clock: Clock,
    planning: Planning,
    *,
    speed: float,
    engage: bool,
    supervisor: bool | None,
    show: Callable[[CycleRecord], None],
) -> None:
    """Run cycles until the controller sheds or is cancelled.

    Args:
        site, state, clock: of the installation.
        planning: gives the targets to follow, and new ones on its own clock.
        speed: plant seconds per wall second; 1 for a real plant.
        engage: a person's command to switch on; otherwise it stays in STANDBY and predicts.
        supervisor: whether the site's policy advises; None for "if it was promoted".
        show: called after each cycle.

    Raises:
        LinkError: the DCS or the gate is out of reach at the start.
        WriteRefusedError: the controller shed; the message names the reason.
    """
    case = load_crude_unit_case(Path(site.files["plant"]))
    controller = build_controller(site, case)
    policy = _policy(site, supervisor)
    historian = Historian(state.historian, site)
    async with SiteLinks(site, state, clock) as links, GateClient(site) as gate:
        loop = build_loop(site, state, links, gate, historian, clock, controller, policy)
        loop.follow(planning.first())
        gc.collect()
        gc.freeze()  # no collection in a cycle walks through what was built before
        period_s = site.sample_times.control_s / speed
        first = True
        due_s = clock.monotonic_s()
        while loop.mode.mode is not ControllerMode.SHED:
            show(await loop.run_cycle())
            fresh = planning.renewed(loop.plant_time_s)
            if fresh is not None:
                loop.follow(fresh)
            if first and engage:
                loop.engage("operator at the command line")
                first = False
            due_s = max(due_s + period_s, clock.monotonic_s())  # a late cycle is not caught up
            await asyncio.sleep(due_s - clock.monotonic_s())
            with contextlib.suppress(LinkError):  # the cycle itself says so, and holds
                await links.wait_past(loop.plant_time_s, period_s)
    historian.close()
    raise WriteRefusedError(
        f"the controller shed: {loop.mode.reason}. Nothing more is written. Look at the cause, "
        "give the loops back to RCAS in the DCS, reset the gate with: operator-agent gate reset "
        "SITE --person NAME, and switch on again"
    )


def _policy(site: Site, wanted: bool | None) -> Policy | None:
    """Return the policy that is to advise: the one asked for, or the site's if it was promoted."""
    if wanted is False:
        return None
    policy = load_policy(Path(site.files["policy"]))
    if wanted is None and not policy.promoted:
        LOG.info(
            "policy %s did not pass its promotion gate and does not advise; --supervisor lets it",
            site.files["policy"],
        )
        return None
    return policy
