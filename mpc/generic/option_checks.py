"""Options of an optimal control problem that cannot be meant are refused, each with its value."""

from collections.abc import Mapping
from math import isfinite
from numbers import Integral, Real

from operator_agent.errors import InputError
from operator_agent.mpc.engine.schemes import Scheme
from operator_agent.mpc.generic.equations import Model
from operator_agent.mpc.generic.formulate import Blocks
from operator_agent.mpc.problem import Warm


def check_weights(groups: Mapping[str, Mapping[str, float]]) -> None:
    """Refuse weights that are below zero or not finite.

    Args:
        groups: name of the option to weights by name.

    Raises:
        InputError: the first of them.
    """
    for what, weights in groups.items():
        for name, weight in weights.items():
            if not (isinstance(weight, Real) and isfinite(weight) and weight >= 0.0):
                raise InputError(
                    f"{what} of '{name}' is {weight!r}; a weight is a finite number, zero or more"
                )


def check_counts(counts: Mapping[str, int]) -> None:
    """Refuse counts that are not whole numbers from one on.

    Raises:
        InputError: the first of them.
    """
    for what, count in counts.items():
        if isinstance(count, bool) or not isinstance(count, Integral) or count < 1:
            raise InputError(f"{what} is {count!r}; it is a whole number, one or more")


def check_positive(numbers: Mapping[str, float | None]) -> None:
    """Refuse numbers that are not above zero; None is left to its default.

    Raises:
        InputError: the first of them.
    """
    for what, number in numbers.items():
        if number is not None and not number > 0.0:
            raise InputError(f"{what} is {number!r}; give a number above zero, or leave it out")


def check_blocks(blocks: Blocks | None, u_names: tuple[str, ...]) -> None:
    """Refuse blocks that are not whole stages; the last one goes on to the end of the horizon.

    Raises:
        InputError: with all of them, or with a name that is no MV.
    """
    if blocks is None:
        return
    groups = blocks if isinstance(blocks, Mapping) else {"all MVs": blocks}
    lost = [name for name in groups if name not in u_names]
    if lost and groups is blocks:
        raise InputError(f"blocks of {', '.join(lost)}: MVs are {', '.join(u_names)}")
    for name, sizes in groups.items():
        if len(sizes) == 0 or any(int(size) != size or size < 1 for size in sizes):
            raise InputError(
                f"blocks of {name} are {list(sizes)}; each has one stage at least, whole stages"
            )


def check_scheme(scheme: Scheme | None) -> None:
    """Refuse what is no scheme.

    Raises:
        InputError: with those that there are.
    """
    if scheme is not None and not isinstance(scheme, Scheme):
        known = ", ".join(f"Scheme.{one.name}" for one in Scheme)
        raise InputError(f"scheme is {scheme!r}; give one of {known}, or leave it out")


def check_warm(warm: Warm | None, model: Model) -> None:
    """Refuse a warm start that is none, or that comes from another model.

    Raises:
        InputError: one of them.
    """
    if warm is None:
        return
    if not isinstance(warm, Warm):
        raise InputError(f"warm is of type {type(warm).__name__}; give `outcome.warm`, or None")
    sizes = (warm.states.shape[1], warm.blocks.shape[1])
    if sizes != (model.n_x, model.n_u):
        raise InputError(
            f"warm has {sizes[0]} states and {sizes[1]} MVs, model {model.name} {model.n_x} and "
            f"{model.n_u}; give the `warm` of an outcome of this problem"
        )
