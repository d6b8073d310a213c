"""One record of each layout as an assay."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from operator_agent.errors import InputError
from operator_agent.plant.crude.assay import DENSITY_WATER_15C, Assay, AssayCut
from operator_agent.plant.crude.cuts import density_at
from operator_agent.plant.crude.record_curve import (
    Point,
    checked_points,
    mass_to_volume,
    with_ends,
)
from operator_agent.units import to_si

_DENSITY_UNITS = {"g/cm^3": 1e3, "kg/m^3": 1.0, "g/mL": 1e3, "kg/L": 1e3}
_TEMP_UNITS = {"C": "degC", "F": "degF", "K": "K"}
_DENSITY_TEMP_K, _DENSITY_NEAR_K = 288.4, 1.5  # 15 C and 60 F both count
_BASES = ("volume fraction", "mass fraction")


def assay_of_record(record_id: str, record: Mapping[str, Any], where: str) -> Assay:
    """Return a record as an assay.

    Args:
        record_id: such as `AD01470`.
        record: as parsed.
        where: words that begin a message.

    Raises:
        InputError: the record is of no known layout, or is no usable assay.
    """
    layouts = {
        "tbp_volpct_degC": _full_assay,
        "table_points": _table_record,
        "distillation_type": _curve_record,
    }
    for key, reader in layouts.items():
        if key in record:
            try:
                return reader(record_id, record, where)
            except (KeyError, TypeError, IndexError, ValueError) as error:
                if isinstance(error, InputError):
                    raise
                raise InputError(f"{where}: cannot be read ({error!r}); correct it") from error
    raise InputError(f"{where}: unknown layout; known ones have a key of: {', '.join(layouts)}")


def crude_key(name: str) -> str:
    """Return a name as a key for cases.

    Example:
        >>> crude_key("ARABIAN LIGHT, SHELL OIL")
        'arabian_light_shell_oil'
    """
    return re.sub(r"[^a-z0-9]+", "_", name.casefold()).strip("_")


def density_of_api(gravity_api: float) -> float:
    """Return the density at 15 C [kg/m3] of an API gravity, SG = 141.5 / (API + 131.5).

    Example:
        >>> round(density_of_api(10.0), 3)
        999.016
    """
    return 141.5 / (gravity_api + 131.5) * DENSITY_WATER_15C


def _curve(
    points: Sequence[Point], basis: str, where: str, end_point_k: float | None = None
) -> tuple[Point, ...]:
    if basis not in _BASES:
        raise InputError(f"{where}: distillation by '{basis}'; known are {', '.join(_BASES)}")
    curve = with_ends(checked_points(points, where), where, end_point_k)
    return curve if basis == _BASES[0] else mass_to_volume(curve)


def _assay(
    name: str,
    density_kg_m3: float,
    curve: Sequence[Point],
    source: str,
    cuts: tuple[AssayCut, ...] = (),
    sulphur: float | None = None,
) -> Assay:
    fractions, temps = zip(*curve, strict=True)
    return Assay(crude_key(name), name, density_kg_m3, fractions, temps, source, cuts, sulphur)


def _temp(value: object, symbol: str, where: str) -> float:
    if symbol not in _TEMP_UNITS:
        raise InputError(f"{where}: unknown unit of temperature '{symbol}'")
    return to_si(float(str(value)), _TEMP_UNITS[symbol])


def _density(rows: Sequence[Sequence[Any]], where: str) -> float | None:
    """Return the density at 15 C [kg/m3] among (value, unit, temperature, unit)."""
    for value, symbol, temp, temp_symbol in rows:
        if abs(_temp(temp, temp_symbol, where) - _DENSITY_TEMP_K) > _DENSITY_NEAR_K:
            continue
        if symbol not in _DENSITY_UNITS:
            raise InputError(f"{where}: unknown unit of density '{symbol}'")
        return float(value) * _DENSITY_UNITS[symbol]
    return None


def _whole_density(rows: Sequence[Sequence[Any]], api: object, where: str) -> float:
    found = _density(rows, where)
    if found is not None:
        return found
    if api in (None, "") or not math.isfinite(float(str(api))):
        raise InputError(f"{where}: has neither a density at 15 C nor an API gravity")
    return density_of_api(float(str(api)))


def _curve_record(record_id: str, record: Mapping[str, Any], where: str) -> Assay:
    for row in record["cuts"]:
        if row[1] not in ("fraction", "%"):
            raise InputError(f"{where}: unknown unit of the distilled fraction '{row[1]}'")
    points = [
        (float(row[0]) * (0.01 if row[1] == "%" else 1.0), _temp(row[2], row[3], where))
        for row in record["cuts"]
    ]
    end = record.get("end_point")
    end_k = None if end is None else _temp(end["value"], end["unit"], where)
    curve = _curve(points, str(record["distillation_type"]), where, end_k)
    density = _whole_density(record["densities"], record.get("API"), where)
    reference = (record.get("reference") or {}).get("reference", "")
    return _assay(record["name"], density, curve, f"record {record_id}; {reference}")


def _table_record(record_id: str, record: Mapping[str, Any], where: str) -> Assay:
    points = [
        (float(fraction), _temp(temp, "C", where)) for fraction, temp in record["table_points"]
    ]
    curve = _curve(points, str(record["distillation_type"]), where)
    density = _whole_density((), record["API"], where)
    text = record["sulfur_wt_pct"]
    sulphur = 0.01 * float(text) if text else None
    return _assay(record["name"], density, curve, f"record {record_id}", sulphur=sulphur)


def _full_assay(record_id: str, record: Mapping[str, Any], where: str) -> Assay:
    points = [
        (0.01 * float(row[0]), _temp(row[1], "C", where)) for row in record["tbp_volpct_degC"]
    ]
    end = record["cuts"][-1].get("tbp_end_point") if record["cuts"] else None
    end_k = None if end is None else _temp(end["value"], end["unit"], where)
    curve = _curve(points, str(record["tbp_type"]), where, end_k)
    density = _whole_density(record["whole_density"], record.get("API"), where)
    cuts = tuple(_cut(item, f"{where}, cut {item['name']}") for item in record["cuts"])
    source = f"record {record_id}; {record.get('source') or ''}"
    assay = _assay(record["name"], density, curve, source, cuts)
    density_at(assay, np.array([assay.temperatures_k[0]]))  # refuses cuts that contradict the whole
    return assay


def _cut(item: Mapping[str, Any], where: str) -> AssayCut:
    span = item["range_F"]  # its unit is stated, and is not always F
    low, high = (
        _temp(span[key], span["unit"], where) if key in span else default
        for key, default in (("min_value", 0.0), ("max_value", math.inf))
    )
    density = _density(item["density"], where)
    if density is None:
        raise InputError(f"{where}: has no density at 15 C")
    value, unit = item["bulk"].get("Sulfur Mass Fraction", (None, "%"))
    if unit not in ("%", "ppm"):
        raise InputError(f"{where}: unknown unit of sulphur '{unit}'")
    scale = 0.01 if unit == "%" else 1e-6
    return AssayCut(low, high, density, None if value is None else scale * float(value))
