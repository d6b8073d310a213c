"""do-mpc as a robust controller of any model: the same move as ours, and none when it fails."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from operator_agent.errors import InputError, SolveFailedError
from operator_agent.mpc.engine.condense import Horizon
from operator_agent.mpc.engine.formulation import Formulation, Ranking, Sharing
from operator_agent.mpc.engine.limit_rows import LimitsAhead, LimitShape
from operator_agent.mpc.engine.linearise import ScaledModel
from operator_agent.mpc.engine.schemes import Scheme
from operator_agent.mpc.engine.stage_weights import StageWeights
from operator_agent.mpc.peers.do_mpc_robust import DoMpcRobust
from operator_agent.mpc.peers.own_engine import control_variables
from operator_agent.mpc.problem import Problem, SolverStatus
from operator_agent.mpc.published.reactor import reactor_problem
from operator_agent.mpc.robust.tree import ScenarioTree
from operator_agent.mpc.robust.uncertainty import SlackPrice, Uncertain, Uncertainty
from operator_agent.mpc.solve import checked, solve

pytest.importorskip("do_mpc", reason="do-mpc is not installed")

PUBLISHED = reactor_problem()
SPREAD = (Uncertain("alpha", (1.0, 0.97)), Uncertain("beta", (1.0, 1.05)))
N_PRED = 6


AHEAD = LimitsAhead(*[np.full((N_PRED, 2), side) for side in (-9.0, 9.0)],
                    *[np.full((N_PRED, 4), side) for side in (-9.0, 9.0)] * 2)  # fmt: skip


def posed(
    n_robust: int = 1, parameters: tuple[Uncertain, ...] = SPREAD, rate: float = np.inf
) -> Problem:
    """Return a step of product B's set point, far from the temperature limits."""
    model, v = PUBLISHED.model, control_variables(PUBLISHED)
    horizon = Horizon((18.0,) * N_PRED, tuple(range(N_PRED)))
    formulation = Formulation(
        Scheme.RADAU_2, sharing=Sharing.STAGES, ranking=Ranking.AS_GIVEN, free_stages=1
    )
    unc = Uncertainty(parameters, n_robust, SlackPrice.FULL)
    tree = ScenarioTree.of(ScaledModel.of(model), horizon, LimitShape.of(v), formulation, unc)
    return Problem(
        transcription=tree.grids[0],
        variables=replace(v, mv_rate=np.full(2, rate)),
        weights=StageWeights(
            np.array([0.0, 1.0, 0.0, 0.0]), np.array([0.05, 0.01]), np.full(2, 1e-3), 10.0, 1e3, 0.0
        ),
        x=np.array([1.2344, 0.8998, 134.15, 128.96]),
        u_held=model.u_nominal,
        d=model.d_nominal,
        bias=np.array([0.0, 0.01, 0.0, 0.0]),
        y_reference=np.tile([1.2, 0.95, 134.0, 130.0], (N_PRED, 1)),
        u_reference=model.u_nominal,
        cycle_s=18.0,
        iterations=40,
        cold_iterations=80,
        tolerance=1e-7,
        scenarios=tree,
    )


@pytest.mark.slow
@pytest.mark.parametrize("n_robust", [1, 2])
def test_do_mpc_and_our_tree_move_alike(n_robust: int):
    problem = posed(n_robust)
    found = DoMpcRobust(problem, 1e-12).solve(problem)
    own = solve(problem, None)
    scale = PUBLISHED.model.u_scale
    assert found.accepted and own.accepted
    assert found.move / scale == pytest.approx(own.move / scale, abs=1e-4)
    assert np.abs((own.move - problem.u_held) / scale).max() > 1e-2


@pytest.mark.slow
def test_a_solve_that_ipopt_does_not_finish_gives_no_move():
    problem = posed()
    engine = DoMpcRobust(problem)
    broken = replace(problem, x=np.array([np.nan, 0.9, 134.0, 129.0]))
    assert engine.solve(broken).status is SolverStatus.NOT_FINITE
    absurd = replace(problem, x=np.array([1e9, -1e9, -273.15, 1e12]))
    outcome = engine.solve(absurd)
    assert not outcome.accepted and outcome.reason
    with pytest.raises(SolveFailedError, match="no move"):
        _ = outcome.move
    assert engine.solve(problem).accepted  # and it starts anew afterwards


def test_another_solvers_plan_counts_only_when_it_passes_the_checks():
    problem = posed()
    held = np.tile(problem.u_held, (N_PRED, 1))
    assert checked(problem, [held] * 4).move == pytest.approx(problem.u_held)
    outside, apart, blown = held.copy(), held.copy(), held.copy()
    outside[0, 0] = 101.0
    apart[0, 0] += 1.0
    blown[3, 1] = np.nan
    assert checked(problem, [outside] * 4).status is SolverStatus.LIMITS_CONFLICT
    differing = checked(problem, [held, apart, held, held])
    assert not differing.accepted and "first moves differ" in differing.reason
    assert checked(problem, [held, held, held, blown]).status is SolverStatus.NOT_FINITE


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: DoMpcRobust(replace(posed(), scenarios=None)), "no scenarios"),
        (lambda: DoMpcRobust(posed(rate=0.1)), "rate limits"),
        (lambda: DoMpcRobust(posed(parameters=(Uncertain("beta", (1.0, 1.1), (0.9, 0.1)),))),
         "different probability"),
        (lambda: DoMpcRobust(replace(posed(), ahead=AHEAD)), "limits that change"),
    ],
)  # fmt: skip
def test_what_do_mpc_cannot_express_is_refused(make: Callable[[], object], sentence: str):
    with pytest.raises(InputError, match=sentence):
        make()
