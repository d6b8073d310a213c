"""What the unit tells: controlled variables and everything else that can be measured or priced."""

import casadi as ca

from operator_agent.plant.crude.thermo import MOLAR_MASS_WATER
from operator_agent.plant.unit.assembly import Assembly
from operator_agent.plant.unit.column import draw_tray
from operator_agent.plant.unit.overhead import enthalpy_steam
from operator_agent.plant.unit.stage import souders_brown
from operator_agent.plant.variables import ANALYSERS, PLACES, PRODUCTS, SIDE_PRODUCTS

_N_TBP_STEPS = 10  # Newton steps from the analyser's reading to the stream's own boiling point
_FLOODING_SHARPNESS = 60.0  # of the smooth maximum over trays: within 0.01 of the largest
_FLOW_FLOOR = 0.01  # [m3/s], 5 % of the feed: shares of less crude than this are of it


def controlled(unit: Assembly) -> dict[str, ca.SX]:
    """Return the controlled variables by name."""
    feed = _feed_shared(unit)
    return {
        **unit.analysers,
        "fraction_overflash": unit.column.flow_vol_overflash / feed,
        "duty_furnace": unit.feed_path.heater.duty,
        "duty_condenser": unit.overhead.duty_condenser,
        "fraction_flooding": _flooding(unit),
    }


def information(unit: Assembly) -> dict[str, ca.SX]:
    """Return the further quantities by name."""
    return {
        **_products(unit),
        **_column(unit),
        **_heat(unit),
        **_feed(unit),
        **_equipment(unit),
    }


def _feed_shared(unit: Assembly) -> ca.SX:
    """Return the feed that shares refer to [m3/s]: 2e-6 more than the nominal, never zero."""
    return (unit.flows["feed"].flow_vol ** 4 + _FLOW_FLOOR**4) ** 0.25


def _flooding(unit: Assembly) -> ca.SX:
    """Return the largest load of the trays above the flash zone, as a smooth maximum."""
    sizes = unit.case.column
    above = unit.column.trays[: unit.layout.tray_flash_zone - 1]
    loads = [
        souders_brown(unit.component, tray.stage, tray.pressure, sizes.area_column)
        for tray in above
    ]
    fractions = ca.vertcat(*loads) / sizes.load_factor_flood
    weights = ca.exp(_FLOODING_SHARPNESS * (fractions - 1.0))
    return ca.dot(fractions, weights) / ca.sum1(weights)


def _products(unit: Assembly) -> dict[str, ca.SX]:
    info: dict[str, ca.SX] = {}
    feed = _feed_shared(unit)
    for product in PRODUCTS:
        flows = unit.product(product).flows
        flow_vol = ca.dot(flows, unit.component.molar_volume)
        info[f"flow_vol_product_{product}"] = flow_vol
        info[f"flow_mass_product_{product}"] = ca.dot(flows, unit.component.molar_mass)
        info[f"fraction_yield_{product}"] = flow_vol / feed
    info["flow_vol_naphtha"] = info["flow_vol_product_naphtha"]
    info["flow_vol_residue"] = info["flow_vol_product_residue"]
    for name, (product, fraction) in ANALYSERS.items():
        volumes = unit.product_volumes(product)
        info[f"{name}_product"] = unit.curve.temperature_at(
            unit.analysers[name], volumes, fraction, _N_TBP_STEPS
        )
    return info


def _column(unit: Assembly) -> dict[str, ca.SX]:
    column, layout = unit.column, unit.layout
    info: dict[str, ca.SX] = {}
    for product in SIDE_PRODUCTS:
        info[f"flow_vol_draw_{product}"] = column.flow_vol_draws[product]
        info[f"temp_draw_{product}"] = column.trays[draw_tray(layout, product) - 1].stage.temp
        level = column.strippers[product].stage.volume / (2.0 * layout.volume_stripper)
        info[f"level_stripper_{product}"] = level
    return info | {
        "flow_vol_reflux": unit.flow_vol_reflux,
        "temp_flash_zone": column.flash_zone.temp,
        "temp_bottom": column.bottom.temp,
        "temp_overhead": column.top.temp,
        "temp_drum": unit.drum.temp_drum,
        "pressure_top": unit.drum.pressure,
        "flow_mass_steam": column.steam() * MOLAR_MASS_WATER,
        "flow_mass_flare": unit.overhead.flow_mass_flare,
        "level_drum": unit.overhead.volume_drum / (2.0 * unit.case.overhead.volume_drum),
        "level_sump": column.bottom.volume / (2.0 * layout.volume_sump),
    }


def _heat(unit: Assembly) -> dict[str, ca.SX]:
    info = {f"duty_pumparound_{p}_actual": unit.duties_pumparound[p] for p in PLACES}
    for place in ("mid", "bottom"):
        trim = unit.feed_path.train.duties_trim[f"exchanger_{2 if place == 'mid' else 3}"]
        info[f"duty_trim_pumparound_{place}"] = trim
    steam = unit.column.steam() * enthalpy_steam(ca.SX(unit.column.temp_steam))
    products = sum((unit.product(product).enthalpy for product in PRODUCTS), ca.SX(0.0))
    return info | {
        "duty_steam": steam,
        "duty_feed": unit.feed_path.enthalpy_in,
        "duty_products": products,
        "duty_fired": unit.feed_path.heater.duty_fired,
    }


def _feed(unit: Assembly) -> dict[str, ca.SX]:
    path, train = unit.feed_path, unit.feed_path.train
    flow_vol = unit.flows["feed"].flow_vol
    info = {
        "flow_vol_feed_actual": flow_vol,
        "flow_mass_feed": flow_vol * unit.crude.density,
        "temp_preheat": path.temp_preheat,
        "fraction_vaporised": path.fraction_vaporised,
        "temp_desalter": train.desalter.temp,
        "conc_salt_desalter": train.desalter.conc_salt,
        "fraction_water_desalter": train.desalter.fraction_water,
    }
    for n in range(1, 5):
        exchanger = train.exchangers[f"exchanger_{n}"]
        info[f"duty_exchanger_{n}"] = exchanger.duty
        info[f"resistance_fouling_{n}"] = exchanger.resistance_fouling
        info[f"temp_cold_exchanger_{n}"] = exchanger.temp_cold_out
        info[f"temp_hot_exchanger_{n}"] = exchanger.temp_hot_out
    return info


def _equipment(unit: Assembly) -> dict[str, ca.SX]:
    heater = unit.feed_path.heater
    info = {
        "temp_coil_outlet_actual": heater.temp_out,
        "fraction_oxygen_stack_actual": heater.fraction_oxygen,
        "fraction_co_stack": heater.fraction_co,
        "temp_stack": heater.temp_stack,
        "temp_skin": heater.temp_skin,
        "fraction_efficiency_heater": heater.efficiency,
        "flow_mass_fuel": heater.flow_mass_fuel,
        "flow_mass_air": heater.flow_mass_air,
        "resistance_coke": heater.resistance_coke,
        "power_fan": heater.power,
    }
    power = heater.power
    for name, flow in unit.flows.items():
        info[f"opening_valve_{name}"] = flow.opening
        info[f"power_pump_{name}"] = flow.power
        power = power + flow.power
    for place, circulation in unit.circulations.items():
        info[f"power_pump_pumparound_{place}"] = circulation.power
        power = power + circulation.power
    info["power_electric"] = power
    return info
