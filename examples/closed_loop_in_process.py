"""The MPC on the simulated crude unit in one process. Run it on one thread, which is faster here:

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python examples/closed_loop_in_process.py

No servers and no gate: the controller reads the unit's noisy sensors once a minute, solves, and
writes its set points straight into the simulation. The plant has another, finer model than the
controller. For the whole loop behind real servers, run `make demo`.
"""

from pathlib import Path

from operator_agent.mpc.tuning.closed_loop import MpcDriver, run_closed_loop
from operator_agent.plant.simulation.scenario import Scenario
from operator_agent.plant.unit.case_file import load_crude_unit_case
from operator_agent.plant.unit.crude_unit import build_crude_unit
from operator_agent.runtime.control_process import build_controller
from operator_agent.runtime.planner import targets_of
from operator_agent.runtime.site_file import load_site

SITE = Path(__file__).resolve().parents[1] / "cases" / "sites" / "crude_unit.yaml"
HOURS = 2.0


def main() -> None:
    """Run two hours and print a line each quarter of an hour."""
    site = load_site(SITE)
    case = load_crude_unit_case(Path(site.files["plant"]))
    controller, targets = build_controller(site, case), targets_of(site, None)
    plant, calm = build_crude_unit(case, "plant"), Scenario(duration_s=HOURS * 3600.0)
    run = run_closed_loop(
        plant, case, MpcDriver(controller), calm, 1, HOURS, controller.variables, lambda _: targets
    )
    shown = [tag for tag in site.cvs if tag.variable in targets.targets]
    print("   min  profit usd/h" + "".join(f"{tag.name:>14}" for tag in shown) + "   solve ms")
    for i in range(14, len(run.time_s), 15):
        values = "".join(f"{tag.text(run.y[i, site.cvs.index(tag)]):>14}" for tag in shown)
        profit, minute = run.profit_usd_s[i] * 3600.0, run.time_s[i] / 60.0
        print(f"{minute:6.0f}{profit:14.0f}{values}{run.solve_ms[i]:11.1f}")


if __name__ == "__main__":
    main()
