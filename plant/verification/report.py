"""Figures of the crude unit's models as a text: operating point, gains, time constants, speed."""

import time
from collections.abc import Sequence

import casadi as ca
import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.plant.integrate import (
    SteadyStateSolver,
    make_integrator,
    make_steady_state_solver,
)
from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.unit.crude_unit import CrudeUnit, build_crude_unit
from operator_agent.plant.variables import PRODUCTS
from operator_agent.units import from_si

_GAIN_STEP = 0.25  # of the span of each manipulated variable
_CURVATURE_SPANS = np.linspace(-1.5, 1.5, 9)
_MAIN_EFFECTS = (
    ("temp_top", "temp_tbp95_naphtha"),
    ("flow_vol_kerosene", "temp_tbp95_kerosene"),
    ("flow_vol_lgo", "temp_tbp95_lgo"),
    ("flow_vol_hgo", "temp_tbp95_hgo"),
)
_SETTLED = 0.05  # of the whole change
_SETTLING_STEP = 0.5  # of the span of each manipulated variable
_N_SETTLING = 180  # minutes
_N_SPEED = 120  # steps of one minute
_CHANGE_EVERY = 10  # minutes between changes of all set points
_SHOWN_UNIT = {"temp": "degC", "duty": "MW", "flow_vol": "m3/h", "fraction": "%"}
_SHOWN = (
    "temp_overhead",
    "temp_draw_kerosene",
    "temp_draw_lgo",
    "temp_draw_hgo",
    "temp_flash_zone",
    "temp_bottom",
    "fraction_vaporised",
    "flow_vol_reflux",
    "duty_pumparound_top_actual",
    "duty_pumparound_mid_actual",
    "duty_pumparound_bottom_actual",
    *(f"fraction_yield_{product}" for product in PRODUCTS),
)


def report(case: CrudeUnitCase) -> str:
    """Return the figures of both layouts as Markdown tables.

    Raises:
        PlantError: a model does not come to rest.
    """
    built = {}
    seconds = {}
    for key in case.layouts:
        start = time.process_time()
        built[key] = build_crude_unit(case, key)
        seconds[key] = time.process_time() - start
    solvers = {key: make_steady_state_solver(unit.model) for key, unit in built.items()}
    parts = [_sizes(built, seconds), _operating_points(built)]
    parts += [_gains(key, solver) for key, solver in solvers.items()]
    parts += [_curvature(solvers), _settling(solvers)]
    return "\n\n".join(parts) + "\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _sizes(built: dict[str, CrudeUnit], seconds: dict[str, float]) -> str:
    rows = []
    for key, unit in built.items():
        step_s = _step_time(unit)
        rows.append(
            [
                key,
                str(unit.model.n_x),
                f"{seconds[key]:.2f}",
                f"{1e3 * step_s:.1f}",
                f"{60.0 / step_s:,.0f}",
                f"{_residual(unit):.0e}",
                f"{_slowest(unit) / 60.0:.0f}",
            ]
        )
    head = ["layout", "states", "build, s", "60 s step, ms", "x real time"]
    return _table([*head, "residual at rest, spans/s", "slowest time constant, min"], rows)


def _step_time(unit: CrudeUnit) -> float:
    """Return the processor time [s] of one step of a minute, with all set points moving."""
    model, integrator = unit.model, make_integrator(unit.model)
    rng = np.random.default_rng(0)
    x, u = model.x_nominal, model.u_nominal
    start = time.process_time()
    for minute in range(_N_SPEED):
        if minute % _CHANGE_EVERY == 0:
            u = model.u_nominal + 0.5 * model.u_scale * rng.uniform(-1.0, 1.0, model.n_u)
        x = integrator.step(x, u, model.d_nominal, 60.0)
    return (time.process_time() - start) / _N_SPEED


def _residual(unit: CrudeUnit) -> float:
    model = unit.model
    rate = model.rhs(model.x_nominal, model.u_nominal, model.d_nominal).full().ravel()
    return float(np.max(np.abs(rate / model.x_scale)))


def _slowest(unit: CrudeUnit) -> float:
    """Return the largest time constant at the nominal point [s], without states that drift."""
    model = unit.model
    moving = np.array([name not in model.drifting for name in model.x_names])
    x = ca.SX.sym("x", model.n_x)
    rate = model.rhs(x, model.u_nominal, model.d_nominal)
    slopes = ca.Function("slopes", [x], [ca.jacobian(rate, x)])(model.x_nominal).full()
    return -1.0 / float(np.max(np.linalg.eigvals(slopes[np.ix_(moving, moving)]).real))


def _told(unit: CrudeUnit, x: FloatArray, u: FloatArray) -> dict[str, float]:
    model = unit.model
    values = model.outputs(x, u, model.d_nominal).full().ravel()
    told = dict(zip(model.y_names, map(float, values), strict=True))
    further = unit.information(x, u, model.d_nominal).full().ravel()
    return told | dict(zip(unit.information_names, map(float, further), strict=True))


def _text(name: str, value: float) -> str:
    symbol = next((u for start, u in _SHOWN_UNIT.items() if name.startswith(start)), "1")
    return f"{from_si(value, symbol):.1f} {symbol}"


def _operating_points(built: dict[str, CrudeUnit]) -> str:
    told = {key: _told(u, u.model.x_nominal, u.model.u_nominal) for key, u in built.items()}
    first = next(iter(built.values()))
    rows = [
        [f"`{name}`", *(_text(name, values[name]) for values in told.values())]
        for name in (*first.model.y_names, *_SHOWN)
    ]
    return _table(["nominal point", *told], rows)


def _gains(key: str, solver: SteadyStateSolver) -> str:
    """Return the steady gains, in spans of the CV per span of the MV."""
    model = solver.integrator.model
    base = model.outputs(model.x_nominal, model.u_nominal, model.d_nominal).full().ravel()
    columns = []
    for n in range(model.n_u):
        u = model.u_nominal.copy()
        u[n] += _GAIN_STEP * model.u_scale[n]
        x = solver.solve(u, model.d_nominal, model.x_nominal)
        moved = model.outputs(x, u, model.d_nominal).full().ravel()
        columns.append((moved - base) / model.y_scale / _GAIN_STEP)
    rows = [
        [f"`{cv}`", *(f"{column[row]:.2f}" for column in columns)]
        for row, cv in enumerate(model.y_names)
    ]
    return _table([f"gains, {key}", *(f"`{mv}`" for mv in model.u_names)], rows)


def _curvature(solvers: dict[str, SteadyStateSolver]) -> str:
    """Return how far main gains vary while their variable crosses three spans."""
    rows = []
    for mv, cv in _MAIN_EFFECTS:
        row = [f"`{mv}` on `{cv}`"]
        for solver in solvers.values():
            model = solver.integrator.model
            n, at = model.u_names.index(mv), model.y_names.index(cv)
            values, x = [], model.x_nominal
            for spans in _CURVATURE_SPANS:
                u = model.u_nominal.copy()
                u[n] += spans * model.u_scale[n]
                x = solver.solve(u, model.d_nominal, x)
                outputs = model.outputs(x, u, model.d_nominal).full().ravel()
                values.append(float(outputs[at] / model.y_scale[at]))
            gains = np.diff(values) / np.diff(_CURVATURE_SPANS)
            row.append(f"{gains.min():.2f} to {gains.max():.2f}")
        rows.append(row)
    return _table(["gain within 1.5 spans", *solvers], rows)


def _settling(solvers: dict[str, SteadyStateSolver]) -> str:
    """Return the time to 95 % of the longest and shortest responses of boiling points."""
    first = next(iter(solvers.values())).integrator.model
    rows = []
    for n, mv in enumerate(first.u_names):
        times = [_settling_times(solver, n) for solver in solvers.values()]
        rows.append([f"`{mv}`", *(f"{min(t)} to {max(t)}" if t else "-" for t in times)])
    return _table(["minutes to 95 % of the boiling points", *solvers], rows)


def _settling_times(solver: SteadyStateSolver, mv: int) -> list[int]:
    """Return minutes to 95 % for each boiling point that moves by 0.05 of a span or more."""
    model = solver.integrator.model
    u, d = model.u_nominal.copy(), model.d_nominal
    u[mv] += _SETTLING_STEP * model.u_scale[mv]
    curves = [n for n, name in enumerate(model.y_names) if name.startswith("temp_")]
    x = model.x_nominal
    path = [model.outputs(x, u, d).full().ravel()[curves]]
    for _ in range(_N_SETTLING):
        x = solver.integrator.step(x, u, d, 60.0)
        path.append(model.outputs(x, u, d).full().ravel()[curves])
    end = model.outputs(solver.solve(u, d, x), u, d).full().ravel()[curves]
    change = np.abs(end - path[0])
    moving = change > 0.05 * model.y_scale[curves]
    away = np.abs(np.array(path) - end) > _SETTLED * change
    return [int(np.flatnonzero(away[:, n])[-1]) + 1 for n in np.flatnonzero(moving)]
