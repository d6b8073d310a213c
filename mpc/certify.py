"""From an accepted outcome to a signed move: the only way to the write gate."""

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError, LimitsConflictError
from operator_agent.messages import Move
from operator_agent.mpc.problem import Outcome
from operator_agent.mpc.variables import BoolArray
from operator_agent.site import Site

RATE_TOLERANCE = 1e-9  # relative: rounding of one subtraction


def certify(
    outcome: Outcome,
    *,
    site: Site,
    sequence: int,
    session: str,
    read_id: int,
    mono_s: float,
    key: bytes,
    held: FloatArray | None = None,
    moved: BoolArray | None = None,
) -> Move:
    """Return the signed move of an accepted outcome, with tag names.

    Args:
        outcome: of the solve.
        site: whose MVs are in the order of the model.
        sequence: of this move.
        session: of this run of the controller.
        read_id: of the scan on which it rests.
        mono_s: monotonic time [s].
        key: shared with the gate.
        held: set points that hold now, shape (n_u,) [SI]; given, the rate limits are checked too.
        moved: which MVs are in service, shape (n_u,); the others are not written. None for all.

    Raises:
        SolveFailedError: the outcome was not accepted.
        InputError: the number of MVs is not that of the site.
        LimitsConflictError: a value breaks the site's operator limits or rate, or no MV is moved.
    """
    move = outcome.move
    if move.shape != (len(site.mvs),):
        raise InputError(f"a move of {move.size} values does not fit {len(site.mvs)} MV tags")
    chosen = range(move.size) if moved is None else np.flatnonzero(moved).tolist()
    for i in chosen:
        tag, value = site.mvs[i], float(move[i])
        if not tag.operator.inside(value):
            raise LimitsConflictError(
                f"{tag.name} would go to {tag.text(value)}, outside {tag.range_text(tag.operator)}"
            )
        if held is None:
            continue
        largest = tag.rate * site.sample_times.control_s
        if not abs(value - float(held[i])) <= largest * (1.0 + RATE_TOLERANCE):
            raise LimitsConflictError(
                f"{tag.name} would go from {tag.text(float(held[i]))} to {tag.text(value)} in one "
                f"cycle; its rate allows {largest:.6g} [SI]"
            )
    values = tuple((site.mvs[i].name, float(move[i])) for i in chosen)
    if not values:
        raise LimitsConflictError("no MV is in service; there is nothing to write")
    residual = outcome.diagnostics.residual
    return Move(
        sequence=sequence,
        session=session,
        created_mono_s=mono_s,
        read_id=read_id,
        values=values,
        solver_status=outcome.status.name,
        residual=float(residual) if np.isfinite(residual) else np.inf,
        limits_sha256=site.limits_sha256,
        config_sha256=site.config_sha256,
    ).signed(key)


def hold_move(
    *,
    reason: str,
    site: Site,
    sequence: int,
    session: str,
    read_id: int,
    mono_s: float,
    key: bytes,
) -> Move:
    """Return a signed hold: no values, the reason in place of the solver's status."""
    return Move(
        sequence=sequence,
        session=session,
        created_mono_s=mono_s,
        read_id=read_id,
        values=(),
        solver_status=f"HOLD: {reason}",
        residual=0.0,
        limits_sha256=site.limits_sha256,
        config_sha256=site.config_sha256,
        hold=True,
    ).signed(key)
