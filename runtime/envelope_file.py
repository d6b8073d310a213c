"""The advice envelope: read from YAML, signed once by a person, checked by the controller."""

import json
from collections.abc import Mapping
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from operator_agent.errors import InputError, SignatureError
from operator_agent.messages import AdviceEnvelope
from operator_agent.signing import Json, canonical_json, sign
from operator_agent.units import span_to_si


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class _Range(_Strict):
    low: float
    high: float


class _Steps(_Strict):
    low: int
    high: int


class _Span(_Strict):
    value: float
    unit: str


class _Envelope(_Strict):
    weight_factor: _Range
    move_suppression_factor: _Range
    n_pred: _Steps
    target_biases: dict[str, _Span]
    back_offs: dict[str, _Span]


def read_envelope(path: Path) -> AdviceEnvelope:
    """Return the unsigned bounds in a YAML file.

    Raises:
        InputError: the file cannot be read or holds a key or value that is not known.
    """
    try:
        parsed = _Envelope.model_validate(yaml.safe_load(path.read_text()))
    except OSError as error:
        raise InputError(f"advice envelope {path} cannot be read: {error.strerror}") from error
    except (ValidationError, yaml.YAMLError) as error:
        raise InputError(f"advice envelope {path}: {error}") from error
    return AdviceEnvelope(
        weight_factor=(parsed.weight_factor.low, parsed.weight_factor.high),
        target_biases=_spans(parsed.target_biases),
        back_offs=_spans(parsed.back_offs),
        n_pred=(parsed.n_pred.low, parsed.n_pred.high),
        move_suppression_factor=(
            parsed.move_suppression_factor.low,
            parsed.move_suppression_factor.high,
        ),
    )


def _spans(spans: Mapping[str, _Span]) -> dict[str, float]:
    return {name: span_to_si(span.value, span.unit) for name, span in spans.items()}


def sign_envelope(envelope: AdviceEnvelope, key: bytes, path: Path) -> None:
    """Write the bounds with their signature."""
    payload: dict[str, Json] = {
        "bounds": envelope.payload(),
        "signature": sign(envelope.payload(), key),
    }
    path.write_bytes(canonical_json(payload))


def load_signed_envelope(source: Path, signed: Path, key: bytes) -> AdviceEnvelope:
    """Return the bounds, after checking that they are those that were signed.

    Args:
        source: the YAML file of the site.
        signed: the signed copy in the state folder.
        key: under which it was signed.

    Raises:
        SignatureError: unsigned, or changed since it was signed.
    """
    bounds = read_envelope(source)
    try:
        signature = str(json.loads(signed.read_bytes())["signature"])
    except (OSError, ValueError, KeyError) as error:
        raise SignatureError(
            f"advice envelope {source.name} is not signed ({signed} cannot be read); "
            "sign it with: operator-agent keys SITE"
        ) from error
    envelope = AdviceEnvelope(
        bounds.weight_factor,
        bounds.target_biases,
        bounds.back_offs,
        bounds.n_pred,
        bounds.move_suppression_factor,
        signature,
    )
    envelope.check(key)
    return envelope
