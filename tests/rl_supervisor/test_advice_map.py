import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from operator_agent.errors import InputError
from operator_agent.messages import Advice, AdviceEnvelope
from operator_agent.rl_supervisor.advice_map import AdviceMap

ENVELOPE = AdviceEnvelope(
    weight_factor=(0.5, 2.0),
    target_biases={"t": 3.0, "s": 1.0},
    back_offs={"t": 4.0},
    n_pred=(6, 18),
    move_suppression_factor=(0.5, 3.0),
)
MAPPING = AdviceMap(
    ("bias:t", "back_off:t", "cut:s", "weight:t", "move_suppression", "bias:other"),
    (5.0, 5.0, 2.0, 4.0, 4.0, 1.0),
)


def test_zero_action_is_no_change() -> None:
    assert MAPPING.advice(np.zeros(6), 7, ENVELOPE) == Advice(cycle=7)


@given(action=arrays(np.float64, 6, elements=st.floats(-1.0, 1.0)))
def test_advice_lies_inside_the_envelope(action: np.ndarray) -> None:
    advice = MAPPING.advice(action, 1, ENVELOPE)
    assert all(abs(v) <= ENVELOPE.target_biases[cv] for cv, v in advice.target_biases.items())
    assert all(0.0 <= v <= ENVELOPE.back_offs[cv] for cv, v in advice.back_offs.items())
    assert all(0.5 <= v <= 2.0 for v in advice.weight_factors.values())
    assert 0.5 <= advice.move_suppression_factor <= 3.0
    assert advice.n_pred == 0


def test_each_kind_means_what_it_says() -> None:
    advice = MAPPING.advice(np.array([0.2, 0.4, -0.25, 0.5, 0.5, 1.0]), 1, ENVELOPE)
    assert dict(advice.target_biases) == pytest.approx({"t": 1.0, "s": 0.5})
    assert dict(advice.back_offs) == pytest.approx({"t": 2.0})
    assert dict(advice.weight_factors) == pytest.approx({"t": 2.0})
    assert advice.move_suppression_factor == pytest.approx(2.0)


def test_cvs_share_an_action() -> None:
    joined = AdviceMap(("cut:t+s",), (1.0,))
    assert dict(joined.advice(np.array([-0.5]), 1, ENVELOPE).target_biases) == {"t": 0.5, "s": 0.5}
    assert dict(joined.advice(np.array([0.5]), 1, ENVELOPE).back_offs) == {"t": 0.5}


def test_negative_back_off_is_none() -> None:
    assert AdviceMap(("back_off:t",), (2.0,)).advice(np.array([-1.0]), 1, ENVELOPE) == Advice(1)


@pytest.mark.parametrize(
    ("names", "spans"),
    [
        ((), ()),
        (("gain:t",), (1.0,)),
        (("bias",), (1.0,)),
        (("move_suppression:t",), (2.0,)),
        (("bias:t",), (0.0,)),
        (("weight:t",), (1.0,)),
        (("bias:t", "bias:t"), (1.0, 1.0)),
        (("bias:t",), (float("nan"),)),
    ],
)
def test_meaningless_maps_are_refused(names: tuple[str, ...], spans: tuple[float, ...]) -> None:
    with pytest.raises(InputError):
        AdviceMap(names, spans)


@pytest.mark.parametrize("action", [np.zeros(5), np.full(6, np.nan)])
def test_unusable_actions_are_refused(action: np.ndarray) -> None:
    with pytest.raises(InputError):
        MAPPING.advice(action, 1, ENVELOPE)
