"""What the supervisor sees: one vector, made the same way in training and in the control loop.

Only what the loop itself knows goes in: the scans so far, the prices of the limits that hold the
MPC's target, planning's targets, and the last action. All scales are fixed (the constants below,
by physical dimension), so that nothing is learned beside the policy; values are cut to +-5.

| part | for each | meaning |
|---|---|---|
| `margin:CV` | limited CV | distance of the recent mean to the nearest limit, in spans |
| `spread:CV` | limited CV | log10 of the recent standard deviation over a tenth of a span |
| `trend:CV` | limited CV | recent mean minus the mean before, in spans |
| `room:CV` | limited CV | what a tenth of a span more room to its limits is worth, in 100 usd/h |
| `error:CV` | CV with a target | recent mean minus planning's target, in spans |
| `trend:DV` | temperature DV | as above |
| `slate_gap` | unit | volume fraction in which the crude differs from planning's slate |
| `slate_age` | unit | how fresh the last change of the crude is: 1 now, 0 long ago |
| `feed_gap` | unit | feed minus planning's feed, relative |
| `price:A-B` | pair of cuts | difference of the stream values, in 100 usd/m3 |
| `action:NAME` | action | the last action |
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.messages import EconomicTargets
from operator_agent.site import Site, Tag
from operator_agent.units import HOUR_S, unit

CLIP = 5.0  # scaled values beyond carry no more information than "far"
# A deviation of one span is a matter for the operator; a tenth of it is measurement noise.
SPANS = {"temperature": 5.0, "fraction": 0.02, "power": 2e6, "volume flow": 5e-3}  # SI
NOISE_SHARE = 0.1
PRICE_SPAN = 100.0  # usd/m3, about 16 usd/bbl: a large difference between neighbouring cuts
ROOM_SPAN = 100.0  # usd/h per tenth of a span
SLATE_SPAN = 0.2  # volume fraction
FEED_SPAN = 0.05  # relative
NEW_SLATE = 0.02  # volume fraction; less is analyser noise, not a crude switch
RECENT_SHARE = 3  # the recent mean takes the last third of the window
WINDOW_INTERVALS = 2.0  # the window holds so many supervisor intervals
SWITCH_MEMORY_INTERVALS = 8.0  # after so many intervals a crude switch is e times less fresh
CUTS = ("naphtha", "kerosene", "lgo", "hgo", "residue")


class ScanValues(Protocol):
    """What is read of a controller's scan: arrays in the order of the tag list [SI]."""

    @property
    def y(self) -> FloatArray:
        """Measured CVs, NaN where bad, shape (n_cv,)."""
        ...

    @property
    def u_readback(self) -> FloatArray:
        """Set points as read back, shape (n_mv,)."""
        ...

    @property
    def d(self) -> FloatArray:
        """Measured disturbances, shape (n_dv,)."""
        ...


class HeldTarget(Protocol):
    """What is read of the controller's steady-state target."""

    @property
    def active(self) -> tuple[str, ...]:
        """Limits that hold it, `name low` or `name high`."""
        ...

    @property
    def prices(self) -> tuple[float, ...]:
        """Of those limits [usd/s per SI unit]."""
        ...


@dataclass(frozen=True, slots=True)
class ObservationLayout:
    """Names and fixed scales of the vector: `(raw - centre) / span`, cut to +-5.

    Attributes:
        names: shape (n_obs,).
        centre, span: in the unit of each raw value, shape (n_obs,).
    """

    names: tuple[str, ...]
    centre: tuple[float, ...]
    span: tuple[float, ...]

    @property
    def n_obs(self) -> int:
        """Length of the vector."""
        return len(self.names)

    def scaled(self, raw: Mapping[str, float]) -> FloatArray:
        """Return the vector; NaN stays NaN.

        Args:
            raw: value by name; exactly the names of the layout.

        Raises:
            InputError: names are missing or unknown.
        """
        if set(raw) != set(self.names):
            odd = sorted(set(raw) ^ set(self.names))
            raise InputError(f"observation: names do not fit the layout: {', '.join(odd)}")
        values = np.array([raw[name] for name in self.names])
        scaled = (values - np.array(self.centre)) / np.array(self.span)
        clipped: FloatArray = np.clip(scaled, -CLIP, CLIP)
        return clipped


@dataclass(frozen=True, slots=True)
class History:
    """What the observer remembers, as a value.

    Attributes:
        cvs: of the last cycles, newest last, NaN where bad, shape (n_window, n_cv) [SI].
        dvs: of the last cycles, shape (n_window, n_dv) [SI].
        slate: crude fractions at the last change, shape (n_crude,); empty before the first scan.
        slate_age_s: time since then [s].
        action: the last one, shape (n_action,).
    """

    cvs: FloatArray
    dvs: FloatArray
    slate: FloatArray
    slate_age_s: float
    action: FloatArray


class Observer:
    """Makes observations for one site; all that changes is in the `History` that comes out."""

    def __init__(self, site: Site, action_names: tuple[str, ...], target_names: tuple[str, ...]):
        """Fix the layout.

        Args:
            site: tag list with limits and noise; CVs and DVs in the order of the scan.
            action_names: of the policy.
            target_names: CVs for which planning gives targets.

        Raises:
            InputError: a limited CV is of a dimension without span, or a target is no CV.
        """
        self._site = site
        self._targets = target_names
        self._limited = [(index, tag) for index, tag in enumerate(site.cvs) if _is_limited(tag)]
        self._cv_index = {tag.variable: index for index, tag in enumerate(site.cvs)}
        unknown = sorted(set(target_names) - set(self._cv_index))
        if unknown:
            raise InputError(f"observation: targets {', '.join(unknown)} are no CVs of the site")
        self._crudes = [
            (index, tag.variable.removeprefix("fraction_"))
            for index, tag in enumerate(site.dvs)
            if tag.variable.startswith("fraction_")
        ]
        self._temperatures = [
            (index, tag)
            for index, tag in enumerate(site.dvs)
            if unit(tag.unit).dimension == "temperature"
        ]
        self._feed_index = [tag.variable for tag in site.mvs].index("flow_vol_feed")
        times = site.sample_times
        self._n_window = max(
            RECENT_SHARE, round(WINDOW_INTERVALS * times.supervisor_s / times.control_s)
        )
        self._control_s = times.control_s
        self._memory_s = SWITCH_MEMORY_INTERVALS * times.supervisor_s
        self._action_names = action_names
        self.layout = self._make_layout()

    def _make_layout(self) -> ObservationLayout:
        rows: list[tuple[str, float, float]] = []
        for _, tag in self._limited:
            span = span_of(tag)
            rows.append((f"margin:{tag.variable}", 0.0, span))
            rows.append((f"spread:{tag.variable}", 0.0, 1.0))
            rows.append((f"trend:{tag.variable}", 0.0, span))
            rows.append((f"room:{tag.variable}", 0.0, ROOM_SPAN))
        for name in self._targets:
            rows.append((f"error:{name}", 0.0, span_of(self._site.cvs[self._cv_index[name]])))
        rows += [(f"trend:{tag.variable}", 0.0, span_of(tag)) for _, tag in self._temperatures]
        rows += [
            ("slate_gap", 0.0, SLATE_SPAN),
            ("slate_age", 0.0, 1.0),
            ("feed_gap", 0.0, FEED_SPAN),
        ]
        rows += [(f"price:{low}-{high}", 0.0, PRICE_SPAN) for low, high in pairwise(CUTS)]
        rows += [(f"action:{name}", 0.0, 1.0) for name in self._action_names]
        names, centres, spans = zip(*rows, strict=True)
        return ObservationLayout(names, centres, spans)

    def start(self) -> History:
        """Return an empty history."""
        return History(
            cvs=np.full((self._n_window, len(self._site.cvs)), np.nan),
            dvs=np.full((self._n_window, len(self._site.dvs)), np.nan),
            slate=np.zeros(0),
            slate_age_s=math.inf,
            action=np.zeros(len(self._action_names)),
        )

    def after_scan(self, history: History, scan: ScanValues) -> History:
        """Return the history with one more scan.

        Args:
            history: before.
            scan: `y` in the order of the site's CVs, `d` in that of its DVs [SI].
        """
        slate = scan.d[[index for index, _ in self._crudes]]
        first = history.slate.size == 0
        switched = not first and bool(np.max(np.abs(slate - history.slate)) > NEW_SLATE)
        return replace(
            history,
            cvs=np.vstack([history.cvs[1:], scan.y]),
            dvs=np.vstack([history.dvs[1:], scan.d]),
            slate=slate if first or switched else history.slate,
            slate_age_s=0.0 if switched else history.slate_age_s + self._control_s,
        )

    def after_action(self, history: History, action: FloatArray) -> History:
        """Return the history with the last action replaced, shape (n_action,)."""
        return replace(history, action=action.copy())

    def observe(
        self,
        history: History,
        scan: ScanValues,
        target: HeldTarget | None,
        targets: EconomicTargets,
    ) -> FloatArray:
        """Return the observation, shape (n_obs,); NaN where too few readings were good.

        Args:
            history: with this scan already in it.
            scan: of this cycle.
            target: of the controller; None before its first, no limit has a price then.
            targets: that are tracked.
        """
        raw: dict[str, float] = {}
        room = _room(target)
        for index, tag in self._limited:
            recent, trend, spread = _window(history.cvs[:, index])
            noise = NOISE_SHARE * span_of(tag)
            raw[f"margin:{tag.variable}"] = _margin(tag, recent)
            raw[f"spread:{tag.variable}"] = math.log10(max(spread / noise, 0.1))
            raw[f"trend:{tag.variable}"] = trend
            raw[f"room:{tag.variable}"] = room.get(tag.variable, 0.0) * noise * HOUR_S
        for name in self._targets:
            recent, _, _ = _window(history.cvs[:, self._cv_index[name]])
            raw[f"error:{name}"] = recent - targets.targets.get(name, recent)
        for index, tag in self._temperatures:
            raw[f"trend:{tag.variable}"] = _window(history.dvs[:, index])[1]
        raw |= self._feed_and_slate(history, scan, targets)
        for low, high in pairwise(CUTS):
            raw[f"price:{low}-{high}"] = targets.stream_prices[low] - targets.stream_prices[high]
        for name, value in zip(self._action_names, history.action.tolist(), strict=True):
            raw[f"action:{name}"] = value
        return self.layout.scaled(raw)

    def _feed_and_slate(
        self, history: History, scan: ScanValues, targets: EconomicTargets
    ) -> dict[str, float]:
        gap = sum(abs(scan.d[i] - targets.slate.get(key, 0.0)) for i, key in self._crudes)
        return {
            "slate_gap": 0.5 * float(gap),
            "slate_age": math.exp(-history.slate_age_s / self._memory_s),
            "feed_gap": float(scan.u_readback[self._feed_index]) / targets.flow_vol_feed - 1.0,
        }


def span_of(tag: Tag) -> float:
    """Return the span by which deviations of a CV are divided [SI].

    Raises:
        InputError: there is none for its dimension.
    """
    dimension = unit(tag.unit).dimension
    if dimension not in SPANS:
        raise InputError(f"tag {tag.name}: the supervisor has no span for a {dimension}")
    return SPANS[dimension]


def _is_limited(tag: Tag) -> bool:
    edges = (tag.soft.low, tag.soft.high, tag.operator.low, tag.operator.high)
    return any(math.isfinite(edge) for edge in edges)


def _room(target: HeldTarget | None) -> dict[str, float]:
    """Return the price of each variable's limits [usd/s per SI unit]."""
    prices: dict[str, float] = {}
    if target is not None:
        for limit, price in zip(target.active, target.prices, strict=True):
            variable = limit.rpartition(" ")[0]
            prices[variable] = prices.get(variable, 0.0) + price
    return prices


def _margin(tag: Tag, value: float) -> float:
    low = max(tag.soft.low, tag.operator.low)
    high = min(tag.soft.high, tag.operator.high)
    return min(high - value, value - low)


def _window(column: FloatArray) -> tuple[float, float, float]:
    """Return recent mean, recent minus earlier mean, and standard deviation of one signal.

    All NaN when under half of the readings in either part are good.
    """
    n_recent = column.size // RECENT_SHARE
    earlier, recent = column[:-n_recent], column[-n_recent:]
    good_earlier, good_recent = (part[np.isfinite(part)] for part in (earlier, recent))
    if 2 * good_earlier.size < earlier.size or 2 * good_recent.size < recent.size:
        return math.nan, math.nan, math.nan
    mean = float(good_recent.mean())
    everything = np.concatenate([good_earlier, good_recent])
    return mean, mean - float(good_earlier.mean()), float(everything.std())
