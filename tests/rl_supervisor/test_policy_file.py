import base64
import itertools
import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operator_agent.errors import InputError, SignatureError
from operator_agent.rl_supervisor.policy_file import Policy, load_policy, save_policy
from operator_agent.signing import sha256_of


def make_policy(seed: int = 0, catalogue: bool = False) -> Policy:
    rng = np.random.default_rng(seed)
    sizes = [5, 8, 8, 4 if catalogue else 2]
    layers = tuple(
        (
            rng.normal(size=(n_out, n_in)).astype(np.float32),
            rng.normal(size=n_out).astype(np.float32),
        )
        for n_in, n_out in itertools.pairwise(sizes)
    )
    return Policy(
        observation_names=tuple(f"o{i}" for i in range(5)),
        observation_centre=(0.0,) * 5,
        observation_span=(1.0,) * 5,
        action_names=("a", "b"),
        action_spans=(1.0, 2.0),
        layers=layers,
        catalogue=np.array([[0, 0], [1, 0], [-1, 0], [0, 1]], dtype=np.float64)
        if catalogue
        else None,
        metadata={"training_seed": 3, "promoted": False},
    )


@pytest.mark.parametrize("catalogue", [False, True])
def test_policy_survives_the_file_exactly(tmp_path: Path, catalogue: bool) -> None:
    policy = make_policy(catalogue=catalogue)
    path = tmp_path / "policy.json"
    save_policy(policy, path)
    loaded = load_policy(path)
    assert loaded.observation_names == policy.observation_names
    assert dict(loaded.metadata) == dict(policy.metadata)
    for seed in range(10):
        observation = np.random.default_rng(seed).normal(size=5)
        np.testing.assert_array_equal(loaded.act(observation), policy.act(observation))


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_any_changed_byte_is_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("p") / "policy.json"
    save_policy(make_policy(), path)
    raw = bytearray(path.read_bytes())
    before = json.loads(raw)
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(bytes(raw))
    try:
        same = json.loads(raw) == before
    except (UnicodeDecodeError, json.JSONDecodeError):
        same = False
    if same:  # one kind of white space became another
        return
    with pytest.raises((InputError, SignatureError), match=r"policy\.json"):
        load_policy(path)


def test_edited_weight_is_a_signature_error_that_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    save_policy(make_policy(), path)
    payload = json.loads(path.read_text())
    array = np.frombuffer(base64.b64decode(payload["network"][0]["offset"]["float32"]), "<f4")
    payload["network"][0]["offset"]["float32"] = base64.b64encode((array + 1).tobytes()).decode()
    path.write_text(json.dumps(payload))
    with pytest.raises(SignatureError, match=r"policy\.json was altered"):
        load_policy(path)


def test_promotion_cannot_be_edited_in(tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    save_policy(make_policy(), path)
    path.write_text(path.read_text().replace('"promoted": false', '"promoted": true'))
    with pytest.raises(SignatureError):
        load_policy(path)


class Bomb:
    """Unpickling this writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.path,))


def test_pickled_file_is_refused_and_not_run(tmp_path: Path) -> None:
    fired = tmp_path / "fired"
    path = tmp_path / "policy.json"
    path.write_bytes(pickle.dumps(Bomb(fired)))
    with pytest.raises(InputError, match="is not a policy file"):
        load_policy(path)
    assert not fired.exists()


def test_pickle_in_place_of_weights_is_refused_and_not_run(tmp_path: Path) -> None:
    fired = tmp_path / "fired"
    path = tmp_path / "policy.json"
    save_policy(make_policy(), path)
    payload = json.loads(path.read_text())
    bomb = base64.b64encode(pickle.dumps(Bomb(fired))).decode()
    payload["network"][0]["weight"]["float32"] = bomb
    del payload["sha256"]
    payload["sha256"] = sha256_of(payload)
    path.write_text(json.dumps(payload))
    with pytest.raises(InputError, match="array cannot be read"):
        load_policy(path)
    assert not fired.exists()


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("format_version", 99, "version 99"),
        ("network", [], "at least one layer"),
        ("action", {"names": ["a"], "spans": [1.0], "catalogue": None}, "2 outputs for 1"),
        ("observation", {"names": ["a"], "centre": [0], "span": [1]}, "inputs come in"),
    ],
)
def test_file_that_does_not_fit_together_is_refused(
    tmp_path: Path, key: str, value: object, message: str
) -> None:
    path = tmp_path / "policy.json"
    save_policy(make_policy(), path)
    payload = json.loads(path.read_text())
    del payload["sha256"]
    payload[key] = value
    payload["sha256"] = sha256_of(payload)
    path.write_text(json.dumps(payload))
    with pytest.raises(InputError, match=message):
        load_policy(path)


def test_missing_and_unknown_keys_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        load_policy(tmp_path / "none.json")
    path = tmp_path / "policy.json"
    save_policy(make_policy(), path)
    payload = json.loads(path.read_text())
    path.write_text(json.dumps({**payload, "hook": "import os"}))
    with pytest.raises(InputError, match="exactly the keys"):
        load_policy(path)


@pytest.mark.parametrize("bad", [np.full(5, np.nan), np.zeros(4)])
def test_observation_that_is_not_finite_or_not_fitting_is_refused(bad: np.ndarray) -> None:
    with pytest.raises(InputError):
        make_policy().act(bad)


def test_weights_that_are_not_finite_are_refused() -> None:
    policy = make_policy()
    weight, offset = policy.layers[0]
    broken = weight.copy()
    broken[0, 0] = np.nan
    with pytest.raises(InputError, match="not finite"):
        Policy(
            policy.observation_names,
            policy.observation_centre,
            policy.observation_span,
            policy.action_names,
            policy.action_spans,
            ((broken, offset), *policy.layers[1:]),
        )


def test_loading_needs_no_learning_library() -> None:
    code = (
        "import sys, operator_agent.rl_supervisor.policy_file;"
        "bad = {'torch', 'stable_baselines3', 'gymnasium', 'casadi'} & set(sys.modules);"
        "assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_forward_pass_equals_torch() -> None:
    torch = pytest.importorskip("torch")
    policy = make_policy(seed=7)
    observation = np.random.default_rng(5).normal(size=(100, 5))
    signal = torch.tensor(observation, dtype=torch.float32)
    for weight, offset in policy.layers[:-1]:
        signal = torch.tanh(signal @ torch.tensor(weight).T + torch.tensor(offset))
    weight, offset = policy.layers[-1]
    expected = torch.clamp(signal @ torch.tensor(weight).T + torch.tensor(offset), -1.0, 1.0)
    actual = np.array([policy.act(row) for row in observation])
    np.testing.assert_allclose(actual, expected.numpy(), atol=1e-6)
