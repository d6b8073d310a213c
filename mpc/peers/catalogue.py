"""The engines of the comparison, by name."""

from operator_agent.errors import InputError
from operator_agent.mpc.peers.do_mpc_engine import TIGHT, DoMpcEngine
from operator_agent.mpc.peers.engine import Engine
from operator_agent.mpc.peers.nlp_engine import NlpEngine
from operator_agent.mpc.peers.own_engine import OwnEngine

FATROP_TOLERANCE = 1e-10  # converged: the nominal reactor's cost agrees with IPOPT's to 1e-7
RECOVERY_PRICE = 1e6  # per scale: above what any published cost can gain by leaving a limit
OWN_TOLERANCE = 1e-6  # scaled step and optimality

DO_MPC = DoMpcEngine("do_mpc", "do-mpc with the settings of its examples: IPOPT, MUMPS", None)
DO_MPC_TIGHT = DoMpcEngine("do_mpc_tight", "the same, IPOPT converged to 1e-12", TIGHT)
REFERENCE = NlpEngine(
    "ipopt_tight", "IPOPT converged to 1e-12 on a lean NLP", "ipopt", TIGHT, RECOVERY_PRICE
)
FATROP = NlpEngine(
    "fatrop",
    "fatrop converged to 1e-10 on a lean NLP",
    "fatrop",
    FATROP_TOLERANCE,
    fails_on=("polymerisation",),  # its first cycles, and it needs minutes for the others
)

OWN = OwnEngine("own", "this project's real-time iterations, one to three", 3)
OWN_CONVERGED = OwnEngine("own_converged", "the same, iterated to convergence", 40, OWN_TOLERANCE)

ENGINES: tuple[Engine, ...] = (OWN, OWN_CONVERGED, DO_MPC, DO_MPC_TIGHT, REFERENCE, FATROP)
# Without the second convergence of do-mpc, which costs what the first one costs.
SHOWN_ENGINES: tuple[Engine, ...] = (OWN, OWN_CONVERGED, DO_MPC, REFERENCE, FATROP)
ENGINE_NAMES = tuple(engine.name for engine in ENGINES)


def engine_named(name: str) -> Engine:
    """Return an engine by name.

    Raises:
        InputError: there is no such engine.
    """
    for engine in ENGINES:
        if engine.name == name:
            return engine
    raise InputError(f"no engine '{name}'; engines are {', '.join(ENGINE_NAMES)}")
