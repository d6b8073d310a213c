"""The functions of a model along a horizon as C, and the tables that call them."""

from collections.abc import Mapping
from dataclasses import dataclass

import casadi as ca

from operator_agent.errors import InputError
from operator_agent.mpc.engine.schemes import Scheme, StageMap, stage_map
from operator_agent.mpc.engine.transcription import Transcription
from operator_agent.mpc.problem import Problem

_TABLES = (("advance", "advances"), ("sensitivity", "sensitivities"), ("audit", "audits"))


@dataclass(frozen=True, slots=True)
class ModelCode:
    """The C code of a model.

    Attributes:
        source: of the functions, a file of its own.
        tables: prototypes, and which function each stage calls.
        counts: sizes of the work space and of the unknowns inside a stage.
    """

    source: str
    tables: str
    counts: Mapping[str, int]


def model_code(problem: Problem, name: str) -> ModelCode:
    """Return the code of a problem's model, a function for each length of stages.

    Args:
        problem: see `export_c`.
        name: before the names of the functions.

    Raises:
        InputError: the problem is of a kind that the code does not solve.
    """
    grid = problem.transcription
    _check(problem)
    lengths = list(dict.fromkeys(grid.horizon.lengths_s))
    kinds = [lengths.index(h) for h in grid.horizon.lengths_s]
    substeps = grid.formulation.substeps
    maps = [stage_map(grid.scaled, grid.scheme, h, substeps) for h in lengths]
    functions = [*_of_stages(maps, name), *_of_outputs(grid, name)]
    generator = ca.CodeGenerator(f"{name}_model.c", {"with_header": False})
    for function in functions:
        generator.add(function)
    counts = {
        "N_W": maps[0].n_w,
        "N_GAPS": maps[0].audit.size1_out(0),
        "ARG_SIZE": max(f.sz_arg() for f in functions),
        "RES_SIZE": max(f.sz_res() for f in functions),
        "W_SIZE": max(f.sz_w() for f in functions),
        "IW_SIZE": max(f.sz_iw() for f in functions),
    }
    return ModelCode(generator.dump(), _tables(functions, len(maps), kinds, name), counts)


def _check(problem: Problem) -> None:
    grid = problem.transcription
    reasons = {
        "its stages are implicit Euler, made for large models; take scheme radau_2 or "
        "runge_kutta_4, or a reduced model": grid.scheme is Scheme.IMPLICIT_EULER,
        "it has a stage cost": grid.running is not None,
        "it plans for scenarios": problem.scenarios is not None,
        "each MV has blocks of its own": grid.ties is not None,
        "its limits change along the horizon, and would stand still in the code": problem.ahead
        is not None,
    }
    for reason, there in reasons.items():
        if there:
            raise InputError(f"this problem has no C code: {reason}")


def _of_stages(maps: list[StageMap], name: str) -> list[ca.Function]:
    return [
        _renamed(getattr(stage, part), f"{name}_{part}_{i}")
        for i, stage in enumerate(maps)
        for part, _ in _TABLES
    ]


def _of_outputs(grid: Transcription, name: str) -> list[ca.Function]:
    """Return y and (y, y_x, y_u) of the model in scaled values."""
    model = grid.model
    z = [ca.SX.sym(n, k) for n, k in (("x", model.n_x), ("u", model.n_u), ("d", model.n_d))]
    _, y, _, _, y_x, y_u = grid.scaled.jacobians(*z)
    slopes = [y, ca.densify(y_x), ca.densify(y_u)]
    return [
        ca.Function(f"{name}_outputs", z, [y]),
        ca.Function(f"{name}_output_slopes", z, slopes),
    ]


def _renamed(function: ca.Function, name: str) -> ca.Function:
    symbols = function.sx_in()
    return ca.Function(name, symbols, [ca.densify(v) for v in function.call(symbols)])


def _tables(functions: list[ca.Function], n_maps: int, kinds: list[int], name: str) -> str:
    arguments = "const double **, double **, long long *, double *, int"
    lines = [f"int {function.name()}({arguments});" for function in functions]
    for part, table in _TABLES:
        found = ", ".join(f"{name}_{part}_{i}" for i in range(n_maps))
        lines.append(f"static int (*const {table}[])({arguments}) = {{{found}}};")
    lines.append(f"static const int kinds[] = {{{', '.join(map(str, kinds))}}};")
    return "\n".join([*lines, ""])
