"""A record of plant data becomes a linear model: fit, validation, verdicts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.mpc.identification.channel import (
    ChannelReport,
    channel_report,
    still_channel,
)
from operator_agent.mpc.identification.cleaning import Cleaning, cleaned
from operator_agent.mpc.identification.noise_model import readings_at
from operator_agent.mpc.identification.parametric import OutputData
from operator_agent.mpc.identification.record import BoolArray, Record
from operator_agent.mpc.identification.residual_tests import Validation, validate
from operator_agent.mpc.identification.structure import OutputFit, fit_output
from operator_agent.plant.generic.transfer_matrix import Elements
from operator_agent.plant.generic.variable import Variable

Progress = Callable[[float, str], None]

_STILL = 1e-9  # of its size: an input that moved less did not move
_RANGE = (1.0, 99.0)  # percentiles between which a variable's span is taken


@dataclass(frozen=True, slots=True)
class Request:
    """What to identify.

    Attributes:
        mvs, cvs, dvs: names of the columns.
        settling_s: time after which a step has settled [s]; for an integrating output, after
            which its slope has.
        integrating: CVs that go on moving after a step.
        spans: how far a variable typically moves, by name; from the data when not given.
        cleaning: what to leave out.
        validation_share: last part of the rows, kept from the fit.
    """

    mvs: tuple[str, ...]
    cvs: tuple[str, ...]
    dvs: tuple[str, ...] = ()
    settling_s: float = 10_800.0
    integrating: tuple[str, ...] = ()
    spans: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    cleaning: Cleaning = field(default_factory=Cleaning)
    validation_share: float = 0.3

    def __post_init__(self) -> None:
        """Refuse names without a role, roles without a name, and numbers out of range."""
        names = (*self.mvs, *self.dvs, *self.cvs)
        if not self.mvs or not self.cvs:
            raise InputError("an identification needs one MV and one CV at least")
        if len(set(names)) < len(names):
            raise InputError(f"a variable has two roles among {', '.join(names)}; drop one")
        for what, given in (("integrating", self.integrating), ("span", tuple(self.spans))):
            among = self.cvs if what == "integrating" else names
            unknown = [name for name in given if name not in among]
            if unknown:
                raise InputError(f"{what}: '{unknown[0]}' is none of {', '.join(among)}")
        if not 0.05 <= self.validation_share <= 0.7:
            raise InputError(f"validation share {self.validation_share} must be 0.05 to 0.7")
        if not 0.0 < self.settling_s < np.inf:
            raise InputError(f"settling time {self.settling_s} s must be above zero")


@dataclass(frozen=True, slots=True)
class Identified:
    """A linear model of a plant, and what it is worth.

    Attributes:
        name: of the model.
        request: what was asked.
        record: the data, cleaned.
        inputs, disturbances, outputs: variables with nominal values and spans.
        channels: for each output, one report per input and disturbance.
        validations: by output, on rows that the fit has not seen.
        fits: by output, for plots.
        moving: places of the inputs that moved, among inputs and then disturbances.
    """

    name: str
    request: Request
    record: Record
    inputs: tuple[Variable, ...]
    disturbances: tuple[Variable, ...]
    outputs: tuple[Variable, ...]
    channels: tuple[tuple[ChannelReport, ...], ...]
    validations: tuple[Validation, ...]
    fits: tuple[OutputFit, ...]
    moving: tuple[int, ...]

    @property
    def elements(self) -> Elements:
        """Transfer matrix: one row per output; None where there is no effect."""
        return [[channel.element for channel in row] for row in self.channels]

    @property
    def gains(self) -> FloatArray:
        """Gains as estimated with all channels, shape (n_cv, n_mv + n_dv)."""
        return np.array([[channel.gain for channel in row] for row in self.channels])


def identify(
    name: str, record: Record, request: Request, progress: Progress | None = None
) -> Identified:
    """Return the model that a record tells.

    Args:
        name: of the model.
        record: as read.
        request: what to identify.
        progress: called with the share that is done, 0 to 1, and what comes next.

    Raises:
        InputError: a name is not in the record, nothing moved, or too little is left.
    """
    sources = (*request.mvs, *request.dvs)
    tidy = cleaned(record, sources, request.cvs, request.cleaning)
    fit_rows, seen_later = _split(tidy, request.validation_share)
    u = tidy.columns(sources)
    nominal = u[fit_rows].mean(axis=0)
    inputs = tuple(_variable(n, v, u[fit_rows, j], request) for j, (n, v) in
                   enumerate(zip(sources, nominal, strict=True)))  # fmt: skip
    moved = np.ptp(u[fit_rows], axis=0) > _STILL * np.maximum(np.abs(nominal), 1e-300)
    moving = tuple(int(j) for j in np.flatnonzero(moved))
    if not moving:
        raise InputError(f"{record.source}: no input moved; nothing can be told from these data")
    fits, validations, outputs, channels = [], [], [], []
    for number, cv in enumerate(request.cvs):
        if progress is not None:
            progress(number / len(request.cvs), cv)
        data = _data(tidy, request, cv, (u - nominal)[:, moved], moving, fit_rows)
        fit = fit_output(data)
        checked = _data(tidy, request, cv, (u - nominal)[:, moved], moving, seen_later)
        validation = validate(checked, fit.chosen, tidy.start_s)
        output = _variable(cv, _rest(fit), data.y, request)
        fits.append(fit)
        validations.append(validation)
        outputs.append(output)
        channels.append(_reports(output, inputs, moving, fit, validation))
    if progress is not None:
        progress(1.0, "done")
    n_u = len(request.mvs)
    return Identified(
        name,
        request,
        tidy,
        inputs[:n_u],
        inputs[n_u:],
        tuple(outputs),
        tuple(channels),
        tuple(validations),
        tuple(fits),
        moving,
    )


def _split(record: Record, share: float) -> tuple[BoolArray, BoolArray]:
    """Return the rows for the fit and those for its validation, which are later."""
    rows = np.flatnonzero(record.used)
    border = rows[round((1.0 - share) * (len(rows) - 1))]
    later = np.arange(len(record.used)) > border
    return record.used & ~later, record.used & later


def _variable(name: str, nominal: float, values: FloatArray, request: Request) -> Variable:
    low, high = np.percentile(values, _RANGE)
    span = float(high - low)
    return Variable(name, float(nominal), request.spans.get(name, span if span > 0.0 else 1.0))


def _data(
    record: Record,
    request: Request,
    cv: str,
    moved: FloatArray,
    moving: tuple[int, ...],
    rows: BoolArray,
) -> OutputData:
    y = record.column(cv)
    sources = (*request.mvs, *request.dvs)
    readings = readings_at(rows & np.isfinite(y), f"{record.source}: {cv}")
    return OutputData(
        cv,
        tuple(sources[j] for j in moving),
        moved,
        readings,
        y[readings.rows],
        record.sample_time_s,
        request.settling_s,
        cv in request.integrating,
    )


def _rest(fit: OutputFit) -> float:
    """Return where the output rests with the inputs at their nominal values."""
    if fit.data.integrating:
        return float(np.mean(fit.data.y))
    return float(np.mean(fit.data.y - fit.chosen.simulated(fit.data)[fit.data.readings.rows]))


def _reports(
    output: Variable,
    inputs: tuple[Variable, ...],
    moving: tuple[int, ...],
    fit: OutputFit,
    validation: Validation,
) -> tuple[ChannelReport, ...]:
    found = []
    for j, source in enumerate(inputs):
        if j not in moving:
            found.append(still_channel(output.name, source.name))
            continue
        at = moving.index(j)
        full = fit.full
        found.append(
            channel_report(
                output,
                source,
                full.forms[at],
                full.parameters[at],
                full.covariance[at],
                fit.chosen.parameters.get(at),
                fit.data.settling_s,
                validation.independent[source.name],
            )
        )
    return tuple(found)
