"""The environment with a discrete choice from a catalogue of actions, for DQN."""

import gymnasium
import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.rl_supervisor.environment import Float32Array


class CatalogueEnv(gymnasium.ActionWrapper[Float32Array, np.int64, Float32Array]):
    """Turns the number of a row into the action of that row."""

    def __init__(
        self, env: gymnasium.Env[Float32Array, Float32Array], catalogue: FloatArray
    ) -> None:
        """Wrap an environment.

        Args:
            env: with a box of actions.
            catalogue: shape (n_choice, n_action); the first row is "no change".
        """
        super().__init__(env)
        self._catalogue = catalogue.astype(np.float32)
        self.action_space = gymnasium.spaces.Discrete(len(catalogue))

    def action(self, action: np.int64) -> Float32Array:
        """Return the catalogue's row."""
        row: Float32Array = self._catalogue[int(action)]
        return row
