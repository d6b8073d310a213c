"""Random points to start a search from: anywhere that limits of crudes and cut points allow."""

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.planning.mixing import Exact
from operator_agent.planning.refinery import Refinery
from operator_agent.planning.streams import Point
from operator_agent.units import HOUR_S


def random_start(plant: Refinery, seed: int, number: int) -> Point:
    """Return a random point at which all balances hold; limits of units and products may not.

    The feed is uniform over what the crude unit can take, its slate uniform over all shares and
    then kept within what must and may be bought; cut points are uniform over their windows; every
    stream is split at random between its uses.

    Args:
        plant: to start.
        seed: of all starts.
        number: of this start; each has a generator of its own, whoever solves it.
    """
    case, draw = plant.case, np.random.default_rng([seed, number])
    usual = plant.first_point()
    charge = _charge(plant, draw)
    cut = {one.name: float(draw.uniform(one.low, one.high)) for one in case.crude_unit.cuts}
    supply = {
        name: float(draw.uniform(one.low, one.high)) * HOUR_S
        for name, one in case.purchases.items()
    }
    # Equal chances for all proportions: shares of exponential numbers are uniform on the simplex.
    flow = {key: float(draw.exponential()) for key in usual.flow}
    point = Point(charge, cut, usual.volume, usual.content, flow, supply, usual.choice)
    return plant.place(plant.model(Exact(), point), point)


def _charge(plant: Refinery, draw: np.random.Generator) -> dict[str, float]:
    """Return a random charge of crudes [m3/h]."""
    case = plant.case
    feed = float(draw.uniform(case.crude_unit.low, case.crude_unit.high)) * HOUR_S
    if case.slate:
        return {name: share * feed for name, share in case.slate.items()}
    shares: FloatArray = draw.dirichlet(np.ones(len(case.crudes)))
    return {
        name: float(np.clip(share * feed, crude.low * HOUR_S, crude.high * HOUR_S))
        for (name, crude), share in zip(case.crudes.items(), shares, strict=True)
    }
