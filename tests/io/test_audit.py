"""The audit trail: durable, chained, anchored; every way of bending it is found."""

import shutil
import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operator_agent.errors import InputError, SignatureError
from operator_agent.io.audit import Audit, default_anchor, records, verify


@pytest.fixture
def trail(tmp_path):
    path = tmp_path / "audit.sqlite"
    audit = Audit(path)
    for number in range(6):
        audit.append("held", {"number": number})
        audit.anchor()
    audit.close()
    return path


def edit(path, *statements):
    """Change the file as an attacker with write access does: past the triggers."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("DROP TRIGGER no_update")
    db.execute("DROP TRIGGER no_delete")
    for statement in statements:
        db.execute(statement)
    db.close()


def test_a_sound_trail_verifies_and_can_be_continued(trail):
    assert verify(trail) == 6
    audit = Audit(trail)
    assert audit.append("held", {}) == 7
    audit.close()
    assert [record.number for record in records(trail)] == list(range(1, 8))


def test_records_cannot_be_changed_or_removed_through_the_database(trail):
    db = sqlite3.connect(trail)
    for statement in ("UPDATE record SET kind = 'x'", "DELETE FROM record"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            db.execute(statement)
    db.close()


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE record SET payload = x'7b7d' WHERE number = 3", "altered at record 3"),
        ("UPDATE record SET kind = 'shed' WHERE number = 2", "altered at record 2"),
        ("DELETE FROM record WHERE number = 4", "altered at record 4"),
        ("DELETE FROM record WHERE number > 4", "the tail was removed"),
        ("DELETE FROM record", "the tail was removed"),
    ],
)
def test_an_altered_row_and_a_cut_tail_are_found(trail, statement, message):
    edit(trail, statement)
    with pytest.raises(SignatureError, match=message):
        verify(trail)


def test_an_old_copy_is_found_by_its_anchor(trail, tmp_path):
    old = tmp_path / "old.sqlite"
    shutil.copy(trail, old)
    audit = Audit(trail)
    audit.append("held", {"number": 7})
    audit.anchor()
    audit.close()
    with pytest.raises(SignatureError, match="the tail was removed"):
        verify(old, default_anchor(trail))


def test_a_trail_written_anew_is_found_by_its_anchor(trail, tmp_path):
    forged = tmp_path / "forged.sqlite"
    audit = Audit(forged)
    for _ in range(9):
        audit.append("held", {"number": "forged"})
    audit.close()
    with pytest.raises(SignatureError, match="was replaced"):
        verify(forged, default_anchor(trail))


def test_a_missing_or_damaged_anchor_is_an_error(trail):
    anchor = default_anchor(trail)
    anchor.write_text("nonsense")
    with pytest.raises(SignatureError, match="is damaged"):
        verify(trail)
    anchor.unlink()
    with pytest.raises(SignatureError, match="is missing"):
        verify(trail)


def test_nan_is_not_stored(trail):
    audit = Audit(trail)
    with pytest.raises(InputError, match="NaN"):
        audit.append("held", {"value": float("nan")})
    assert audit.append("held", {}) == 7
    audit.close()


def test_a_read_only_folder_stops_the_trail_from_opening(tmp_path):
    with pytest.raises(InputError, match="cannot be opened for writing"):
        Audit(tmp_path / "missing" / "audit.sqlite")


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_cut_log_reopens_to_a_prefix_or_is_refused(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cut")
    path = folder / "audit.sqlite"
    audit = Audit(path)
    for number in range(5):
        audit.append("held", {"number": number})
    copy = folder / "copy.sqlite"
    shutil.copy(path, copy)
    wal = path.with_name("audit.sqlite-wal").read_bytes()
    audit.close()
    size = data.draw(st.integers(0, len(wal)))
    tail = data.draw(st.binary(max_size=40))
    copy.with_name("copy.sqlite-wal").write_bytes(wal[:size] + tail)
    default_anchor(copy).write_text("0 " + "0" * 64)
    try:
        again = Audit(copy)
    except (InputError, SignatureError):
        return
    assert again.number <= 5
    assert again.append("held", {}) == again.number
    again.close()
