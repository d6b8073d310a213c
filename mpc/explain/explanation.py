"""One cycle explained: values in SI, and as plain values for a record of the run."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import OperatorAgentError
from operator_agent.mpc.cycle_values import ControllerState, CycleResult
from operator_agent.mpc.explain.last_program import last_program
from operator_agent.mpc.explain.moves import (
    LimitEffect,
    MoveParts,
    Sensitivity,
    explained,
    limit_effects,
)
from operator_agent.mpc.explain.paths import ScenarioPath, scenario_paths
from operator_agent.mpc.explain.tables import GainTable, Residual, gain_table, residuals
from operator_agent.mpc.explain.target_limits import TargetEffect, target_effects
from operator_agent.mpc.target.conflicts import GivenUp
from operator_agent.mpc.target.target import TargetOptimizer
from operator_agent.signing import Json

DIGITS = 9  # significant, in a record: more than any instrument, less than half the size
SHOWN_DIGITS = 6  # of what nothing is added up from
SMALL_PART = 1e-7  # of the largest part: smaller parts of a move are added to the remainder


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a cycle did what it did.

    Attributes:
        accepted: whether there was a move.
        reason: why there was none; empty when there was.
        states: state and reason of every variable, by name.
        moves: parts of the first moves; None without a move.
        plan_limits: limits that hold the plan, with price and effect on the first moves.
        target_limits: limits that hold the steady-state target, with price and effect.
        gains: of the steady state; None where it has none.
        residuals: one for each CV.
        mvs: read-back, move and steady-state target of each MV, shape (n_u, 3) [SI]; NaN where
            there is none.
        cvs: measured, predicted at the horizon's end and steady-state target, shape (n_y, 3) [SI].
        ahead_s: ends of the stages, shape (N,) [s]; empty without a plan.
        predicted: CVs at these times, shape (N, n_y) [SI].
        missed: by how much each CV would lie above its reference over the horizon, on average, if
            all set points stayed, shape (n_y,) [SI]; NaN where that is not known.
        given_up: limits that the steady-state target cannot keep, and against which others.
        notes: what of advice, set points, request and scan was not followed.
        unexplained: why a part of this is missing; empty when all is there.
        paths: of a robust plan, with the limits that hold each; the parts of the moves are those
            of the first. Empty where nothing is uncertain.
    """

    accepted: bool
    reason: str
    states: dict[str, Json]
    moves: MoveParts | None
    plan_limits: tuple[LimitEffect, ...]
    target_limits: tuple[TargetEffect, ...]
    gains: GainTable | None
    residuals: tuple[Residual, ...]
    mvs: FloatArray
    cvs: FloatArray
    ahead_s: FloatArray
    predicted: FloatArray
    missed: FloatArray
    given_up: tuple[GivenUp, ...] = ()
    notes: tuple[str, ...] = ()
    unexplained: str = ""
    paths: tuple[ScenarioPath, ...] = ()

    def payload(self, mv_names: Sequence[str], cv_names: Sequence[str]) -> dict[str, Json]:
        """Return plain values for JSON, all SI; None where there is no number.

        Args:
            mv_names, cv_names: in the order of the model.
        """
        return {
            "accepted": self.accepted,
            "reason": self.reason,
            "unexplained": self.unexplained,
            "states": self.states,
            "mvs": {
                name: dict(zip(("now", "move", "target"), _rounded(row), strict=True))
                for name, row in zip(mv_names, self.mvs, strict=True)
            },
            "cvs": {
                name: dict(zip(("measured", "end", "target", "missed"), _rounded(row), strict=True))
                for name, row in zip(
                    cv_names, np.column_stack([self.cvs, self.missed]), strict=True
                )
            },
            "given_up": [
                {"limit": one.limit, "by": _number(one.by), "because": list(one.because)}
                for one in self.given_up
            ],
            "notes": list(self.notes),
            "moves": None if self.moves is None else _parts(self.moves, mv_names),
            "plan_limits": [
                {
                    "limit": effect.name,
                    "price": _number(effect.price),
                    "first_move": _by_name(mv_names, effect.first_move),
                }
                for effect in self.plan_limits
            ],
            "target_limits": [
                {
                    "limit": effect.name,
                    "price_usd_s": _number(effect.price),
                    "profit_usd_s": _number(effect.profit),
                    "mvs": _by_name(mv_names, effect.mvs),
                    "cvs": _by_name(cv_names, effect.cvs),
                }
                for effect in self.target_limits
            ],
            "gains": None
            if self.gains is None
            else {
                name: {
                    "gain": _rounded(self.gains.gain[i], SHOWN_DIGITS),
                    "share": _rounded(self.gains.share[i], SHOWN_DIGITS),
                }
                for i, name in enumerate(cv_names)
            },
            "residuals": {
                r.name: {
                    "model_error": _number(r.model_error),
                    "bias": _number(r.bias),
                    "innovation": _number(r.innovation),
                }
                for r in self.residuals
            },
            "paths": [
                {
                    "values": {n: _rounded(np.array(v)) for n, v in path.values.items()},
                    "probability": _number(path.probability, SHOWN_DIGITS),
                    "limits": {n: _number(price, SHOWN_DIGITS) for n, price in path.limits},
                }
                for path in self.paths
            ],
            "ahead_s": _rounded(self.ahead_s),
            "predicted": _columns(cv_names, self.predicted),
        }


def explain(result: CycleResult, after: ControllerState, targets: TargetOptimizer) -> Explanation:
    """Return the explanation of a cycle; what cannot be explained is named, and never raises.

    Args:
        result: of the cycle.
        after: the state that it left.
        targets: of the controller.
    """
    model, problem = targets.model, result.problem
    blank = Explanation(
        accepted=result.outcome.accepted,
        reason=result.outcome.reason,
        states=result.service.payload(),
        moves=None,
        plan_limits=(),
        target_limits=(),
        gains=None,
        residuals=residuals(result, model.y_names),
        mvs=np.full((len(model.u_names), 3), np.nan),
        cvs=np.column_stack([result.y_measured, result.y_estimate * np.nan, result.y_target]),
        ahead_s=np.zeros(0),
        predicted=np.zeros((0, len(model.y_names))),
        missed=np.full(len(model.y_names), np.nan),
        given_up=() if result.target is None else result.target.given_up,
        notes=result.cuts,
    )
    if problem is None or result.y_predicted is None or not result.outcome.accepted:
        return blank
    move = result.outcome.move
    found = replace(
        blank,
        mvs=np.column_stack([problem.u_held, move, result.u_target]),
        cvs=np.column_stack([result.y_measured, result.y_predicted[-1], result.y_target]),
        ahead_s=problem.transcription.horizon.borders_s[1:].copy(),
        predicted=result.y_predicted,
    )
    try:
        if after.warm is not None:
            found = replace(found, paths=scenario_paths(problem, after.warm))
            sensitivity = Sensitivity(last_program(problem, after.warm))
            program = sensitivity.program
            found = replace(
                found,
                missed=(program.resting - program.scaled.y_reference).mean(axis=0) * model.y_scale,
                moves=explained(sensitivity, move),
                plan_limits=limit_effects(sensitivity),
            )
        if after.target_state is not None and result.target_inputs is not None:
            found = replace(
                found,
                gains=gain_table(targets.model, after.target_state, result),
                target_limits=target_effects(targets, after.target_state, result.target_inputs),
            )
    except (OperatorAgentError, np.linalg.LinAlgError) as error:
        return replace(found, unexplained=str(error))
    return found


def _number(value: float, digits: int = DIGITS) -> Json:
    if not np.isfinite(value):
        return None
    return float(f"{value:.{digits}g}") if value else 0


def _rounded(values: FloatArray, digits: int = DIGITS) -> list[Json]:
    return [_number(float(v), digits) for v in values]


def _by_name(names: Sequence[str], values: FloatArray) -> dict[str, Json]:
    return {n: _number(float(v), SHOWN_DIGITS) for n, v in zip(names, values, strict=True) if v}


def _columns(names: Sequence[str], values: FloatArray) -> dict[str, Json]:
    return {name: _rounded(values[:, i], SHOWN_DIGITS) for i, name in enumerate(names)}


def _parts(moves: MoveParts, mv_names: Sequence[str]) -> dict[str, Json]:
    """Return the causes, and by MV its move and the part of each cause.

    The last part is the remainder; parts that do not matter are added to it.
    """
    size = np.max(np.abs(moves.parts), axis=0)
    small = np.abs(moves.parts) <= SMALL_PART * size
    small[-1] = False
    parts = np.where(small, 0.0, moves.parts)
    parts[-1] += np.sum(np.where(small, moves.parts, 0.0), axis=0)
    found: dict[str, Json] = {}
    for j, name in enumerate(mv_names):
        row: dict[str, Json] = {
            "move": _number(float(moves.moves[j])),
            "parts": _rounded(parts[:, j]),
        }
        if bool(np.any(moves.pressing[:, j])):
            row["presses"] = _rounded(moves.pressing[:, j], SHOWN_DIGITS)
        found[name] = row
    return {"causes": [[c.kind.name, c.name] for c in moves.causes], "mvs": found}
