"""Workbooks in and out: the nested mapping of a case file, or the case itself.

What a case file says comes back from its workbook as it was, but for the writing of numbers: `64.0`
may come back as `64`, and spreadsheet programs keep fifteen digits of a number.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from operator_agent.errors import InputError
from operator_agent.planning.case import PlanningCase
from operator_agent.planning.case_file import case_from_entry, load_case, read_entry
from operator_agent.planning.case_schema import complaint_of, first_complaint, place_of
from operator_agent.planning.entry_cells import EntryWithCells, told
from operator_agent.planning.system.reader import load_system, system_from_entry
from operator_agent.planning.system.system import PlanningSystem
from operator_agent.planning.workbook.assemble import Assembly, assemble
from operator_agent.planning.workbook.book_file import Page, open_pages
from operator_agent.planning.workbook.faults import Faults, address_of, nearest
from operator_agent.planning.workbook.layouts import (
    CASES,
    WorkbookEntry,
    is_workbook,
    layout_of_entry,
    layout_of_sheets,
)
from operator_agent.planning.workbook.remarks import head_of, notes_of
from operator_agent.planning.workbook.rows import Notes, Place, words
from operator_agent.planning.workbook.sheet_names import ABOUT, LISTS, OWN
from operator_agent.planning.workbook.sheet_reader import ReadRow, read_rows
from operator_agent.planning.workbook.sheets import Sheet, sheets_of
from operator_agent.planning.workbook.writer import PLAIN, Extra, write_sheets
from operator_agent.planning.workbook.yaml_text import in_layout_order, yaml_text

FILE_KEYS = ("assay", "case")  # keys whose values are paths from the folder of the file


@dataclass(frozen=True, slots=True)
class Reading:
    """A workbook as it was read.

    Attributes:
        entry: nested mapping of its case file.
        addresses: cell of every place.
        notes: remarks by place.
    """

    entry: dict[str, Any]
    addresses: Mapping[Place, str]
    notes: Notes


def write_workbook(
    path: Path | str,
    entry: Mapping[str, Any],
    notes: Notes | None = None,
    layout: type[BaseModel] | None = None,
    extra: Extra = PLAIN,
) -> None:
    """Write a case, with the cases below it, or a system as a workbook.

    Args:
        path: of the .xlsx file.
        entry: nested mapping of a case file, as it is written.
        notes: remarks by place, such as the sources of its numbers.
        layout: of the file; found from the entry when not given.
        extra: what stands in it besides.

    Raises:
        InputError: the entry is not of the layout, holds what no cell can hold, or the file
            cannot be written.
    """
    layout = layout or layout_of_entry(entry)
    try:
        layout.model_validate(entry)
    except ValidationError as error:
        raise InputError(f"no workbook {path}: {first_complaint(error, layout)}") from error
    _write(Path(path), entry, notes or {}, layout, extra)


def write_template(path: Path | str, layout: type[BaseModel] = WorkbookEntry) -> None:
    """Write a workbook without a case, for a planner to fill.

    Raises:
        InputError: the file cannot be written.
    """
    _write(Path(path), {}, {}, layout, PLAIN)


def yaml_to_workbook(source: Path | str, target: Path | str, *, all_sheets: bool = False) -> None:
    """Write a YAML file of a case, of a tree of cases below one case file, or of a system.

    Remarks behind its values become comments, those at its head stand on the sheet About.

    Args:
        source: YAML file.
        target: workbook to write.
        all_sheets: whether sheets of kinds that the case does not use are written too, empty.

    Raises:
        InputError: as `read_entry` and `write_workbook`; a tree whose cases are not all in it.
    """
    old, new = Path(source), Path(target)
    if is_workbook(old):
        raise InputError(f"case file {old} is a workbook already; give a YAML file")
    entry = read_entry(old)
    text = old.read_text(encoding="utf-8")
    notes, head = notes_of(text, f"case file {old}"), head_of(text)
    if "parent" in entry:
        old, entry, notes = _tree(old, entry, notes)
        head = (*head, "", *head_of(old.read_text(encoding="utf-8")))
    extra = Extra(head, all_sheets)
    write_workbook(new, moved(entry, old.parent, new.parent), notes, extra=extra)


def _tree(
    file: Path, tree: Mapping[str, Any], notes: Notes
) -> tuple[Path, dict[str, Any], dict[Place, str]]:
    """Return the case file at the root of a tree, its entry with the cases, and the remarks."""
    beside = sorted(set(tree) - {"parent", CASES})
    root = file.parent / str(tree["parent"])
    if beside:
        raise InputError(
            f"case file {file}: a workbook holds a case and the cases below it, not "
            f"'{beside[0]}'; write it as one of the cases"
        )
    entry = read_entry(root)
    if "parent" in entry:
        raise InputError(
            f"case file {file}: its parent {root} has a parent itself; a workbook needs all cases "
            "below one case file"
        )
    own = notes_of(root.read_text(encoding="utf-8"), f"case file {root}")
    below = {place: words for place, words in notes.items() if place[0] == CASES}
    return root, entry | {CASES: tree.get(CASES, {})}, {**own, **below}


def workbook_to_yaml(source: Path | str, target: Path | str) -> tuple[Path, ...]:
    """Write a workbook as YAML; its comments and sources stand behind values.

    Cases below the case of the workbook go to a tree file beside it, `case_cases.yaml`.

    Returns:
        The files that were written.

    Raises:
        InputError: as `read_workbook`; a file cannot be written.
    """
    old, new = Path(source), Path(target)
    reading = open_workbook(old)
    entry = moved(reading.entry, old.parent, new.parent)
    files = [(new, {key: value for key, value in entry.items() if key != CASES})]
    if CASES in entry:
        tree = new.with_name(f"{new.stem}_{CASES}.yaml")
        files.append((tree, {"parent": new.name, CASES: entry[CASES]}))
    try:
        for file, content in files:
            file.write_text(yaml_text(content, reading.notes), encoding="utf-8")
    except OSError as error:
        raise InputError(f"case file {new} cannot be written: {error.strerror}") from error
    return tuple(file for file, _ in files)


def _write(
    path: Path,
    entry: Mapping[str, Any],
    notes: Notes,
    layout: type[BaseModel],
    extra: Extra,
) -> None:
    if path.suffix.lower() != ".xlsx":
        raise InputError(f"workbook {path}: give a name that ends in .xlsx")
    try:
        write_sheets(path, sheets_of(layout), entry, notes, extra)
    except OSError as error:
        raise InputError(f"workbook {path} cannot be written: {error.strerror}") from error


def read_workbook(path: Path | str, layout: type[BaseModel] | None = None) -> dict[str, Any]:
    """Return the nested mapping that a workbook describes, as its case file would hold it.

    Cases below the case of the workbook stand under `cases`, as in a tree file.

    Args:
        path: of the file.
        layout: of what it holds; found from its sheets when not given.

    Raises:
        InputError: the file is no workbook, or its cells are at fault; up to ten faults are told
            at once, each with its sheet and cell.
    """
    return open_workbook(path, layout).entry


def open_workbook(path: Path | str, layout: type[BaseModel] | None = None) -> Reading:
    """Return what a workbook describes, with the cell of every place and the remarks in it.

    Raises:
        InputError: as `read_workbook`.
    """
    faults = Faults(f"workbook {path}")
    pages = open_pages(Path(path), faults)
    layout = layout or layout_of_sheets(pages)
    sheets = sheets_of(layout)
    _check_names(pages, [sheet.name for sheet in sheets], faults)
    read = [(s, read_rows(s, pages[s.name], faults)) for s in sheets if s.name in pages]
    _check_there(sheets, read, faults)
    made = assemble(read, faults)
    faults.check()
    _check_layout(made, layout, faults)
    entry = in_layout_order(made.entry, layout)
    return Reading(entry, made.addresses, made.notes)


def _check_names(pages: Mapping[str, Page], known: list[str], faults: Faults) -> None:
    if not any(name in pages and pages[name].cells for name in known):
        raise InputError(
            f"{faults.source} holds none of the sheets of a case; make one to fill with: "
            "operator-agent plan template FILE.xlsx"
        )
    for name, page in pages.items():
        if name not in known and name not in (ABOUT, LISTS):
            faults.add(
                page.address(1, 1),
                f"begins a sheet that is not known{nearest(name, known)}; begin its name with "
                f"'{OWN}' to leave it aside",
            )


def _check_there(
    sheets: Sequence[Sheet], read: Sequence[tuple[Sheet, Sequence[ReadRow]]], faults: Faults
) -> None:
    """Refuse a workbook without a sheet that a case must have, or that owns rows of another.

    Raises:
        InputError: the message names the sheet.
    """
    there = {sheet.name for sheet, _ in read}
    for sheet in sheets:
        below = [other.name for other, rows in read if rows and sheet.owns(other)]
        if sheet.name not in there and (below or sheet.must_stand):
            needs = f"; {below[0]} names its rows" if below else ""
            raise InputError(
                f"{faults.source}: sheet {sheet.name} is missing{needs}; add it (a template has it)"
            )


def _check_layout(made: Assembly, layout: type[BaseModel], faults: Faults) -> None:
    """Check required cells and the like by the layout of the file.

    Raises:
        InputError: with all that is wrong, by cell.
    """
    try:
        layout.model_validate(made.entry)
    except ValidationError as error:
        found = error.errors()
        for fault in found:
            place: Place = place_of(fault["loc"], found)
            address = _empty_sheet(place, layout) or address_of(place, made.addresses)
            if place not in made.addresses and fault["type"] == "too_short":
                faults.add(address, f"is empty: give at least one row ({words(place)})")
            elif fault["type"] == "missing":
                here = place in made.addresses
                faults.add(
                    address, f"{'is empty' if here else 'lacks a value'}: give {words(place)}"
                )
            else:
                said = complaint_of(fault["type"], fault["input"], fault["msg"])
                faults.add(address, f"({words(place)}) {said}")
    faults.check()


def _empty_sheet(place: Place, layout: type[BaseModel]) -> str:
    """Return the first free cell of the sheet for the items of a place; empty where none is so."""
    own = (sheet for sheet in sheets_of(layout) if sheet.path[:-1] == place and len(place) == 1)
    return next((f"{sheet.name}!A2" for sheet in own), "")


def load_any_case(path: Path | str) -> PlanningCase:
    """Return the planning case in a YAML file or a workbook, by the ending of its name.

    Raises:
        InputError: as `load_case` and `read_workbook`; for a workbook the message names the cell.
    """
    file = Path(path)
    if not is_workbook(file):
        return load_case(file)
    return case_from_entry(case_entry(file), file.parent, f"workbook {file}")


def load_any_system(path: Path | str) -> PlanningSystem:
    """Return the planning system in a YAML file or a workbook, by the ending of its name.

    Raises:
        InputError: as `load_system` and `read_workbook`; for a workbook the message names the cell.
    """
    file = Path(path)
    if not is_workbook(file):
        return load_system(file)
    entry, source = case_entry(file), f"workbook {file}"
    try:
        return system_from_entry(entry, file.parent, source)
    except InputError as error:
        raise told(error, source, entry) from error


def case_entry(path: Path | str) -> EntryWithCells:
    """Return the case or system in a workbook with its cells, without the cases below it.

    Raises:
        InputError: as `read_workbook`.
    """
    reading = open_workbook(path)
    entry = {key: value for key, value in reading.entry.items() if key != CASES}
    cells = {words(place): cell for place, cell in reading.addresses.items()}
    return EntryWithCells(entry, f"workbook {path}", cells)


def moved(entry: Mapping[str, Any], old: Path, new: Path) -> dict[str, Any]:
    """Return an entry whose files are looked up from another folder.

    Args:
        entry: nested mapping of a case file.
        old, new: folders from which relative paths count.
    """
    return {key: _moved(key, value, old, new) for key, value in entry.items()}


def _moved(key: str, value: Any, old: Path, new: Path) -> Any:
    if isinstance(value, Mapping):
        return moved(value, old, new)
    if key in FILE_KEYS and isinstance(value, str) and not Path(value).is_absolute():
        return Path(os.path.relpath(old / value, new)).as_posix()
    return value
