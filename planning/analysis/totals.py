"""Totals of a linear program: sums of its columns that have a name and a price of their own.

The sale of a product is a sum over its components. Written as a column of its own it can be forced,
limited and ranged like any other, while the optimum stays what it was.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from pyomo.repn import generate_standard_repn
from scipy import sparse

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.planning.linear import LinearProgram


@dataclass(frozen=True, slots=True)
class Total:
    """A sum of columns.

    Attributes:
        name: of the new column, and of the row that defines it.
        weights: of the columns in the sum, shape (n,).
        cost: per unit of the sum, which the columns give up [cost per unit].
    """

    name: str
    weights: FloatArray
    cost: float


def with_totals(program: LinearProgram, totals: Sequence[Total]) -> LinearProgram:
    """Return a program with one more column and row for each total; the optimum is the same.

    Args:
        program: with n columns and m rows.
        totals: to append, in order: columns n, n + 1, ..., rows m, m + 1, ...

    Raises:
        InputError: a total has another number of weights than the program has columns.
    """
    n, count = len(program.cost), len(totals)
    for total in totals:
        if total.weights.shape != (n,):
            raise InputError(
                f"total '{total.name}' has {total.weights.size} weights for {n} columns; "
                "give one for each column of the program"
            )
    if not totals:
        return program
    weights = np.stack([total.weights for total in totals])
    prices = np.array([total.cost for total in totals])
    matrix = sparse.bmat(
        [[program.matrix, None], [sparse.csr_matrix(weights), -sparse.identity(count)]],
        format="csc",
    )
    free, zero = np.full(count, np.inf), np.zeros(count)
    return replace(
        program,
        cost=np.concatenate([program.cost - prices @ weights, prices]),
        matrix=matrix,
        row_low=np.concatenate([program.row_low, zero]),
        row_high=np.concatenate([program.row_high, zero]),
        low=np.concatenate([program.low, -free]),
        high=np.concatenate([program.high, free]),
        variables=(*program.variables, *totals),
        rows=(*program.rows, *totals),
    )


def weights_of(expression: Any, program: LinearProgram) -> FloatArray:
    """Return the coefficients of a linear Pyomo expression over the columns, shape (n,).

    Raises:
        InputError: the expression is not linear, or has a variable that is no column.
    """
    place = {id(variable): index for index, variable in enumerate(program.variables)}
    weights = np.zeros(len(program.cost))
    for variable, value in linear_terms(expression):
        if id(variable) not in place:
            raise InputError(f"'{variable.name}' is no column of the program; compile its model")
        weights[place[id(variable)]] += value
    return weights


def linear_terms(expression: Any) -> list[tuple[Any, float]]:
    """Return the free variables of a linear Pyomo expression with their coefficients.

    Raises:
        InputError: the expression is not linear.
    """
    form = generate_standard_repn(expression, compute_values=True)
    if form.nonlinear_expr is not None or form.quadratic_vars:
        raise InputError(f"'{expression}' is not linear; take the model of a linear pass")
    return [
        (variable, float(value))
        for variable, value in zip(form.linear_vars, form.linear_coefs, strict=True)
    ]
