"""The case tree: a case that names its parent and says only what differs; changes cascade.

A file of one child:

    name: cheap_maya
    parent: three_crudes.yaml          # a case file, another child, or tree.yaml#name
    note: a heavy-crude discount
    changes: {crudes.maya.price: 58 usd/bbl}

A file of many; a case without `parent` hangs below the file's own:

    parent: three_crudes.yaml
    cases:
      cheap_maya: {changes: {crudes.maya.price: 58 usd/bbl}}
      cheap_maya_weak_jet: {parent: cheap_maya, changes: {products.jet.price: {plus: -4 usd/bbl}}}

Changes are those of `planning.changes`. Assay files are looked up from the folder of the case file
at the root. `ramp` (see `casework.ramps`) may stand beside them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from operator_agent.errors import InputError
from operator_agent.planning.case import PlanningCase
from operator_agent.planning.case_file import WORKBOOKS, case_from_entry, read_entry
from operator_agent.planning.changes import apply_changes

OF_FILE = "#"
"""Parts a tree file from the name of a case in it."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BranchEntry(_Strict):
    """One case of a tree file."""

    parent: str | None = None
    note: str = ""
    changes: dict[str, Any] = Field(default_factory=dict)


class AxisEntry(_Strict):
    """One key that a ramp moves."""

    key: str
    start: str | float = Field(alias="from")
    end: str | float = Field(alias="to")
    steps: int


class ChildEntry(_Strict):
    """A file whose case has a parent, alone or with the cases of a tree."""

    name: str | None = None
    parent: str
    note: str = ""
    changes: dict[str, Any] = Field(default_factory=dict)
    cases: dict[str, BranchEntry] = Field(default_factory=dict)
    ramp: AxisEntry | Annotated[list[AxisEntry], Field(min_length=1)] | None = None


@dataclass(frozen=True, slots=True)
class CaseNode:
    """A case of a tree.

    Attributes:
        name: of the case.
        source: where it is written, for messages.
        folder: from which assay files are looked up.
        note: of its author.
        changes: against its parent, as written.
        entry: the whole case, changes made, as a case file would hold it.
        parents: from the root down to its parent, themselves without children.
        children: cases of the same file that hang below it.
        ramp: keys to move and how, as the file says.
    """

    name: str
    source: str
    folder: Path
    note: str
    changes: Mapping[str, Any]
    entry: Mapping[str, Any]
    parents: tuple["CaseNode", ...] = ()
    children: tuple["CaseNode", ...] = ()
    ramp: tuple[AxisEntry, ...] = ()

    def case(self) -> PlanningCase:
        """Return the case as values.

        Raises:
            InputError: something in it is wrong, as `load_case` says.
        """
        return case_from_entry(self.entry, self.folder, self.source)

    def walk(self) -> Iterator["CaseNode"]:
        """Give this case and all below it, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()

    def alone(self) -> "CaseNode":
        """Return the case without its relatives: all that is needed to solve it."""
        return replace(self, parents=(), children=())

    def changed(self, name: str, changes: Mapping[str, Any], note: str = "") -> "CaseNode":
        """Return a child of this case.

        Raises:
            InputError: a change cannot be made.
        """
        return _child(self, name, changes, note, f"case {name} below {self.source}")


def load_tree(path: Path | str) -> CaseNode:
    """Return the case of a file, with its parents above and the cases of a tree file below it.

    Args:
        path: a case file, a file of one child or of many, or `tree.yaml#name` for one of many.

    Raises:
        InputError: a file is missing, a key is unknown, a change cannot be made, a parent is not
            there, or a case is its own parent; the message names the place.
    """
    return _load(str(path), ())


def _load(address: str, below: tuple[str, ...]) -> CaseNode:
    """Return a node; `below` are the files from which the parents led here."""
    file, _, name = address.partition(OF_FILE)
    here = str(Path(file).resolve())
    if here in below:
        chain = " -> ".join(Path(step).name for step in (*below, here))
        raise InputError(f"case file {file} is its own parent ({chain}); give one another parent")
    raw = read_entry(file)
    if Path(file).suffix.lower() in WORKBOOKS:
        tree = _workbook_tree(raw, file)
    elif "parent" not in raw:
        tree = _root(raw, Path(file))
    else:
        tree = _branches(_child_entry(raw, file), file, (*below, here))
    return _named(tree, name, file) if name else tree


def _root(raw: Mapping[str, Any], file: Path) -> CaseNode:
    for key in ("changes", "cases"):
        if key in raw:
            raise InputError(f"case file {file} has '{key}' but no 'parent' to change; name one")
    return CaseNode(str(raw.get("name")), f"case file {file}", file.parent, "", {}, raw)


def _workbook_tree(raw: Mapping[str, Any], file: str) -> CaseNode:
    """Return the case of a workbook with the cases that stand in it below."""
    from operator_agent.planning.workbook.convert import read_workbook

    root = _root(raw, Path(file))
    found = read_workbook(file).get("cases", {})
    cases = {name: BranchEntry.model_validate(branch) for name, branch in found.items()}
    _check_parents(cases, root.name, file)
    return _with_children(root, root.name, cases, file)


def _child_entry(raw: Mapping[str, Any], file: str) -> ChildEntry:
    try:
        return ChildEntry.model_validate(raw)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(part) for part in fault["loc"])
        if fault["type"] == "extra_forbidden":
            told = f"unknown key at {where}; a case with a parent has {', '.join(_keys())}"
        elif fault["type"] == "missing":
            told = f"key is missing at {where}; add it"
        else:
            told = f"{where} is {fault['input']!r}: {fault['msg']}"
        raise InputError(f"case file {file}: {told}") from error


def _keys() -> list[str]:
    return list(ChildEntry.model_fields)


def _branches(entry: ChildEntry, file: str, below: tuple[str, ...]) -> CaseNode:
    """Return the node of a file with its branches."""
    folder = Path(file).parent
    parent = _load(str(folder / entry.parent), below)
    ramp = entry.ramp if isinstance(entry.ramp, list) else [entry.ramp] if entry.ramp else []
    top = parent
    if entry.name or entry.changes:
        name = entry.name or parent.name
        top = _child(parent, name, entry.changes, entry.note, f"case file {file}")
    _check_parents(entry.cases, top.name, file)
    return replace(_with_children(top, top.name, entry.cases, file), ramp=tuple(ramp))


def _with_children(
    node: CaseNode, top: str, cases: Mapping[str, BranchEntry], file: str
) -> CaseNode:
    children = []
    for name, branch in cases.items():
        if (branch.parent or top) == node.name:
            child = _child(
                node, name, branch.changes, branch.note, f"case file {file}: cases.{name}"
            )
            children.append(_with_children(child, top, cases, file))
    return replace(node, children=tuple(children))


def _child(
    parent: CaseNode, name: str, changes: Mapping[str, Any], note: str, source: str
) -> CaseNode:
    entry = apply_changes(parent.entry, changes, source) | {"name": name}
    parents = (*parent.parents, parent.alone())
    return CaseNode(name, source, parent.folder, note, changes, entry, parents)


def _check_parents(cases: Mapping[str, BranchEntry], top: str, file: str) -> None:
    if top in cases:
        raise InputError(
            f"case file {file}: cases.{top} has the name of the case that the file starts from; "
            "rename one"
        )
    for name in cases:
        chain = [name]
        while (above := cases[chain[-1]].parent or top) != top:
            if above not in cases:
                raise InputError(
                    f"case file {file}: cases.{chain[-1]}.parent is '{above}', which is not in "
                    f"the file; use one of {', '.join([top, *cases])}"
                )
            if above in chain:
                told = " -> ".join([*chain, above])
                raise InputError(
                    f"case file {file}: cases.{name} is its own parent ({told}); give one of "
                    "them another parent"
                )
            chain.append(above)


def _named(tree: CaseNode, name: str, file: str) -> CaseNode:
    names = {node.name: node for node in tree.walk()}
    if name not in names:
        raise InputError(f"case file {file} has no case '{name}'; use one of {', '.join(names)}")
    return names[name]
