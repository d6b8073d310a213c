"""Engines: the same results in the same order everywhere, and a crash loses its own item only."""

import math
import operator
import os
import select
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from operator_agent.engine import ProcessEngine, SerialEngine, TaskResult, engine_from
from operator_agent.errors import InputError, SolveFailedError

END_TIMEOUT_S = 20.0
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def processes() -> Iterator[ProcessEngine]:
    with ProcessEngine(2) as engine:
        yield engine


def told(results: Sequence[TaskResult[Any]]) -> list[tuple[int, Any, str, str]]:
    """Return all of the results but the time that they took."""
    return [(r.index, r.outcome, r.error, r.error_kind) for r in results]


def draws(seed: int) -> Any:
    """Return a piece of work that a seed decides."""
    return partial(np.random.default_rng(seed).normal, size=3)


MIXED: list[Callable[[], Any]] = [
    partial(math.sqrt, 2.0),
    partial(math.sqrt, -1.0),
    partial(operator.truediv, 1, 0),
    partial(pow, 2, 200),
    partial(dict, a=[1, 2]),
    partial(math.hypot, 3.0, 4.0),
]


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(numbers=st.lists(st.floats(-10.0, 10.0), max_size=12), chunksize=st.integers(1, 5))
def test_processes_give_what_one_process_gives(
    processes: ProcessEngine, numbers: list[float], chunksize: int
) -> None:
    there = processes.map(math.sqrt, numbers, chunksize=chunksize)
    assert told(there) == told(SerialEngine().map(math.sqrt, numbers))
    assert [result.index for result in there] == list(range(len(numbers)))


@pytest.mark.parametrize("chunksize", [1, 4])
def test_results_come_in_the_order_of_the_items(processes: ProcessEngine, chunksize: int) -> None:
    items = [*MIXED, *MIXED]
    seen: list[int] = []
    there = processes.map(
        operator.call, items, chunksize=chunksize, progress=lambda r: seen.append(r.index)
    )
    assert told(there) == told(SerialEngine().map(operator.call, items))
    assert sorted(seen) == list(range(len(items)))
    assert there[1].error == "ValueError: math domain error"
    with pytest.raises(SolveFailedError, match="item 1 has no value: ValueError"):
        _ = there[1].value
    assert there[5].value == 5.0


def test_seeds_travel_with_the_items(processes: ProcessEngine) -> None:
    engines = (SerialEngine(), processes)
    here, there = (
        [r.value.tolist() for r in engine.map(operator.call, [draws(s) for s in range(8)])]
        for engine in engines
    )
    assert here == there
    assert len({tuple(row) for row in here}) == 8


@pytest.mark.parametrize("chunksize", [1, 3])
def test_a_worker_that_dies_loses_its_own_item(processes: ProcessEngine, chunksize: int) -> None:
    items = [partial(math.sqrt, float(i)) for i in range(8)]
    deaths = {2: partial(os._exit, 3), 4: partial(os.abort), 5: partial(os._exit, 0)}
    for index, death in deaths.items():
        items[index] = death
    results = processes.map(operator.call, items, chunksize=chunksize)
    for result in results:
        if result.index in deaths:
            assert result.error_kind == "WorkerLost"
        else:
            assert result.value == math.sqrt(result.index)
    assert "exit code 3" in results[2].error
    assert "SIGABRT" in results[4].error
    again = processes.map(math.sqrt, [4.0, 9.0])
    assert [result.value for result in again] == [2.0, 3.0]


def test_an_item_that_hangs_is_given_up() -> None:
    with ProcessEngine(2, item_limit_s=0.5) as engine:
        items = [partial(math.sqrt, 4.0), partial(time.sleep, 600.0), partial(math.sqrt, 9.0)]
        results = engine.map(operator.call, items, chunksize=3)
    assert [result.outcome for result in results] == [2.0, None, 3.0]
    assert "ended after 0.5 s, the limit of an item" in results[1].error


def test_what_cannot_travel_loses_its_own_item(processes: ProcessEngine) -> None:
    results = processes.map(abs, [-1.0, lambda: 0, -3.0])  # type: ignore[list-item]
    assert [result.ok for result in results] == [True, False, True]
    results = processes.map(operator.call, [threading.Lock, partial(abs, -2)])
    assert [result.ok for result in results] == [False, True]
    with pytest.raises(InputError, match="define it at the top level"):
        processes.map(lambda item: item, [1])


def test_workers_use_one_thread(processes: ProcessEngine) -> None:
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    results = processes.map(os.getenv, names)
    assert [result.value for result in results] == ["1", "1", "1"]


def test_an_interrupted_map_leaves_no_answers_for_the_next(processes: ProcessEngine) -> None:
    def stop(result: TaskResult[Any]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        processes.map(math.sqrt, [1.0, 4.0, 9.0, 16.0], progress=stop)
    assert [r.value for r in processes.map(math.sqrt, [25.0, 36.0])] == [5.0, 6.0]


def test_the_processes_end_with_the_engine() -> None:
    with ProcessEngine(2) as engine:
        pids = {result.value for result in engine.map(operator.call, [os.getpid] * 4)}
        handles = [os.pidfd_open(pid) for pid in pids]
    for handle in handles:
        assert select.select([handle], [], [], END_TIMEOUT_S)[0]
        os.close(handle)


@pytest.mark.slow
def test_the_processes_end_with_a_killed_caller(tmp_path: Path) -> None:
    script = tmp_path / "caller.py"
    script.write_text(
        textwrap.dedent("""
        import operator, os, time
        from functools import partial
        from operator_agent.engine import ProcessEngine

        def tell(result):
            print(result.value, flush=True)

        if __name__ == "__main__":
            with ProcessEngine(1) as engine:
                engine.map(operator.call, [os.getpid, partial(time.sleep, 300)], progress=tell)
        """)
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    with subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, text=True, env=environment
    ) as caller:
        assert caller.stdout is not None
        worker = os.pidfd_open(int(caller.stdout.readline()))
        caller.send_signal(signal.SIGKILL)
    assert select.select([worker], [], [], END_TIMEOUT_S)[0]
    os.close(worker)


def test_a_script_without_a_guard_is_told_so(tmp_path: Path) -> None:
    script = tmp_path / "unguarded.py"
    script.write_text(
        "import math\nfrom operator_agent.engine import ProcessEngine\n"
        "ProcessEngine(1).map(math.sqrt, [1.0])\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode != 0
    assert "under: if __name__ == '__main__':" in done.stderr


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: engine_from("dask"), "engine 'dask' is not known; use one of serial, process"),
        (lambda: engine_from("process", 0), "workers is 0"),
        (lambda: engine_from("serial", -1), "workers is -1"),
        (lambda: SerialEngine().map(abs, [1], chunksize=0), "chunksize is 0"),
        (lambda: ProcessEngine(1, item_limit_s=0.0), "limit of an item is 0.0 s"),
        (lambda: engine_from("serial", 1, 9.0), "engine 'serial' cannot keep a time limit"),
    ],
)
def test_wrong_engines_are_refused(make: Callable[[], Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        make()


def test_the_factory_gives_engines() -> None:
    for name, kind in (("serial", SerialEngine), ("process", ProcessEngine)):
        with engine_from(name, 1) as engine:
            assert isinstance(engine, kind)
