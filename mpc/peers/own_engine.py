"""This project's `solve` on a published problem, as one engine among others.

The published cost in the words of `Problem`: squares become tracking weights, anything else a
stage cost; moves are weighed in scales; soft limits have their published linear price, and hard
ones a price that no gain of the cost can pay. Each stage pays for itself where a limit is soft; of
hard ones too where a cost in money pulls at them, else one slack serves each limit. Such a cost
rides on its limits: there they stand inside the published ones by what the discretisation misses.
"""

from dataclasses import dataclass

import casadi as ca
import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.engine.compiled_functions import Compilation
from operator_agent.mpc.engine.condense import Horizon
from operator_agent.mpc.engine.formulation import QUICK, Accuracy, Formulation, Ranking, Sharing
from operator_agent.mpc.engine.linearise import ScaledModel
from operator_agent.mpc.engine.schemes import Scheme
from operator_agent.mpc.engine.stage_cost import StageCost
from operator_agent.mpc.engine.stage_weights import StageWeights
from operator_agent.mpc.engine.transcription import LimitShape, Transcription
from operator_agent.mpc.peers.engine import EngineMove, Reading
from operator_agent.mpc.peers.own_robust import ROBUST, published_tree
from operator_agent.mpc.problem import Problem, Warm
from operator_agent.mpc.published.case import Case
from operator_agent.mpc.published.control_problem import ControlProblem
from operator_agent.mpc.solve import solve
from operator_agent.mpc.variables import ControlVariables

HARD_PRICE = 1e5  # of one scale outside a hard limit: above what the published costs can gain
CURVATURE = 1e-4  # of the price of a slack, relative: makes the QP strictly convex, moves nothing
COLD_ITERATIONS = 50
# Scales by which one and two elements miss the plant's state after a published stage, at most.
MARGINS = {1: 1e-3, 2: 1e-4}
# Of closed loops of all upsets of the reactor, the loosest within 1e-4 of the converged cost. A
# cost in money is the same to 1e-6 with one iteration or with many.
TRACKING = Accuracy(step=0.005, mismatch=1e-4, later=10.0)


@dataclass(frozen=True, slots=True)
class OwnEngine:
    """Real-time iterations, or iterations to convergence, by `mpc.solve.solve`.

    Attributes:
        name: see `Engine`.
        story: see `Engine`.
        iterations: of a warm cycle, at most.
        tolerance: of the iterations; None for real-time iterations, more of them where the last
            one was large or ended elsewhere than promised.
    """

    name: str
    story: str
    iterations: int
    tolerance: float | None = None

    def refusal(self, case: Case) -> str:
        """Return nothing: it runs every published problem."""
        return ""

    def start(self, case: Case) -> "OwnRun":
        """Return a run; see `Engine`."""
        return OwnRun(case.problem, self.iterations, self.tolerance, case.robust)


class OwnRun:
    """One solver with its last plan."""

    def __init__(
        self,
        published: ControlProblem,
        iterations: int,
        tolerance: float | None,
        robust: bool = False,
    ) -> None:
        self._published = published
        self._iterations, self._tolerance = iterations, tolerance
        self._variables = control_variables(published)
        self._weights = _weights(published)
        stages = (published.sample_time_s,) * published.n_pred
        self._grid = Transcription(
            ScaledModel.of(published.model, Compilation.ALWAYS),
            Horizon(stages, tuple(range(published.n_pred))),
            LimitShape.of(self._variables),
            Formulation(
                scheme=Scheme.RADAU_2 if published.elements == 1 else Scheme.RADAU_3,
                sharing=Sharing.STAGES,
                hard_sharing=Sharing.HORIZON if published.tracked else Sharing.STAGES,
                ranking=Ranking.AS_GIVEN,
                free_stages=1,  # the publications do not limit the end of the horizon
                stage_cost=None if published.tracked else _stage_cost(published),
            ),
        )
        self._tree = published_tree(published, self._grid, self._variables) if robust else None
        self._warm: Warm | None = None

    def move(self, reading: Reading) -> EngineMove:
        """Return the accepted move; without one the inputs are held; see `EngineRun`."""
        outcome = solve(self.problem(reading), self._warm)
        self._warm = outcome.warm
        iterations = outcome.diagnostics.iterations
        if not outcome.accepted:
            return EngineMove(reading.u_held, False, iterations, outcome.reason)
        return EngineMove(outcome.move, True, iterations)

    def problem(self, reading: Reading) -> Problem:
        """Return what is solved for a reading."""
        published, model = self._published, self._published.model
        target = np.zeros(model.n_y)
        for term in published.tracked:
            place = published.p_names.index(term.parameter)
            target[model.y_names.index(term.state)] = reading.p[place]
        return Problem(
            transcription=self._grid,
            variables=self._variables,
            weights=self._weights,
            x=reading.x,
            u_held=reading.u_held,
            d=reading.d,
            bias=np.zeros(model.n_y),
            y_reference=np.tile(target, (published.n_pred, 1)),
            u_reference=model.u_nominal,
            cycle_s=published.sample_time_s,
            iterations=self._iterations,
            cold_iterations=COLD_ITERATIONS,
            prices=None if published.tracked else reading.p,
            tolerance=self._tolerance,
            accuracy=self._accuracy(),
            scenarios=self._tree,
        )

    def _accuracy(self) -> Accuracy:
        if self._tree is not None:
            return ROBUST
        return TRACKING if self._published.tracked else QUICK


def control_variables(published: ControlProblem) -> ControlVariables:
    """Return the limits of a published problem as a controller has them."""
    model = published.model
    margin = 0.0 if published.tracked else MARGINS[published.elements]
    x_low = published.x_low + margin * model.x_scale
    x_high = published.x_high - margin * model.x_scale
    soft_low, soft_high = x_low.copy(), x_high.copy()
    for soft in published.soft:
        place = model.y_names.index(soft.state)
        side = soft_high if soft.sign > 0.0 else soft_low
        side[place] = soft.limit
    return ControlVariables(
        mv_names=model.u_names,
        cv_names=model.y_names,
        dv_names=model.d_names,
        mv_low=published.u_low,
        mv_high=published.u_high,
        mv_rate=np.full(model.n_u, np.inf),
        cv_hard_low=x_low,
        cv_hard_high=x_high,
        cv_soft_low=soft_low,
        cv_soft_high=soft_high,
        cv_noise=np.zeros(model.n_y),
        mv_critical=np.ones(model.n_u, dtype=np.bool_),
        cv_critical=np.ones(model.n_y, dtype=np.bool_),
    )


def _weights(published: ControlProblem) -> StageWeights:
    model = published.model
    tracking, soft = np.zeros(model.n_y), np.ones(model.n_y)
    for term in published.tracked:
        place = model.y_names.index(term.state)
        tracking[place] = term.weight * model.y_scale[place] ** 2
    for limit in published.soft:
        place = model.y_names.index(limit.state)
        soft[place] = limit.penalty * model.y_scale[place]
    hard: FloatArray = np.full(model.n_y, HARD_PRICE)
    return StageWeights(
        tracking=tracking,
        move=published.move_weight * (model.u_scale / published.move_scale) ** 2,
        resting=np.zeros(model.n_u),
        soft_penalty=1.0,
        hard_penalty=HARD_PRICE,
        levenberg=0.0,
        soft_linear=soft,
        soft_quadratic=CURVATURE * soft,
        hard_linear=hard,
        hard_quadratic=CURVATURE * hard,
    )


def _stage_cost(published: ControlProblem) -> StageCost:
    """Return the published cost per second; the publication counts it per sample."""
    model, n_p = published.model, len(published.p_names)
    x, u = ca.SX.sym("x", model.n_x), ca.SX.sym("u", model.n_u)
    d, p = ca.SX.sym("d", model.n_d), ca.SX.sym("p", n_p)
    rate = published.stage_cost(x, p) / published.sample_time_s
    return StageCost(ca.Function("rate", [x, u, d, p], [rate]), None, n_p)
