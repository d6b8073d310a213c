"""Cuts against the assay itself, and the qualities of slices against their balances."""

import numpy as np
import pytest

from operator_agent.planning.case_file import PlanningCase
from operator_agent.planning.cuts import VOLUME, CrudeCuts, cut_crude
from operator_agent.plant.crude.cuts import cut_density, cut_yield

FAR_K = (100.0, 2000.0)  # outside of every boiling curve


def amount(cuts: CrudeCuts, case: PlanningCase, stream: str, of: str, temps: list[float]) -> float:
    place = case.crude_unit.streams.index(stream)
    total = cuts.core[stream, of]
    for index, sign in ((place, 1.0), (place - 1, -1.0)):
        if 0 <= index < len(temps):
            shift = cuts.shifts[index, of]
            t = (temps[index] - shift.middle) / shift.half_width
            total += sign * float(shift.coefficients @ np.array([t, t**2, t**3]))
    return total


@pytest.mark.parametrize("position", [0.0, 0.3, 0.5, 1.0])
def test_yields_and_densities_follow_the_assay_all_over_the_windows(
    case: PlanningCase, position: float
) -> None:
    temps = [cut.low + position * (cut.high - cut.low) for cut in case.crude_unit.cuts]
    bounds = [FAR_K[0], *temps, FAR_K[1]]
    for crude in case.crudes.values():
        cuts = cut_crude(crude, case.crude_unit, case.profiles)
        for n, stream in enumerate(case.crude_unit.streams):
            volume = amount(cuts, case, stream, VOLUME, temps)
            mass = amount(cuts, case, stream, "density", temps)
            expected = cut_yield(crude.assay, bounds[n], bounds[n + 1])
            assert volume == pytest.approx(expected, abs=1e-3)
            assert mass / volume == pytest.approx(
                cut_density(crude.assay, bounds[n], bounds[n + 1]), rel=2e-3
            )


def test_sulphur_of_the_cuts_adds_up_to_that_of_the_crude(case: PlanningCase) -> None:
    for crude in case.crudes.values():
        cuts = cut_crude(crude, case.crude_unit, case.profiles)
        streams = case.crude_unit.streams
        sulphur = sum(cuts.core[stream, "sulphur"] for stream in streams)
        mass = sum(cuts.core[stream, "density"] for stream in streams)
        assert sulphur / mass == pytest.approx(crude.sulphur, rel=1e-9)
        assert mass == pytest.approx(crude.assay.density_kg_m3, rel=5e-3)


def test_sulphur_and_density_rise_from_cut_to_cut(case: PlanningCase) -> None:
    for crude in case.crudes.values():
        cuts = cut_crude(crude, case.crude_unit, case.profiles)
        streams = case.crude_unit.streams
        density = [cuts.core[s, "density"] / cuts.core[s, VOLUME] for s in streams]
        sulphur = [cuts.core[s, "sulphur"] / cuts.core[s, "density"] for s in streams]
        assert density == sorted(density)
        assert sulphur == sorted(sulphur)
