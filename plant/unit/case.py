"""The crude unit's case as values: geometry, loops, layouts, specifications, recipes; all SI."""

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass

from operator_agent.errors import InputError
from operator_agent.plant.coarse.parameters import CoarseParameters
from operator_agent.plant.crude.assay import Assay
from operator_agent.plant.equipment.flow_loop import Practice, Service
from operator_agent.plant.equipment.heater_sizes import Heater
from operator_agent.plant.equipment.preheat_train import TrainEquipment
from operator_agent.plant.simulation.instruments import Instruments
from operator_agent.plant.variables import BOUNDARY, STATUS, STICTION, TEMP_PREHEAT, fraction_name

SLATE_TOLERANCE = 1e-6  # rounding of percentages typed by hand; catches real mistakes only


@dataclass(frozen=True, slots=True)
class ColumnSizes:
    """Sizes of the column.

    Attributes:
        pressure_drop_column: top tray to flash zone [Pa].
        pressure_drop_transfer_line: coil outlet to flash zone [Pa].
        temp_steam: of all stripping steam [K].
        area_column: cross section [m2].
        load_factor_flood: Souders-Brown factor at flooding [m/s].
        heat_capacity_trays: metal of all trays and the shell [J/K].
        volume_pumparound_dry: liquid on a tray at which half of a circulation is lost [m3].
    """

    pressure_drop_column: float
    pressure_drop_transfer_line: float
    temp_steam: float
    area_column: float
    load_factor_flood: float
    heat_capacity_trays: float
    volume_pumparound_dry: float


@dataclass(frozen=True, slots=True)
class OverheadSizes:
    """Sizes of condenser, drum and relief, and the tuning of the pressure loop.

    Attributes:
        volume_vapour: of column top, overhead line and condenser [m3].
        time_pressure: until trays and transmitter feel the pressure [s].
        conductance_air, conductance_water: of the condenser towards air and cooling water [W/K].
        time_condenser: of fans and cooling water pumps, to start and to stop [s].
        pressure_relief: at which the relief valve opens [Pa].
        width_relief: of its smooth opening [Pa].
        coefficient_relief: flow per pressure above the set one [mol/(s Pa)].
        heat_capacity_drum: of its shell [J/K].
        volume_drum, time_drum: level that the naphtha starts at [m3], volume per outflow [s].
        duty_condenser: at zero error and integral [W].
        gain_pressure: of the pressure controller [W/Pa].
        time_integral: of the pressure controller [s].
    """

    volume_vapour: float
    time_pressure: float
    conductance_air: float
    conductance_water: float
    time_condenser: float
    pressure_relief: float
    width_relief: float
    coefficient_relief: float
    volume_drum: float
    heat_capacity_drum: float
    time_drum: float
    duty_condenser: float
    gain_pressure: float
    time_integral: float


@dataclass(frozen=True, slots=True)
class FeedSizes:
    """What the crude meets before the preheat train.

    Attributes:
        volume_line_up: of tank lines and mixer [m3].
        conc_salt: of the crude from the tanks [kg/m3].
        temp_wash: of the wash water [K].
    """

    volume_line_up: float
    conc_salt: float
    temp_wash: float


@dataclass(frozen=True, slots=True)
class TopLoop:
    """The loop of the top temperature, which sets the reflux.

    Attributes:
        flow_vol_reflux: at zero error and integral [m3/s].
        flow_vol_reflux_high: largest that it asks for [m3/s].
        gain_reflux: [(m3/s)/K], reflux rises with the top temperature.
        time_reflux: integral time [s].
    """

    flow_vol_reflux: float
    flow_vol_reflux_high: float
    gain_reflux: float
    time_reflux: float


@dataclass(frozen=True, slots=True)
class Layout:
    """How finely the unit is resolved: lumps, trays and holdups. Trays count from the top, from 1.

    Attributes:
        key: name in the case.
        lump_edges: inner edges between lumps [K].
        n_trays: equilibrium stages of the column.
        tray_*: where pumparounds cool, products leave and the feed enters.
        volume_*, time_*: weir volume [m3] and time constant [s] of tray, sump, stripper.
        transfer_tray, transfer_stripper: kappa of `stage` [mol/s].
        flow_soft: width of smooth limits on liquid flows [m3/s].
        time_weep: liquid volume of a vessel per flow that weeps out of it [s].
        time_analyser: lag of the boiling point analysers [s].
        curve_spread: logistic scale of the boiling curve, per width of a lump.
        time_flash: relaxation of the vaporised fraction at the coil outlet [s].
    """

    key: str
    lump_edges: tuple[float, ...]
    n_trays: int
    tray_pumparound_top: int
    tray_kerosene: int
    tray_pumparound_mid: int
    tray_lgo: int
    tray_pumparound_bottom: int
    tray_hgo: int
    tray_flash_zone: int
    volume_tray: float
    time_tray: float
    volume_sump: float
    time_sump: float
    volume_stripper: float
    time_stripper: float
    transfer_tray: float
    transfer_stripper: float
    flow_soft: float
    time_weep: float
    time_analyser: float
    curve_spread: float
    time_flash: float

    def __post_init__(self) -> None:
        """Refuse trays out of order."""
        order = (1, self.tray_kerosene, self.tray_lgo, self.tray_hgo, self.tray_flash_zone)
        if list(order) != sorted(set(order)) or self.tray_flash_zone >= self.n_trays:
            raise InputError(
                f"layout {self.key}: from the top come tray 1, the kerosene, LGO and HGO draws, "
                f"the flash zone and a stripping tray, found {order} of {self.n_trays}"
            )
        coolers = (self.tray_pumparound_top, self.tray_pumparound_mid, self.tray_pumparound_bottom)
        if min(coolers) < 2 or max(coolers) >= self.tray_flash_zone:
            raise InputError(f"layout {self.key}: pumparounds {coolers} lie outside the column")


@dataclass(frozen=True, slots=True)
class Specification:
    """A limit on a product, and what breaking it costs.

    Attributes:
        variable: CV that is limited.
        product: whose value falls.
        next_product: stream whose price an off-specification product still fetches.
        low, high: limits [K]; an open side is infinite.
        span: exceedance at which the product is worth no more than `next_product` [K].
    """

    variable: str
    product: str
    next_product: str
    low: float
    high: float
    span: float


@dataclass(frozen=True, slots=True)
class Recipe:
    """A card of fixed set points for one slate.

    Attributes:
        name: of the card.
        slate: volume fraction by crude.
        setpoints: by MV name [SI].
    """

    name: str
    slate: Mapping[str, float]
    setpoints: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class CrudeUnitCase:
    """All numbers of one crude unit, SI.

    Attributes:
        key, name: of the unit.
        assays: crudes that it may run, in the order of the disturbance variables.
        slate: nominal volume fractions by crude.
        temp_preheat: crude at the furnace inlet as the controller's model expects it [K].
        feed, train, heater, column, overhead, top_loop: sizes and tuning, see there.
        practice: how pumps, valves and flow controllers are sized.
        services: what each pump delivers, by name.
        layouts: by key.
        setpoints: nominal MV values by name.
        handles: nominal values of the operator's set points by name.
        boundary: nominal values of the boundary by name.
        spans: typical span of each MV, handle, DV and CV, by name.
        instruments: what is measured and how well.
        specifications: limits on products.
        recipes: operators' cards.
        controller_model: parameters of the controller's own, coarser model.
    """

    key: str
    name: str
    assays: tuple[Assay, ...]
    slate: Mapping[str, float]
    temp_preheat: float
    feed: FeedSizes
    train: TrainEquipment
    heater: Heater
    column: ColumnSizes
    overhead: OverheadSizes
    top_loop: TopLoop
    practice: Practice
    services: Mapping[str, Service]
    layouts: Mapping[str, Layout]
    setpoints: Mapping[str, float]
    handles: Mapping[str, float]
    boundary: Mapping[str, float]
    spans: Mapping[str, float]
    instruments: Instruments
    specifications: tuple[Specification, ...]
    recipes: tuple[Recipe, ...]
    controller_model: CoarseParameters

    @property
    def noise(self) -> Mapping[str, float]:
        """Standard deviation of the noise of each measured variable, by name [SI]."""
        return self.instruments.noise

    @property
    def crude_keys(self) -> tuple[str, ...]:
        """Keys of the crudes in order."""
        return tuple(assay.key for assay in self.assays)

    @property
    def d_names(self) -> tuple[str, ...]:
        """Names of the disturbances that a controller measures, in order."""
        return (*(fraction_name(key) for key in self.crude_keys), TEMP_PREHEAT)

    @property
    def plant_d_names(self) -> tuple[str, ...]:
        """Names of everything that acts on the plant from outside, in order."""
        shares = map(fraction_name, self.crude_keys)
        return (*shares, *BOUNDARY, *STATUS, *STICTION)

    def layout(self, key: str) -> Layout:
        """Return a layout.

        Raises:
            InputError: there is none of this name.
        """
        if key not in self.layouts:
            known = ", ".join(self.layouts)
            raise InputError(f"case {self.key} has no layout '{key}'; it has: {known}")
        return self.layouts[key]

    def slate_vector(self, slate: Mapping[str, float]) -> tuple[float, ...]:
        """Return the volume fractions in the order of the crudes; crudes not named count as 0.

        Raises:
            InputError: a crude is unknown, a fraction is negative or the sum is not 1.
        """
        return slate_vector(self.crude_keys, slate)


def slate_vector(crude_keys: tuple[str, ...], slate: Mapping[str, float]) -> tuple[float, ...]:
    """Return the volume fractions of a slate in the order of `crude_keys`.

    Raises:
        InputError: a crude is unknown, a fraction is negative or the sum is not 1.
    """
    for key, value in slate.items():
        if key not in crude_keys:
            near = difflib.get_close_matches(key, crude_keys, n=1, cutoff=0.0)
            raise InputError(f"slate names unknown crude '{key}'; the nearest known is '{near[0]}'")
        if not (math.isfinite(value) and value >= 0.0):
            raise InputError(f"slate fraction of '{key}' is {value}; give a number from 0 to 1")
    total = sum(slate.values())
    if abs(total - 1.0) > SLATE_TOLERANCE:
        raise InputError(f"slate adds up to {total:.6f}; volume fractions must add up to 1")
    return tuple(float(slate.get(key, 0.0)) for key in crude_keys)
