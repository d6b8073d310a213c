"""Controllers as C: built and run as a program of their own, beside `solve` in a closed loop."""

import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.mpc.engine.condense import Horizon
from operator_agent.mpc.engine.formulation import Formulation
from operator_agent.mpc.engine.linearise import ScaledModel
from operator_agent.mpc.engine.schemes import Scheme
from operator_agent.mpc.engine.transcription import LimitShape, Transcription
from operator_agent.mpc.export.c_code import export_c
from operator_agent.mpc.generic.equations import Model, equations_model
from operator_agent.mpc.generic.limits import Soft
from operator_agent.mpc.generic.optimal_control import optimal_control
from operator_agent.mpc.linear.models import plant_model
from operator_agent.mpc.peers.own_engine import OwnEngine
from operator_agent.mpc.problem import Outcome, Problem, Warm
from operator_agent.mpc.published.catalogue import published_case
from operator_agent.mpc.published.closed_loop import run_engine
from operator_agent.mpc.solve import solve
from operator_agent.plant.generic.transfer_function import first_order
from operator_agent.plant.generic.transfer_matrix import sampled_transfer_matrix
from operator_agent.plant.generic.variable import Variable

COMPILER = next((c for c in ("gcc", "clang") if shutil.which(c)), None)
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="no C compiler")


@dataclass(frozen=True, slots=True)
class Program:
    """A built controller."""

    path: Path

    def steps(self, problems: list[Problem]) -> list[tuple[int, FloatArray]]:
        """Return result and move of one step after the other, of one process."""
        text = "\n".join(_arguments(problem) for problem in problems)
        found = subprocess.run([self.path], input=text, capture_output=True, text=True, check=True)
        rows = [line.split() for line in found.stdout.splitlines()]
        return [(int(row[0]), np.array(row[1:], dtype=np.float64)) for row in rows]


def _arguments(problem: Problem) -> str:
    p = problem
    parts = (p.x, p.u_held, p.d, p.y_reference, p.u_reference, p.bias)
    return " ".join(repr(float(v)) for part in parts for v in np.ravel(part))


def built(problem: Problem, folder: Path) -> Program:
    files = export_c(problem, "control", folder)
    texts = [file.name for file in files if file.suffix == ".c"]
    warnings = ["-Wall", "-Werror", "-Wno-psabi", "-Wno-unused-function"]
    subprocess.run(
        [str(COMPILER), "-O1", *warnings, "-o", "program", *texts, "-lm"], cwd=folder, check=True
    )
    return Program(folder / "program")


def walked(
    problem: Problem, model: Model, wanted: list[FloatArray]
) -> list[tuple[Problem, Outcome]]:
    """Return problems and outcomes of a loop whose plant is the model with a bias on the way."""
    rng, warm, found = np.random.default_rng(3), None, []
    x, u = problem.x, problem.u_held
    for reference in wanted:
        y_reference = np.tile(reference, (problem.y_reference.shape[0], 1))
        bias = 0.02 * model.y_scale * rng.normal(size=model.n_y)
        now = replace(problem, x=x, u_held=u, y_reference=y_reference, bias=bias)
        outcome = solve(now, warm)
        found.append((now, outcome))
        warm = outcome.warm
        assert isinstance(warm, Warm)
        x = warm.states[1] * model.x_scale * (1.0 + 0.01 * rng.normal(size=model.n_x))
        u = np.array(outcome.move)
    return found


def assert_same(program: Program, loop: list[tuple[Problem, Outcome]]) -> None:
    results = program.steps([problem for problem, _ in loop])
    assert len(results) == len(loop)
    for (result, move), (problem, outcome) in zip(results, loop, strict=True):
        assert outcome.accepted and result == 0
        gap = (move - outcome.move) / problem.transcription.model.u_scale
        assert np.max(np.abs(gap)) < 1e-7


@needs_compiler
def test_a_published_reactor_gets_the_same_moves_into_its_limit(tmp_path: Path, monkeypatch):
    loop: list[tuple[Problem, Outcome]] = []

    def noted(problem: Problem, warm: Warm | None) -> Outcome:
        outcome = solve(problem, warm)
        loop.append((problem, outcome))
        return outcome

    monkeypatch.setattr("operator_agent.mpc.peers.own_engine.solve", noted)
    run_engine(published_case("reactor-limit", None), OwnEngine("own", "", 3), 0)
    assert_same(built(loop[0][0], tmp_path), loop)


def lag() -> Model:
    pairs = [[first_order(2.0, 300.0, 120.0)], [first_order(-1.0, 120.0)]]
    return plant_model(sampled_transfer_matrix("lag", pairs, ["u"], ["y", "z"], sample_time_s=60.0))


def mild() -> Model:
    level, flow, drain = Variable("h", 1.0, 0.5), Variable("q", 1.0, 0.5), Variable("k", 1.0, 0.2)
    return equations_model("tank", lambda x, u, d: [0.01 * (u[0] - d[0] * x[0] ** 0.5)],
                           [level], [flow], [drain])  # fmt: skip


@needs_compiler
@pytest.mark.parametrize(
    "case",
    [
        ("lag", {"track": {"y": 1.0}, "soft": {"z": Soft(-0.3, 0.3, 5.0)}, "rates": {"u": 0.002}}),
        ("mild", {"track": {"h": 1.0}, "scheme": Scheme.RUNGE_KUTTA_4}),
        ("mild", {"track": {"h": 1.0}, "terminal": {"h": 5.0}, "terminal_limits": {"h": (0.5, 1.4)},
                  "moves": {"q": 0.1}, "blocks": (1, 2, 3), "tolerance": 1e-6}),
    ],
)  # fmt: skip
def test_models_limits_and_blocks_of_all_kinds_get_the_same_moves(case, tmp_path: Path):
    name, asked = case
    model = {"lag": lag, "mild": mild}[name]()
    limits = {model.u_names[0]: (0.2, 2.0) if name == "mild" else (-1.0, 1.0)}
    control = optimal_control(model, sample_time_s=60.0, n_pred=12, limits=limits, **asked)
    size = control.problem.y_reference.shape[1]
    nominal = control.problem.y_reference[0]
    up = nominal + np.eye(size)[0] * 0.6
    loop = walked(control.problem, control.model, [nominal] * 2 + [up] * 6 + [nominal] * 4)
    assert_same(built(control.problem, tmp_path), loop)


@needs_compiler
def test_stages_of_several_lengths_get_the_same_moves(tmp_path: Path):
    control = optimal_control(mild(), sample_time_s=60.0, n_pred=6, track={"h": 1.0},
                              limits={"q": (0.2, 2.0)})  # fmt: skip
    start = control.problem
    grid = Transcription(
        ScaledModel.of(control.model),
        Horizon((60.0, 240.0, 300.0, 300.0, 300.0, 300.0), (0, 1, 2, 4)),
        start.transcription.shape,
        Formulation(scheme=Scheme.RADAU_2),
    )
    problem = replace(start, transcription=grid)
    up = start.y_reference[0] + 0.5
    assert_same(built(problem, tmp_path), walked(problem, control.model, [up] * 8))


@needs_compiler
def test_faults_give_no_move_and_the_next_step_does(tmp_path: Path):
    control = optimal_control(mild(), sample_time_s=60.0, n_pred=8, track={"h": 1.0},
                              limits={"q": (0.2, 2.0)}, rates={"q": 0.001})  # fmt: skip
    good = control.problem
    bad = [replace(good, **{name: getattr(good, name) * value})
           for name in ("x", "u_held", "d", "y_reference", "u_reference")
           for value in (np.nan, np.inf)]  # fmt: skip
    bad += [replace(good, bias=good.bias + np.nan), replace(good, x=np.full(1, -4.0))]
    far = replace(good, u_held=np.full(1, 3.0))  # one cycle cannot bring it back inside
    order = [good, *[p for one in (*bad, far) for p in (one, good)]]
    results = built(good, tmp_path).steps(order)
    expected = solve(good, None).move
    for problem, (result, move) in zip(order, results, strict=True):
        if problem is good:
            assert result == 0 and move == pytest.approx(expected, rel=1e-6)
        else:
            assert result == (2 if problem is far else 1) and move.size == 0


def test_what_has_no_code_is_refused_by_its_reason(tmp_path: Path):
    model = mild()
    tracked = {"sample_time_s": 60.0, "n_pred": 6, "track": {"h": 1.0}}
    costly = optimal_control(model, **tracked, stage_cost=lambda x, u, d, p: u["q"] ** 2)
    stiff = optimal_control(model, **tracked)
    grid = Transcription(
        ScaledModel.of(stiff.model),
        stiff.problem.transcription.horizon,
        LimitShape.of(stiff.problem.variables),
        Formulation(scheme=Scheme.IMPLICIT_EULER),
    )
    cases = ((costly.problem, "tank", "stage cost"), (stiff.problem, "Tank 1", "small letters"),
             (replace(stiff.problem, transcription=grid), "tank", "implicit Euler"))  # fmt: skip
    for problem, name, word in cases:
        with pytest.raises(InputError, match=word):
            export_c(problem, name, tmp_path)
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        export_c(stiff.problem, "tank", file / "below")
