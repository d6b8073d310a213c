"""The search over MPC weights: simulated closed loops as the score, in processes of their own."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from operator_agent.messages import EconomicTargets
from operator_agent.mpc.controller import Controller
from operator_agent.mpc.tuning.closed_loop import MpcDriver, run_closed_loop
from operator_agent.mpc.tuning.genetic import GaSettings, GeneBounds, Generation, Genes, tune
from operator_agent.mpc.weights import Weights, load_weights, save_weights
from operator_agent.plant.simulation.random_scenario import random_scenario
from operator_agent.plant.simulation.simulator import Simulator
from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.unit.case_file import load_crude_unit_case
from operator_agent.plant.unit.crude_unit import CrudeUnit, build_crude_unit
from operator_agent.runtime.control_process import build_controller
from operator_agent.runtime.planner import targets_of
from operator_agent.runtime.site_file import load_site
from operator_agent.site import Site
from operator_agent.units import HOUR_S

# Factors on groups of weights, from a tenth to ten times the weights of the start.
GENES = ("cv_tracking", "move_suppression", "resting", "soft_penalty")
BOUNDS = GeneBounds(dict.fromkeys(GENES, 0.1), dict.fromkeys(GENES, 10.0))
HARD_USD_H_PER_SPAN = 5_000.0  # a span outside a hard limit for an hour costs more than any gain
TRAVEL_USD_H_PER_SPAN = 1.0  # wear and operators' patience: one span of MV travel per hour
SEEDS_PER_SET = 2
VALIDATION_OFFSET = 1_000  # validation scenarios start so far above the training ones

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Bench:
    """What a worker builds once: the plant and the controller with the weights of the start."""

    case: CrudeUnitCase
    unit: CrudeUnit
    controller: Controller
    weights: Weights


@functools.cache
def bench(site_path: str) -> Bench:
    """Return the bench of a site; a worker builds it for its first candidate."""
    site = load_site(Path(site_path))
    case = load_crude_unit_case(Path(site.files["plant"]))
    unit = build_crude_unit(case, "plant")
    weights = load_weights(Path(site.files["controller"]))
    return Bench(case, unit, build_controller(site, case), weights)


def scaled_weights(weights: Weights, factors: Genes) -> Weights:
    """Return weights with each group multiplied by its factor."""

    def group(name: str) -> dict[str, float]:
        return {key: value * factors[name] for key, value in getattr(weights, name).items()}

    soft = min(weights.soft_penalty * factors["soft_penalty"], 0.5 * weights.hard_penalty)
    return replace(
        weights,
        cv_tracking=group("cv_tracking"),
        move_suppression=group("move_suppression"),
        resting=group("resting"),
        soft_penalty=soft,
    )


@dataclass(frozen=True, slots=True)
class ClosedLoopScore:
    """Scores factors on weights: mean profit less the price of broken limits and of travel [usd/h].

    Attributes:
        site_path: of the site file.
        targets: payload of the economic targets.
        hours: of each scenario [h].
    """

    site_path: str
    targets: Mapping[str, Any]
    hours: float

    def __call__(self, factors: Genes, scenarios: Sequence[int]) -> float:
        """Return the mean score over scenario seeds; higher is better."""
        return float(np.mean([self._one(factors, seed) for seed in scenarios]))

    def _one(self, factors: Genes, seed: int) -> float:
        built = bench(self.site_path)
        controller = built.controller.with_weights(scaled_weights(built.weights, factors))
        targets = EconomicTargets.from_payload(self.targets)
        scenario = random_scenario(np.random.default_rng(seed), built.case, self.hours * HOUR_S)

        def targets_at(simulator: Simulator) -> EconomicTargets:
            return replace(targets, slate=simulator.declared_slate)

        run = run_closed_loop(
            built.unit,
            built.case,
            MpcDriver(controller),
            scenario,
            seed,
            self.hours,
            controller.variables,
            targets_at,
        )
        if run.ended:
            return -np.inf
        broken = float(np.mean(np.sum(run.hard_spans, axis=1)))
        travel = float(np.mean(run.travel(controller.model.u_scale)))
        return run.profit_usd_h - HARD_USD_H_PER_SPAN * broken - TRAVEL_USD_H_PER_SPAN * travel


def run_search(
    site: Site,
    site_path: Path,
    out: Path,
    generations: int,
    population: int,
    hours: float,
    seed: int,
    workers: int,
    progress: Progress,
) -> dict[str, Any]:
    """Search, write the chosen weights, and return what was found as plain values.

    The file holds the weights of the start when no candidate beats them on the validation
    scenarios.
    """
    score = ClosedLoopScore(str(site_path.resolve()), targets_of(site, None).payload(), hours)
    settings = GaSettings(
        population=population + population % 2,
        generations=generations,
        seed=seed,
        training=tuple(seed + k for k in range(SEEDS_PER_SET)),
        validation=tuple(seed + VALIDATION_OFFSET + k for k in range(SEEDS_PER_SET)),
    )

    def tell(found: Generation) -> None:
        text = f"best {found.best:,.0f} usd/h, mean {found.mean:,.0f}"
        progress(found.number + 1, generations, text)

    start = dict.fromkeys(GENES, 1.0)
    with get_context("spawn").Pool(workers) as pool:
        tuned = tune(score, start, BOUNDS, settings, map_jobs=pool.map, progress=tell)
    factors = tuned.genes if tuned.improved else start
    weights = load_weights(Path(site.files["controller"]))
    save_weights(out, scaled_weights(weights, factors) if tuned.improved else weights)
    with np.errstate(invalid="ignore"):  # a run that the plant did not survive scores -inf
        gain = float(np.subtract(tuned.validation_score, tuned.start_validation_score))
    return {
        "factors": dict(factors),
        "improved": tuned.improved,
        "validation_gain_usd_per_h": _plain(gain),
        "history": [[g.number, _plain(g.best), _plain(g.mean)] for g in tuned.history],
        "seed": seed,
        "verdict": (
            f"validation score {gain:+,.1f} usd/h against the weights of the start"
            if tuned.improved
            else "no candidate beat the weights of the start on the validation scenarios; kept them"
        ),
    }


def _plain(score: float) -> float | None:
    return score if np.isfinite(score) else None
