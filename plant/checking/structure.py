"""Names, shapes, scales, and what depends on what: all that needs no number from the plant."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from operator_agent.plant.process_model import ProcessModel

_WORDS = {"x": "state", "u": "input", "d": "disturbance", "y": "output"}
_SHOWN = 3  # names in a sentence


def some(names: list[str]) -> str:
    """Return the first names and how many more there are.

    Example:
        >>> some(["a", "b", "c", "d", "e"])
        'a, b, c and 2 more'
    """
    rest = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def counts(model: ProcessModel) -> dict[str, int]:
    """Return the number of each sort of variable."""
    return {word: len(_names(model)[letter]) for letter, word in _WORDS.items()}


def _names(model: ProcessModel) -> dict[str, tuple[str, ...]]:
    return {"x": model.x_names, "u": model.u_names, "d": model.d_names, "y": model.y_names}


def _scales(model: ProcessModel) -> dict[str, np.ndarray]:
    return {"x": model.x_scale, "u": model.u_scale, "d": model.d_scale, "y": model.y_scale}


def name_findings(model: ProcessModel) -> list[str]:
    """Return what is wrong with the names and the scales."""
    found = []
    for letter, names in _names(model).items():
        word = _WORDS[letter]
        twice = [name for name, count in Counter(names).items() if count > 1]
        found += [f"{word} name '{name}' comes twice; rename one" for name in twice]
        if any(not name.strip() for name in names):
            found.append(
                f"{word} number {[bool(n.strip()) for n in names].index(False)} has no name"
            )
        if not names and letter != "d":
            found.append(f"there is no {word}; a plant needs at least one")
        for name, scale in zip(names, _scales(model)[letter], strict=True):
            if not np.isfinite(scale):
                found.append(f"scale of {word} {name} is {scale}; give its typical span")
    both = sorted(set(model.u_names) & set(model.d_names))
    found += [f"'{name}' is an input and a disturbance; drop one" for name in both]
    return found


def shape_findings(model: ProcessModel) -> list[str]:
    """Return what is wrong with the shapes of the two functions."""
    found = []
    sizes = (model.n_x, model.n_u, model.n_d)
    for word, function, size in (
        ("rhs", model.rhs, model.n_x),
        ("outputs", model.outputs, model.n_y),
    ):
        if function.n_in() != 3 or function.n_out() != 1:
            found.append(
                f"{word} takes {function.n_in()} arguments and gives {function.n_out()} results; "
                "it must be a function (x, u, d) -> one column"
            )
            continue
        for letter, place, n in zip("xud", range(3), sizes, strict=True):
            shape = function.size_in(place)
            if shape != (n, 1) and not (n == 0 and 0 in shape):
                found.append(f"{word}: argument {letter} has shape {shape}, needs ({n}, 1)")
        if function.size_out(0) != (size, 1):
            found.append(f"{word} gives shape {function.size_out(0)}, needs ({size}, 1)")
    return found


@dataclass(frozen=True, slots=True)
class Dependence:
    """Which variable can act on which, by the structure of the equations.

    Attributes:
        reaches: for each source (MVs and then DVs) and output, whether a way leads there; shape
            (n_u + n_d, n_y).
        observed: for each state, whether an output depends on it, directly or through others.
        constant: for each state, whether its rate depends on nothing at all.
        anything: for each output, whether it depends on anything at all.
    """

    reaches: np.ndarray
    observed: np.ndarray
    constant: np.ndarray
    anything: np.ndarray


def dependence(model: ProcessModel) -> Dependence:
    """Return what can act on what."""
    f_x, f_u, f_d = (_pattern(model.rhs, place) for place in range(3))
    g_x, g_u, g_d = (_pattern(model.outputs, place) for place in range(3))
    f_w, g_w = np.hstack((f_u, f_d)), np.hstack((g_u, g_d))
    moved = _closure(f_x, f_w)
    seen = _closure(f_x.T, g_x.T)
    return Dependence(
        reaches=(g_w | (g_x.astype(int) @ moved.astype(int) > 0)).T,
        observed=np.any(seen, axis=1),
        constant=~np.any(np.hstack((f_x, f_w)), axis=1),
        anything=np.any(np.hstack((g_x, g_w)), axis=1),
    )


def _pattern(function: object, place: int) -> np.ndarray:
    """Return where the Jacobian of a CasADi function can be different from zero."""
    sparsity = function.jac_sparsity(0, place)  # type: ignore[attr-defined]
    pattern = np.zeros(sparsity.shape, dtype=bool)
    rows, columns = sparsity.get_triplet()
    pattern[rows, columns] = True
    return pattern


def _closure(links: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Return what is reached from the start over any number of links, one column per start."""
    reached, step = start.copy(), links.astype(int)
    while True:
        wider = reached | (step @ reached.astype(int) > 0)
        if bool(np.array_equal(wider, reached)):
            return reached
        reached = wider


def dependence_findings(model: ProcessModel, found: Dependence) -> tuple[list[str], list[str]]:
    """Return findings and notes on variables that nothing moves or that move nothing."""
    findings = [
        f"output {name} depends on nothing: it is constant; drop it or wire it"
        for n, name in enumerate(model.y_names)
        if not found.anything[n]
    ]
    notes = []
    sources = model.u_names + model.d_names
    idle = [n for n in range(len(sources)) if not bool(np.any(found.reaches[n]))]
    findings += [
        f"input {sources[n]} acts on no output; drop it or wire it" for n in idle if n < model.n_u
    ]
    if mute := [sources[n] for n in idle if n >= model.n_u]:
        notes.append(f"disturbances that act on no output: {some(mute)}")
    driven = np.any(found.reaches[: model.n_u], axis=0)
    if alone := [
        name
        for name, by_input, by_any in zip(model.y_names, driven, found.anything, strict=True)
        if by_any and not by_input
    ]:
        notes.append(f"outputs that no input moves: {some(alone)}")
    if unseen := [n for n, seen in zip(model.x_names, found.observed, strict=True) if not seen]:
        notes.append(f"dead states, which no output depends on: {some(unseen)}")
    if still := [n for n, yes in zip(model.x_names, found.constant, strict=True) if yes]:
        notes.append(f"dead states, whose rate depends on nothing: {some(still)}")
    return findings, notes
