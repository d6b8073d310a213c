"""The learning side of the composition root: it alone loads torch, and never runs beside a loop."""

from pathlib import Path
from typing import Any

from operator_agent.messages import AdviceEnvelope
from operator_agent.rl_supervisor.evaluate import Progress, evaluate
from operator_agent.rl_supervisor.policy_file import Policy
from operator_agent.rl_supervisor.train import train
from operator_agent.site import Site


def run_training(
    config: Path, site: Site, envelope: AdviceEnvelope, out: Path, progress: Progress
) -> dict[str, Any]:
    """Train and write the policy; return what came out as plain values."""
    return train(config, site, envelope, out, progress).payload()


def run_evaluation(
    policy: Policy, config: Path, site: Site, envelope: AdviceEnvelope, progress: Progress
) -> dict[str, Any]:
    """Evaluate a policy on its test scenarios; return the figures as plain values."""
    return evaluate(policy, config, site, envelope, progress).payload()
