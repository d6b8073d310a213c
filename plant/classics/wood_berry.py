"""The methanol column of Wood and Berry: two compositions, two flows, dead times.

Source: Wood and Berry, "Terminal composition control of a binary distillation column", Chem.
Eng. Sci. 28 (1973) 1707; tuning by Luyben, "Simple method for tuning SISO controllers in
multivariable systems", Ind. Eng. Chem. Process Des. Dev. 25 (1986) 654. Weight per cent of
methanol and lb/min as in the paper; times in seconds.
"""

import numpy as np

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
GAINS = ((12.8, -18.9, 3.8), (6.6, -19.4, 4.9))  # to reflux, steam, feed [wt% per lb/min]
TIMES_MIN = ((16.7, 21.0, 14.9), (10.9, 14.4, 13.2))
DEAD_TIMES_MIN = ((1.0, 3.0, 8.1), (7.0, 3.0, 3.4))
BLT_GAINS = (0.375, -0.075)  # [lb/min per wt%]
BLT_RESETS_MIN = (8.29, 23.6)
INPUTS = (Variable("flow_reflux", 1.95, 0.2), Variable("flow_steam", 1.71, 0.2))
DISTURBANCES = (Variable("flow_feed", 2.45, 0.3),)
OUTPUTS = (Variable("percent_distillate", 96.0, 1.0), Variable("percent_bottoms", 0.5, 1.0))


def elements() -> Elements:
    """Return the transfer matrix to reflux, steam and feed."""
    times, late = (MINUTE_S * np.array(minutes) for minutes in (TIMES_MIN, DEAD_TIMES_MIN))
    return first_order_matrix(GAINS, times, late)


def wood_berry(delay_order: int = DELAY_ORDER) -> ProcessModel:
    """Return the column as an ODE with approximate dead times.

    MVs: reflux and steam [lb/min]. DV: feed [lb/min]. CVs: methanol in distillate and bottoms
    [wt%].

    Args:
        delay_order: states per dead time.
    """
    return from_transfer_matrix(
        "wood_berry", elements(), INPUTS, OUTPUTS, DISTURBANCES, delay_order
    )


def wood_berry_sampled(sample_time_s: float = 6.0) -> SampledPlant:
    """Return the column in steps, with exact dead times.

    Args:
        sample_time_s: must divide 6 s, of which all dead times are multiples [s].

    Raises:
        InputError: a dead time is no whole number of samples.
    """
    return sampled_transfer_matrix(
        "wood_berry", elements(), INPUTS, OUTPUTS, DISTURBANCES, sample_time_s=sample_time_s
    )
