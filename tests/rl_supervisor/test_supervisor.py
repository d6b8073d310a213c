from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from operator_agent.errors import InputError
from operator_agent.messages import Advice, AdviceEnvelope, EconomicTargets
from operator_agent.mpc.scan import Scan
from operator_agent.rl_supervisor.observation import Observer
from operator_agent.rl_supervisor.policy_file import Policy
from operator_agent.rl_supervisor.supervisor import Supervisor
from operator_agent.site import Site

from .conftest import calm_scan

ACTIONS = ("back_off:temp_tbp95_lgo", "move_suppression")
RESULT: Any = SimpleNamespace(target=None)  # the only part of a cycle's result that is read


@pytest.fixture
def policy(site: Site) -> Policy:
    """Always backs off by half its span, whatever it sees."""
    layout = Observer(site, ACTIONS, ("temp_tbp95_kerosene",)).layout
    return Policy(
        observation_names=layout.names,
        observation_centre=layout.centre,
        observation_span=layout.span,
        action_names=ACTIONS,
        action_spans=(4.0, 2.0),
        layers=((np.zeros((2, layout.n_obs), np.float32), np.array([0.5, 0.0], np.float32)),),
    )


def scans(site: Site, n: int) -> list[Scan]:
    rng = np.random.default_rng(0)
    values = [calm_scan(site, rng) for _ in range(n)]
    return [Scan(v.y, v.u_readback, v.d) for v in values]


def test_decides_every_interval_and_is_silent_between(
    policy: Policy, site: Site, envelope: AdviceEnvelope, targets: EconomicTargets
) -> None:
    supervisor = Supervisor(policy, envelope, site)
    given = [
        supervisor.advise(cycle, scan, RESULT, targets)
        for cycle, scan in enumerate(scans(site, 60), 1)
    ]
    assert [advice.cycle for advice in given if advice is not None] == [15, 30, 45, 60]
    assert given[29] == Advice(30, back_offs={"temp_tbp95_lgo": 2.0})
    assert supervisor.reason == ""


def test_bad_readings_withdraw_the_advice_and_the_reason_names_them(
    policy: Policy, site: Site, envelope: AdviceEnvelope, targets: EconomicTargets
) -> None:
    supervisor = Supervisor(policy, envelope, site)
    last = None
    for cycle, scan in enumerate(scans(site, 60), 1):
        y = scan.y.copy()
        if cycle > 30:
            y[2] = np.nan
        last = supervisor.advise(cycle, replace(scan, y=y), RESULT, targets) or last
    assert last == Advice(60)
    assert "margin:temp_tbp95_lgo" in supervisor.reason


def test_without_a_plan_there_is_no_advice(
    policy: Policy, site: Site, envelope: AdviceEnvelope
) -> None:
    supervisor = Supervisor(policy, envelope, site)
    given = [supervisor.advise(c, s, RESULT, None) for c, s in enumerate(scans(site, 30), 1)]
    assert given[29] == Advice(30)
    assert "targets" in supervisor.reason


def test_policy_of_another_observation_is_refused(
    policy: Policy, site: Site, envelope: AdviceEnvelope
) -> None:
    other = replace(policy, observation_span=tuple(2.0 * s for s in policy.observation_span))
    with pytest.raises(InputError, match=r"trained for another observation.*margin:"):
        Supervisor(other, envelope, site)
    fewer = tuple(tag for tag in site.tags if tag.variable != "temp_tbp95_naphtha")
    with pytest.raises(InputError, match=r"margin:temp_tbp95_naphtha"):
        Supervisor(policy, envelope, replace(site, tags=fewer))
