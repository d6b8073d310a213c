"""A crude evaluation as plain values: every curve with its points, ready to be plotted."""

from operator_agent.planning.analysis.crude_evaluation import ALONE, CrudeCurve, CrudeEvaluation
from operator_agent.planning.analysis.words import plain
from operator_agent.signing import Json


def crude_payload(evaluation: CrudeEvaluation) -> Json:
    """Return an evaluation for JSON: flows [m3/s], prices [usd/m3], profits [usd/h]."""
    return {
        "case": evaluation.case,
        "curves": [_curve(evaluation, curve) for curve in evaluation.curves.values()],
    }


def _curve(evaluation: CrudeEvaluation, curve: CrudeCurve) -> Json:
    forced = [plan for plan in curve.plans if plan.flow > 0.0]
    return {
        "candidate": curve.candidate,
        "partner": curve.partner,
        "partner_flow": curve.partner_flow,
        "price_usd_m3": curve.price,
        "first_barrel_usd_m3": plain(curve.first_barrel),
        "points": [
            {
                "flow": plan.flow,
                "profit_usd_h": plain(plan.profit),
                "change_usd_h": plain(curve.gain(plan.flow)),
                "breakeven_usd_m3": plain(curve.breakeven(plan.flow)) if plan.flow else None,
                "worth_of_next_usd_m3": plain(plan.worth_of_next),
                "no_plan_because": plan.reason,
            }
            for plan in curve.plans
        ],
        "increments": [
            {"from": low, "to": high, "worth_usd_m3": plain(worth)}
            for low, high, worth in curve.increments()
        ],
        "synergy_usd_m3": []
        if curve.partner == ALONE
        else [
            plain(evaluation.synergy(curve.candidate, curve.partner, plan.flow)) for plan in forced
        ],
    }
