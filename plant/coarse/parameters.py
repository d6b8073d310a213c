"""Parameters of the controller's model of the crude unit, and their reader."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from operator_agent.errors import InputError
from operator_agent.plant.document import read_document


@dataclass(frozen=True, slots=True)
class CoarseParameters:
    """What the controller believes of the unit, SI. Stages count from the top, from 1.

    Attributes:
        lump_edges: inner edges between lumps [K].
        n_stages: of the column.
        stage_*: where pumparounds cool, products leave and the feed enters.
        pressure_top: [Pa].
        pressure_drop_stage: from one stage to the next below [Pa].
        pressure_coil_outlet: [Pa].
        pressure_reference: at which vapour pressures are exact [Pa].
        sharpness_separation: factor on the slopes of the vapour pressures: a stage that separates
            like more than one.
        temp_drum: of the reflux drum [K].
        temp_steam: of the stripping steam [K].
        flow_mass_steam_*: to the side strippers [kg/s].
        duty_pumparound_top: [W].
        duty_furnace_high: largest absorbed duty [W].
        efficiency_furnace: absorbed over fired duty.
        volume_*: liquid at the design flow in a stage, the sump and the drum [m3].
        time_*_residence: volume over flow at that point [s].
        heat_capacity_stage: of a stage's metal [J/K].
        transfer_stage: molar vapour flow per unit of superheat in R - 1 [mol/s].
        lift_stripper: vapour in a side stripper per mole of steam.
        temp_pumparound_cold: stage temperature at which pumparounds lose half their duty [K].
        width_pumparound_cold: of that loss [K].
        flow_vol_reflux: at rest [m3/s].
        gain_reflux: [(m3/s)/K].
        time_reflux: integral time [s].
        time_drum_emptying: the reflux takes at most the drum's content in this time [s].
        time_coil_outlet: lag of the coil outlet behind its set point [s].
        heat_capacity_coil: of the furnace's tubes and their oil [J/K].
        preheat_*: settled change of the furnace inlet with one span of an MV [K].
        time_preheat: lag of that change [s].
        time_line_up: lag of the crude at the coil behind the declared slate [s].
        time_analyser: lag of the boiling points behind the products [s].
        curve_spread: logistic scale of the boiling curve per width of a lump.
        width_lump_high: widest lump in the boiling curve [K].
        area_column: [m2].
        density_liquid: in the load factor [kg/m3].
        load_factor_flood: Souders-Brown factor at flooding [m/s].
    """

    lump_edges: tuple[float, ...]
    n_stages: int
    stage_pumparound_top: int
    stage_kerosene: int
    stage_pumparound_mid: int
    stage_lgo: int
    stage_pumparound_bottom: int
    stage_hgo: int
    stage_feed: int
    pressure_top: float
    pressure_drop_stage: float
    pressure_coil_outlet: float
    pressure_reference: float
    sharpness_separation: float
    temp_drum: float
    temp_steam: float
    flow_mass_steam_kerosene: float
    flow_mass_steam_lgo: float
    flow_mass_steam_hgo: float
    duty_pumparound_top: float
    duty_furnace_high: float
    efficiency_furnace: float
    volume_stage: float
    time_stage_residence: float
    volume_sump: float
    time_sump_residence: float
    volume_drum: float
    time_drum_residence: float
    heat_capacity_stage: float
    transfer_stage: float
    lift_stripper: float
    temp_pumparound_cold: float
    width_pumparound_cold: float
    flow_vol_reflux: float
    gain_reflux: float
    time_reflux: float
    time_drum_emptying: float
    time_coil_outlet: float
    heat_capacity_coil: float
    preheat_flow_vol_feed: float
    preheat_temp_coil_outlet: float
    preheat_temp_top: float
    preheat_duty_pumparound_mid: float
    preheat_duty_pumparound_bottom: float
    preheat_flow_mass_steam_bottom: float
    time_preheat: float
    time_line_up: float
    time_analyser: float
    curve_spread: float
    width_lump_high: float
    area_column: float
    density_liquid: float
    load_factor_flood: float

    def __post_init__(self) -> None:
        """Refuse stages out of order."""
        order = (1, self.stage_kerosene, self.stage_lgo, self.stage_hgo, self.stage_feed)
        if list(order) != sorted(set(order)) or self.stage_feed >= self.n_stages:
            raise InputError(
                "controller model: from the top come stage 1, the kerosene, LGO and HGO draws, the "
                f"feed and a stripping stage, found {order} of {self.n_stages}"
            )
        coolers = self.stages_pumparound.values()
        if min(coolers) < 2 or max(coolers) >= self.stage_feed:
            raise InputError(
                f"controller model: pumparounds on stages {tuple(coolers)} lie outside 2 to "
                f"{self.stage_feed - 1}, between the top and the feed"
            )

    @property
    def gains_preheat(self) -> dict[str, float]:
        """Settled change of the furnace inlet with one span of an MV, by MV [K]."""
        return {name.removeprefix("preheat_"): getattr(self, name) for name in _PREHEAT}

    @property
    def stages_draw(self) -> dict[str, int]:
        """Stage of each side draw, by product."""
        return {"kerosene": self.stage_kerosene, "lgo": self.stage_lgo, "hgo": self.stage_hgo}

    @property
    def stages_pumparound(self) -> dict[str, int]:
        """Stage of each pumparound, by place."""
        return {
            "top": self.stage_pumparound_top,
            "mid": self.stage_pumparound_mid,
            "bottom": self.stage_pumparound_bottom,
        }


_STAGES = (
    "n_stages",
    "stage_pumparound_top",
    "stage_kerosene",
    "stage_pumparound_mid",
    "stage_lgo",
    "stage_pumparound_bottom",
    "stage_hgo",
    "stage_feed",
)
_SI = {
    "pressure_top": "Pa",
    "pressure_drop_stage": "Pa",
    "pressure_coil_outlet": "Pa",
    "pressure_reference": "Pa",
    "sharpness_separation": "1",
    "temp_drum": "K",
    "temp_steam": "K",
    "flow_mass_steam_kerosene": "kg/s",
    "flow_mass_steam_lgo": "kg/s",
    "flow_mass_steam_hgo": "kg/s",
    "duty_pumparound_top": "W",
    "duty_furnace_high": "W",
    "efficiency_furnace": "1",
    "volume_stage": "m3",
    "time_stage_residence": "s",
    "volume_sump": "m3",
    "time_sump_residence": "s",
    "volume_drum": "m3",
    "time_drum_residence": "s",
    "heat_capacity_stage": "J/K",
    "transfer_stage": "mol/s",
    "lift_stripper": "1",
    "temp_pumparound_cold": "K",
    "width_pumparound_cold": "delta_K",
    "flow_vol_reflux": "m3/s",
    "gain_reflux": "(m3/s)/K",
    "time_reflux": "s",
    "time_drum_emptying": "s",
    "time_coil_outlet": "s",
    "heat_capacity_coil": "J/K",
    "time_preheat": "s",
    "time_line_up": "s",
    "time_analyser": "s",
    "curve_spread": "1",
    "width_lump_high": "delta_K",
    "area_column": "m2",
    "density_liquid": "kg/m3",
    "load_factor_flood": "m/s",
}
_PREHEAT = {  # per span of the MV, of either sign
    "preheat_flow_vol_feed": "delta_K",
    "preheat_temp_coil_outlet": "delta_K",
    "preheat_temp_top": "delta_K",
    "preheat_duty_pumparound_mid": "delta_K",
    "preheat_duty_pumparound_bottom": "delta_K",
    "preheat_flow_mass_steam_bottom": "delta_K",
}


def load_coarse_parameters(path: Path) -> CoarseParameters:
    """Return the parameters in a YAML file.

    Raises:
        InputError: the file is missing, or a key, unit or value is wrong.
    """
    document = read_document(Path(path))
    values: dict[str, Any] = {name: document.count(name) for name in _STAGES}
    values["lump_edges"] = document.numbers("lump_edges", "K")
    values.update(document.quantities(_SI | _PREHEAT))
    for name in _SI:
        if not values[name] > 0.0:
            raise InputError(f"{document.where}.{name}: must be above zero, is {values[name]:g}")
    return CoarseParameters(**values)
