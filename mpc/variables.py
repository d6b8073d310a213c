"""The limits of one controller as arrays in the order of its model: operator, hard and soft."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.plant.process_model import ProcessModel
from operator_agent.site import Site, Tag

BoolArray = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


@dataclass(frozen=True, slots=True)
class ControlVariables:
    """Names and limits of MVs and CVs; an open side is infinite.

    Attributes:
        mv_names, cv_names, dv_names: in the order of the model's u, y and d.
        mv_low, mv_high: operator limits, shape (n_u,) [SI].
        mv_rate: largest change per second, shape (n_u,) [SI/s].
        cv_hard_low, cv_hard_high: to be kept before everything else, shape (n_y,) [SI].
        cv_soft_low, cv_soft_high: may be broken at a price, shape (n_y,) [SI]; inside the hard.
        cv_noise: standard deviation of the measurement, shape (n_y,) [SI]; zero where unknown.
        mv_critical: without a read-back of these, or with one of them held, there is no move.
        cv_critical: without a good reading of these for longer than is allowed there is no move.
    """

    mv_names: tuple[str, ...]
    cv_names: tuple[str, ...]
    dv_names: tuple[str, ...]
    mv_low: FloatArray
    mv_high: FloatArray
    mv_rate: FloatArray
    cv_hard_low: FloatArray
    cv_hard_high: FloatArray
    cv_soft_low: FloatArray
    cv_soft_high: FloatArray
    cv_noise: FloatArray
    mv_critical: BoolArray
    cv_critical: BoolArray

    def __post_init__(self) -> None:
        """Refuse wrong shapes and NaN; bring the soft limits inside the hard ones."""
        for size, names in (
            (len(self.mv_names), ("mv_low", "mv_high", "mv_rate", "mv_critical")),
            (
                len(self.cv_names),
                ("cv_hard_low", "cv_hard_high", "cv_soft_low", "cv_soft_high", "cv_noise",
                 "cv_critical"),
            ),
        ):  # fmt: skip
            for name in names:
                array = getattr(self, name)
                if array.shape != (size,) or bool(np.any(np.isnan(array.astype(np.float64)))):
                    raise InputError(f"{name} needs {size} numbers, one for each name: {array}")
        for name in ("cv_soft_low", "cv_soft_high"):
            inside = np.minimum(
                np.maximum(getattr(self, name), self.cv_hard_low), self.cv_hard_high
            )
            object.__setattr__(self, name, inside)

    def with_mv_limits(
        self, low: Mapping[str, float], high: Mapping[str, float]
    ) -> "ControlVariables":
        """Return these variables with other operator limits of the named MVs [SI].

        Raises:
            InputError: a name is not an MV.
        """
        new_low, new_high = self.mv_low.copy(), self.mv_high.copy()
        for array, values in ((new_low, low), (new_high, high)):
            for name, value in values.items():
                if name not in self.mv_names:
                    raise InputError(f"'{name}' is not an MV; MVs are {', '.join(self.mv_names)}")
                array[self.mv_names.index(name)] = value
        return replace(self, mv_low=new_low, mv_high=new_high)

    def with_margin(self, margin: FloatArray) -> "ControlVariables":
        """Return these variables with a soft limit drawn inside each hard one.

        Args:
            margin: distance from the hard limit, shape (n_y,) [SI]; never more than half of a
                range that is limited on both sides.
        """
        kept = np.clip(0.5 * (self.cv_hard_high - self.cv_hard_low), 0.0, margin)
        low, high = self.cv_hard_low + kept, self.cv_hard_high - kept
        return replace(
            self,
            cv_soft_low=np.minimum(np.maximum(self.cv_soft_low, low), high),
            cv_soft_high=np.minimum(np.maximum(self.cv_soft_high, low), high),
        )


def variables_from_site(site: Site, model: ProcessModel) -> ControlVariables:
    """Return the limits of a site's tags in the order of a model.

    A CV's operator limits are its hard limits. A CV of the model that has no tag is refused, as is
    an MV; a tag whose variable the model does not know is none of this controller's.

    Raises:
        InputError: the model has a variable without a tag of its role.
    """
    mvs = _tags_of(model.u_names, site.mvs, site, "MV")
    cvs = _tags_of(model.y_names, site.cvs, site, "CV")
    return ControlVariables(
        mv_names=model.u_names,
        cv_names=model.y_names,
        dv_names=model.d_names,
        mv_low=_column([tag.operator.low for tag in mvs]),
        mv_high=_column([tag.operator.high for tag in mvs]),
        mv_rate=_column([tag.rate for tag in mvs]),
        cv_hard_low=_column([tag.operator.low for tag in cvs]),
        cv_hard_high=_column([tag.operator.high for tag in cvs]),
        cv_soft_low=_column([tag.soft.low for tag in cvs]),
        cv_soft_high=_column([tag.soft.high for tag in cvs]),
        cv_noise=_column([tag.noise for tag in cvs]),
        mv_critical=np.array([tag.critical for tag in mvs], dtype=np.bool_),
        cv_critical=np.array([tag.critical for tag in cvs], dtype=np.bool_),
    )


def _tags_of(names: tuple[str, ...], tags: tuple[Tag, ...], site: Site, role: str) -> list[Tag]:
    by_variable = {tag.variable: tag for tag in tags}
    missing = [name for name in names if name not in by_variable]
    if missing:
        raise InputError(
            f"site {site.name} has no {role} tag for {', '.join(missing)}; add the tag or take a "
            "model without this variable"
        )
    return [by_variable[name] for name in names]


def _column(values: list[float]) -> FloatArray:
    return np.array(values, dtype=np.float64)
