"""Compiled C kept in a private cache, loaded as CasADi functions.

A shared object runs with all rights of its user. The cache is therefore a folder that nobody else
can write to; an object is found by the hash of all that it was made from, and its content is
compared with the hash that was written when it was made.
"""

import hashlib
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import casadi as ca

from operator_agent.errors import InputError, PlantError

_COMPILERS = ("cc", "gcc", "clang")
_FLAGS = ("-O2", "-fno-math-errno", "-fno-trapping-math", "-w")
# Lanes that fill a register, with the compiler's flags for it, widest first; x86 only, as elsewhere
# the compiler's default is what there is.
_WIDTHS = (
    (8, frozenset({"avx512f", "avx512dq"}), ("-mavx512f", "-mavx512dq", "-mfma")),
    (4, frozenset({"avx2", "fma"}), ("-mavx2", "-mfma")),
)
_LANES_ELSEWHERE = 4
MESSAGE_LENGTH = 200  # characters of a compiler's message that are told
_SAFE_PATH = re.compile(r"[\w./+-]+")  # CasADi hands it to a shell


@dataclass(frozen=True, slots=True)
class Compiler:
    """A C compiler and what it compiles for.

    Attributes:
        name: of the program.
        identity: path, size and time of its file: another one makes another object.
        lanes: copies that advance in one register.
        flags: for the compiler.
    """

    name: str
    identity: str
    lanes: int
    flags: tuple[str, ...]


def find_compiler(names: Sequence[str] = _COMPILERS) -> Compiler | None:
    """Return the first C compiler that is installed, or None."""
    for name in names:
        found = shutil.which(name)
        if found is not None:
            file = Path(found).resolve()
            about = file.stat()
            lanes, flags = _width(_processor_features())
            identity = f"{file} {about.st_size} {about.st_mtime_ns}"
            return Compiler(name, identity, lanes, (*_FLAGS, *flags))
    return None


def _width(features: frozenset[str]) -> tuple[int, tuple[str, ...]]:
    for lanes, needed, flags in _WIDTHS:
        if needed <= features:
            return lanes, flags
    return _LANES_ELSEWHERE, ()


def _processor_features() -> frozenset[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return frozenset()
    flags = next((line for line in lines if line.startswith("flags")), "")
    return frozenset(flags.partition(":")[2].split())


def cache_folder() -> Path:
    """Return the private folder for compiled objects, made if it is missing.

    It lies below `XDG_CACHE_HOME`, or below `~/.cache` where that is unset or relative, which the
    XDG base directory specification has programs ignore. All levels that are made are private.

    Raises:
        InputError: its path has characters that a shell would read, it cannot be made, or others
            may write to it or replace it.
    """
    given = os.environ.get("XDG_CACHE_HOME", "")
    try:
        base = (Path(given) if os.path.isabs(given) else Path.home() / ".cache").resolve()
        folder = base / "operator-agent" / "vector"
        if not _SAFE_PATH.fullmatch(str(folder)):
            raise InputError(
                f"the cache folder {folder} has characters that a shell would read; set "
                "XDG_CACHE_HOME to a path of letters, digits and ./+-_"
            )
        _make_private(folder)
        _check_own(folder.parent, 0o022)  # nothing is loaded from there: others may read it
        _check_own(folder, 0o077)
        for above in (*base.parents[::-1], base):
            _check_above(above)
    except (OSError, RuntimeError) as error:  # RuntimeError: no home, or links in a circle
        raise InputError(
            f"there is no cache folder: {error}; set XDG_CACHE_HOME to a folder that is yours"
        ) from error
    return folder


def _make_private(folder: Path) -> None:
    """Make a folder and all that is missing above it, each for its owner alone."""
    for level in (*folder.parents[::-1], folder):
        try:
            level.mkdir(mode=0o700)
        except FileExistsError:
            continue


def _check_own(folder: Path, refused: int) -> None:
    """Refuse a folder of ours that is a link, another's, or has rights that are refused."""
    about = folder.lstat()
    if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.getuid() or about.st_mode & refused:
        raise InputError(
            f"the cache folder {folder} is not private: compiled code would be loaded from where "
            f"others can write; make it a folder of yours alone with `chmod 700 {folder}`"
        )


def _check_above(folder: Path) -> None:
    """Refuse a folder in which others may put another cache in the place of ours."""
    mode = folder.lstat().st_mode
    if mode & 0o022 and not mode & stat.S_ISVTX:
        raise InputError(
            f"the cache folder lies below {folder}, which is not private: group or others can "
            "write there and replace it; take their right away with `chmod go-w`, or set "
            "XDG_CACHE_HOME to a folder that is yours alone"
        )


def load_functions(
    identity: Sequence[str],
    make_source: Callable[[], str],
    names: Sequence[str],
    compiler: Compiler,
    folder: Path,
) -> list[ca.Function]:
    """Return external functions of a C source, made and compiled unless the cache has them.

    Args:
        identity: all that the source follows from, apart from the code of this package.
        make_source: returns the C text.
        names: of the functions.
        compiler: to use.
        folder: cache, from `cache_folder`.

    Raises:
        PlantError: the compiler fails, the cache cannot be written, or the object cannot be loaded.
    """
    library, digest = _files(identity, compiler, folder)
    try:
        if not _is_intact(library, digest):
            _compile(make_source(), compiler, library, digest)
    except OSError as error:
        raise PlantError(
            f"the cache folder {folder} cannot be written: {error.strerror}; make room in it or "
            "set XDG_CACHE_HOME to another folder"
        ) from error
    try:
        return [ca.external(name, str(library)) for name in names]
    except RuntimeError as error:
        raise PlantError(
            f"the compiled object in {folder} cannot be loaded, as on a disk that forbids running "
            "programs; set XDG_CACHE_HOME to another folder"
        ) from error


def is_cached(identity: Sequence[str], compiler: Compiler, folder: Path) -> bool:
    """Return whether `load_functions` will find the object instead of compiling it.

    Args:
        identity: all that the source follows from, apart from the code of this package.
        compiler: to use.
        folder: cache, from `cache_folder`.
    """
    return _is_intact(*_files(identity, compiler, folder))


def _files(identity: Sequence[str], compiler: Compiler, folder: Path) -> tuple[Path, Path]:
    """Return where the object and the mark of its content are kept."""
    parts = (*identity, _digest_of_package(), compiler.identity, *compiler.flags)
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    return folder / f"{key}.so", folder / f"{key}.sha256"


def _digest_of_package() -> str:
    files = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


def _is_intact(library: Path, digest: Path) -> bool:
    try:
        return digest.read_bytes() == _digest(library).encode("ascii")
    except OSError:
        return False


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _first_error(told: Path, error: RuntimeError) -> str:
    """Return the first line in which a compiler names an error; else the last one of CasADi's."""
    try:
        said = told.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        said = []
    found = next((line for line in said if "error" in line), str(error).splitlines()[-1])
    return found[:MESSAGE_LENGTH]


def _compile(source: str, compiler: Compiler, library: Path, digest: Path) -> None:
    with tempfile.TemporaryDirectory(dir=library.parent) as made:
        folder = Path(made)
        text = folder / "vector.c"
        text.write_text(source, encoding="ascii")
        told = folder / "messages.txt"  # CasADi calls a shell: what the compiler says goes there
        options: dict[str, Any] = {
            "compiler": compiler.name,
            "linker": compiler.name,
            "flags": [*compiler.flags, f"2>{told}"],
            "linker_flags": ["-lm", f"2>>{told}"],
            "directory": f"{folder}/",
            "name": "vector",
            "temp_suffix": False,
            "cleanup": False,
        }
        try:
            ca.Importer(str(text), "shell", options)
        except RuntimeError as error:
            raise PlantError(
                f"compiler {compiler.name} failed on the generated C: {_first_error(told, error)}"
            ) from error
        found = folder / "vector.so"
        mark = folder / "vector.sha256"
        mark.write_text(_digest(found), encoding="ascii")
        # The object first: a mark without its object, or with another's, is not intact.
        os.replace(found, library)
        os.replace(mark, digest)
