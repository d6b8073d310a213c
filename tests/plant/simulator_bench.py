"""What the tests of the simulator share: scenarios, and a small unit at its start."""

from dataclasses import replace

from operator_agent.plant.simulation.instruments import Instrument, Instruments, Transmitter
from operator_agent.plant.simulation.scenario import Scenario
from operator_agent.plant.simulation.simulator import Simulator
from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.unit.crude_unit import CrudeUnit

QUIET = Scenario(duration_s=7200.0, noise_factor=0.0)
KERO = "temp_tbp95_kerosene"
MAYA_RICH = {"arabian_light": 0.4, "maya": 0.4, "bonny_light": 0.2}


def plain(case: CrudeUnitCase) -> CrudeUnitCase:
    """The case with instruments that do nothing but add their noise."""
    bare = {name: Transmitter(Instrument(sd)) for name, sd in case.noise.items()}
    return replace(case, instruments=Instruments(bare, {}))


def started(
    small: CrudeUnit, case: CrudeUnitCase, scenario: Scenario = QUIET, seed: int = 7
) -> Simulator:
    """A simulator of the coarse layout: the same code with fewer states."""
    return Simulator(small, case, scenario, seed)
