"""Distance from limits that follows from how well the CVs have been predicted lately.

A plan that rides on a limit puts the predicted CV there; the true one lies around it by what the
prediction misses. The innovations e = reading - prediction show that, with the reading's noise on
top, so that one cycle ahead

    var(y - prediction) = var(e) - noise^2.

A CV that the MVs reach only after h cycles has to be predicted so far. In the innovations form of a
filter whose estimate of the output follows with gain f, errors that come meanwhile add up:

    var(h) = var(e) (1 + (h - 1) f^2) - noise^2.

The back-off is a quantile of the normal distribution with this variance, times a factor. In closed
loop a CV on a limit is not spread evenly about it: the plan brings it down at once and up with its
weights, so that the quantile alone is kept up to twice as often as wanted. The factor follows how
often the limit is passed while a plan rests on it,

    factor <- factor + STEP ([passed] - (1 - quantile)),

which stands still when that is as often as wanted. Sources: Gibbs and Candes, "Adaptive conformal
inference under distribution shift", Adv. Neural Inf. Process. Syst. 34 (2021), eq. 2; Van Hessem
and Bosgra, "Closed-loop stochastic dynamic process optimization under input and state constraints",
Proc. American Control Conf. (2002) 2023, on back-off from covariances; Kailath, "An innovations
approach to least-squares estimation", IEEE Trans. Autom. Control 13 (1968) 646.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from statistics import NormalDist
from types import MappingProxyType

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.mpc.variables import ControlVariables

STEP = 0.05  # of the factor: it settles within some hundred cycles on a limit, without wandering
LEAST, MOST = 0.25, 2.0  # of the factor: what is known of the predictions stays the measure
FEWEST = 20.0  # readings: of fewer a variance is uncertain by a third, and none is drawn from it


@dataclass(frozen=True, slots=True)
class BackOffRule:
    """How far limits are kept off.

    Attributes:
        quantile: share of the time that a CV which rides on a limit shall keep it.
        memory_cycles: time constant in which the variance is followed [cycles].
        recovery_cycles: until the MVs reach a CV, by name; one where nothing is said [cycles].
        gain: part of an innovation that the estimate of an output keeps, 0 to 1: the filter of a
            bias; 1 is safe.
        largest: back-off at most, by CV [SI]; one span where nothing is said.
    """

    quantile: float = 0.95
    memory_cycles: float = 200.0
    recovery_cycles: Mapping[str, float] = field(default_factory=dict)
    gain: float = 1.0
    largest: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Freeze the mappings and refuse numbers that are no rule."""
        for name in ("recovery_cycles", "largest"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))
        if not 0.5 <= self.quantile < 1.0:
            raise InputError(f"quantile is {self.quantile}; a back-off needs 0.5 up to below 1")
        if not 1.0 <= self.memory_cycles < np.inf:
            raise InputError(f"memory_cycles is {self.memory_cycles}; take one cycle or more")
        if not 0.0 <= self.gain <= 1.0:
            raise InputError(f"gain is {self.gain}; an innovation counts from 0 to 1")
        for name, least in (("recovery_cycles", 1.0), ("largest", 0.0)):
            for cv, value in getattr(self, name).items():
                if not least <= value < np.inf:
                    raise InputError(f"{name} of {cv} is {value}; it must be {least:g} or more")

    def check_names(self, variables: ControlVariables) -> None:
        """Refuse names that are no CVs.

        Raises:
            InputError: with the name.
        """
        unknown = [n for n in (*self.recovery_cycles, *self.largest) if n not in variables.cv_names]
        if unknown:
            raise InputError(
                f"back-off of {unknown[0]}: no CV; CVs are {', '.join(variables.cv_names)}"
            )


@dataclass(frozen=True, slots=True)
class Spread:
    """What is known of the innovations.

    Attributes:
        squares: weighted sum of their squares, shape (n_y,) [SI^2].
        weights: sum of the weights, shape (n_y,).
        readings: that counted, shape (n_y,).
        factors: on the quantile, shape (n_y,).
        rested_on: limits that held the last plan, `name rank side`.
    """

    squares: FloatArray = field(default_factory=lambda: np.zeros(0))
    weights: FloatArray = field(default_factory=lambda: np.zeros(0))
    readings: FloatArray = field(default_factory=lambda: np.zeros(0))
    factors: FloatArray = field(default_factory=lambda: np.zeros(0))
    rested_on: tuple[str, ...] = ()

    def with_innovation(self, innovation: FloatArray, rule: BackOffRule | None) -> "Spread":
        """Return what is known after a scan.

        Args:
            innovation: shape (n_y,) [SI]; NaN where no reading counted.
            rule: for its memory; without one nothing is gathered.
        """
        if rule is None:
            return self
        none = np.zeros(innovation.size)
        before = self if self.squares.size else Spread(none, none, none, none + 1.0)
        seen = np.isfinite(innovation)
        kept = np.where(seen, np.exp(-1.0 / rule.memory_cycles), 1.0)
        squares = np.where(seen, innovation, 0.0) ** 2
        return replace(
            before,
            squares=kept * before.squares + squares,
            weights=kept * before.weights + seen,
            readings=before.readings + seen,
        )

    def with_ride(
        self, y: FloatArray, variables: ControlVariables, rule: BackOffRule | None
    ) -> "Spread":
        """Return what is known when the CVs have come where the last plan wanted them.

        Args:
            y: estimated CVs, shape (n_y,) [SI].
            variables: limits without back-offs.
            rule: for the share wanted; without one nothing is gathered.
        """
        if rule is None or not self.rested_on:
            return self
        passed: dict[str, bool] = {}
        for limit in sorted(self.rested_on):  # hard before soft: the hard one counts
            name, rank, side = limit.rsplit(" ", 2)
            if name in variables.cv_names and rank in ("hard", "soft") and name not in passed:
                i = variables.cv_names.index(name)
                edge = getattr(variables, f"cv_{rank}_{side}")[i]
                passed[name] = bool(y[i] > edge if side == "high" else y[i] < edge)
        factors = self.factors.copy()
        for name, over in passed.items():
            factors[variables.cv_names.index(name)] += STEP * (over - (1.0 - rule.quantile))
        return replace(self, factors=np.clip(factors, LEAST, MOST))

    def back_offs(
        self, rule: BackOffRule, variables: ControlVariables, y_scale: FloatArray
    ) -> tuple[dict[str, float], list[str]]:
        """Return the back-off of each CV [SI], and one text for each that was cut.

        Args:
            rule: quantile, recovery and bounds.
            variables: names and noise of the CVs.
            y_scale: spans, shape (n_y,) [SI].
        """
        found: dict[str, float] = {}
        cut: list[str] = []
        sigmas = NormalDist().inv_cdf(rule.quantile)
        for i in np.flatnonzero(self.readings >= FEWEST):
            name = variables.cv_names[i]
            variance = self.squares[i] / self.weights[i]
            ahead = rule.recovery_cycles.get(name, 1.0) - 1.0
            variance = variance * (1.0 + ahead * rule.gain**2) - variables.cv_noise[i] ** 2
            wanted = float(self.factors[i]) * sigmas * float(np.sqrt(max(variance, 0.0)))
            largest = rule.largest.get(name, float(y_scale[i]))
            found[name] = min(wanted, largest)
            if wanted > largest:
                cut.append(f"back-off of {name}: {wanted:.6g} cut to {largest:.6g}")
        return found, cut

    def larger(
        self,
        rule: BackOffRule | None,
        variables: ControlVariables,
        y_scale: FloatArray,
        advised: Mapping[str, float],
    ) -> tuple[Mapping[str, float], list[str]]:
        """Return the larger of own and advised back-offs [SI], and what of the own ones was cut.

        Args:
            rule: None keeps to the advice.
            variables, y_scale: as for `back_offs`.
            advised: by CV [SI].
        """
        if rule is None:
            return advised, []
        own, cut = self.back_offs(rule, variables, y_scale)
        names = (*own, *advised)
        return {n: max(own.get(n, 0.0), advised.get(n, 0.0)) for n in names}, cut
