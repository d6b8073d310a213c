"""Yields of single crudes: the lumps' curves, and the unit's products, beside the assays' TBP.

The cut point between two neighbours is half-way between the temperature at which 95 % of the
lighter and 5 % of the heavier product have boiled off: their own curves decide it, not the sum of
all products, which is the curve of the feed whatever the column does. What the unit makes up to
there is compared with what the assay boils off up to there. A column that separates nothing gives
five products of one curve, whose ends overlap by hundreds of kelvins.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.optimize import brentq

from operator_agent.arrays import FloatArray
from operator_agent.errors import PlantError
from operator_agent.plant.crude.assay import Assay
from operator_agent.plant.crude.lumps import Lumps, lumps
from operator_agent.plant.crude.tbp import BoilingCurve
from operator_agent.plant.crude.thermo import properties
from operator_agent.plant.integrate import SteadyStateSolver, make_steady_state_solver
from operator_agent.plant.unit.card_search import card_targets, find_card
from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.unit.crude_unit import CrudeUnit, build_crude_unit, disturbance_vector
from operator_agent.plant.unit.recipe import nearest_recipe
from operator_agent.plant.variables import MV_NAMES, PRODUCTS, SIDE_PRODUCTS
from operator_agent.plant.verification.assay_tables import yield_rows
from operator_agent.plant.verification.subject import Subject, told, with_crudes
from operator_agent.plant.verification.titles import TITLES
from operator_agent.plant.verification.topic import Column, Row, Topic
from operator_agent.units import from_si

# Both assumed. Half-way is right where two products overlap alike to both sides; with a short cut
# beside a long residue it is not, hence more than the 1.5 vol% of a laboratory's distillation.
ALLOWED = 3.5  # [vol%]
OVERLAP_K = 75.0  # an eighth of what a column that separates nothing leaves
_MARGIN_K, _OVERFLASH = 6.0, 0.04  # of the cards that are sought for crudes without one
_SHARE_OF_LOAD = 0.8  # of the nearest card, for a crude that nobody has run yet
_LIGHT, _HEAVY = 0.05, 0.95
_COLDEST_K, _HOTTEST_K = 150.0, 1500.0


def yield_topics(subject: Subject) -> tuple[Topic, ...]:
    """Return the yields of the lumps' curves and those of the unit beside the assays.

    Raises:
        PlantError: the unit does not come to rest on one of the crudes.
    """
    case = with_crudes(subject.case, subject.further)
    layout = case.layout(subject.layout)
    slate = case.slate_vector(case.slate)
    subject.progress("yields: curves of the lumps")
    divided = lumps(case.assays, layout.lump_edges, slate)
    return (_of_lumps(divided, case, layout.curve_spread), _of_unit(subject, case))


def _of_lumps(divided: Lumps, case: CrudeUnitCase, spread: float) -> Topic:
    found = yield_rows(divided, case.assays, spread)
    names = list(dict.fromkeys(row.topic.removeprefix("yield of ") for row in found))
    rows = []
    for assay in case.assays:
        of_crude = [row for row in found if row.subject.startswith(f"{assay.name}, ")]
        cells = [(row.ours, row.reference) for row in of_crude]
        rows.append(Row((assay.name, *cells), all(row.within for row in of_crude)))
    heads = (Column("lumps / assay, vol%"), *(Column(name, ".1f") for name in names))
    allowed = f"{found[0].allowed:g} vol%"
    notes = (f"Cuts at 165, 230, 315 and 370 degC. Criterion: each within {allowed}.",)
    return Topic("yields", TITLES["yields"][0], heads, tuple(rows), notes)


def _of_unit(subject: Subject, case: CrudeUnitCase) -> Topic:
    if subject.further:
        subject.progress("yields: building the unit with further crudes")
        unit = build_crude_unit(case, subject.layout)
        solver = make_steady_state_solver(unit.model)
    else:
        unit, solver = subject.unit, subject.solver
    rows: list[Row] = []
    for assay in case.assays:
        subject.progress(f"yields: the unit on {assay.name}")
        rows += _rows(unit, solver, case, assay)
    heads = (
        Column("crude"),
        Column("cut"),
        Column("T95 / T05, degC", ".0f"),
        Column("overlap, K", ".0f"),
        Column("cut point, degC", ".1f"),
        Column("yield to it: unit / assay, vol%", ".1f"),
        Column("difference, vol%", "+.2f"),
    )
    notes = (
        "At rest with the card of the crude; without one, with a card sought for T95 of naphtha, "
        f"kerosene and LGO {_MARGIN_K:.0f} K below their limits and {100 * _OVERFLASH:.0f} vol% of "
        f"overflash at {100.0 * _SHARE_OF_LOAD:.0f} % of the nearest card's load. T95 is of the "
        "lighter, T05 of the heavier product of a cut, from their own curves; the overlap is T95 "
        "less T05 and the cut point lies in their middle. Criterion: cumulative yields within "
        f"{ALLOWED:g} vol% of the assay's boiling curve at the cut point, and an overlap of "
        f"{OVERLAP_K:.0f} K or less; five products of one composition overlap by about 600 K.",
    )
    return Topic("yields", TITLES["yields"][1], heads, tuple(rows), notes)


def _rows(
    unit: CrudeUnit, solver: SteadyStateSolver, case: CrudeUnitCase, assay: Assay
) -> list[Row]:
    model = unit.model
    slate = {assay.key: 1.0}
    card = _card(solver, case, slate)
    u = model.u_nominal.copy()
    u[: len(MV_NAMES)] = [card[mv] for mv in MV_NAMES]
    d = disturbance_vector(case, slate)
    x = solver.solve(u, d, model.x_nominal)
    products = Products.of(unit, x, told(unit, x, u, d))
    return cut_rows(products, assay)


def cut_rows(products: "Products", assay: Assay) -> list[Row]:
    """Return the four cuts of a crude's products beside its assay, each judged.

    Args:
        products: of the unit on this crude alone.
        assay: of the crude.
    """
    rows = []
    shares = 100.0 * np.cumsum(products.flows.sum(axis=1)) / float(products.flows.sum())
    for (light, heavy), share in zip(pairwise(PRODUCTS), map(float, shares), strict=False):
        light_end, heavy_start = products.point(light, _HEAVY), products.point(heavy, _LIGHT)
        overlap, cut = light_end - heavy_start, 0.5 * (light_end + heavy_start)
        reference = 100.0 * float(assay.fraction_below(cut))
        cells = (
            assay.name,
            f"{light} / {heavy}",
            (from_si(light_end, "degC"), from_si(heavy_start, "degC")),
            overlap,
            from_si(cut, "degC"),
            (share, reference),
            share - reference,
        )
        rows.append(Row(cells, abs(share - reference) <= ALLOWED and overlap <= OVERLAP_K))
    return rows


def _card(
    solver: SteadyStateSolver, case: CrudeUnitCase, slate: Mapping[str, float]
) -> Mapping[str, float]:
    """Return the card of a crude, found anew where the case has none of this slate."""
    nearest = nearest_recipe(case, slate)
    if nearest.slate == slate:
        return nearest.setpoints
    targets = card_targets(case, _MARGIN_K, _OVERFLASH)
    given = {
        mv: value if mv.startswith("temp_") else _SHARE_OF_LOAD * value
        for mv, value in nearest.setpoints.items()
    }
    try:
        return find_card(solver, case, slate, given, targets)
    except PlantError:  # the nearest card is what a shift would run
        return given


@dataclass(frozen=True, slots=True)
class Products:
    """Boiling curves of all products of a unit.

    Attributes:
        flows: volume of each lump in each product [m3/s], from light to heavy, shape (5, n).
        centre, width: of the lumps' boiling points [K], shape (n,).
    """

    flows: FloatArray
    centre: FloatArray
    width: FloatArray

    @classmethod
    def of(cls, unit: CrudeUnit, x: FloatArray, at: Mapping[str, float]) -> "Products":
        """Return the products' curves from what their vessels hold.

        Args:
            unit: that makes the products.
            x: states, shape (n_x,) [SI].
            at: what the unit tells there.
        """
        curve = BoilingCurve.from_lumps(unit.lumps, unit.layout.curve_spread)
        molar_volume = properties(unit.lumps).molar_volume
        places = {"naphtha": "drum", "residue": f"tray_{unit.layout.n_trays}"}
        places |= {product: f"stripper_{product}" for product in SIDE_PRODUCTS}
        flows = []
        for product in PRODUCTS:
            first = unit.model.x_names.index(f"holdup_{places[product]}_1")
            volumes = x[first : first + unit.lumps.n] * molar_volume
            flows.append(at[f"flow_vol_product_{product}"] * volumes / volumes.sum())
        centre, width = np.array(curve.centre).ravel(), np.array(curve.width).ravel()
        return cls(np.array(flows), centre, width)

    def below(self, temp: float) -> FloatArray:
        """Return the volume of each product that boils below a temperature [m3/s], shape (5,)."""
        share = 0.5 * (1.0 + np.tanh(0.5 * (temp - self.centre) / self.width))
        return np.asarray(self.flows @ share)

    def point(self, product: str, fraction: float) -> float:
        """Return the boiling point of a product at a distilled volume fraction [K]."""
        at = PRODUCTS.index(product)
        wanted = fraction * float(self.flows[at].sum())
        return float(brentq(lambda t: float(self.below(t)[at]) - wanted, _COLDEST_K, _HOTTEST_K))
