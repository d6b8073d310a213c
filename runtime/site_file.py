"""Reads a site's YAML file: checks every key, converts every unit, returns a frozen `Site`."""

import difflib
import hashlib
import math
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from operator_agent.errors import InputError
from operator_agent.site import (
    Endpoints,
    GateSettings,
    Limits,
    Role,
    SafetySettings,
    SampleTimes,
    Site,
    Tag,
)
from operator_agent.units import HOUR_S, span_to_si, to_si, unit

PER_TIME_S = {"s": 1.0, "min": 60.0, "h": HOUR_S}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class _Quantity(_Strict):
    value: float
    unit: str

    def si(self, dimension: str, what: str) -> float:
        found = unit(self.unit).dimension
        if found != dimension:
            raise InputError(f"{what} is given in {self.unit} ({found}); it must be a {dimension}")
        return to_si(self.value, self.unit)


class _Range(_Strict):
    low: float | None = None
    high: float | None = None

    def si(self, symbol: str) -> Limits:
        return Limits(
            -math.inf if self.low is None else to_si(self.low, symbol),
            math.inf if self.high is None else to_si(self.high, symbol),
        )


class _Tag(_Strict):
    name: str
    description: str
    role: str
    variable: str
    unit: str
    node: str = ""
    modbus_register: int | None = None
    setpoint_node: str = ""
    mode_node: str = ""
    output: str = ""
    critical: bool = False
    range: _Range = _Range()
    engineering: _Range = _Range()
    operator: _Range | None = None
    soft: _Range = _Range()
    rate: float | None = None
    rate_per: str = "min"
    frozen_after_min: float | None = None
    dead_time_min: float = 0.0
    noise: float = 0.0


class _Safety(_Strict):
    max_temperature: _Quantity
    max_pressure: _Quantity
    min_flow: _Quantity
    margin_fraction: float


class _Endpoints(_Strict):
    dcs_endpoint: str
    scada_endpoint: str
    plc_endpoint: str = ""
    gate_endpoint: str
    api_endpoint: str


class _SampleTimes(_Strict):
    control_s: float
    supervisor_s: float
    planning_s: float


class _Gate(_Strict):
    max_move_age_s: float
    write_timeout_s: float
    read_back_tolerance: float
    max_residual: float
    max_holds: int
    max_refusals: int
    window_cycles: int
    window_fraction: float
    heartbeat_timeout_s: float


class _Site(_Strict):
    name: str
    namespace_uri: str
    heartbeat_node: str
    lease_node: str
    time_node: str
    files: dict[str, str]
    endpoints: _Endpoints
    safety: _Safety
    sample_times: _SampleTimes
    gate: _Gate
    tags: list[_Tag]


FILE_ROLES = ("plant", "planning", "controller", "envelope", "policy", "scenario")


def load_site(path: Path) -> Site:
    """Return the site that a YAML file describes.

    Args:
        path: of the YAML file; the files that it names are taken relative to its folder.

    Raises:
        InputError: the file cannot be read, holds an unknown key, a wrong type, a unit of the
            wrong dimension, or limits that are not nested. The message names key and value.
    """
    text = _read(path)
    try:
        raw = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError(f"site file {path} is not valid YAML: {error}") from error
    try:
        parsed = _Site.model_validate(raw)
    except ValidationError as error:
        raise InputError(f"site file {path}: {_first_fault(error, raw)}") from error
    digest = hashlib.sha256(text.encode()).hexdigest()
    try:
        return _site(parsed, path.parent, digest)
    except InputError as error:
        raise InputError(f"site file {path}: {error}") from error


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError as error:
        raise InputError(
            f"site file {path} cannot be read ({error.strerror}); sites stand under cases/sites/"
        ) from error


def _site(parsed: _Site, folder: Path, digest: str) -> Site:
    unknown = sorted(set(parsed.files) - set(FILE_ROLES))
    if unknown:
        raise InputError(f"files: unknown role '{unknown[0]}'; known are {', '.join(FILE_ROLES)}")
    safety = parsed.safety
    return Site(
        name=parsed.name,
        namespace_uri=parsed.namespace_uri,
        heartbeat_node=parsed.heartbeat_node,
        lease_node=parsed.lease_node,
        time_node=parsed.time_node,
        tags=tuple(_tag(tag) for tag in parsed.tags),
        safety=SafetySettings(
            safety.max_temperature.si("temperature", "safety.max_temperature"),
            safety.max_pressure.si("pressure", "safety.max_pressure"),
            safety.min_flow.si("volume flow", "safety.min_flow"),
            safety.margin_fraction,
        ),
        endpoints=Endpoints(**parsed.endpoints.model_dump()),
        sample_times=SampleTimes(**parsed.sample_times.model_dump()),
        gate=GateSettings(**parsed.gate.model_dump()),
        files={role: str((folder / name).resolve()) for role, name in parsed.files.items()},
        config_sha256=digest,
    )


def _tag(tag: _Tag) -> Tag:
    if tag.role not in {role.value for role in Role}:
        raise InputError(f"tag {tag.name}: role '{tag.role}' is none of mv, cv, dv, info")
    if tag.rate_per not in PER_TIME_S:
        raise InputError(f"tag {tag.name}: rate_per '{tag.rate_per}' is none of s, min, h")
    try:
        engineering = tag.engineering.si(tag.unit)
        return Tag(
            name=tag.name,
            description=tag.description,
            role=Role(tag.role),
            variable=tag.variable,
            unit=tag.unit,
            node=tag.node,
            register=tag.modbus_register,
            setpoint_node=tag.setpoint_node,
            output=tag.output,
            mode_node=tag.mode_node,
            critical=tag.critical,
            measuring_range=tag.range.si(tag.unit),
            engineering=engineering,
            operator=engineering if tag.operator is None else tag.operator.si(tag.unit),
            soft=tag.soft.si(tag.unit),
            rate=math.inf
            if tag.rate is None
            else span_to_si(tag.rate, tag.unit) / PER_TIME_S[tag.rate_per],
            frozen_s=math.inf if tag.frozen_after_min is None else tag.frozen_after_min * 60.0,
            noise=span_to_si(tag.noise, tag.unit),
            dead_time_s=tag.dead_time_min * 60.0,
        )
    except InputError as error:
        text = str(error)
        raise InputError(text if tag.name in text else f"tag {tag.name}: {text}") from error


def _first_fault(error: ValidationError, raw: Any) -> str:
    faults = error.errors()
    fault = next((f for f in faults if f["type"] == "extra_forbidden"), faults[0])
    place = ".".join(_place_names(fault["loc"], raw))
    if fault["type"] == "extra_forbidden":
        known = _known_keys(fault["loc"])
        near = difflib.get_close_matches(str(fault["loc"][-1]), known, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(known)}"
        return f"unknown key '{place}' (value {fault['input']!r}); {hint}"
    if fault["type"] == "missing":
        return f"key '{place}' is missing"
    return f"'{place}' is {fault['input']!r}: {fault['msg'].lower()}"


def _place_names(location: tuple[int | str, ...], raw: Any) -> list[str]:
    """Return the path of a key in words: list items by their `name`."""
    names: list[str] = []
    here = raw
    for step in location:
        try:
            here = here[step]
        except (KeyError, IndexError, TypeError):
            here = None
        if isinstance(step, int) and isinstance(here, dict):
            names[-1] = f"{names[-1]}[{here.get('name', step)}]"
        else:
            names.append(str(step))
    return names


def _known_keys(location: tuple[int | str, ...]) -> list[str]:
    models: dict[str, type[BaseModel]] = {
        "tags": _Tag,
        "safety": _Safety,
        "endpoints": _Endpoints,
        "sample_times": _SampleTimes,
        "gate": _Gate,
    }
    if len(location) == 1:
        return list(_Site.model_fields)
    inner = str(location[-2])
    if inner in ("range", "engineering", "operator", "soft"):
        return list(_Range.model_fields)
    if inner in ("max_temperature", "max_pressure", "min_flow"):
        return list(_Quantity.model_fields)
    return list(models[str(location[0])].model_fields) if str(location[0]) in models else []
