"""The text layout of sets and parameters: what is read, what is refused, and small cases of it."""

from pathlib import Path

import numpy as np
import pytest

from operator_agent.errors import InputError, LimitsConflictError
from operator_agent.planning.bilinear.search import search
from operator_agent.planning.published.emrps_model import compile_text_case
from operator_agent.planning.published.emrps_network import build_network
from operator_agent.planning.published.emrps_periods import repeat_periods
from operator_agent.planning.published.emrps_physics import unphysical
from operator_agent.planning.published.emrps_ranges import quality_ranges
from operator_agent.planning.published.emrps_text import TextCase, read_text_case

# Two bought streams of known gravity are mixed and sold; what is bought may be held in stock.
SETS = {
    "S": "a, b, mix",
    "U": "Umix0",
    "M": "m0",
    "Q": "sg, sulphur",
    "T": "1",
    "S_P(s)": "mix",
    "S_M(s)": "a, b",
    "UMIX(u)": "Umix0",
    "IU(u,s)": "Umix0.a, Umix0.b",
    "OU(u,s)": "Umix0.mix",
    "IM(u,m,s)": "Umix0.m0.a, Umix0.m0.b",
    "OM(u,m,s)": "Umix0.m0.mix",
    "SPG(q)": "sg",
    "Qw(q)": "sulphur",
    "SQ(s,q)": "a.sg, b.sg, mix.sg, a.sulphur, b.sulphur, mix.sulphur",
    "FIX(s,q)": "a.sg, b.sg, a.sulphur, b.sulphur",
}
PARAMETERS = {
    "c_P(s)": "mix=10.0",
    "c_M(s)": "a=8.0, b=4.0",
    "FVMax(s,t)": "mix.1=6.0",
    "FQ0(s,q)": "a.sg=0.8, b.sg=0.9, a.sulphur=1.0, b.sulphur=4.0",
    "FQMax(s,q)": "mix.sulphur=2.0",
}


def written(folder: Path, **changes: str) -> Path:
    """Write a case; a change replaces a section, by the name of its set or parameter."""
    for kind, sections in (("sets", SETS), ("parameters", PARAMETERS)):
        text = f"Some words before\n\n{kind.capitalize()}\n"
        for heading, body in sections.items():
            text += f"{heading}   what it is\n/\n{changes.get(heading.split('(')[0], body)}\n/\n"
        (folder / f"tiny_all_{kind}.txt").write_text(text + changes.get(kind, ""))
    return folder / "tiny_all_parameters.txt"


def tiny(folder: Path, **changes: str) -> TextCase:
    return read_text_case(written(folder, **changes))


def test_a_mixture_is_planned_to_its_limit(tmp_path: Path) -> None:
    program = compile_text_case(tiny(tmp_path))
    found = search(program, starts=1, guards=())
    # Sulphur 2 needs two parts of a for one of b: 6 * 10 - 4 * 8 - 2 * 4.
    assert found.objective == pytest.approx(20.0, rel=1e-6)
    values = dict(zip(program.columns, found.x, strict=True))
    assert values["flow[a,1]"] == pytest.approx(4.0, rel=1e-6)
    assert values["quality[mix,sulphur,1]"] == pytest.approx(2.0, rel=1e-6)


def test_periods_are_joined_by_inventories(tmp_path: Path) -> None:
    stock = "L0(s)\n/\nb=3.0\n/\nLMax(s,t)\n/\nb.1=3.0\n/\n"
    case = repeat_periods(tiny(tmp_path, parameters=stock), 3)
    program = compile_text_case(case)
    found = search(program, starts=2, guards=())
    # The first three of b come from stock; six of mix in each of three periods want six of b.
    assert found.objective == pytest.approx(3 * 20.0 + 3 * 4.0, rel=1e-6)
    levels = [found.x[program.columns.index(f"level[b,{t}]")] for t in (1, 2, 3)]
    assert np.all(np.diff(levels) < 1e-9)
    with pytest.raises(InputError, match="has 3 periods; only one can be repeated"):
        repeat_periods(case, 2)


def test_a_quality_lies_between_those_of_its_parts(tmp_path: Path) -> None:
    ranges = quality_ranges(build_network(tiny(tmp_path)))
    assert ranges["mix", "sg"] == (0.8, 0.9)
    assert ranges["mix", "sulphur"] == (1.0, 2.0)


def test_a_density_near_nothing_is_unphysical(tmp_path: Path) -> None:
    case = tiny(tmp_path)
    program = compile_text_case(case)
    x = np.ones(len(program.columns))
    x[program.columns.index("quality[mix,sg,1]")] = 1e-6
    (said,) = unphysical(build_network(case), program, x)
    assert "stream mix flows in period 1 with the density 1e-06" in said


def test_a_batch_without_a_balance_is_unphysical(tmp_path: Path) -> None:
    case = tiny(tmp_path, IU="Umix0.a")
    program = compile_text_case(case)
    (said,) = unphysical(build_network(case), program, np.full(len(program.columns), 0.85))
    assert "draws 0.85 of stream b" in said
    assert "in IM and not in IU" in said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"FVMax": "mix.1=much"}, "line 14: 'much' in 'FVMax' is no finite number"),
        ({"FVMax": "mix.1"}, "'mix.1' has no value; write indices=number"),
        ({"FVMax": "mix=6.0"}, "'mix=6.0' is no entry of 'FVMax'; write 2 names"),
        ({"FVMax": "mox.1=6.0"}, "'mox' in 'mox.1=6.0' of 'FVMax' is not in the set S"),
        ({"c_P": "mix=1.0, mix=2.0"}, "'mix' has two values"),
        ({"IU": "Umix0.a, Umix9.b"}, "'Umix9' in 'Umix9.b' of 'IU' is not in the set U"),
        ({"T": ""}, "set 'T' is missing or empty"),
        ({"parameters": "price(s)\n/\na=1.0\n/\n"}, "is no set or parameter of this layout"),
        ({"parameters": "alpha(s,q)\n/\n/\n"}, r"'alpha' has the indices \(s,q\)"),
        ({"parameters": "c_P(s)\n/\nmix=10.0\n"}, "the section 'c_P' is not closed"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, changes: dict[str, str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        tiny(tmp_path, **changes)


def test_a_missing_sets_file_is_named(tmp_path: Path) -> None:
    path = written(tmp_path)
    sets = tmp_path / "tiny_all_sets.txt"
    with pytest.raises(InputError, match="name the parameters file"):
        read_text_case(sets)
    sets.unlink()
    with pytest.raises(InputError, match=r"its sets file .*tiny_all_sets\.txt is missing"):
        read_text_case(path)


def test_contradicting_limits_are_named(tmp_path: Path) -> None:
    with pytest.raises(LimitsConflictError, match="quality sulphur of stream a is 1"):
        compile_text_case(tiny(tmp_path, FQMax="a.sulphur=0.5"))
    with pytest.raises(LimitsConflictError, match="least value 7 is above its largest 6"):
        compile_text_case(tiny(tmp_path, parameters="FVMin(s,t)\n/\nmix.1=7.0\n/\n"))


def test_a_stream_of_two_units_is_refused(tmp_path: Path) -> None:
    case = tiny(tmp_path, U="Umix0, Umix1", OU="Umix0.mix, Umix1.mix")
    with pytest.raises(InputError, match="mix is made by the units Umix0 and Umix1"):
        build_network(case)
