"""The bounds of advice count only as they were signed."""

from pathlib import Path

import pytest

from operator_agent.errors import InputError, SignatureError
from operator_agent.runtime.envelope_file import load_signed_envelope, read_envelope, sign_envelope

SOURCE = Path(__file__).resolve().parents[2] / "cases" / "controllers" / "advice_envelope.yaml"
KEY = bytes(range(32))


def test_signed_bounds_are_read_back(tmp_path: Path) -> None:
    signed = tmp_path / "envelope.signed.json"
    sign_envelope(read_envelope(SOURCE), KEY, signed)
    envelope = load_signed_envelope(SOURCE, signed, KEY)
    assert envelope.back_offs["temp_tbp95_kerosene"] == 4.0
    assert envelope.target_biases["fraction_overflash"] == pytest.approx(0.01)


def test_bounds_changed_after_signing_are_refused(tmp_path: Path) -> None:
    signed = tmp_path / "envelope.signed.json"
    sign_envelope(read_envelope(SOURCE), KEY, signed)
    edited = tmp_path / "advice_envelope.yaml"
    edited.write_text(SOURCE.read_text().replace("{low: 0.3, high: 3.0}", "{low: 0.3, high: 9.0}"))
    with pytest.raises(SignatureError, match="altered"):
        load_signed_envelope(edited, signed, KEY)


def test_unsigned_bounds_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SignatureError, match="not signed"):
        load_signed_envelope(SOURCE, tmp_path / "nothing.json", KEY)


def test_a_misspelt_bound_is_refused(tmp_path: Path) -> None:
    edited = tmp_path / "advice_envelope.yaml"
    edited.write_text(SOURCE.read_text().replace("n_pred:", "n_prediction:"))
    with pytest.raises(InputError, match="n_pred"):
        read_envelope(edited)
