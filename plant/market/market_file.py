"""The case file of a market and its crude supply: every number with unit and source."""

from pathlib import Path

from operator_agent.frozen import FrozenMapping
from operator_agent.plant.document import Section, read_document
from operator_agent.plant.market.arrivals import CargoProgramme
from operator_agent.plant.market.market_scenario import (
    Chance,
    CrudeMarket,
    Marker,
    MarketScenario,
    Premiums,
    ProductMarket,
    Season,
)
from operator_agent.plant.market.mean_reverting import MeanReverting
from operator_agent.plant.market.supply import CrudeSupply
from operator_agent.plant.market.tank_farm import TankFarm
from operator_agent.plant.market.tank_state import Tank

_PERCENT = 100.0  # the premium for sulphur is stated per percent by mass


def load_market(path: Path) -> MarketScenario:
    """Return the market in a YAML file.

    Raises:
        InputError: the file is missing, or a key, unit or value in it is wrong.
    """
    document = read_document(Path(path))
    market = _market(document)
    document.has("supply")
    document.close()
    return market


def load_supply(path: Path) -> CrudeSupply:
    """Return the cargo programmes and the tank farm in a market's YAML file.

    Raises:
        InputError: the file is missing or states no supply, or a key, unit or value is wrong.
    """
    document = read_document(Path(path))
    market = _market(document)
    section = document.section("supply")
    programmes = tuple(_programme(item) for item in section.items("cargoes"))
    for programme in programmes:
        market.crude(programme.crude)
    farm = _farm(section.section("tank_farm"), market.crude_keys)
    section.close()
    document.close()
    return CrudeSupply(programmes, farm)


def _market(document: Section) -> MarketScenario:
    premiums = document.section("premiums")
    sulphur = premiums.quantity("sulphur", "usd/m3") * _PERCENT
    worth = Premiums(premiums.quantity("gravity", "usd/m3"), sulphur)
    premiums.close()
    streams = document.section("streams")
    followed = {name: streams.text(name) for name in streams.names()}
    return MarketScenario(
        key=document.text("key"),
        marker=_marker(document.section("marker")),
        price_floor=document.quantity("price_floor", "usd/m3"),
        premiums=worth,
        products=tuple(_product(item) for item in document.items("products")),
        crudes=tuple(_crude(item) for item in document.items("crudes")),
        streams=FrozenMapping(followed),
    )


def _process(section: Section, unit_of_sd: str) -> MeanReverting:
    return MeanReverting(section.quantity("half_life", "s"), section.quantity("sd", unit_of_sd))


def _chance(section: Section, unit_of_sd: str) -> Chance:
    process = _process(section, unit_of_sd)
    loading = section.quantity("loading_marker", "1") if section.has("loading_marker") else 0.0
    loadings: dict[str, float] = {}
    if section.has("loadings"):
        shared = section.section("loadings")
        loadings = {name: shared.quantity(name, "1") for name in shared.names()}
    section.close()
    return Chance(process, loading, FrozenMapping(loadings))


def _season(section: Section, unit_of_amplitude: str) -> Season:
    season = Season(section.quantity("amplitude", unit_of_amplitude), section.quantity("peak", "s"))
    section.close()
    return season


def _marker(section: Section) -> Marker:
    section.text("name")
    marker = Marker(
        price_median=section.quantity("price_median", "usd/m3"),
        process=_process(section, "1"),
        gravity_api=section.quantity("gravity_api", "1"),
        sulphur=section.quantity("sulphur", "1"),
    )
    section.close()
    return marker


def _product(section: Section) -> ProductMarket:
    crack, demand = section.section("crack"), section.section("demand")
    product = ProductMarket(
        key=section.text("key"),
        crack_mean=crack.quantity("mean", "usd/m3"),
        crack_season=_season(crack.section("season"), "usd/m3"),
        crack=_chance(crack, "usd/m3"),
        demand_mean=demand.quantity("mean", "m3/s"),
        demand_season=_season(demand.section("season"), "1"),
        demand=_chance(demand, "1"),
    )
    section.close()
    return product


def _crude(section: Section) -> CrudeMarket:
    crude = CrudeMarket(
        key=section.text("key"),
        gravity_api=section.quantity("gravity_api", "1"),
        sulphur=section.quantity("sulphur", "1"),
        other_mean=section.quantity("other", "usd/m3"),
        differential=_chance(section.section("differential"), "usd/m3"),
    )
    section.close()
    return crude


def _programme(section: Section) -> CargoProgramme:
    programme = CargoProgramme(
        crude=section.text("crude"),
        volume_m3=section.quantity("volume", "m3"),
        interval_s=section.quantity("interval", "s"),
        first_s=section.quantity("first", "s"),
        window_s=section.quantity("window", "s"),
        delay_mean_s=section.quantity("delay_mean", "s"),
        off_volume=section.quantity("off_volume", "1"),
    )
    section.close()
    return programme


def _farm(section: Section, crude_keys: tuple[str, ...]) -> TankFarm:
    tanks = tuple(_tank(item) for item in section.items("tanks"))
    farm = TankFarm(
        crude_keys=crude_keys,
        tanks=tanks,
        flow_vol_unload=section.quantity("flow_vol_unload", "m3/s"),
        settling_s=section.quantity("settling", "s"),
    )
    section.close()
    return farm


def _tank(section: Section) -> Tank:
    tank = Tank(
        key=section.text("key"),
        capacity_m3=section.quantity("capacity", "m3"),
        heel_m3=section.quantity("heel", "m3"),
        start_m3=section.quantity("start", "m3"),
        crude_start=section.text("crude_start"),
        crude_heel=section.text("crude_heel"),
    )
    section.close()
    return tank
