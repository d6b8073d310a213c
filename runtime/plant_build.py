"""Builds the plant process of a site from its files."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from operator_agent.plant.simulation.scenario_file import load_scenario
from operator_agent.plant.simulation.simulator import Simulator
from operator_agent.plant.unit.case_file import load_crude_unit_case
from operator_agent.plant.unit.crude_unit import build_crude_unit
from operator_agent.plant.unit.recipe import recipe_setpoints
from operator_agent.runtime.plant_process import PlantProcess
from operator_agent.runtime.state_folder import StateFolder
from operator_agent.site import Site

PLANT_LAYOUT = "plant"


def build_plant(
    site: Site, state: StateFolder, seed: int, *, recipe: bool, hours: float | None
) -> PlantProcess:
    """Return the plant of a site with its scenario, ready to start.

    Args:
        site, state: of the installation.
        seed: of noise and disturbances.
        recipe: the DCS follows the operators' recipe card.
        hours: length of the scenario [h], its own when None.
    """
    case = load_crude_unit_case(Path(site.files["plant"]))
    scenario = load_scenario(Path(site.files["scenario"]), case.crude_keys)
    if hours is not None:
        scenario = replace(scenario, duration_s=hours * 3600.0)
    unit = build_crude_unit(case, PLANT_LAYOUT)
    simulator = Simulator(unit, case, scenario, seed)

    def card(slate: Mapping[str, float]) -> Mapping[str, float]:
        return recipe_setpoints(case, slate)

    return PlantProcess(site, state, simulator, card if recipe else None)
