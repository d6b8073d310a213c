"""The historian returns what was stored, also across changed tag lists and processes."""

import math
import sqlite3

import numpy as np
import pytest
from example_site import START_S, example_site
from hypothesis import given
from hypothesis import strategies as st

from operator_agent.errors import InputError
from operator_agent.io.historian import ABSENT, QUALITY_CODES, Historian
from operator_agent.messages import Quality, Reading


def reading(tag: str, value: float, quality: Quality = Quality.GOOD) -> Reading:
    return Reading(tag, value, "K", quality, START_S)


def test_scans_come_back_with_their_quality(tmp_path):
    historian = Historian(tmp_path / "h.sqlite", example_site())
    for i in range(5):
        quality = Quality.BAD if i == 2 else Quality.GOOD
        value = math.nan if i == 2 else float(i)
        historian.append(START_S + i, [reading("CV00", value, quality), reading("MV00", 1.0)])
    found = historian.read(["MV00", "CV00"], START_S + 1, START_S + 3)
    historian.close()
    assert found.time_s.tolist() == [START_S + 1, START_S + 2, START_S + 3]
    np.testing.assert_array_equal(found.values[:, 1], [1.0, math.nan, 3.0])
    assert found.quality[:, 1].tolist() == [0, QUALITY_CODES[Quality.BAD], 0]


def test_a_changed_tag_list_keeps_old_rows_readable(tmp_path):
    path = tmp_path / "h.sqlite"
    first = Historian(path)
    first.append(1.0, [reading("A", 1.0), reading("B", 2.0)])
    first.close()
    second = Historian(path)
    second.append(2.0, [reading("B", 3.0), reading("C", 4.0)])
    found = second.read(["A", "B", "C"])
    second.close()
    np.testing.assert_array_equal(found.values, [[1.0, 2.0, math.nan], [math.nan, 3.0, 4.0]])
    assert found.quality[0, 2] == ABSENT


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=8))
def test_every_float_comes_back_bit_by_bit(values):
    historian = Historian(":memory:")
    historian.append(0.0, [reading(f"T{i}", value) for i, value in enumerate(values)])
    found = historian.read([f"T{i}" for i in range(len(values))])
    historian.close()
    assert found.values.tobytes() == np.array(values).tobytes()


def test_an_open_reader_does_not_block_the_writer(tmp_path):
    path = tmp_path / "h.sqlite"
    historian = Historian(path)
    historian.append(0.0, [reading("A", 1.0)])
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN")
    other.execute("SELECT * FROM scan").fetchall()
    historian.append(1.0, [reading("A", 2.0)])
    assert historian.read(["A"]).values[:, 0].tolist() == [1.0, 2.0]
    other.close()
    historian.close()


def test_csv_holds_values_and_qualities(tmp_path):
    historian = Historian(tmp_path / "h.sqlite")
    historian.append(0.0, [reading("A", 1.5), reading("B", math.nan, Quality.BAD)])
    historian.read(["A", "B"]).export_csv(tmp_path / "h.csv")
    historian.close()
    assert (tmp_path / "h.csv").read_text().splitlines() == [
        "time_s,A,A quality,B,B quality",
        "0.0,1.5,good,,bad",
    ]


def test_a_file_that_is_no_database_is_an_input_error(tmp_path):
    path = tmp_path / "h.sqlite"
    path.write_bytes(b"not a database, but long enough to be looked at" * 50)
    with pytest.raises(InputError, match="cannot be opened"):
        Historian(path)
