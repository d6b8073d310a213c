"""Closure of the balances: what entered less what left less what is stored, per throughput.

Net and gross inflows of every lump, of water, of mass and of energy are integrated along with the
plant as further states. Lumps, water and mass are linear in the states, and such invariants a BDF
method keeps to rounding; the energy is not, and closes with the tolerance of the integration.

The energy balance is drawn from the feed pump on: crude, stripping steam and the heat that the
heater gives to the crude enter; products behind exchangers 1 and 4, condensed water, vapour to
the flare, and the heat to condenser, trim coolers and wash water leave.
"""

from dataclasses import dataclass, replace

import casadi as ca
import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.plant.crude.thermo import GAS_CONSTANT, MOLAR_MASS_WATER
from operator_agent.plant.integrate import make_integrator
from operator_agent.plant.process_model import ProcessModel
from operator_agent.plant.unit.assembly import Assembly, assemble
from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.unit.column import Vessel
from operator_agent.plant.unit.crude_feed import crude_of
from operator_agent.plant.unit.crude_unit import CrudeUnit
from operator_agent.plant.unit.overhead import enthalpy_steam, enthalpy_water
from operator_agent.plant.variables import PRODUCTS

TOLERANCE = 1e-9  # of the integration: energy then closes below 1e-8 of a throughput
_MOLE_SCALE, _MASS_SCALE, _ENERGY_SCALE = 1e4, 1e3, 1e10  # [mol], [kg], [J] of the sums


@dataclass(frozen=True, slots=True)
class Balances:
    """Inflows and contents of a unit: lumps [mol], water [mol], mass [kg], energy [J].

    Attributes:
        net: CasADi function `(x, u, d) -> in minus out` per second, n lumps + 3 values.
        gross: CasADi function `(x, u, d) -> in` per second.
        stored: CasADi function `x -> content`.
        scale: of the four kinds, shape (n + 3,).
    """

    net: ca.Function
    gross: ca.Function
    stored: ca.Function
    scale: FloatArray


@dataclass(frozen=True, slots=True)
class Closure:
    """Relative closure of each balance over a run.

    Attributes:
        lumps: of each lump, shape (n,).
        water, mass, energy: of the whole unit.
    """

    lumps: FloatArray
    water: float
    mass: float
    energy: float

    @property
    def largest(self) -> float:
        """Largest of all, without sign."""
        return float(np.max(np.abs([*self.lumps, self.water, self.mass, self.energy])))


def build_balances(case: CrudeUnitCase, layout: str) -> Balances:
    """Return the balances of the unit in a layout.

    Raises:
        InputError: the case has no such layout.
    """
    unit = assemble(case, case.layout(layout))
    x, arguments = unit.states.vector(), [unit.inputs, unit.disturbances]
    lumps_in, lumps_out = _lump_flows(unit)
    water_in = unit.column.steam()
    water_out = unit.overhead.water + unit.overhead.steam_relief
    energy_in, energy_out = _energy_flows(unit)
    gross = _with_mass(unit, lumps_in, water_in, energy_in)
    net = _with_mass(unit, lumps_in - lumps_out, water_in - water_out, energy_in - energy_out)
    lumps, energy = _contents(unit)
    stored = _with_mass(unit, lumps, unit.drum.steam, energy)
    n = unit.lumps.n
    return Balances(
        net=ca.Function("net_inflow", [x, *arguments], [net]),
        gross=ca.Function("gross_inflow", [x, *arguments], [gross]),
        stored=ca.Function("stored", [x], [stored]),
        scale=np.array([_MOLE_SCALE] * (n + 1) + [_MASS_SCALE, _ENERGY_SCALE]),
    )


def _with_mass(unit: Assembly, lumps: ca.SX, water: ca.SX, energy: ca.SX) -> ca.SX:
    mass = ca.dot(lumps, unit.component.molar_mass) + water * MOLAR_MASS_WATER
    return ca.vertcat(lumps, water, mass, energy)


def _lump_flows(unit: Assembly) -> tuple[ca.SX, ca.SX]:
    fractions = unit.disturbances[: len(unit.case.assays)]
    tanks = crude_of(unit.component, unit.lumps, fractions)
    leaving = unit.overhead.relief.flows
    for product in PRODUCTS:
        leaving = leaving + unit.product(product).flows
    return unit.flows["feed"].flow_vol * tanks.moles, leaving


def _energy_flows(unit: Assembly) -> tuple[ca.SX, ca.SX]:
    path, overhead, flow_vol = unit.feed_path, unit.overhead, unit.flows["feed"].flow_vol
    train = path.train
    shifted = unit.crude.enthalpy(path.temp_preheat) - unit.crude.enthalpy(train.temp_out)
    entering = flow_vol * (unit.crude.enthalpy(unit.d["temp_crude"]) + shifted)
    entering = entering + path.heater.duty
    entering = entering + unit.column.steam() * enthalpy_steam(ca.SX(unit.column.temp_steam))

    leaving = sum((unit.product(product).enthalpy for product in PRODUCTS), ca.SX(0.0))
    leaving = leaving - train.exchangers["exchanger_1"].duty - train.exchangers["exchanger_4"].duty
    leaving = leaving + unit.duties_pumparound["top"] + train.desalter.duty
    leaving = leaving + sum(train.duties_trim.values(), ca.SX(0.0))
    leaving = leaving + overhead.duty_condenser + overhead.relief.enthalpy
    leaving = leaving + overhead.water * enthalpy_water(overhead.temp_condensate)
    leaving = leaving + overhead.steam_relief * enthalpy_steam(unit.drum.temp)
    return entering, leaving


def _contents(unit: Assembly) -> tuple[ca.SX, ca.SX]:
    """Return the moles of the lumps [mol] and the energy [J] in all vessels and metal."""
    case, component, drum = unit.case, unit.component, unit.drum
    vessels = [*unit.column.trays, *unit.column.strippers.values()]
    lumps = unit.crude.moles * case.feed.volume_line_up + drum.drum + drum.vapour
    energy = ca.dot(drum.drum, component.enthalpy_liquid(drum.temp_drum))
    energy = energy + case.overhead.heat_capacity_drum * drum.temp_drum
    work = GAS_CONSTANT * drum.temp
    energy = energy + ca.dot(drum.vapour, component.enthalpy_vapour(drum.temp) - work)
    energy = energy + drum.steam * (enthalpy_steam(drum.temp) - work)
    for vessel in vessels:
        lumps = lumps + vessel.holdup
        energy = energy + _vessel_energy(unit, vessel)
    train = case.train
    for place, exchanger in (*train.before.items(), *train.behind.items()):
        result = unit.feed_path.train.exchangers[place]
        energy = energy + exchanger.heat_capacity * result.temp_cold_out
    energy = energy + train.desalter.heat_capacity * unit.feed_path.train.desalter.temp
    energy = energy + case.heater.heat_capacity_oil * unit.feed_path.heater.temp_out
    return lumps, energy


def _vessel_energy(unit: Assembly, vessel: Vessel) -> ca.SX:
    liquid = ca.dot(vessel.holdup, unit.component.enthalpy_liquid(vessel.stage.temp))
    return liquid + unit.column.heat_capacity_tray * vessel.stage.temp


def measure_closure(
    case: CrudeUnitCase,
    unit: CrudeUnit,
    inputs: list[tuple[FloatArray, FloatArray]],
    step_s: float,
    tolerance: float = TOLERANCE,
) -> Closure:
    """Return how the balances close over a run that starts at the nominal point.

    Args:
        case: of the unit.
        unit: to run.
        inputs: set points and disturbances of each step, shapes (n_u,) and (n_d,) [SI].
        step_s: length of a step [s].
        tolerance: of the integration, relative and in spans.

    Raises:
        PlantError: the integration fails.
    """
    balances = build_balances(case, unit.layout.key)
    counted = _counting(unit.model, balances)
    integrator = make_integrator(counted, tolerance)
    n, n_sums = unit.model.n_x, len(balances.scale)
    x = counted.x_nominal
    for u, d in inputs:
        x = integrator.step(x, u, d, step_s)
    net, gross = x[n : n + n_sums], x[n + n_sums :]
    start = balances.stored(unit.model.x_nominal).full().ravel()
    end = balances.stored(x[:n]).full().ravel()
    closure = (end - start - net) / gross
    lumps = closure[:-3]
    return Closure(lumps, *(float(value) for value in closure[-3:]))


def _counting(model: ProcessModel, balances: Balances) -> ProcessModel:
    """Return the model with the sums of net and gross inflows as further states."""
    x, u, d = (
        ca.SX.sym(letter, n) for letter, n in (("x", model.n_x), ("u", model.n_u), ("d", model.n_d))
    )
    sums = ca.SX.sym("sums", 2 * len(balances.scale))
    everything = ca.vertcat(x, sums)
    rates = [model.rhs(x, u, d), balances.net(x, u, d), balances.gross(x, u, d)]
    names = [f"{kind}_{n}" for kind in ("net", "gross") for n in range(len(balances.scale))]
    return replace(
        model,
        name=f"{model.name}_balances",
        x_names=(*model.x_names, *names),
        x_nominal=np.concatenate((model.x_nominal, np.zeros(len(names)))),
        x_scale=np.concatenate((model.x_scale, balances.scale, balances.scale)),
        rhs=ca.Function("counting", [everything, u, d], [ca.vertcat(*rates)]),
        outputs=ca.Function("outputs", [everything, u, d], [model.outputs(x, u, d)]),
    )
