"""An optimal control problem of a user's own, on the one optimizer entry.

    sum over stages k  ( sum over i  track_i (z_i[k] - reference_i[k])^2
                       + sum over j  move_j (u_j[k] - u_j[k-1])^2
                       + stage_cost(x, u, d, p) + price of each soft limit outside )
    + sum over i  terminal_i (z_i[N] - reference_i[N])^2 + final_cost(x[N], p)

z are outputs and states at the end of stage k, or MVs during it; weights are per squared SI unit
and stage, as do-mpc and acados count them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.mpc.engine.formulation import Curvature, Formulation, Ranking, Sharing
from operator_agent.mpc.engine.limit_rows import TerminalLimits
from operator_agent.mpc.engine.linearise import ScaledModel
from operator_agent.mpc.engine.schemes import Scheme
from operator_agent.mpc.engine.stage_weights import by_name
from operator_agent.mpc.engine.transcription import LimitShape, Transcription
from operator_agent.mpc.generic.equations import Model, nominal_outputs, states_as_outputs
from operator_agent.mpc.generic.formulate import (
    Blocks,
    Final,
    Rate,
    Wanted,
    check_known,
    horizon_of,
    stage_cost_of,
    weights_of,
    with_input_spans,
)
from operator_agent.mpc.generic.limits import Limits, Placed, Soft, control_variables, terminal_of
from operator_agent.mpc.generic.option_checks import (
    check_blocks,
    check_counts,
    check_positive,
    check_scheme,
    check_warm,
    check_weights,
)
from operator_agent.mpc.problem import Outcome, Problem, SecondSolver, Warm
from operator_agent.mpc.solve import solve

NONE: Mapping[str, float] = MappingProxyType({})
NO_LIMITS: Limits = MappingProxyType({})
NO_SOFT: Mapping[str, Soft] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class OptimalControl:
    """A problem that is solved again and again; see `optimal_control`.

    Attributes:
        model: with states that are tracked or limited as outputs.
        problem: what every solve begins with, at the nominal point.
        parameters: names of the cost's parameters.
        resting: MVs that are tracked.
    """

    model: Model
    problem: Problem
    parameters: tuple[str, ...]
    resting: tuple[str, ...]

    @property
    def times_s(self) -> FloatArray:
        """Ends of the stages from now, shape (N,) [s]: where references are taken."""
        return self.problem.transcription.horizon.borders_s[1:]

    def solve(
        self,
        x: ArrayLike,
        u_held: ArrayLike | None = None,
        warm: Warm | None = None,
        *,
        d: ArrayLike | None = None,
        references: Mapping[str, ArrayLike] = MappingProxyType({}),
        parameters: Mapping[str, float] = NONE,
        bias: Mapping[str, float] = NONE,
        limits: Limits = NO_LIMITS,
        soft: Limits = NO_LIMITS,
        terminal_limits: Limits = NO_LIMITS,
        guess: Mapping[str, ArrayLike] = MappingProxyType({}),
    ) -> Outcome:
        """Return the outcome of one solve; `outcome.move` exists only when it was accepted.

        Args:
            x: state now, shape (n_x,) [SI].
            u_held: inputs that hold now, shape (n_u,) [SI]; nominal ones when left out.
            warm: `outcome.warm` of the last solve; None for a cold start.
            d: disturbances, shape (n_d,), or a preview of shape (N, n_d) [SI].
            references: by name, a number or a preview of shape (N,); others keep their default.
            parameters: of the cost, by name; all of them.
            bias: measured minus modelled outputs, by name [SI].
            limits: other hard limits than at the beginning, of MVs and of what was limited then:
                each side a number, or a preview of shape (N,), infinite where it is open.
            soft: other places of the soft limits, likewise; their prices stay.
            terminal_limits: other ones, of the same names and sides: numbers.
            guess: of MVs, by name, where a cold start begins: a number, or one of each stage, shape
                (N,) [SI]; others begin at what holds now.

        Raises:
            InputError: a name is not known, a shape does not fit, or `warm` is of another model.
        """
        start, model = self.problem, self.model
        check_warm(warm, model)
        y_reference, u_reference = self._references(references)
        placed = self._limits(limits, soft)
        held = start.u_held if u_held is None else _vector("u_held", u_held, model.n_u)
        return solve(
            replace(
                start,
                x=_vector("x", x, model.n_x),
                u_held=held,
                d=start.d if d is None else self._disturbances(d),
                bias=by_name(bias, model.y_names, 0.0, "bias"),
                y_reference=y_reference,
                u_reference=u_reference,
                prices=self._prices(parameters),
                variables=placed.variables,
                ahead=placed.ahead,
                terminal=self._terminal(terminal_limits),
                guess=self._guess(guess, held) if guess else None,
            ),
            warm,
        )

    def _terminal(self, given: Limits) -> TerminalLimits | None:
        known = self.problem.terminal
        if not given:
            return known
        check_known(self.model, {"terminal_limits": given}, False)
        found = terminal_of(self.model, given, known)
        shape = self.problem.transcription.shape
        for new, old in ((found.low, shape.terminal_low), (found.high, shape.terminal_high)):
            if known is None or bool(np.any(np.isfinite(new) & ~np.array(old))):
                raise InputError(
                    f"terminal limits of {', '.join(given)}: a side that was open at the beginning "
                    "is limited now; build the problem with it"
                )
        return found

    def _guess(self, given: Mapping[str, ArrayLike], held: FloatArray) -> FloatArray:
        names, n_pred = self.model.u_names, self.problem.y_reference.shape[0]
        guess = np.tile(held, (n_pred, 1))
        for name, value in given.items():
            array = np.asarray(value, dtype=np.float64)
            if name not in names or array.shape not in ((), (n_pred,)):
                raise InputError(
                    f"guess of '{name}' with shape {array.shape}: give a number or {n_pred} "
                    f"numbers, of the MVs {', '.join(names)}"
                )
            guess[:, names.index(name)] = array
        return guess

    def _references(self, given: Mapping[str, ArrayLike]) -> tuple[FloatArray, FloatArray]:
        y, u = self.problem.y_reference.copy(), self.problem.u_reference.copy()
        for name, value in given.items():
            array = np.asarray(value, dtype=np.float64)
            if name in self.resting and array.ndim == 0:
                u[self.model.u_names.index(name)] = array
            elif name in self.model.y_names and array.shape in ((), (y.shape[0],)):
                y[:, self.model.y_names.index(name)] = array
            else:
                raise InputError(
                    f"reference of '{name}' with shape {array.shape}: give a number, or of an "
                    f"output {y.shape[0]} numbers; outputs are {', '.join(self.model.y_names)}, "
                    f"tracked MVs {', '.join(self.resting) or 'none'}; a preview of an MV needs an "
                    "output that equals it"
                )
        return y, u

    def _disturbances(self, given: ArrayLike) -> FloatArray:
        array = np.asarray(given, dtype=np.float64)
        n_d, n_pred = self.model.n_d, self.problem.y_reference.shape[0]
        if array.shape not in ((n_d,), (n_pred, n_d)):
            raise InputError(
                f"d has shape {array.shape}; give ({n_d},), or a preview of shape ({n_pred}, {n_d})"
            )
        return array

    def _prices(self, given: Mapping[str, float]) -> FloatArray | None:
        if not self.parameters and not given:
            return self.problem.prices
        missing = [name for name in self.parameters if name not in given]
        if missing:
            raise InputError(f"no value for parameter {', '.join(missing)} of the cost; give all")
        return by_name(given, self.parameters, 0.0, "parameter")

    def _limits(self, limits: Limits, soft: Limits) -> Placed:
        start = self.problem
        now = Placed(start.variables, start.ahead)
        if not limits and not soft:
            return now
        grid = start.transcription
        placed = now.moved(self.model, limits, soft, grid.horizon.n_pred)
        lost = grid.shape.lacks(LimitShape.of(placed.variables, start.terminal, placed.ahead))
        if lost:
            names = ", ".join(self.model.y_names[i] for i in lost)
            raise InputError(
                f"limits of {names}: a side that was open at the beginning, or a soft one that lay "
                "outside of the hard one, is limited now; build the problem with it"
            )
        return placed


def optimal_control(
    model: Model,
    *,
    sample_time_s: float,
    n_pred: int,
    blocks: Blocks | None = None,
    track: Mapping[str, float] = NONE,
    references: Mapping[str, float] = NONE,
    terminal: Mapping[str, float] = NONE,
    moves: Mapping[str, float] = NONE,
    limits: Limits = NO_LIMITS,
    soft: Mapping[str, Soft] = NO_SOFT,
    rates: Mapping[str, float] = NONE,
    terminal_limits: Limits = NO_LIMITS,
    stage_cost: Rate | None = None,
    final_cost: Final | None = None,
    parameters: Sequence[str] = (),
    scheme: Scheme | None = None,
    substeps: int = 2,
    iterations: int = 3,
    cold_iterations: int = 60,
    tolerance: float | None = None,
    time_limit_s: float | None = None,
    second_limit_s: float = 10.0,
    hard_price: float | None = None,
) -> OptimalControl:
    """Return an optimal control problem; every variable is named.

    Args:
        model: continuous or sampled.
        sample_time_s: length of a stage and time between solves [s].
        n_pred: stages.
        blocks: stages of each block of moves, of all MVs or by MV; None lets them move at every
            stage, as those do that are not named.
        track: weight per squared SI unit and stage, of outputs, states or MVs.
        references: where they are wanted [SI]; nominal values when left out.
        terminal: further weights at the end of the horizon, of outputs or states.
        moves: weight on the squared change of an MV.
        limits: hard limits (low, high) of MVs, outputs or states [SI]: numbers, previews of shape
            (n_pred,), or None for an open side. Those of outputs and states hold at the end of
            each stage, as far as any move can.
        soft: limits of outputs or states with a price, see `Soft`.
        rates: largest change of an MV per second [SI/s].
        terminal_limits: of outputs or states at the end of the horizon alone.
        stage_cost: `(x, u, d, p) -> cost of one stage`, of mappings from names to expressions, at
            the end of the stage.
        final_cost: `(x, p) -> cost` at the end of the horizon.
        parameters: names of p.
        scheme: how the model is discretised; None chooses by size and stiffness.
        substeps: of an explicit scheme in each stage.
        iterations: of a warm solve, at most; a linear model without a cost of its own takes one.
        cold_iterations: of a cold start, at most.
        tolerance: iterate until step and optimality fall below it; None for real-time iterations.
        time_limit_s: wall time of a solve [s]; None for any.
        second_limit_s: wall time that IPOPT may take [s], which looks for a better plan beside
            each cold start and for one where a warm solve failed; never beyond `time_limit_s`.
        hard_price: of one span outside a hard output limit; None takes a hundred times what the
            costs can gain over the horizon at the nominal point.

    Raises:
        InputError: a name is not known, a number is not possible, or the horizon does not fit.
    """
    check_weights({"track": track, "terminal": terminal, "moves": moves})
    check_counts({"n_pred": n_pred, "substeps": substeps, "iterations": iterations,
                  "cold_iterations": cold_iterations})  # fmt: skip
    check_positive({"sample_time_s": sample_time_s, "tolerance": tolerance,
                    "time_limit_s": time_limit_s, "second_limit_s": second_limit_s,
                    "hard_price": hard_price})  # fmt: skip
    check_blocks(blocks, model.u_names)
    check_scheme(scheme)
    wanted = [*track, *terminal, *limits, *soft, *terminal_limits, *references]
    states = [n for n in dict.fromkeys(wanted) if n in model.x_names and n not in model.y_names]
    model = states_as_outputs(model, states) if states else model
    check_known(model, {"track": track, "references": references, "limits": limits}, True)
    check_known(model, {"terminal": terminal, "soft": soft,
                         "terminal_limits": terminal_limits}, False)  # fmt: skip
    placed = control_variables(model, limits, soft, rates, n_pred)
    model = with_input_spans(model, limits)
    end = terminal_of(model, terminal_limits, None) if terminal_limits else None
    cost = stage_cost_of(model, stage_cost, final_cost, tuple(parameters), sample_time_s)
    grid = Transcription(
        ScaledModel.of(model),
        horizon_of(sample_time_s, n_pred, blocks, model.u_names),
        LimitShape.of(placed.variables, end, placed.ahead),
        Formulation(
            scheme=scheme,
            substeps=substeps,
            sharing=Sharing.STAGES,
            hard_sharing=Sharing.STAGES,
            ranking=Ranking.AS_GIVEN,
            stage_cost=cost,
            curvature=None if cost is not None else Curvature.GAUSS_NEWTON,
        ),
    )
    y = nominal_outputs(model)
    places = {n: v for n, v in references.items() if n in model.y_names}
    y_reference = np.array([places.get(n, v) for n, v in zip(model.y_names, y, strict=True)])
    u_reference = np.array(
        [references.get(n, v) for n, v in zip(model.u_names, model.u_nominal, strict=True)]
    )
    exact = grid.affine and cost is None
    problem = Problem(
        transcription=grid,
        variables=placed.variables,
        ahead=placed.ahead,
        weights=weights_of(model, grid, Wanted(track, terminal, moves, soft, hard_price), cost),
        x=model.x_nominal,
        u_held=model.u_nominal,
        d=model.d_nominal,
        bias=np.zeros(model.n_y),
        y_reference=np.tile(y_reference, (n_pred, 1)),
        u_reference=u_reference,
        cycle_s=sample_time_s,
        iterations=1 if exact else iterations,
        cold_iterations=1 if exact else cold_iterations,
        terminal=end,
        prices=None if cost is None else np.zeros(cost.n_p),
        tolerance=tolerance,
        time_limit_s=time_limit_s,
        second_solver=SecondSolver.BESIDE,
        second_limit_s=second_limit_s
        if time_limit_s is None
        else min(second_limit_s, time_limit_s),
    )
    return OptimalControl(
        model, problem, tuple(parameters), tuple(n for n in track if n in model.u_names)
    )


def _vector(what: str, given: ArrayLike, size: int) -> FloatArray:
    try:
        array = np.asarray(given, dtype=np.float64).ravel()
    except (TypeError, ValueError) as error:
        raise InputError(f"{what} is {given!r}; give {size} numbers") from error
    if array.size != size:
        raise InputError(f"{what} has {array.size} values; the model needs {size}")
    return array
