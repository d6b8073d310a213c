"""Many copies stepped at once: identical trajectories, stated accuracy, failures told per copy."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import casadi as ca
import numpy as np
import pytest

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError, PlantError
from operator_agent.plant.process_model import ProcessModel
from operator_agent.plant.vector.compiled import (
    Compiler,
    cache_folder,
    find_compiler,
    load_functions,
)
from operator_agent.plant.vector.compiled_engine import CompiledEngine
from operator_agent.plant.vector.control import CopyStatus
from operator_agent.plant.vector.interpreted_engine import InterpretedEngine
from operator_agent.plant.vector.step_choice import (
    largest_difference,
    random_trial,
    suggest_substeps,
)
from operator_agent.plant.vector.vector_plant import VectorPlant

COMPILER = find_compiler()
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler")
STEP_S = 0.5


def small_model(
    name: str, rate: Callable[[ca.SX, ca.SX, ca.SX], ca.SX], start: list[float]
) -> ProcessModel:
    """Return a model with one input and one disturbance whose outputs are its states."""
    n = len(start)
    x, u, d = ca.SX.sym("x", n), ca.SX.sym("u"), ca.SX.sym("d")
    names = tuple(f"x{i}" for i in range(n))
    return ProcessModel(
        name=name,
        x_names=names,
        u_names=("u",),
        d_names=("d",),
        y_names=names,
        rhs=ca.Function("rhs", [x, u, d], [rate(x, u, d)]),
        outputs=ca.Function("outputs", [x, u, d], [x]),
        x_nominal=np.array(start),
        u_nominal=np.ones(1),
        d_nominal=np.zeros(1),
        x_scale=np.ones(n),
        u_scale=np.ones(1),
        d_scale=np.ones(1),
        y_scale=np.ones(n),
    )


@pytest.fixture(scope="module")
def robertson() -> ProcessModel:
    """H. H. Robertson's reactions (1966), whose rates differ by nine orders of magnitude."""

    def rate(x: ca.SX, u: ca.SX, d: ca.SX) -> ca.SX:
        slow, fast, square = 0.04 * u * x[0], 1e4 * x[1] * x[2], 3e7 * x[1] ** 2
        return ca.vertcat(fast - slow, slow - fast - square, square)

    return small_model("robertson", rate, [1.0, 0.0, 0.0])


@pytest.fixture(scope="module")
def escaping() -> ProcessModel:
    """x' = u x^2, which leaves every bound at t = 1 / (u x)."""
    return small_model("escaping", lambda x, u, d: u * x**2 + d, [1.0])


def oscillator() -> ProcessModel:
    """Return van der Pol's equation, smooth and not stiff."""

    def rate(x: ca.SX, u: ca.SX, d: ca.SX) -> ca.SX:
        return ca.vertcat(x[1], u * (1.0 - x[0] ** 2) * x[1] - x[0] + d)

    return small_model("van_der_pol", rate, [2.0, 0.0])


def inputs(model: ProcessModel, n: int, seed: int = 0) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the nominal states, and inputs within a span around the nominal ones."""
    rng = np.random.default_rng(seed)
    u = model.u_nominal + 0.5 * model.u_scale * rng.uniform(-1.0, 1.0, (n, model.n_u))
    return np.tile(model.x_nominal, (n, 1)), u, np.tile(model.d_nominal, (n, 1))


def exact(model: ProcessModel, x: FloatArray, u: FloatArray, d: FloatArray) -> FloatArray:
    """Return states after a step by CVODES with a tolerance of 1e-11."""
    z, p = ca.SX.sym("z", model.n_x), ca.SX.sym("p", model.n_u + model.n_d)
    ode = model.rhs(z * model.x_scale, p[: model.n_u], p[model.n_u :]) / model.x_scale
    options = {"abstol": 1e-11, "reltol": 1e-11, "max_num_steps": 100_000}
    solver = ca.integrator("exact", "cvodes", {"x": z, "p": p, "ode": ode}, 0.0, STEP_S, options)
    end = solver(x0=x / model.x_scale, p=np.concatenate((u, d)))["xf"]
    return np.asarray(end.full().ravel() * model.x_scale)


@needs_compiler
@pytest.mark.parametrize("n", [2, 9, 20])
def test_a_copy_is_the_same_alone_and_in_any_place(robertson: ProcessModel, n: int) -> None:
    x, u, d = inputs(robertson, n)
    together = VectorPlant(robertson, n, STEP_S, 4).step(x, u, d)
    threads = VectorPlant(robertson, n, STEP_S, 4, workers=2).step(x, u, d)
    turned = VectorPlant(robertson, n, STEP_S, 4).step(x, u[::-1], d)
    alone = VectorPlant(robertson, 1, STEP_S, 4)
    single = np.vstack([alone.step(x[i : i + 1], u[i : i + 1], d[i : i + 1]) for i in range(n)])
    assert np.array_equal(together, single)
    assert np.array_equal(together, threads)
    assert np.array_equal(together, turned[::-1])


def test_each_copy_keeps_to_the_tolerance(robertson: ProcessModel) -> None:
    x, u, d = inputs(robertson, 5)
    for tolerance in (1e-4, 1e-6):
        plant = VectorPlant(robertson, 5, STEP_S, 4, tolerance=tolerance)
        done = plant.advance(x, u, d)
        reference = np.array([exact(robertson, *one) for one in zip(x, u, d, strict=True)])
        assert np.max(np.abs(done.x - reference)) < tolerance
        assert np.max(done.report.error) <= tolerance
        np.testing.assert_allclose(done.x.sum(axis=1), 1.0, rtol=1e-13)  # mass is conserved


def test_equal_substeps_converge_with_order_three() -> None:
    """On a smooth nonlinear oscillator the error falls to an eighth with half the substep."""

    model = oscillator()
    x, u, d = inputs(model, 1)
    reference = exact(model, x[0], u[0], d[0])
    errors = [
        np.max(np.abs(VectorPlant(model, 1, STEP_S, n, tolerance=None).step(x, u, d) - reference))
        for n in (4, 8, 16)
    ]
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert np.all(np.abs(orders - 3.0) < 0.25), orders


def test_a_failed_copy_is_told_and_others_go_on(escaping: ProcessModel) -> None:
    x, d = np.ones((3, 1)), np.zeros((3, 1))
    u = np.array([[0.5], [4.0], [1.0]])
    done = VectorPlant(escaping, 3, STEP_S, 4, tolerance=1e-6).advance(x, u, d)
    assert list(done.finished) == [True, False, True]
    assert done.report.status[1] == CopyStatus.UNFINISHED
    with pytest.raises(PlantError, match=r"1 of 3 copies failed, copy 1 \(UNFINISHED\)"):
        _ = done.x
    again = done.restarted(escaping.x_nominal)
    np.testing.assert_allclose(again[:, 0], [1.0 / 0.75, 1.0, 2.0], rtol=1e-4)


def test_equal_substeps_tell_their_error(escaping: ProcessModel) -> None:
    x, u, d = np.ones((2, 1)), np.array([[0.1], [1.9]]), np.zeros((2, 1))
    plant = VectorPlant(escaping, 2, STEP_S, 2, tolerance=None)
    small, large = plant.advance(x, u, d).report.error
    assert small < 1e-3 < 0.1 < large


@needs_compiler
def test_overflow_is_told(escaping: ProcessModel) -> None:
    plant = VectorPlant(escaping, 1, STEP_S, 40, tolerance=None)
    done = plant.advance(np.array([[1e160]]), np.ones((1, 1)), np.zeros((1, 1)))
    assert done.report.status[0] in {CopyStatus.NOT_FINITE, CopyStatus.UNFINISHED}
    with pytest.raises(PlantError, match="start them again"):
        _ = done.x


@needs_compiler
def test_virtual_machine_agrees_within_rounding(robertson: ProcessModel) -> None:
    x, u, d = inputs(robertson, 3)
    engine = InterpretedEngine(robertson, 3, 2, "this test asks for it")
    slow = VectorPlant(robertson, 3, STEP_S, 4, engine=engine)
    assert "because this test asks for it" in slow.engine
    fast = VectorPlant(robertson, 3, STEP_S, 4)
    assert fast.engine.startswith("compiled by")
    ours, theirs = fast.advance(x, u, d), slow.advance(x, u, d)
    np.testing.assert_allclose(ours.x, theirs.x, rtol=1e-11, atol=1e-16)
    assert np.array_equal(ours.report.attempts, theirs.report.attempts)
    np.testing.assert_allclose(fast.outputs(x, u, d), slow.outputs(x, u, d))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n": 0}, "n is 0"),
        ({"workers": 0}, "workers is 0"),
        ({"step_s": 0.0}, "step_s is 0.0 s"),
        ({"substeps": 0}, "substeps is 0"),
        ({"tolerance": -1.0}, "tolerance is -1.0 spans"),
    ],
)
def test_wrong_numbers_are_refused(
    escaping: ProcessModel, change: dict[str, float], message: str
) -> None:
    numbers = {"n": 1, "step_s": STEP_S, "substeps": 2} | change
    with pytest.raises(InputError, match=message):
        VectorPlant(escaping, **numbers)


def test_wrong_arrays_are_refused(escaping: ProcessModel) -> None:
    plant = VectorPlant(escaping, 2, STEP_S, 2)
    one, two = np.ones((1, 1)), np.ones((2, 1))
    with pytest.raises(InputError, match=r"u has shape \(1, 1\), needs \(2, 1\)"):
        plant.step(two, one, two)
    with pytest.raises(InputError, match="x0 of copy 1 is not finite"):
        plant.outputs(np.array([[1.0], [np.nan]]), two, two)


@needs_compiler
def test_a_model_with_a_table_is_left_to_the_virtual_machine() -> None:
    """x' = -T(x) with T(x) = 2 x from a table: x = exp(-2 t)."""
    x = ca.MX.sym("x")
    table = ca.interpolant("table", "linear", [[0.0, 2.0]], [0.0, 4.0])
    rate = ca.Function("rate", [x, ca.MX.sym("u"), ca.MX.sym("d")], [-table(x)])
    model = replace(small_model("with_table", lambda x, u, d: x, [1.0]), rhs=rate)
    x_start, u, d = inputs(model, 2)
    plant = VectorPlant(model, 2, STEP_S, 8, tolerance=1e-6)
    assert "rate calls another function" in plant.engine
    np.testing.assert_allclose(plant.step(x_start, u, d), np.exp(-2.0 * STEP_S), rtol=1e-6)
    with pytest.raises(InputError, match="no elementary operations"):
        CompiledEngine(model, 2, 1, COMPILER)


@needs_compiler
def test_a_changed_object_is_compiled_again(
    escaping: ProcessModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cut object would crash the process when it is loaded."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    VectorPlant(escaping, 1, STEP_S, 2)
    (library,) = cache_folder().glob("*.so")
    whole = library.stat().st_size
    other = tmp_path / "other"
    other.write_bytes(library.read_bytes()[: whole // 2])
    other.replace(library)
    x, u, d = inputs(escaping, 1)
    assert VectorPlant(escaping, 1, STEP_S, 2).step(x, u, d)[0, 0] > 1.0
    assert library.stat().st_size == whole


def test_a_cache_that_others_can_write_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = cache_folder()
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o770)
    with pytest.raises(InputError, match="is not private"):
        cache_folder()


def test_every_level_of_the_cache_is_private_whatever_the_umask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "a" / "b"))
    before = os.umask(0)
    try:
        folder = cache_folder()
    finally:
        os.umask(before)
    levels = [folder, *folder.parents][: len(folder.relative_to(tmp_path).parts)]
    assert len(levels) == 4
    assert all(level.stat().st_mode & 0o777 == 0o700 for level in levels)


def test_a_level_above_the_cache_that_others_can_write_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = tmp_path / "base"
    monkeypatch.setenv("XDG_CACHE_HOME", str(base))
    folder = cache_folder()
    for level in (folder.parent, base):
        level.chmod(0o777)
        with pytest.raises(InputError, match="is not private"):
            cache_folder()
        level.chmod(0o700)
    base.chmod(0o1777)  # only owners may replace what is theirs, as in /tmp
    assert cache_folder() == folder


def test_a_cache_that_is_a_link_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    (tmp_path / "operator-agent").mkdir(mode=0o700)
    (tmp_path / "operator-agent" / "vector").symlink_to(elsewhere)
    with pytest.raises(InputError, match="is not private"):
        cache_folder()


def test_a_relative_cache_home_is_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", "here")
    assert cache_folder() == tmp_path / "home" / ".cache" / "operator-agent" / "vector"
    assert not (tmp_path / "here").exists()


@needs_compiler
def test_without_a_usable_cache_the_virtual_machine_steps(
    escaping: ProcessModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "open"))
    cache_folder().chmod(0o777)
    x, u, d = inputs(escaping, 1)
    plant = VectorPlant(escaping, 1, STEP_S, 2)
    assert "virtual machine, because the cache folder" in plant.engine
    assert "is not private" in plant.engine
    assert plant.step(x, u, d)[0, 0] > 1.0
    (tmp_path / "file").write_text("no folder", encoding="ascii")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert "there is no cache folder" in VectorPlant(escaping, 1, STEP_S, 2).engine


@needs_compiler
def test_a_cache_that_cannot_be_written_is_told(escaping: ProcessModel, tmp_path: Path) -> None:
    assert COMPILER is not None
    with pytest.raises(PlantError, match="cannot be written: No such file or directory"):
        load_functions(["x"], lambda: "", ["f"], COMPILER, tmp_path / "gone")


@needs_compiler
def test_a_digest_of_other_characters_is_not_intact(
    escaping: ProcessModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    VectorPlant(escaping, 1, STEP_S, 2)
    (digest,) = cache_folder().glob("*.sha256")
    written = digest.read_bytes()
    digest.write_bytes(b"\xff\xfe" + written)
    assert VectorPlant(escaping, 1, STEP_S, 2).engine.startswith("compiled by")
    assert digest.read_bytes() == written


def test_a_cache_path_that_a_shell_would_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", f"{tmp_path}/a b;c")
    with pytest.raises(InputError, match="characters that a shell would read"):
        cache_folder()
    assert not os.path.exists(f"{tmp_path}/a b;c")


@needs_compiler
def test_a_failing_compiler_is_told(
    escaping: ProcessModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    broken = Compiler("false", "broken", 4, ())
    with pytest.raises(PlantError, match="compiler false failed"):
        CompiledEngine(escaping, 1, 1, broken)
    monkeypatch.setenv("PATH", "")
    x, u, d = inputs(escaping, 1)
    plant = VectorPlant(escaping, 1, STEP_S, 2)
    assert plant.engine == "CasADi's virtual machine, because there is no C compiler"
    assert plant.step(x, u, d)[0, 0] > 1.0


def test_suggested_substeps_reach_the_tolerance_and_fewer_do_not() -> None:
    model, tolerance = oscillator(), 1e-4
    substeps = suggest_substeps(model, STEP_S, tolerance)
    trial = random_trial(model, STEP_S)

    def difference(count: int) -> float:
        plant = VectorPlant(model, trial.u.shape[1], STEP_S, count, tolerance=None)
        return largest_difference(plant, trial)

    assert substeps > 1
    assert difference(substeps) <= tolerance < difference(1)


def test_tolerances_beyond_reach_are_refused(escaping: ProcessModel) -> None:
    with pytest.raises(InputError, match="the reference allows 1e-8"):
        suggest_substeps(oscillator(), STEP_S, 1e-12)
    with pytest.raises(InputError, match=r"256 substeps in 0\.5 s do not stay within"):
        suggest_substeps(oscillator(), STEP_S, 1.1e-8)
    with pytest.raises(PlantError, match="CVODES cannot follow"):
        suggest_substeps(escaping, 20.0, 1e-3)
