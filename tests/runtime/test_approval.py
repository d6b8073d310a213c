"""A controller does not start with files that were changed after a person approved them."""

from dataclasses import replace
from pathlib import Path

import pytest

from operator_agent.errors import SignatureError
from operator_agent.runtime.approval import APPROVED_ROLES, approve_files, check_files
from operator_agent.runtime.site_file import load_site
from operator_agent.site import Site

SITE = load_site(Path(__file__).resolve().parents[2] / "cases" / "sites" / "crude_unit.yaml")
KEY = bytes(range(32))


def with_copies(folder: Path) -> Site:
    files = dict(SITE.files)
    for role in APPROVED_ROLES:
        copy = folder / f"{role}.copy"
        copy.write_bytes(Path(files[role]).read_bytes())
        files[role] = str(copy)
    return replace(SITE, files=files)


def test_unchanged_files_pass(tmp_path: Path) -> None:
    site = with_copies(tmp_path)
    approve_files(site, KEY, tmp_path / "approval.json")
    check_files(site, KEY, tmp_path / "approval.json")


@pytest.mark.parametrize("role", APPROVED_ROLES)
def test_a_changed_file_is_named(role: str, tmp_path: Path) -> None:
    site = with_copies(tmp_path)
    approve_files(site, KEY, tmp_path / "approval.json")
    changed = Path(site.files[role])
    changed.write_bytes(changed.read_bytes() + b" ")
    with pytest.raises(SignatureError, match=rf"{role}\.copy.*operator-agent approve"):
        check_files(site, KEY, tmp_path / "approval.json")


def test_an_approval_by_another_key_or_none_is_refused(tmp_path: Path) -> None:
    site = with_copies(tmp_path)
    approve_files(site, bytes(32), tmp_path / "approval.json")
    with pytest.raises(SignatureError, match="does not match"):
        check_files(site, KEY, tmp_path / "approval.json")
    with pytest.raises(SignatureError, match="not approved"):
        check_files(site, KEY, tmp_path / "nothing.json")
