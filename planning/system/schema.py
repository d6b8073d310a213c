"""The layout of a system file: which keys it has.

    name: two_sites
    plants:
      north: {case: north.yaml, tanks: {products: {diesel: {...}}}}
      south: {case: south.yaml}
    periods:
      - {name: july, length: 31 d, changes: {north.products.diesel.price: 95 usd/bbl}}
    transport:
      - {from: north, to: south, stream: naphtha, max: 10 kbbl/d, cost: 1.2 usd/bbl}
    supply:
      maya: {max: 60 kbbl/d}

With one plant, `case`, `tanks` and `changes` may stand at the top, and changes of periods begin
with the keys of the case. Changes of a period are made to the case as it is written, not to the
period before. A period may also give tanks, routes and supply another `min` or `max`:
`north.tanks.products.diesel.max`, `transport[0].max`, `supply.maya.max`.
"""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from operator_agent.planning.case_schema import Text


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TankEntry(_Strict):
    """One tank; stocks are volumes, `closing` or `value` says what the last stock is for."""

    opening: Text
    min: Text = "0 m3"
    max: Text
    closing: Text | None = None
    value: Text | None = None
    storage: Text = "0 usd/m3/d"
    qualities: dict[str, Text] = Field(default_factory=dict)


class TanksEntry(_Strict):
    """The tanks of a plant, by what they hold."""

    crudes: dict[str, TankEntry] = Field(default_factory=dict)
    streams: dict[str, TankEntry] = Field(default_factory=dict)
    products: dict[str, TankEntry] = Field(default_factory=dict)


class PlantEntry(_Strict):
    """One plant: its case file, with changes that hold in all periods, and its tanks."""

    case: str
    changes: dict[str, Any] = Field(default_factory=dict)
    tanks: TanksEntry = TanksEntry()


class PeriodEntry(_Strict):
    """One period."""

    name: str
    length: Text
    changes: dict[str, Any] = Field(default_factory=dict)


class RouteEntry(_Strict):
    """One route; exactly one of crude, stream and product."""

    source: str = Field(alias="from")
    target: str = Field(alias="to")
    crude: str | None = None
    stream: str | None = None
    product: str | None = None
    arrives_as: str | None = Field(default=None, alias="as")
    min: Text = "0 m3/s"
    max: Text
    cost: Text


class SupplyEntry(_Strict):
    """What all plants together may buy of a crude."""

    min: Text = "0 m3/s"
    max: Text


class SystemEntry(_Strict):
    """The whole file."""

    name: str
    plants: dict[str, PlantEntry] = Field(default_factory=dict)
    case: str | None = None
    changes: dict[str, Any] = Field(default_factory=dict)
    tanks: TanksEntry = TanksEntry()
    periods: Annotated[list[PeriodEntry], Field(min_length=1)]
    transport: list[RouteEntry] = Field(default_factory=list)
    supply: dict[str, SupplyEntry] = Field(default_factory=dict)
