"""The search: known fronts, seeds kept apart, failures in their place, the same on every engine."""

import os
import random
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operator_agent.engine import SerialEngine, engine_from
from operator_agent.errors import InputError, PlantError
from operator_agent.mpc.tuning.checkpoint import CheckpointFile
from operator_agent.mpc.tuning.genes import Gene, Genes, GeneScale, GeneSpace
from operator_agent.mpc.tuning.genetic import front_of, hypervolume
from operator_agent.mpc.tuning.objectives import Interval, Objective, dominates
from operator_agent.mpc.tuning.search import Found, search
from operator_agent.mpc.tuning.task import TEST, TRAINING, SearchSettings, Task
from operator_agent.mpc.tuning.trials import Trial, run_trials

SETTINGS = SearchSettings(12, 6, 3, training=(1, 2), validation=(11, 12, 13), test=(21, 22, 23))
SPACE = GeneSpace(
    (
        Gene("a", 0.1, 100.0),
        Gene("b", -5.0, 5.0, GeneScale.LINEAR),
        Gene("n", 3, 9, GeneScale.WHOLE),
    )
)
OBJECTIVES = (Objective("first", "-", 0.0, 60.0), Objective("second", "-", 0.0, 60.0))
START = {"a": 50.0, "b": 4.0, "n": 8.0}


@pytest.fixture
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let other processes import the functions of this file."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(Path(__file__).resolve().parents[2])])


def two_bowls(genes: Genes, seed: int) -> Mapping[str, float]:
    """Schaffer's problem in b (Pareto set: 0 <= b <= 2), with a = 1 and n = 5 best for both."""
    off = (genes["a"] - 1.0) ** 2 * 0.01 + (genes["n"] - 5.0) ** 2
    noise = 1e-3 * random.Random(seed).random()
    return {"first": genes["b"] ** 2 + off + noise, "second": (genes["b"] - 2.0) ** 2 + off + noise}


def breaks(genes: Genes, seed: int) -> Mapping[str, float]:
    """A plant that breaks where b is negative, and gives no number where n is 9."""
    if genes["b"] < 0.0 and seed == SETTINGS.training[1]:
        raise PlantError("the drum ran dry")
    found = dict(two_bowls(genes, seed))
    return found | {"second": float("nan")} if genes["n"] == 9.0 else found


def hangs_or_dies(genes: Genes, seed: int) -> Mapping[str, float]:
    """A plant that hangs where n is 3 and takes its process along where n is 4."""
    if genes["n"] == 3.0:
        time.sleep(60.0)
    if genes["n"] == 4.0:
        os._exit(1)
    return two_bowls(genes, seed)


TASK = Task("two bowls", OBJECTIVES, SPACE, START, two_bowls)


def searched(task: Task = TASK, settings: SearchSettings = SETTINGS) -> Found:
    return search(task, settings, SerialEngine())


def test_the_front_of_a_known_problem_is_found() -> None:
    found = searched()
    assert found.others
    for one in found.others:
        assert -0.3 < one.training.genes["b"] < 2.3  # Schaffer's set is 0..2
        assert one.training.genes["n"] == 5.0
        start = found.start.test.costs(OBJECTIVES)
        assert dominates(one.test.costs(OBJECTIVES), start)


def test_the_hypervolume_never_falls_and_the_search_gains() -> None:
    volumes = [generation.hypervolume for generation in searched().history]
    assert volumes == sorted(volumes) and volumes[-1] > volumes[0]
    assert len(volumes) == SETTINGS.generations + 1


def test_a_seed_decides_the_search_and_leaves_the_world_as_it_was() -> None:
    random.seed(1)
    before = random.getstate()
    found = searched()
    assert random.getstate() == before
    random.seed(2)
    assert searched() == found
    assert searched(settings=replace(SETTINGS, seed=4)) != found


@pytest.mark.slow
@pytest.mark.usefixtures("importable")
def test_processes_find_what_this_process_finds_bit_for_bit() -> None:
    with engine_from("process", 2) as engine:
        assert search(TASK, SETTINGS, engine) == searched()


@pytest.mark.slow
@pytest.mark.usefixtures("importable")
@pytest.mark.timeout(100)
@pytest.mark.filterwarnings("default")  # Ray's own: sockets and files left to the end
def test_a_cluster_finds_what_this_process_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    if find_spec("ray") is None:
        pytest.skip("Ray is not installed; it comes with the extra 'cluster'")
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with engine_from("ray", 2) as engine:
        assert search(TASK, SETTINGS, engine) == searched()


def test_what_breaks_or_is_no_number_counts_as_worst_and_is_told() -> None:
    task = replace(TASK, evaluate=breaks)
    with_failures = searched(task)
    assert with_failures.history[-1].failed > 0
    assert all(one.training.genes["b"] >= 0.0 for one in with_failures.others)
    bad = [{"a": 1.0, "b": -1.0, "n": 5.0}, {"a": 1.0, "b": 1.0, "n": 9.0}]
    broken, no_number = tried(breaks, bad)
    assert broken.failure == "scenario 2: the drum ran dry"
    assert no_number.failure == "scenario 1: second is nan"
    assert broken.costs(OBJECTIVES) == (1.0, 1.0) and broken.intervals(OBJECTIVES) == {}
    assert broken.means(OBJECTIVES) == {"first": 60.0, "second": 60.0}


def tried(evaluate: object, candidates: Sequence[Genes]) -> list[Trial]:
    return run_trials(
        evaluate,  # type: ignore[arg-type]  # one of the functions above
        OBJECTIVES,
        candidates,
        SETTINGS.training,
        SerialEngine(),
        lambda done, total: None,
    )


def test_a_start_that_breaks_everything_leaves_no_other_tuning() -> None:
    def never(genes: Genes, seed: int) -> Mapping[str, float]:
        raise PlantError("no feed")

    found = searched(replace(TASK, evaluate=never), replace(SETTINGS, generations=1))
    assert found.others == () and "no feed" in found.start.test.failure
    assert found.history[-1].hypervolume == 0.0


@pytest.mark.slow
@pytest.mark.usefixtures("importable")
def test_a_candidate_that_hangs_or_kills_its_process_costs_only_itself() -> None:
    slow, deadly, good = ({"a": 1.0, "b": 1.0, "n": n} for n in (3.0, 4.0, 5.0))

    def told(done: int, total: int) -> None:
        """Tell nobody."""

    with engine_from("process", 1) as engine:
        dead, fine = run_trials(hangs_or_dies, OBJECTIVES, [deadly, good], (1,), engine, told)
    assert "ended" in dead.failure and dead.costs(OBJECTIVES) == (1.0, 1.0)
    assert fine.values == {name: (value,) for name, value in two_bowls(good, 1).items()}
    with engine_from("process", 1, item_limit_s=0.5) as engine:
        (late,) = run_trials(hangs_or_dies, OBJECTIVES, [slow], (1,), engine, told)
    assert "limit" in late.failure and late.costs(OBJECTIVES) == (1.0, 1.0)


def test_an_interrupted_search_goes_on_as_if_nothing_had_been(tmp_path: Path) -> None:
    kept = CheckpointFile(tmp_path / "search.json")
    stopped_at: list[str] = []

    def stop(done: int, total: int, what: str) -> None:
        if what.startswith("generation 3") and done == total - 1:
            stopped_at.append(what)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(TASK, SETTINGS, SerialEngine(), store=kept, progress=stop)
    state = kept.load(TASK, SETTINGS)
    assert stopped_at and state is not None and len(state.history) == 3
    seen: list[str] = []
    found = search(
        TASK, SETTINGS, SerialEngine(), store=kept, progress=lambda d, t, what: seen.append(what)
    )
    assert found == searched()
    assert seen[0].startswith("generation 3 of 6")
    again: list[str] = []
    search(TASK, SETTINGS, SerialEngine(), store=kept, progress=lambda d, t, w: again.append(w))
    assert not again  # all trials are on disk


def test_a_finished_search_goes_on_with_more_generations(tmp_path: Path) -> None:
    kept = CheckpointFile(tmp_path / "search.json")
    search(TASK, replace(SETTINGS, generations=2), SerialEngine(), store=kept)
    assert search(TASK, SETTINGS, SerialEngine(), store=kept).history == searched().history


def test_the_state_of_another_search_is_refused(tmp_path: Path) -> None:
    kept = CheckpointFile(tmp_path / "search.json")
    small = replace(SETTINGS, generations=0)
    search(TASK, small, SerialEngine(), store=kept)
    for other, settings, word in (
        (TASK, replace(small, seed=9), "seed"),
        (TASK, replace(small, training=(5, 6)), "training"),
        (replace(TASK, subject="other bowls"), small, "subject"),
        (replace(TASK, start={**START, "b": 3.0}), small, "start"),
    ):
        with pytest.raises(InputError, match=f"look at {word}"):
            kept.load(other, settings)
    path = tmp_path / "search.json"
    path.write_text(path.read_text().replace('"tried"', '"tired"'))
    with pytest.raises(InputError, match="tired"):
        kept.load(TASK, small)


def test_scenarios_serve_once_and_test_scenarios_choose_nothing() -> None:
    for twice in ({"test": (2, 21)}, {"validation": (11, 11)}, {"training": (1, 12)}):
        with pytest.raises(InputError, match="used twice"):
            replace(SETTINGS, **twice)
    met: set[tuple[str, int]] = set()

    def told(genes: Genes, seed: int) -> Mapping[str, float]:
        met.add((str(dict(genes)), seed))
        return two_bowls(genes, seed)

    found = searched(replace(TASK, evaluate=told))
    tested = {genes for genes, seed in met if seed in SETTINGS.seeds(TEST)}
    assert tested == {str(dict(one.test.genes)) for one in (found.start, *found.others)}
    assert {s for _, s in met} >= set(SETTINGS.seeds(TRAINING))


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"population": 6}, "multiple of 4"),
        ({"test": (21,)}, "1 test scenarios"),
        ({"generations": -1}, "start at 0"),
    ],
)
def test_sizes_that_make_no_search_are_refused(change: dict[str, object], word: str) -> None:
    with pytest.raises(InputError, match=word):
        replace(SETTINGS, **change)


def test_genes_objectives_and_tasks_that_make_no_sense_are_refused() -> None:
    for make, word in (
        (lambda: Gene("a", 2.0, 1.0), "lower one first"),
        (lambda: Gene("a", 0.0, 1.0), "logarithmic"),
        (lambda: Gene("a", 0.5, 2.0, GeneScale.WHOLE), "whole"),
        (lambda: Objective("o", "-", 1.0, 1.0), "differ"),
        (lambda: replace(TASK, start={"a": 1.0}), "look at b, n"),
        (lambda: replace(TASK, start={**START, "a": 500.0}), "outside"),
        (lambda: replace(TASK, objectives=()), "at least one"),
        (lambda: Interval.of([1.0]), "two seeds"),
    ):
        with pytest.raises(InputError, match=word):
            make()


def test_an_interval_is_that_of_student() -> None:
    # Student (1908), table of sleep: the gain of ten patients, mean 1.58, s = 1.23; t = 2.262.
    gains = [1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4]
    found = Interval.of(gains)
    assert found.mean == pytest.approx(1.58)
    assert (found.low, found.high) == (pytest.approx(0.70, abs=0.01), pytest.approx(2.46, abs=0.01))


COSTS = st.lists(st.tuples(st.floats(0.0, 1.2), st.floats(0.0, 1.2)), min_size=1, max_size=12)


@given(COSTS)
def test_a_front_has_no_member_that_another_dominates(costs: list[tuple[float, float]]) -> None:
    front = front_of(costs)
    for k in front:
        assert not any(dominates(other, costs[k]) for other in costs)
    for k in set(range(len(costs))) - set(front):
        assert any(dominates(costs[m], costs[k]) or costs[m] == costs[k] for m in front)


@given(COSTS)
def test_the_hypervolume_in_the_plane_is_the_area_under_the_stairs(
    costs: list[tuple[float, float]],
) -> None:
    area, lowest = 0.0, 1.0
    for x, y in sorted(costs):
        if x < 1.0 and y < lowest:
            area, lowest = area + (1.0 - x) * (lowest - y), y
    assert hypervolume(costs) == pytest.approx(area, abs=1e-12)


@given(st.floats(0.0, 1.0))
def test_decoded_values_lie_in_their_ranges_and_return(share: float) -> None:
    values = SPACE.decode([share] * 3)
    for gene in SPACE.genes:
        assert gene.low <= values[gene.name] <= gene.high
    assert values["n"] == round(values["n"])
    again = SPACE.decode(SPACE.encode(values))
    assert again == pytest.approx(values, rel=1e-9, abs=1e-9)
