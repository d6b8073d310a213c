"""A progress bar on the error output for work that takes minutes."""

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from operator_agent.runtime.cli_tables import ERR


class Steps:
    """Moves a bar by (done, total, text)."""

    def __init__(self, progress: Progress) -> None:
        """Add a line to the bar."""
        self._progress = progress
        self._task = progress.add_task("starting", total=None)

    def __call__(self, done: int, total: int, text: str) -> None:
        """Show how far the work is, and on what."""
        self._progress.update(self._task, completed=done, total=total, description=text)


def bar() -> Progress:
    """Return a bar; use it as a context manager."""
    columns = (BarColumn(), TextColumn("{task.completed:.0f}/{task.total}"), TimeElapsedColumn())
    return Progress(*columns, TextColumn("{task.description}"), console=ERR)
