"""Transfer functions of all channels of one output at once, by nonlinear least squares.

    y[k] = offset (+ trend) + sum_j G_j(u_j) + v[k],    v an autoregression

is the Box-Jenkins structure with dead times that need not be whole samples. The covariance is the
asymptotic one of the prediction error method. Source: Ljung, "System Identification", 2nd ed.,
Prentice Hall 1999, sections 4.2 and 9.4.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from operator_agent.arrays import FloatArray
from operator_agent.mpc.identification.element import Form, response
from operator_agent.mpc.identification.noise_model import Readings, whitened

LONGEST_DEAD_TIME = 0.7  # of the settling time
_LARGEST_LAG = 2.0  # of the settling time
_SMALLEST_LAG = 0.1  # of a sample
_STEPS = {"log_time_constant": 1e-4, "log_second_time_constant": 1e-4}  # of finite differences
_STEP_S = 0.05  # of a sample: dead time and lead; over the kink at whole samples
_TOLERANCE = 1e-7  # relative: far below any uncertainty
_MOST_EVALUATIONS = 40
_FLOOR = 1e-12  # of the largest eigenvalue: what the data do not fix gets a wide interval


@dataclass(frozen=True, slots=True)
class OutputData:
    """One output with everything that acts on it.

    Attributes:
        name: of the output.
        source_names: of the inputs.
        sources: deviations from nominal, whole record, shape (n, n_sources).
        readings: when the output was read.
        y: at the readings, shape (n_readings,).
        sample_s, settling_s: of the record, and time after which a step has settled [s].
        integrating: whether the output goes on moving instead of settling.
    """

    name: str
    source_names: tuple[str, ...]
    sources: FloatArray
    readings: Readings
    y: FloatArray
    sample_s: float
    settling_s: float
    integrating: bool

    def effect(self, source: int, form: Form, parameters: FloatArray) -> FloatArray:
        """Return the effect of one source on the whole record, shape (n,)."""
        u = self.sources[:, source]
        if form is Form.RATE:
            return response(form, parameters, u, self.sample_s)
        moved = response(form, parameters, u - u[0], self.sample_s)
        shifted: FloatArray = moved + parameters[0] * u[0]
        return shifted

    def trends(self) -> FloatArray:
        """Return the columns of offset and, for an integrating output, trend, at the readings."""
        rows = self.readings.rows
        ones = np.ones((len(rows), 1))
        return np.column_stack((ones, rows / len(self.sources))) if self.integrating else ones


@dataclass(frozen=True, slots=True)
class ParametricFit:
    """Transfer functions of one output.

    Attributes:
        forms: by source; a source that is left out has no effect.
        parameters: by source.
        covariance: of the parameters by source.
        trend: coefficients of the trends.
        ar: of the disturbance.
        variance: of its innovations.
        score: Bayes information criterion; comparable for the same `ar`.
    """

    forms: Mapping[int, Form]
    parameters: Mapping[int, FloatArray]
    covariance: Mapping[int, FloatArray]
    trend: FloatArray
    ar: FloatArray
    variance: float
    score: float

    def simulated(self, data: OutputData) -> FloatArray:
        """Return the effect of all sources on the whole record, without offset, shape (n,)."""
        total = np.zeros(len(data.sources))
        for source, form in self.forms.items():
            total += data.effect(source, form, self.parameters[source])
        return total

    def disturbance(self, data: OutputData) -> FloatArray:
        """Return what is left of the readings, shape (n_readings,)."""
        rows = data.readings.rows
        left: FloatArray = data.y - self.simulated(data)[rows] - data.trends() @ self.trend
        return left


def fitted(
    data: OutputData,
    forms: Mapping[int, Form],
    start: Mapping[int, FloatArray],
    ar: FloatArray,
) -> ParametricFit:
    """Return the transfer functions that leave the smallest innovations.

    Args:
        data: of the output.
        forms: by source.
        start: parameters to begin with, by source.
        ar: of the disturbance, held.
    """
    search = _Search(data, forms, ar)
    low, high = search.bounds()
    first = np.concatenate([*(start[j] for j in forms), np.zeros(search.trends.shape[1])])
    first = np.clip(first, low, high)
    first[search.n :] = search.trend_of(first)
    found = least_squares(
        search.residual,
        first,
        search.slopes,
        bounds=(low, high),
        x_scale="jac",
        xtol=_TOLERANCE,
        ftol=_TOLERANCE,
        gtol=None,
        max_nfev=_MOST_EVALUATIONS,
    )
    return search.result(found.x)


class _Search:
    """Residuals and slopes of one least-squares problem."""

    def __init__(self, data: OutputData, forms: Mapping[int, Form], ar: FloatArray) -> None:
        self._data, self._forms, self._ar = data, dict(forms), ar
        self._heads = data.readings.heads(len(ar))
        self._y = self._white(data.y)
        self.trends = self._white(data.trends())
        self._places: dict[int, slice] = {}
        self.n = 0
        for source, form in self._forms.items():
            self._places[source] = slice(self.n, self.n + len(form.value))
            self.n += len(form.value)

    def _white(self, values: FloatArray) -> FloatArray:
        return whitened(values, self._ar, self._heads)

    def _effect(self, source: int, parameters: FloatArray) -> FloatArray:
        found = self._data.effect(source, self._forms[source], parameters)
        return self._white(found[self._data.readings.rows])

    def _moved(self, z: FloatArray) -> FloatArray:
        total: FloatArray = np.zeros(len(self._heads))
        for source, place in self._places.items():
            total = total + self._effect(source, z[place])
        return total

    def trend_of(self, z: FloatArray) -> FloatArray:
        """Return the trend that fits best beside given channels."""
        left = self._y - self._moved(z)
        return np.linalg.lstsq(self.trends, left, rcond=None)[0].astype(np.float64)

    def residual(self, z: FloatArray) -> FloatArray:
        """Return the innovations."""
        return self._moved(z) + self.trends @ z[self.n :] - self._y

    def slopes(self, z: FloatArray) -> FloatArray:
        """Return the Jacobian of the innovations by central differences in each channel alone."""
        columns = []
        low, high = self.bounds()
        for source, place in self._places.items():
            for k, name in enumerate(self._forms[source].value):
                columns.append(self._slope(source, z[place], k, name, low[place], high[place]))
        return np.column_stack((*columns, self.trends))

    def _slope(
        self, source: int, own: FloatArray, k: int, name: str, low: FloatArray, high: FloatArray
    ) -> FloatArray:
        if name in ("gain", "rate_gain"):  # linear, and exact where the gain is zero
            unit = own.copy()
            unit[0] = 1.0
            return self._effect(source, unit)
        step = _STEPS.get(name, _STEP_S * self._data.sample_s)
        below, above = own.copy(), own.copy()
        below[k], above[k] = max(own[k] - step, low[k]), min(own[k] + step, high[k])
        change = self._effect(source, above) - self._effect(source, below)
        slope: FloatArray = change / (above[k] - below[k])
        return slope

    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """Return the limits of all parameters."""
        settling_s = self._data.settling_s
        lags = (np.log(_SMALLEST_LAG * self._data.sample_s), np.log(_LARGEST_LAG * settling_s))
        limits = {
            "log_time_constant": lags,
            "log_second_time_constant": lags,
            "dead_time_s": (0.0, LONGEST_DEAD_TIME * settling_s),
            "lead_s": (-settling_s, settling_s),
        }
        open_ended = (-np.inf, np.inf)
        names = [name for form in self._forms.values() for name in form.value]
        pairs = [limits.get(name, open_ended) for name in names]
        pairs += [open_ended] * self.trends.shape[1]
        return np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs])

    def result(self, z: FloatArray) -> ParametricFit:
        """Return the fit at a point, with its covariance."""
        for place in self._places.values():
            if z[place][-1] < _STEP_S * self._data.sample_s:  # too small to tell from none
                z[place.stop - 1] = 0.0
        left, slopes = self.residual(z), self.slopes(z)
        m, n = slopes.shape
        rest = float(left @ left)
        variance = rest / max(m - n - len(self._ar), 1)
        covariance = variance * _inverse(slopes.T @ slopes)
        score = m * float(np.log(max(rest, 1e-300) / m)) + n * float(np.log(m))
        return ParametricFit(
            self._forms,
            {source: z[place].copy() for source, place in self._places.items()},
            {source: covariance[place, place] for source, place in self._places.items()},
            z[self.n :].copy(),
            self._ar,
            variance,
            score,
        )


def _inverse(gram: FloatArray) -> FloatArray:
    """Return the inverse; directions that the data do not fix become very uncertain."""
    size = np.sqrt(np.maximum(np.diag(gram), _FLOOR * np.max(np.diag(gram))))
    values, vectors = np.linalg.eigh(gram / np.outer(size, size))
    safe = np.maximum(values, _FLOOR * values[-1])
    inverse: FloatArray = (vectors / safe) @ vectors.T / np.outer(size, size)
    return inverse
