"""The industrial benchmark built from sets and parameters, against the same cases row by row.

The row files (`emrps/case*_rows.json`) hold the published rows with columns without names. Their
order is known: families of columns, each sorted by stream, unit, batch and quality. With it every
point of ours becomes a point of the rows, and rows are compared by their values at random points.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial import cKDTree

from operator_agent.planning.bilinear.program import BilinearProgram
from operator_agent.planning.bilinear.search import search
from operator_agent.planning.published.emrps_model import compile_text_case
from operator_agent.planning.published.emrps_network import Network, build_network
from operator_agent.planning.published.emrps_physics import unphysical
from operator_agent.planning.published.emrps_text import read_text_case
from operator_agent.planning.published.row_file import read_row_file

CASES = ("case1", "case2")
Name = tuple[str, ...]


@pytest.fixture(params=CASES, scope="module")
def both(request: Any, published_folder: Path) -> tuple[Network, BilinearProgram, BilinearProgram]:
    """Return the flowsheet of a case, our program, and the published rows."""
    folder = published_folder / "emrps"
    case = read_text_case(folder / f"{request.param}_all_parameters.txt")
    rows = read_row_file(folder / f"{request.param}_rows.json")
    return build_network(case), compile_text_case(case), rows


def known_columns(net: Network) -> list[Name]:
    """Return the columns of the row file in order, by family and indices."""
    case, place = net.case, {k: {n: i for i, n in enumerate(net.case.names(k))} for k in "SUMQ"}

    def by_unit(key: Name) -> tuple[int, ...]:
        return place["U"][key[0]], place["M"][key[1]], place["S"][key[2]]

    streams = case.names("S")
    batches = sorted({*case.sets["IM"], *case.sets["OM"]}, key=by_unit)
    pairs = sorted(_qualities(net), key=lambda key: (place["S"][key[0]], place["Q"][key[1]]))
    volumes = sorted(_volumes(net), key=place["S"].__getitem__)
    delta, stocked = case.names("UPD"), [s for s in streams if s in net.stocked]
    families = (
        ("drawn", [(s,) for s in streams]),
        ("made", [(s,) for s in streams]),
        ("batch", batches),
        ("quality", pairs),
        ("yield", [key for key in batches if key[0] in delta]),
        ("charge", [(s,) for s in streams]),
        ("draw", [(s,) for s in streams]),
        ("level", [(s,) for s in streams]),
        ("volume", [(s,) for s in volumes]),
        ("batch_volume", sorted(_batch_volumes(net), key=by_unit)),
        ("drawing", [(s,) for s in stocked]),
        ("profit", [()]),
    )
    return [(family, *key) for family, keys in families for key in keys]


def _mixtures(net: Network) -> Iterator[tuple[Name, tuple[str, ...], str]]:
    for key in net.batches_of("UMIX"):
        for stream in net.outputs.get(key, ()):
            yield key, net.inputs.get(key, ()), stream


def _qualities(net: Network) -> set[Name]:
    """Return the pairs (stream, quality) that occur in a row."""
    case, gravity = net.case, net.gravity
    percent, blenders = set(case.names("Qp")), case.names("UBLD")
    found = {key for name in ("FQMin", "FQMax") for key in case.parameters[name]}
    for key in net.batches_of("UCDU"):
        for s in net.outputs.get(key, ()):
            free = {(s, gravity)} & net.traced - set(net.fixed)
            found |= free | {(s, q) for q in net.qualities(s)}
    for _, inlets, stream in _mixtures(net):
        members = (stream, *inlets)
        found |= {(s, gravity) for s in members} & net.traced
        found |= {(s, q) for q in net.qualities(stream) for s in members}
    for unit in case.names("USPL"):
        for a in net.drawn_by.get(unit, ()):
            for b in net.made_by.get(unit, ()):
                carried = [q for q in case.names("Q") if {(a, q), (b, q)} <= net.traced]
                found |= {(s, q) for q in carried for s in (a, b)}
    for a, b, q in case.parameters["alpha"]:
        found |= {(a, q), (b, q)} if (b, q) not in net.fixed else set()
    found |= {(s, q) for _, _, s, q in case.sets["DBSQ"]}
    found |= {(s, q) for _, _, s, q in case.sets["VMQ"] if q not in percent}
    for name in ("FQBMin", "FQBMax"):
        for unit, q in case.parameters[name]:
            found |= {(s, q) for s in net.drawn_by[unit]} if unit in blenders else set()
    return found


def _volumes(net: Network) -> set[str]:
    case, blenders = net.case, net.case.names("UBLD")
    found = {s for _, _, s, q in case.sets["VMQ"] if q == net.gravity}
    for name in ("FQBMin", "FQBMax"):
        for unit, q in case.parameters[name]:
            found |= set(net.drawn_by[unit]) if q == net.gravity and unit in blenders else set()
    return found


def _batch_volumes(net: Network) -> set[Name]:
    found = set()
    for key, inlets, stream in _mixtures(net):
        density = (stream, net.gravity)
        weighed = [s for s in inlets if (s, net.gravity) in net.traced]
        found |= {(*key, s) for s in (stream, *weighed) if (s, net.gravity) in net.traced}
        if density in net.traced and density not in net.fixed and weighed:
            found |= {(*key, s) for s in inlets}
    return found


def at_rows(net: Network, program: BilinearProgram, x: Any) -> Any:
    """Return a point of ours as a point of the rows."""
    values = dict(zip(program.columns, x, strict=True))
    ends = net.case.parameters["FQMin"]

    def one(family: str, *key: str) -> float:
        column = values.get(f"{family}[{','.join((*key, '1'))}]")
        if column is not None:
            return float(column)
        if family in ("drawn", "made"):
            return float(values.get(f"flow[{key[0]},1]", 0.0))
        if family == "quality":
            pair = key[0], key[1]
            density = min(1.0, net.case.parameters["FQMax"].get(pair, 1.0))
            unused = density if key[1] == net.gravity else ends.get(pair, 0.0)
            return net.fixed.get(pair, unused)
        if family == "yield":
            return net.value("gamma", *key)
        if family in ("volume", "batch_volume"):
            mass = one("drawn", *key) if family == "volume" else one("batch", *key)
            return mass / one("quality", key[-1], net.gravity)
        return program.objective(x) if family == "profit" else 0.0

    return np.array([one(*name) for name in known_columns(net)])


def excesses(program: BilinearProgram, points: Any) -> tuple[Any, Any]:
    """Return for each limit its row, and by how much points pass it, as a direction."""
    values = np.stack([program.activity(x) for x in points], axis=1)
    over, under = values - program.row_high[:, None], program.row_low[:, None] - values
    rows = np.concatenate([np.arange(len(values))] * 2)
    found = np.concatenate([over, under])
    size = np.linalg.norm(found, axis=1)
    kept = np.isfinite(size) & (size > 1e-9)
    return rows[kept], found[kept] / size[kept, None]


def test_the_columns_are_those_of_the_published_rows(both: Any) -> None:
    net, _, rows = both
    names = known_columns(net)
    assert len(names) == len(rows.columns)
    known = [name[0] == "quality" and name[1:] in net.fixed for name in names]
    assert np.array_equal(known, rows.low == rows.high)
    for place in np.flatnonzero(known):
        assert rows.low[place] == net.fixed[names[place][1:]]


def test_the_rows_are_those_published_at_random_points(both: Any) -> None:
    net, program, rows = both
    random = np.random.default_rng(3)
    ours = [random.uniform(0.5, 1.5, len(program.columns)) for _ in range(4)]
    theirs = [at_rows(net, program, x) for x in ours]
    place, directions = excesses(program, ours)
    their_place, their_directions = excesses(rows, theirs)
    far = cKDTree(their_directions).query(directions)[0]
    alone = {program.rows[row] for row in place[far > 1e-9]}
    # A capacity that the parameters round (1.06 for 1.056).
    assert alone <= {"capacity[ccap21,1]"}
    far = cKDTree(directions).query(their_directions)[0]
    missing = [row for row in set(their_place[far > 1e-9]) if not is_said_elsewhere(rows, row)]
    # The profit is a row there; last inlets of a batch follow from the others.
    assert len(missing) <= 4


def is_said_elsewhere(rows: BilinearProgram, row: int) -> bool:
    """Return whether a row is a bound, or holds wherever no column is negative."""
    products = rows.term_row == row
    coefficients = np.concatenate([rows.linear[row].data, rows.term_coef[products]])
    if len(coefficients) == 1 and not np.any(products):
        return True
    above = rows.row_low[row] <= 0.0 and np.all(coefficients >= 0.0)
    below = rows.row_high[row] >= 0.0 and np.all(coefficients <= 0.0)
    open_above, open_below = np.isinf(rows.row_high[row]), np.isinf(rows.row_low[row])
    return bool((above and open_above) or (below and open_below))


@pytest.mark.slow
def test_a_plan_of_ours_is_one_of_the_published_rows_with_the_same_objective(both: Any) -> None:
    net, program, rows = both
    x = search(program, starts=1, guards=()).plan()
    assert program.violation(x) < 1e-8
    y = at_rows(net, program, x)
    assert rows.objective(y) == pytest.approx(program.objective(x), rel=1e-14)
    assert rows.violation(y) < 1e-8
    # One stream has no density in the published rows; every other density is one of mixing.
    dense = [text for text in unphysical(net, program, x) if "density" in text]
    assert all("of stream s22" in text for text in dense)
