"""All that a simulator knows at one time, as a value that JSON can carry."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from operator_agent.errors import InputError
from operator_agent.plant.simulation.sensors import SensorState

_FORMAT = 2  # raised whenever the meaning of a key changes
_KEYS = frozenset(
    {"format", "case", "scenario", "model", "seed", "time_s", "x", "setpoints", "sensors"}
)
_SENSOR_KEYS = frozenset({"lagged", "last", "samples", "held"})


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of a simulator.

    What depends on time, seed and scenario only (weather, noise, drift) is not in it: that follows
    from the time.

    Attributes:
        case: key of the unit's case.
        scenario: fingerprint of what happens, see `fingerprint`.
        model: name of the plant's model.
        seed: of the run.
        time_s: since the start [s].
        x: states of the plant [SI].
        setpoints: by handle [SI].
        sensors: lags, samples and held readings.
    """

    case: str
    scenario: str
    model: str
    seed: int
    time_s: float
    x: tuple[float, ...]
    setpoints: Mapping[str, float]
    sensors: SensorState

    def to_dict(self) -> dict[str, Any]:
        """Return the snapshot as what JSON knows; numbers keep every digit."""
        return {
            "format": _FORMAT,
            "case": self.case,
            "scenario": self.scenario,
            "model": self.model,
            "seed": self.seed,
            "time_s": self.time_s,
            "x": list(self.x),
            "setpoints": dict(self.setpoints),
            "sensors": {
                "lagged": dict(self.sensors.lagged),
                "last": dict(self.sensors.last),
                "samples": {
                    name: [list(sample) for sample in taken]
                    for name, taken in self.sensors.samples.items()
                },
                "held": {str(place): value for place, value in self.sensors.held.items()},
            },
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Snapshot":
        """Return the snapshot that `to_dict` gave.

        Raises:
            InputError: a key is missing, unknown or of the wrong kind.
        """
        _check_keys("snapshot", values, _KEYS)
        _check_keys("snapshot.sensors", values["sensors"], _SENSOR_KEYS)
        if values["format"] != _FORMAT:
            raise InputError(
                f"snapshot has format {values['format']!r}; this program reads {_FORMAT}: make it "
                "anew"
            )
        sensors = values["sensors"]
        try:
            return cls(
                case=str(values["case"]),
                scenario=str(values["scenario"]),
                model=str(values["model"]),
                seed=int(values["seed"]),
                time_s=float(values["time_s"]),
                x=tuple(float(value) for value in values["x"]),
                setpoints=_numbers(values["setpoints"]),
                sensors=SensorState(
                    lagged=_numbers(sensors["lagged"]),
                    last=_numbers(sensors["last"]),
                    samples={
                        str(name): tuple((int(number), float(value)) for number, value in taken)
                        for name, taken in sensors["samples"].items()
                    },
                    held={int(key): float(held) for key, held in sensors["held"].items()},
                ),
            )
        except (TypeError, ValueError, AttributeError) as error:
            raise InputError(f"snapshot: a value is of the wrong kind: {error}") from error


def _check_keys(where: str, values: object, keys: frozenset[str]) -> None:
    if not isinstance(values, Mapping):
        raise InputError(f"{where}: expected a mapping of keys, found {values!r}")
    for key in sorted(keys ^ set(values)):
        what = "is missing" if key in keys else "is unknown"
        raise InputError(f"{where}: key '{key}' {what}; give what `Snapshot.to_dict` returned")


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    return {str(name): float(value) for name, value in values.items()}
