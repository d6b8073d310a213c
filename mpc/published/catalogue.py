"""The cases of the comparison, by name."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from operator_agent.errors import InputError
from operator_agent.mpc.published.bioreactor import bioreactor_problem
from operator_agent.mpc.published.case import Case, Goal, calm, stepped
from operator_agent.mpc.published.polymerisation import MONOMER_TOTAL, polymerisation_problem
from operator_agent.mpc.published.reactor import reactor_problem

UPSET_AT = 20  # cycle: the reactor has come near its set point
UPSET_CYCLES = 60
CONVERSION = 0.99  # of all monomer: the batch is finished
NOISE = np.array([0.005, 0.005, 0.2, 0.2])  # [mol/l], [degC]: half a per cent, a fifth of a degree


def _reactor(name: str, story: str, cycles: int = UPSET_CYCLES) -> Case:
    return calm(name, story, reactor_problem(), cycles)


def _nominal() -> Case:
    return _reactor("reactor", "from the published start to the set point", 50)


def _setpoint() -> Case:
    case = _reactor("reactor-setpoint", "the set point of product B jumps from 0.6 to 0.9 mol/l")
    return replace(case, p=stepped(case.p, 0, UPSET_AT, 0.9))


def _feed() -> Case:
    case = _reactor("reactor-feed", "the feed steps from 5.1 to 5.7 mol/l, measured")
    rows = stepped(case.d_known, 0, UPSET_AT, 5.7)
    return replace(case, d_plant=rows, d_known=rows)


def _mismatch(name: str, uncertain: str, value: float) -> Case:
    case = _reactor(name, f"the plant's {uncertain} is {value:g}, the controllers take it for 1")
    column = case.problem.model.d_names.index(uncertain)
    return replace(case, d_plant=stepped(case.d_plant, column, 0, value))


def _noise() -> Case:
    case = _reactor("reactor-noise", "all four states are measured with noise")
    return replace(case, noise=NOISE)


def _limit() -> Case:
    case = _reactor(
        "reactor-limit", "the set point falls from 1.0 to 0.5 mol/l: the temperature hits its limit"
    )
    start = stepped(case.p, 0, 0, 1.0)
    return replace(case, p=stepped(start, 0, UPSET_AT, 0.5))


def _robust() -> Case:
    case = _reactor("reactor-robust", "nine scenarios of alpha and beta; the plant is nominal", 50)
    return replace(case, robust=True)


def _polymerisation() -> Case:
    batch = calm("polymerisation", "one batch, nominal", polymerisation_problem(), 110)
    return replace(batch, goal=Goal("mass_polymer", CONVERSION * MONOMER_TOTAL))


def _bioreactor() -> Case:
    return calm("bioreactor", "one batch, nominal", bioreactor_problem(), 150)


_BUILDERS: Mapping[str, Callable[[], Case]] = MappingProxyType(
    {
        "reactor": _nominal,
        "reactor-setpoint": _setpoint,
        "reactor-feed": _feed,
        "reactor-alpha-high": lambda: _mismatch("reactor-alpha-high", "alpha", 1.05),
        "reactor-alpha-low": lambda: _mismatch("reactor-alpha-low", "alpha", 0.95),
        "reactor-beta-high": lambda: _mismatch("reactor-beta-high", "beta", 1.1),
        "reactor-beta-low": lambda: _mismatch("reactor-beta-low", "beta", 0.9),
        "reactor-noise": _noise,
        "reactor-limit": _limit,
        "reactor-robust": _robust,
        "polymerisation": _polymerisation,
        "bioreactor": _bioreactor,
    }
)
CASE_NAMES = tuple(_BUILDERS)


def published_case(name: str, cycles: int | None = None) -> Case:
    """Return a case by name.

    Args:
        name: one of `CASE_NAMES`.
        cycles: shorter than the case's own length; None for that.

    Raises:
        InputError: there is no such case, or the length is not 1 to the case's own.
    """
    if name not in _BUILDERS:
        raise InputError(f"no case '{name}'; cases are {', '.join(CASE_NAMES)}")
    case = _BUILDERS[name]()
    if cycles is None or cycles >= case.cycles:
        return case
    if cycles < 2:
        raise InputError(f"{cycles} cycles of case {name}: take at least 2, the first is cold")
    return replace(
        case,
        cycles=cycles,
        d_plant=case.d_plant[:cycles],
        d_known=case.d_known[:cycles],
        p=case.p[:cycles],
    )
