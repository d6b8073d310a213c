"""The grids and trees that one controller has made: a change of horizon makes none twice."""

from operator_agent.mpc.engine.condense import Horizon
from operator_agent.mpc.engine.formulation import Formulation
from operator_agent.mpc.engine.limit_rows import LimitShape
from operator_agent.mpc.engine.linearise import ScaledModel
from operator_agent.mpc.engine.transcription import Transcription
from operator_agent.mpc.robust.tree import ScenarioTree
from operator_agent.mpc.robust.uncertainty import Uncertainty

GridKey = tuple[Horizon, LimitShape, Formulation | None]


class Grids:
    """What has been made of one model; it grows as more is asked for."""

    def __init__(self, scaled: ScaledModel) -> None:
        """Take the model; nothing is made yet."""
        self._scaled = scaled
        self._grids: dict[GridKey, Transcription] = {}
        self._trees: dict[tuple[GridKey, Uncertainty], ScenarioTree] = {}

    def at(
        self, key: GridKey, uncertainty: Uncertainty | None
    ) -> tuple[Transcription, ScenarioTree | None]:
        """Return a grid, and the tree whose first path it is where something is uncertain.

        Args:
            key: horizon, which limits there are, formulation.
            uncertainty: of the model; None for none.

        Raises:
            InputError: an uncertain quantity is no disturbance of the model.
        """
        if uncertainty is None:
            if key not in self._grids:
                self._grids[key] = Transcription(self._scaled, *key)
            return self._grids[key], None
        if (key, uncertainty) not in self._trees:
            self._trees[key, uncertainty] = ScenarioTree.of(self._scaled, *key, uncertainty)
        tree = self._trees[key, uncertainty]
        return tree.grids[0], tree
