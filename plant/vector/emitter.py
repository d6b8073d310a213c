"""Plain C from a list of operations, each on a vector of lanes.

A long function is cut into parts, because compilers need more than twice the time for twice the
length: values that a later part needs go through a work array whose places are used again.
"""

import heapq
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from operator_agent.errors import InputError
from operator_agent.plant.vector.instructions import Operation, Program
from operator_agent.plant.vector.lane_math import LIBRARY_ONE, LIBRARY_TWO

_PART = 400  # operations of one C function
_ROOT_POWERS = 16  # up to this an integer power is written as products

_FORMS = {
    "ASSIGN": "{0}",
    "LIFT": "{0}",
    "ADD": "{0} + {1}",
    "SUB": "{0} - {1}",
    "MUL": "{0} * {1}",
    "DIV": "{0} / {1}",
    "NEG": "-{0}",
    "SQ": "{0} * {0}",
    "TWICE": "{0} + {0}",
    "INV": "1.0 / {0}",
    "LT": "truth({0} < {1})",
    "LE": "truth({0} <= {1})",
    "EQ": "truth({0} == {1})",
    "NE": "truth({0} != {1})",
    "NOT": "truth({0} == 0.0)",
    "AND": "truth(({0} != 0.0) & ({1} != 0.0))",
    "OR": "truth(({0} != 0.0) | ({1} != 0.0))",
    "IF_ELSE_ZERO": "choose({0} != 0.0, {1}, splat(0.0))",
    "POW": "lane_pow({0}, {1})",
    "CONSTPOW": "lane_pow({0}, {1})",
    **{
        name: f"lane_{name.lower()}({{0}})"
        for name in ("EXP", "LOG", "SQRT", "TANH", "LOG1P", "EXPM1", "FABS", "SIGN")
    },
    **{name.upper(): f"lane_{name}({{0}})" for name in LIBRARY_ONE},
    **{name.upper(): f"lane_{name}({{0}}, {{1}})" for name in (*LIBRARY_TWO, "fmin", "fmax")},
}


@dataclass(frozen=True, slots=True)
class Target:
    """Where a result of a function is written.

    Attributes:
        array: name of the C array.
        places: position of each nonzero in it.
        sign: `-` to write the negative, else empty.
    """

    array: str
    places: Sequence[int]
    sign: str = ""


@dataclass(frozen=True, slots=True)
class Emitted:
    """C functions that compute one program.

    Attributes:
        source: definitions; the last one is called by name and calls the others.
        n_work: places of the work array that they need.
    """

    source: str
    n_work: int


def emit(name: str, program: Program, inputs: Sequence[str], targets: Sequence[Target]) -> Emitted:
    """Return C functions; the one called `name` takes inputs, arrays of targets, and `w`.

    Args:
        name: of the C function.
        program: operations.
        inputs: C names of the arguments, each an array of vectors.
        targets: of the results, in their order.

    Raises:
        InputError: an operation has no C form.
    """
    arrays = list(dict.fromkeys(target.array for target in targets))
    parameters = [f"const v *restrict {array}" for array in inputs]
    parameters += [f"v *restrict {array}" for array in (*arrays, "w")]
    head, call = ", ".join(parameters), ", ".join((*inputs, *arrays, "w"))
    body = _Body(program, inputs, targets)
    parts = list(body.parts())
    lines = list[str]()
    for number, statements in enumerate(parts):
        lines += [f"static __attribute__((noinline)) void {name}_{number}({head}) {{"]
        lines += [*statements, "}"]
    lines += [f"static void {name}({head}) {{"]
    lines += [f"  {name}_{number}({call});" for number in range(len(parts))]
    return Emitted("\n".join([*lines, "}", ""]), body.work.size)


@dataclass(slots=True)
class _WorkPlaces:
    """Places of the work array, used again after their value's last use."""

    size: int = 0
    free: list[int] = field(default_factory=list)

    def take(self) -> int:
        if self.free:
            return heapq.heappop(self.free)
        self.size += 1
        return self.size - 1

    def give_back(self, place: int) -> None:
        heapq.heappush(self.free, place)


class _Body:
    """Writes the statements of a program, part by part."""

    def __init__(self, program: Program, inputs: Sequence[str], targets: Sequence[Target]) -> None:
        self.operations, self.inputs, self.targets = program.operations, inputs, targets
        self.work = _WorkPlaces()
        self._place: dict[int, int] = {}
        self._outputs: dict[int, list[tuple[int, int]]] = {}
        for result, element, number in program.outputs:
            self._outputs.setdefault(number, []).append((result, element))
        self._last_part = self._last_parts()

    def _last_parts(self) -> Mapping[int, int]:
        """Return the part of each value's last use."""
        found: dict[int, int] = {}
        for number, operation in enumerate(self.operations):
            if operation.name not in {"INPUT", "CONST"}:
                found.update(dict.fromkeys(operation.operands, number // _PART))
        return found

    def parts(self) -> Iterator[list[str]]:
        """Yield the statements of each part."""
        for start in range(0, len(self.operations), _PART):
            yield list(self._part(start, min(start + _PART, len(self.operations))))

    def _part(self, start: int, end: int) -> Iterator[str]:
        part, loaded = start // _PART, set[int]()
        for number in range(start, end):
            operation = self.operations[number]
            if operation.name not in {"INPUT", "CONST"}:
                for operand in operation.operands:
                    if operand in self._place and operand not in loaded:
                        loaded.add(operand)
                        yield f"  const v t{operand} = w[{self._place[operand]}];"
                yield f"  const v t{number} = {self._expression(operation)};"
                if self._last_part.get(number, part) > part:
                    self._place[number] = self.work.take()
                    loaded.add(number)
                    yield f"  w[{self._place[number]}] = t{number};"
            yield from self._results(number)
        for number in loaded:
            if self._last_part[number] == part:
                self.work.give_back(self._place.pop(number))

    def _results(self, number: int) -> Iterator[str]:
        for result, element in self._outputs.get(number, ()):
            target = self.targets[result]
            place = f"{target.array}[{target.places[element]}]"
            yield f"  {place} = {target.sign}{self._text(number)};"

    def _text(self, number: int) -> str:
        operation = self.operations[number]
        if operation.name == "CONST":
            return f"splat({_literal(operation.constant)})"
        if operation.name == "INPUT":
            argument, element = operation.operands
            return f"{self.inputs[argument]}[{element}]"
        return f"t{number}"

    def _expression(self, operation: Operation) -> str:
        texts = [self._text(number) for number in operation.operands]
        exponent = self.operations[operation.operands[-1]]
        if operation.name in {"POW", "CONSTPOW"} and exponent.name == "CONST":
            power = exponent.constant
            if power == int(power) and 0 < abs(power) <= _ROOT_POWERS:
                product = " * ".join([texts[0]] * abs(int(power)))
                return product if power > 0 else f"1.0 / ({product})"
        if operation.name not in _FORMS:
            raise InputError(f"no C form of CasADi's operation {operation.name}")
        return _FORMS[operation.name].format(*texts)


def _literal(constant: float) -> str:
    if math.isfinite(constant):
        return repr(constant)
    if math.isnan(constant):
        return "NAN"
    return "INFINITY" if constant > 0.0 else "-INFINITY"
