"""What is refused of users' linear and sampled plants, each in one sentence."""

import math

import numpy as np
import pytest

from operator_agent.errors import InputError
from operator_agent.plant.generic.gains import relative_gains
from operator_agent.plant.generic.sampled_plant import delayed_plant
from operator_agent.plant.generic.state_space import from_state_space, sampled_state_space
from operator_agent.plant.generic.transfer_function import (
    TransferFunction,
    first_order,
    oscillating,
)
from operator_agent.plant.generic.transfer_matrix import (
    first_order_matrix,
    from_transfer_matrix,
    sampled_transfer_matrix,
)
from operator_agent.plant.generic.variable import Variable

from .generic_bench import column, heater


def ss(**changes):
    given = {
        "a": [[-1.0]],
        "b": [[1.0]],
        "c": [[1.0]],
        "inputs": ["u"],
        "outputs": ["y"],
    } | changes
    return from_state_space("plant", **given)


def tm(elements, **changes):
    given = {"inputs": ["u"], "outputs": ["y"]} | changes
    return from_transfer_matrix("plant", elements, **given)


BAD = (
    ("A has shape \\(1, 2\\), needs \\(1, 1\\)", lambda: ss(a=[[1.0, 2.0]])),
    ("B has shape \\(1, 1\\), needs \\(1, 2\\)", lambda: ss(inputs=["u", "w"])),
    ("C\\[0, 0\\] is nan; every entry must be finite", lambda: ss(c=[[float("nan")]])),
    ("A has shape \\(1,\\); give a matrix", lambda: ss(a=[1.0])),
    ("A: no array of numbers", lambda: ss(a=[["a"]])),
    ("D has shape", lambda: ss(d=[[1.0], [2.0]])),
    ("name 'y' comes twice", lambda: ss(outputs=["y", "y"])),
    ("'u' is an input and a disturbance", lambda: ss(disturbances=["u"], b=[[1.0, 1.0]])),
    ("there is no input", lambda: ss(inputs=[], b=np.zeros((1, 0)))),
    ("there is no output", lambda: ss(outputs=[], c=np.zeros((0, 1)))),
    ("expected a Variable or a name, found 3", lambda: ss(inputs=[3])),
    ("give a list of names, not the text 'u'", lambda: ss(inputs="u")),
    ("is not causal: the numerator", lambda: TransferFunction((1.0, 1.0), (1.0,))),
    ("first coefficient is zero", lambda: TransferFunction((1.0,), (0.0, 1.0))),
    ("a coefficient is not finite", lambda: TransferFunction((math.inf,), (1.0,))),
    ("need coefficients", lambda: TransferFunction((), (1.0,))),
    ("dead time -1.0 s must be finite and not negative", lambda: first_order(1.0, 1.0, -1.0)),
    ("time constant -5.0 s .* unstable element is written", lambda: first_order(1.0, -5.0)),
    ("period 0.0 s", lambda: oscillating(1.0, 0.0, 0.5)),
    ("damping 0.0 must be", lambda: oscillating(1.0, 1.0, 0.0)),
    ("has 2 rows for 1 outputs", lambda: tm([[None], [None]])),
    ("row 0 .* has 2 elements for 1 inputs", lambda: tm([[None, None]])),
    ("element \\[0, 0\\] is 3.0", lambda: tm([[3.0]])),
    ("order 0 of a dead time", lambda: tm([[first_order(1.0, 1.0, 1.0)]], delay_order=0)),
    (
        "gains: no array of numbers .*give rows of equal length",
        lambda: first_order_matrix([[1.0, 2.0], [1.0]], [[1.0]], [[0.0]]),
    ),
    (
        "dead times: no array of numbers",
        lambda: first_order_matrix([[1.0]], [[1.0]], [["late"]]),
    ),
    ("relative gains: no array of numbers", lambda: relative_gains([[1.0, 2.0], [3.0]])),
    (
        "dead times have shape \\(1, 1\\)",
        lambda: first_order_matrix([[1.0, 2.0]], [[1.0, 1.0]], [[0.0]]),
    ),
    (
        "\\[0, 1\\]: time constant 0.0 s",
        lambda: first_order_matrix([[1.0, 2.0]], [[1.0, 0.0]], [[0.0, 0.0]]),
    ),
    (
        "dead time from u 90 s is no multiple of the sample time 60 s; the nearest is 120 s",
        lambda: sampled_transfer_matrix(
            "plant", [[first_order(1.0, 1.0, 90.0)]], ["u"], ["y"], sample_time_s=60.0
        ),
    ),
    (
        "sample time 0.0 s must be above zero",
        lambda: sampled_state_space("p", [[0.0]], [[1.0]], [[1.0]], 0.0, ["u"], ["y"]),
    ),
    ("nominal value inf is not finite", lambda: Variable("u", math.inf)),
    ("span 0.0 must be a finite number above zero", lambda: Variable("u", 0.0, 0.0)),
    ("a variable needs a name", lambda: Variable(" ")),
    ("a dead time is given for input 'dutie'", lambda: delayed_plant(heater(), 1.0, {"dutie": 1})),
    ("for output 'tempo'", lambda: delayed_plant(heater(), 1.0, {}, {"tempo": 1.0})),
    ("no input 'flow'; there is: reflux, steam", lambda: column().write("flow", 1.0)),
    ("input reflux is nan", lambda: column().write("reflux", math.nan)),
    ("no disturbance 'feed'; there is: none", lambda: column().disturb("feed", 1.0)),
    ("duration 90 s is no multiple", lambda: column().advance(90.0)),
    ("cannot advance by 0.0 s", lambda: column().advance(0.0)),
    ("it is of another plant", lambda: column().restore(delayed_plant(heater(), 1.0).snapshot())),
)


@pytest.mark.parametrize(("text", "call"), BAD, ids=[text for text, _ in BAD])
def test_bad_input_is_refused_in_one_sentence(text, call) -> None:
    with pytest.raises(InputError, match=text):
        call()
