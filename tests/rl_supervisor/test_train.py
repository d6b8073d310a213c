import json
from pathlib import Path

import pytest

from operator_agent.messages import AdviceEnvelope
from operator_agent.rl_supervisor.rollout import EpisodeScore

pytest.importorskip("torch")
pytest.importorskip("stable_baselines3")

from operator_agent.rl_supervisor.evaluate import evaluate
from operator_agent.rl_supervisor.policy_file import load_policy
from operator_agent.rl_supervisor.train import promotion, train
from operator_agent.runtime.envelope_file import read_envelope
from operator_agent.site import Site

from .conftest import ROOT


def scores(profits: list[float], violation_min: float = 0.0, broke: bool = False) -> list:
    return [
        EpisodeScore(i, profit, 0.0, violation_min, 0.0, 0, broke_down=broke)
        for i, profit in enumerate(profits)
    ]


BASE = [100.0, 250.0, 80.0, 40.0, 300.0, 120.0]


def test_a_clear_gain_is_promoted() -> None:
    promoted, paired, verdict = promotion(scores([p + 10.0 for p in BASE]), scores(BASE))
    assert promoted
    assert paired.mean == pytest.approx(10.0)
    assert verdict.startswith("promoted: +10.0 usd/h")


def test_no_gain_is_not_warranted() -> None:
    promoted, _, verdict = promotion(scores(BASE), scores(BASE))
    assert not promoted
    assert verdict.startswith("not warranted")


def test_a_gain_within_chance_is_not_warranted() -> None:
    lucky = [p + d for p, d in zip(BASE, [60.0, -20.0, 5.0, -15.0, 30.0, -20.0], strict=True)]
    promoted, paired, _ = promotion(scores(lucky), scores(BASE))
    assert paired.mean > 0.0
    assert not promoted


def test_a_gain_paid_with_hard_limits_is_not_warranted() -> None:
    rich = scores([p + 10.0 for p in BASE], violation_min=2.0)
    promoted, _, verdict = promotion(rich, scores(BASE, violation_min=1.0))
    assert not promoted
    assert "hard limits broken for 0.20 h instead of 0.10 h" in verdict


def test_a_breakdown_is_never_promoted() -> None:
    promoted, _, verdict = promotion(scores([p + 10.0 for p in BASE], broke=True), scores(BASE))
    assert not promoted
    assert "broke down" in verdict


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A training of five one-minute decisions an episode: it shows the parts, not learning."""
    demo = ROOT / "cases" / "training" / "ppo_demo.yaml"
    lines = {
        "site": f"site: {ROOT / 'cases' / 'sites' / 'crude_unit.yaml'}",
        "start_up_s": "  start_up_s: 60.0",
        "duration_s": "  duration_s: 300.0",
        "interval_s": "  interval_s: 60.0",
        "total_steps": "total_steps: 10",
        "checkpoint_steps": "checkpoint_steps: 10",
        "n_environments": "n_environments: 1",
        "n_steps": "  n_steps: 10",
        "batch_size": "  batch_size: 5",
        "n_training": "  n_training: 1",
        "n_validation": "  n_validation: 3",
        "n_gate": "  n_gate: 3",
        "n_test": "  n_test: 3",
    }
    changed = [
        lines.get(line.split(":")[0].strip(), line) for line in demo.read_text().splitlines()
    ]
    path = tmp_path / "tiny.yaml"
    path.write_text("\n".join(changed))
    return path


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["ppo", "dqn"])
def test_training_writes_a_policy_that_evaluates(
    tiny: Path, site: Site, tmp_path: Path, algorithm: str
) -> None:
    tiny.write_text(tiny.read_text().replace("algorithm: ppo", f"algorithm: {algorithm}"))
    envelope: AdviceEnvelope = read_envelope(Path(site.files["envelope"]))
    seen: list[str] = []
    out = tmp_path / "new" / "crude_unit.policy"
    result = train(tiny, site, envelope, out, lambda done, total, text: seen.append(text))
    policy = load_policy(out)
    assert policy.promoted is result.promoted
    assert policy.metadata["algorithm"] == algorithm
    assert policy.metadata["training_seed"] == 1
    assert out.stat().st_size < 100_000
    assert seen
    json.dumps(result.payload(), allow_nan=False)
    if algorithm == "dqn":
        return
    found = evaluate(policy, tiny, site, envelope, lambda *_: None)
    assert set(found.controllers) == {"no advice", "policy", "rule", "recipe"}
    assert set(found.comparisons) >= {"policy - no advice", "policy - rule"}
    json.dumps(found.payload(), allow_nan=False)
