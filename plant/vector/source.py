"""The C source of a model's vectorised step and outputs, as two external functions of CasADi.

`vector_step(x, u, d, control) -> (x, report)` and `vector_outputs(x, u, d) -> y` take one group of
lanes, a column for each copy. The five numbers of `control` are those of `control.StepControl`, the
three rows of `report` those of `control.Report`.
"""

from collections.abc import Sequence

import casadi as ca

from operator_agent.arrays import FloatArray
from operator_agent.plant.process_model import ProcessModel
from operator_agent.plant.vector import step_text
from operator_agent.plant.vector.elimination import Elimination, plan_elimination
from operator_agent.plant.vector.emitter import Target, emit
from operator_agent.plant.vector.external import WHOLE_GROUP, External
from operator_agent.plant.vector.instructions import read_program
from operator_agent.plant.vector.lane_math import lane_math
from operator_agent.plant.vector.method import RosenbrockMethod

_ARGUMENTS = ("x", "u", "d")
_COPIES = (("N_X", WHOLE_GROUP), ("N_U", WHOLE_GROUP), ("N_D", WHOLE_GROUP))

STEP = External(
    name="vector_step",
    inputs=(*_COPIES, ("5", "1")),
    outputs=(("N_X", WHOLE_GROUP), ("3", WHOLE_GROUP)),
    work="STEP_WORK",
)
OUTPUTS = External("vector_outputs", _COPIES, (("N_Y", WHOLE_GROUP),), "OUTPUTS_WORK")


def step_source(model: ProcessModel, method: RosenbrockMethod, lanes: int) -> str:
    """Return the C source of a model's step and outputs for groups of some lanes.

    Raises:
        InputError: the model contains what has no elementary operations.
    """
    rates, rates_and_slopes = linearised(model)
    plan = plan_elimination(rates_and_slopes.sparsity_out(1))
    states = range(model.n_x)
    slopes = Target("a", plan.places, "-")
    emitted = [
        emit("rates", read_program(rates), _ARGUMENTS, [Target("f", states)]),
        emit(
            "rates_and_slopes",
            read_program(rates_and_slopes),
            _ARGUMENTS,
            [Target("f", states), slopes],
        ),
        emit("outputs", read_program(model.outputs), _ARGUMENTS, [Target("y", range(model.n_y))]),
    ]
    return "\n".join(
        [
            lane_math(lanes),
            *(part.source for part in emitted),
            _constants(model, method, plan, max(part.n_work for part in emitted)),
            step_text.ELIMINATION,
            step_text.STEP,
            STEP.source(),
            OUTPUTS.source(),
        ]
    )


def linearised(model: ProcessModel) -> tuple[ca.Function, ca.Function]:
    """Return the functions `(x, u, d) -> rates` and `-> rates, Jacobian` of elementary operations.

    Raises:
        InputError: the model contains what has no elementary operations.
    """
    sizes = (("x", model.n_x), ("u", model.n_u), ("d", model.n_d))
    arguments = [ca.SX.sym(letter, size) for letter, size in sizes]
    rate = ca.densify(model.rhs(*arguments))
    slopes = ca.jacobian(rate, arguments[0])
    return (
        ca.Function("rates", arguments, [rate]),
        ca.Function("rates_and_slopes", arguments, [rate, slopes]),
    )


def _constants(
    model: ProcessModel, method: RosenbrockMethod, plan: Elimination, n_work: int
) -> str:
    sizes = {
        "N_X": model.n_x,
        "N_U": model.n_u,
        "N_D": model.n_d,
        "N_Y": model.n_y,
        "N_ENTRIES": plan.n_entries,
        "N_WORK": n_work,
        "N_STAGES": method.n_stages,
    }
    lines = [f"#define {name} {size}" for name, size in sizes.items()]
    lines += [
        _integers("ORDER", plan.order),
        _integers("ROW_STARTS", plan.row_starts),
        _integers("DIAGONALS", plan.diagonals),
        _integers("COLUMNS", plan.columns),
        _integers("RUNS", plan.runs),
        _numbers("SPANS", 1.0 / model.x_scale),
        _numbers("STAGE_STATES", method.stage_states.ravel()),
        _numbers("STAGE_RATES", method.stage_rates.ravel()),
        _numbers("STEP_WEIGHTS", method.step_weights),
        _numbers("ERROR_WEIGHTS", method.error_weights),
        f"static const double DIAGONAL = {method.diagonal!r};",
    ]
    return "\n".join(lines)


def _integers(name: str, values: Sequence[int]) -> str:
    return f"static const int {name}[] = {{{','.join(map(str, values))}}};"


def _numbers(name: str, values: FloatArray) -> str:
    return f"static const double {name}[] = {{{','.join(repr(float(v)) for v in values)}}};"
