"""The baseline that a learned policy must beat beside "no change": a rule of one line."""

from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.rl_supervisor.advice_map import AdviceMap, parts_of
from operator_agent.rl_supervisor.observation import NOISE_SHARE, ObservationLayout, span_of
from operator_agent.site import Site


@dataclass(frozen=True, slots=True)
class BackOffRule:
    """Back off from quality limits by a factor times the excess standard deviation.

    back_off = factor max(sigma - noise, 0), with sigma over the observation's window

    Of several CVs that share one action the most restless counts.

    Attributes:
        factor: back-off per standard deviation [1].
        sources: of each action, the CVs as (place of `spread:CV` in the observation, standard
            deviation at a spread of zero [SI], measurement noise [SI]); empty for an action that
            the rule leaves alone.
        spans: of the actions [SI], shape (n_action,).
    """

    factor: float
    sources: tuple[tuple[tuple[int, float, float], ...], ...]
    spans: tuple[float, ...]

    def act(self, observation: FloatArray) -> FloatArray:
        """Return the action, shape (n_action,)."""
        action = np.zeros(len(self.spans))
        for i, sources in enumerate(self.sources):
            excess = [unit * 10.0 ** float(observation[k]) - noise for k, unit, noise in sources]
            wanted = self.factor * max([0.0, *excess]) / self.spans[i]
            action[i] = min(wanted, 1.0)
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
    tags = {tag.variable: tag for tag in site.cvs}
    sources: list[tuple[tuple[int, float, float], ...]] = []
    for name in advice_map.names:
        kind, cvs = parts_of(name)
        cvs = cvs if kind in ("back_off", "cut") else ()
        found = [
            (layout.names.index(f"spread:{cv}"), NOISE_SHARE * span_of(tags[cv]), tags[cv].noise)
            for cv in cvs
        ]
        sources.append(tuple(found))
    if not any(sources):
        raise InputError("the rule needs an action back_off:CV or cut:CV")
    return BackOffRule(factor, tuple(sources), advice_map.spans)
