"""Months of operation data as a plant would have them: measured, operated, disturbed, written down.

A history is a folder of three files: `history.parquet` (what a plant's historian holds),
`truth.parquet` (what really was, for research) and `metadata.json`.
"""

import hashlib
import math
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from operator_agent.errors import InputError, PlantError
from operator_agent.plant.simulation.dimension import si_of
from operator_agent.plant.simulation.events import EVENT_NAMES, CrudeSwitch, EquipmentTrip
from operator_agent.plant.simulation.excitation import Excitation, excitation
from operator_agent.plant.simulation.history_file import (
    MEASURED,
    START,
    TRUTH,
    HistoryFolder,
    Row,
    polars,
)
from operator_agent.plant.simulation.history_plan import HistoryPlan, check_days, history_plan
from operator_agent.plant.simulation.operators import LOOK_S, Operators, OperatorState
from operator_agent.plant.simulation.simulator import Simulator
from operator_agent.plant.simulation.snapshot import Snapshot
from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.unit.crude_unit import CrudeUnit, build_crude_unit
from operator_agent.units import DAY_S, HOUR_S

_FORMAT = 2  # of the files; raised when columns or their meaning change
_VERSIONED = ("casadi", "numpy")  # other versions give other last digits
_PART_S = 6.0 * HOUR_S  # simulated between two checkpoints
_CRUDE_CHANGE_S = 3.0 * HOUR_S  # in which a new crude works its way through
_UPSET_S = 2.0 * HOUR_S  # after equipment came back
_OUTAGE_S = 12.0 * HOUR_S  # from a shutdown to steady operation
_MONTH_DAYS = 30.0

Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class HistoryReport:
    """What was written.

    Attributes:
        folder: with the files.
        days: simulated.
        rows: samples.
        columns: of the measured file.
        bytes_measured, bytes_truth: size of the files.
        cpu_s: processor time of this call [s]; the days before a resumption do not count.
        cpu_h_per_month: the same for thirty simulated days [h].
        shutdowns: why the plant stopped, with the time; operation went on half a day later.
        excitation: how the set points moved.
        values_sha256: hash of all values; the same for the same settings.
    """

    folder: Path
    days: float
    rows: int
    columns: int
    bytes_measured: int
    bytes_truth: int
    cpu_s: float
    cpu_h_per_month: float
    shutdowns: tuple[str, ...]
    excitation: Excitation
    values_sha256: str


def write_history(
    path: Path,
    case: CrudeUnitCase,
    days: float,
    seed: int,
    sample_s: float = 60.0,
    progress: Progress | None = None,
    layout: str = "plant",
) -> HistoryReport:
    """Write operation data under operators' recipes, and return what was written.

    Six hours at a time are written with a checkpoint. When the call is interrupted, the same call
    goes on from the last checkpoint and ends with the same values.

    Args:
        path: folder for the files; it must not hold a finished history.
        case: numbers of the unit, cards and instruments.
        days: length [d].
        seed: of all chance.
        sample_s: time between rows [s]; the operators' ten minutes must be a multiple of it.
        progress: called with the share that is done, from 0 to 1; what it raises interrupts.
        layout: of the unit.

    Raises:
        InputError: an argument is wrong, the folder is not free, or polars is missing.
    """
    polars()
    check_days(days)
    looks = LOOK_S / sample_s if math.isfinite(sample_s) and sample_s > 0.0 else math.nan
    if not (math.isfinite(looks) and looks >= 1.0 and looks == round(looks)):
        raise InputError(
            f"a sample every {sample_s} s does not fit operators who look every {LOOK_S:.0f} s; "
            "give a divisor of that, such as 60 or 300"
        )
    unit = build_crude_unit(case, layout)
    plan = history_plan(unit, case, days, seed)
    settings = _settings(case, unit, days, seed, sample_s)
    folder = HistoryFolder(Path(path), settings)
    started_s, before = time.process_time(), folder.rows
    shutdowns = _operate(folder, unit, case, plan, seed, sample_s, progress)
    cpu_s = time.process_time() - started_s
    spread = excitation(
        unit.model.u_names, folder.setpoints(unit.model.u_names), unit.model.u_scale
    )
    simulated_days = max((folder.rows - before) * sample_s / DAY_S, sample_s / DAY_S)
    folder.close(
        {
            **settings,
            "versions": settings["versions"]
            | {"polars": metadata.version("polars"), "python": platform.python_version()},
            "start": START.isoformat(),
            "rows": folder.rows,
            "values_sha256": folder.values_sha256,
            "units": {name: si_of(name, "metadata") for name in case.instruments.names},
            "shutdowns": list(shutdowns),
            "excitation": _plain(spread),
            "scenario": _plain(plan.scenario),
            "tests": _plain(plan.tests),
        }
    )
    return HistoryReport(
        folder=Path(path),
        days=days,
        rows=folder.rows,
        columns=polars().scan_parquet(Path(path) / MEASURED).collect_schema().len(),
        bytes_measured=(Path(path) / MEASURED).stat().st_size,
        bytes_truth=(Path(path) / TRUTH).stat().st_size,
        cpu_s=cpu_s,
        cpu_h_per_month=cpu_s / HOUR_S * _MONTH_DAYS / simulated_days,
        shutdowns=shutdowns,
        excitation=spread,
        values_sha256=folder.values_sha256,
    )


def _settings(
    case: CrudeUnitCase, unit: CrudeUnit, days: float, seed: int, sample_s: float
) -> dict[str, Any]:
    """Return what the values depend on."""
    return {
        "format": _FORMAT,
        "case": case.key,
        "case_sha256": hashlib.sha256(repr(case).encode()).hexdigest(),
        "model": unit.model.name,
        "days": days,
        "seed": seed,
        "sample_s": sample_s,
        "versions": {name: metadata.version(name) for name in _VERSIONED},
    }


class _Run:
    """One history under way: the plant, its operators, and what stopped it."""

    def __init__(
        self, unit: CrudeUnit, case: CrudeUnitCase, plan: HistoryPlan, seed: int, sample_s: float
    ) -> None:
        self._plan, self._sample_s = plan, sample_s
        self.simulator = Simulator(unit, case, plan.scenario, seed)
        self.operators = Operators(unit, case, plan.tests, seed)
        self.shutdowns: list[str] = []
        self._switches = plan.scenario.of(CrudeSwitch)
        trips = plan.scenario.of(EquipmentTrip)
        self._trips = [trip for trip in trips if not trip.equipment.startswith("exchanger_")]
        self._measured = case.instruments.names

    def resume(self, kept: Mapping[str, Any]) -> None:
        """Go back to a checkpoint.

        Raises:
            InputError: it does not hold what `kept` returned.
        """
        self.simulator.restore(Snapshot.from_dict(kept["snapshot"]))
        try:
            self.operators.state = OperatorState.from_dict(kept["operators"])
        except TypeError as error:
            raise InputError(f"operators: {error}") from error
        self.shutdowns = list(kept["shutdowns"])

    def kept(self) -> dict[str, Any]:
        """Return the checkpoint."""
        return {
            "snapshot": self.simulator.snapshot().to_dict(),
            "operators": _plain(self.operators.state),
            "shutdowns": list(self.shutdowns),
        }

    def sample(self) -> Row:
        """Let the operators look, note what stands, and let the time to the next sample pass."""
        simulator, time_s = self.simulator, self.simulator.time_s
        readings = simulator.measure()
        slate = simulator.declared_slate
        if abs(time_s / LOOK_S - round(time_s / LOOK_S)) < 1e-9:
            held = simulator.setpoints
            for name, value in self.operators.look(time_s, readings, held, slate).items():
                simulator.write(name, value)
        row = Row(
            time_s,
            {name: readings[name] for name in self._measured},
            simulator.setpoints,
            slate,
            self._mode(time_s),
            simulator.truth(),
        )
        try:
            simulator.advance(self._sample_s)
        except PlantError as error:
            self.shutdowns.append(f"{time_s:.0f} s: {error}")
            simulator.start_again((math.floor(time_s / LOOK_S) + 1) * LOOK_S + _OUTAGE_S)
        return row

    def _mode(self, time_s: float) -> str:
        if any(t.at_s <= time_s < t.at_s + t.duration_s + _UPSET_S for t in self._trips):
            return "upset"
        if any(test.at_s <= time_s < test.end_s for test in self._plan.tests):
            return "setpoint_test"
        if any(s.at_s <= time_s < s.at_s + s.ramp_s + _CRUDE_CHANGE_S for s in self._switches):
            return "crude_change"
        return "normal"


def _operate(
    folder: HistoryFolder,
    unit: CrudeUnit,
    case: CrudeUnitCase,
    plan: HistoryPlan,
    seed: int,
    sample_s: float,
    progress: Progress | None,
) -> tuple[str, ...]:
    """Simulate part by part, and return why the plant stopped."""
    run, end_s = _Run(unit, case, plan, seed, sample_s), plan.scenario.duration_s
    if folder.resume is not None:
        try:
            run.resume(folder.resume)
        except InputError as error:
            raise folder.damaged(str(error)) from error
    while run.simulator.time_s < end_s - 0.5 * sample_s:
        part_end_s = min((math.floor(run.simulator.time_s / _PART_S) + 1) * _PART_S, end_s)
        rows: list[Row] = []
        while run.simulator.time_s < part_end_s - 0.5 * sample_s:
            rows.append(run.sample())
        folder.append(rows, run.kept())
        if progress is not None:
            progress(min(run.simulator.time_s / end_s, 1.0))
    return tuple(run.shutdowns)


def _plain(value: Any) -> Any:
    """Return a value as JSON knows it; an event says its name, and no finite number is null."""
    if is_dataclass(value) and not isinstance(value, type):
        name = next((name for kind, name in EVENT_NAMES.items() if type(value) is kind), None)
        named = {} if name is None else {"event": name}
        return named | {item.name: _plain(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(inner) for inner in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None  # JSON has no infinity
    return value
