"""What was published on the classics, or simulated apart, beside what this code computes."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.plant.classics import (
    column_a,
    ogunnaike_ray,
    quadruple_tank,
    shell_fractionator,
    van_de_vusse,
    williams_otto,
    wood_berry,
)
from operator_agent.plant.classics.linearised import Linearised
from operator_agent.plant.classics.loops import (
    LoopScore,
    PiLoop,
    largest_log_modulus,
    run_loops,
)
from operator_agent.plant.generic.gains import relative_gains, steady_gains
from operator_agent.units import from_si

_MINUTE_S = 60.0
_LOOP_SAMPLE_S = 1.2  # fine enough for three digits; divides all dead times
_LOOP_MINUTES = 200.0
_FEED_STEP = 0.34  # [lb/min]
# Johansson 2000: time constants, zeros, steady gains and levels of both operating points.
_TANK = {
    "minimum_phase": {
        "level, cm": (12.4, 12.7, 1.8, 1.4),
        "time constant, s": (62.0, 90.0, 23.0, 30.0),
        "zero, 1/s": (-0.060, -0.018),
        "gain, V/V": (2.6, 1.5, 1.4, 2.8),
        "relative gain": (1.40,),
    },
    "nonminimum_phase": {
        "level, cm": (12.6, 13.0, 4.8, 4.9),
        "time constant, s": (63.0, 91.0, 39.0, 56.0),
        "zero, 1/s": (-0.057, 0.013),
        "gain, V/V": (1.5, 2.5, 2.5, 1.6),
        "relative gain": (-0.64,),
    },
}
# Concentrations [mol/l] and temperatures [C] at rest.
_REACTOR = {
    "klatt_engell": (1.235, 0.900, 134.14, 128.95),
    "chen": (2.14, 1.09, 114.2, 112.9),
}
_SHELL_RGA = ((2.08, -0.73, -0.35), (3.42, 0.93, -3.36), (-4.50, 0.80, 4.71))
_OGUNNAIKE_RGA = (2.0084, 1.8246, 1.4650)
# Integral absolute errors [wt% min] of both loops under the tuning of Luyben: no publication, but a
# simulation apart from this code, in steps of 0.1 min over 200 min.
_WOOD_BERRY_ERRORS = {
    "set point 1": (4.567, 16.495),
    "set point 2": (3.331, 31.985),
    "feed": (2.597, 31.792),
}
_APART = "not published: simulated apart, steps of 0.1 min"


@dataclass(frozen=True, slots=True)
class ReferenceFigure:
    """One number of a reference beside the same number from this code.

    Attributes:
        plant: name.
        quantity: with its unit.
        reference: as printed, or as simulated apart.
        computed: here.
        source: author and year, or that it is no publication.
    """

    plant: str
    quantity: str
    reference: float
    computed: float
    source: str

    @property
    def relative_difference(self) -> float:
        """(computed - reference) / |reference|; the difference itself when that is zero."""
        return (self.computed - self.reference) / (abs(self.reference) or 1.0)


def published_rows() -> tuple[ReferenceFigure, ...]:
    """Return all rows whose reference is printed in the literature, plant by plant."""
    return (
        *_column_a(),
        *_quadruple_tank(),
        *_van_de_vusse(),
        *_williams_otto(),
        *_shell(),
        *_wood_berry(),
        *_ogunnaike_ray(),
    )


def _column_a() -> Iterator[ReferenceFigure]:
    model = column_a.column_a()
    linear = Linearised.of(model)
    y = model.outputs(model.x_nominal, model.u_nominal, model.d_nominal).full().ravel()
    book = "Skogestad and Postlethwaite 2005"
    times = linear.time_constants_s / _MINUTE_S
    rows = [
        ("mole fraction of the distillate", 0.99, y[0]),
        ("mole fraction of the bottoms", 0.01, y[1]),
        ("RGA(1,1), LV configuration", 35.9, relative_gains(linear.gains[:, :2])[0, 0]),
        ("slowest time constant, min", 194.0, times[0]),
    ]
    n_book = len(rows)
    names = [f"gain of {cv} to {mv}, 1/(kmol/min)" for cv in ("yD", "xB") for mv in "LVF"]
    printed = (0.8754, -0.8618, 0.3939, 1.0846, -1.0982, 0.5861)
    found = (linear.gains[:, :3] * column_a.KMOL_MIN).ravel()
    rows += zip(names, printed, found, strict=True)
    for cv, value, gain in zip(("yD", "xB"), (0.8812, 1.1188), linear.gains[:, 3], strict=True):
        rows.append((f"gain of {cv} to zF", value, gain))
    simple = np.array(column_a.SIMPLIFIED_GAINS)
    for n, (quantity, value, computed) in enumerate(rows):
        source = book if n < n_book else "Skogestad, colamod"
        yield ReferenceFigure("Column A", quantity, value, float(computed), source)
    morari = "Skogestad, Morari and Doyle 1988"
    singular = np.linalg.svd(simple, compute_uv=False)
    simplified = "Column A, simplified"
    yield ReferenceFigure(simplified, "RGA(1,1)", 35.1, float(relative_gains(simple)[0, 0]), morari)
    yield ReferenceFigure(
        simplified, "condition number", 141.7, float(singular[0] / singular[1]), morari
    )


def _quadruple_tank() -> Iterator[ReferenceFigure]:
    for point in (quadruple_tank.MINIMUM_PHASE, quadruple_tank.NONMINIMUM_PHASE):
        model = quadruple_tank.quadruple_tank(point)
        linear = Linearised.of(model)
        gains = linear.gains[:, :2]
        found = {
            "level, cm": 100.0 * model.x_nominal,
            "time constant, s": -1.0 / np.diag(linear.a),
            "zero, 1/s": linear.zeros(),
            "gain, V/V": gains.ravel(),
            "relative gain": relative_gains(gains)[0, :1],
        }
        for quantity, values in _TANK[point.name].items():
            for n, value in enumerate(values):
                label = f"{point.name.replace('_', ' ')}: {quantity} ({n + 1})"
                computed = float(found[quantity][n])
                yield ReferenceFigure("quadruple tank", label, value, computed, "Johansson 2000")


def _van_de_vusse() -> Iterator[ReferenceFigure]:
    quantities = ("cA, mol/l", "cB, mol/l", "T, C", "TK, C")
    sources = {"klatt_engell": "Klatt and Engell 1998", "chen": "Chen et al. 1995"}
    for point in (van_de_vusse.KLATT_ENGELL, van_de_vusse.CHEN):
        x = van_de_vusse.van_de_vusse(point).x_nominal
        found = (*(1e-3 * x[:2]), *(from_si(float(temp), "degC") for temp in x[2:]))
        for quantity, value, computed in zip(quantities, _REACTOR[point.name], found, strict=True):
            yield ReferenceFigure(
                "van de Vusse reactor", quantity, value, float(computed), sources[point.name]
            )


def _williams_otto() -> Iterator[ReferenceFigure]:
    best = williams_otto.steady_optimum(williams_otto.williams_otto())
    for quantity, value, computed in (
        ("optimal feed of B, kg/s", 4.787, best.flow_b),
        ("optimal temperature, C", 89.70, from_si(best.temp, "degC")),
        ("optimal profit, $/s", 190.98, best.profit),
    ):
        yield ReferenceFigure(
            "Williams-Otto reactor", quantity, value, computed, "Marchetti et al. 2009"
        )


def _shell() -> Iterator[ReferenceFigure]:
    gains = steady_gains(shell_fractionator.elements())[[0, 1, 6], :3]
    plant, source = "Shell fractionator", "Jusagemal 2011"
    determinant = float(np.linalg.det(gains))
    yield ReferenceFigure(plant, "determinant of y1, y2, y7", 20.850, determinant, source)
    yield from _matrix_rows(plant, _SHELL_RGA, relative_gains(gains), source)


def _matrix_rows(
    plant: str, published: tuple[tuple[float, ...], ...], computed: FloatArray, source: str
) -> Iterator[ReferenceFigure]:
    for i, row in enumerate(published):
        for j, value in enumerate(row):
            label = f"RGA({i + 1},{j + 1})"
            yield ReferenceFigure(plant, label, value, float(computed[i, j]), source)


def _wood_berry() -> Iterator[ReferenceFigure]:
    plant, luyben = "Wood-Berry column", "Luyben 1986"
    elements = wood_berry.elements()
    gains = steady_gains(elements)[:, :2]
    yield ReferenceFigure(plant, "RGA(1,1)", 2.01, float(relative_gains(gains)[0, 0]), luyben)
    index = float(np.linalg.det(gains) / np.prod(np.diag(gains)))
    yield ReferenceFigure(plant, "Niederlinski index", 0.498, index, luyben)
    resets = [_MINUTE_S * reset for reset in wood_berry.BLT_RESETS_MIN]
    modulus = largest_log_modulus(elements, wood_berry.BLT_GAINS, resets)
    yield ReferenceFigure(plant, "largest log modulus with BLT, dB", 4.0, modulus, luyben)


def rows_computed_apart() -> tuple[ReferenceFigure, ...]:
    """Return the rows whose reference is no publication but a second, separate simulation."""
    return tuple(_wood_berry_loops())


def _wood_berry_loops() -> Iterator[ReferenceFigure]:
    for what, errors in _WOOD_BERRY_ERRORS.items():
        found = wood_berry_score(what).absolute_error / _MINUTE_S
        for name, value, computed in zip(("distillate", "bottoms"), errors, found, strict=True):
            label = f"BLT, step of {what}: IAE of {name}, wt% min"
            yield ReferenceFigure("Wood-Berry column", label, value, float(computed), _APART)


def wood_berry_score(what: str) -> LoopScore:
    """Return the score of both loops with Luyben's tuning over 200 min [wt%, lb/min, s].

    Args:
        what: `set point 1` or `set point 2` (by 1 wt%) or `feed` (by 0.34 lb/min).
    """
    plant = wood_berry.wood_berry_sampled(_LOOP_SAMPLE_S)
    changes = [float(what == "set point 1"), float(what == "set point 2")]
    if what == "feed":
        feed = wood_berry.DISTURBANCES[0]
        plant.disturb(feed.name, feed.nominal + _FEED_STEP)
    loops = [
        PiLoop(mv.name, cv.name, gain, _MINUTE_S * reset)
        for mv, cv, gain, reset in zip(
            wood_berry.INPUTS,
            wood_berry.OUTPUTS,
            wood_berry.BLT_GAINS,
            wood_berry.BLT_RESETS_MIN,
            strict=True,
        )
    ]
    return run_loops(plant, loops, changes, _LOOP_MINUTES * _MINUTE_S)


def _ogunnaike_ray() -> Iterator[ReferenceFigure]:
    plant, luyben = "Ogunnaike-Ray column", "Luyben 1986"
    elements = ogunnaike_ray.elements()
    gains = steady_gains(elements)[:, :3]
    found = relative_gains(gains)
    for n, value in enumerate(_OGUNNAIKE_RGA):
        label = f"RGA({n + 1},{n + 1})"
        yield ReferenceFigure(plant, label, value, float(found[n, n]), "Ogunnaike and Ray 1979")
    resets = [_MINUTE_S * reset for reset in ogunnaike_ray.BLT_RESETS_MIN]
    modulus = largest_log_modulus(elements, ogunnaike_ray.BLT_GAINS, resets)
    yield ReferenceFigure(plant, "largest log modulus with BLT, dB", 6.0, modulus, luyben)
