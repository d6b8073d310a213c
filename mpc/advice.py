"""Advice counts only inside its envelope; what lies outside is cut to it, and said."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from operator_agent.messages import Advice, AdviceEnvelope
from operator_agent.mpc.variables import ControlVariables

LARGEST_SHARE = 0.45  # of a two-sided range that back-offs may take from each side


def inside(advice: Advice, envelope: AdviceEnvelope) -> tuple[Advice, list[str]]:
    """Return the advice cut to the envelope, and one text for each thing that was cut.

    Args:
        advice: as given.
        envelope: whose signature the caller has checked.
    """
    cut: list[str] = []
    low, high = envelope.weight_factor
    factors = {
        name: _cut(value, low, high, f"weight factor of {name}", cut)
        for name, value in advice.weight_factors.items()
    }
    n_pred = advice.n_pred
    if n_pred:
        span = (float(envelope.n_pred[0]), float(envelope.n_pred[1]))
        n_pred = int(_cut(float(n_pred), *span, "n_pred", cut))
    bounded = replace(
        advice,
        weight_factors=factors,
        target_biases=_within(
            advice.target_biases, envelope.target_biases, -1.0, "target bias", cut
        ),
        back_offs=_within(advice.back_offs, envelope.back_offs, 0.0, "back-off", cut),
        n_pred=n_pred,
        move_suppression_factor=_cut(
            advice.move_suppression_factor,
            *envelope.move_suppression_factor,
            "move_suppression_factor",
            cut,
        ),
    )
    return bounded, cut


def _cut(value: float, low: float, high: float, what: str, cut: list[str]) -> float:
    kept = min(max(value, low), high)
    if kept != value:
        cut.append(f"{what}: {value:.6g} cut to {kept:.6g}")
    return kept


def _within(
    values: Mapping[str, float],
    largest: Mapping[str, float],
    low_sign: float,
    what: str,
    cut: list[str],
) -> dict[str, float]:
    """Return the values between `low_sign * largest` and `largest`; zero without bound."""
    kept = {}
    for name, value in values.items():
        bound = largest.get(name, 0.0)
        kept[name] = _cut(value, low_sign * bound, bound, f"{what} of {name}", cut)
    return kept


def backed_off(
    variables: ControlVariables, back_offs: Mapping[str, float]
) -> tuple[ControlVariables, list[str]]:
    """Return variables whose soft and hard limits are tighter, and what had to be cut.

    A back-off never takes more than `LARGEST_SHARE` of a range that is limited on both sides.

    Args:
        variables: limits as the operator set them.
        back_offs: by CV name [SI].
    """
    cut: list[str] = []
    limits = {
        name: getattr(variables, name).copy()
        for name in ("cv_soft_low", "cv_soft_high", "cv_hard_low", "cv_hard_high")
    }
    for name, wanted in back_offs.items():
        if name not in variables.cv_names:
            cut.append(f"back-off of {name}: not a CV")
            continue
        i = variables.cv_names.index(name)
        low = max(variables.cv_soft_low[i], variables.cv_hard_low[i])
        high = min(variables.cv_soft_high[i], variables.cv_hard_high[i])
        room = LARGEST_SHARE * float(high - low) if np.isfinite(high - low) else np.inf
        used = _cut(wanted, 0.0, room, f"back-off of {name}", cut)
        for rank in ("cv_soft", "cv_hard"):
            limits[f"{rank}_low"][i] += used
            limits[f"{rank}_high"][i] -= used
    return replace(variables, **limits), cut
