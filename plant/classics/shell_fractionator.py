"""The heavy oil fractionator of the Shell control problem: 7 by 5, with uncertain gains.

Source: Prett and Morari, "The Shell Process Control Workshop", Butterworths 1987; Prett and
Garcia, "Fundamental Process Control", Butterworths 1988. The problem counts in deviations
without unit; times in seconds here, minutes there. Transcriptions differ: the time constant from
the intermediate duty to the bottoms reflux temperature is 27 min and its gain's uncertainty to
the upper duty 0.18, as in three of four.
"""

from collections.abc import Sequence

import numpy as np

from operator_agent.errors import InputError
from operator_agent.plant.generic.dead_time import DELAY_ORDER
from operator_agent.plant.generic.sampled_plant import SampledPlant
from operator_agent.plant.generic.transfer_matrix import (
    Elements,
    first_order_matrix,
    from_transfer_matrix,
    sampled_transfer_matrix,
)
from operator_agent.plant.generic.variable import Variable
from operator_agent.plant.process_model import ProcessModel

MINUTE_S = 60.0
GAINS = (
    (4.05, 1.77, 5.88, 1.20, 1.44),
    (5.39, 5.72, 6.90, 1.52, 1.83),
    (3.66, 1.65, 5.53, 1.16, 1.27),
    (5.92, 2.54, 8.10, 1.73, 1.79),
    (4.13, 2.38, 6.23, 1.31, 1.26),
    (4.06, 4.18, 6.53, 1.19, 1.17),
    (4.38, 4.42, 7.20, 1.14, 1.26),
)
GAIN_UNCERTAINTIES = (
    (2.11, 0.39, 0.59, 0.12, 0.16),
    (3.29, 0.57, 0.89, 0.13, 0.13),
    (2.29, 0.35, 0.67, 0.08, 0.08),
    (2.34, 0.24, 0.32, 0.02, 0.04),
    (1.71, 0.93, 0.30, 0.03, 0.02),
    (2.39, 0.35, 0.72, 0.08, 0.01),
    (3.11, 0.73, 1.33, 0.18, 0.18),
)
TIMES_MIN = (
    (50.0, 60.0, 50.0, 45.0, 40.0),
    (50.0, 60.0, 40.0, 25.0, 20.0),
    (9.0, 30.0, 40.0, 11.0, 6.0),
    (12.0, 27.0, 20.0, 5.0, 19.0),
    (8.0, 19.0, 10.0, 2.0, 22.0),
    (13.0, 33.0, 9.0, 19.0, 24.0),
    (33.0, 44.0, 19.0, 27.0, 32.0),
)
DEAD_TIMES_MIN = (
    (27.0, 28.0, 27.0, 27.0, 27.0),
    (18.0, 14.0, 15.0, 15.0, 15.0),
    (2.0, 20.0, 2.0, 0.0, 0.0),
    (11.0, 12.0, 2.0, 0.0, 0.0),
    (5.0, 7.0, 2.0, 0.0, 0.0),
    (8.0, 4.0, 1.0, 0.0, 0.0),
    (20.0, 22.0, 0.0, 0.0, 0.0),
)
LARGEST_MOVE = 0.5  # constraint on every input, both ways
LARGEST_RATE_MIN = 0.05  # constraint on the rate of the inputs [1/min]
NO_ERRORS = (0.0, 0.0, 0.0, 0.0, 0.0)
INPUTS = tuple(
    Variable(name, 0.0, LARGEST_MOVE) for name in ("draw_top", "draw_side", "duty_bottoms_reflux")
)
DISTURBANCES = tuple(
    Variable(name, 0.0, LARGEST_MOVE) for name in ("duty_intermediate_reflux", "duty_upper_reflux")
)
OUTPUTS = tuple(
    Variable(name, 0.0, 0.5)
    for name in (
        "end_point_top",
        "end_point_side",
        "temp_top",
        "temp_upper_reflux",
        "temp_side_draw",
        "temp_intermediate_reflux",
        "temp_bottoms_reflux",
    )
)


def elements(gain_errors: Sequence[float] = NO_ERRORS) -> Elements:
    """Return the transfer matrix to the three inputs and the two disturbances.

    Args:
        gain_errors: for each column, -1 to 1: how much of its uncertainty is added to its gains.

    Raises:
        InputError: not five errors within -1 to 1.
    """
    errors = np.asarray(gain_errors, dtype=np.float64)
    if errors.shape != (5,) or not bool(np.all(np.abs(errors) <= 1.0)):
        raise InputError(
            f"shell_fractionator: gain errors {list(gain_errors)} must be five numbers from -1 "
            "to 1, one for each input and disturbance"
        )
    gains = np.array(GAINS) + np.array(GAIN_UNCERTAINTIES) * errors
    times, late = (MINUTE_S * np.array(minutes) for minutes in (TIMES_MIN, DEAD_TIMES_MIN))
    return first_order_matrix(gains, times, late)


def shell_fractionator(
    gain_errors: Sequence[float] = NO_ERRORS, delay_order: int = DELAY_ORDER
) -> ProcessModel:
    """Return the fractionator as an ODE with approximate dead times.

    MVs: top draw, side draw, bottoms reflux duty. DVs: intermediate and upper reflux duty. CVs:
    two end points and five temperatures. All are deviations without unit.

    Args:
        gain_errors: as in `elements`.
        delay_order: states per dead time.

    Raises:
        InputError: an error is out of range.
    """
    return from_transfer_matrix(
        "shell_fractionator", elements(gain_errors), INPUTS, OUTPUTS, DISTURBANCES, delay_order
    )


def shell_fractionator_sampled(
    gain_errors: Sequence[float] = NO_ERRORS, sample_time_s: float = MINUTE_S
) -> SampledPlant:
    """Return the fractionator in steps, with exact dead times.

    Args:
        gain_errors: as in `elements`.
        sample_time_s: must divide a minute [s].

    Raises:
        InputError: an error is out of range, or a dead time is no whole number of samples.
    """
    return sampled_transfer_matrix(
        "shell_fractionator",
        elements(gain_errors),
        INPUTS,
        OUTPUTS,
        DISTURBANCES,
        sample_time_s=sample_time_s,
    )
