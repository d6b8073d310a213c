"""A policy as a file that holds numbers and nothing else: JSON text with the weights in base64.

Files of learning libraries run code when they are loaded; the control server must not. This
format has no place for code: text is parsed as JSON, arrays are read as plain float32, and the
SHA-256 over everything else must match before a number is used. The hash shows damage and
careless edits; who may install a policy is the matter of the file's owner.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError, SignatureError
from operator_agent.signing import Json, sha256_of

FORMAT = "operator-agent-policy"
FORMAT_VERSION = 1
MAX_FILE_BYTES = 1_000_000  # ten times the largest policy of this project; a guard, not a budget
_KEYS = {"format", "format_version", "observation", "action", "network", "metadata", "sha256"}

Weights = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Policy:
    """A small network that turns an observation into an action.

    The hidden layers are `tanh(W x + b)`, the last one is `W x + b`. Without a catalogue its
    output is the action; with one, the output is a value for each row of the catalogue and the
    action is the row with the highest value (the first one on a tie).

    Attributes:
        observation_names: shape (n_obs,).
        observation_centre, observation_span: with which the raw observation was scaled, shape
            (n_obs,), in the unit of each.
        action_names: shape (n_action,).
        action_spans: what an action of 1 stands for, shape (n_action,); see `advice_map.py`.
        layers: pairs of weight, shape (n_out, n_in), and offset, shape (n_out,).
        catalogue: shape (n_choice, n_action), or None for a continuous action.
        metadata: training seed, versions, validation result, `promoted`.
    """

    observation_names: tuple[str, ...]
    observation_centre: tuple[float, ...]
    observation_span: tuple[float, ...]
    action_names: tuple[str, ...]
    action_spans: tuple[float, ...]
    layers: tuple[tuple[Weights, Weights], ...]
    catalogue: FloatArray | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that the shapes fit each other and that every weight is finite."""
        object.__setattr__(self, "metadata", dict(self.metadata))
        n_obs, n_action = len(self.observation_names), len(self.action_names)
        if not len(self.observation_centre) == len(self.observation_span) == n_obs:
            raise InputError("policy: give one centre and one span for each observation")
        if len(self.action_spans) != n_action or not self.layers:
            raise InputError("policy: give one span for each action and at least one layer")
        width = n_obs
        for number, (weight, offset) in enumerate(self.layers):
            if weight.ndim != 2 or weight.shape[1] != width or offset.shape != weight.shape[:1]:
                raise InputError(
                    f"policy: layer {number} has weights of shape {weight.shape} and offsets of "
                    f"shape {offset.shape}; {width} inputs come in"
                )
            if not (np.all(np.isfinite(weight)) and np.all(np.isfinite(offset))):
                raise InputError(f"policy: layer {number} holds a number that is not finite")
            width = weight.shape[0]
        self._check_output(width, n_action)

    def _check_output(self, width: int, n_action: int) -> None:
        if self.catalogue is None:
            if width != n_action:
                raise InputError(f"policy: {width} outputs for {n_action} actions")
        elif self.catalogue.shape != (width, n_action) or not np.all(np.abs(self.catalogue) <= 1):
            raise InputError(
                f"policy: the catalogue has shape {self.catalogue.shape}; it needs "
                f"{(width, n_action)} with values from -1 to 1"
            )

    @property
    def promoted(self) -> bool:
        """Whether the policy passed the promotion gate of its training."""
        return self.metadata.get("promoted") is True

    def act(self, observation: FloatArray) -> FloatArray:
        """Return the action, each value from -1 to 1.

        Args:
            observation: scaled, shape (n_obs,) [1].

        Raises:
            InputError: the shape is wrong or a value is not finite.
        """
        if observation.shape != (len(self.observation_names),):
            raise InputError(
                f"policy: the observation has shape {observation.shape}; "
                f"({len(self.observation_names)},) is needed"
            )
        if not np.all(np.isfinite(observation)):
            raise InputError("policy: the observation holds a value that is not finite")
        signal = observation.astype(np.float32)
        for weight, offset in self.layers[:-1]:
            signal = np.tanh(weight @ signal + offset)
        weight, offset = self.layers[-1]
        output = (weight @ signal + offset).astype(np.float64)
        if self.catalogue is not None:
            chosen: FloatArray = self.catalogue[int(np.argmax(output))].copy()
            return chosen
        clipped: FloatArray = np.clip(output, -1.0, 1.0)
        return clipped


def _array_payload(array: NDArray[Any]) -> dict[str, Json]:
    data = np.ascontiguousarray(array, dtype="<f4").tobytes()
    return {"shape": list(array.shape), "float32": base64.b64encode(data).decode()}


def _array(payload: Any, where: str) -> Weights:
    if not isinstance(payload, dict) or set(payload) != {"shape", "float32"}:
        raise InputError(f"{where}: an array needs exactly the keys 'shape' and 'float32'")
    try:
        data = base64.b64decode(payload["float32"], validate=True)
        shape = tuple(int(n) for n in payload["shape"])
        return np.frombuffer(data, dtype="<f4").reshape(shape).astype(np.float32)
    except (binascii.Error, ValueError, TypeError) as error:
        raise InputError(f"{where}: an array cannot be read: {error}") from error


def _body(policy: Policy) -> dict[str, Json]:
    catalogue = None if policy.catalogue is None else policy.catalogue.tolist()
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "observation": {
            "names": list(policy.observation_names),
            "centre": list(policy.observation_centre),
            "span": list(policy.observation_span),
        },
        "action": {
            "names": list(policy.action_names),
            "spans": list(policy.action_spans),
            "catalogue": catalogue,
        },
        "network": [
            {"weight": _array_payload(weight), "offset": _array_payload(offset)}
            for weight, offset in policy.layers
        ],
        "metadata": dict(policy.metadata),
    }


def save_policy(policy: Policy, path: Path) -> str:
    """Write a policy to a file and return its SHA-256.

    Args:
        policy: to write; its metadata must be plain values.
        path: of the file, which is replaced.

    Raises:
        InputError: the metadata hold NaN, infinity, or something that is not a plain value.
    """
    body = _body(policy)
    try:
        digest = sha256_of(body)
    except TypeError as error:
        raise InputError(f"policy {path}: the metadata are not plain values: {error}") from error
    path.write_text(json.dumps({**body, "sha256": digest}, indent=1) + "\n", encoding="utf-8")
    return digest


def _read_json(path: Path) -> dict[str, Any]:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(f"policy {path} cannot be read: {error.strerror}") from error
    if len(raw) > MAX_FILE_BYTES:
        raise InputError(f"policy {path} has {len(raw)} bytes; at most {MAX_FILE_BYTES} are read")
    try:
        payload = json.loads(raw.decode("utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise InputError(
            f"policy {path} is not a policy file of this project (JSON text): {error}"
        ) from error
    if not isinstance(payload, dict) or set(payload) != _KEYS:
        raise InputError(f"policy {path} needs exactly the keys {', '.join(sorted(_KEYS))}")
    if payload["format"] != FORMAT or payload["format_version"] != FORMAT_VERSION:
        raise InputError(
            f"policy {path} has format {payload['format']!r} version "
            f"{payload['format_version']!r}; this program reads {FORMAT} {FORMAT_VERSION}"
        )
    return payload


def _check_hash(payload: dict[str, Any], path: Path) -> None:
    body = {key: value for key, value in payload.items() if key != "sha256"}
    try:
        actual = sha256_of(body)
    except InputError as error:
        raise InputError(f"policy {path} holds NaN or infinity") from error
    if actual != payload["sha256"]:
        raise SignatureError(
            f"policy {path} was altered: its content has SHA-256 {actual[:12]}..., the file says "
            f"{str(payload['sha256'])[:12]}...; take the file again from where it was trained"
        )


def load_policy(path: Path) -> Policy:
    """Return the policy in a file. No code of the file is run: there is no place for any.

    Args:
        path: of the file.

    Raises:
        InputError: the file is missing, is no policy file, or does not fit together.
        SignatureError: the content does not match the SHA-256 in the file.
    """
    payload = _read_json(path)
    _check_hash(payload, path)
    try:
        observation, action = payload["observation"], payload["action"]
        layers = tuple(
            (_array(layer["weight"], str(path)), _array(layer["offset"], str(path)))
            for layer in payload["network"]
        )
        catalogue = action["catalogue"]
        return Policy(
            observation_names=tuple(str(name) for name in observation["names"]),
            observation_centre=tuple(float(value) for value in observation["centre"]),
            observation_span=tuple(float(value) for value in observation["span"]),
            action_names=tuple(str(name) for name in action["names"]),
            action_spans=tuple(float(value) for value in action["spans"]),
            layers=layers,
            catalogue=None if catalogue is None else np.array(catalogue, dtype=np.float64),
            metadata=payload["metadata"],
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(f"policy {path} does not hold together: {error}") from error
