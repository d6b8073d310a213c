"""The nominal operating point beside the usual ranges of atmospheric crude units."""

from collections.abc import Mapping
from dataclasses import dataclass

from operator_agent.plant.variables import PLACES
from operator_agent.plant.verification.subject import Subject
from operator_agent.plant.verification.titles import TITLES
from operator_agent.plant.verification.topic import Column, Row, Topic
from operator_agent.units import from_si

_TEXTBOOKS = "usual in textbooks [recalled]"
_OVERFLASH = "3 to 6 vol% [1], 3 to 5 vol% [2]; operators go lower [recalled]"
_COIL_OUTLET = "330 to 385 degC [2], 343 to 371 degC [3]; narrower [recalled]"
_FLASH_ZONE = "cracking begins at 343 to 354 degC for most crudes [4]; round it [recalled]"
_OXYGEN = "15 % excess air for gas, API 535 [5], which is 3 % of oxygen; round it [recalled]"
_PAGES = (
    "[1] petroleum-industry-eng.blogspot.com/p/process-variables_05.html",
    "[2] Fahim and others, Fundamentals of Petroleum Refining (2010), as quoted on the web",
    "[3] esteemprojects.com/library/Fired-Heater-Design/page1_5.htm (650 to 700 degF)",
    "[4] buffalobrewingstl.com/refinery-distillation/flash-zone-conditions.html (650 to 670 degF)",
    "[5] xrgtechnologies.com/tools",
)


@dataclass(frozen=True, slots=True)
class Usual:
    """Usual range of one quantity.

    Attributes:
        name: of the quantity, as the unit tells it.
        label: in words.
        unit: of the range.
        low, high: usual range [unit].
        source: of the range.
    """

    name: str
    label: str
    unit: str
    low: float
    high: float
    source: str


USUAL = (
    Usual("fraction_overflash", "overflash, of the feed", "%", 2.0, 5.0, _OVERFLASH),
    Usual("temp_flash_zone", "flash zone", "degC", 340.0, 360.0, _FLASH_ZONE),
    Usual("temp_coil_outlet", "coil outlet", "degC", 340.0, 370.0, _COIL_OUTLET),
    Usual("duty_furnace", "absorbed duty of the heater", "MW", 50.0, 80.0, _TEXTBOOKS),
    Usual("duty_condenser", "condenser", "MW", 25.0, 45.0, _TEXTBOOKS),
    Usual("share_pumparounds", "pumparounds, of the heat removed", "%", 40.0, 60.0, _TEXTBOOKS),
    Usual("temp_overhead", "column top", "degC", 110.0, 140.0, _TEXTBOOKS),
    Usual("temp_draw_kerosene", "kerosene draw", "degC", 170.0, 200.0, _TEXTBOOKS),
    Usual("temp_draw_lgo", "LGO draw", "degC", 240.0, 270.0, _TEXTBOOKS),
    Usual("temp_draw_hgo", "HGO draw", "degC", 300.0, 340.0, _TEXTBOOKS),
    Usual("temp_bottom", "column bottom", "degC", 335.0, 350.0, _TEXTBOOKS),
    Usual("pressure_top", "top pressure, absolute", "bar", 1.3, 2.0, _TEXTBOOKS),
    Usual("temp_drum", "reflux drum", "degC", 35.0, 60.0, _TEXTBOOKS),
    Usual("temp_desalter", "desalter", "degC", 110.0, 150.0, _TEXTBOOKS),
    Usual("temp_preheat", "heater inlet", "degC", 200.0, 280.0, _TEXTBOOKS),
    Usual("heat_per_crude", "absorbed heat per crude", "GJ/t", 0.3, 0.5, _TEXTBOOKS),
    Usual("fraction_oxygen_stack_actual", "oxygen in the stack, dry", "%", 2.0, 4.0, _OXYGEN),
    Usual("temp_stack", "stack", "degC", 150.0, 250.0, _TEXTBOOKS),
    Usual("fraction_efficiency_heater", "efficiency of the heater", "%", 85.0, 92.0, _TEXTBOOKS),
    Usual("temp_skin", "hottest tube skin", "degC", 430.0, 550.0, _TEXTBOOKS),
    Usual("fraction_flooding", "largest load, of flooding", "%", 65.0, 88.0, _TEXTBOOKS),
)


def operating_point_topics(subject: Subject) -> tuple[Topic, ...]:
    """Return the nominal point beside usual ranges."""
    at = _completed(subject)
    rows = []
    for usual in USUAL:
        value = at[usual.name] if usual.unit == "GJ/t" else from_si(at[usual.name], usual.unit)
        cells = (usual.label, value, usual.low, usual.high, usual.unit, usual.source)
        rows.append(Row(cells, usual.low <= value <= usual.high))
    heads = (
        Column("nominal point"),
        Column("value", ".4g"),
        Column("from", "g"),
        Column("to", "g"),
        Column("unit"),
        Column("source of the range"),
    )
    slate = ", ".join(
        f"{100.0 * share:.0f} % {key.replace('_', ' ')}"
        for key, share in subject.case.slate.items()
        if share > 0.0
    )
    feed = from_si(subject.case.setpoints["flow_vol_feed"], "kbbl/d")
    notes = (
        f"At {feed:.0f} kbbl/d of {slate}. The ranges are those of textbooks, not of a site; "
        "recalled means that no page was looked up for it. " + "; ".join(_PAGES) + ".",
    )
    return (Topic("operating_point", TITLES["operating_point"][0], heads, tuple(rows), notes),)


def _completed(subject: Subject) -> Mapping[str, float]:
    at = dict(subject.told)
    model = subject.unit.model
    at["temp_coil_outlet"] = float(model.x_nominal[model.x_names.index("temp_coil_outlet")])
    pumparounds = sum(at[f"duty_pumparound_{place}_actual"] for place in PLACES)
    at["share_pumparounds"] = pumparounds / (pumparounds + at["duty_condenser"])
    at["heat_per_crude"] = 1e-6 * at["duty_furnace"] / at["flow_mass_feed"]
    return at
