"""The seam between plants and controllers refuses models that do not fit together."""

from dataclasses import replace

import numpy as np
import pytest

from operator_agent.errors import InputError
from operator_agent.plant.unit.crude_unit import CrudeUnit


def test_counts_follow_the_names(controller: CrudeUnit) -> None:
    model = controller.model
    assert (model.n_x, model.n_u, model.n_d, model.n_y) == (125, 9, 5, 9)


def test_wrong_scales_and_nominals_are_refused(controller: CrudeUnit) -> None:
    model = controller.model
    with pytest.raises(InputError, match="y_scale needs 9 positive values"):
        replace(model, y_scale=np.zeros(9))
    with pytest.raises(InputError, match="x_nominal needs 125 finite values"):
        replace(model, x_nominal=np.full(125, np.nan))
    with pytest.raises(InputError, match="d_nominal needs 5 finite values"):
        replace(model, d_nominal=np.ones(4))
