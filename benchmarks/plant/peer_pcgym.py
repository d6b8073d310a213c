"""pcgym's environment on a model of this project; runs in pcgym's own environment.

Reads one request from standard input (JSON: a serialised CasADi function `(x, u) -> dx/dt`, start,
inputs, their bounds, step, integration method, repeats) and writes CPU seconds and the end to
standard output. Imports nothing of this project, which its environment does not have.
"""

import json
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import casadi as ca
import numpy as np
from pcgym import make_env


@dataclass
class GivenModel:
    """A model as pcgym takes it from a user."""

    function: ca.Function
    states: list[str]
    inputs: list[str]
    int_method: str = "casadi"
    parameters: dict[str, float] = field(default_factory=dict)

    def __call__(self, x: Any, u: Any) -> list[Any]:
        """Return the rates."""
        return ca.vertsplit(self.function(x, u))

    def info(self) -> dict[str, Any]:
        """Return what pcgym asks of a model."""
        return {
            "parameters": self.parameters,
            "states": self.states,
            "inputs": self.inputs,
            "disturbances": [],
            "uncertainties": [],
        }

    def __deepcopy__(self, memo: dict[int, Any]) -> "GivenModel":
        """Return itself: pcgym copies its parameters, and a CasADi function cannot be copied."""
        return self


def environment(asked: dict[str, Any]) -> Any:
    """Return pcgym's environment without scaling, noise, constraints and reward."""
    start = np.array(asked["start"])
    low, high = np.array(asked["low"]), np.array(asked["high"])
    names = [f"x{i}" for i in range(len(start))]
    steps = len(asked["inputs"])
    # pcgym ends an episode one step before N, and appends set points to the state.
    parameters = {
        "N": steps + 2,
        "tsim": asked["step_s"] * (steps + 2),
        "SP": {names[0]: [0.0] * (steps + 2)},
        "x0": np.concatenate([start, [0.0]]),
        "a_space": {"low": low, "high": high},
        "o_space": {"low": np.full(len(start) + 1, -1e9), "high": np.full(len(start) + 1, 1e9)},
        "normalise_a": False,
        "normalise_o": False,
        "integration_method": "casadi",
        "custom_model": GivenModel(
            ca.Function.deserialize(asked["function"]), names, [f"u{i}" for i in range(len(low))]
        ),
    }
    return make_env(parameters)


def main() -> None:
    """Answer one request."""
    asked = json.load(sys.stdin)
    env = environment(asked)
    inputs = np.array(asked["inputs"])
    times = []
    for _ in range(asked["repeats"] + 1):
        env.reset()
        began_s = time.process_time()
        for u in inputs:
            env.step(u)
        times.append(time.process_time() - began_s)
    end = np.asarray(env.state, dtype=float)[: len(asked["start"])]
    json.dump({"cpu_s": float(np.median(times[1:])), "end": end.tolist()}, sys.stdout)


if __name__ == "__main__":
    main()
