"""A controller for any plant in a few lines: every choice has a default that is told.

| default | follows from |
| --- | --- |
| horizon | the slowest settling time of a CV that is tracked or limited |
| stages, blocks | 30 stages at most, from one cycle on ever longer; blocks of 1, 1, 2, 3, 5, 8 |
| speed | half the open-loop time constant of the slowest tracked CV, at least two cycles |
| move suppression | that speed, and how much a span of the MV moves what is tracked |
| estimator | a bias on each CV where the plant settles; a Kalman filter with disturbances where |
| | it does not, and for equations whose states are all read |
| target | set points and prices at rest within the limits, hard ones first |
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import casadi as ca
import numpy as np

from operator_agent.errors import InputError
from operator_agent.messages import EconomicTargets
from operator_agent.mpc.controller import Controller
from operator_agent.mpc.engine.formulation import Formulation
from operator_agent.mpc.engine.sampled_model import SampledModel
from operator_agent.mpc.engine.stage_weights import by_name
from operator_agent.mpc.estimation.choice import KalmanChoice
from operator_agent.mpc.estimation.detectability import blind_combination, default_disturbances
from operator_agent.mpc.estimation.disturbances import DisturbanceModel, planning_model
from operator_agent.mpc.estimation.kalman import KalmanTuning
from operator_agent.mpc.estimation.noise import NoiseTuning
from operator_agent.mpc.generic.asked_checks import check_shapes, check_sizes, check_times
from operator_agent.mpc.generic.defaults import Asked, Defaults, defaults
from operator_agent.mpc.generic.delayed import delayed_model
from operator_agent.mpc.generic.equations import Model, states_as_outputs
from operator_agent.mpc.generic.limits import Limits, Soft, control_variables
from operator_agent.mpc.generic.loads import load_lags, load_names, with_loads
from operator_agent.mpc.generic.seen_states import states_are_read
from operator_agent.mpc.generic.unbalanced import without_balance
from operator_agent.mpc.linear.models import plant_model
from operator_agent.mpc.linear.steps import sampled_model, steps_of
from operator_agent.mpc.options import ControllerOptions
from operator_agent.mpc.problem import SecondSolver
from operator_agent.mpc.target.target_tuning import TargetTuning
from operator_agent.mpc.target.wishes import Economics
from operator_agent.mpc.variables import ControlVariables
from operator_agent.plant.generic.linear_plant import LinearPlant
from operator_agent.plant.generic.sampled_plant import SampledPlant
from operator_agent.plant.process_model import ProcessModel
from operator_agent.units import HOUR_S

Plant = ProcessModel | SampledModel | LinearPlant | SampledPlant
NONE: Mapping[str, float] = MappingProxyType({})
NO_LIMITS: Limits = MappingProxyType({})
ESTIMATION = 0.25  # time constant of the estimate by that of the closed loop
STATE_NOISE = 0.1  # spans that errors of the model move a state by within the wanted response


def control_model(plant: Plant, cycle_s: float) -> Model:
    """Return the model that the engine takes for a plant, with exact dead times where it has some.

    Args:
        plant: a process model or a model in steps as they are; a linear plant with dead times, or
            a plant in steps of which the model is made.
        cycle_s: of the controller: the sample of a `LinearPlant` [s].

    Raises:
        InputError: the plant in steps is not linear, or it is no plant.
    """
    if not isinstance(plant, ProcessModel | SampledModel | LinearPlant | SampledPlant):
        raise InputError(
            f"a plant is wanted, found {type(plant).__name__}; see `linear_plant`, `from_casadi` "
            "and `equations_model`"
        )
    if isinstance(plant, LinearPlant):
        return sampled_model(steps_of(plant, cycle_s))
    return plant_model(plant) if isinstance(plant, SampledPlant) else plant


def make_controller(
    plant: Plant,
    cycle_s: float,
    *,
    track: Mapping[str, float] | Sequence[str] = (),
    limits: Limits = NO_LIMITS,
    soft: Limits = NO_LIMITS,
    rates: Mapping[str, float] = NONE,
    prices: Mapping[str, float] = NONE,
    noise: Mapping[str, float] = NONE,
    critical: Sequence[str] = (),
    spare: Sequence[str] = (),
    response_s: float | None = None,
    horizon_s: float | None = None,
    move_suppression: Mapping[str, float] = NONE,
    dead_times_s: Mapping[str, float] = NONE,
    unmeasured: Sequence[str] = (),
    reading_ages_s: Mapping[str, float] = NONE,
    estimation_s: float | None = None,
    options: ControllerOptions | None = None,
) -> Controller:
    """Return a controller for a plant; set points come each cycle, see `wanted`.

    Args:
        plant: see `control_model`.
        cycle_s: time between moves [s].
        track: CVs or states that get set points: names, or weights per squared span.
        limits: hard limits (low, high) of MVs, CVs or states [SI]; None leaves a side open.
        soft: limits of CVs or states that may be broken before hard ones [SI].
        rates: largest change of an MV per second [SI/s].
        prices: worth of one unit of an MV or CV per second [money/s per SI]: the target earns as
            much as the limits allow. Below zero for what costs.
        noise: standard deviation of the readings, by CV [SI].
        critical: CVs without which there is no move, as soon as they are bad for more cycles in
            a row than `weights.max_bad_readings`.
        spare: MVs without which control goes on: one that is held, outside its limits or not read
            back is planned around. Without the others there is no move.
        response_s: time constant wanted of the closed loop [s].
        horizon_s: to predict [s].
        move_suppression: factor on the default, by MV: 2 halves the moves of a slow plant.
        dead_times_s: of a process model without any, by MV, DV or CV; whole cycles [s].
        unmeasured: where disturbances enter that nobody reads. DVs of the model: they are
            estimated from all CVs, so that a fast CV warns of what a slow one will do, and their
            readings stay nominal. MVs: what acts like them. CVs: loads that come as slowly as
            these move; on a plant with long lags they are met several times sooner.
        reading_ages_s: how old the readings of slow CVs are at most, by CV [s]; each scan says how
            old they are.
        estimation_s: time constant in which disturbances are followed [s]; None for the wanted
            speed.
        options: of the controller; None chooses estimator, discretisation and target.

    Raises:
        InputError: a name is not known, or a number is not possible.

    Example:
        >>> from operator_agent.plant.generic.transfer_function import first_order
        >>> from operator_agent.plant.generic.transfer_matrix import linear_plant
        >>> oven = linear_plant("oven", [[first_order(2.0, 600.0, 90.0)]], ["fuel"], ["temp"])
        >>> control = make_controller(oven, 60.0, track=["temp"], limits={"fuel": (-1, 1)})
        >>> control.weights.n_pred
        30
    """
    check_shapes(
        track,
        {"limits": limits, "soft": soft, "rates": rates, "prices": prices, "noise": noise,
         "move_suppression": move_suppression, "dead_times_s": dead_times_s,
         "reading_ages_s": reading_ages_s},
    )  # fmt: skip
    check_times({"cycle_s": cycle_s, "response_s": response_s, "horizon_s": horizon_s,
                 "estimation_s": estimation_s})  # fmt: skip
    check_sizes({"noise": noise, "reading_ages_s": reading_ages_s}, move_suppression)
    weighted = dict(track) if isinstance(track, Mapping) else dict.fromkeys(track, 1.0)
    wrong = [f"{name} {weight}" for name, weight in weighted.items() if not 0.0 <= weight < np.inf]
    if wrong:
        raise InputError(
            f"weights in `track` are {', '.join(wrong)}; they are finite, zero or more"
        )
    model = control_model(plant, cycle_s)
    if dead_times_s:
        model = _delayed(model, cycle_s, dead_times_s)
    asked = dict.fromkeys([*weighted, *limits, *soft, *prices])
    states = [n for n in asked if n in model.x_names and n not in (*model.y_names, *model.u_names)]
    model = states_as_outputs(model, states) if states else model
    pairs = {name: Soft(low, high) for name, (low, high) in soft.items()}
    variables = control_variables(model, limits, pairs, rates).variables
    variables = _with_readings(variables, noise, critical, spare)
    by_name(reading_ages_s, model.y_names, 0.0, "reading_ages_s")  # refuses what is no CV
    chosen = defaults(
        model,
        cycle_s,
        Asked(weighted, (*limits, *soft), response_s, horizon_s, move_suppression, prices),
    )
    if options is None:
        tuning = KalmanTuning(
            noise=NoiseTuning(
                time_constant_s=estimation_s or max(ESTIMATION * chosen.response_s, chosen.late_s),
                state_noise=STATE_NOISE * np.sqrt(HOUR_S / chosen.response_s),
            ),
            least_gate=chosen.weights.spike_spans,
            slow_cvs=tuple(reading_ages_s),
            oldest_s=max(reading_ages_s.values(), default=0.0) + cycle_s,
        )
        names = (*weighted, *limits, *soft, *prices)
        model, options = _put_together(model, chosen, tuple(unmeasured), tuning, names)
    economics = _economics(model, prices)
    return Controller(model, variables, chosen.weights, economics, cycle_s, options)


def wanted(setpoints: Mapping[str, float] = NONE, prices: Mapping[str, float] = NONE
           ) -> EconomicTargets:  # fmt: skip
    """Return the wishes of one cycle for `Controller.step`.

    Args:
        setpoints: by CV [SI].
        prices: those of `make_controller`, all of them; they may change from cycle to cycle.
    """
    return EconomicTargets("setpoints", 0.0, {"all": 1.0}, 0.0, setpoints, prices, 0.0, 0.0)


def _put_together(
    model: Model,
    chosen: Defaults,
    unmeasured: tuple[str, ...],
    tuning: KalmanTuning,
    asked: Sequence[str],
) -> tuple[Model, ControllerOptions]:
    """Return the model to plan with and the options that suit it."""
    weights, loop = chosen.weights, chosen.loop
    model, integrating = without_balance(model, loop.integrating, asked, chosen.horizon_s)
    options = ControllerOptions(
        formulation=Formulation(scheme=None),
        target=TargetTuning(
            pull=weights.target_pull,
            proximal=weights.target_proximal,
            step=weights.target_step,
        ),
        integrating=integrating,
        second_solver=SecondSolver.ASTRAY,
    )
    if loop.settles and not unmeasured and not states_are_read(model):
        return model, options
    loaded = load_lags(model, loop, [name for name in unmeasured if name in model.y_names])
    if loaded:
        model = with_loads(model, loaded)
    disturbances = _disturbances(model, unmeasured)
    planned = planning_model(model, disturbances)
    return planned, replace(options, estimator=KalmanChoice(disturbances, tuning))


def _disturbances(model: Model, unmeasured: tuple[str, ...]) -> DisturbanceModel:
    """Return what is estimated: what is unmeasured, then biases that can be told apart.

    Where all states are read, errors of their rates take the place of unmeasured disturbances.

    Raises:
        InputError: the CVs do not tell the unmeasured disturbances apart.
    """
    if not unmeasured and states_are_read(model):
        chosen = DisturbanceModel(states=model.x_names)
    elif not unmeasured:
        return default_disturbances(model)
    else:
        loaded = [name for name in unmeasured if name in model.y_names]
        inputs = tuple(name for name in unmeasured if name in model.u_names)
        known = {*loaded, *inputs}
        chosen = DisturbanceModel(
            inputs=inputs,
            states=load_names(loaded),
            parameters=tuple(name for name in unmeasured if name not in known),
        )
    blind = blind_combination(planning_model(model, chosen), chosen)
    if blind:
        raise InputError(
            f"model {model.name}: the CVs do not show {', '.join(blind)} apart from each other; "
            "measure another CV, or leave one of them out of `unmeasured`"
        )
    for name in reversed(model.y_names):
        if len(chosen.names) == model.n_y:
            break
        more = replace(chosen, outputs=(name, *chosen.outputs))
        if not blind_combination(planning_model(model, more), more):
            chosen = more
    return chosen


def _delayed(model: Model, cycle_s: float, dead_times_s: Mapping[str, float]) -> SampledModel:
    if isinstance(model, SampledModel):
        raise InputError(
            f"model {model.name} is in steps already; give its dead times where it is made"
        )
    outputs = {n: t for n, t in dead_times_s.items() if n in model.y_names}
    inputs = {n: t for n, t in dead_times_s.items() if n not in outputs}
    return delayed_model(model, cycle_s, inputs, outputs)


def _with_readings(
    variables: ControlVariables,
    noise: Mapping[str, float],
    critical: Sequence[str],
    spare: Sequence[str],
) -> ControlVariables:
    names, mvs = variables.cv_names, variables.mv_names
    by_name(dict.fromkeys(critical, 1.0), names, 0.0, "critical CV")  # refuses what is no CV
    by_name(dict.fromkeys(spare, 1.0), mvs, 0.0, "spare MV")
    return replace(
        variables,
        cv_noise=by_name(noise, names, 0.0, "noise"),
        cv_critical=np.array([name in critical for name in names], dtype=np.bool_),
        mv_critical=np.array([name not in spare for name in mvs], dtype=np.bool_),
    )


def _economics(model: Model, prices: Mapping[str, float]) -> Economics | None:
    """Return the sum of prices times variables."""
    if not prices:
        return None
    x, u, d = (ca.SX.sym(n, k) for n, k in (("x", model.n_x), ("u", model.n_u), ("d", model.n_d)))
    p, y = ca.SX.sym("p", len(prices)), model.outputs(x, u, d)
    values = []
    for name in prices:
        if name in model.u_names:
            values.append(u[model.u_names.index(name)])
        elif name in model.y_names:
            values.append(y[model.y_names.index(name)])
        else:
            raise InputError(
                f"price of '{name}': model {model.name} has the MVs {', '.join(model.u_names)} and "
                f"the CVs {', '.join(model.y_names)}"
            )
    profit = ca.Function("profit", [x, u, d, p], [ca.dot(p, ca.vertcat(*values))])
    return Economics(profit, tuple(prices))
