"""What a route must satisfy: its goods are known at both ends, and are the same there."""

from collections.abc import Iterable

from operator_agent.errors import InputError
from operator_agent.planning.case import PlanningCase, Product
from operator_agent.planning.system.carried import Cases
from operator_agent.planning.system.goods_reader import check_known
from operator_agent.planning.system.system import Goods, Route


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
        for period, sent in cases[route.source].items():
            _check_same(route, sent, cases[route.target][period], place)


def _check_same(route: Route, sent: PlanningCase, got: PlanningCase, place: str) -> None:
    if route.goods is Goods.CRUDE:
        crude, other = sent.crudes[route.item], got.crudes[route.arrives_as]
        facts = [(one.assay, one.sulphur, one.tail_viscosity) for one in (crude, other)]
        if facts[0] != facts[1]:
            raise InputError(
                f"{place}: crude '{route.item}' has another assay, sulphur or tail viscosity than "
                f"'{route.arrives_as}' at {route.target}; give both the same"
            )
    if route.goods is Goods.PRODUCT:
        _check_specs(sent.products[route.item], got.products[route.arrives_as], place)


def _check_specs(sent: Product, got: Product, place: str) -> None:
    """Refuse a product that may leave with a quality that it may not have on arrival."""
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
                f"{spec.quality.words} as '{got.name}' where it arrives; ship a product that is"
            )
