"""The case tree: children inherit, changes cascade, and what cannot be is told in one sentence."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from operator_agent.errors import InputError
from operator_agent.planning.case_file import load_case, read_entry
from operator_agent.planning.casework.tables import tree_table
from operator_agent.planning.casework.tree import CaseNode, load_tree
from operator_agent.units import OIL_BARREL_M3

from .conftest import CASE_FILE

SHIPPED = CASE_FILE.with_name("case_tree.yaml")


def write(folder: Path, name: str, content: Any) -> Path:
    path = folder / name
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


def base(folder: Path, **changes: Any) -> Path:
    """Write the shipped case with its assays named in full."""
    entry = read_entry(CASE_FILE) | changes
    for crude in entry["crudes"].values():
        crude["assay"] = str((CASE_FILE.parent / crude["assay"]).resolve())
    return write(folder, "base.yaml", entry)


def named(tree: CaseNode, name: str) -> CaseNode:
    return next(node for node in tree.walk() if node.name == name)


def test_a_child_inherits_all_but_its_changes(tmp_path: Path) -> None:
    base(tmp_path)
    child = write(
        tmp_path,
        "child.yaml",
        {
            "name": "cheap",
            "parent": "base.yaml",
            "changes": {"crudes.maya.price": "60 usd/bbl"},
        },
    )
    parent, found = load_case(tmp_path / "base.yaml"), load_case(child)
    assert found.name == "cheap"
    assert found.crudes["maya"].price * OIL_BARREL_M3 == pytest.approx(60.0)
    assert found.products == parent.products
    assert found.units == parent.units
    assert found.crudes["arabian_light"].price == parent.crudes["arabian_light"].price


def test_a_change_of_the_root_reaches_every_grandchild(tmp_path: Path) -> None:
    child = {"parent": "base.yaml", "name": "child", "changes": {"units.fcc.capacity": "25 kbbl/d"}}
    tree = {
        "parent": "child.yaml",
        "cases": {
            "dear": {"changes": {"products.jet.price": {"plus": "2 usd/bbl"}}},
            "dearer": {"parent": "dear", "changes": {"products.jet.price": {"plus": "3 usd/bbl"}}},
        },
    }
    write(tmp_path, "child.yaml", child)
    file = write(tmp_path, "tree.yaml", tree)
    prices = []
    for jet in ("90 usd/bbl", "95 usd/bbl"):
        products = read_entry(CASE_FILE)["products"]
        products["jet"]["price"] = jet
        base(tmp_path, products=products)
        dearer = load_case(f"{file}#dearer")
        prices.append(dearer.products["jet"].price * OIL_BARREL_M3)
        assert dearer.units["fcc"].high == load_case(tmp_path / "child.yaml").units["fcc"].high
    assert prices == pytest.approx([95.0, 100.0])
    tree_found = load_tree(file)
    assert [node.name for node in tree_found.walk()] == ["child", "dear", "dearer"]
    assert [p.name for p in named(tree_found, "dearer").parents] == [
        "three_crudes",
        "child",
        "dear",
    ]


def test_siblings_do_not_see_each_others_changes(tmp_path: Path) -> None:
    base(tmp_path)
    file = write(
        tmp_path,
        "tree.yaml",
        {
            "parent": "base.yaml",
            "cases": {
                "a": {"changes": {"crudes.maya.max": "0 kbbl/d"}},
                "b": {"changes": {"crudes.bonny_light.max": "0 kbbl/d"}},
            },
        },
    )
    tree = load_tree(file)
    a, b = named(tree, "a").case(), named(tree, "b").case()
    assert a.crudes["maya"].high == 0.0
    assert a.crudes["bonny_light"].high > 0.0
    assert b.crudes["maya"].high > 0.0
    assert tree.case().crudes["maya"].high > 0.0


def test_the_shipped_tree_is_sound() -> None:
    tree = load_tree(SHIPPED)
    nodes = list(tree.walk())
    assert len(nodes) == 7
    assert tree.entry == read_entry(CASE_FILE)
    for node in nodes:
        assert node.case().name == node.name
        assert node is tree or node.note
    shown = tree_table(tree)
    assert all(len(row) == len(shown.columns) for row in shown.rows)
    assert "└───fcc_slowdown_gasoil_\n      sales" in [row[0] for row in shown.rows]


def test_a_plain_case_file_is_a_tree_of_one() -> None:
    tree = load_tree(CASE_FILE)
    assert (tree.parents, tree.children) == ((), ())
    assert tree.case().name == "three_crudes"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"parent": "x.yaml"}, r"x.yaml is its own parent \(x.yaml -> x.yaml\)"),
        ({"parent": "y.yaml"}, r"x.yaml is its own parent \(x.yaml -> y.yaml -> x.yaml\)"),
        ({"parent": "none.yaml"}, r"none.yaml cannot be read"),
        ({"parent": "base.yaml", "chnges": {}}, r"unknown key at chnges; .* name, parent, note"),
        ({"parent": 3}, r"parent is 3"),
        ({"parent": "base.yaml", "changes": {"crudes.mya.price": 1}}, r"unknown key 'mya'.*maya"),
        (
            {"parent": "base.yaml", "cases": {"a": {"parent": "b"}, "b": {"parent": "a"}}},
            r"cases.a is its own parent \(a -> b -> a\)",
        ),
        (
            {"parent": "base.yaml", "cases": {"a": {"parent": "c"}}},
            r"cases.a.parent is 'c', which is not in the file; use one of three_crudes, a",
        ),
        ({"parent": "base.yaml", "cases": {"three_crudes": {}}}, r"rename one"),
        ({"parent": "base.yaml", "cases": {"a": {"chnges": {}}}}, r"unknown key at cases.a.chnges"),
        ({"parent": "base.yaml#a"}, r"base.yaml has no case 'a'; use one of three_crudes"),
        ({"changes": {}}, r"has 'changes' but no 'parent'"),
        ({"parent": "base.yaml", "ramp": {"key": "a"}}, r"key is missing at ramp"),
    ],
)
def test_wrong_trees_are_refused_in_words(
    tmp_path: Path, content: dict[str, Any], told: str
) -> None:
    base(tmp_path)
    write(tmp_path, "y.yaml", {"name": "y", "parent": "x.yaml"})
    file = write(tmp_path, "x.yaml", content)
    with pytest.raises(InputError, match=told):
        load_tree(file)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("cases:\n  a: {changes: {}}\n  a: {changes: {}}\n", r"key 'a' stands twice .* line 4"),
        (
            "changes:\n  units.fcc.capacity: 1 kbbl/d\n  units.fcc.capacity: 2 kbbl/d\n",
            r"key 'units.fcc.capacity' stands twice",
        ),
        ("changes: &a\n  x: {y: *a, y: 1}\n", r"key 'y' stands twice .* line 3"),
    ],
)
def test_a_key_that_stands_twice_is_not_lost_in_silence(
    tmp_path: Path, text: str, told: str
) -> None:
    file = tmp_path / "twice.yaml"
    file.write_text("parent: base.yaml\n" + text)
    with pytest.raises(InputError) as caught:
        load_tree(file)
    assert re.search(told, " ".join(str(caught.value).split()))
