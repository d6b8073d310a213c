"""Functions as machine code give the same numbers, are made when asked, and are checked."""

from pathlib import Path

import casadi as ca
import numpy as np
import pytest

from operator_agent.errors import PlantError
from operator_agent.mpc.engine import compiled_functions
from operator_agent.mpc.engine.compiled_functions import Compilation, compiled
from operator_agent.mpc.engine.linearise import Lineariser, ScaledModel
from operator_agent.plant.process_model import ProcessModel
from operator_agent.plant.vector.compiled import cache_folder, find_compiler, load_functions

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="no C compiler")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    tmp_path.chmod(0o700)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return cache_folder()


def law(factor: float = 1.0) -> ca.Function:
    x = ca.SX.sym("x", 2)
    return ca.Function("law", [x], [factor * ca.exp(x) / x[0], ca.log(x[1])])


POINT = ((np.array([0.3, 1.7]),),)


def test_numbers_are_those_of_the_virtual_machine(reactor_model: ProcessModel):
    machine = Lineariser(ScaledModel.of(reactor_model, Compilation.ALWAYS), 5)
    virtual = Lineariser(ScaledModel.of(reactor_model, Compilation.NEVER), 5)
    rng = np.random.default_rng(3)
    x = reactor_model.x_nominal / reactor_model.x_scale + 0.1 * rng.normal(size=(5, 4))
    u = reactor_model.u_nominal / reactor_model.u_scale + 0.1 * rng.normal(size=(5, 2))
    ours, theirs = (m.linearise(x, u, reactor_model.d_nominal) for m in (machine, virtual))
    for name in ("rhs", "outputs", "rhs_x", "rhs_u", "outputs_x", "outputs_u"):
        expected = getattr(theirs, name)
        assert np.max(np.abs(getattr(ours, name) - expected)) <= 1e-12 * np.max(np.abs(expected))
    assert machine.values(x, u, reactor_model.d_nominal)[0] == pytest.approx(ours.rhs, rel=1e-12)


def test_it_is_compiled_once(own_cache: Path):
    for _ in range(2):
        (found,) = compiled([law()], POINT, Compilation.ALWAYS)
        assert found.class_name() != law().class_name()
    assert len(list(own_cache.glob("*.so"))) == 1


def test_large_functions_are_compiled_only_when_asked(
    own_cache: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(compiled_functions, "SMALL", 1)
    (found,) = compiled([law()], POINT, Compilation.AUTOMATIC)
    assert found.is_a("SXFunction") and not list(own_cache.glob("*.so"))
    compiled([law()], POINT, Compilation.ALWAYS)
    (found,) = compiled([law()], POINT, Compilation.AUTOMATIC)  # from the cache
    assert not found.is_a("SXFunction")


def test_nothing_is_compiled_when_forbidden(own_cache: Path):
    (found,) = compiled([law()], POINT, Compilation.NEVER)
    assert found.is_a("SXFunction") and not list(own_cache.glob("*.so"))


def test_without_a_compiler_the_functions_stay(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(compiled_functions, "find_compiler", lambda: None)
    (found,) = compiled([law()], POINT, Compilation.ALWAYS)
    assert found.is_a("SXFunction")


def test_an_object_that_computes_something_else_is_refused(caplog: pytest.LogCaptureFixture):
    compiled([law(1.0 + 1e-9)], POINT, Compilation.ALWAYS, ("same name",))
    (found,) = compiled([law()], POINT, Compilation.ALWAYS, ("same name",))
    assert found.is_a("SXFunction") and "other values" in caplog.text
    wider = ca.Function("law", [ca.SX.sym("x", 2), ca.SX.sym("p")], [ca.SX(1), ca.SX(2)])
    arguments = ((np.ones(2), np.ones(1)),)
    (found,) = compiled([wider], arguments, Compilation.ALWAYS, ("same name",))
    assert found.n_in() == 2


def test_a_cache_that_is_not_private_is_not_used(own_cache: Path, caplog: pytest.LogCaptureFixture):
    own_cache.chmod(0o777)
    (found,) = compiled([law()], POINT, Compilation.ALWAYS)
    assert found.is_a("SXFunction") and "not private" in caplog.text


def test_what_a_failing_compiler_says_is_in_the_error_and_not_on_the_terminal(
    own_cache: Path, capfd: pytest.CaptureFixture[str]
):
    compiler = find_compiler()
    assert compiler is not None
    with pytest.raises(PlantError, match=r"failed on the generated C: .*error"):
        load_functions(["broken"], lambda: "int f( { broken;", ["f"], compiler, own_cache)
    told = capfd.readouterr()
    assert told.out == told.err == ""
