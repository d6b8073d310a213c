"""Runs all benchmarks, or those that are named: `python -m benchmarks [NAME ...] [--json FILE]`.

Times are of this machine in these minutes, on one thread; the ratios are what to look at. Use an
idle machine.
"""

import argparse
import importlib
import json
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

from operator_agent.runtime.scoring import versions

BENCHMARKS = {
    "plant": ("benchmarks.plant.speed", "plants against real time, solvers and simulators"),
    "planning": ("benchmarks.planning.speed", "case stacks and many periods against pure HiGHS"),
    "io": ("benchmarks.io.round_trip", "scan and gated move against plain OPC UA requests"),
    "mpc": ("benchmarks.mpc.crude_unit", "the control cycle against converged IPOPT"),
    "supervisor": ("benchmarks.rl_supervisor.headroom", "what a supervisor could gain at all"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks that were asked for, print their tables, and write the rows."""
    listed = "\n".join(f"  {name:<8}{what}" for name, (_, what) in BENCHMARKS.items())
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=f"{__doc__}\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="benchmarks to run; all by default"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all rows to this file")
    asked = parser.parse_args(arguments)
    unknown = sorted(set(asked.names) - set(BENCHMARKS))
    if unknown:
        parser.error(f"no benchmark '{unknown[0]}'; known are {', '.join(BENCHMARKS)}")
    found = {}
    for name, (module, what) in BENCHMARKS.items():
        if asked.names and name not in asked.names:
            continue
        print(f"\n== {name}: {what}", flush=True)
        found[name] = importlib.import_module(module).main()
    if asked.json is not None:
        report = {"versions": versions(), "machine": platform.machine(), "rows": found}
        asked.json.parent.mkdir(parents=True, exist_ok=True)
        asked.json.write_text(json.dumps(report, indent=2, allow_nan=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
