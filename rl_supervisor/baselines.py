"""The baseline that a learned policy must beat beside "no change": a rule of one line."""

from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.rl_supervisor.advice_map import AdviceMap
from operator_agent.rl_supervisor.observation import ObservationLayout
from operator_agent.site import Site


@dataclass(frozen=True, slots=True)
class BackOffRule:
    """Back off from each quality limit by a factor times the excess standard deviation.

    back_off = factor (sigma - noise), with sigma over the observation's window

    Attributes:
        factor: back-off per standard deviation [1].
        spread_index: place of each action's `spread:CV` in the observation; -1 for an action that
            the rule leaves alone, shape (n_action,).
        noises: measurement noise of each action's CV [SI], shape (n_action,).
        spans: of the actions [SI], shape (n_action,).
    """

    factor: float
    spread_index: tuple[int, ...]
    noises: tuple[float, ...]
    spans: tuple[float, ...]

    def act(self, observation: FloatArray) -> FloatArray:
        """Return the action, shape (n_action,)."""
        action = np.zeros(len(self.spans))
        for i, index in enumerate(self.spread_index):
            if index >= 0:
                excess = max(10.0 ** float(observation[index]) - 1.0, 0.0)
                action[i] = min(self.factor * excess * self.noises[i] / self.spans[i], 1.0)
        return action


def back_off_rule(
    factor: float, layout: ObservationLayout, advice_map: AdviceMap, site: Site
) -> BackOffRule:
    """Return the rule for the back-off actions (`back_off:CV`, `cut:CV`) of a map.

    Args:
        factor: back-off per standard deviation [1].
        layout: of the observation.
        advice_map: of the action.
        site: for the measurement noise.

    Raises:
        InputError: the map has no back-off, so the rule has nothing to do.
    """
    noise = {tag.variable: tag.noise for tag in site.cvs}
    places: list[int] = []
    noises: list[float] = []
    for name in advice_map.names:
        kind, _, cv = name.partition(":")
        backs_off = kind in ("back_off", "cut")
        places.append(layout.names.index(f"spread:{cv}") if backs_off else -1)
        noises.append(noise[cv] if backs_off else 0.0)
    if max(places) < 0:
        raise InputError("the rule needs an action back_off:CV or cut:CV")
    return BackOffRule(factor, tuple(places), tuple(noises), advice_map.spans)
