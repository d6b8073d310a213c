"""The seam between plants and controllers refuses models that do not fit together."""

from dataclasses import replace

import numpy as np
import pytest

from operator_agent.errors import InputError
from operator_agent.plant.unit.crude_unit import CrudeUnit


def test_counts_follow_the_names(small: CrudeUnit) -> None:
    model = small.model
    assert (model.n_x, model.n_u, model.n_d, model.n_y) == (220, 16, 26, 9)


def test_wrong_scales_and_nominals_are_refused(small: CrudeUnit) -> None:
    model = small.model
    with pytest.raises(InputError, match="y_scale needs 9 positive values"):
        replace(model, y_scale=np.zeros(9))
    with pytest.raises(InputError, match="x_nominal needs 220 finite values"):
        replace(model, x_nominal=np.full(220, np.nan))
    with pytest.raises(InputError, match="d_nominal needs 26 finite values"):
        replace(model, d_nominal=np.ones(4))
