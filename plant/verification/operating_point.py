"""The nominal operating point beside the usual ranges of atmospheric crude units."""

from collections.abc import Mapping
from dataclasses import dataclass

from operator_agent.plant.variables import PLACES
from operator_agent.plant.verification.subject import Subject
from operator_agent.plant.verification.titles import TITLES
from operator_agent.plant.verification.topic import Column, Row, Topic
from operator_agent.units import from_si

_OVERFLASH = "2 vol% [3], 3 to 6 vol% [1], kept to 5 here; 3 to 5 of the bottom product [2]"
_FLASH_ZONE = "341 [18] and 361 degC [19] in two designs; cracking begins at 343 to 354 [1]"
_COIL_OUTLET = "343 to 371 degC [4]; 330 to 385 degC [2], at most 343 [3], about 399 [5]"
_DUTY = "39 to 79 MW: the heat per crude of [20] and [21] times the feed; 60.7 in one design [19]"
_CONDENSER = "recalled; no page tells it apart from a feed"
_PUMPAROUNDS = "recalled; up to 40 % of all heat leaves overhead [6], where 'all' is not defined"
_TOP = "recalled; only a lower bound was found, 20 K above the dew point of water [7]"
_DRAW = "recalled; follows from cut points and pressure [8], so no page tells it for all crudes"
_BOTTOM = "recalled; follows from flash zone and stripping steam, no page was found"
_PRESSURE = "recalled; pages say only that it is slightly above atmospheric [4]"
_DRUM = "recalled; follows from the cooling medium [1], a worked example takes 49 degC or more [3]"
_DESALTER = "90 to 150 degC [9], [10]; 110 to 140 degC [11]"
_PREHEAT = "200 to 280 degC [12]; about 288 degC [5]"
_HEAT = "0.25, preheated to 310 degC [20]; 0.50, the fuel of [21] at its efficiency of 86 %"
_OXYGEN = "10 to 20 % excess air [13], 15 % [14]: 2.1 to 3.8 % for methane, rounded"
_STACK = "recalled, with air preheater; without one 28 to 56 K above the inlet of the crude [15]"
_EFFICIENCY = "recalled; follows from oxygen and stack, no page was found"
_SKIN = "recalled; one crude heater was held at 540 degC at most, carbon steel [16]"
_FLOODING = "recalled; towers in general are designed for 80 to 90 % [17]"
_PAGES = (
    "[1] Parkash, Refining Processes Handbook, Gulf 2003, chapter 1",
    "[2] Fahim, Alsahhaf, Elkilani, Fundamentals of Petroleum Refining, Elsevier 2010, "
    "chapter on crude distillation",
    "[3] Perry's Chemical Engineers' Handbook, McGraw-Hill, section 13, worked example on a "
    "crude tower: premises of one design",
    "[4] esteemprojects.com/library/Fired-Heater-Design/page1_5.htm (650 to 700 degF)",
    "[5] refinery-chemicals.com/atmospheric_distillation_unit.htm (550 and 750 degF)",
    "[6] Mitigate fouling in crude unit overhead, part 1, abstract in ProQuest",
    "[7] olisystems.com/resources/blog/category/refining (margin in common use)",
    "[8] eptq.com, questions and answers, R. Ragsdale, 12 December 2018",
    "[9] Kaiser, de Klerk, Gary, Handwerk, Petroleum Refining, CRC Press, chapter Crude Oil "
    "Desalting, abstract of the publisher, doi 10.1201/9780429188893-21",
    "[10] Ishiyama, Pugh, Zettler, Economic and environmental implications of fouling in crude "
    "preheat trains, Heat Exchanger Fouling and Cleaning 2022",
    "[11] Abdel-Aal and others, Petroleum and Gas Field Processing, Marcel Dekker 2003, desalting, "
    "table 4",
    "[12] Crude Distillation, scribd.com/document/35896369, author not named",
    "[13] US Department of Energy, Process Heating Tip Sheet 2, May 2002 (furnaces, boilers)",
    "[14] xrgtechnologies.com/tools, after API RP 535 (gas fired process furnaces)",
    "[15] Ahamad, Vallavanatt, Identify and control excess air from process heaters, "
    "Hydrocarbon Processing, October 2012",
    "[16] Lee and others, ASME PVP2017-65046",
    "[17] Perry's Chemical Engineers' Handbook, McGraw-Hill, section 14, flooding",
    "[18] github.com/Jnanadyuti-Patra/crude-distillation-unit-dwsim, results of a simulation, "
    "Upper Zakum, coil outlet 365 degC",
    "[19] github.com/thowd223/crude-fractionator, process design report, Arab Light, 100 kbbl/d, "
    "coil outlet 366 degC",
    "[20] the heater of a plant of 18,000 t/d in Bina, slides on fired heaters, "
    "vdocuments.site/heaters-nice-presetation.html (43.84 Gcal/h)",
    "[21] Davis, Fired Heater Energy Management, Carmagen Engineering, about 2000, "
    "carmagen.com/news/engineering_articles/news34.htm (75 kBtu/bbl)",
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
    Usual("temp_coil_outlet", "coil outlet", "degC", 343.0, 371.0, _COIL_OUTLET),
    Usual("duty_furnace", "absorbed duty of the heater", "MW", 50.0, 80.0, _DUTY),
    Usual("duty_condenser", "condenser", "MW", 25.0, 45.0, _CONDENSER),
    Usual("share_pumparounds", "pumparounds, of the heat removed", "%", 40.0, 60.0, _PUMPAROUNDS),
    Usual("temp_overhead", "column top", "degC", 110.0, 140.0, _TOP),
    Usual("temp_draw_kerosene", "kerosene draw", "degC", 170.0, 200.0, _DRAW),
    Usual("temp_draw_lgo", "LGO draw", "degC", 240.0, 270.0, _DRAW),
    Usual("temp_draw_hgo", "HGO draw", "degC", 300.0, 340.0, _DRAW),
    Usual("temp_bottom", "column bottom", "degC", 335.0, 350.0, _BOTTOM),
    Usual("pressure_top", "top pressure, absolute", "bar", 1.3, 2.0, _PRESSURE),
    Usual("temp_drum", "reflux drum", "degC", 35.0, 60.0, _DRUM),
    Usual("temp_desalter", "desalter", "degC", 90.0, 150.0, _DESALTER),
    Usual("temp_preheat", "heater inlet", "degC", 200.0, 280.0, _PREHEAT),
    Usual("heat_per_crude", "absorbed heat per crude", "GJ/t", 0.3, 0.5, _HEAT),
    Usual("fraction_oxygen_stack_actual", "oxygen in the stack, dry", "%", 2.0, 4.0, _OXYGEN),
    Usual("temp_stack", "stack", "degC", 150.0, 250.0, _STACK),
    Usual("fraction_efficiency_heater", "efficiency of the heater", "%", 85.0, 92.0, _EFFICIENCY),
    Usual("temp_skin", "hottest tube skin", "degC", 430.0, 550.0, _SKIN),
    Usual("fraction_flooding", "largest load, of flooding", "%", 65.0, 88.0, _FLOODING),
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
        f"At {feed:.0f} kbbl/d of {slate}. The ranges are not of a site; recalled means that none "
        "of the pages that were looked up tells this range. Books and articles are cited from "
        "passages and abstracts on the web, hence without pages. " + "; ".join(_PAGES) + ".",
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
