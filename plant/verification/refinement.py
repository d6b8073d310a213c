"""What the numbers of lumps and trays do to the unit's steady state, at one recipe."""

from dataclasses import replace

from operator_agent.errors import PlantError
from operator_agent.plant.unit.crude_unit import build_crude_unit
from operator_agent.plant.verification.layout_of_size import layout_of_size
from operator_agent.plant.verification.subject import Subject, told
from operator_agent.plant.verification.topic import Column, Row, Topic
from operator_agent.units import from_si

LUMPS = (8, 10, 12, 15, 18, 21, 24)
TRAYS = (10, 12, 14, 16, 18, 20, 24)
_SHOWN = (
    ("temp_tbp95_naphtha", "T95 naphtha, degC", "degC", ".1f"),
    ("temp_tbp95_kerosene", "T95 kerosene, degC", "degC", ".1f"),
    ("temp_tbp95_lgo", "T95 LGO, degC", "degC", ".1f"),
    ("temp_tbp95_hgo", "T95 HGO, degC", "degC", ".1f"),
    ("temp_flash_zone", "flash zone, degC", "degC", ".1f"),
    ("fraction_overflash", "overflash, vol%", "%", ".2f"),
    ("fraction_yield_naphtha", "naphtha, vol%", "%", ".2f"),
    ("duty_furnace", "furnace, MW", "MW", ".2f"),
    ("duty_condenser", "condenser, MW", "MW", ".2f"),
)


def refinement_topics(
    subject: Subject, lumps: tuple[int, ...] = LUMPS, trays: tuple[int, ...] = TRAYS
) -> tuple[Topic, ...]:
    """Return the tables of refinement in lumps and in trays.

    Args:
        subject: the unit whose layout is scaled.
        lumps: numbers of lumps, at the layout's trays.
        trays: numbers of trays, at the layout's lumps.

    Raises:
        InputError: a number is too small for a layout.
    """
    base = subject.case.layout(subject.layout)
    n_lumps = len(base.lump_edges) + 1
    heads = (
        Column("states", ".0f"),
        *(Column(title, form) for _, title, _, form in _SHOWN),
    )
    by_lumps = tuple(_row(subject, f"{n}", n, base.n_trays) for n in lumps)
    by_trays = tuple(_row(subject, f"{n}", n_lumps, n) for n in trays)
    notes = (
        "Set points, draws and equipment are those of the nominal point. Edges between lumps are "
        "read off the layout's edges at even steps; draws, pumparounds and feed keep their height.",
    )
    lump_note = (
        "Lumps are a discretisation: their table should settle. What still moves is the 95 % point "
        "of HGO, which lies where lumps are wide.",
    )
    tray_note = (
        "Equilibrium stages are no discretisation: more of them separate better, as a column with "
        "more trays would. Heat and yields should hardly move.",
    )
    key = "refinement"
    return (
        Topic(
            key,
            f"Refinement in lumps, {base.n_trays} trays",
            (Column("lumps"), *heads),
            by_lumps,
            (*notes, *lump_note),
        ),
        Topic(
            key,
            f"Refinement in trays, {n_lumps} lumps",
            (Column("trays"), *heads),
            by_trays,
            tray_note,
        ),
    )


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
    cells = [from_si(at[variable], symbol) for variable, _, symbol, _ in _SHOWN]
    return Row((name, float(model.n_x), *cells), None)
