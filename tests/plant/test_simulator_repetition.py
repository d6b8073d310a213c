"""The same again: seeds, common random numbers, snapshots, fingerprints of scenarios."""

import json
from dataclasses import replace

import numpy as np
import pytest

from operator_agent.errors import InputError
from operator_agent.plant.simulation.events import CrudeSwitch, SensorFault
from operator_agent.plant.simulation.random_scenario import random_scenario
from operator_agent.plant.simulation.scenario import Scenario, Weather, fingerprint
from operator_agent.plant.simulation.simulator import Simulator
from operator_agent.plant.simulation.snapshot import Snapshot
from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.unit.crude_unit import CrudeUnit

from .simulator_bench import KERO, plain, started


def run(simulator: Simulator) -> list[float]:
    values = []
    for minute in range(20):
        if minute == 5:
            simulator.write("temp_top", simulator.setpoints["temp_top"] + 1.5)
        simulator.advance(60.0)
        values += [reading.value for reading in simulator.measure().values()]
    return values


def test_the_same_seed_gives_the_same_run(small: CrudeUnit, case: CrudeUnitCase) -> None:
    scenario = random_scenario(np.random.default_rng(3), case, 3600.0)
    first = run(started(small, case, scenario))
    assert first == run(started(small, case, scenario))
    assert first != run(started(small, case, scenario, seed=8))


def test_restored_snapshot_continues_the_same(small: CrudeUnit, case: CrudeUnitCase) -> None:
    fault = SensorFault(600.0, 1800.0, KERO, "stuck")
    simulator = started(small, case, Scenario(7200.0, events=(fault,)))
    simulator.write("flow_vol_lgo", 0.043)
    simulator.advance(900.0)
    snapshot = simulator.snapshot()
    first = run(simulator)
    simulator.restore(snapshot)
    assert run(simulator) == first
    other = started(small, case, simulator.scenario)
    other.restore(snapshot)
    assert run(other) == first
    with pytest.raises(InputError, match="3 states"):
        other.restore(replace(snapshot, x=(1.0, 2.0, 3.0)))
    with pytest.raises(InputError, match="of model 'another'"):
        other.restore(replace(snapshot, model="another"))
    with pytest.raises(InputError, match="of case 'another', this is 'crude_unit'"):
        other.restore(replace(snapshot, case="another"))
    eventful = started(small, case, Scenario(7200.0))
    with pytest.raises(InputError, match="of another scenario; restore it with the events"):
        eventful.restore(snapshot)
    fewer = {name: 1.0 for name in small.model.u_names if name != "temp_top"}
    with pytest.raises(InputError, match="other set points than this simulator: 'temp_top'"):
        other.restore(replace(snapshot, setpoints=fewer))


def test_snapshot_survives_json_to_the_last_digit(small: CrudeUnit, case: CrudeUnitCase) -> None:
    fault = SensorFault(600.0, 1800.0, KERO, "stuck")
    simulator = started(small, case, Scenario(7200.0, events=(fault,)))
    simulator.advance(930.0)
    snapshot = simulator.snapshot()
    text = json.dumps(snapshot.to_dict())
    assert Snapshot.from_dict(json.loads(text)) == snapshot
    values = json.loads(text)
    for wrong, message in (
        ({**values, "format": 9}, "has format 9"),
        ({**values, "extra": 1}, "key 'extra' is unknown"),
        ({key: value for key, value in values.items() if key != "x"}, "key 'x' is missing"),
        ({**values, "x": "no"}, "wrong kind"),
        ({**values, "sensors": []}, "expected a mapping"),
    ):
        with pytest.raises(InputError, match=message):
            Snapshot.from_dict(wrong)


def test_other_seeds_from_one_snapshot_share_the_past_only(
    small: CrudeUnit, case: CrudeUnitCase
) -> None:
    scenario = Scenario(7200.0)
    simulator = started(small, case, scenario)
    simulator.advance(600.0)
    other = started(small, case, scenario, seed=8)
    other.restore(simulator.snapshot())
    assert other.truth() == simulator.truth()
    assert other.measure() != simulator.measure()


def test_noise_is_common_to_runs_with_different_actions(
    small: CrudeUnit, case: CrudeUnitCase
) -> None:
    noise = []
    for moved in (0.0, 2.0):
        simulator = started(small, plain(case), Scenario(7200.0))
        simulator.write("temp_coil_outlet", simulator.setpoints["temp_coil_outlet"] - moved)
        simulator.advance(600.0)
        truth, readings = simulator.truth(), simulator.measure()
        assert simulator.measure() == readings
        noise.append([readings[name].value - truth[name] for name in case.noise])
    np.testing.assert_allclose(noise[0], noise[1], rtol=0.0, atol=1e-6)
    assert np.std(np.array(noise[0]) / np.array(list(case.noise.values()))) > 0.5


def test_a_fingerprint_tells_what_happens_and_not_how_it_was_written() -> None:
    first = Scenario(60.0, events=(CrudeSwitch(0, 9.0, {"maya": 0.4, "bonny_light": 0.6}),))
    same = Scenario(90.0, events=(CrudeSwitch(0.0, 9.0, {"bonny_light": 0.6, "maya": 0.4}),))
    assert fingerprint(first) == fingerprint(same)
    others = (
        replace(first, noise_factor=2.0),
        replace(first, events=()),
        replace(first, weather=Weather(3.0)),
        replace(first, events=(CrudeSwitch(0.0, 8.0, {"maya": 0.4, "bonny_light": 0.6}),)),
    )
    assert len({fingerprint(first), *map(fingerprint, others)}) == 5
