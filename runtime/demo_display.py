"""What a person sees while the demonstration runs, and the table at its end."""

import math
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from operator_agent.runtime.run_record import CycleRecord
from operator_agent.runtime.scoring import shown_energy

EVENTS_SHOWN = 6


class DemoDisplay:
    """A live view: stage, plant time, mode, optimizer, gate, limits, last events."""

    def __init__(self, console: Console) -> None:
        """Draw on this console; where it is no terminal, one line for each stage."""
        self._console = console
        self._live = Live(console=console, refresh_per_second=4, transient=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(40),
            TextColumn("{task.completed:.1f} of {task.total:.1f} h"),
            TimeElapsedColumn(),
        )
        self._task: TaskID | None = None
        self._now = Text("")
        self._events: list[str] = []

    def __enter__(self) -> "DemoDisplay":
        """Start drawing."""
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop drawing."""
        self._live.stop()

    def stage(self, text: str) -> None:
        """Say what begins."""
        self._console.print(Text(f"▸ {text}"))

    def tables(self, tables: list[Table]) -> None:
        """Show tables that stay."""
        for table in tables:
            self._console.print(table)

    def start_run(self, name: str, hours: float) -> None:
        """Begin the progress of one controller's run."""
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._task = self._progress.add_task(f"{name:<16}", total=hours)
        self._now, self._events = Text(""), []

    def event(self, time_h: float, text: str) -> None:
        """Show something that the scenario does."""
        self._events = [*self._events, f"{time_h:5.2f} h  {text}"][-EVENTS_SHOWN:]
        if not self._console.is_terminal:
            self._console.print(Text(f"  {time_h:5.2f} h  {text}"))

    def cycle(self, time_h: float, record: CycleRecord | None) -> None:
        """Show a minute of plant time, with the control cycle where there is a controller."""
        if self._task is not None:
            self._progress.update(self._task, completed=time_h)
        if record is not None:
            solve = f"{record.solve_ms:.0f} ms" if math.isfinite(record.solve_ms) else "–"
            limits = ", ".join(record.active_limits) or "none"
            bad = ", ".join(record.bad_tags) or "none"
            self._now = Text(
                f"mode {record.mode.upper()}   gate {record.verdict}   optimizer {solve}\n"
                f"limits that hold: {limits}\nreadings not used: {bad}\n"
                f"{record.reason or record.unmet}".rstrip()
            )
        self._live.update(Group(self._progress, self._now, *(Text(e) for e in self._events)))


def controllers_table(summary: Mapping[str, Any]) -> Table:
    """Return the comparison of the controllers for the terminal: one column for each."""
    table = Table(
        title=f"{summary['hours']:g} plant hours, seed {summary['seed']}, same scenario for all",
        title_justify="left",
    )
    table.add_column("", overflow="fold")
    for name in summary["controllers"]:
        table.add_column(name, justify="right")
    scores = list(summary["controllers"].values())
    base = scores[0]["profit_usd_per_h"]
    rows: dict[str, Callable[[Mapping[str, Any]], str]] = {
        "profit [USD/h]": lambda s: f"{s['profit_usd_per_h']:,.0f}",
        "over the recipe [USD/h]": lambda s: f"{s['profit_usd_per_h'] - base:+,.0f}",
        "lost off specification [USD/h]": lambda s: f"{s['off_spec_cost_usd_per_h']:,.0f}",
        "feed [m3/h]": lambda s: f"{s['flow_vol_feed_m3_per_h']:.1f}",
        "energy [GJ/t crude]": lambda s: shown_energy(s["energy_gj_per_t_crude"]),
        "hard limits broken [min]": lambda s: f"{s['hard_limit_violation_min']:.0f}",
        "set points written": lambda s: str(s["writes_total"]),
        "of these without certificate": lambda s: str(s["writes_without_certificate"]),
        "optimizer p50 / p99 [ms]": lambda s: _pair(s["solve_time_ms"]),
        "whole cycle p50 / p99 [ms]": lambda s: _pair(s["cycle_time_ms"]),
    }
    for title, cell in rows.items():
        table.add_row(Text(title), *(cell(score) for score in scores))
    return table


def _pair(times: Mapping[str, float | None]) -> str:
    if times["p50"] is None or times["p99"] is None:
        return "–"
    return f"{times['p50']:.1f} / {times['p99']:.1f}"
