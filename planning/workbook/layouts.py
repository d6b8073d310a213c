"""What a workbook may hold: a case with the cases below it, or a system of plants and periods."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from operator_agent.planning.case_file import WORKBOOKS
from operator_agent.planning.case_schema import CaseEntry
from operator_agent.planning.casework.tree import BranchEntry
from operator_agent.planning.system.schema import SystemEntry
from operator_agent.planning.workbook.sheets import sheets_of

CASES = "cases"


class WorkbookEntry(CaseEntry):
    """A case, with the cases that change it (see `casework.tree`)."""

    cases: dict[str, BranchEntry] = Field(default_factory=dict)


def is_workbook(path: Path | str) -> bool:
    """Return whether the ending of a file's name is that of a workbook."""
    return Path(path).suffix.lower() in WORKBOOKS


def layout_of_entry(entry: Mapping[str, Any]) -> type[BaseModel]:
    """Return the layout of a nested mapping: only systems have periods."""
    return SystemEntry if "periods" in entry else WorkbookEntry


def layout_of_sheets(names: Iterable[str]) -> type[BaseModel]:
    """Return the layout that has most of the named sheets; a case where both have as many."""
    found = set(names)

    def shared(layout: type[BaseModel]) -> int:
        return len(found & {sheet.name for sheet in sheets_of(layout)})

    return SystemEntry if shared(SystemEntry) > shared(WorkbookEntry) else WorkbookEntry
