"""The coarse column: stages, strippers by a stripping factor, drum, top temperature loop."""

from dataclasses import dataclass

import casadi as ca
import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.plant.coarse.coil import Coil
from operator_agent.plant.coarse.lump_laws import LumpLaws
from operator_agent.plant.coarse.parameters import CoarseParameters
from operator_agent.plant.coarse.stages import (
    CoarseStage,
    Inflow,
    Vessel,
    make_stage,
    smaller,
    stage_rates,
)
from operator_agent.plant.crude.thermo import (
    HEAT_CAPACITY_STEAM,
    HEAT_VAPORISATION_WATER,
    MOLAR_MASS_WATER,
)
from operator_agent.plant.states import States

_VOLUME_SCALE_M3 = 0.1  # of one lump; a stage holds some 7 m3
_TEMP_SCALE_K = 5.0
_REFLUX_SCALE_M3_S = 0.005
_REFLUX_ROUND_M3_S = 1e-3  # width of the corner where the reflux closes
_GUESS_WIDTH_K = 50.0  # of the lumps that the first guess puts on a stage


@dataclass(frozen=True, slots=True)
class CoarseInputs:
    """What acts on the column.

    Attributes:
        coil: crude from the furnace.
        temp_top: set point [K].
        draws: wanted side draws by product [m3/s].
        duties: pumparound duties by place [W].
        steam: to the bottom [mol/s].
    """

    coil: Coil
    temp_top: ca.SX
    draws: dict[str, ca.SX]
    duties: dict[str, ca.SX]
    steam: ca.SX


@dataclass(frozen=True, slots=True)
class CoarseColumn:
    """Expressions of the column.

    Attributes:
        stages: from the top.
        pressures: of the stages [Pa].
        products: volume of each lump by product, from naphtha to residue [m3/s].
        flow_overflash: liquid to the feed stage [m3/s].
        duty_condenser: [W].
        steam: all stripping steam [mol/s].
    """

    stages: tuple[CoarseStage, ...]
    pressures: tuple[float, ...]
    products: dict[str, ca.SX]
    flow_overflash: ca.SX
    duty_condenser: ca.SX
    steam: ca.SX


@dataclass(frozen=True, slots=True)
class _Draw:
    """A side draw: what leaves the stage, what the stripper sends back, what is sold [m3/s]."""

    flow: ca.SX
    stripped: ca.SX
    product: ca.SX


def add_column(
    states: States,
    laws: LumpLaws,
    parameters: CoarseParameters,
    inputs: CoarseInputs,
    temps_guess: tuple[float, float],
) -> CoarseColumn:
    """Declare the column's states and rates and return its expressions.

    Args:
        states: of the model, extended here.
        laws: of the lumps.
        parameters: of the model.
        inputs: what acts on the column.
        temps_guess: of top and coil outlet, for the first guess [K].
    """
    steam_side = {
        product: getattr(parameters, f"flow_mass_steam_{product}") / MOLAR_MASS_WATER
        for product in parameters.stages_draw
    }
    stages, vessels = _stages(states, laws, parameters, inputs.steam, steam_side, temps_guess)
    draws = {
        product: _draw(laws, parameters, stages[place - 1], inputs.draws[product], flow)
        for (product, place), flow in zip(
            parameters.stages_draw.items(), steam_side.values(), strict=True
        )
    }
    reflux, naphtha = _drum(states, laws, parameters, stages[0], inputs.temp_top)
    _balance(states, laws, parameters, inputs, stages, vessels, draws, reflux)
    top, above_feed = stages[0], stages[parameters.stage_feed - 2]
    drawn = _drawn(parameters, draws, parameters.stage_feed - 1)
    condensed = ca.sum1(top.vapour) * (laws.heat(top.temp) - laws.heat(ca.SX(parameters.temp_drum)))
    cooled_steam = HEAT_VAPORISATION_WATER + HEAT_CAPACITY_STEAM * (top.temp - parameters.temp_drum)
    return CoarseColumn(
        stages=stages,
        pressures=_pressures(parameters),
        products={
            "naphtha": naphtha,
            **{product: draw.product for product, draw in draws.items()},
            "residue": stages[-1].liquid * stages[-1].shares,
        },
        flow_overflash=above_feed.liquid - drawn,
        duty_condenser=condensed + top.latent + top.steam * cooled_steam,
        steam=inputs.steam + sum(steam_side.values()),
    )


def _pressures(parameters: CoarseParameters) -> tuple[float, ...]:
    return tuple(
        parameters.pressure_top + n * parameters.pressure_drop_stage
        for n in range(parameters.n_stages)
    )


def _guess(laws: LumpLaws, volume: float, temp: float) -> list[float]:
    """Return volumes of the lumps that boil near a temperature [m3]."""
    boiling: FloatArray = np.array(laws.temp_reference).ravel()
    weights = 1.0 / np.cosh((boiling - temp) / _GUESS_WIDTH_K) ** 2 + 1e-3
    return [float(share) for share in volume * weights / weights.sum()]


def _stages(
    states: States,
    laws: LumpLaws,
    parameters: CoarseParameters,
    steam_bottom: ca.SX,
    steam_side: dict[str, float],
    temps_guess: tuple[float, float],
) -> tuple[tuple[CoarseStage, ...], tuple[Vessel, ...]]:
    p = parameters
    tray = Vessel(p.volume_stage, p.time_stage_residence, p.heat_capacity_stage, p.transfer_stage)
    sump = Vessel(p.volume_sump, p.time_sump_residence, p.heat_capacity_stage, p.transfer_stage)
    vessels = (*([tray] * (p.n_stages - 1)), sump)
    temps = np.interp(range(1, p.n_stages + 1), (1, p.stage_feed), temps_guess)
    stages = []
    for n, (vessel, guess, pressure) in enumerate(
        zip(vessels, temps.tolist(), _pressures(p), strict=True), 1
    ):
        volumes = states.add_holdup(
            f"stage_{n}", _guess(laws, vessel.volume_design, guess), _VOLUME_SCALE_M3
        )
        temp = states.add(f"temp_stage_{n}", _TEMP_SCALE_K, guess)
        from_sides = sum(flow for product, flow in steam_side.items() if n < p.stages_draw[product])
        stages.append(make_stage(laws, volumes, temp, pressure, steam_bottom + from_sides, vessel))
    return tuple(stages), vessels


def _draw(
    laws: LumpLaws,
    parameters: CoarseParameters,
    stage: CoarseStage,
    wanted: ca.SX,
    steam: float,
) -> _Draw:
    """Return a draw and its stripper without holdup: of each lump S/(1 + S), S = K V/L, goes back.

    The vapour V is the steam times a constant lift.
    """
    flow = smaller(wanted, stage.liquid)
    relative = laws.pressure_reference / stage.pressure
    strength = (parameters.lift_stripper * steam * relative / stage.moles) * stage.volatilities
    stripped = flow * stage.shares * strength / (flow + strength)
    return _Draw(flow, stripped, flow * stage.shares - stripped)


def _drawn(parameters: CoarseParameters, draws: dict[str, _Draw], stage: int) -> ca.SX:
    return sum(
        (draws[name].flow for name, place in parameters.stages_draw.items() if place == stage),
        ca.SX(0.0),
    )


def _drum(
    states: States,
    laws: LumpLaws,
    parameters: CoarseParameters,
    top: CoarseStage,
    temp_setpoint: ca.SX,
) -> tuple[Inflow, ca.SX]:
    """Return reflux and naphtha; the reflux holds the top temperature."""
    p = parameters
    vessel = Vessel(p.volume_drum, p.time_drum_residence, 0.0, 0.0)
    volumes = states.add_holdup("drum", _guess(laws, p.volume_drum, p.temp_drum), _VOLUME_SCALE_M3)
    integral = states.add("flow_reflux_integral", _REFLUX_SCALE_M3_S, p.flow_vol_reflux)
    volume = ca.sum1(volumes)
    shares = volumes / volume
    asked = integral + p.gain_reflux * (top.temp - temp_setpoint)
    opened = 0.5 * (asked + ca.sqrt(asked**2 + _REFLUX_ROUND_M3_S**2))
    reflux = smaller(opened, volume / p.time_drum_emptying)
    error = p.gain_reflux * (top.temp - temp_setpoint)
    states.rates["flow_reflux_integral"] = (error + reflux - asked) / p.time_reflux
    naphtha = vessel.outflow(volume) * shares
    states.set_holdup_rate("drum", top.vapour - reflux * shares - naphtha)
    return Inflow(reflux * shares, reflux, ca.SX(p.temp_drum), ca.SX(0.0)), naphtha


def _balance(
    states: States,
    laws: LumpLaws,
    parameters: CoarseParameters,
    inputs: CoarseInputs,
    stages: tuple[CoarseStage, ...],
    vessels: tuple[Vessel, ...],
    draws: dict[str, _Draw],
    reflux: Inflow,
) -> None:
    """Declare the rates of all stages."""
    p = parameters
    for n, (stage, vessel) in enumerate(zip(stages, vessels, strict=True), 1):
        inflows, steams = [reflux] if n == 1 else [], []
        if n > 1:
            above = stages[n - 2]
            down = above.liquid - _drawn(p, draws, n - 1)
            inflows.append(Inflow(down * above.shares, down, above.temp, ca.SX(0.0)))
        if n < p.n_stages:
            below = stages[n]
            inflows.append(Inflow(below.vapour, ca.sum1(below.vapour), below.temp, below.latent))
            steams.append((below.steam, below.temp))
        else:
            steams.append((stage.steam, ca.SX(p.temp_steam)))
        if n == p.stage_feed:
            inflows.append(inputs.coil.outlet)
        for product, draw in draws.items():
            if p.stages_draw[product] - 1 == n:
                source = stages[n]
                latent = laws.latent_heat(draw.stripped, source.temp)
                inflows.append(Inflow(draw.stripped, ca.sum1(draw.stripped), source.temp, latent))
                steam = getattr(p, f"flow_mass_steam_{product}") / MOLAR_MASS_WATER
                steams.append((ca.SX(steam), source.temp))
        cooling = _cooling(p, inputs.duties, stage, n)
        rate, temp_rate = stage_rates(laws, stage, vessel, tuple(inflows), tuple(steams), cooling)
        states.set_holdup_rate(f"stage_{n}", rate)
        states.rates[f"temp_stage_{n}"] = temp_rate


def _cooling(
    parameters: CoarseParameters, duties: dict[str, ca.SX], stage: CoarseStage, number: int
) -> ca.SX:
    """Return the heat that pumparounds take from a stage [W]; it fades on a cold stage."""
    cold = (parameters.temp_pumparound_cold - stage.temp) / parameters.width_pumparound_cold
    return sum(
        (duties[at] for at, place in parameters.stages_pumparound.items() if place == number),
        ca.SX(0.0),
    ) / (1.0 + ca.exp(cold))
