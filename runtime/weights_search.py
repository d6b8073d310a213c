"""The search over the weights of a site's MPC: simulated closed loops judge each candidate."""

import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from operator_agent.engine import Engine
from operator_agent.errors import PlantError
from operator_agent.messages import EconomicTargets
from operator_agent.mpc.controller import Controller
from operator_agent.mpc.tuning.catalogue import START, Catalogue, advantage, catalogue_of, choose
from operator_agent.mpc.tuning.catalogue_file import save_catalogue
from operator_agent.mpc.tuning.checkpoint import CheckpointFile
from operator_agent.mpc.tuning.closed_loop import MpcDriver, run_closed_loop
from operator_agent.mpc.tuning.genes import Genes
from operator_agent.mpc.tuning.objectives import Interval, Objective
from operator_agent.mpc.tuning.search import search
from operator_agent.mpc.tuning.task import SearchSettings, Task
from operator_agent.mpc.tuning.trials import Progress
from operator_agent.mpc.tuning.weight_genes import applied, start_of, usual_space
from operator_agent.mpc.weights import Weights, load_weights, save_weights, weights_payload
from operator_agent.plant.simulation.random_scenario import random_scenario
from operator_agent.plant.simulation.simulator import Simulator
from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.unit.case_file import load_crude_unit_case
from operator_agent.plant.unit.crude_unit import CrudeUnit, build_crude_unit
from operator_agent.runtime.control_process import build_controller
from operator_agent.runtime.planner import targets_of
from operator_agent.runtime.plots import save_png
from operator_agent.runtime.site_file import load_site
from operator_agent.runtime.tuning_plots import convergence_figure, front_figure
from operator_agent.site import Site
from operator_agent.units import HOUR_S

# What one unit of each objective is worth unless the user says otherwise [usd/h]. A span outside
# a hard limit for an hour costs more than any gain; travel is wear and operators' patience.
PRICES: Mapping[str, float] = {"profit": 1.0, "violation": 5_000.0, "travel": 1.0}
GOOD_MARGIN = 0.05  # profit by the worth of the feed that would please any refiner
WORST_SPANS = 1.0  # outside hard limits, all CVs together, on the average of a run
WORST_TRAVEL = 20.0  # spans per hour and MV: from one end to the other every three minutes
VALIDATION_FROM, TEST_FROM = 1_000, 2_000  # scenario seeds start so far above the training ones


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """How large a search is.

    Attributes:
        generations, population: see `SearchSettings`.
        hours: of each scenario [h].
        seed: of the search; scenario seeds follow from it.
        scenarios: in the training set.
        checks: in each of the validation and test sets.
    """

    generations: int
    population: int
    hours: float
    seed: int
    scenarios: int
    checks: int

    def settings(self) -> SearchSettings:
        """Return size and seeds."""

        def seeds(first: int, count: int) -> tuple[int, ...]:
            return tuple(self.seed + first + k for k in range(count))

        return SearchSettings(
            population=self.population,
            generations=self.generations,
            seed=self.seed,
            training=seeds(0, self.scenarios),
            validation=seeds(VALIDATION_FROM, self.checks),
            test=seeds(TEST_FROM, self.checks),
        )


@dataclass(frozen=True, slots=True)
class Bench:
    """What a worker builds once: the plant and the controller with the weights of the start."""

    case: CrudeUnitCase
    unit: CrudeUnit
    controller: Controller


@functools.cache
def bench(site_path: str) -> Bench:
    """Return the bench of a site; a worker builds it for its first candidate."""
    site = load_site(Path(site_path))
    case = load_crude_unit_case(Path(site.files["plant"]))
    return Bench(case, build_crude_unit(case, "plant"), build_controller(site, case))


@dataclass(frozen=True, slots=True)
class ClosedLoopTrial:
    """Judges genes of `Weights` on the simulated unit.

    Attributes:
        site_path: of the site file.
        targets: payload of the economic targets.
        hours: of each scenario [h].
    """

    site_path: str
    targets: Mapping[str, Any]
    hours: float

    def __call__(self, genes: Genes, seed: int) -> Mapping[str, float]:
        """Return the objectives of one run on the random scenario of a seed.

        Raises:
            PlantError: the candidate broke the plant.
        """
        built = bench(self.site_path)
        controller = built.controller.with_weights(applied(built.controller.weights, genes))
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
            raise PlantError(run.ended)
        return {
            "profit": run.profit_usd_h,
            "violation": float(np.mean(np.sum(run.hard_spans, axis=1))),
            "travel": float(np.mean(run.travel(controller.model.u_scale))),
        }


def objectives_for(targets: EconomicTargets) -> tuple[Objective, ...]:
    """Return profit, limits and travel; a unit that is shut earns nothing."""
    worth = max(map(abs, targets.stream_prices.values())) * targets.flow_vol_feed * HOUR_S
    return (
        Objective("profit", "usd/h", good=GOOD_MARGIN * worth, worst=0.0),
        Objective("violation", "spans", good=0.0, worst=WORST_SPANS),
        Objective("travel", "spans/h", good=0.0, worst=WORST_TRAVEL),
    )


def run_search(
    site: Site,
    site_path: Path,
    folder: Path,
    request: SearchRequest,
    engine: Engine,
    progress: Progress,
) -> dict[str, Any]:
    """Search, write catalogue, weights and pictures, and return what was found as plain values.

    The folder receives `search.json` after every generation, from which an interrupted search goes
    on; at the end `catalogue.yaml`, `front.png`, `convergence.png`, and as `weights.yaml` the
    tuning that is worth most at `PRICES` on the validation scenarios.

    Raises:
        InputError: the folder holds another search, or every tuning failed.
    """
    weights = load_weights(Path(site.files["controller"]))
    task = _task(site, site_path, weights, targets_of(site, None), request.hours)
    settings = request.settings()
    store = CheckpointFile(folder / "search.json")
    found = search(task, settings, engine, store=store, progress=progress)
    catalogue = catalogue_of(task, settings, found, functools.partial(applied, weights))
    save_catalogue(folder / "catalogue.yaml", catalogue)
    save_png(front_figure(catalogue), folder / "front.png")
    save_png(convergence_figure(catalogue), folder / "convergence.png")
    chosen = choose(catalogue, PRICES)
    save_weights(folder / "weights.yaml", chosen.weights or weights)
    return {
        "chosen": chosen.name,
        "verdict": verdict(catalogue, chosen.name, PRICES),
        "entries": [entry_row(catalogue, entry.name) for entry in catalogue.entries],
        "history": [[g.number, g.hypervolume, g.tried, g.failed] for g in catalogue.history],
        "seed": request.seed,
    }


def verdict(catalogue: Catalogue, name: str, prices: Mapping[str, float]) -> str:
    """Return in one sentence what a tuning is worth on the test scenarios."""
    if name == START:
        return "no tuning is worth more than the start on the validation scenarios; kept the start"
    entry = catalogue.entry(name)
    if catalogue.entries[0].failure:
        return f"{name}; the start cannot be compared: {catalogue.entries[0].failure}"
    gain = advantage(catalogue, entry, prices)
    sure = "better" if gain.low > 0.0 else "worse" if gain.high < 0.0 else "not told apart"
    return (
        f"{name} against the start on test scenarios: {gain.mean:+,.1f} "
        f"({gain.low:+,.1f} to {gain.high:+,.1f}) at these prices: {sure}"
    )


def entry_row(catalogue: Catalogue, name: str) -> dict[str, Any]:
    """Return one tuning as plain values: means on validation scenarios, gains on test scenarios."""
    entry = catalogue.entry(name)

    def plain(found: Interval) -> list[float]:
        return [found.mean, found.low, found.high]

    return {
        "name": name,
        "genes": dict(entry.genes),
        "validation": {key: plain(scored.interval) for key, scored in entry.validation.items()},
        "test": {key: plain(scored.interval) for key, scored in entry.test.items()},
        "gain_on_test": {key: plain(gain) for key, gain in entry.gain.items()},
        "failure": entry.failure,
    }


def _task(
    site: Site, site_path: Path, weights: Weights, targets: EconomicTargets, hours: float
) -> Task:
    facts = {k: v for k, v in targets.payload().items() if k != "created_s"}
    content = json.dumps([weights_payload(weights), facts], sort_keys=True, default=str)
    digest = hashlib.sha256(content.encode()).hexdigest()[:12]
    space = usual_space(weights)
    return Task(
        subject=f"{site.name}, {hours:g} h scenarios, weights and targets {digest}",
        objectives=objectives_for(targets),
        space=space,
        start=start_of(weights, space),
        evaluate=ClosedLoopTrial(str(site_path.resolve()), targets.payload(), hours),
    )
