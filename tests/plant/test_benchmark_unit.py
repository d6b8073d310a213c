"""The benchmark of the unit of record: both ways that are judged run the same hour."""

import numpy as np
import pytest

from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.unit.crude_unit import CrudeUnit


@pytest.mark.slow
def test_simulator_and_bare_integrator_end_alike(small: CrudeUnit, case: CrudeUnitCase) -> None:
    reason = "the peers of the benchmark are not installed"
    simulators = pytest.importorskip("benchmarks.plant.simulators", reason=reason)
    inputs = simulators.moving_inputs(small.model, 1, 6, 3, 0.5)
    bare = simulators.cvodes(small.model, inputs, 60.0)()
    run = simulators.simulator(small, case, inputs, 60.0)
    first, second = run(), run()
    moved = np.max(np.abs(bare - small.model.x_nominal / small.model.x_scale))
    assert moved > 0.05
    np.testing.assert_allclose(first, bare, atol=0.006)  # CVODES from minute to minute
    assert np.array_equal(first, second)  # every run starts anew
