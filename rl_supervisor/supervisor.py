"""The supervisor in the control loop: every k-th cycle from scans to advice, with numpy alone."""

import logging

import numpy as np

from operator_agent.errors import InputError
from operator_agent.messages import Advice, AdviceEnvelope, EconomicTargets
from operator_agent.mpc.controller import CycleResult
from operator_agent.mpc.scan import Scan
from operator_agent.rl_supervisor.advice_map import AdviceMap
from operator_agent.rl_supervisor.observation import Observer
from operator_agent.rl_supervisor.policy_file import Policy
from operator_agent.site import Site

LOG = logging.getLogger(__name__)


class Supervisor:
    """Asks a policy for advice at fixed intervals.

    Attributes:
        reason: why the last decision was "no change"; empty when the policy decided.
    """

    def __init__(self, policy: Policy, envelope: AdviceEnvelope, site: Site) -> None:
        """Check that the policy was trained for this site's observation and action.

        Args:
            policy: as loaded.
            envelope: signed bounds of the advice; the MPC cuts to them once more.
            site: tag list, sample times and limits.

        Raises:
            InputError: names or scales of the observation differ from those of the training.
        """
        self._policy = policy
        self._envelope = envelope
        self._map = AdviceMap(policy.action_names, policy.action_spans)
        self._observer = observer_of(policy, site)
        self._every = round(site.sample_times.supervisor_s / site.sample_times.control_s)
        self._history = self._observer.start()
        self.reason = ""

    def advise(
        self, cycle: int, scan: Scan, result: CycleResult, targets: EconomicTargets | None
    ) -> Advice | None:
        """Take in a scan; return new advice every k-th cycle, None between.

        Without enough good readings or without targets the advice is "no change" and `reason`
        says why: old advice must not outlive what it rested on.

        Args:
            cycle: number of the control cycle.
            scan: of this cycle.
            result: of the controller for this scan.
            targets: that are tracked; None before the first plan.
        """
        self._history = self._observer.after_scan(self._history, scan)
        if cycle % self._every:
            return None
        action = np.zeros(self._map.n_action)
        self.reason = "there are no economic targets yet" if targets is None else ""
        if targets is not None:
            observation = self._observer.observe(self._history, scan, result.target, targets)
            bad = np.flatnonzero(~np.isfinite(observation))
            if bad.size:
                names = ", ".join(self._observer.layout.names[i] for i in bad)
                self.reason = f"too few good readings for {names}"
            else:
                action = self._policy.act(observation)
        if self.reason:
            LOG.info("cycle %d: no advice: %s", cycle, self.reason)
        self._history = self._observer.after_action(self._history, action)
        return self._map.advice(action, cycle, self._envelope)


def observer_of(policy: Policy, site: Site) -> Observer:
    """Return the observer that gives a policy what it was trained on.

    Raises:
        InputError: names or scales differ; the message names them.
    """
    targets = tuple(
        name.removeprefix("error:")
        for name in policy.observation_names
        if name.startswith("error:")
    )
    observer = Observer(site, policy.action_names, targets)
    layout = observer.layout
    trained = zip(
        policy.observation_names, policy.observation_centre, policy.observation_span, strict=True
    )
    here = zip(layout.names, layout.centre, layout.span, strict=True)
    different = set(trained) ^ set(here)
    if different or policy.observation_names != layout.names:
        names = ", ".join(sorted({name for name, _, _ in different})) or "their order"
        raise InputError(
            f"the policy was trained for another observation than site {site.name} gives "
            f"({names}); train it again for this site"
        )
    return observer
