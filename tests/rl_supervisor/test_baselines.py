import numpy as np
import pytest

from operator_agent.errors import InputError
from operator_agent.rl_supervisor.advice_map import AdviceMap
from operator_agent.rl_supervisor.baselines import back_off_rule
from operator_agent.rl_supervisor.observation import Observer
from operator_agent.site import Site

MAP = AdviceMap(("move_suppression", "cut:temp_tbp95_lgo+temp_tbp95_hgo"), (2.0, 4.0))


def test_rule_backs_off_by_the_excess_of_the_most_restless_cv(site: Site) -> None:
    layout = Observer(site, MAP.names, ()).layout
    noise = {tag.variable: tag.noise for tag in site.cvs}
    observation = np.zeros(layout.n_obs)
    for cv, sigma in (("temp_tbp95_lgo", 3.0), ("temp_tbp95_hgo", noise["temp_tbp95_hgo"])):
        observation[layout.names.index(f"spread:{cv}")] = np.log10(sigma / 0.5)
    action = back_off_rule(0.5, layout, MAP, site).act(observation)
    assert action[0] == 0.0
    assert action[1] == pytest.approx(0.5 * (3.0 - noise["temp_tbp95_lgo"]) / 4.0)


def test_rule_leaves_a_calm_plant_alone_and_stays_in_range(site: Site) -> None:
    layout = Observer(site, MAP.names, ()).layout
    calm = np.full(layout.n_obs, -1.0)
    assert not back_off_rule(1.0, layout, MAP, site).act(calm).any()
    assert back_off_rule(9.0, layout, MAP, site).act(np.full(layout.n_obs, 5.0)).max() == 1.0


def test_rule_without_back_off_is_refused(site: Site) -> None:
    mapping = AdviceMap(("move_suppression",), (2.0,))
    layout = Observer(site, mapping.names, ()).layout
    with pytest.raises(InputError, match="back_off"):
        back_off_rule(1.0, layout, mapping, site)
