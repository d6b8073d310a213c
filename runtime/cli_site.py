"""Commands that run a site: its plant, its write gate, its controller and its HTTP service."""

import asyncio
import contextlib
import dataclasses
import json
import math
import sys
from pathlib import Path
from typing import Annotated

import typer

from operator_agent.clock import SystemClock
from operator_agent.errors import InputError
from operator_agent.runtime.approval import APPROVED_ROLES
from operator_agent.runtime.cli_plant import plant_app
from operator_agent.runtime.cli_tables import ERR, JsonFlag, print_json, say
from operator_agent.runtime.run_record import CycleRecord
from operator_agent.runtime.site_file import load_site
from operator_agent.runtime.state_folder import (
    StateFolder,
    default_state_folder,
    make_keys,
    need_keys,
)
from operator_agent.runtime.state_folder import approve as approve_site
from operator_agent.site import Site

gate_app = typer.Typer(help="The write gate: the one door to the hardware.")
control_app = typer.Typer(help="The control loop.")
api_app = typer.Typer(help="The HTTP service for the orchestrator.")

SiteArg = Annotated[
    Path, typer.Argument(help="Site file, for example cases/sites/crude_unit.yaml.")
]
StateOpt = Annotated[
    Path | None, typer.Option("--state", help="Folder of the running site; run/<site name>.")
]


def open_site(path: Path, state: Path | None) -> tuple[Site, StateFolder]:
    """Return a site and the folder in which it runs."""
    site = load_site(path)
    return site, default_state_folder(site) if state is None else StateFolder(state)


def keys(site: SiteArg, state: StateOpt = None, as_json: JsonFlag = False) -> None:
    """Make the keys and certificates of a site and approve its files as they are."""
    loaded, folder = open_site(site, state)
    make_keys(loaded, folder)
    if as_json:
        print_json({"site": loaded.name, "state": str(folder.path)})
    else:
        say(f"Keys, certificates and the signed advice envelope are in {folder.path}")


def approve(site: SiteArg, state: StateOpt = None) -> None:
    """Approve the site's files as they are now: model, weights, advice envelope, policy.

    A person's command, after looking at what changed. A controller does not start with files that
    were changed after their approval.
    """
    loaded, folder = open_site(site, state)
    need_keys(folder)
    approve_site(loaded, folder)
    say(f"approved: {', '.join(APPROVED_ROLES)} of {loaded.name}")


@plant_app.command("serve")
def plant_serve(
    site: SiteArg,
    state: StateOpt = None,
    seed: Annotated[int, typer.Option(help="Seed of noise and disturbances.", min=0)] = 1,
    speed: Annotated[float, typer.Option(help="Plant seconds per wall second.", min=0.01)] = 60.0,
    paced: Annotated[
        bool, typer.Option("--paced", help="Advance as told on standard input instead.")
    ] = False,
    recipe: Annotated[
        bool, typer.Option("--recipe", help="The DCS follows the operators' recipe card.")
    ] = False,
    hours: Annotated[
        float | None, typer.Option(help="End of the scenario [h]; its own by default.", min=0.1)
    ] = None,
) -> None:
    """Run the dynamic crude unit as a plant: DCS tags over OPC UA, a PLC over Modbus.

    Basic256Sha256, signed and encrypted, pinned certificates; only the write gate may write.
    """
    from operator_agent.runtime.plant_build import build_plant
    from operator_agent.runtime.plant_process import serve_free, serve_paced

    loaded, folder = open_site(site, state)
    need_keys(folder)
    plant = build_plant(loaded, folder, seed, recipe=recipe, hours=hours)
    with contextlib.suppress(KeyboardInterrupt):
        if paced:
            asyncio.run(serve_paced(plant))
        else:

            def tell(text: str) -> None:
                say(f"{loaded.name} on {loaded.endpoints.dcs_endpoint}: {text}")

            asyncio.run(serve_free(plant, speed, asyncio.sleep, tell))


@gate_app.command("run")
def gate_run(site: SiteArg, state: StateOpt = None) -> None:
    """Run the write gate: it checks each signed move by itself and alone may write.

    Start it after the plant and before the controller. It takes the lease of the device; a second
    gate stays out.
    """
    from operator_agent.runtime.gate_process import run_gate

    loaded, folder = open_site(site, state)
    need_keys(folder)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run_gate(loaded, folder, SystemClock()))


@gate_app.command("reset")
def gate_reset(
    site: SiteArg,
    person: Annotated[str, typer.Option(help="Your name; it stands in the audit trail.")],
    state: StateOpt = None,
) -> None:
    """Reset a shed gate, as a person's command, after the cause was looked at.

    The controller stays in STANDBY until it is switched on again.
    """
    from operator_agent.runtime.gate_process import reset_gate

    loaded, folder = open_site(site, state)
    say(asyncio.run(reset_gate(loaded, folder, person)))


@gate_app.command("audit")
def gate_audit(site: SiteArg, state: StateOpt = None, as_json: JsonFlag = False) -> None:
    """Verify the audit trail and count device writes that have no certificate in it."""
    from operator_agent.runtime.gate_process import count_writes

    loaded, folder = open_site(site, state)
    count = count_writes(loaded, folder)
    if as_json:
        print_json(dataclasses.asdict(count))
    else:
        say(
            f"{count.records} audit records, chain intact; the device took {count.set_points} set "
            f"points from outside; {count.uncertified} writes have no certificate"
        )


def cycle_line(record: CycleRecord) -> str:
    """Return one control cycle in a line, for a terminal or a log."""
    time_h = f"{record.time_h:6.2f} h" if math.isfinite(record.time_h) else "   –"
    solve = f"{record.solve_ms:.0f} ms" if math.isfinite(record.solve_ms) else "–"
    gate = "–" if record.verdict == "none" else record.verdict
    limits = ", ".join(record.active_limits) or "none"
    text = f"{time_h}  cycle {record.cycle}  {record.mode.upper()}  gate {gate}  optimizer {solve}"
    return f"{text}  limits: {limits}  {record.reason or record.unmet}".rstrip()


@control_app.command("run")
def control_run(
    site: SiteArg,
    state: StateOpt = None,
    plan: Annotated[
        Path | None, typer.Option(help="Plan as JSON (plan solve --json); solved anew by default.")
    ] = None,
    on: Annotated[
        bool, typer.Option("--on", help="Switch the controller on: your command as operator.")
    ] = False,
    supervisor: Annotated[
        bool | None,
        typer.Option(
            "--supervisor/--no-supervisor", help="Let the policy advise; if promoted by default."
        ),
    ] = None,
    speed: Annotated[float, typer.Option(help="Plant seconds per wall second.", min=0.01)] = 1.0,
    as_json: JsonFlag = False,
) -> None:
    """Run the control loop against the plant and the gate.

    Without --on it stays in STANDBY: it reads and predicts and writes nothing. Ends with exit code
    0 on Ctrl-C, and with 6 when it sheds, naming the reason.
    """
    from operator_agent.runtime.control_process import run_against_the_clock
    from operator_agent.runtime.planner import planning_of

    loaded, folder = open_site(site, state)
    need_keys(folder)

    def show(record: CycleRecord) -> None:
        if as_json:
            line: dict[str, object] = {
                "cycle": record.cycle,
                "mode": record.mode,
                "verdict": record.verdict,
            }
            solve = record.solve_ms if math.isfinite(record.solve_ms) else None
            line |= {"reason": record.reason or record.unmet, "solve_ms": solve}
            sys.stdout.write(json.dumps(line) + "\n")  # one cycle, one line
            sys.stdout.flush()
        else:
            say(cycle_line(record))

    with contextlib.suppress(KeyboardInterrupt), planning_of(loaded, plan) as planning:
        asyncio.run(
            run_against_the_clock(
                loaded,
                folder,
                SystemClock(),
                planning,
                speed=speed,
                engage=on,
                supervisor=supervisor,
                show=show,
            )
        )


@api_app.command("serve")
def api_serve(
    site: SiteArg,
    state: StateOpt = None,
    new_key: Annotated[
        bool, typer.Option("--new-key", help="Make an API key, print it once, and go on.")
    ] = False,
) -> None:
    """Serve the orchestrator over HTTP: plans on request, the state of the control loop.

    The service can ask and show; no path leads from it to a write.
    """
    try:
        from operator_agent.runtime.api_process import serve_api
    except ImportError as error:
        raise InputError(f"the service needs the extra 'api' ({error}); run: make test") from error
    loaded, folder = open_site(site, state)
    if not loaded.endpoints.api_endpoint:
        raise InputError(f"site {loaded.name} has no api_endpoint; add one under endpoints")
    serve_api(loaded, site, folder, new_key=new_key, say=lambda text: ERR.print(text, markup=False))
