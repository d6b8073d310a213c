"""Step tests: planned from a seed within limits, run on a simulated plant, kept as a record."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.mpc.identification.record import Record

_REGISTER_TAPS = {5: (5, 3), 6: (6, 5), 7: (7, 6), 8: (8, 6, 5, 4), 9: (9, 5), 10: (10, 7)}
_PRBS_CLOCK = 0.15  # of the settling time
_GBN_SWITCH = 0.3  # of the settling time: mean time between two switches


class TestKind(Enum):
    """How inputs are moved: one after the other, or all at once between two levels."""

    __test__ = False
    STEP = "step"
    PRBS = "prbs"
    GBN = "gbn"


@dataclass(frozen=True, slots=True)
class TestedInput:
    """An input that a test moves.

    Attributes:
        name: of the input.
        nominal: around which it moves.
        amplitude: to both sides, above zero.
        low, high: limits that the test keeps.
    """

    __test__ = False
    name: str
    nominal: float
    amplitude: float
    low: float = -math.inf
    high: float = math.inf

    def __post_init__(self) -> None:
        """Refuse an amplitude that breaks the limits."""
        if not 0.0 < self.amplitude < math.inf:
            raise InputError(f"test of {self.name}: amplitude {self.amplitude} must be above zero")
        if self.nominal - self.amplitude < self.low or self.nominal + self.amplitude > self.high:
            room = min(self.nominal - self.low, self.high - self.nominal)
            raise InputError(
                f"test of {self.name}: {self.nominal:g} +- {self.amplitude:g} leaves its limits "
                f"{self.low:g} to {self.high:g}; the largest amplitude is {room:g}"
            )


@dataclass(frozen=True, slots=True)
class TestPlan:
    """The inputs of a test, sample by sample; it begins and ends at rest.

    Attributes:
        names: of the inputs.
        values: shape (n, n_inputs); each holds for one sample.
        sample_time_s: [s].
    """

    __test__ = False
    names: tuple[str, ...]
    values: FloatArray
    sample_time_s: float

    @property
    def duration_s(self) -> float:
        """Length of the test [s]."""
        return len(self.values) * self.sample_time_s


def plan_test(
    inputs: Sequence[TestedInput],
    kind: TestKind,
    settling_s: float,
    sample_time_s: float,
    seed: int,
    settlings: float = 20.0,
) -> TestPlan:
    """Return the plan of a test.

    A step test moves one input after the other up, down and back, a settling time each, as often
    as the length allows. PRBS: a shift register's sequence of greatest length, shifted for each
    input. GBN: switches by chance; source: Tulleken, "Generalized binary noise test-signal concept
    for improved identification-experiment design", Automatica 26 (1990) 37.

    Args:
        inputs: to move.
        kind: of test.
        settling_s: time after which a step has settled [s].
        sample_time_s: [s].
        seed: of all chance.
        settlings: length, in settling times; a step test takes three per input at least.

    Raises:
        InputError: no input, or a time is out of range.
    """
    if not inputs or not 0.0 < sample_time_s < settling_s < math.inf or not settlings >= 1.0:
        raise InputError("a test needs inputs, a settling time above its sample time, a length")
    settling = round(settling_s / sample_time_s)
    n = round(settlings * settling)
    rng = np.random.default_rng(seed)
    if kind is TestKind.STEP:
        signs = _steps(len(inputs), n, settling)
    elif kind is TestKind.PRBS:
        signs = _prbs(len(inputs), n, max(round(_PRBS_CLOCK * settling), 1), rng)
    else:
        chance = min(1.0 / (_GBN_SWITCH * settling), 0.5)
        flips = np.where(rng.random((n, len(inputs))) < chance, -1.0, 1.0)
        signs = np.cumprod(flips, axis=0) * rng.choice((-1.0, 1.0), len(inputs))
    rest = np.zeros((settling // 4, len(inputs)))
    whole = np.vstack((rest, signs, np.zeros((settling, len(inputs)))))
    nominal = np.array([tested.nominal for tested in inputs])
    sizes = np.array([tested.amplitude for tested in inputs])
    names = tuple(tested.name for tested in inputs)
    return TestPlan(names, nominal + sizes * whole, sample_time_s)


def _steps(n_inputs: int, n: int, settling: int) -> FloatArray:
    rounds = max(round(n / (3 * settling * n_inputs)), 1)
    one = np.concatenate((np.ones(settling), -np.ones(settling), np.zeros(settling)))
    signs = np.zeros((rounds * n_inputs * len(one), n_inputs))
    for k in range(rounds * n_inputs):
        sense = 1.0 if (k // n_inputs) % 2 == 0 else -1.0
        signs[k * len(one) : (k + 1) * len(one), k % n_inputs] = sense * one
    return signs


def _prbs(n_inputs: int, n: int, clock: int, rng: np.random.Generator) -> FloatArray:
    wanted = max(math.ceil(n / clock), 1)
    order = next((k for k in _REGISTER_TAPS if 2**k - 1 >= wanted), max(_REGISTER_TAPS))
    state = [1] * order
    bits = []
    for _ in range(2**order - 1):
        bits.append(2.0 * state[-1] - 1.0)
        fresh = sum(state[tap - 1] for tap in _REGISTER_TAPS[order]) % 2
        state = [fresh, *state[:-1]]
    period, start = len(bits), int(rng.integers(len(bits)))
    held = np.arange(n) // clock
    shifts = [start + j * period // n_inputs for j in range(n_inputs)]
    return np.column_stack([np.array(bits)[(held + shift) % period] for shift in shifts])


class SteppedPlant(Protocol):
    """What a test needs of a simulated plant."""

    @property
    def time_s(self) -> float:
        """Simulated time [s]."""
        ...

    def write(self, name: str, value_si: float) -> None:
        """Set an input."""
        ...

    def advance(self, duration_s: float) -> None:
        """Let time pass."""
        ...


def run_test(
    plant: SteppedPlant,
    plan: TestPlan,
    read: Callable[[], Mapping[str, float]],
    others: Callable[[], Mapping[str, float]] | None = None,
    progress: Callable[[float], None] | None = None,
) -> Record:
    """Return what a plant answers to a test.

    Args:
        plant: simulated, at rest.
        plan: of the test.
        read: returns the outputs as measured now; NaN where a reading is bad.
        others: moves and returns what else acts on the plant, such as measured disturbances.
        progress: called with the share that is done, 0 to 1.
    """
    rows, names = [], list(plan.names)
    for k, values in enumerate(plan.values):
        more = dict(others()) if others is not None else {}
        measured = read()
        for name, value in zip(plan.names, values, strict=True):
            plant.write(name, float(value))
        rows.append([*values, *more.values(), *measured.values()])
        if k == 0:
            names += [*more, *measured]
        plant.advance(plan.sample_time_s)
        if progress is not None:
            progress((k + 1) / len(plan.values))
    values_read = np.array(rows)
    used = np.ones(len(rows), dtype=np.bool_)
    return Record("step test", tuple(names), plan.sample_time_s, values_read, used)
