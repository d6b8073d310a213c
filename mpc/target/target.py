"""The steady state that pays best under ranked limits, followed cycle by cycle.

At the last target the steady-state gains of the model give a small program in the change of the
MVs. Limits rank before money, lower ranks before higher ones; when they cannot all be kept, each
rank is broken as little as possible, then the economics decide within what is left:

    max  profit + pull to goals - proximal |du|^2

The proximal term, the largest step per cycle and a hysteresis on the limits that hold keep the
target from jumping between corners. It walks to the optimum of the nonlinear model; x follows by
Newton.
"""

from dataclasses import replace

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.target.answer import NotRenewed, SteadyTarget, TargetState
from operator_agent.mpc.target.hysteresis import Decision, decided
from operator_agent.mpc.target.inputs import TargetInputs
from operator_agent.mpc.target.program import CycleProgram, Profit, ProgramBuilder
from operator_agent.mpc.target.ranked import RankedProgram
from operator_agent.mpc.target.steady_model import SteadyModel
from operator_agent.mpc.target.stride import Stride
from operator_agent.mpc.target.target_tuning import TargetTuning
from operator_agent.mpc.target.telling import Teller
from operator_agent.mpc.target.wishes import Economics

__all__ = ["NotRenewed", "SteadyTarget", "TargetOptimizer", "TargetState"]

GROW = 1.5  # of an MV's step when its target goes on: the full one again within a dozen cycles
BOUND = 0.9  # of its step: who goes less does not overshoot, but follows readings
LEAST = 0.01  # of the full step: an optimum between the limits is approached so closely


class TargetOptimizer:
    """Renews the steady-state target. Holds scratch memory, no state between calls."""

    def __init__(
        self, model: SteadyModel, tuning: TargetTuning, economics: Economics | None
    ) -> None:
        """Take where the plant rests, the tuning and, where money counts, the economics.

        Args:
            model: where the plant rests and how that moves.
            tuning: ranks, pulls, ramps, hysteresis.
            economics: of the model; None for goals and prices of variables only.

        Raises:
            InputError: the tuning names what the model does not know.
        """
        self.model, self.tuning = model, tuning
        self._profit = Profit(model, economics)
        self._teller = Teller(model)
        self._builder = ProgramBuilder(model, tuning, self._profit)
        self._solver = RankedProgram(len(model.u_names), len(model.y_names) + len(model.balances))

    def with_tuning(self, tuning: TargetTuning) -> "TargetOptimizer":
        """Return an optimizer with another tuning that shares the model's functions.

        Raises:
            InputError: the tuning names what the model does not know.
        """
        copy = object.__new__(TargetOptimizer)
        copy.model, copy.tuning = self.model, tuning
        copy._profit, copy._teller, copy._solver = self._profit, self._teller, self._solver
        copy._builder = ProgramBuilder(self.model, tuning, self._profit)
        return copy

    def start(self, x: FloatArray, u: FloatArray) -> TargetState:
        """Return the state from which targets walk: x (n_x,), u (n_u,) in SI."""
        return TargetState(x / self.model.x_scale, u / self.model.u_scale)

    def renew(
        self, state: TargetState, inputs: TargetInputs
    ) -> tuple[SteadyTarget | NotRenewed, TargetState]:
        """Return the target of this cycle, or why there is none with the state as it was.

        Raises:
            InputError: the economics need a price that the wishes do not give.
        """
        fault = inputs.fault()
        if fault:
            return NotRenewed(fault), state
        inputs = self.with_resting(inputs)
        if inputs.step is None and state.stride is not None:
            inputs = replace(inputs, step=state.stride.step)
        program = self._builder.program(state, inputs)
        if isinstance(program, NotRenewed):
            return program, state
        solved = self._solver.solve(program.problem)
        if solved is None:
            return NotRenewed("the program of the target was not solved"), state
        free, last = solved
        decision = decided(
            free,
            last,
            lambda point: self._teller.holding(point, program, inputs),
            state.hold,
            program.to_limits,
            self.tuning,
        )
        problem = program.problem
        change = np.clip(decision.point.change, problem.low, problem.high)
        x, u = program.x + program.x_gain @ change, program.u + change
        after = TargetState(x, u, decision.hold, program.x, self._stride(state, change))
        return self._target(program, inputs, decision, after), after

    def _stride(self, state: TargetState, change: FloatArray) -> Stride | None:
        """Return how far each MV may go in the next cycle; a leap stays one."""
        most = self.tuning.step
        if not np.isfinite(most):
            return None
        none = Stride(np.full(change.size, most), np.zeros(change.size))
        return (state.stride or none).after(change, GROW, LEAST * most, most, BOUND)

    def with_resting(self, inputs: TargetInputs) -> TargetInputs:
        """Return inputs with the tuning's resting values where the wishes name no goal."""
        resting = self.tuning.resting
        if not resting:
            return inputs
        wishes = inputs.wishes
        return replace(inputs, wishes=replace(wishes, goals={**resting, **wishes.goals}))

    def _target(
        self,
        program: CycleProgram,
        inputs: TargetInputs,
        decision: Decision,
        after: TargetState,
    ) -> SteadyTarget:
        model, point, tell = self.model, decision.point, self._teller
        limits, now = inputs.variables, inputs.present
        rows = program.rows + program.problem.gain @ point.change
        y = self._standing(inputs, rows[: len(model.y_names)] * model.y_scale)
        u = after.u * model.u_scale
        given_up = tell.given_up(program, point, inputs)
        return SteadyTarget(
            u=np.where(inputs.free, np.clip(u, limits.mv_low, limits.mv_high), u),
            y=y,
            active=tell.names(decision.hold),
            prices=tell.prices(decision.hold, point),
            profit=self._profit.at(after.x, after.u, y, inputs),
            violation=max((given.spans for given in given_up), default=0.0),
            profit_now=np.nan if now is None else self._profit.at(
                now.x / model.x_scale, now.u / model.u_scale, now.y, inputs
            ),
            given_up=given_up,
            kept_by_hysteresis=tell.names(decision.kept),
            freedom=tell.freedom(program, inputs, decision.hold, given_up),
        )  # fmt: skip

    def _standing(self, inputs: TargetInputs, y: FloatArray) -> FloatArray:
        """Return y with goals of integrating CVs, or where they stand, inside their limits."""
        if not bool(np.any(self.model.floating)):
            return y
        limits, goals = inputs.variables, inputs.wishes.goals
        now = y if inputs.present is None else inputs.present.y
        wanted = np.array([goals.get(n, v) for n, v in zip(limits.cv_names, now, strict=True)])
        kept = np.clip(wanted, limits.cv_soft_low, limits.cv_soft_high)
        found: FloatArray = np.where(self.model.floating, kept, y)
        return found
