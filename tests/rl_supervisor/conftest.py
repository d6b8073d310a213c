"""The demonstration site and scans around a calm operating point."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from operator_agent.arrays import FloatArray
from operator_agent.messages import AdviceEnvelope, EconomicTargets
from operator_agent.rl_supervisor.observation import span_of
from operator_agent.runtime.site_file import load_site
from operator_agent.site import Site

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Values:
    """A scan as the observer reads it."""

    y: FloatArray
    u_readback: FloatArray
    d: FloatArray


@pytest.fixture(scope="session")
def site() -> Site:
    return load_site(ROOT / "cases" / "sites" / "crude_unit.yaml")


@pytest.fixture(scope="session")
def targets() -> EconomicTargets:
    return EconomicTargets(
        case="test",
        created_s=0.0,
        slate={"arabian_light": 0.6, "maya": 0.4},
        flow_vol_feed=0.18,
        targets={"temp_tbp95_kerosene": 520.0},
        stream_prices={
            "feed": 420.0, "naphtha": 500.0, "kerosene": 560.0, "lgo": 540.0, "hgo": 450.0,
            "residue": 330.0,
        },
        energy_price=8e-9,
        steam_price=0.03,
    )  # fmt: skip


@pytest.fixture(scope="session")
def envelope() -> AdviceEnvelope:
    names = ("temp_tbp95_naphtha", "temp_tbp95_kerosene", "temp_tbp95_lgo", "temp_tbp95_hgo")
    return AdviceEnvelope(
        weight_factor=(0.3, 3.0),
        target_biases=dict.fromkeys(names, 3.0),
        back_offs=dict.fromkeys(names, 4.0),
        n_pred=(6, 18),
        move_suppression_factor=(0.5, 3.0),
    )


def calm_scan(site: Site, rng: np.random.Generator) -> Values:
    """Return a scan one span inside every limit, with a noise of 0.8 K."""
    y = []
    for tag in site.cvs:
        low = max(tag.soft.low, tag.operator.low)
        high = min(tag.soft.high, tag.operator.high)
        span = span_of(tag)
        middle = high - span if np.isfinite(high) else low + span
        y.append(middle + 0.16 * span * rng.normal())
    d = [0.6, 0.4, 0.0, 0.0, 510.0]
    u = [0.5 * (tag.operator.low + tag.operator.high) for tag in site.mvs]
    u[0] = 0.18
    return Values(np.array(y), np.array(u), np.array(d))
