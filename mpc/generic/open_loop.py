"""How fast a plant is when nobody controls it: what the defaults of a controller follow from."""

from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.mpc.engine.linearise import ScaledModel
from operator_agent.mpc.engine.sampled_model import SampledModel
from operator_agent.mpc.generic.equations import Model
from operator_agent.plant.generic.linear_plant import held_input_matrices

SETTLED = 0.02  # of the largest deviation of a response
RISEN = 0.632  # of the final value: one time constant
TIME_CONSTANTS = 5.0  # after which a mode has died away
SAMPLES = 400  # of a response, at least
MOST_SAMPLES = 4000
LASTING = 1e-7  # a mode whose size shrinks by less per sample counts as one that lasts
SLOWEST_S = 3.6e6  # a mode slower than six weeks counts as one that lasts
FLAT = 1e-9  # of the largest singular value of the rates: a smaller one is none
HOLDS = 1e-6  # part in a direction that lasts, less is rounding
SEEN_GROWTHS = 3.0  # time constants of growth after which a response tells of nothing else
NOWHERE = 1e-6  # of the last value of a response: less is a dead time
VISIBLE = 0.1  # of a CV's largest gain: a smaller one does not steer it


@dataclass(frozen=True, slots=True)
class OpenLoop:
    """Responses of the CVs to the MVs, linearised at the nominal point, in spans.

    Attributes:
        times_s: of the samples, shape (n,) [s].
        responses: to a step of one span of each MV, shape (n, n_y, n_u).
        settles: whether all modes die away.
        integrating: states that take part in modes that last without growing.
        settling_s: until a response stays within 2 % of its size, shape (n_y, n_u) [s]; 0 where
            there is none, infinite where it does not settle.
        rise_s: until it reaches 63 %, shape (n_y, n_u) [s]; as above.
        gains: at the end of the samples, shape (n_y, n_u).
        growing_s: time constant of the mode that grows fastest [s]; infinite where none does.
    """

    times_s: FloatArray
    responses: FloatArray
    settles: bool
    integrating: tuple[str, ...]
    settling_s: FloatArray
    rise_s: FloatArray
    gains: FloatArray
    growing_s: float = np.inf

    def gains_at(self, time_s: float, horizon_s: float) -> FloatArray:
        """Return what a span of each MV has done to each CV, shape (n_y, n_u).

        Args:
            time_s: by which, of responses that do not settle [s].
            horizon_s: by which, of those that do: what comes later steers nothing [s].
        """
        last = len(self.times_s) - 1
        soon, late = (min(int(np.searchsorted(self.times_s, t)), last) for t in (time_s, horizon_s))
        found: FloatArray = np.where(
            np.isfinite(self.settling_s), self.responses[late], self.responses[soon]
        )
        return found

    def slowest_s(self, cvs: list[int]) -> float:
        """Return the longest settling time of some CVs that can be steered [s]; 0 for none."""
        times = self.settling_s[cvs]
        finite = times[np.isfinite(times)]
        return float(np.max(finite, initial=0.0))

    def reach_s(self, cvs: list[int], most_s: float) -> tuple[float, float]:
        """Return how late and how fast CVs that do not settle follow their best MVs.

        Args:
            cvs: numbers of them; those that settle count as following at once.
            most_s: longest time to look at [s].

        Returns:
            Time for which the response goes nowhere or the wrong way, and time until it has come
            one span far, of the slowest CV [s].
        """
        window = self.times_s <= min(self.times_s[-1], SEEN_GROWTHS * self.growing_s)
        count = max(1, int(np.sum(window)))
        late_s, far_s = 0.0, 0.0
        for cv in cvs:
            found = [
                self._reached(cv, int(mv), count, most_s)
                for mv in np.flatnonzero(np.isinf(self.rise_s[cv]))
            ]
            if found:
                late, far = min(found, key=max)
                late_s, far_s = max(late_s, late), max(far_s, far)
        return late_s, far_s

    def _reached(self, cv: int, mv: int, count: int, most_s: float) -> tuple[float, float]:
        response = self.responses[:count, cv, mv]
        far = np.flatnonzero(np.abs(response) >= 1.0)
        if far.size and np.isfinite(self.growing_s):  # later it may swing
            response = response[: far[0] + 1]
        right = response * np.sign(response[-1]) > NOWHERE * np.abs(response[-1])
        wrong = np.flatnonzero(~right)
        late_s = self.times_s[wrong[-1]] if wrong.size else 0.0
        return min(float(late_s), most_s), float(self.times_s[far[0]]) if far.size else most_s

    def speed_s(self, cvs: list[int]) -> float:
        """Return the time constant of the slowest of some CVs under its fastest good MV [s]."""
        found = 0.0
        for cv in cvs:
            gains = np.abs(self.gains[cv])
            good = np.isfinite(self.rise_s[cv]) & (gains > VISIBLE * np.max(gains, initial=0.0))
            if bool(np.any(good)):
                found = max(found, float(np.min(self.rise_s[cv][good])))
        return found


def open_loop(model: Model, cycle_s: float) -> OpenLoop:
    """Return the open-loop responses of a model.

    Args:
        model: continuous or sampled; it is linearised at its nominal point.
        cycle_s: of the controller [s]: the shortest sample that matters.

    Raises:
        InputError: the derivatives at the nominal point are not finite.
    """
    a, b, c, through = matrices(model)
    values = np.linalg.eigvals(a)
    if isinstance(model, SampledModel):
        sample_s, phi, gamma = model.sample_time_s, a, b
        sizes = np.abs(values)
        lasting = sizes >= 1.0 - max(LASTING, sample_s / SLOWEST_S)
        slowest = -sample_s / np.log(np.maximum(sizes[~lasting], 1e-12))
        longest_s = float(np.max(slowest, initial=0.0)) + sample_s * a.shape[0]
        fastest = float(np.max(sizes, initial=0.0))
        growing_s = sample_s / np.log(fastest) if fastest > 1.0 + LASTING else np.inf
    else:
        lasting = values.real >= -1.0 / SLOWEST_S
        longest_s = float(np.max(-1.0 / values.real[~lasting], initial=0.0))
        sample_s = max(cycle_s, TIME_CONSTANTS * longest_s / SAMPLES)
        phi, gamma = held_input_matrices(a, b, sample_s)
        fastest = float(np.max(values.real, initial=0.0))
        growing_s = 1.0 / fastest if fastest > 1.0 / SLOWEST_S else np.inf
    count = int(np.clip(TIME_CONSTANTS * longest_s / sample_s, SAMPLES / 4, MOST_SAMPLES))
    responses = _responses(phi, gamma, c, through, count)
    times_s: FloatArray = sample_s * np.arange(1.0, count + 1.0)
    settling_s, rise_s = _times(times_s, responses)
    some = bool(np.any(lasting))
    names = lasting_states(model, a) if some else ()
    return OpenLoop(
        times_s, responses, not some, names, settling_s, rise_s, responses[-1], float(growing_s)
    )


def matrices(model: Model) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return scaled A, B, C, D at the nominal point.

    Raises:
        InputError: they are not finite.
    """
    point = (model.x_nominal / model.x_scale, model.u_nominal / model.u_scale, model.d_nominal)
    a, b, c, through = (m.full() for m in ScaledModel.of(model).jacobians(*point)[2:])
    if not all(bool(np.all(np.isfinite(m))) for m in (a, b, c, through)):
        raise InputError(
            f"model {model.name}: its derivatives at the nominal point are not finite; move the "
            "nominal values"
        )
    return a, b, c, through


def _responses(
    phi: FloatArray, gamma: FloatArray, c: FloatArray, through: FloatArray, count: int
) -> FloatArray:
    found = np.empty((count, *through.shape))
    x = np.zeros_like(gamma)
    for k in range(count):
        with np.errstate(over="ignore", invalid="ignore"):
            x = phi @ x + gamma
            found[k] = c @ x + through
    return found


def _times(times_s: FloatArray, responses: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return settling and rise times of each response."""
    final, size = responses[-1], np.max(np.abs(responses), axis=0)
    size = np.where(np.isfinite(size), size, np.inf)
    tiny = size <= 1e-9 * np.max(size, initial=0.0)
    with np.errstate(invalid="ignore"):  # infinite where it runs away
        outside = ~(np.abs(responses - final) <= SETTLED * size)
    last = outside.shape[0] - np.argmax(outside[::-1], axis=0)  # after the last one outside
    settling = np.where(np.any(outside, axis=0), times_s[np.minimum(last, len(times_s) - 1)], 0.0)
    tenth = max(1, len(times_s) // 10)
    with np.errstate(invalid="ignore"):
        moving = ~(np.abs(final - responses[-1 - tenth]) <= SETTLED * size)
    risen = np.abs(responses) >= RISEN * np.abs(final)
    rise = times_s[np.argmax(risen, axis=0)]
    settling, rise = (np.where(tiny, 0.0, t) for t in (settling, rise))
    return np.where(moving & ~tiny, np.inf, settling), np.where(moving & ~tiny, np.inf, rise)


def lasting_states(model: Model, a: FloatArray, longest_s: float = SLOWEST_S) -> tuple[str, ...]:
    """Return the states that integrate: as few as leave the others a rest when they are held.

    Of a singular matrix the minors of its diagonal are as the products of its left and right null
    vectors: the state that takes most part in both is held. A state that only others integrate, as
    a speed a place, takes part in one of them, and integrates too once those are held.

    Args:
        model: of the process.
        a: slopes of its rates, or of its steps, by the states, scaled.
        longest_s: what takes longer to move by a span counts as what does not move by itself [s].
    """
    rates = a - np.eye(a.shape[0]) if isinstance(model, SampledModel) else a
    size = max(float(np.linalg.norm(rates, 2)), 1e-300)
    least = (model.sample_time_s if isinstance(model, SampledModel) else 1.0) / longest_s
    found: set[int] = set()
    left = np.arange(a.shape[0])
    while left.size:
        into, sizes, directions = np.linalg.svd(rates[np.ix_(left, left)])
        flat = sizes <= max(FLAT * size, least)
        if not bool(np.any(flat)):
            break
        moves = np.linalg.norm(directions[flat], axis=0)
        both = moves * np.linalg.norm(into[:, flat], axis=1)
        held = int(np.argmax(both if np.max(both) > HOLDS else moves))
        found.add(int(left[held]))
        left = np.delete(left, held)
    return tuple(model.x_names[i] for i in sorted(found))
