"""Crude supply over weeks: cargoes come, tanks are filled and fed by a standing rule.

The rule is that of a shift log. A tank feeds until little is left above its heel, then the fullest
settled tank takes its place; a ship goes into the tank with most space that does not feed. It does
not look ahead: cargoes that come late let it run out, and the history says so.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.plant.market.arrivals import Cargo, CargoProgramme, arrivals
from operator_agent.plant.market.tank_farm import TankFarm
from operator_agent.plant.market.tank_state import FarmOrder, FarmOutput, FarmState, FarmStatus

_RESERVE_S = 7200.0  # of feed that a tank must hold above its heel to go on feeding


@dataclass(frozen=True, slots=True)
class CrudeSupply:
    """How crude comes to the unit.

    Attributes:
        programmes: of the crudes that are bought.
        farm: tanks.
    """

    programmes: tuple[CargoProgramme, ...]
    farm: TankFarm

    def __post_init__(self) -> None:
        """Refuse unknown crudes and two programmes of one: their cargoes would share names."""
        names = [programme.crude for programme in self.programmes]
        double = next((name for name in names if names.count(name) > 1), None)
        if double is not None:
            raise InputError(f"crude '{double}' has two cargo programmes; merge them")
        for name in names:
            self.farm.index_of_crude(name)


@dataclass(frozen=True, slots=True)
class SupplyHistory:
    """What the tank farm fed to the unit.

    Attributes:
        crude_keys: order of the compositions.
        times: beginning of each step [s], shape (n,).
        volumes: feed in each step [m3], shape (n,).
        declared: composition by the books, shape (n, n_crudes).
        true: composition that nobody measures, shape (n, n_crudes).
        statuses: of each step.
        reasons: one sentence for each step that was not delivered in full; otherwise empty.
        cargoes: that were due, in the order of their arrival.
        end: state of the farm after the last step.
    """

    crude_keys: tuple[str, ...]
    times: FloatArray
    volumes: FloatArray
    declared: FloatArray
    true: FloatArray
    statuses: tuple[FarmStatus, ...]
    reasons: tuple[str, ...]
    cargoes: tuple[Cargo, ...]
    end: FarmState

    @property
    def delivered(self) -> bool:
        """Whether every step was fed as ordered."""
        return all(status is FarmStatus.DELIVERED for status in self.statuses)


def standing_order(
    farm: TankFarm,
    state: FarmState,
    flow_vol_feed: float,
    share_first: float,
    last: FarmOrder | None = None,
) -> FarmOrder:
    """Return what the standing rule orders.

    Where no other tank is usable the old ones go on, until the farm reports that they ran out.

    Args:
        farm: tanks.
        state: of the tanks.
        flow_vol_feed: to the unit [m3/s].
        share_first: volume fraction of the feed from the first tank.
        last: order before; at the start the two fullest tanks feed.
    """
    above = np.array(
        [now.volume_m3 - tank.heel_m3 for now, tank in zip(state.tanks, farm.tanks, strict=True)]
    )
    space = np.array([tank.capacity_m3 for tank in farm.tanks])
    space = space - np.array([now.volume_m3 for now in state.tanks])
    ready = np.array([now.ready_s <= state.time_s for now in state.tanks])
    usable = ready & (above > _RESERVE_S * flow_vol_feed)
    fullest = [int(n) for n in np.argsort(-above, kind="stable")]
    kept = fullest[:2]
    if last is not None:
        kept = [farm.index_of_tank(last.first), farm.index_of_tank(last.second)]
    for place, index in enumerate(kept):
        others = [n for n in fullest if usable[n] and n not in kept]
        if not usable[index] and others:
            kept[place] = others[0]
    free = [n for n in np.argsort(-space, kind="stable") if int(n) not in kept]
    taking = None
    if last is not None and last.receiving is not None:
        index = farm.index_of_tank(last.receiving)
        taking = index if index not in kept and space[index] > 1.0 else None
    if taking is None and free and space[free[0]] > 1.0:
        taking = int(free[0])
    receiving = farm.tanks[taking].key if taking is not None and state.ships else None
    first, second = (farm.tanks[index].key for index in kept)
    return FarmOrder(first, second, share_first, flow_vol_feed, receiving)


Rule = Callable[[TankFarm, FarmState, float, float, FarmOrder | None], FarmOrder]


def run_supply(
    supply: CrudeSupply,
    seed: int,
    duration_s: float,
    flow_vol_feed: float,
    share_first: float = 0.5,
    step_s: float = 3600.0,
    rule: Rule = standing_order,
) -> SupplyHistory:
    """Return what the tank farm feeds over a time.

    Args:
        supply: cargo programmes and tanks.
        seed: of delays and landed volumes.
        duration_s: [s].
        flow_vol_feed: to the unit [m3/s].
        share_first: volume fraction of the feed from the first tank of the header.
        step_s: time between orders [s].
        rule: that gives the orders.

    Raises:
        InputError: a time is not positive, or the rule orders what is impossible.
    """
    if not 0.0 < step_s <= duration_s:
        raise InputError(f"steps of {step_s} s do not fit into {duration_s} s")
    cargoes = arrivals(supply.programmes, seed, duration_s)
    state, order = supply.farm.start(), None
    rows = []
    for _ in range(round(duration_s / step_s)):
        order = rule(supply.farm, state, flow_vol_feed, share_first, order)
        time_s = state.time_s
        state, output = supply.farm.step(state, order, cargoes, step_s)
        rows.append((time_s, output))
    return _history(supply.farm.crude_keys, rows, cargoes, state)


def _history(
    crude_keys: tuple[str, ...],
    rows: Sequence[tuple[float, FarmOutput]],
    cargoes: tuple[Cargo, ...],
    end: FarmState,
) -> SupplyHistory:
    outputs = [output for _, output in rows]
    return SupplyHistory(
        crude_keys=crude_keys,
        times=np.array([time_s for time_s, _ in rows]),
        volumes=np.array([output.volume_m3 for output in outputs]),
        declared=np.array([output.declared for output in outputs]),
        true=np.array([output.true for output in outputs]),
        statuses=tuple(output.status for output in outputs),
        reasons=tuple(output.reason for output in outputs),
        cargoes=cargoes,
        end=end,
    )
