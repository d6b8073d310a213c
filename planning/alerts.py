"""Alerts: ranges that are reported when a plan leaves them, but that hold nothing back."""

from dataclasses import dataclass
from enum import Enum
from typing import Any

import pyomo.environ as pyo

from operator_agent.planning.blends import blend_quality
from operator_agent.planning.case import Alert, PlanningCase
from operator_agent.planning.flow_paths import flow_of, quality_of_path
from operator_agent.units import HOUR_S


class AlertState(Enum):
    """How a plan stands to an alert."""

    INSIDE = "ok"
    WARNING = "warning"
    ERROR = "error"
    UNKNOWN = "no value"


@dataclass(frozen=True, slots=True)
class AlertResult:
    """An alert in the plan.

    Attributes:
        alert: the range that is watched.
        value: where the plan stands [SI]; NaN for the quality of what is not made.
    """

    alert: Alert
    value: float

    @property
    def state(self) -> AlertState:
        """Whether the plan stays inside, or which bound it has crossed."""
        alert = self.alert
        if self.value != self.value:
            return AlertState.UNKNOWN
        if self._beyond(alert.error_below, alert.error_above):
            return AlertState.ERROR
        if self._beyond(alert.warn_below, alert.warn_above):
            return AlertState.WARNING
        return AlertState.INSIDE

    def _beyond(self, low: float | None, high: float | None) -> bool:
        return (low is not None and self.value < low) or (high is not None and self.value > high)


def read_alerts(model: Any, case: PlanningCase) -> tuple[AlertResult, ...]:
    """Return all alerts at the values of an exact model."""
    return tuple(AlertResult(alert, _value(model, case, alert)) for alert in case.alerts)


def _value(model: Any, case: PlanningCase, alert: Alert) -> float:
    name = quality_of_path(alert.of)
    if not name:
        return float(pyo.value(flow_of(model, case, alert.of))) / HOUR_S
    blend = case.specified(alert.of.split(".")[1])
    spec = next(spec for spec in blend.specs if spec.quality.name == name)
    return blend_quality(model, blend, spec)
