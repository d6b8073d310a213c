"""Published instances: which layout a file has, and the program that it holds.

Layouts are told by content, never by the name of a file.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from operator_agent.errors import InputError
from operator_agent.planning.bilinear.compile import compile_bilinear
from operator_agent.planning.bilinear.program import BilinearProgram
from operator_agent.planning.published import pike, pooling, williams
from operator_agent.planning.published.emrps_model import compile_text_case
from operator_agent.planning.published.emrps_network import Network, build_network
from operator_agent.planning.published.emrps_text import PARAMETERS_END, TextCase, read_text_case
from operator_agent.planning.published.json_entry import read_json
from operator_agent.planning.published.row_file import KEYS as ROW_KEYS
from operator_agent.planning.published.row_file import read_row_file

POOLING_PATIENCE_S = 2.7  # a large problem is content with fewer starts
POOLING_STARTS = 20  # reach every published optimum of more than one pool
TINY_STARTS = 9000  # by columns squared: a start costs little there, and a valley may be narrow

# W. Du et al., arXiv 2503.22057: the best profits published, BARON's after five hours, by the
# fingerprint of sets and parameters or of rows. Any other number makes it another instance.
PUBLISHED_PROFITS = {
    "d11d6c4f2097ca2f": 34_167_967.96,  # case 1, sets and parameters
    "5e94b31d83cbbeff": 34_167_967.96,  # case 1, rows
    "d62b9d548026c514": 67_303_189.53,  # case 2, sets and parameters
    "b9f0d80f182010b6": 67_303_189.53,  # case 2, rows
}


@dataclass(frozen=True)
class Instance:
    """A published instance.

    Attributes:
        name: of the file, without its ending.
        program: what is solved and judged.
        model: the Pyomo model of a linear instance, else None.
        network: flowsheet of a text case, else None.
        best_known: published objective, None when the file is of no known instance.
        starts: of a search, as many as the layout needs.
        notes: what a reader of the result has to know.
        patience_s: after which no further start is made, once there is a plan.
    """

    name: str
    program: BilinearProgram
    model: Any
    network: Network | None
    best_known: float | None
    starts: int
    notes: tuple[str, ...] = ()
    patience_s: float = float("inf")


def read_instance(path: Path) -> Instance:
    """Return the instance in a file.

    Raises:
        InputError: the file cannot be read, its layout is none of these, or it is wrong in itself.
        LimitsConflictError: a number of the instance contradicts another.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; name an instance or a folder of instances")
    if path.suffix != ".json":
        return _text_instance(path)
    raw = read_json(path)
    for keys, reader in _LAYOUTS:
        if keys <= set(raw):
            return reader(path, raw)
    raise InputError(
        f"{path}: its keys are those of no published layout; known are row files ({_some(ROW_KEYS)}"
        f"), pooling ({_some(pooling.KEYS)}), Williams ({_some(williams.KEYS)}) and Pike "
        f"({_some(pike.KEYS)})"
    )


def instance_files(path: Path) -> tuple[Path, ...]:
    """Return the files to solve: the path itself, or what a folder holds at any depth."""
    if not path.is_dir():
        return (path,)
    texts = [file for file in path.rglob("*.txt") if file.name.endswith(PARAMETERS_END)]
    return tuple(sorted([*path.rglob("*.json"), *texts]))


def _some(keys: frozenset[str]) -> str:
    return ", ".join(sorted(keys))


def _text_instance(path: Path) -> Instance:
    case = read_text_case(path)
    return Instance(
        name=path.stem,
        program=compile_text_case(case),
        model=None,
        network=build_network(case),
        best_known=PUBLISHED_PROFITS.get(text_fingerprint(case)),
        starts=2,
    )


def _row_instance(path: Path, raw: dict[str, Any]) -> Instance:
    program = read_row_file(path)
    parts = (raw[key] for key in ("rows", "lb", "ub", "sense", "obj_var"))
    return Instance(path.stem, program, None, None, PUBLISHED_PROFITS.get(_digest(*parts)), 2)


def _pooling_instance(path: Path, raw: dict[str, Any]) -> Instance:
    problem = pooling.pooling_problem(raw, str(path))
    program = compile_bilinear(pooling.build_pooling(problem))[0]
    starts = max(POOLING_STARTS, TINY_STARTS // len(program.columns) ** 2)
    known = problem.known_min_cost
    return Instance(path.stem, program, None, None, known, starts, (), POOLING_PATIENCE_S)


def _williams_instance(path: Path, raw: dict[str, Any]) -> Instance:
    case = williams.williams_refinery(raw, str(path))
    model = williams.build_williams(case)
    return _linear_instance(path, model, case.known_optimum, ())


def _pike_instance(path: Path, raw: dict[str, Any]) -> Instance:
    case, note = pike.published_pike(pike.pike_refinery(raw, str(path)))
    return _linear_instance(path, pike.build_pike(case), case.known_optimum, (note,) * bool(note))


def _linear_instance(
    path: Path, model: Any, known: float | None, notes: tuple[str, ...]
) -> Instance:
    return Instance(path.stem, compile_bilinear(model)[0], model, None, known, 1, notes)


_Reader = Callable[[Path, dict[str, Any]], Instance]
_LAYOUTS: tuple[tuple[frozenset[str], _Reader], ...] = (
    (frozenset({"nvar", "rows"}), _row_instance),
    (pooling.KEYS, _pooling_instance),
    (williams.KEYS, _williams_instance),
    (pike.KEYS, _pike_instance),
)


def text_fingerprint(case: TextCase) -> str:
    """Return a short text that two text cases share only with the same sets and parameters."""
    sets = sorted((name, sorted(members)) for name, members in case.sets.items())
    values = sorted((name, sorted(table.items())) for name, table in case.parameters.items())
    return _digest(sets, values)


def _digest(*parts: Any) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
