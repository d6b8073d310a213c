"""do-mpc as another solver for robust problems of any process model; it never gives a bad move.

The same `Problem` goes in and the same `Outcome` comes out as with `mpc.solve.solve`. A solve that
IPOPT did not finish gives no move, and one that it did finish has to pass the same checks as a
solve of our own. What the library cannot do is refused when it is built. Known differences: CV
limits have a linear price only and stand at the beginning of each stage, not at the end of the
horizon; a change of limits or weights needs a new one, because its settings are frozen.
"""

import warnings
from dataclasses import fields
from typing import Any

import casadi as ca
import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.mpc.engine.stage_weights import StageWeights
from operator_agent.mpc.peers.do_mpc_engine import do_mpc_module
from operator_agent.mpc.problem import Outcome, Problem, SolverStatus, refused
from operator_agent.mpc.robust.tree import ScenarioTree
from operator_agent.mpc.robust.uncertainty import SlackPrice
from operator_agent.mpc.solve import checked
from operator_agent.mpc.variables import ControlVariables
from operator_agent.plant.process_model import ProcessModel

EQUAL = 1e-12  # of probabilities: rounding


class DoMpcRobust:
    """One controller of do-mpc with its last plan, for problems of one tree."""

    def __init__(self, problem: Problem, tolerance: float | None = None) -> None:
        """Build the library's controller.

        Args:
            problem: with scenarios; its model, horizon, limits and weights hold for good.
            tolerance: of IPOPT; None leaves what is shipped.

        Raises:
            InputError: do-mpc is not installed, or cannot express the problem.
        """
        self._tree, self._model = _expressible(problem)
        self._variables, self._weights = problem.variables, problem.weights
        self._known: list[dict[str, float]] = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns of extras of its own that are not here
            self._mpc = self._built(do_mpc_module(), problem, tolerance)
        self._started = False

    def solve(self, problem: Problem) -> Outcome:
        """Return the next move, or the reason why there is none.

        Raises:
            InputError: the limits or weights are not those of the first problem.
        """
        if not (
            _same(problem.variables, self._variables)
            and _same(problem.weights, self._weights)
            and problem.ahead is None
        ):
            raise InputError("do-mpc's limits and weights are frozen; make another DoMpcRobust")
        culprit = problem.finite()
        if culprit:
            return refused(SolverStatus.NOT_FINITE, f"{culprit} of the problem is NaN or infinite")
        self._known = self._by_stage(problem)
        if not self._started:
            self._mpc.x0, self._mpc.u0 = problem.x, problem.u_held
            self._mpc.set_initial_guess()
        self._mpc.u0 = problem.u_held
        self._mpc.make_step(problem.x)
        stats = self._mpc.solver_stats
        self._started = bool(stats["success"])
        if not self._started:
            reason = f"do-mpc's IPOPT ended as '{stats['return_status']}'"
            return refused(SolverStatus.PEER_FAILED, reason)
        return checked(problem, self._blocks())

    def _blocks(self) -> list[FloatArray]:
        """Return the levels of each path, shape (N, n_u) [SI]."""
        unc, n_pred = self._tree.uncertainty, self._tree.grids[0].horizon.n_pred
        plan, scale = self._mpc.opt_x_num, self._model.u_scale
        found = []
        for leaf in range(unc.n_scenarios):
            nodes = [leaf // unc.n_combinations ** max(unc.n_robust - k, 0) for k in range(n_pred)]
            rows = [np.asarray(plan["_u", k, node]).ravel() for k, node in enumerate(nodes)]
            found.append(np.array(rows) * scale)
        return found

    def _by_stage(self, problem: Problem) -> list[dict[str, float]]:
        """Return what is known of each stage border: disturbances, references and biases."""
        model, n_pred = self._model, self._tree.grids[0].horizon.n_pred
        d = np.broadcast_to(problem.d, (n_pred, model.n_d))
        found = []
        for k in range(n_pred + 1):
            values = dict(zip(model.d_names, d[min(k, n_pred - 1)], strict=True))
            wanted = problem.y_reference[max(k - 1, 0)]
            values |= {f"want_{n}": v for n, v in zip(model.y_names, wanted, strict=True)}
            values |= {f"bias_{n}": v for n, v in zip(model.y_names, problem.bias, strict=True)}
            rest = zip(model.u_names, problem.u_reference, strict=True)
            found.append(values | {f"rest_{n}": v for n, v in rest})
        return found

    def _built(self, do_mpc: Any, problem: Problem, tolerance: float | None) -> Any:
        unc, horizon = self._tree.uncertainty, self._tree.grids[0].horizon
        model, y = _library_model(do_mpc, self._model, unc.parameters)
        mpc = do_mpc.controller.MPC(model)
        mpc.settings.n_horizon, mpc.settings.n_robust = horizon.n_pred, unc.n_robust
        mpc.settings.t_step = horizon.lengths_s[0]
        mpc.settings.collocation_deg = 2
        mpc.settings.store_full_solution = False
        mpc.settings.supress_ipopt_output()
        mpc.settings.nlpsol_opts["record_time"] = True
        if tolerance is not None:
            mpc.settings.nlpsol_opts["ipopt.tol"] = tolerance
        self._set_cost(mpc, model, y)
        self._set_limits(mpc, y)
        template = mpc.get_tvp_template()
        names = set(model.tvp.keys()) - {"default"}

        def known(time_s: float) -> Any:
            for k, values in enumerate(self._known or self._by_stage(problem)):
                for name in names:
                    template["_tvp", k, name] = float(values[name])
            return template

        mpc.set_tvp_fun(known)
        mpc.set_uncertainty_values(**{one.name: np.array(one.values) for one in unc.parameters})
        mpc.setup()
        return mpc

    def _set_cost(self, mpc: Any, model: Any, y: dict[str, ca.SX]) -> None:
        ours, weights = self._model, self._weights
        last = np.zeros(ours.n_y) if weights.terminal is None else weights.terminal
        track, end, rest = ca.SX(0.0), ca.SX(0.0), ca.SX(0.0)
        for i, name in enumerate(ours.y_names):
            gap = ((y[name] - model.tvp[f"want_{name}"]) / float(ours.y_scale[i])) ** 2
            track += float(weights.tracking[i]) * gap
            end += float(weights.tracking[i] + last[i]) * gap
        for i, name in enumerate(ours.u_names):
            away = (model.u[name] - model.tvp[f"rest_{name}"]) / float(ours.u_scale[i])
            rest += float(weights.resting[i]) * away**2
        mpc.set_objective(mterm=end, lterm=track + rest)
        mpc.set_rterm(**dict(zip(ours.u_names, weights.move.tolist(), strict=True)))

    def _set_limits(self, mpc: Any, y: dict[str, ca.SX]) -> None:
        ours, v, weights = self._model, self._variables, self._weights
        for i, name in enumerate(ours.x_names):
            mpc.scaling["_x", name] = float(ours.x_scale[i])
        for i, name in enumerate(ours.u_names):
            mpc.scaling["_u", name] = float(ours.u_scale[i])
            mpc.bounds["lower", "_u", name] = float(v.mv_low[i])
            mpc.bounds["upper", "_u", name] = float(v.mv_high[i])
        full = self._tree.uncertainty.slack_price is SlackPrice.FULL
        share = 1.0 if full else 1.0 / self._tree.uncertainty.n_scenarios
        for rank, by_cv, price in (
            ("soft", weights.soft_linear, weights.soft_penalty),
            ("hard", weights.hard_linear, weights.hard_penalty),
        ):
            for side, sign in (("low", -1.0), ("high", 1.0)):
                for i, limit in enumerate(getattr(v, f"cv_{rank}_{side}")):
                    if np.isfinite(limit):
                        name = ours.y_names[i]
                        cost = price if by_cv is None else float(by_cv[i])
                        mpc.set_nl_cons(
                            f"{rank}_{side}_{name}",
                            sign * (y[name] - float(limit)) / float(ours.y_scale[i]),
                            ub=0.0,
                            soft_constraint=True,
                            penalty_term_cons=share * cost,
                        )


def _library_model(
    do_mpc: Any, ours: ProcessModel, parameters: Any
) -> tuple[Any, dict[str, ca.SX]]:
    """Return the library's model, and its outputs with bias by name."""
    model = do_mpc.model.Model("continuous", "SX")
    x, u = (
        ca.vertcat(*[model.set_variable(kind, name) for name in names])
        for kind, names in (("_x", ours.x_names), ("_u", ours.u_names))
    )
    uncertain = [one.name for one in parameters]
    chosen = {name: model.set_variable("_p", name) for name in uncertain}
    for name in ours.d_names:
        if name not in uncertain:
            chosen[name] = model.set_variable("_tvp", name)
    for name in ours.y_names:
        model.set_variable("_tvp", f"want_{name}")
        model.set_variable("_tvp", f"bias_{name}")
    for name in ours.u_names:
        model.set_variable("_tvp", f"rest_{name}")
    d = ca.vertcat(*[chosen[name] for name in ours.d_names])
    for name, rate in zip(ours.x_names, ca.vertsplit(ours.rhs(x, u, d)), strict=True):
        model.set_rhs(name, rate)
    model.setup()
    states = ca.vertcat(*[model.x[name] for name in ours.x_names])
    inputs = ca.vertcat(*[model.u[name] for name in ours.u_names])
    d = ca.vertcat(*[(model.p if n in uncertain else model.tvp)[n] for n in ours.d_names])
    outputs = ca.vertsplit(ours.outputs(states, inputs, d))
    named = zip(ours.y_names, outputs, strict=True)
    return model, {name: value + model.tvp[f"bias_{name}"] for name, value in named}


def _expressible(problem: Problem) -> tuple[ScenarioTree, ProcessModel]:
    """Return tree and model of a problem that the library can express.

    Raises:
        InputError: with what it cannot.
    """
    tree, model, v = problem.scenarios, problem.transcription.model, problem.variables
    horizon = problem.transcription.horizon
    if tree is None:
        raise InputError("the problem has no scenarios; give it a ScenarioTree")
    if not isinstance(model, ProcessModel):
        raise InputError(f"model {model.name} is discrete; do-mpc gets continuous ones here")
    for wrong, what in (
        (problem.transcription.formulation.stage_cost is not None, "a stage cost"),
        (bool(model.outputs.jac_sparsity(0, 1).nnz()), "outputs that follow the MVs at once"),
        (len(set(horizon.lengths_s)) > 1, "stages of different lengths"),
        (horizon.n_blocks < horizon.n_pred, "blocks of several stages"),
        (bool(np.any(np.isfinite(v.mv_rate))), "rate limits of MVs"),
        (bool(np.ptp(tree.probabilities) > EQUAL), "scenarios of different probability"),
        (problem.terminal is not None, "terminal limits"),
        (problem.ahead is not None, "limits that change along the horizon"),
    ):
        if wrong:
            raise InputError(f"do-mpc cannot express {what}; solve the tree with mpc.solve.solve")
    return tree, model


def _same(one: ControlVariables | StageWeights, other: ControlVariables | StageWeights) -> bool:
    """Return whether two values have equal fields."""
    return all(np.array_equal(getattr(one, f.name), getattr(other, f.name)) for f in fields(one))
