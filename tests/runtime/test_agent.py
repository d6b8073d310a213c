"""The direct call: a policy by name, a process to optimize, an answer with the policy's advice."""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml
from tests.runtime.conftest import SITE

from operator_agent.api.contract import OptimizationReply, PointWorth
from operator_agent.errors import InputError, SignatureError
from operator_agent.messages import ControllerMode, ControlStatus
from operator_agent.rl_supervisor.observation import Observer
from operator_agent.rl_supervisor.policy_file import Policy, save_policy
from operator_agent.runtime.agent import RLOperatorAgent
from operator_agent.runtime.demo import site_with_free_ports
from operator_agent.runtime.site_file import load_site
from operator_agent.runtime.state_folder import StateFolder, write_status

QUALITY = "temp_tbp95_lgo"
BACK_OFF_K = 2.0
ACTIONS = (f"back_off:{QUALITY}", "move_suppression")
SLATE = {"arabian_light": 0.6, "maya": 0.15, "bonny_light": 0.25}
CONSTRAINTS = {"temp_coil_outlet_max_degc": 356.0}


@pytest.fixture(scope="module")
def site_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site whose policies do nothing (`calm`) and always back off from one limit (`careful`)."""
    folder = tmp_path_factory.mktemp("agent")
    path = site_with_free_ports(SITE, folder)
    raw = yaml.safe_load(path.read_text())
    raw["files"]["policy"] = str(folder / "calm.policy")
    path.write_text(yaml.safe_dump(raw, sort_keys=False))
    layout = Observer(load_site(path), ACTIONS, (QUALITY,)).layout
    for name, action in (("calm", 0.0), ("careful", 1.0)):
        policy = Policy(
            observation_names=layout.names,
            observation_centre=layout.centre,
            observation_span=layout.span,
            action_names=ACTIONS,
            action_spans=(BACK_OFF_K, 2.0),
            layers=(
                (np.zeros((2, layout.n_obs), np.float32), np.array([action, 0.0], np.float32)),
            ),
        )
        save_policy(policy, folder / f"{name}.policy")
    return path


def optimized(site_file: Path, name: str, *objectives: str) -> OptimizationReply:
    state = StateFolder(site_file.parent)
    yesterday = time.time() - 86_400.0
    status = ControlStatus(
        ControllerMode.ON, 1, 0.0, yesterday, "", 1.0, "written", (), "", {QUALITY: 50.0}
    )
    write_status(state, status)  # of a loop that has stopped: nothing of it may count
    agent = RLOperatorAgent.load_trained_model(name, site_file, state.path)
    return agent.optimize_process({"slate": SLATE}, CONSTRAINTS, objectives)


@pytest.fixture(scope="module")
def calm(site_file: Path) -> OptimizationReply:
    return optimized(site_file, "calm", "profit")


@pytest.mark.slow
def test_an_answer_has_set_points_advice_and_the_limits_asked_for(calm: OptimizationReply) -> None:
    assert calm.point is PointWorth.OPTIMAL
    assert calm.plan["temp_coil_outlet_degc"] <= 356.0 + 1e-6
    assert calm.economic_targets is not None
    planned = calm.economic_targets["slate"]
    assert {crude: planned[crude] for crude in SLATE} == pytest.approx(SLATE)
    assert calm.advice is not None
    assert not calm.advice["back_offs"] and not calm.advice["target_biases"]
    assert any("no control loop tells" in note for note in calm.notes)


@pytest.mark.slow
def test_a_policy_that_backs_off_moves_the_quality_from_its_limit(
    site_file: Path, calm: OptimizationReply
) -> None:
    careful = optimized(site_file, "careful", "profit")
    assert careful.advice is not None
    assert careful.advice["back_offs"] == {QUALITY: BACK_OFF_K}
    name = f"{QUALITY}_degc"
    assert f"{QUALITY} high" in calm.active_limits
    assert careful.plan[name] == pytest.approx(calm.plan[name] - BACK_OFF_K, abs=0.1)


@pytest.mark.slow
def test_the_objective_energy_uses_less_and_earns_less(
    site_file: Path, calm: OptimizationReply
) -> None:
    saving = optimized(site_file, "calm", "profit", "energy")
    for name in ("crude_unit_energy_usd_h", "crude_unit_profit_usd_h"):
        assert saving.objective_values[name] < calm.objective_values[name]


def test_an_unknown_policy_is_refused_with_the_known_ones(site_file: Path) -> None:
    with pytest.raises(InputError, match=r"'bold' is not known; .* holds calm, careful"):
        RLOperatorAgent.load_trained_model("bold", site_file)


def test_an_altered_policy_is_refused(site_file: Path, tmp_path: Path) -> None:
    shipped = json.loads((site_file.parent / "careful.policy").read_text())
    shipped["action"]["spans"][0] = 4.0
    raw = yaml.safe_load(site_file.read_text())
    raw["files"]["policy"] = str(tmp_path / "careful.policy")
    (tmp_path / "careful.policy").write_text(json.dumps(shipped))
    (tmp_path / "site.yaml").write_text(yaml.safe_dump(raw, sort_keys=False))
    with pytest.raises(SignatureError, match=r"careful\.policy was altered"):
        RLOperatorAgent.load_trained_model("careful", tmp_path / "site.yaml")


def test_a_wrong_request_is_refused_before_any_process_starts(site_file: Path) -> None:
    agent = RLOperatorAgent.load_trained_model("calm", site_file)
    with pytest.raises(InputError, match="temp_top"):
        agent.optimize_process(constraints={"temp_top": 130.0})
    with pytest.raises(InputError, match="flow_rate"):
        agent.optimize_process(process_data={"flow_rate": 1.0})


@pytest.mark.slow
def test_a_script_without_a_main_guard_may_ask_and_gets_the_errors(site_file: Path) -> None:
    script = f"""
from pathlib import Path
from operator_agent.errors import LimitsConflictError
from operator_agent.runtime.agent import RLOperatorAgent
agent = RLOperatorAgent.load_trained_model("calm", Path({str(site_file)!r}))
try:
    agent.optimize_process(constraints={{"temp_coil_outlet_max_degc": 300.0}})
except LimitsConflictError as error:
    raise SystemExit(0 if "TC1002" in str(error) else 1)
"""
    done = subprocess.run([sys.executable, "-"], input=script, text=True, check=False)
    assert done.returncode == 0
