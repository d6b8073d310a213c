"""A CasADi function as a list of operations, each on values that are assigned once.

CasADi's virtual machine reuses its work places; here each result has its own number, equal
operations are kept once, what no output needs is dropped, and a divisor that is used often becomes
one reciprocal, because a division costs several multiplications.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import casadi as ca

from operator_agent.errors import InputError

_OFTEN = 3  # uses of a divisor from which its reciprocal is cheaper
_CODES = {code: name[3:] for name, code in vars(ca).items() if name.startswith("OP_")}


@dataclass(frozen=True, slots=True)
class Operation:
    """One elementary operation.

    Attributes:
        name: CasADi's name of it without `OP_`.
        operands: numbers of the values it takes; for `INPUT` the argument and its element.
        constant: of `CONST`.
    """

    name: str
    operands: tuple[int, ...] = ()
    constant: float = 0.0


@dataclass(frozen=True, slots=True)
class Program:
    """Operations in order, each numbered by its position, and what becomes of them.

    Attributes:
        operations: each takes only values before it.
        outputs: result, its nonzero, and the number of the value.
    """

    operations: tuple[Operation, ...]
    outputs: tuple[tuple[int, int, int], ...]


def not_elementary(function: ca.Function) -> str | None:
    """Return what in a function is no elementary operation, such as a table, or None."""
    try:
        expanded = function.expand()
    except RuntimeError as error:
        return str(error).splitlines()[-1][:200]
    calls = [
        k for k in range(expanded.n_instructions()) if expanded.instruction_id(k) == ca.OP_CALL
    ]
    return f"{function.name()} calls another function {len(calls)} times" if calls else None


def read_program(function: ca.Function) -> Program:
    """Return the operations of a function.

    Raises:
        InputError: the function contains what has no elementary operations, such as a table.
    """
    reason = not_elementary(function)
    if reason is not None:
        raise InputError(f"function {function.name()} has no elementary operations: {reason}")
    return _pruned(_with_reciprocals(_numbered(function.expand())))


class _Numbering:
    """Gives equal operations the same number."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self._known: dict[Operation, int] = {}

    def add(self, operation: Operation) -> int:
        """Return the number of an operation, new or known."""
        number = self._known.get(operation)
        if number is None:
            number = self._known[operation] = len(self.operations)
            self.operations.append(operation)
        return number


def _numbered(function: ca.Function) -> Program:
    numbering, outputs = _Numbering(), list[tuple[int, int, int]]()
    work: dict[int, int] = {}
    for k in range(function.n_instructions()):
        name = _CODES[function.instruction_id(k)]
        takes, gives = function.instruction_input(k), function.instruction_output(k)
        if name == "OUTPUT":
            outputs.append((gives[0], gives[1], work[takes[0]]))
        elif name == "CONST":
            constant = float(function.instruction_constant(k))
            work[gives[0]] = numbering.add(Operation(name, constant=constant))
        elif name == "INPUT":
            work[gives[0]] = numbering.add(Operation(name, tuple(takes)))
        else:
            operands = tuple(work[place] for place in takes)
            work[gives[0]] = numbering.add(Operation(name, operands))
    return Program(tuple(numbering.operations), tuple(outputs))


def _with_reciprocals(program: Program) -> Program:
    divisors = Counter(
        operation.operands[1] for operation in program.operations if operation.name == "DIV"
    )
    numbering, renamed = _Numbering(), list[int]()
    for operation in program.operations:
        operands = operation.operands
        if operation.name != "INPUT":
            operands = tuple(renamed[number] for number in operands)
        if operation.name == "DIV" and divisors[operation.operands[1]] >= _OFTEN:
            inverse = numbering.add(Operation("INV", operands[1:]))
            renamed.append(numbering.add(Operation("MUL", (operands[0], inverse))))
        else:
            same = Operation(operation.name, operands, operation.constant)
            renamed.append(numbering.add(same))
    outputs = tuple((result, place, renamed[number]) for result, place, number in program.outputs)
    return Program(tuple(numbering.operations), outputs)


def _pruned(program: Program) -> Program:
    needed = {number for _, _, number in program.outputs}
    for number in range(len(program.operations) - 1, -1, -1):
        operation = program.operations[number]
        if number in needed and operation.name != "INPUT":
            needed.update(operation.operands)
    renamed: dict[int, int] = {}
    operations = list[Operation]()
    for number, operation in enumerate(program.operations):
        if number in needed:
            renamed[number] = len(operations)
            operations.append(_renumbered(operation, renamed))
    outputs = tuple((result, place, renamed[number]) for result, place, number in program.outputs)
    return Program(tuple(operations), outputs)


def _renumbered(operation: Operation, renamed: dict[int, int]) -> Operation:
    if operation.name == "INPUT":
        return operation
    operands: Sequence[int] = [renamed[number] for number in operation.operands]
    return Operation(operation.name, tuple(operands), operation.constant)
