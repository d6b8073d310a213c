"""A controller as C code: the cycle of `mpc.solve` for machines without Python.

Four files: the header, the controller with its numbers and the kernels of the engine, the model's
functions as CasADi writes them, and a program that reads and writes text. They need a C compiler
(gcc or clang) and its mathematical library, allocate nothing, and hold the same checks: a step
without a move says why. They leave out IPOPT beside cold starts, and limits that change from call
to call.
"""

import re
from pathlib import Path

from operator_agent.errors import InputError
from operator_agent.mpc.engine import compiled_kernels
from operator_agent.mpc.export.constants import constants, sizes
from operator_agent.mpc.export.model_code import model_code
from operator_agent.mpc.problem import Problem

_HERE, _ENGINE = Path(__file__).parent, Path(compiled_kernels.__file__).parent
_KERNELS = (
    "compiled_vectors.c",
    "compiled_maps.c",
    "compiled_cost.c",
    "compiled_qp_data.c",
    "compiled_working_set.c",
    "compiled_qp.c",
    "compiled_residual.c",
)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")


def export_c(problem: Problem, name: str, folder: Path) -> tuple[Path, ...]:
    """Write the C files of a controller and return their places.

    Build them with `cc -O3 -march=native -c NAME.c NAME_model.c`, or with `NAME_main.c` and `-lm`
    as a program that takes the arguments of `NAME_step` line by line.

    Args:
        problem: of `optimal_control(...)`, or of a cycle's result: model, horizon, limits, weights
            and numbers of iterations; its state and references are arguments of each step.
        name: of the files and functions: small letters, digits and underscores.
        folder: where they go; made if it is missing. Files of that name are replaced.

    Raises:
        InputError: the name or the kind of problem does not fit, or the folder cannot be written.
    """
    if not _NAME.fullmatch(name):
        raise InputError(
            f"name '{name}' makes no C functions; take small letters, digits and underscores"
        )
    model = model_code(problem, name)
    include = f'#include "{name}.h"\n'
    short = "".join(f"#define {part} {name.upper()}_{part}\n" for part, _ in sizes(problem))
    kernels = [(_ENGINE / file).read_text(encoding="ascii") for file in _KERNELS]
    parts = [include, short, constants(problem, model), model.tables, *kernels]
    texts = {
        f"{name}.h": _named("header.h", name, problem),
        f"{name}.c": "\n".join([*parts, _named("controller.c", name, problem)]),
        f"{name}_model.c": model.source,
        f"{name}_main.c": "\n".join([include, short, _named("main.c", name, problem)]),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in texts.items():
            (folder / file).write_text(text, encoding="ascii")
    except OSError as error:
        raise InputError(
            f"folder {folder} cannot be written: {error.strerror}; take another"
        ) from error
    return tuple(folder / file for file in texts)


def _named(file: str, name: str, problem: Problem) -> str:
    """Return a C text with the names of one controller."""
    counts = "".join(f"#define {name.upper()}_{part} {count}\n" for part, count in sizes(problem))
    text = (_HERE / file).read_text(encoding="ascii").replace("MODEL_SIZES\n", counts)
    text = re.sub(r"MODEL\((\w+)\)", rf"{name}_\1", text)
    return re.sub(r"\bMODEL_(?=[A-Z])", f"{name.upper()}_", text)
