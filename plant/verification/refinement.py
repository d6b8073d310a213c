"""What the numbers of lumps and trays do to the unit's steady state, at one recipe."""

from dataclasses import replace

from operator_agent.errors import PlantError
from operator_agent.plant.unit.crude_unit import build_crude_unit
from operator_agent.plant.verification.layout_of_size import layout_of_size
from operator_agent.plant.verification.subject import Subject, told
from operator_agent.plant.verification.titles import TITLES
from operator_agent.plant.verification.topic import Column, Row, Topic
from operator_agent.units import from_si

LUMPS = (8, 10, 12, 15, 18, 21, 24)
TRAYS = (10, 12, 14, 16, 18, 20, 24)
# Variable, column, unit, format, and how near the layout must come to the finest of the table: a
# span of a boiling point, a tenth of a span of everything else.
_SHOWN = (
    ("temp_tbp95_naphtha", "T95 naphtha, degC", "degC", ".1f", 5.0),
    ("temp_tbp95_kerosene", "T95 kerosene, degC", "degC", ".1f", 5.0),
    ("temp_tbp95_lgo", "T95 LGO, degC", "degC", ".1f", 5.0),
    ("temp_tbp95_hgo", "T95 HGO, degC", "degC", ".1f", 5.0),
    ("temp_flash_zone", "flash zone, degC", "degC", ".1f", 0.5),
    ("fraction_overflash", "overflash, vol%", "%", ".2f", 0.2),
    ("fraction_yield_naphtha", "naphtha, vol%", "%", ".2f", 0.2),
    ("duty_furnace", "furnace, MW", "MW", ".2f", 0.2),
    ("duty_condenser", "condenser, MW", "MW", ".2f", 0.2),
)


def refinement_topics(
    subject: Subject, lumps: tuple[int, ...] = LUMPS, trays: tuple[int, ...] = TRAYS
) -> tuple[Topic, ...]:
    """Return the tables of refinement in lumps and in trays.

    Args:
        subject: the unit whose layout is scaled.
        lumps: numbers of lumps, at the layout's trays; the last is the finest.
        trays: numbers of trays, at the layout's lumps.

    Raises:
        InputError: a number is too small for a layout.
    """
    return (_in_lumps(subject, lumps), _in_trays(subject, trays))


def _heads(first: str) -> tuple[Column, ...]:
    shown = (Column(title, form) for _, title, _, form, _ in _SHOWN)
    return (Column(first), Column("states", ".0f"), *shown)


def _in_lumps(subject: Subject, lumps: tuple[int, ...]) -> Topic:
    base = subject.case.layout(subject.layout)
    own = f"{len(base.lump_edges) + 1}"
    rows = [_row(subject, f"{n}", n, base.n_trays) for n in lumps]
    judged = tuple(_judged(row, rows[-1]) if row.cells[0] == own else row for row in rows)
    notes = (
        f"With {base.n_trays} trays. Set points, draws and equipment are those of the nominal "
        "point. Edges between lumps are read off the layout's edges at even steps; draws, "
        "pumparounds and feed keep their height.",
        f"Criterion for the {own} lumps of the layout against the finest: boiling points within a "
        "span (5 K), everything else within a tenth of a span. Lumps are a discretisation: heat "
        "and yields settle first. Boiling points fall as lumps get narrower, because each lump "
        "spreads over a width in proportion to its own, and most where lumps are widest: at the "
        "end of HGO.",
    )
    return Topic("refinement", TITLES["refinement"][0], _heads("lumps"), judged, notes)


def _in_trays(subject: Subject, trays: tuple[int, ...]) -> Topic:
    n_lumps = len(subject.case.layout(subject.layout).lump_edges) + 1
    rows = tuple(_row(subject, f"{n}", n_lumps, n) for n in trays)
    notes = (
        f"With {n_lumps} lumps. Equilibrium stages are no discretisation: more of them separate "
        "better, as a column with more trays would. Places stand on whole trays, so the steps of "
        "the table are uneven: with 10 and 14 trays the middle pumparound cools the tray that the "
        "kerosene is drawn from.",
    )
    return Topic("refinement", TITLES["refinement"][1], _heads("trays"), rows, notes)


def _judged(row: Row, finest: Row) -> Row:
    """Return a row with its verdict against the finest one."""
    pairs = zip(row.cells[2:], finest.cells[2:], _SHOWN, strict=True)
    near = [
        isinstance(ours, float) and isinstance(theirs, float) and abs(ours - theirs) <= shown[4]
        for ours, theirs, shown in pairs
    ]
    return Row(row.cells, all(near))


def _row(subject: Subject, name: str, n_lumps: int, n_trays: int) -> Row:
    base = subject.case.layout(subject.layout)
    whole = (n_lumps, n_trays) == (len(base.lump_edges) + 1, base.n_trays)
    layout = base if whole else layout_of_size(base, n_lumps, n_trays)
    subject.progress(f"refinement: {n_lumps} lumps, {n_trays} trays")
    try:
        if whole:
            unit = subject.unit
        else:
            case = replace(subject.case, layouts={layout.key: layout})
            unit = build_crude_unit(case, layout.key)
    except PlantError:
        return Row((f"{name}, no rest", *(None for _ in range(len(_SHOWN) + 1))), None)
    model = unit.model
    at = told(unit, model.x_nominal, model.u_nominal, model.d_nominal)
    cells = [from_si(at[variable], symbol) for variable, _, symbol, *_ in _SHOWN]
    return Row((name, float(model.n_x), *cells), None)
