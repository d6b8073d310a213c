"""Many copies of a process model stepped at once."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError, PlantError
from operator_agent.plant.process_model import ProcessModel
from operator_agent.plant.vector.compiled import find_compiler
from operator_agent.plant.vector.compiled_engine import CompiledEngine
from operator_agent.plant.vector.control import CopyStatus, Report, StepControl
from operator_agent.plant.vector.instructions import not_elementary
from operator_agent.plant.vector.interpreted_engine import InterpretedEngine

# Per substep and in spans of a state: keeps a minute of the crude unit within 0.003 spans of an
# exact solution when all set points jump by up to two spans.
TOLERANCE = 0.01
_NAMED = 5  # failed copies that a message lists


class Engine(Protocol):
    """What steps n copies; the engines differ by rounding and speed only."""

    description: str

    def step(
        self, x: FloatArray, u: FloatArray, d: FloatArray, control: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return the states after a step, (n, n_x), and error, attempts and arrival, (n, 3)."""

    def outputs(self, x: FloatArray, u: FloatArray, d: FloatArray) -> FloatArray:
        """Return the controlled variables, (n, n_y)."""


@dataclass(frozen=True, slots=True)
class Advance:
    """States after a step, with what became of each copy.

    Attributes:
        model: of the plant.
        report: status, error estimate and attempts of each copy.
    """

    model: ProcessModel
    report: Report
    _x: FloatArray

    @property
    def finished(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Which copies have arrived, shape (n,)."""
        return np.equal(self.report.status, CopyStatus.FINISHED)

    @property
    def x(self) -> FloatArray:
        """States of all copies, shape (n, n_x) [SI].

        Raises:
            PlantError: a copy failed; the message names the first ones.
        """
        failed = np.flatnonzero(~self.finished)
        if len(failed):
            named = ", ".join(
                f"{copy} ({CopyStatus(self.report.status[copy]).name})" for copy in failed[:_NAMED]
            )
            raise PlantError(
                f"model {self.model.name}: {len(failed)} of {len(self._x)} copies failed, "
                f"copy {named}; their inputs ask for more than the plant can do; start them again "
                "with `restarted`"
            )
        return self._x

    def restarted(self, x_start: FloatArray) -> FloatArray:
        """Return the states, those of failed copies replaced by a new start.

        Args:
            x_start: shape (n_x,) or (n, n_x) [SI].
        """
        return np.where(self.finished[:, None], self._x, x_start)


class VectorPlant:
    """N copies of a process model, stepped together with constant inputs.

    A copy's trajectory depends neither on its place nor on the other copies: alone or among
    thousands it is the same to the last bit. Holds no state of the plant; it has buffers, so use
    one object in one thread.

    Args:
        model: of the plant.
        n: number of copies.
        step_s: time of one step [s].
        substeps: length of the first substep as a fraction of the step; see `suggest_substeps`.
        workers: threads.
        tolerance: error of a substep in spans of a state, by which each copy chooses its substeps;
            None for substeps of equal length.
        engine: what computes; None for compiled code where there is a compiler.

    Attributes:
        model: of the plant.
        n: number of copies.
        control: of the substeps.
        engine: what computes, in words; tells why when it is not compiled code.

    Raises:
        InputError: a number is not positive.

    Example:
        >>> from operator_agent.plant.classics.quadruple_tank import quadruple_tank
        >>> model = quadruple_tank()
        >>> plant = VectorPlant(model, n=3, step_s=5.0, substeps=4)
        >>> nominal = (model.x_nominal, model.u_nominal, model.d_nominal)
        >>> x, u, d = (np.tile(values, (3, 1)) for values in nominal)
        >>> plant.outputs(plant.step(x, u, d), u, d).shape
        (3, 2)
    """

    def __init__(
        self,
        model: ProcessModel,
        n: int,
        step_s: float,
        substeps: int,
        workers: int = 1,
        tolerance: float | None = TOLERANCE,
        engine: Engine | None = None,
    ) -> None:
        for name, number in (("n", n), ("workers", workers)):
            if number < 1:
                raise InputError(f"{name} is {number}; a vectorised plant needs at least 1")
        self.model, self.n = model, n
        self.control = StepControl(step_s, substeps, tolerance)
        self._engine = engine or make_engine(model, n, workers)
        self.engine = self._engine.description

    def advance(self, x: FloatArray, u: FloatArray, d: FloatArray) -> Advance:
        """Return the states after one step, with the status of each copy.

        Args:
            x: states, shape (n, n_x) [SI].
            u: MVs, shape (n, n_u) [SI].
            d: DVs, shape (n, n_d) [SI].

        Raises:
            InputError: an argument has the wrong shape or is not finite.
        """
        x, u, d = self._checked(x, u, d)
        x_new, rows = self._engine.step(x, u, d, self.control.numbers())
        return Advance(self.model, Report.of(x_new, rows), x_new)

    def step(self, x: FloatArray, u: FloatArray, d: FloatArray) -> FloatArray:
        """Return the states of all copies after one step, shape (n, n_x) [SI].

        Args:
            x: states, shape (n, n_x) [SI].
            u: MVs, shape (n, n_u) [SI].
            d: DVs, shape (n, n_d) [SI].

        Raises:
            InputError: an argument has the wrong shape or is not finite.
            PlantError: a copy failed; `advance` tells which without raising.
        """
        return self.advance(x, u, d).x

    def outputs(self, x: FloatArray, u: FloatArray, d: FloatArray) -> FloatArray:
        """Return the controlled variables of all copies, shape (n, n_y) [SI].

        Args:
            x: states, shape (n, n_x) [SI].
            u: MVs, shape (n, n_u) [SI].
            d: DVs, shape (n, n_d) [SI].

        Raises:
            InputError: an argument has the wrong shape or is not finite.
            PlantError: an output is not finite.
        """
        y = self._engine.outputs(*self._checked(x, u, d))
        if not bool(np.all(np.isfinite(y))):
            copy, place = np.argwhere(~np.isfinite(y))[0]
            raise PlantError(
                f"model {self.model.name}: {self.model.y_names[place]} of copy {copy} is not "
                "finite; its states are outside the plant's range"
            )
        return y

    def _checked(
        self, x: FloatArray, u: FloatArray, d: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        model = self.model
        counts = (model.n_x, model.n_u, model.n_d)
        for letter, value, count in zip("xud", (x, u, d), counts, strict=True):
            if np.shape(value) != (self.n, count):
                raise InputError(
                    f"model {model.name}: {letter} has shape {np.shape(value)}, "
                    f"needs ({self.n}, {count}), a row for each copy"
                )
            if not bool(np.all(np.isfinite(value))):
                copy, place = np.argwhere(~np.isfinite(value))[0]
                name = getattr(model, f"{letter}_names")[place]
                raise InputError(
                    f"model {model.name}: {name} of copy {copy} is not finite; nothing was stepped"
                )
        return x, u, d


def make_engine(model: ProcessModel, n: int, workers: int) -> Engine:
    """Return compiled code for n copies, or the virtual machine with the reason in its words.

    Reasons: there is no working compiler, the model has no elementary operations, or there is no
    private cache that can be written.
    """
    compiler = find_compiler()
    if compiler is None:
        return InterpretedEngine(model, n, workers, "there is no C compiler")
    for function in (model.rhs, model.outputs):
        reason = not_elementary(function)
        if reason is not None:
            return InterpretedEngine(model, n, workers, reason)
    try:
        return CompiledEngine(model, n, workers, compiler)
    except (InputError, PlantError) as error:
        return InterpretedEngine(model, n, workers, str(error))
