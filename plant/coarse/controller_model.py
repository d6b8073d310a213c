"""The controller's model of the crude unit: written for control, apart from the plant's equations.

| part | here |
| --- | --- |
| pressures | constant |
| vapour-liquid equilibrium | two-parameter vapour pressures, vapour flow from superheat |
| heat | one volumetric heat capacity, heats of vaporisation linear in T |
| furnace | lag of the coil outlet, duty by feed-forward, flash by two substitutions |
| strippers | a stripping factor without holdup |
| pumparounds | heat sinks |
| tank lines | a lag of the crudes' shares |
| preheat | a measured disturbance; what the MVs do to it by gains and a lag |
| boiling points | lag on the product's curve |
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import casadi as ca
import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.plant.coarse.boiling_points import CurveOfLumps
from operator_agent.plant.coarse.coil import Coil, make_coil
from operator_agent.plant.coarse.column import CoarseColumn, CoarseInputs, add_column
from operator_agent.plant.coarse.lump_laws import LumpLaws
from operator_agent.plant.coarse.parameters import CoarseParameters
from operator_agent.plant.crude.lumps import lumps
from operator_agent.plant.crude.thermo import GAS_CONSTANT, MOLAR_MASS_WATER
from operator_agent.plant.integrate import steady_state
from operator_agent.plant.process_model import ProcessModel
from operator_agent.plant.states import States
from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.variables import (
    ANALYSERS,
    CV_NAMES,
    MV_NAMES,
    PRODUCTS,
    SIDE_PRODUCTS,
    TEMP_PREHEAT,
    fraction_name,
)

_TEMP_SCALE_K = 5.0
_SHARE_SCALE = 0.1
_READING_GUESS_K = 60.0  # boiling points above the column's top temperature, to start from


@dataclass(frozen=True, slots=True)
class CoarseUnit:
    """The controller's model and the prices' quantities.

    Attributes:
        model: states, rates, controlled variables.
        economics: CasADi function `(x, u, d) -> 8 values`; see `build_controller_economics`.
    """

    model: ProcessModel
    economics: ca.Function


def build_controller_model(case: CrudeUnitCase) -> ProcessModel:
    """Return the controller's model at its nominal steady state.

    Args:
        case: of the unit; its nominal point, spans, crudes and the parameters of this model.

    Raises:
        InputError: the parameters do not fit the case's crudes.
        PlantError: there is no steady state at the nominal set points.
    """
    return build_coarse_unit(case).model


def build_coarse_unit(case: CrudeUnitCase) -> CoarseUnit:
    """Return the controller's model with its economics.

    Raises:
        InputError: the parameters do not fit the case's crudes.
        PlantError: there is no steady state at the nominal set points.
    """
    name = re.sub(r"[^a-z0-9_]", "_", f"{case.key}_controller")
    expressions = _Expressions.build(case)
    arguments = [expressions.states.vector(), expressions.u, expressions.d]
    rates, cvs = expressions.states.rate_vector(), expressions.controlled()
    rhs = ca.Function(f"{name}_rhs", arguments, [ca.cse(rates)])
    outputs = ca.Function(f"{name}_outputs", arguments, [ca.vertcat(*(cvs[n] for n in CV_NAMES))])
    unmoved = ca.SX.zeros(len(case.assays))
    made = ca.Function(
        f"{name}_made", arguments[:1], [ca.vertcat(unmoved, expressions.temp_recovered)]
    )
    economics = ca.Function(f"{name}_economics", arguments, [expressions.priced()])
    return CoarseUnit(_at_rest(case, name, expressions.states, rhs, outputs, made), economics)


def _at_rest(
    case: CrudeUnitCase,
    name: str,
    states: States,
    rhs: ca.Function,
    outputs: ca.Function,
    made: ca.Function,
) -> ProcessModel:
    d_names = (*(fraction_name(key) for key in case.crude_keys), TEMP_PREHEAT)

    def spans(names: tuple[str, ...]) -> FloatArray:
        return np.array([case.spans[variable] for variable in names])

    def model(x: FloatArray) -> ProcessModel:
        return ProcessModel(
            name=name,
            x_names=tuple(states.names),
            u_names=MV_NAMES,
            d_names=d_names,
            y_names=CV_NAMES,
            rhs=rhs,
            outputs=outputs,
            x_nominal=x,
            u_nominal=np.array([case.setpoints[mv] for mv in MV_NAMES]),
            d_nominal=np.array([*case.slate_vector(case.slate), case.temp_preheat]),
            x_scale=np.array(states.scales),
            u_scale=spans(MV_NAMES),
            d_scale=spans(d_names),
            y_scale=spans(CV_NAMES),
            made=made,
        )

    start = model(np.array(states.guesses))
    return model(steady_state(start, start.u_nominal, start.d_nominal, start.x_nominal))


def _fed(
    states: States, parameters: CoarseParameters, case: CrudeUnitCase, declared: ca.SX
) -> ca.SX:
    """Declare how the crude at the coil lags behind the declared slate, and return its shares."""
    fed = []
    for n, (key, share) in enumerate(
        zip(case.crude_keys, case.slate_vector(case.slate), strict=True)
    ):
        name = f"fed_{fraction_name(key)}"
        fed.append(states.add(name, _SHARE_SCALE, share))
        states.rates[name] = (declared[n] - fed[n]) / parameters.time_line_up
    return ca.vertcat(*fed)


def _recovered(
    states: States, parameters: CoarseParameters, case: CrudeUnitCase, mv: Mapping[str, ca.SX]
) -> ca.SX:
    """Declare by how much the MVs have warmed the crude before the furnace and return it [K]."""
    recovered = states.add("temp_recovered", _TEMP_SCALE_K, 0.0)
    settled = sum(
        (
            gain * (mv[name] - case.setpoints[name]) / case.spans[name]
            for name, gain in parameters.gains_preheat.items()
        ),
        ca.SX(0.0),
    )
    states.rates["temp_recovered"] = (settled - recovered) / parameters.time_preheat
    return recovered


@dataclass(frozen=True, slots=True)
class _Expressions:
    """All expressions of the model while it is being put together."""

    parameters: CoarseParameters
    laws: LumpLaws
    states: States
    u: ca.SX
    d: ca.SX
    mv: Mapping[str, ca.SX]
    coil: Coil
    column: CoarseColumn
    readings: Mapping[str, ca.SX]
    temp_recovered: ca.SX

    @classmethod
    def build(cls, case: CrudeUnitCase) -> "_Expressions":
        parameters = case.controller_model
        slate = case.slate_vector(case.slate)
        divided = lumps(case.assays, parameters.lump_edges, slate)
        laws = LumpLaws.fit(
            divided, slate, parameters.pressure_reference, parameters.sharpness_separation
        )
        states = States()
        u, d = ca.SX.sym("u", len(MV_NAMES)), ca.SX.sym("d", len(case.assays) + 1)
        mv = dict(zip(MV_NAMES, ca.vertsplit(u), strict=True))
        guesses = (case.setpoints["temp_top"], case.setpoints["temp_coil_outlet"])
        outlet = states.add("temp_coil_outlet", _TEMP_SCALE_K, guesses[1])
        slate_fed = _fed(states, parameters, case, d[:-1])
        feed = mv["flow_vol_feed"] * (ca.DM(divided.fractions.T) @ slate_fed)
        recovered = _recovered(states, parameters, case, mv)
        coil = make_coil(laws, parameters, feed, outlet, mv["temp_coil_outlet"], d[-1] + recovered)
        states.rates["temp_coil_outlet"] = coil.rate
        inputs = CoarseInputs(
            coil=coil,
            temp_top=mv["temp_top"],
            draws={product: mv[f"flow_vol_{product}"] for product in SIDE_PRODUCTS},
            duties={
                "top": ca.SX(parameters.duty_pumparound_top),
                **{place: mv[f"duty_pumparound_{place}"] for place in ("mid", "bottom")},
            },
            steam=mv["flow_mass_steam_bottom"] / MOLAR_MASS_WATER,
        )
        column = add_column(states, laws, parameters, inputs, guesses)
        curve = CurveOfLumps(divided, parameters.curve_spread, parameters.width_lump_high)
        readings = {}
        for name, (product, fraction) in ANALYSERS.items():
            reading = states.add(f"reading_{name}", _TEMP_SCALE_K, guesses[0] + _READING_GUESS_K)
            step = curve.step(reading, column.products[product], fraction)
            states.rates[f"reading_{name}"] = step / parameters.time_analyser
            readings[name] = reading
        return cls(parameters, laws, states, u, d, mv, coil, column, readings, recovered)

    def controlled(self) -> dict[str, ca.SX]:
        """Return the controlled variables by name."""
        return {
            **self.readings,
            "fraction_overflash": self.column.flow_overflash / self.mv["flow_vol_feed"],
            "duty_furnace": self.coil.duty,
            "duty_condenser": self.column.duty_condenser,
            "fraction_flooding": self._flooding(),
        }

    def _flooding(self) -> ca.SX:
        """Return the largest load of the stages above the feed as a norm of power eight.

        The load is u sqrt(rho_V/rho_L) (Souders and Brown, Ind. Eng. Chem. 26 (1934) 98), where
        u sqrt(rho_V) = sqrt(n m R T/P)/A with molar flow n and mass flow m.
        """
        p, laws = self.parameters, self.laws
        loads = []
        for stage, pressure in zip(
            self.column.stages[: p.stage_feed - 1], self.column.pressures, strict=False
        ):
            moles = ca.dot(laws.molar_density, stage.vapour) + stage.steam
            mass = ca.dot(laws.density, stage.vapour) + stage.steam * MOLAR_MASS_WATER
            loads.append(moles * mass * GAS_CONSTANT * stage.temp / pressure / p.density_liquid)
        fourth = ca.vertcat(*loads) ** 2
        norm = ca.sqrt(ca.sqrt(ca.sqrt(ca.sum1(fourth**2))))
        return norm / (p.area_column * p.load_factor_flood)

    def priced(self) -> ca.SX:
        """Return what carries a price."""
        return ca.vertcat(
            self.mv["flow_vol_feed"],
            *(ca.sum1(self.column.products[product]) for product in PRODUCTS),
            self.coil.duty / self.parameters.efficiency_furnace,
            self.column.steam * MOLAR_MASS_WATER,
        )
