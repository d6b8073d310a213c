"""The crude tank farm: ships fill tanks, tanks settle, two tanks at a time feed the unit.

The state goes in and comes out; nothing is drawn at random. A tank is mixed while it is filled. It
keeps two compositions: the true one, and the declared one of the operators' books, which know the
receipts but not the bottoms that lie below the outlet. So the first feed after a change of crude
is not quite what its label says.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from operator_agent.errors import InputError
from operator_agent.plant.market.arrivals import Cargo
from operator_agent.plant.market.tank_state import (
    Composition,
    FarmOrder,
    FarmOutput,
    FarmState,
    FarmStatus,
    Tank,
    TankState,
    Unloading,
    mixed,
)

_SHARE_TOLERANCE = 1e-9
_EMPTY_M3 = 1e-6  # a ship or tank with less is empty: rounding of sums of receipts
_SLICE_S = 3600.0  # longest step; longer ones are taken in slices so that receipts and feed meet


@dataclass(frozen=True, slots=True)
class TankFarm:
    """Tanks, berth and blend header.

    Attributes:
        crude_keys: names of the crudes, the order of compositions.
        tanks: two or more.
        flow_vol_unload: of a ship [m3/s].
        settling_s: after a receipt, before the tank may feed [s].
    """

    crude_keys: tuple[str, ...]
    tanks: tuple[Tank, ...]
    flow_vol_unload: float
    settling_s: float

    def __post_init__(self) -> None:
        """Refuse farms of one tank, doubles, unknown crudes and rates that are none."""
        keys = [tank.key for tank in self.tanks]
        if len(keys) < 2 or len(set(keys)) < len(keys):
            raise InputError(
                f"a tank farm needs two or more tanks of different names, found {keys}"
            )
        for tank in self.tanks:
            for crude in (tank.crude_start, tank.crude_heel):
                self.index_of_crude(crude)
        if not (math.isfinite(self.flow_vol_unload) and self.flow_vol_unload > 0.0):
            raise InputError(f"unloading at {self.flow_vol_unload} m3/s must be positive")
        if not (math.isfinite(self.settling_s) and self.settling_s >= 0.0):
            raise InputError(f"settling time {self.settling_s} s must be zero or more")

    def index_of_crude(self, crude: str) -> int:
        """Return the position of a crude in compositions.

        Raises:
            InputError: the farm does not know it.
        """
        if crude not in self.crude_keys:
            raise InputError(
                f"the tank farm knows no crude '{crude}'; it knows: {', '.join(self.crude_keys)}"
            )
        return self.crude_keys.index(crude)

    def index_of_tank(self, key: str) -> int:
        """Return the position of a tank.

        Raises:
            InputError: there is none of this name.
        """
        for index, tank in enumerate(self.tanks):
            if tank.key == key:
                return index
        known = ", ".join(tank.key for tank in self.tanks)
        raise InputError(f"the tank farm has no tank '{key}'; it has: {known}")

    def pure(self, crude: str) -> Composition:
        """Return the composition of a pure crude."""
        index = self.index_of_crude(crude)
        return tuple(float(n == index) for n in range(len(self.crude_keys)))

    def start(self) -> FarmState:
        """Return the state at time zero: tanks settled, no ship at the berth."""
        tanks = tuple(
            TankState(
                tank.start_m3,
                mixed(
                    self.pure(tank.crude_heel),
                    tank.heel_m3,
                    self.pure(tank.crude_start),
                    tank.start_m3 - tank.heel_m3,
                ),
                self.pure(tank.crude_start),
                0.0,
            )
            for tank in self.tanks
        )
        return FarmState(0.0, tanks, (), 0.0)

    def step(
        self, state: FarmState, order: FarmOrder, cargoes: Sequence[Cargo], duration_s: float
    ) -> tuple[FarmState, FarmOutput]:
        """Return the state after a time under an order, and what was fed meanwhile.

        Ships that arrive within the time are taken from `cargoes`. Steps longer than an hour are
        taken in slices. Where a tank cannot give what was ordered the feed is less; the other tank
        never makes up for it.

        Args:
            state: before.
            order: of the operators.
            cargoes: all cargoes of the run; those that came earlier are passed over.
            duration_s: [s].

        Raises:
            InputError: the order is impossible or the time is not positive.
        """
        self._check(order, duration_s)
        n_slices = math.ceil(duration_s / _SLICE_S)
        outputs = []
        for _ in range(n_slices):
            state, output = self._slice(state, order, cargoes, duration_s / n_slices)
            outputs.append(output)
        return state, _summed(outputs)

    def _check(self, order: FarmOrder, duration_s: float) -> None:
        if not (math.isfinite(duration_s) and duration_s > 0.0):
            raise InputError(f"a step of {duration_s} s; give a positive time")
        first, second = self.index_of_tank(order.first), self.index_of_tank(order.second)
        if first == second:
            raise InputError(f"the blend header cannot take tank {order.first} twice")
        if not 0.0 <= order.share_first <= 1.0:
            raise InputError(f"share of tank {order.first} is {order.share_first}; give 0 to 1")
        if not (math.isfinite(order.flow_vol_feed) and order.flow_vol_feed >= 0.0):
            raise InputError(f"feed of {order.flow_vol_feed} m3/s must be zero or more")
        if order.receiving is not None:
            taking = self.index_of_tank(order.receiving)
            shares = {first: order.share_first, second: 1.0 - order.share_first}
            if shares.get(taking, 0.0) > _SHARE_TOLERANCE and order.flow_vol_feed > 0.0:
                raise InputError(
                    f"tank {order.receiving} cannot receive and feed at once; order another tank"
                )

    def _slice(
        self, state: FarmState, order: FarmOrder, cargoes: Sequence[Cargo], slice_s: float
    ) -> tuple[FarmState, FarmOutput]:
        end_s = state.time_s + slice_s
        state, output = self._feed(state, order, slice_s)
        come = [
            Unloading(cargo, cargo.volume_m3)
            for cargo in cargoes
            if state.time_s < cargo.arrival_s <= end_s
            or (state.time_s == 0.0 and cargo.arrival_s == 0.0)
        ]
        state = replace(state, ships=(*state.ships, *come))
        state, received = self._receive(state, order, end_s, slice_s)
        return replace(state, time_s=end_s), replace(output, received_m3=received)

    def _feed(
        self, state: FarmState, order: FarmOrder, slice_s: float
    ) -> tuple[FarmState, FarmOutput]:
        tanks = list(state.tanks)
        wanted_m3 = order.flow_vol_feed * slice_s
        shares = ((order.first, order.share_first), (order.second, 1.0 - order.share_first))
        parts: list[tuple[TankState, float]] = []
        status, reason = FarmStatus.DELIVERED, ""
        for key, share in shares:
            index = self.index_of_tank(key)
            tank, wanted = tanks[index], share * wanted_m3
            ready = tank.ready_s <= state.time_s
            there = max(tank.volume_m3 - self.tanks[index].heel_m3, 0.0) if ready else 0.0
            taken = min(wanted, there)
            if wanted - taken > _EMPTY_M3:
                status = FarmStatus.RUN_OUT if ready else FarmStatus.NOT_SETTLED
                reason = _reason(key, status, state.time_s, tank)
            parts.append((tank, taken))
            tanks[index] = replace(tank, volume_m3=tank.volume_m3 - taken)
        (one, first), (other, second) = parts
        weights = (
            (first, second)
            if first + second > 0.0
            else (order.share_first, 1.0 - order.share_first)
        )
        output = FarmOutput(
            volume_m3=first + second,
            true=mixed(one.true, weights[0], other.true, weights[1]),
            declared=mixed(one.declared, weights[0], other.declared, weights[1]),
            received_m3=0.0,
            status=status,
            reason=reason,
        )
        return replace(state, tanks=tuple(tanks)), output

    def _receive(
        self, state: FarmState, order: FarmOrder, end_s: float, slice_s: float
    ) -> tuple[FarmState, float]:
        if not state.ships:
            return state, 0.0
        ship, *waiting = state.ships
        at_berth_s = min(slice_s, end_s - ship.cargo.arrival_s)
        moved = 0.0
        tanks = list(state.tanks)
        if order.receiving is not None:
            index = self.index_of_tank(order.receiving)
            tank, space = tanks[index], self.tanks[index].capacity_m3 - tanks[index].volume_m3
            moved = max(min(self.flow_vol_unload * at_berth_s, ship.left_m3, space), 0.0)
            if moved > 0.0:
                tanks[index] = self._filled(index, tank, ship.cargo.crude, moved, end_s)
        left = ship.left_m3 - moved
        idle_s = sum(min(slice_s, end_s - other.cargo.arrival_s) for other in waiting)
        idle_s += max(at_berth_s - moved / self.flow_vol_unload, 0.0) if left > _EMPTY_M3 else 0.0
        ships = tuple(waiting) if left <= _EMPTY_M3 else (Unloading(ship.cargo, left), *waiting)
        waited_s = state.waited_s + idle_s
        return replace(state, tanks=tuple(tanks), ships=ships, waited_s=waited_s), moved

    def _filled(
        self, index: int, tank: TankState, crude: str, moved_m3: float, end_s: float
    ) -> TankState:
        known_m3 = max(tank.volume_m3 - self.tanks[index].heel_m3, 0.0)
        return TankState(
            volume_m3=tank.volume_m3 + moved_m3,
            true=mixed(tank.true, tank.volume_m3, self.pure(crude), moved_m3),
            declared=mixed(tank.declared, known_m3, self.pure(crude), moved_m3),
            ready_s=end_s + self.settling_s,
        )


def _reason(key: str, status: FarmStatus, time_s: float, tank: TankState) -> str:
    if status is FarmStatus.RUN_OUT:
        return (
            f"tank {key} ran out at {time_s / 3600.0:.1f} h with {tank.volume_m3:.0f} m3 left, its "
            "heel; switch to another tank or feed less"
        )
    return (
        f"tank {key} has not settled at {time_s / 3600.0:.1f} h and may feed from "
        f"{tank.ready_s / 3600.0:.1f} h on; switch to another tank"
    )


def _summed(outputs: Sequence[FarmOutput]) -> FarmOutput:
    total = sum(output.volume_m3 for output in outputs)
    weights = [
        output.volume_m3 / total if total > 0.0 else 1.0 / len(outputs) for output in outputs
    ]
    n = len(outputs[0].true)
    failed = next((one for one in outputs if one.status is not FarmStatus.DELIVERED), outputs[-1])
    return FarmOutput(
        volume_m3=total,
        true=tuple(
            sum(w * o.true[i] for w, o in zip(weights, outputs, strict=True)) for i in range(n)
        ),
        declared=tuple(
            sum(w * o.declared[i] for w, o in zip(weights, outputs, strict=True)) for i in range(n)
        ),
        received_m3=sum(output.received_m3 for output in outputs),
        status=failed.status,
        reason=failed.reason,
    )
