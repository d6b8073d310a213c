"""What a set of weights is worth on the crude unit: the score that the search maximises."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from operator_agent.errors import InputError
from operator_agent.messages import EconomicTargets
from operator_agent.mpc.controller import Controller
from operator_agent.mpc.tuning.closed_loop import MpcDriver, Trajectory, run_closed_loop
from operator_agent.mpc.variables import ControlVariables
from operator_agent.mpc.weights import Weights, weights_from
from operator_agent.plant.case_file import load_crude_unit_case
from operator_agent.plant.controller_economics import build_controller_economics
from operator_agent.plant.controller_model import build_controller_model
from operator_agent.plant.crude_unit import build_crude_unit
from operator_agent.plant.economics import prices_with
from operator_agent.plant.scenario import random_scenario
from operator_agent.units import HOUR_S

MAPPINGS = ("cv_tracking", "move_suppression", "resting")  # a gene multiplies all of one mapping
SCALARS = ("bias_filter", "levenberg", "reference_s", "soft_penalty", "target_proximal",
           "target_margin", "target_step")  # a gene is the value itself  # fmt: skip


@dataclass(frozen=True, slots=True)
class ScorePrices:
    """What faults of control cost in the score, beside the profit.

    Attributes:
        hard_usd_h: per span outside a hard limit, mean over time, summed over CVs [usd/h].
        soft_usd_h: the same outside a soft limit [usd/h].
        travel_usd: per span of MV travel [usd].
        failure_usd_h: for a run that ended early or held more than one cycle in a hundred [usd/h].
    """

    hard_usd_h: float = 20_000.0
    soft_usd_h: float = 2_000.0
    travel_usd: float = 5.0
    failure_usd_h: float = 100_000.0


@dataclass(frozen=True, slots=True)
class CrudeUnitTrial:
    """Runs the simulated unit under changed weights; picklable, so that processes can share work.

    Attributes:
        case_path: of the unit.
        variables: limits in the order of the model.
        weights: plain values of the weights from which genes count, see `weights_payload`.
        targets: plain values of planning's targets, see `EconomicTargets.payload`.
        hours: of each run.
        cycle_s: control cycle [s].
        layout: of the simulated unit.
        prices: of the score.
    """

    case_path: str
    variables: ControlVariables
    weights: Mapping[str, Any]
    targets: Mapping[str, Any]
    hours: float
    cycle_s: float
    layout: str = "plant"
    prices: ScorePrices = ScorePrices()

    def __call__(self, genes: Mapping[str, float], scenarios: Sequence[int]) -> float:
        """Return the mean score over random scenarios of the given seeds [usd/h]."""
        case = load_crude_unit_case(Path(self.case_path))
        unit, model = build_crude_unit(case, self.layout), build_controller_model(case)
        economics = build_controller_economics(case)
        weights = with_genes(weights_from(dict(self.weights)), genes)
        controller = Controller(model, self.variables, weights, economics, self.cycle_s)
        targets = EconomicTargets.from_payload(self.targets)
        scores = []
        for seed in scenarios:
            drawn = random_scenario(np.random.default_rng(seed), case, self.hours * HOUR_S)
            trajectory = run_closed_loop(
                unit, case, MpcDriver(controller), drawn, seed, self.hours, self.variables,
                lambda simulator: prices_with(targets, simulator.price_factors), self.cycle_s,
            )  # fmt: skip
            scores.append(self.score(trajectory, unit.model.u_scale))
        return float(np.mean(scores))

    def score(self, trajectory: Trajectory, u_span: np.ndarray) -> float:
        """Return what one run is worth [usd/h]."""
        prices = self.prices
        held = np.mean([bool(reason) for reason in trajectory.held])
        score = trajectory.profit_usd_h
        score -= prices.hard_usd_h * float(np.sum(np.mean(trajectory.hard_spans, axis=0)))
        score -= prices.soft_usd_h * float(np.sum(np.mean(trajectory.soft_spans, axis=0)))
        score -= prices.travel_usd * float(np.sum(trajectory.travel(u_span)))
        return score - prices.failure_usd_h * float(bool(trajectory.ended) or held > 0.01)


def with_genes(weights: Weights, genes: Mapping[str, float]) -> Weights:
    """Return weights with some of them replaced.

    Args:
        weights: from which factors count.
        genes: by name: a factor for one of `MAPPINGS`, the value for one of `SCALARS`.

    Raises:
        InputError: a name is neither.
    """
    changed: dict[str, Any] = {}
    for name, value in genes.items():
        if name in MAPPINGS:
            changed[name] = {k: value * v for k, v in getattr(weights, name).items()}
        elif name in SCALARS:
            changed[name] = value
        else:
            known = ", ".join((*MAPPINGS, *SCALARS))
            raise InputError(f"'{name}' cannot be tuned; genes are {known}")
    return replace(weights, **changed)
