"""The crude unit's case file: YAML in, a `CrudeUnitCase` in SI out."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from operator_agent.errors import InputError
from operator_agent.frozen import FrozenMapping
from operator_agent.plant.coarse.parameters import load_coarse_parameters
from operator_agent.plant.crude.assay import Assay
from operator_agent.plant.crude.assay_record import read_crude
from operator_agent.plant.document import Section, quantity_si, read_document
from operator_agent.plant.equipment.flow_loop import Practice, Service
from operator_agent.plant.equipment.heater_sizes import Heater
from operator_agent.plant.equipment.preheat_train import TrainEquipment
from operator_agent.plant.simulation.instruments import load_instruments
from operator_agent.plant.unit.case import (
    ColumnSizes,
    CrudeUnitCase,
    FeedSizes,
    Layout,
    OverheadSizes,
    Recipe,
    Specification,
    TopLoop,
    slate_vector,
)
from operator_agent.plant.variables import (
    BOUNDARY,
    CV_NAMES,
    HANDLES,
    PLACES,
    SI_OF_CV,
    SI_OF_MV,
    SIDE_PRODUCTS,
    TEMP_PREHEAT,
    fraction_name,
)


def read_slate(section: Section) -> Mapping[str, float]:
    """Return a slate written `{unit: vol%, source: text, crude: number, ...}`."""
    symbol = section.text("unit")
    section.text("source")
    values = {
        key: quantity_si(section.value(key), symbol, "1", f"{section.where}.{key}")
        for key in section.names()
        if key not in ("unit", "source")
    }
    return FrozenMapping(values)


_FEED = {"volume_line_up": "m3", "conc_salt": "kg/m3", "temp_wash": "K"}
_COLUMN = {
    "pressure_drop_column": "Pa",
    "pressure_drop_transfer_line": "Pa",
    "temp_steam": "K",
    "area_column": "m2",
    "load_factor_flood": "m/s",
    "heat_capacity_trays": "J/K",
    "volume_pumparound_dry": "m3",
}
_OVERHEAD = {
    "volume_vapour": "m3",
    "time_pressure": "s",
    "conductance_air": "W/K",
    "conductance_water": "W/K",
    "time_condenser": "s",
    "pressure_relief": "Pa",
    "width_relief": "Pa",
    "coefficient_relief": "mol/(s Pa)",
    "volume_drum": "m3",
    "heat_capacity_drum": "J/K",
    "time_drum": "s",
    "duty_condenser": "W",
    "gain_pressure": "W/Pa",
    "time_integral": "s",
}
_TOP_LOOP = {
    "flow_vol_reflux": "m3/s",
    "flow_vol_reflux_high": "m3/s",
    "gain_reflux": "(m3/s)/K",
    "time_reflux": "s",
}
_SERVICES = (
    "feed",
    "reflux",
    *SIDE_PRODUCTS,
    *(f"pumparound_{place}" for place in PLACES),
)
_TRAYS = (
    "n_trays",
    "tray_pumparound_top",
    "tray_kerosene",
    "tray_pumparound_mid",
    "tray_lgo",
    "tray_pumparound_bottom",
    "tray_hgo",
    "tray_flash_zone",
)
_LAYOUT = {
    "volume_tray": "m3",
    "time_tray": "s",
    "volume_sump": "m3",
    "time_sump": "s",
    "volume_stripper": "m3",
    "time_stripper": "s",
    "transfer_tray": "mol/s",
    "transfer_stripper": "mol/s",
    "flow_soft": "m3/s",
    "time_weep": "s",
    "time_analyser": "s",
    "curve_spread": "1",
    "time_flash": "s",
}
_SPAN_UNIT = {"K": "delta_K"}


def _layout(key: str, section: Section) -> Layout:
    section.text("source")
    values: dict[str, Any] = {name: section.count(name) for name in _TRAYS}
    values["lump_edges"] = section.numbers("lump_edges", "K")
    values.update(section.quantities(_LAYOUT))
    return Layout(key=key, **values)


def _specification(section: Section) -> Specification:
    variable = section.text("variable")
    if variable not in CV_NAMES:
        raise InputError(f"{section.where}: '{variable}' is no controlled variable")
    low = section.quantity("low", "K") if section.has("low") else -math.inf
    high = section.quantity("high", "K") if section.has("high") else math.inf
    specification = Specification(
        variable=variable,
        product=section.text("product"),
        next_product=section.text("next_product"),
        low=low,
        high=high,
        span=section.quantity("span", "delta_K"),
    )
    section.close()
    return specification


def _recipe(section: Section, crude_keys: tuple[str, ...]) -> Recipe:
    slate = read_slate(section.section("slate"))
    slate_vector(crude_keys, slate)
    recipe = Recipe(
        name=section.text("name"),
        slate=slate,
        setpoints=FrozenMapping(section.section("setpoints").quantities(SI_OF_MV)),
    )
    section.text("source")
    section.close()
    return recipe


def _assays(document: Section, folder: Path) -> tuple[Assay, ...]:
    entries = document.value("crudes")
    where = f"{document.where}.crudes"
    if not isinstance(entries, list) or not entries:
        raise InputError(f"{where}: expected a list of assay files or {{file, record}} entries")
    assays = tuple(read_crude(entry, folder, f"{where}[{n}]") for n, entry in enumerate(entries))
    keys = [assay.key for assay in assays]
    double = next((key for key in keys if keys.count(key) > 1), None)
    if double is not None:
        raise InputError(f"{where}: crude '{double}' stands there twice; remove one")
    return assays


def load_crude_unit_case(path: Path) -> CrudeUnitCase:
    """Return the case in a YAML file; assays and the controller's model stand relative to it.

    Raises:
        InputError: a file is missing, or a key, unit or value is wrong.
    """
    path = Path(path)
    document = read_document(path)
    assays = _assays(document, path.parent)
    crude_keys = tuple(assay.key for assay in assays)
    slate = read_slate(document.section("slate"))
    slate_vector(crude_keys, slate)
    layouts, services = document.section("layouts"), document.section("services")
    case = CrudeUnitCase(
        key=document.text("key"),
        name=document.text("name"),
        assays=assays,
        slate=slate,
        temp_preheat=document.quantity("temp_preheat", "K"),
        feed=FeedSizes(**document.section("feed").quantities(_FEED)),
        train=TrainEquipment.from_section(document.section("train")),
        heater=Heater.from_section(document.section("heater")),
        column=ColumnSizes(**document.section("column").quantities(_COLUMN)),
        overhead=OverheadSizes(**document.section("overhead").quantities(_OVERHEAD)),
        top_loop=TopLoop(**document.section("top_loop").quantities(_TOP_LOOP)),
        practice=Practice.from_section(document.section("practice")),
        services=FrozenMapping(_services(services)),
        layouts=FrozenMapping({key: _layout(key, layouts.section(key)) for key in layouts.names()}),
        setpoints=FrozenMapping(document.section("setpoints").quantities(SI_OF_MV)),
        handles=FrozenMapping(document.section("handles").quantities(HANDLES)),
        boundary=FrozenMapping(document.section("boundary").quantities(BOUNDARY)),
        spans=FrozenMapping(document.section("spans").quantities(_si_of_spans(crude_keys))),
        instruments=load_instruments(path.parent / document.text("instruments")),
        specifications=tuple(_specification(item) for item in document.items("specifications")),
        recipes=tuple(_recipe(item, crude_keys) for item in document.items("recipes")),
        controller_model=load_coarse_parameters(path.parent / document.text("controller_model")),
    )
    document.close()
    return case


def _services(section: Section) -> dict[str, Service]:
    services = {name: Service.from_section(section.section(name)) for name in _SERVICES}
    section.close()
    return services


def _si_of_spans(crude_keys: tuple[str, ...]) -> dict[str, str]:
    """Return the SI unit of the span of every variable; a temperature's is a difference."""
    si_of_dv = {**{fraction_name(key): "1" for key in crude_keys}, TEMP_PREHEAT: "K"}
    si = {**SI_OF_MV, **HANDLES, **si_of_dv, **BOUNDARY, **SI_OF_CV}
    return {name: _SPAN_UNIT.get(symbol, symbol) for name, symbol in si.items()}
