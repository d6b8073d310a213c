"""This project's controller, as `make_controller` gives it, as an actor of tracking cases."""

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.mpc.controller import Controller, ControllerState
from operator_agent.mpc.generic.controller import wanted
from operator_agent.mpc.published.tracking_case import Named
from operator_agent.mpc.scan import Scan


class MadeControl:
    """A controller in one loop. It has seen nothing yet."""

    def __init__(
        self,
        name: str,
        controller: Controller,
        prices: Named,
        measured: tuple[int, ...] = (),
        reading_age_s: float = 0.0,
    ) -> None:
        """Take the controller.

        Args:
            name: of the row.
            controller: that is scored.
            prices: given each cycle.
            measured: places of the disturbances that it measures; the others stay nominal.
            reading_age_s: how old the readings of the outputs are when they are read [s].
        """
        self.name, self.period_s = name, controller.cycle_s
        self._controller, self._prices = controller, prices
        self._measured, self._age_s = list(measured), reading_age_s
        self._state: ControllerState | None = None

    def act(self, y: FloatArray, u: FloatArray, setpoints: Named, d: FloatArray) -> FloatArray:
        """Return the accepted move; see `Actor`."""
        controller = self._controller
        seen = controller.model.d_nominal[: d.size].copy()
        seen[self._measured] = d[self._measured]
        scan = Scan(y, u, seen, y_age_s=np.full(y.size, self._age_s))
        self._state = self._state or controller.start(scan)
        result, self._state = controller.step(
            self._state, scan, wanted(setpoints, self._prices), None
        )
        return np.array(result.outcome.move)
