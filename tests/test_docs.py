"""README and guides point to things that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
IDS = [str(page.relative_to(ROOT)) for page in PAGES]
LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)")
CASE = re.compile(r"\bcases/[\w./-]+\.(?:yaml|policy)\b")


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_links_and_case_files_exist(page: Path) -> None:
    text = page.read_text()
    missing = [link for link in LINK.findall(text) if not (page.parent / link).exists()]
    missing += [case for case in CASE.findall(text) if not (ROOT / case).exists()]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_nothing_is_left_to_fill_in(page: Path) -> None:
    assert not re.search(r"@@|TODO|TBD|lorem", page.read_text())
