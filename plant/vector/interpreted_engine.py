"""The same step by CasADi's virtual machine, for computers without a C compiler.

Operations and their order are those of the compiled code, so trajectories agree within rounding;
one attempt of all copies is one call, repeated until the last copy has arrived.
"""

import casadi as ca
import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.plant.process_model import ProcessModel
from operator_agent.plant.vector.control import N_CONTROL
from operator_agent.plant.vector.elimination import factor, plan_elimination, solve
from operator_agent.plant.vector.method import ROS34PW2, RosenbrockMethod
from operator_agent.plant.vector.source import linearised

_SHRINK_MOST, _SHRINK_LEAST, _SAFETY = 0.2, 0.9, 0.9  # as in the compiled code


class InterpretedEngine:
    """Steps and outputs of n copies by CasADi's virtual machine.

    Args:
        model: of the plant.
        n: number of copies.
        workers: threads.
        reason: why it is not compiled code.

    Raises:
        InputError: the model has no elementary operations.
    """

    def __init__(self, model: ProcessModel, n: int, workers: int, reason: str) -> None:
        self.description = f"CasADi's virtual machine, because {reason}"
        self._attempt = _mapped(_attempt(model, ROS34PW2), n, workers)
        self._outputs = _mapped(model.outputs, n, workers)

    def step(
        self, x: FloatArray, u: FloatArray, d: FloatArray, control: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return the states after a step, (n, n_x), and error, attempts and arrival, (n, 3)."""
        n = len(x)
        numbers = np.tile(control[:, None], (1, n))
        carried = np.zeros((4, n))  # left, substep, error, attempts
        carried[:2] = control[:2, None]
        states, inputs = x.T, (u.T, d.T, numbers)
        for _ in range(int(control[4])):
            states, carried = (part.full() for part in self._attempt(states, carried, *inputs))
            if not np.any(carried[0] > 0.0):
                break
        rows = np.column_stack([carried[2], carried[3], carried[0] == 0.0])
        return np.ascontiguousarray(states.T), rows

    def outputs(self, x: FloatArray, u: FloatArray, d: FloatArray) -> FloatArray:
        """Return the controlled variables, (n, n_y)."""
        y: FloatArray = self._outputs(x.T, u.T, d.T).full()
        return np.ascontiguousarray(y.T)


def _mapped(function: ca.Function, n: int, workers: int) -> ca.Function:
    threads = min(workers, n)
    return function.map(n, "thread", threads) if threads > 1 else function.map(n)


def _attempt(model: ProcessModel, method: RosenbrockMethod) -> ca.Function:
    """Return one attempted substep `(x, carried, u, d, control) -> (x, carried)` of one copy."""
    x, u, d = (
        ca.SX.sym(name, n) for name, n in (("x", model.n_x), ("u", model.n_u), ("d", model.n_d))
    )
    carried, control = ca.SX.sym("carried", 4), ca.SX.sym("control", N_CONTROL)
    left, size, worst, attempts = ca.vertsplit(carried)
    tolerance, growth = control[2], control[3]
    active = left > 0.0
    count = ca.ceil(left / size - 1e-9)
    h = ca.if_else(active, left / ca.fmax(count, 1.0), size)
    change, error = _substep(model, method, (x, u, d), h)
    accepted = ca.logic_and(active, error <= tolerance)
    after = ca.if_else(count <= 1.0, 0.0, left - h)
    new = ca.vertcat(
        ca.if_else(accepted, after, left),
        ca.if_else(active, h * _next_size(error, tolerance, growth), h),
        ca.if_else(ca.logic_and(accepted, error > worst), error, worst),
        attempts + active,
    )
    arguments = [x, carried, u, d, control]
    return ca.Function("attempt", arguments, [ca.if_else(accepted, x + change, x), new])


def _substep(
    model: ProcessModel, method: RosenbrockMethod, at: tuple[ca.SX, ca.SX, ca.SX], h: ca.SX
) -> tuple[ca.SX, ca.SX]:
    """Return the change of the states in a substep, and the error estimate in spans."""
    rates, rates_and_slopes = linearised(model)
    x, *inputs = at
    rate, slopes = rates_and_slopes(*at)
    plan = plan_elimination(slopes.sparsity())
    entries = [ca.SX(0.0)] * plan.n_entries
    for nonzero, place in enumerate(plan.places):
        entries[place] = -slopes.nz[nonzero]
    for place in plan.diagonals:
        entries[place] = entries[place] + 1.0 / h / method.diagonal
    factors, inverses = factor(plan, entries)
    stages = list[ca.SX]()
    for stage in range(method.n_stages):
        if stage:
            rate = rates(x + _weighted(method.stage_states[stage], stages), *inputs)
        right = rate + _weighted(method.stage_rates[stage], stages) / h
        solution = solve(plan, factors, inverses, ca.vertsplit(ca.densify(right)))
        stages.append(ca.vertcat(*solution))
    errors = ca.fabs(_weighted(method.error_weights, stages)) / model.x_scale
    error = ca.SX(0.0)
    for one in ca.vertsplit(errors):  # what is no number stays
        error = ca.if_else(ca.logic_or(one > error, ca.logic_not(one == one)), one, error)
    return _weighted(method.step_weights, stages), error


def _weighted(weights: FloatArray, stages: list[ca.SX]) -> ca.SX:
    return sum(
        (float(weight) * stage for weight, stage in zip(weights, stages, strict=False)), ca.SX(0.0)
    )


def _next_size(error: ca.SX, tolerance: ca.SX, growth: ca.SX) -> ca.SX:
    factor_wished = _SAFETY * ca.exp((ca.log(tolerance) - ca.log(error)) / 3.0)
    larger = ca.fmin(ca.fmax(factor_wished, _SHRINK_MOST), growth)
    smaller = ca.if_else(
        factor_wished >= _SHRINK_MOST, ca.fmin(factor_wished, _SHRINK_LEAST), _SHRINK_MOST
    )
    return ca.if_else(error <= tolerance, larger, smaller)
