"""The tree of a published problem's uncertain values, for this project's solver."""

from operator_agent.mpc.engine.formulation import Accuracy
from operator_agent.mpc.engine.limit_rows import LimitShape
from operator_agent.mpc.engine.transcription import Transcription
from operator_agent.mpc.published.control_problem import ControlProblem
from operator_agent.mpc.robust.tree import ScenarioTree
from operator_agent.mpc.robust.uncertainty import SlackPrice, Uncertain, Uncertainty
from operator_agent.mpc.variables import ControlVariables

# The closed loop of nine scenarios costs 3.4e-4 more than converged, with one iteration in nine
# cycles of ten. A mismatch of 1e-2 costs 5e-5 more, with two.
ROBUST = Accuracy(step=0.3, mismatch=0.1)


def published_tree(
    published: ControlProblem, grid: Transcription, variables: ControlVariables
) -> ScenarioTree:
    """Return the tree of all combinations, as published: uncertain in the first stage.

    A slack costs the same in every scenario, however improbable: so the peer that published the
    example counts it, and so the costs of both can be compared.

    Args:
        published: the problem.
        grid: of one scenario.
        variables: limits.
    """
    parameters = tuple(Uncertain(name, values) for name, values in published.uncertain)
    return ScenarioTree.of(
        grid.scaled,
        grid.horizon,
        LimitShape.of(variables),
        grid.formulation,
        Uncertainty(parameters, 1, SlackPrice.FULL),
    )
