"""The ethanol column of Ogunnaike and Ray with a side stream: three by three.

Source: Ogunnaike, Lemaire, Morari and Ray, "Advanced multivariable control of a pilot-plant
distillation column", AIChE J. 29 (1983) 632; Ogunnaike and Ray 1979; tuning by Luyben, Ind. Eng.
Chem. Process Des. Dev. 25 (1986) 654. The gain from the reboiler's steam pressure to the side
composition is -0.01: only it gives the published relative gains. Mole fractions of ethanol, degrees
Celsius, gallons per minute and psig as in the paper; times in seconds.
"""

from operator_agent.plant.generic.dead_time import DELAY_ORDER
from operator_agent.plant.generic.sampled_plant import SampledPlant
from operator_agent.plant.generic.transfer_function import first_order, second_order
from operator_agent.plant.generic.transfer_matrix import (
    Elements,
    from_transfer_matrix,
    sampled_transfer_matrix,
)
from operator_agent.plant.generic.variable import Variable
from operator_agent.plant.process_model import ProcessModel

MINUTE_S = 60.0
# (gain, lags, lead, dead time), times in minutes; columns: reflux flow, side stream flow, pressure
# of the reboiler's steam; then the disturbances: feed flow, feed temperature.
PARAMETERS = (
    (
        (0.66, (6.7,), 0.0, 2.6),
        (-0.61, (8.64,), 0.0, 3.5),
        (-0.0049, (9.06,), 0.0, 1.0),
        (0.14, (6.2,), 0.0, 12.0),
        (-0.0011, (7.85, 14.63), 26.32, 2.66),
    ),
    (
        (1.11, (3.25,), 0.0, 6.5),
        (-2.36, (5.0,), 0.0, 3.0),
        (-0.01, (7.09,), 0.0, 1.2),
        (0.53, (6.9,), 0.0, 10.5),
        (-0.0032, (7.29, 8.94), 19.62, 3.44),
    ),
    (
        (-34.68, (8.15,), 0.0, 9.2),
        (46.2, (10.9,), 0.0, 9.4),
        (0.87, (3.89, 18.8), 11.61, 1.0),
        (-11.54, (7.01,), 0.0, 0.6),
        (0.32, (7.76,), 0.0, 2.6),
    ),
)
BLT_GAINS = (1.51, -0.295, 2.63)
BLT_RESETS_MIN = (16.4, 18.0, 6.61)
INPUTS = (
    Variable("flow_vol_reflux", 0.18, 0.02),
    Variable("flow_vol_side", 0.046, 0.01),
    Variable("pressure_steam", 20.0, 2.0),
)
DISTURBANCES = (Variable("flow_vol_feed", 0.8, 0.1), Variable("temp_feed", 78.0, 5.0))
OUTPUTS = (
    Variable("fraction_overhead", 0.7, 0.02),
    Variable("fraction_side", 0.52, 0.02),
    Variable("temp_tray_19", 92.0, 1.0),
)


def elements() -> Elements:
    """Return the transfer matrix to the three inputs and the two disturbances."""
    rows = []
    for row in PARAMETERS:
        found = []
        for gain, lags, lead, late in row:
            late_s, seconds = MINUTE_S * late, [MINUTE_S * lag for lag in lags]
            if len(seconds) == 1:
                found.append(first_order(gain, seconds[0], late_s))
            else:
                pair = (seconds[0], seconds[1])
                found.append(second_order(gain, pair, MINUTE_S * lead, late_s))
        rows.append(tuple(found))
    return tuple(rows)


def ogunnaike_ray(delay_order: int = DELAY_ORDER) -> ProcessModel:
    """Return the column as an ODE with approximate dead times.

    MVs: reflux and side stream flow [gal/min], pressure of the reboiler's steam [psig]. DVs: feed
    flow [gal/min] and temperature [C]. CVs: ethanol in overhead and side stream [mol/mol], tray
    temperature [C].

    Args:
        delay_order: states per dead time.
    """
    return from_transfer_matrix(
        "ogunnaike_ray", elements(), INPUTS, OUTPUTS, DISTURBANCES, delay_order
    )


def ogunnaike_ray_sampled(sample_time_s: float = 1.2) -> SampledPlant:
    """Return the column in steps, with exact dead times.

    Args:
        sample_time_s: must divide 1.2 s, of which all dead times are multiples [s].

    Raises:
        InputError: a dead time is no whole number of samples.
    """
    return sampled_transfer_matrix(
        "ogunnaike_ray", elements(), INPUTS, OUTPUTS, DISTURBANCES, sample_time_s=sample_time_s
    )
