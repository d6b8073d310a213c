"""The service can ask for plans and nothing else: its imports show it."""

import ast
import sys
from pathlib import Path

import operator_agent.api

FOLDER = Path(next(iter(operator_agent.api.__path__)))
ROOT_MODULES = {"arrays", "clock", "errors", "messages", "signing", "units"}
LAYERS = {"api", "planning"}
PACKAGES = {"fastapi", "httpx2", "pydantic", "uvicorn"}


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
            assert node.level == 0, f"{path.name}: relative import"
    return found


def test_api_imports_only_root_and_planning() -> None:
    for path in FOLDER.glob("**/*.py"):
        for name in imports(path):
            first, _, rest = name.partition(".")
            if first == "operator_agent":
                assert not rest or rest.partition(".")[0] in ROOT_MODULES | LAYERS, (path, name)
            else:
                assert first in PACKAGES | sys.stdlib_module_names, (path, name)


def test_api_cannot_sign_a_move_or_hold_the_key() -> None:
    for path in FOLDER.glob("**/*.py"):
        names = {node.id for node in ast.walk(ast.parse(path.read_text())) if hasattr(node, "id")}
        assert names.isdisjoint({"Move", "sign", "read_key", "make_key"}), path
