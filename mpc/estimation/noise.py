"""How much an estimator trusts the model and how much the readings, from few numbers.

The readings have the noise of their instruments, and the states that of the model's errors. A
disturbance walks at random, as fast as makes the filter follow it with the wanted time constant
tau: for a constant that is seen through noise of spectral density s the steady Kalman filter has
the time constant sqrt(s / q) (scalar Riccati equation in continuous time), so that its walk is

    q = s / tau^2,    1/s = g' S^-1 g,    S = R T + G Q G'.

S is what blurs the outputs at that pace: readings with variances R every T seconds, and the states'
noise Q through the model. With M = (I / tau - A)^-1 it comes to the outputs by G = C M, and the
disturbance by g = C M B + D. Where biases are all there is, they are seen through each other
while the states still move: S is taken at a slower pace, and for all of them together. Beside inner
disturbances they take what those leave.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.mpc.engine.linearise import ScaledModel
from operator_agent.mpc.engine.sampled_model import SampledModel
from operator_agent.mpc.estimation.detectability import linearised
from operator_agent.mpc.estimation.disturbances import DisturbanceModel, Model
from operator_agent.mpc.variables import ControlVariables
from operator_agent.units import HOUR_S

LEAST_NOISE = 2e-3  # spans: an instrument without noise is trusted no further than its resolution
LEAST_STATE_NOISE = 1e-4  # spans in an hour: keeps covariances regular
BIAS_PACE = 0.25  # of 1/tau: what is left of a bias then is blurred by states that have settled


@dataclass(frozen=True, slots=True)
class NoiseTuning:
    """What may be tuned.

    Attributes:
        time_constant_s: in which disturbances are followed [s].
        time_constants_s: the same for single ones, by name (`bias_<CV>`, `shift_<MV or DV>`,
            `rate_<state>`) [s].
        state_noise: standard deviation that every state gathers in an hour by errors of the
            model [spans]; more makes the states follow the readings, less the model.
        first_spread: standard deviation of states and inner disturbances at the start [spans].
    """

    time_constant_s: float = 1200.0
    time_constants_s: Mapping[str, float] = field(default_factory=dict)
    state_noise: float = 0.1
    first_spread: float = 0.3

    def __post_init__(self) -> None:
        """Freeze the mapping and refuse what makes no filter."""
        object.__setattr__(self, "time_constants_s", MappingProxyType(dict(self.time_constants_s)))
        positive = {"time_constant_s": self.time_constant_s, **self.time_constants_s}
        for name, value in positive.items():
            if not 0.0 < value < math.inf:
                raise InputError(f"time constant {name} is {value} s; it must be above zero")
        if not (self.state_noise >= 0.0 and self.first_spread > 0.0):
            raise InputError("state_noise is zero or more and first_spread above zero [spans]")


@dataclass(frozen=True, slots=True)
class NoiseModel:
    """Variances of everything, scaled; z stands for states, inner disturbances and biases.

    Attributes:
        readings: of the noise of each CV, shape (n_y,).
        walk: gathered per second by each of z, shape (n_z,) [1/s].
        first: of each of z at the start, shape (n_z,).
    """

    readings: FloatArray
    walk: FloatArray
    first: FloatArray


def noise_model(
    planning: Model,
    estimated: Model,
    disturbances: DisturbanceModel,
    variables: ControlVariables,
    tuning: NoiseTuning,
    cycle_s: float,
) -> NoiseModel:
    """Return the variances that the tuning asks for.

    Args:
        planning: model with inner disturbances last in d.
        estimated: `estimated_model` of it.
        disturbances: that are integrated.
        variables: with the noise of the CVs.
        tuning: time constants and trust.
        cycle_s: time between scans [s].

    Raises:
        InputError: a time constant names something that is not estimated, or a disturbance does
            nothing to the CVs.
    """
    unknown = [name for name in tuning.time_constants_s if name not in disturbances.names]
    if unknown:
        raise InputError(
            f"time constant of {', '.join(unknown)}: estimated are {', '.join(disturbances.names)}"
        )
    readings = np.maximum(variables.cv_noise / planning.y_scale, LEAST_NOISE) ** 2
    state = max(tuning.state_noise, LEAST_STATE_NOISE) ** 2 / HOUR_S
    named = [tuning.time_constants_s.get(n, tuning.time_constant_s) for n in disturbances.names]
    taus_s = np.maximum(named, cycle_s)
    n_inner = len(disturbances.inner)
    blur = _densities_seen(estimated, taus_s, n_inner, readings * cycle_s, state)
    spread = tuning.first_spread**2
    biases = [readings[planning.y_names.index(name)] for name in disturbances.outputs]
    inner = np.full(n_inner, spread)
    return NoiseModel(
        readings=readings,
        walk=np.concatenate([np.full(planning.n_x, state), blur / taus_s**2]),
        first=np.concatenate([np.full(planning.n_x, spread), inner, np.array(biases)]),
    )


def _densities_seen(
    estimated: Model, taus_s: FloatArray, n_inner: int, readings: FloatArray, state: float
) -> FloatArray:
    """Return the spectral densities s of the noise through which disturbances are seen.

    Args:
        estimated: model with its disturbances as the last states.
        taus_s: time constant of each disturbance, shape (n,) [s].
        n_inner: number of inner disturbances.
        readings: density of the readings' noise, shape (n_y,) [s].
        state: what each state gathers per second [1/s].
    """
    a, c = linearised(ScaledModel.of(estimated))
    n_z, n_x = a.shape[0], a.shape[0] - taus_s.size
    if isinstance(estimated, SampledModel):
        a = (a - np.eye(n_z)) / estimated.sample_time_s
    densities = np.empty(taus_s.size)
    for i, tau_s in enumerate(taus_s):
        pace = 1.0 / tau_s if n_inner else BIAS_PACE / tau_s
        through = np.linalg.solve((np.eye(n_z) * pace - a).T, c.T).T
        blur = np.diag(readings) + state * through[:, :n_x] @ through[:, :n_x].T
        seen = through[:, n_x:] * pace
        if not n_inner:
            densities[i] = _density_among(seen, blur)[i]
            continue
        information = float(seen[:, i] @ np.linalg.solve(blur, seen[:, i]))
        if not information > 0.0:
            raise InputError(
                f"disturbance {estimated.x_names[n_x + i]} does nothing to the CVs within "
                f"{tau_s:g} s; leave it out or give it a longer time constant"
            )
        densities[i] = 1.0 / information
    return densities


def _density_among(seen: FloatArray, blur: FloatArray) -> FloatArray:
    """Return a density for each of several disturbances of which none is known, shape (n,).

    The states' noise blurs some combination of them more than any single one. With the densities of
    the single ones times the largest eigenvalue of their correlations that combination, too, is
    followed in time.

    Args:
        seen: what each does to the outputs, shape (n_y, n).
        blur: density of the outputs' noise, shape (n_y, n_y) [s].
    """
    together = np.linalg.inv(seen.T @ np.linalg.solve(blur, seen))
    single = np.diag(together)
    spread = np.sqrt(single)
    found: FloatArray = single * np.linalg.eigvalsh(together / np.outer(spread, spread))[-1]
    return found
