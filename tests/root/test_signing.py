"""A signature binds every value of a message; a copy with other values does not pass."""

import dataclasses
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operator_agent.errors import InputError, SignatureError
from operator_agent.messages import AdviceEnvelope, EconomicTargets, Move
from operator_agent.signing import make_key, read_key, sign

KEY = bytes(range(32))
MOVE = Move(7, "s", 1.5, 7, (("TC1002", 630.0),), "solved", 1e-9, "limits", "config").signed(KEY)


def test_a_signed_move_passes() -> None:
    MOVE.check(KEY)


@pytest.mark.parametrize(
    "change",
    [
        {"values": (("TC1002", 631.0),)},
        {"sequence": 8},
        {"created_mono_s": 2.0},
        {"solver_status": "other"},
        {"residual": 0.0},
        {"hold": True},
        {"signature": ""},
        {"signature": "0" * 64},
    ],
)
def test_a_changed_copy_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(SignatureError):
        dataclasses.replace(MOVE, **change).check(KEY)  # type: ignore[arg-type]


def test_another_key_is_refused() -> None:
    with pytest.raises(SignatureError):
        MOVE.check(bytes(32))


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_what_is_not_finite_cannot_be_signed(value: float) -> None:
    if math.isfinite(value):
        assert len(sign({"value": value}, KEY)) == 64
    else:
        with pytest.raises(InputError):
            sign({"value": value}, KEY)


def test_keys_are_private_and_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "move.key"
    key = make_key(path)
    assert read_key(path) == key
    with pytest.raises(InputError):
        make_key(path)
    path.chmod(0o644)
    with pytest.raises(SignatureError, match="chmod 600"):
        read_key(path)


def test_an_unsigned_envelope_is_refused() -> None:
    with pytest.raises(SignatureError):
        AdviceEnvelope((0.5, 2.0), {}, {}, (6, 12), (0.5, 2.0)).check(KEY)


@pytest.mark.parametrize("slate", [{"a": 0.6, "b": 0.6}, {"a": 1.2, "b": -0.2}, {"a": math.nan}])
def test_a_slate_that_is_no_slate_is_refused(slate: dict[str, float]) -> None:
    with pytest.raises(InputError):
        EconomicTargets("case", 0.0, slate, 0.18, {}, {}, 1e-8, 0.02)
