"""do-mpc on a published problem, with the settings of its own examples.

What has to be known to compare with it: `set_rterm` weighs moves divided by the input's scaling;
the slack of a soft limit is asked for at the beginning of each stage and not at the end of the
horizon; states are limited at all collocation points except those of the last stage; the first
move is counted from zero; a failed solve returns inputs like any other. Statistics are read from
its solver, because its own records are empty when the solver's clock is not printed.
"""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import casadi as ca
import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.mpc.peers.engine import EngineMove, EngineRun, Reading
from operator_agent.mpc.published.case import Case
from operator_agent.mpc.published.control_problem import ControlProblem

TIGHT = 1e-12  # of IPOPT: far below what closed-loop costs are compared to


def do_mpc_module() -> Any:
    """Return the library.

    Raises:
        InputError: it is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns of extras of its own that are not here
            import do_mpc
    except ImportError as error:
        raise InputError(
            "do-mpc is not installed; it comes with the extra 'robust' "
            "(pip install 'operator-agent[robust]'); the other engines run without it"
        ) from error
    return do_mpc


@dataclass(frozen=True, slots=True)
class DoMpcEngine:
    """do-mpc as shipped, or with another tolerance.

    Attributes:
        name: see `Engine`.
        story: see `Engine`.
        tolerance: of IPOPT; None leaves what is shipped.
    """

    name: str
    story: str
    tolerance: float | None

    def refusal(self, case: Case) -> str:
        """Return nothing: it runs every published problem."""
        return ""

    def start(self, case: Case) -> EngineRun:
        """Return a run; see `Engine`."""
        return _DoMpcRun(case, self.tolerance)


class _DoMpcRun:
    """One controller of do-mpc."""

    def __init__(self, case: Case, tolerance: float | None) -> None:
        self._case, self._cycle = case, 0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._mpc = self._built(do_mpc_module(), tolerance)
            self._mpc.x0 = case.problem.x_start
            self._mpc.u0 = case.problem.u_start
            self._mpc.set_initial_guess()
        self._first = True

    def _built(self, do_mpc: Any, tolerance: float | None) -> Any:
        case, problem = self._case, self._case.problem
        model, cost = _model(do_mpc, case)
        mpc = do_mpc.controller.MPC(model)
        mpc.settings.n_horizon = problem.n_pred
        mpc.settings.n_robust = int(case.robust)
        mpc.settings.t_step = problem.sample_time_s
        mpc.settings.state_discretization = "collocation"
        mpc.settings.collocation_type = "radau"
        mpc.settings.collocation_deg = 2
        mpc.settings.collocation_ni = problem.elements
        mpc.settings.store_full_solution = True
        mpc.settings.supress_ipopt_output()
        mpc.settings.nlpsol_opts["record_time"] = True
        if tolerance is not None:
            exact = {"ipopt.tol": tolerance, "ipopt.bound_relax_factor": 0.0}
            mpc.settings.nlpsol_opts.update(exact)
        mpc.set_objective(mterm=cost, lterm=cost)
        mpc.set_rterm(**dict(zip(problem.model.u_names, problem.move_weight.tolist(), strict=True)))
        _limit(mpc, model, problem)
        self._set_parameters(mpc)
        mpc.setup()
        return mpc

    def _set_parameters(self, mpc: Any) -> None:
        case = self._case
        template, columns = mpc.get_tvp_template(), _changing(case)

        def known(time_s: float) -> Any:
            for name, column in columns.items():
                template["_tvp", :, name] = float(column[self._cycle])
            return template

        if columns:
            mpc.set_tvp_fun(known)
        uncertain = case.problem.uncertain
        mpc.set_uncertainty_values(
            **{name: np.array(v if case.robust else v[:1]) for name, v in uncertain}
        )

    def move(self, reading: Reading) -> EngineMove:
        """Return what make_step returns; see `EngineRun`."""
        self._cycle = reading.cycle
        u = self._mpc.make_step(reading.x).ravel()
        stats = self._mpc.solver_stats
        success = bool(stats["success"])
        reason = "" if success else str(stats["return_status"])
        return EngineMove(u, success, int(stats["iter_count"]), reason)


def _changing(case: Case) -> dict[str, FloatArray]:
    """Return the known quantities that change during a case, by name: all others are constants."""
    names = (*case.problem.model.d_names, *case.problem.p_names)
    columns = np.hstack([case.d_known, case.p]).T
    return {n: c for n, c in zip(names, columns, strict=True) if np.ptp(c) > 0.0}


def _model(do_mpc: Any, case: Case) -> tuple[Any, ca.SX]:
    """Return the library's model and the cost of a stage."""
    problem, ours = case.problem, case.problem.model
    model = do_mpc.model.Model("continuous", "SX")
    x, u = (
        ca.vertcat(*[model.set_variable(kind, name) for name in names])
        for kind, names in (("_x", ours.x_names), ("_u", ours.u_names))
    )
    uncertain, changing = dict(problem.uncertain), _changing(case)
    kinds = {**dict.fromkeys(changing, "_tvp"), **dict.fromkeys(uncertain, "_p")}
    d = _column(
        model.set_variable(kinds[name], name) if name in kinds else ca.SX(value)
        for name, value in zip(ours.d_names, case.d_known[0].tolist(), strict=True)
    )
    for name in problem.p_names:
        if name in changing:
            model.set_variable("_tvp", name)
    for name, rate in zip(ours.x_names, ca.vertsplit(ours.rhs(x, u, d)), strict=True):
        model.set_rhs(name, rate)
    model.setup()
    p = _column(
        model.tvp[name] if name in changing else ca.SX(value)
        for name, value in zip(problem.p_names, case.p[0].tolist(), strict=True)
    )
    return model, problem.stage_cost(_column(model.x[name] for name in ours.x_names), p)


def _column(entries: Iterable[ca.SX]) -> ca.SX:
    column = list(entries)
    return ca.vertcat(*column) if column else ca.SX(0, 1)


def _limit(mpc: Any, model: Any, problem: ControlProblem) -> None:
    ours = problem.model
    for kind, names, low, high, scale in (
        ("_x", ours.x_names, problem.x_low, problem.x_high, problem.x_divisor),
        ("_u", ours.u_names, problem.u_low, problem.u_high, problem.move_scale),
    ):
        for i, name in enumerate(names):
            mpc.scaling[kind, name] = float(scale[i])
            if np.isfinite(low[i]):
                mpc.bounds["lower", kind, name] = float(low[i])
            if np.isfinite(high[i]):
                mpc.bounds["upper", kind, name] = float(high[i])
    for soft in problem.soft:
        mpc.set_nl_cons(
            f"soft_{soft.state}",
            soft.sign * model.x[soft.state],
            ub=soft.sign * soft.limit,
            soft_constraint=True,
            penalty_term_cons=soft.penalty,
        )
