"""A real service for the tests: `python service_process.py FOLDER` prints one JSON line when ready.

The case of a request names what the optimizer does.
"""

import fcntl
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from operator_agent.api.contract import OptimizationReply, OptimizationRequest, PointWorth
from operator_agent.api.keys import ApiScope, new_api_key
from operator_agent.api.server import serve
from operator_agent.api.service import create_app
from operator_agent.errors import InputError, LimitsConflictError

FOLDER = "OPERATOR_AGENT_TEST_FOLDER"
LOCK = "held_while_solving"


def optimize(payload: dict[str, Any]) -> dict[str, Any]:
    """Plan, fail, hang or crash, as the case says."""
    request = OptimizationRequest.from_payload(payload)
    case = request.process_data.case or "quick"
    if case == "hang":
        hang_with_a_child()
    if case == "crash":
        os._exit(13)
    if case == "bug":
        raise ZeroDivisionError("a bug of the optimizer")
    if case == "infeasible":
        raise LimitsConflictError("limit temp_coil_outlet_max_degc and the sulphur limit conflict")
    if case == "not_finite":
        return {"case": case, "solver_status": "ok", "point": "optimal", "objective_values": {}} | {
            "economic_targets": {"flow_vol_feed": float("nan")}
        }
    if case not in ("quick", "worker_id"):
        raise InputError(f"case '{case}' is not known; the known are quick and worker_id")
    return OptimizationReply(
        case=case,
        solver_status="converged",
        point=PointWorth.OPTIMAL,
        objective_values={"profit_usd_d": 1e6},
        plan={limit.variable: limit.value for limit in request.limits} | {"pid": os.getpid()},
    ).payload()


def hang_with_a_child() -> None:
    """Hold a lock, together with a child process, until killed."""
    path = Path(os.environ[FOLDER]) / LOCK
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        child = subprocess.Popen(["sleep", "600"], pass_fds=[file.fileno()])
        path.with_suffix(".ready").touch()
        child.wait()


def read_status() -> dict[str, Any] | None:
    """Return the status that a test left in the folder."""
    path = Path(os.environ[FOLDER]) / "status.json"
    if not path.exists():
        return None
    return {"updated_s": time.time(), **json.loads(path.read_text())}


def main(folder: str) -> None:
    """Serve until a signal."""
    os.environ[FOLDER] = folder
    key, key_sha256 = new_api_key()
    read_key, read_key_sha256 = new_api_key()
    keys = {
        key_sha256: frozenset({ApiScope.READ, ApiScope.PLAN}),
        read_key_sha256: frozenset({ApiScope.READ}),
    }
    app = create_app(optimize=optimize, read_status=read_status, api_keys_sha256=keys, workers=2)

    def announce(url: str) -> None:
        sys.stdout.write(json.dumps({"url": url, "key": key, "read_key": read_key}) + "\n")
        sys.stdout.flush()

    serve(app, "127.0.0.1", 0, on_ready=announce)


if __name__ == "__main__":
    main(sys.argv[1])
