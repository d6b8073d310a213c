"""Names of the crude unit's variables, in the order of its models, with their SI units."""

PRODUCTS = ("naphtha", "kerosene", "lgo", "hgo", "residue")
SIDE_PRODUCTS = ("kerosene", "lgo", "hgo")
PLACES = ("top", "mid", "bottom")  # of the pumparounds

SI_OF_MV = {
    "flow_vol_feed": "m3/s",
    "temp_coil_outlet": "K",
    "temp_top": "K",
    "flow_vol_kerosene": "m3/s",
    "flow_vol_lgo": "m3/s",
    "flow_vol_hgo": "m3/s",
    "duty_pumparound_mid": "W",
    "duty_pumparound_bottom": "W",
    "flow_mass_steam_bottom": "kg/s",
}
SI_OF_CV = {
    "temp_tbp95_naphtha": "K",
    "temp_tbp95_kerosene": "K",
    "temp_tbp95_lgo": "K",
    "temp_tbp95_hgo": "K",
    "temp_tbp05_kerosene": "K",
    "fraction_overflash": "1",
    "duty_furnace": "W",
    "duty_condenser": "W",
    "fraction_flooding": "1",
}
MV_NAMES = tuple(SI_OF_MV)
CV_NAMES = tuple(SI_OF_CV)

# Set points of the plant that the operator holds and the controller leaves alone.
HANDLES = {
    "pressure_top": "Pa",
    "fraction_oxygen_stack": "1",
    "duty_pumparound_top": "W",
    "fraction_wash_water": "1",
    "flow_mass_steam_kerosene": "kg/s",
    "flow_mass_steam_lgo": "kg/s",
    "flow_mass_steam_hgo": "kg/s",
}
# What the plant meets at its fence; they follow the crude fractions among its disturbances.
BOUNDARY = {
    "temp_ambient": "K",
    "temp_cooling_water": "K",
    "temp_crude": "K",
    "heating_value_fuel": "J/kg",
    "temp_shift_preheat": "delta_K",
}
# Share of each equipment that is in service, 1 or 0 or between.
STATUS = {
    "status_power": "1",
    "status_heater": "1",
    "status_pump_feed": "1",
    "status_pump_reflux": "1",
    "status_pump_pumparound_top": "1",
    "status_pump_pumparound_mid": "1",
    "status_pump_pumparound_bottom": "1",
    "status_condenser": "1",
    "status_exchanger_1": "1",
    "status_exchanger_2": "1",
    "status_exchanger_3": "1",
    "status_exchanger_4": "1",
}
# Friction of the control valves that have a stem, share of the stroke; the last disturbances.
STICTION = {
    "stick_band_feed": "1",
    "stick_band_kerosene": "1",
    "stick_band_lgo": "1",
    "stick_band_hgo": "1",
    "stick_band_reflux": "1",
}
TEMP_PREHEAT = "temp_preheat"


def fraction_name(crude: str) -> str:
    """Return the name of the disturbance variable that is a crude's share of the slate."""
    return f"fraction_{crude}"


# What an analyser reads: product and distilled volume fraction, by CV name.
ANALYSERS = {
    "temp_tbp95_naphtha": ("naphtha", 0.95),
    "temp_tbp95_kerosene": ("kerosene", 0.95),
    "temp_tbp95_lgo": ("lgo", 0.95),
    "temp_tbp95_hgo": ("hgo", 0.95),
    "temp_tbp05_kerosene": ("kerosene", 0.05),
}
