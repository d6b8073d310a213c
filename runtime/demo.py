"""The demonstration: one scenario under three controllers, through real servers and the real gate.

Each run starts its own plant process (and, with a controller, its own gate process), keys and
ports. The plant is paced: a minute of plant time passes, then the controller has its cycle. So the
same seed gives the same noise and disturbances to each controller.
"""

import asyncio
import contextlib
import json
import shutil
import socket
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from operator_agent.clock import Clock, SystemClock
from operator_agent.io.gate_client import GateClient
from operator_agent.io.historian import Historian
from operator_agent.messages import ControllerMode
from operator_agent.plant.simulation.scenario import Scenario
from operator_agent.plant.simulation.scenario_file import load_scenario
from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.unit.case_file import load_crude_unit_case
from operator_agent.rl_supervisor.policy_file import Policy, load_policy
from operator_agent.runtime.child_process import ChildProcess
from operator_agent.runtime.cli_tables import rich_table
from operator_agent.runtime.control_process import build_controller, build_loop
from operator_agent.runtime.demo_display import DemoDisplay
from operator_agent.runtime.demo_record import event_list, load_run, plan_at
from operator_agent.runtime.explain_plots import explanation_figure
from operator_agent.runtime.explain_record import read_explanations
from operator_agent.runtime.planner import PlannerPool, PlanRequest
from operator_agent.runtime.plots import overview_figure, save_png
from operator_agent.runtime.report import write_report
from operator_agent.runtime.run_record import CycleRecord, Event, RunRecord
from operator_agent.runtime.scenario_plans import TimedPlan, plan_scenario
from operator_agent.runtime.scoring import summary as score_runs
from operator_agent.runtime.site_file import load_site
from operator_agent.runtime.site_links import SiteLinks
from operator_agent.runtime.state_folder import StateFolder, make_keys
from operator_agent.site import Site

CONTROLLERS = ("recipe", "mpc", "mpc+supervisor")


@dataclass(frozen=True, slots=True)
class DemoSetup:
    """Everything that the runs share.

    Attributes:
        site_path: the site file as given.
        site, case, scenario: as loaded, the scenario cut to `hours`.
        policy: of the supervisor.
        plans: what planning asks, from which time on.
        events: for people.
        hours, seed: of the run.
    """

    site_path: Path
    site: Site
    case: CrudeUnitCase
    scenario: Scenario
    policy: Policy
    plans: tuple[TimedPlan, ...]
    events: tuple[Event, ...]
    hours: float
    seed: int


def run_demo(
    site_path: Path, out: Path, hours: float, seed: int, display: DemoDisplay
) -> dict[str, Any]:
    """Run the three controllers, write report, picture and figures, and return the summary.

    Raises:
        OperatorAgentError: an input is wrong, a plan is infeasible, or a process ended; what was
            reached stands in `out`.
    """
    out.mkdir(parents=True, exist_ok=True)
    display.stage(f"Reading {site_path}")
    site = load_site(site_path)
    case = load_crude_unit_case(Path(site.files["plant"]))
    written = load_scenario(Path(site.files["scenario"]), case.crude_keys)
    scenario = replace(written, duration_s=hours * 3600.0)
    policy = load_policy(Path(site.files["policy"]))
    display.stage("Planning: LP with HiGHS, then NLP with IPOPT, for each event that changes it")
    with PlannerPool() as planner:
        best = planner.solve(PlanRequest(site.files["planning"], {}, {}))
        display.tables([rich_table(t.title, t.columns, t.rows) for t in best.tables])
        plans = plan_scenario(site, case.slate, scenario, planner)
    events = event_list(site, scenario)
    setup = DemoSetup(site_path, site, case, scenario, policy, plans, events, hours, seed)
    runs = [_run(setup, name, out / name.replace("+", "-"), display) for name in CONTROLLERS]
    summary = score_runs(site, runs, seed, hours)
    summary["policy"] = {"promoted": policy.metadata.get("promoted"), "file": policy_name(site)}
    (out / "summary.json").write_text(json.dumps(summary, indent=2, allow_nan=False) + "\n")
    titles = [("The plan with the choice of crude open", best.tables)]
    titles += [(f"{plan.time_h:.1f} h: {plan.why}", plan.answer.tables) for plan in plans]
    save_png(overview_figure(site, runs, events), out / "overview.png")
    save_png(explanation_figure(read_explanations(out / "mpc")), out / "explanation.png")
    write_report(out / "report.html", site, runs, summary, events, titles)
    return summary


def policy_name(site: Site) -> str:
    """Return the file name of the site's policy."""
    return Path(site.files["policy"]).name


def _run(setup: DemoSetup, name: str, folder: Path, display: DemoDisplay) -> RunRecord:
    """Run one controller through the scenario."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir()
    site_path = site_with_free_ports(setup.site_path, folder)
    site = load_site(site_path)
    state = StateFolder(folder)
    make_keys(site, state)
    display.stage(f"Running {name}: {setup.hours:g} h of plant time")
    display.start_run(name, setup.hours)
    began_s = time.monotonic()
    common = [str(site_path), "--state", str(folder)]
    arguments = ["plant", "serve", *common, "--paced", "--seed", str(setup.seed)]
    arguments += ["--hours", str(setup.hours)] + (["--recipe"] if name == "recipe" else [])
    with contextlib.ExitStack() as processes:
        plant = processes.enter_context(ChildProcess(arguments, folder / "plant.log"))
        plant.answer()
        if name == "recipe":
            cycles = _pace_recipe(setup, plant, display)
        else:
            gate = ChildProcess(["gate", "run", *common], folder / "gate.log")
            processes.enter_context(gate)
            gate.answer()
            policy = setup.policy if name == "mpc+supervisor" else None
            cycles = asyncio.run(_pace_loop(setup, site, state, plant, policy, display))
        plant.tell({"stop": True})
    return load_run(name, setup.site, setup.case, state, setup.plans, cycles, began_s)


def _pace_recipe(
    setup: DemoSetup, plant: ChildProcess, display: DemoDisplay
) -> tuple[CycleRecord, ...]:
    step_s = setup.site.sample_times.control_s
    for minute in range(round(setup.hours * 3600.0 / step_s)):
        _announce(setup, minute * step_s / 3600.0, step_s, display)
        plant.tell({"advance_s": step_s})
        plant.answer()
        display.cycle((minute + 1) * step_s / 3600.0, None)
    return ()


async def _pace_loop(
    setup: DemoSetup,
    site: Site,
    state: StateFolder,
    plant: ChildProcess,
    policy: Policy | None,
    display: DemoDisplay,
) -> tuple[CycleRecord, ...]:
    """Let the plant and the controller take turns; return the cycles."""
    clock: Clock = SystemClock()
    step_s = site.sample_times.control_s
    historian = Historian(state.historian, site)
    controller = build_controller(site, setup.case)
    cycles: list[CycleRecord] = []
    async with SiteLinks(site, state, clock) as links, GateClient(site) as gate:
        loop = build_loop(site, state, links, gate, historian, clock, controller, policy)
        for step in range(round(setup.hours * 3600.0 / step_s)):
            time_h = step * step_s / 3600.0
            _announce(setup, time_h, step_s, display)
            loop.follow(plan_at(setup.plans, time_h).answer.targets)
            record = await loop.run_cycle()
            cycles.append(record)
            if step == 0:
                loop.engage("the person who started the demonstration")
            plant.tell({"advance_s": step_s})
            await asyncio.to_thread(plant.answer)
            display.cycle(time_h + step_s / 3600.0, record)
            if loop.mode.mode is ControllerMode.SHED:
                display.event(time_h, f"SHED: {loop.mode.reason}")
    historian.close()
    return tuple(cycles)


def _announce(setup: DemoSetup, time_h: float, step_s: float, display: DemoDisplay) -> None:
    for event in setup.events:
        if time_h <= event.time_h < time_h + step_s / 3600.0:
            display.event(event.time_h, event.text)


def site_with_free_ports(source: Path, folder: Path) -> Path:
    """Return a copy of the site file on free ports, so that two demonstrations can run at once."""
    raw = yaml.safe_load(source.read_text())
    ports = iter(_free_ports(4))
    dcs, plc, gate, api = (next(ports) for _ in range(4))
    raw["endpoints"] = {
        "dcs_endpoint": f"opc.tcp://127.0.0.1:{dcs}/operator-agent",
        "scada_endpoint": f"opc.tcp://127.0.0.1:{dcs}/operator-agent",
        "plc_endpoint": f"modbus.tcp://127.0.0.1:{plc}",
        "gate_endpoint": f"tcp://127.0.0.1:{gate}",
        "api_endpoint": f"http://127.0.0.1:{api}",
    }
    raw["files"] = {
        role: str((source.parent / name).resolve()) for role, name in raw["files"].items()
    }
    path = folder / "site.yaml"
    path.write_text(yaml.safe_dump(raw, sort_keys=False))
    return path


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as sockets:
        ports = []
        for _ in range(count):
            opened = sockets.enter_context(socket.socket())
            opened.bind(("127.0.0.1", 0))
            ports.append(int(opened.getsockname()[1]))
        return ports
