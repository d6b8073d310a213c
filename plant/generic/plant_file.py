"""A linear plant from a YAML file: transfer functions, state space or step response.

    name: oven
    source: step tests of last May
    inputs: {fuel: {nominal: 10.0, span: 1.0}, draw: {nominal: 5.0, span: 0.5}}
    outputs: {temp: {nominal: 350.0, span: 5.0}, level: {nominal: 50.0, span: 5.0}}
    transfer_functions:
      - {output: temp, input: fuel, gain: 4.0, time_constants_s: [600.0], dead_time_s: 120.0}
      - {output: level, input: draw, rate_gain_1_s: -0.01, dead_time_s: 60.0}

In the place of `transfer_functions` stands `state_space` with `a`, `b`, `c`, perhaps `d`, and
`sample_time_s` when the matrices are of samples; or `step_response` with `sample_time_s`, perhaps
`integrating`, and `coefficients`, a list for each output and input. `disturbances` are written as
inputs are. Values are in the units that the user keeps for them; times are seconds.
"""

from pathlib import Path

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.plant.document import Section, read_document
from operator_agent.plant.generic.state_space import from_sampled_state_space, from_state_space
from operator_agent.plant.generic.step_response import from_step_response
from operator_agent.plant.generic.transfer_function import (
    TransferFunction,
    first_order,
    integrator,
    second_order,
)
from operator_agent.plant.generic.transfer_matrix import from_transfer_matrix
from operator_agent.plant.generic.variable import Variable, names_of
from operator_agent.plant.process_model import ProcessModel

KINDS = ("transfer_functions", "state_space", "step_response")
_Variables = tuple[tuple[Variable, ...], tuple[Variable, ...], tuple[Variable, ...]]


def load_plant(path: Path) -> ProcessModel:
    """Return the plant that a file describes.

    Args:
        path: of the YAML file.

    Raises:
        InputError: the file is missing, a key is unknown or missing, a number is no finite
            number, or the numbers make no plant; the message names the place.
    """
    document = read_document(path)
    name = document.text("name")
    document.text("source")
    variables: _Variables = (
        _variables(document, "inputs"),
        _variables(document, "disturbances") if document.has("disturbances") else (),
        _variables(document, "outputs"),
    )
    found = [kind for kind in KINDS if document.has(kind)]
    if len(found) != 1:
        raise InputError(
            f"{document.where}: needs exactly one of {', '.join(KINDS)}; "
            f"there is {' and '.join(found) or 'none'}"
        )
    document.close()
    if found[0] == "transfer_functions":
        return _transfer_functions(name, document, variables)
    if found[0] == "state_space":
        return _state_space(name, document.section("state_space"), variables)
    return _step_response(name, document.section("step_response"), variables)


def is_plant_file(path: Path) -> bool:
    """Return whether a YAML file describes a linear plant, and not a crude unit.

    Raises:
        InputError: the file is missing, unreadable or no mapping.
    """
    return any(read_document(path).has(kind) for kind in KINDS)


def _number(section: Section, key: str) -> float:
    value = section.value(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise InputError(f"{section.where}.{key}: expected a finite number, found {value!r}")
    return float(value)


def _number_or(section: Section, key: str, otherwise: float) -> float:
    return _number(section, key) if section.has(key) else otherwise


def _numbers(section: Section, key: str) -> FloatArray:
    """Return a list, or a list of lists of one length, of numbers."""
    try:
        found = np.array(section.value(key), dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{section.where}.{key}: expected numbers in rows of one length: {error}"
        ) from error
    if found.ndim not in (1, 2) or not bool(np.all(np.isfinite(found))):
        raise InputError(f"{section.where}.{key}: expected a list or rows of finite numbers")
    return found


def _variables(document: Section, key: str) -> tuple[Variable, ...]:
    section = document.section(key)
    found = []
    for name in section.names():
        entry = section.section(name)
        variable = Variable(name, _number(entry, "nominal"), _number(entry, "span"))
        entry.close()
        found.append(variable)
    return tuple(found)


def _place(entry: Section, key: str, names: tuple[str, ...]) -> int:
    name = entry.text(key)
    if name not in names:
        raise InputError(
            f"{entry.where}.{key}: '{name}' is not declared; there is: {', '.join(names)}"
        )
    return names.index(name)


def _transfer_functions(name: str, document: Section, variables: _Variables) -> ProcessModel:
    inputs, disturbances, outputs = variables
    sources, targets = names_of(inputs + disturbances), names_of(outputs)
    rows: list[list[TransferFunction | None]] = [[None] * len(sources) for _ in targets]
    for entry in document.items("transfer_functions"):
        i, j = _place(entry, "output", targets), _place(entry, "input", sources)
        if rows[i][j] is not None:
            raise InputError(f"{entry.where}: {targets[i]} to {sources[j]} comes twice")
        rows[i][j] = _element(entry)
        entry.close()
    return from_transfer_matrix(name, rows, inputs, outputs, disturbances)


def _element(entry: Section) -> TransferFunction:
    late = _number_or(entry, "dead_time_s", 0.0)
    try:
        if entry.has("rate_gain_1_s"):
            lag = _number_or(entry, "time_constant_s", 0.0)
            return integrator(_number(entry, "rate_gain_1_s"), lag, late)
        gain, lags = _number(entry, "gain"), _numbers(entry, "time_constants_s")
        if lags.shape == (1,):
            return first_order(gain, float(lags[0]), late)
        if lags.shape == (2,):
            pair = (float(lags[0]), float(lags[1]))
            return second_order(gain, pair, _number_or(entry, "lead_s", 0.0), late)
    except InputError as error:
        raise InputError(f"{entry.where}: {error}") from error
    raise InputError(f"{entry.where}.time_constants_s: give one or two time constants")


def _state_space(name: str, section: Section, variables: _Variables) -> ProcessModel:
    inputs, disturbances, outputs = variables
    a, b, c = (_numbers(section, letter) for letter in "abc")
    d = _numbers(section, "d") if section.has("d") else None
    if not section.has("sample_time_s"):
        section.close()
        return from_state_space(name, a, b, c, inputs, outputs, d, disturbances)
    sample_time_s = _number(section, "sample_time_s")
    section.close()
    return from_sampled_state_space(name, a, b, c, sample_time_s, inputs, outputs, d, disturbances)


def _step_response(name: str, section: Section, variables: _Variables) -> ProcessModel:
    inputs, disturbances, outputs = variables
    sample_time_s = _number(section, "sample_time_s")
    integrating = section.value("integrating") if section.has("integrating") else []
    if not (isinstance(integrating, list) and all(isinstance(n, str) for n in integrating)):
        raise InputError(f"{section.where}.integrating: expected a list of outputs")
    table = section.section("coefficients")
    section.close()
    columns = []
    for output in names_of(outputs):
        row = table.section(output)
        columns.append([_numbers(row, source) for source in names_of(inputs + disturbances)])
        row.close()
    table.close()
    lengths = {len(curve) for row in columns for curve in row}
    if len(lengths) != 1:
        raise InputError(
            f"{table.where}: the responses have {sorted(lengths)} samples; give all the same number"
        )
    coefficients = np.moveaxis(np.array(columns), -1, 0)
    return from_step_response(
        name, coefficients, sample_time_s, inputs, outputs, disturbances, integrating
    )
