"""The rules of the house: layers, owners of packages, and the single door to the hardware."""

import ast
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "operator_agent"

# A new layer is a folder, a link in src/operator_agent, and one line here: what it may import.
LAYERS: dict[str, frozenset[str]] = {
    "plant": frozenset(),
    "planning": frozenset({"plant"}),
    "mpc": frozenset({"plant"}),
    "io": frozenset(),
    "rl_supervisor": frozenset({"plant", "mpc"}),
    "api": frozenset({"planning"}),
    "runtime": frozenset({"plant", "planning", "mpc", "io", "rl_supervisor", "api"}),
}
# What the control server may load of the supervisor: no torch comes with these.
POLICY_MODULES = frozenset({"policy_file", "observation", "advice_map", "supervisor"})
# The commands `train` and `evaluate`; no controller runs in their process.
LEARNING_COMMANDS = frozenset({"training.py", "cli_learning.py"})

OWNERS: dict[str, frozenset[str]] = {
    "casadi": frozenset({"plant", "planning", "mpc"}),
    "scipy": frozenset({"plant", "planning", "mpc"}),
    "pyomo": frozenset({"planning"}),
    "highspy": frozenset({"planning"}),
    "cyipopt": frozenset({"planning"}),
    "pyscipopt": frozenset({"planning"}),
    "openpyxl": frozenset({"planning"}),
    "ray": frozenset({"root"}),
    "do_mpc": frozenset({"mpc"}),
    "deap": frozenset({"mpc"}),
    "asyncua": frozenset({"io"}),
    "pymodbus": frozenset({"io"}),
    "sqlite3": frozenset({"io"}),
    "cryptography": frozenset({"io"}),
    "polars": frozenset({"plant"}),
    "chemicals": frozenset({"plant"}),
    "torch": frozenset({"rl_supervisor"}),
    "stable_baselines3": frozenset({"rl_supervisor"}),
    "gymnasium": frozenset({"rl_supervisor"}),
    "fastapi": frozenset({"api"}),
    "uvicorn": frozenset({"api"}),
    "httpx2": frozenset({"api"}),
    "typer": frozenset({"runtime"}),
    "rich": frozenset({"runtime"}),
    "matplotlib": frozenset({"runtime"}),
    # Where bytes enter (YAML, HTTP); the root takes values only.
    "pydantic": frozenset(LAYERS),
    "yaml": frozenset(LAYERS),
    "numpy": frozenset({"root", *LAYERS}),
}

# The door: the only module that may call a write on a device, and who may hold its function.
WRITE_DOOR = frozenset({"io/device_writer.py"})
DOOR_KEEPERS = frozenset({"io/device_writer.py", "io/gate_server.py"})
# The simulated device publishes its own measurements; it is the other side of the wire.
DEVICE_SIDE = frozenset({"io/device_server.py", "io/modbus_link.py", "io/write_guard.py"})
# Whatever changes something on a device, by any of the names that the libraries give it.
WRITE_NAMES = re.compile(
    r"write_(value|values|attribute|attribute_value|attributes|params|coils?|registers?|file_record)"
    r"|set_(value|attr_bit|writable|data_value)|add_nodes|delete_nodes|add_references"
    r"|mask_write_register|readwrite_registers|call_method|call|execute|WriteParameters"
)
# Modules that hold a link to a device: on these even a bare `write` is a write.
LINKS = frozenset({"asyncua", "pymodbus", f"{PACKAGE}.io.opcua_link", f"{PACKAGE}.io.modbus_link"})
# Names that only their owners may use: who else could make an accepted point or open the door?
GUARDED_NAMES: dict[str, frozenset[str]] = {
    "write_items": DOOR_KEEPERS,
    "signed": frozenset({"src/operator_agent/messages.py", "mpc/certify.py"}),
    "Outcome": frozenset(
        {"mpc/problem.py", "mpc/solve.py", "mpc/outcomes.py", "mpc/controller.py"}
    ),
    "GATE": frozenset(
        {
            "io/certificates.py",  # makes the identity
            "io/gate_device.py",  # writes with it
            "io/reconcile.py",  # looks for its writes in the device's log
            "runtime/plant_process.py",  # the device, which lets it write
        }
    ),
}
# Bare writes that go to a stream, to a file, or inside the simulated plant: not to a device.
STREAM_WRITES = frozenset(
    {"writer.write", "file.write", "sys.stdout.write", "self._simulator.write"}
)
# Processes are started by these alone.
PROCESS_STARTERS = frozenset({"runtime/child_process.py"})


def modules() -> list[tuple[str, Path]]:
    """Return every module as (layer, path); the layer of the shared vocabulary is `root`."""
    found = [("root", path) for path in sorted((ROOT / "src" / PACKAGE).glob("*.py"))]
    for layer in LAYERS:
        found += [(layer, path) for path in sorted((ROOT / layer).rglob("*.py"))]
    return found


MODULES = modules()
IDS = [str(path.relative_to(ROOT)) for _, path in MODULES]


def imported_names(tree: ast.AST) -> list[str]:
    """Return the dotted names that a module imports, inside functions too."""
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import; write the full name"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def imports(path: Path) -> list[str]:
    """Return the dotted names that a module imports."""
    return imported_names(ast.parse(path.read_text()))


def test_each_layer_is_a_folder_and_a_link() -> None:
    for layer in LAYERS:
        link = ROOT / "src" / PACKAGE / layer
        assert (ROOT / layer).is_dir()
        assert link.is_symlink(), f"src/{PACKAGE}/{layer} must be a link to ../../{layer}"
        assert link.readlink() == Path("../..") / layer
    assert not (ROOT / "io" / "__init__.py").exists()


@pytest.mark.parametrize(("layer", "path"), MODULES, ids=IDS)
def test_imports_stay_inside_the_layers(layer: str, path: Path) -> None:
    for name in imports(path):
        parts = name.split(".")
        assert parts[0] not in set(LAYERS) - {"io"}, f"{name}: write {PACKAGE}.{name}"
        if parts[0] != PACKAGE or len(parts) < 2:
            continue
        target = parts[1]
        if target not in LAYERS or target == layer:
            continue
        assert layer != "root", f"the shared vocabulary imports {name}"
        assert target in LAYERS[layer], f"{layer} may not import {target} ({name})"
        assert name != f"{PACKAGE}.io", "import a module of io, never io itself"


@pytest.mark.parametrize(("layer", "path"), MODULES, ids=IDS)
def test_third_party_packages_have_owners(layer: str, path: Path) -> None:
    for name in imports(path):
        top = name.split(".")[0]
        if top == PACKAGE or (top in sys.stdlib_module_names and top not in OWNERS):
            continue
        assert top in OWNERS, f"{top} has no owner; add it to OWNERS with a reason"
        assert layer in OWNERS[top], f"{layer} may not import {top}: owned by {set(OWNERS[top])}"


def forbidden_writes(where: str, text: str) -> list[str]:
    """Return what in a module's text could change a device or hide that it does."""
    tree = ast.parse(text)
    names = imported_names(tree)
    holds_link = any(name.startswith(link) for name in names for link in LINKS)
    found = [f"imports {name}" for name in names if hides_imports(where, name)]
    found += ["uses __import__"] if "__import__" in text else []
    for node in ast.walk(tree):
        name = getattr(node, "attr", getattr(node, "id", ""))
        if WRITE_NAMES.fullmatch(name) and (holds_link or name.startswith(("write_", "Write"))):
            found.append(f"line {node.lineno} uses {name}")
        if holds_link and isinstance(node, ast.Call):
            found += hidden_in_call(node)
    return found


def hides_imports(where: str, name: str) -> bool:
    """Return whether an import could bring in code that these tests do not see."""
    top = name.split(".")[0]
    if top == "subprocess":
        return where not in PROCESS_STARTERS
    return top in {"importlib", "runpy", "ctypes"} and not name.startswith("importlib.metadata")


def hidden_in_call(call: ast.Call) -> list[str]:
    """Return a bare write, or a name made at run time, in a module that holds a link."""
    called = ast.unparse(call.func)
    if called.endswith(".write") and called not in STREAM_WRITES:
        return [f"line {call.lineno} calls {called}"]
    if called in {"getattr", "setattr"} and not isinstance(call.args[1], ast.Constant):
        return [f"line {call.lineno} hides a name from this test"]
    return []


@pytest.mark.parametrize(("layer", "path"), MODULES, ids=IDS)
def test_only_the_gates_link_calls_a_write(layer: str, path: Path) -> None:
    where = str(path.relative_to(ROOT))
    if where not in WRITE_DOOR | DEVICE_SIDE:
        assert not forbidden_writes(where, path.read_text())


@pytest.mark.parametrize(
    "hostile",
    [
        "import asyncua\nasync def f(c): await c.uaclient.write_attributes([])",
        "import asyncua\nasync def f(c):\n    s = c.uaclient\n    await s.write(1)",
        "from operator_agent.io.opcua_link import OpcuaLink\nasync def f(k): await k.x.write(1)",
        "import pymodbus\nasync def f(c): await c.execute(1)",
        "async def f(node): await node.write_value(1)",
        "import asyncua\ndef f(x): return getattr(x, 'write_' + 'value')",
        "import importlib\nm = importlib.import_module('operator_agent.io.device_writer')",
        "import subprocess\nsubprocess.run(['x'])",
    ],
)
def test_the_checker_finds_hidden_writes(hostile: str) -> None:
    assert forbidden_writes("api/hostile.py", hostile)


@pytest.mark.parametrize(("layer", "path"), MODULES, ids=IDS)
def test_guarded_names_stay_with_their_owners(layer: str, path: Path) -> None:
    where = str(path.relative_to(ROOT))
    for node in ast.walk(ast.parse(path.read_text())):
        called = node.func if isinstance(node, ast.Call) else None
        for name, owners in GUARDED_NAMES.items():
            uses_call = getattr(called, "attr", getattr(called, "id", "")) == name
            uses_member = name == "GATE" and getattr(node, "attr", "") == name
            imports_it = (
                isinstance(node, ast.ImportFrom)
                and name == "write_items"
                and any(alias.name == name for alias in node.names)
            )
            if uses_call or uses_member or imports_it:
                assert where in owners, f"{where}:{node.lineno} uses {name}"


def test_nothing_stands_beside_the_layers() -> None:
    package = ROOT / "src" / PACKAGE
    links = {path.name for path in package.iterdir() if path.is_symlink()}
    assert links == set(LAYERS)
    folders = {path.name for path in package.iterdir() if path.is_dir() and not path.is_symlink()}
    assert folders <= {"__pycache__"}
    for layer in LAYERS:
        inside = [path for path in (ROOT / layer).rglob("*") if path.is_symlink()]
        assert not inside, f"a link inside {layer} hides code from these tests"


def closure(start: set[str]) -> set[str]:
    """Return all modules of the package that are reached from these by imports."""
    by_name = {}
    for layer, path in MODULES:
        base = PACKAGE if layer == "root" else f"{PACKAGE}.{layer}"
        folder = ROOT / "src" / PACKAGE if layer == "root" else ROOT / layer
        inner = ".".join(path.relative_to(folder).with_suffix("").parts)
        by_name[f"{base}.{inner}".removesuffix(".__init__")] = path
    todo, seen = list(start), set(start)
    while todo:
        for name in imports(by_name[todo.pop()]):
            for candidate in (name, name.rpartition(".")[0]):
                if candidate in by_name and candidate not in seen:
                    seen.add(candidate)
                    todo.append(candidate)
    return seen


def names_of(layer: str) -> set[str]:
    """Return the dotted names of a layer's modules."""
    return {
        f"{PACKAGE}.{layer}." + ".".join(path.relative_to(ROOT / layer).with_suffix("").parts)
        for found, path in MODULES
        if found == layer and path.name != "__init__.py"
    }


@pytest.mark.parametrize("layer", ["rl_supervisor", "planning", "api", "mpc", "plant"])
def test_no_path_leads_to_io(layer: str) -> None:
    reached = closure(names_of(layer))
    assert not {name for name in reached if name.startswith(f"{PACKAGE}.io")}


def test_only_the_gate_process_reaches_the_writer() -> None:
    writer = f"{PACKAGE}.io.device_writer"
    direct = {
        str(path.relative_to(ROOT))
        for _, path in MODULES
        if any(name.startswith(writer) for name in imports(path))
    }
    assert direct == {"io/gate_server.py"}


def test_the_control_server_loads_the_policy_file_only() -> None:
    for path in (ROOT / "runtime").rglob("*.py"):
        if path.name in LEARNING_COMMANDS:
            continue
        for name in imports(path):
            if name.startswith(f"{PACKAGE}.rl_supervisor."):
                assert name.split(".")[2] in POLICY_MODULES, f"{path.name} imports {name}"
    reached = closure({f"{PACKAGE}.rl_supervisor.{name}" for name in POLICY_MODULES})
    for layer, path in MODULES:
        inner = f"{PACKAGE}.{layer}.{path.stem}"
        if inner in reached:
            assert not {"torch", "stable_baselines3", "gymnasium"} & {
                name.split(".")[0] for name in imports(path)
            }, f"{inner} loads a learning library"


@pytest.mark.parametrize(("layer", "path"), MODULES, ids=IDS)
def test_nothing_loads_code_from_a_file(layer: str, path: Path) -> None:
    for name in imports(path):
        assert name.split(".")[0] not in {"pickle", "cloudpickle", "joblib", "shelve", "marshal"}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            assert ast.unparse(node.func) not in {"eval", "exec", "yaml.load", "PPO.load"}


@pytest.mark.parametrize(("layer", "path"), MODULES, ids=IDS)
def test_files_are_one_story(layer: str, path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400, "split the file: it tells two stories"
    assert path.stem not in {"utils", "common", "misc", "helpers"}


@pytest.mark.parametrize(("layer", "path"), MODULES, ids=IDS)
def test_public_names_have_docstrings(layer: str, path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree), "a module says in its first line what it holds"
    for node in tree.body:
        public = isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if public and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{node.name} needs a docstring"
