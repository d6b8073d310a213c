"""Desalter: wash water mixes with the crude, takes its salt, and settles out again."""

from dataclasses import dataclass

import casadi as ca

from operator_agent.plant.document import Section
from operator_agent.plant.equipment.exchanger import ColdSide
from operator_agent.plant.equipment.parameters import require_not_negative, require_range
from operator_agent.plant.smooth import softplus
from operator_agent.plant.states import States

SI_OF_DESALTER = {
    "volume": "m3",
    "heat_capacity": "J/K",
    "flow_vol_design": "m3/s",
    "removal_best": "1",
    "ratio_wash": "1",
    "temp_design": "K",
    "temp_span": "delta_K",
    "fraction_water_design": "1",
}
_CAPACITY_WATER = 4.2e6  # [J/(m3 K)], liquid water between 290 and 420 K; steam tables
_CONC_SCALE = 0.01  # [kg/m3]
_TEMP_SCALE = 5.0  # [K]
_WATER_HIGH = 0.05  # volume fraction; more than this the vessel's pumps would drain
_COLD_SOFT = 2.0  # [K], width of the start of the loss below the design temperature
_RATIO_FLOOR = 1e-3  # of the design flow, keeps the wash ratio finite without crude


@dataclass(frozen=True, slots=True)
class Desalter:
    """An electrostatic desalter.

    Attributes:
        volume: of the crude in it [m3].
        heat_capacity: of its contents and its shell [J/K].
        flow_vol_design: crude for which it is built [m3/s].
        removal_best: share of the salt that it removes with plenty of water, warm, 0 to 1.
        ratio_wash: wash water per crude that brings it to 63 % of that.
        temp_design: below it the emulsion breaks less well [K].
        temp_span: by which removal and settling fall e-fold below that [K].
        fraction_water_design: carried over with the crude at the design point, volume fraction.
    """

    volume: float
    heat_capacity: float
    flow_vol_design: float
    removal_best: float
    ratio_wash: float
    temp_design: float
    temp_span: float
    fraction_water_design: float

    def __post_init__(self) -> None:
        """Refuse sizes that no desalter has.

        Raises:
            InputError: a size is out of range.
        """
        sizes = ("volume", "heat_capacity", "flow_vol_design", "temp_design", "temp_span")
        require_range(self, (*sizes, "ratio_wash"))
        require_range(self, ("removal_best",), high=1.0)
        require_not_negative(self, ("fraction_water_design",))
        require_range(self, ("fraction_water_design",), low=-1.0, high=_WATER_HIGH)

    @classmethod
    def from_section(cls, section: Section) -> "Desalter":
        """Return the desalter that a section of a case describes.

        Raises:
            InputError: a key is missing, unknown or out of range.
        """
        return cls(**section.quantities(SI_OF_DESALTER))


@dataclass(frozen=True, slots=True)
class WashWater:
    """What is mixed into the crude before the desalter, and what the crude brings along.

    Attributes:
        flow: wash water [m3/s].
        temp: of the wash water [K].
        conc_salt: salt in the crude from the tank [kg/m3].
        energised: 1 while the electrodes have power, 0 while not.
    """

    flow: ca.SX
    temp: ca.SX
    conc_salt: ca.SX
    energised: ca.SX


@dataclass(frozen=True, slots=True)
class DesalterResult:
    """Expressions of a desalter.

    Attributes:
        temp: of the crude that leaves [K].
        conc_salt: salt left in it [kg/m3].
        fraction_water: water carried over, volume fraction.
        duty: heat that the wash water takes from the crude [W].
    """

    temp: ca.SX
    conc_salt: ca.SX
    fraction_water: ca.SX
    duty: ca.SX


def add_desalter(
    states: States, desalter: Desalter, crude: ColdSide, wash: WashWater
) -> DesalterResult:
    """Declare the states of a desalter and return what leaves it.

    Removal is removal_best (1 - exp(-ratio/ratio_wash)) exp(-cold/temp_span), where cold is the
    temperature missing to the design. Without power the electrodes do nothing: a third of the
    removal is left, and three times the water is carried over.

    Args:
        states: of the model, extended by `temp_desalter` and `conc_salt_desalter`.
        desalter: its sizes.
        crude: that enters.
        wash: water, and salt of the crude.
    """
    temp = states.add("temp_desalter", _TEMP_SCALE, desalter.temp_design)
    conc = states.add("conc_salt_desalter", _CONC_SCALE, 0.0)
    duty_crude = crude.capacity_flow(0.5 * (crude.temp_in + temp)) * (crude.temp_in - temp)
    duty_water = _CAPACITY_WATER * wash.flow * (temp - wash.temp)
    states.rates["temp_desalter"] = (duty_crude - duty_water) / desalter.heat_capacity

    ratio = wash.flow / (crude.flow + _RATIO_FLOOR * desalter.flow_vol_design)
    cold = softplus(desalter.temp_design - temp, _COLD_SOFT) / desalter.temp_span
    washed = 1.0 - ca.exp(-ratio / desalter.ratio_wash)
    field = (1.0 + 2.0 * wash.energised) / 3.0
    removal = desalter.removal_best * washed * ca.exp(-cold) * field
    states.rates["conc_salt_desalter"] = (
        crude.flow / desalter.volume * (wash.conc_salt * (1.0 - removal) - conc)
    )
    load = (crude.flow / desalter.flow_vol_design) ** 2
    carried = desalter.fraction_water_design * load * ca.exp(cold) / field
    fraction = carried / (1.0 + carried / _WATER_HIGH)
    return DesalterResult(temp, conc, fraction, duty_water)
