"""The engine on a cluster: two machines on the loopback, one of them lost in the middle."""

import math
import operator
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from operator_agent.engine import SerialEngine, TaskResult, engine_from
from operator_agent.errors import InputError, LinkError
from operator_agent.ray_engine import RayEngine

pytestmark = pytest.mark.filterwarnings("default")  # Ray's own: sockets and files left to the end
NAPS = 24  # a quarter of a second each: time for the second machine to begin
NAP = "sleep 0.25; grep PPid /proc/$PPID/status >> {log}; echo {number}"  # parent: the machine


def told(results: list[TaskResult[Any]]) -> list[tuple[int, Any, str, str]]:
    """Return all of the results but the time that they took."""
    return [(r.index, r.outcome, r.error, r.error_kind) for r in results]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    if find_spec("ray") is None:
        pytest.skip("Ray is not installed; it comes with the extra 'cluster'")
    with pytest.MonkeyPatch.context() as patch:
        # Ray reads both when it is loaded; its tokens protect clusters, the loopback needs none.
        patch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
        patch.setenv("RAY_AUTH_MODE", "disabled")
        from ray.cluster_utils import Cluster

        machine = {"num_cpus": 1, "node_ip_address": "127.0.0.1"}
        found = Cluster(initialize_head=True, head_node_args=machine)
        try:
            yield found
        finally:
            found.shutdown()


@pytest.mark.slow
@pytest.mark.timeout(100)
def test_a_lost_machine_loses_no_item(cluster: Any, tmp_path: Path) -> None:
    log = tmp_path / "machines"
    log.touch()
    second = cluster.add_node(num_cpus=1, node_ip_address="127.0.0.1")
    naps = [["sh", "-c", NAP.format(log=log, number=number)] for number in range(NAPS)]
    lost_after: list[int] = []

    def lose_one(result: TaskResult[Any]) -> None:
        if len(set(log.read_text().split())) > 2 and not lost_after:  # a word, and two machines
            lost_after.append(result.index)
            cluster.remove_node(second, allow_graceful=False)

    with RayEngine(cluster.address) as engine:
        results = engine.map(subprocess.check_output, naps, progress=lose_one)
        assert lost_after
        assert [int(result.value) for result in results] == list(range(NAPS))
        items = [partial(math.sqrt, float(n)) for n in range(-1, 6)]
        here = SerialEngine().map(operator.call, items)
        assert told(engine.map(operator.call, items, chunksize=3)) == told(here)
        deadly = [partial(os._exit, 3), partial(math.sqrt, 4.0)]
        died, lived = engine.map(operator.call, deadly, chunksize=2)
        assert died.error_kind == "WorkerLost"
        assert lived.value == 2.0


def test_an_address_where_nothing_listens_is_refused_at_once() -> None:
    with pytest.raises(LinkError, match=r"no Ray cluster at 127.0.0.1:9: .*RAY_ADDRESS unset"):
        RayEngine("127.0.0.1:9")
    with pytest.raises(InputError, match="write host:port"):
        RayEngine("head")


def test_without_ray_the_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"pip install 'operator-agent\[cluster\]'"):
        engine_from("ray", 2)
