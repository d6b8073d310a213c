"""Random episodes for training: switches, noise, drift, faults and a wrong slate."""

from collections.abc import Mapping

import numpy as np

from operator_agent.frozen import FrozenMapping
from operator_agent.plant.simulation.events import (
    CrudeSwitch,
    Event,
    NoiseChange,
    PreheatChange,
    PriceChange,
    SensorFault,
)
from operator_agent.plant.simulation.scenario import Scenario
from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.variables import ANALYSERS, CV_NAMES, PRODUCTS

_RANDOM_SLATE_PULL = 8.0  # Dirichlet concentration around the nominal slate
_RANDOM_SLATE_BASE = 0.4  # for each crude, so that all of them come up
_RANDOM_ERROR = 0.04  # largest share that is declared as the wrong crude
_SWITCH_EVERY_S = 4.0 * 3600.0
_FAULT_KINDS = ("stuck", "bad", "uncertain", "spike", "bias")  # that analysers have in training


def random_scenario(rng: np.random.Generator, case: CrudeUnitCase, duration_s: float) -> Scenario:
    """Return a scenario for training: switches, noise, drift, faults and a wrong slate.

    Args:
        rng: source of all chance.
        case: unit whose crudes and analysers take part.
        duration_s: length [s].
    """
    events: list[Event] = []
    for _ in range(1 + int(rng.poisson(duration_s / _SWITCH_EVERY_S))):
        at_s, ramp_s = rng.uniform(0.0, 0.8) * duration_s, rng.uniform(900.0, 5400.0)
        events.append(CrudeSwitch(at_s, ramp_s, random_slate(rng, case)))
    for _ in range(int(rng.integers(0, 3))):
        events.append(NoiseChange(rng.uniform(0.0, duration_s), rng.uniform(0.3, 3.0)))
    for _ in range(int(rng.integers(0, 3))):
        at_s, ramp_s = rng.uniform(0.0, duration_s), rng.uniform(600.0, 7200.0)
        events.append(PreheatChange(at_s, ramp_s, rng.normal(0.0, 4.0)))
    if rng.random() < 0.5:
        factors = {product: float(rng.uniform(0.9, 1.1)) for product in PRODUCTS}
        events.append(PriceChange(rng.uniform(0.0, duration_s), FrozenMapping(factors)))
    if rng.random() < 0.3:
        events.append(_random_fault(rng, duration_s))
    return Scenario(
        duration_s=duration_s,
        noise_factor=float(rng.uniform(0.5, 2.0)),
        events=tuple(events),
        slate_error=_random_slate_error(rng, case),
        fouling=float(rng.uniform(0.0, 2.0)) / 86_400.0,
    )


def random_slate(rng: np.random.Generator, case: CrudeUnitCase) -> Mapping[str, float]:
    """Return a slate spread around the nominal one."""
    nominal = np.array(case.slate_vector(case.slate))
    drawn = rng.dirichlet(_RANDOM_SLATE_PULL * nominal + _RANDOM_SLATE_BASE)
    return FrozenMapping(
        {key: float(value) for key, value in zip(case.crude_keys, drawn, strict=True)}
    )


def _random_fault(rng: np.random.Generator, duration_s: float) -> SensorFault:
    analysers = [name for name in CV_NAMES if name in ANALYSERS]
    return SensorFault(
        at_s=rng.uniform(0.0, 0.8) * duration_s,
        duration_s=rng.uniform(600.0, 3600.0),
        variable=analysers[int(rng.integers(len(analysers)))],
        kind=_FAULT_KINDS[int(rng.integers(len(_FAULT_KINDS)))],
        size=rng.normal(0.0, 8.0),
    )


def _random_slate_error(rng: np.random.Generator, case: CrudeUnitCase) -> Mapping[str, float]:
    first, second = rng.choice(len(case.crude_keys), size=2, replace=False)
    size = float(rng.uniform(0.0, _RANDOM_ERROR))
    keys = case.crude_keys
    return FrozenMapping({keys[int(first)]: size, keys[int(second)]: -size})
