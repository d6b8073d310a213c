"""Closure of component, mass and energy balances over a simulated day of moves and a switch."""

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.plant.unit.closure import TOLERANCE, Closure, measure_closure
from operator_agent.plant.verification.subject import Subject
from operator_agent.plant.verification.titles import TITLES
from operator_agent.plant.verification.topic import Column, Row, Topic

CLOSURE = 1e-8  # of what went through, over a day
_PIECE_S = 7200.0  # inputs are constant for so long
_N_PIECES = 12  # a day
_MOVE_SPANS = 1.0  # of every set point, to both sides
_SWITCH = 0.2  # share of the slate that changes from the first crude to the second
_SEED = 1


def day_of_moves(subject: Subject) -> list[tuple[FloatArray, FloatArray]]:
    """Return set points and disturbances for each two hours of a day.

    Every set point moves at random; at noon a fifth of the slate changes to another crude.
    """
    model, random = subject.unit.model, np.random.default_rng(_SEED)
    pieces = []
    for piece in range(_N_PIECES):
        d = model.d_nominal.copy()
        if piece >= _N_PIECES // 2:
            d[:2] += (-_SWITCH, _SWITCH)
        u = model.u_nominal + _MOVE_SPANS * model.u_scale * random.uniform(-1.0, 1.0, model.n_u)
        pieces.append((u, d))
    return pieces


def close_a_day(subject: Subject) -> Closure:
    """Return the closure of every balance over `day_of_moves`.

    Raises:
        PlantError: the unit cannot be built or integrated.
    """
    subject.progress("closure: a day under tight tolerance")
    return measure_closure(subject.case, subject.unit, day_of_moves(subject), _PIECE_S)


def closure_topics(subject: Subject) -> tuple[Topic, ...]:
    """Return the table of closures; all lumps stand in the one that closes worst."""
    found = close_a_day(subject)
    worst = int(np.argmax(np.abs(found.lumps)))
    rows = {
        f"worst of {len(found.lumps)} lumps (number {worst + 1})": float(found.lumps[worst]),
        "water": found.water,
        "mass": found.mass,
        "energy": found.energy,
    }
    heads = (Column("balance"), Column("unaccounted, of what went through", ".1e"))
    notes = (
        f"Over 24 h all {subject.unit.model.n_u} set points move every two hours by up to one span "
        "at random, and after twelve hours a fifth of the slate changes to another crude. What "
        "enters and leaves is integrated along with the plant and compared with what the states "
        f"hold. Criterion: below {CLOSURE:.0e}. Tolerance of the integration: {TOLERANCE:.0e}; "
        "lumps, water and mass are linear in the states and close to rounding, energy closes with "
        "the tolerance.",
    )
    closed = tuple(Row((name, abs(value)), abs(value) < CLOSURE) for name, value in rows.items())
    return (Topic("closure", TITLES["closure"][0], heads, closed, notes),)
