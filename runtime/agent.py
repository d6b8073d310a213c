"""The direct call: a trained policy by name, and a process to optimize, in one line of Python.

    agent = RLOperatorAgent.load_trained_model("crude_unit")
    answer = agent.optimize_process(
        process_data={"slate": {"arabian_light": 0.6, "maya": 0.15, "bonny_light": 0.25}},
        constraints={"temp_coil_outlet_max_degc": 358.0},
        objectives=["profit"],
    )

It answers with set points and values; it has no way to write them.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from operator_agent.api.contract import OptimizationReply, OptimizationRequest
from operator_agent.api.problems import error_of, problem_of
from operator_agent.errors import OperatorAgentError
from operator_agent.rl_supervisor.policy_file import load_policy
from operator_agent.runtime.child_process import ask_once
from operator_agent.runtime.optimize import optimize_process, policy_path
from operator_agent.runtime.site_file import load_site

DEFAULT_SITE = Path(__file__).resolve().parent.parent / "cases" / "sites" / "crude_unit.yaml"


@dataclass(frozen=True, slots=True)
class RLOperatorAgent:
    """A policy with the site that it was trained for.

    Attributes:
        policy: name of the policy file, without its ending.
        site: path of the site file.
        state: folder of the running site, whose loop tells how far plant and model differ; None
            for the model alone.
    """

    policy: str
    site: Path
    state: Path | None = None

    @classmethod
    def load_trained_model(
        cls, name: str, site: Path = DEFAULT_SITE, state: Path | None = None
    ) -> "RLOperatorAgent":
        """Return the agent, after checking that the policy can be read and was not altered.

        Args:
            name: of a policy beside the site's own, for example `crude_unit`.
            site: site file.
            state: folder of the running site, if it runs on this host.

        Raises:
            InputError: there is no such policy or site.
            SignatureError: the policy file was altered.
        """
        load_policy(policy_path(load_site(site), name))
        return cls(name, site, state)

    def optimize_process(
        self,
        process_data: Mapping[str, Any] | None = None,
        constraints: Mapping[str, float] | None = None,
        objectives: Sequence[str] = ("profit",),
    ) -> OptimizationReply:
        """Return the plan and the crude unit's best set points under these limits.

        The solve runs in a process of its own, which imports nothing of the caller's program.

        Args:
            process_data: `case`, `slate`, `price_factors`; all may be left out.
            constraints: limits by name with side and unit (`temp_coil_outlet_max_degc`).
            objectives: `profit`, `energy`.

        Raises:
            InputError: something is unknown or out of range.
            LimitsConflictError: the plan or the limits cannot be met.
            SolveFailedError: the solve failed or its process ended.
        """
        request = OptimizationRequest.from_payload(
            {
                "process_data": dict(process_data or {}),
                "constraints": dict(constraints or {}),
                "objectives": list(objectives),
                "rl_policy": self.policy,
            }
        )
        state = "" if self.state is None else str(self.state)
        return OptimizationReply.from_payload(_ask(str(self.site), state, request.payload()))


def _ask(site: str, state: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `optimize_process` answers in a process of its own."""
    answer = ask_once("operator_agent.runtime.agent", [site, state, request])
    if "problem" in answer:
        raise error_of(answer["problem"])
    return dict(answer["result"])


def main() -> None:
    """Answer one question of standard input: site, state folder and request as JSON."""
    try:
        answer: dict[str, Any] = {"result": optimize_process(*json.load(sys.stdin))}
    except OperatorAgentError as error:
        answer = {"problem": problem_of(error).payload()}
    sys.stdout.write(json.dumps(answer, allow_nan=False) + "\n")


if __name__ == "__main__":
    main()
