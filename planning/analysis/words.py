"""Numbers of an analysis as texts for tables, and its values as plain values for JSON."""

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

import numpy as np

from operator_agent.planning.limits import Limit
from operator_agent.planning.quantities import in_unit, planning_unit
from operator_agent.signing import Json

FLOW, PRICE = "kbbl/d", "usd/bbl"
NONE = "-"
VALUE_DIGITS = 7  # of a limit's value in its unit: what is smaller is left by a solver
SMALLEST = 1e-3  # a marginal below it is rounding [usd/bbl, usd/h per unit]


def flow_text(value: float) -> str:
    """Return a flow [m3/s] in kbbl/d."""
    return f"{in_unit(value, FLOW) + 0.0:.2f}" if math.isfinite(value) else NONE


def price_text(value: float) -> str:
    """Return a price [usd/m3] in usd/bbl."""
    return f"{in_unit(value, PRICE) + 0.0:.2f}" if math.isfinite(value) else NONE


def money_text(value: float) -> str:
    """Return money [usd/h]."""
    return f"{value + 0.0:,.0f}" if math.isfinite(value) else NONE


def limit_value_text(value: float, limit: Limit) -> str:
    """Return a value [SI] in the unit in which its limit is stated."""
    if not math.isfinite(value):
        return NONE
    return f"{round(in_unit(value, limit.unit), VALUE_DIGITS) + 0.0:.5g}"


def amount_text(amount: float, limit: Limit) -> str:
    """Return a difference [SI] in the unit of a limit."""
    if not math.isfinite(amount):
        return NONE
    return f"{round(amount / planning_unit(limit.unit).factor, VALUE_DIGITS) + 0.0:.4g}"


def marginal_text(value: float, limit: Limit) -> str:
    """Return a marginal: of a flow in usd/bbl, of a quality in usd/h per its unit."""
    if not math.isfinite(value):
        return NONE
    shown = value * planning_unit(limit.unit).factor if limit.quality else in_unit(value, PRICE)
    return f"{shown:,.4g}" if abs(shown) >= SMALLEST else "0"


def marginal_unit(limit: Limit) -> str:
    """Return the unit of `marginal_text`."""
    return f"usd/h per {limit.unit}" if limit.quality else PRICE


def first_sentence(text: str) -> str:
    """Return the first sentence of an error: what follows would not fit a line."""
    return text.splitlines()[0].partition(". ")[0]


def plain(value: Any) -> Json:
    """Return values of an analysis as JSON: dataclasses as mappings, limits by key, no NaN."""
    if isinstance(value, Limit):
        return {"key": value.key, "text": value.text(), "value": value.value, "unit": value.unit}
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Enum):
        return value.name.lower()
    if isinstance(value, Mapping):
        return {_key(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(item) for item in value]
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def _key(key: Any) -> str:
    parts = key if isinstance(key, tuple) else (key,)
    return "/".join(part.value if isinstance(part, Enum) else str(part) for part in parts if part)
