"""SCIP's bound is a second opinion, and none where a known plan contradicts it."""

from typing import Any

import numpy as np
import pytest

from operator_agent.errors import InputError
from operator_agent.planning.bilinear.compile import compile_bilinear
from operator_agent.planning.bounds.bound import BoundStatus
from operator_agent.planning.bounds.scip import judged, scip_bound
from operator_agent.planning.published.pooling import build_pooling, pooling_problem


@pytest.fixture
def haverly(published: Any) -> Any:
    raw = published("pooling/haverly1.json")
    return compile_bilinear(build_pooling(pooling_problem(raw, "haverly1")))[0]


def test_scip_is_never_called_valid(haverly: Any) -> None:
    pytest.importorskip("pyscipopt")
    found = scip_bound(haverly, seconds=10.0)
    assert found.status is BoundStatus.UNVERIFIED
    assert found.bound == pytest.approx(-400.0, rel=1e-5)


def test_a_claim_that_excludes_a_known_plan_is_not_returned(haverly: Any) -> None:
    known = np.zeros(len(haverly.columns))
    reached = haverly.objective(known)
    for claim in (reached + 1.0, np.inf):
        found = judged(haverly, claim, known, 1.0)
        assert found.status is BoundStatus.NONE
        assert found.bound == -np.inf
        assert "not believed" in found.method
    assert judged(haverly, reached - 1.0, known, 1.0).status is BoundStatus.UNVERIFIED


def test_no_time_is_refused(haverly: Any) -> None:
    with pytest.raises(InputError, match="seconds"):
        scip_bound(haverly, seconds=-1.0)
