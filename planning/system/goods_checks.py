"""What tanks and routes must satisfy: what is mixed or sold as one is the same everywhere."""

from collections.abc import Iterable, Mapping
from itertools import pairwise

from operator_agent.errors import InputError
from operator_agent.planning.case import Crude, PlanningCase, Product
from operator_agent.planning.system.carried import Cases
from operator_agent.planning.system.goods_reader import check_known
from operator_agent.planning.system.system import Goods, Route, Tank


def check_routes(routes: Iterable[Route], cases: Cases) -> None:
    """Refuse routes of goods that an end does not know, or that differ between the ends.

    Args:
        routes: of the system.
        cases: by plant and period.

    Raises:
        InputError: a route does not fit; the message names it and the next step.
    """
    for route in routes:
        place = f"transport from {route.source} to {route.target}"
        check_known(route.item, route.goods, cases[route.source], place)
        check_known(route.arrives_as, route.goods, cases[route.target], place)
        names = (route.item, route.arrives_as)
        for period, sent in cases[route.source].items():
            here = f"{place}, period {period}"
            _check_same(route.goods, names, (sent, cases[route.target][period]), here)


def check_stocks(plant: str, tanks: Iterable[Tank], cases: Mapping[str, PlanningCase]) -> None:
    """Refuse tanks whose goods are others, or specified more strictly, in a later period.

    Args:
        plant: where they stand.
        tanks: of the plant.
        cases: of the plant by period, in order of time.

    Raises:
        InputError: stock of one period would not be what the next calls by its name.
    """
    for tank in tanks:
        for (first, before), (then, after) in pairwise(cases.items()):
            place = f"plant {plant}, {tank.words} from period {first} to {then}"
            _check_same(tank.goods, (tank.item, tank.item), (before, after), place)


def _check_same(
    goods: Goods, names: tuple[str, str], cases: tuple[PlanningCase, PlanningCase], place: str
) -> None:
    (name, other), (sent, got) = names, cases
    if goods is Goods.CRUDE:
        _check_crude(sent.crudes[name], got.crudes[other], place)
    if goods is Goods.PRODUCT:
        _check_specs(sent.products[name], got.products[other], place)


def _check_crude(sent: Crude, got: Crude, place: str) -> None:
    facts = [(one.assay, one.sulphur, one.tail_viscosity) for one in (sent, got)]
    if facts[0] != facts[1]:
        raise InputError(
            f"{place}: crude '{sent.name}' has another assay, sulphur or tail viscosity than "
            f"'{got.name}' there; give both the same, or two names"
        )


def _check_specs(sent: Product, got: Product, place: str) -> None:
    """Refuse a product that may come with a quality that it may not have there."""
    given = {spec.quality.name: spec for spec in sent.specs}
    for spec in got.specs:
        kept = given.get(spec.quality.name)
        loose_low = spec.low is not None and (
            kept is None or kept.low is None or kept.low < spec.low
        )
        loose_high = spec.high is not None and (
            kept is None or kept.high is None or kept.high > spec.high
        )
        if loose_low or loose_high:
            raise InputError(
                f"{place}: product '{sent.name}' is not specified as strictly in "
                f"{spec.quality.words} as '{got.name}' there; specify it so, or make two products"
            )
