"""What a case must hold together: streams, names, markets and specifications that can be met."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace

from operator_agent.errors import InputError
from operator_agent.planning.case import PlanningCase, ProcessUnit, Product, Spec
from operator_agent.planning.cuts import COMPUTED
from operator_agent.planning.flow_paths import (
    QUALITIES_OF,
    check_path,
    check_quality_path,
    quality_of_path,
)
from operator_agent.planning.limits import Side
from operator_agent.planning.nearest import choice_of
from operator_agent.planning.qualities import Basis, quality
from operator_agent.planning.quantities import in_unit

OUT_OF_REACH = 1e-9  # relative: a specification that is missed by less can be met


def check_case(case: PlanningCase) -> None:
    """Refuse a case that contradicts itself before anything is solved.

    Raises:
        InputError: the message names the place, the value and the next step.
    """
    _check_crude_unit(case)
    _check_streams(case)
    _check_names(case)
    _check_contents(case)
    _check_watched(case)
    for product in case.products.values():
        _check_market(case, product)
        _check_specs(case, product, f"products.{product.name}.specs")
    for unit in case.units.values():
        _check_specs(case, unit, f"units.{unit.name}.feed_specs")


def with_watched_qualities(case: PlanningCase) -> PlanningCase:
    """Return the case with a specification without limits for each quality that an alert watches.

    So the quality is carried to the blend and reported there.

    Raises:
        InputError: an alert names no flow or quality of the case.
    """
    units, products = dict(case.units), dict(case.products)
    for number, alert in enumerate(case.alerts):
        name = quality_of_path(alert.of)
        if not name:
            continue
        place = f"alerts[{number}]"
        check_quality_path(case, alert.of, place)
        group, item, *_ = alert.of.split(".")
        spec = Spec(quality(name, place), None, None, alert.unit)
        if group == "units":
            units[item] = replace(units[item], specs=_with(units[item].specs, spec))
        else:
            products[item] = replace(products[item], specs=_with(products[item].specs, spec))
    return replace(case, units=units, products=products)


def _with(specs: tuple[Spec, ...], spec: Spec) -> tuple[Spec, ...]:
    return specs if any(one.quality is spec.quality for one in specs) else (*specs, spec)


def _check_names(case: PlanningCase) -> None:
    """Refuse names that are used twice or that would break the paths of flows."""
    pairs = (
        ("a unit and a product", case.units, case.products),
        ("a crude and a purchase", case.crudes, case.purchases),
    )
    for words, one, other in pairs:
        both = set(one) & set(other)
        if both:
            raise InputError(f"'{sorted(both)[0]}' names both {words}; rename one")
    modes = [run.name.removeprefix(f"{u.name}.") for u in case.units.values() for run in u.modes]
    for name in (*case.crudes, *case.purchases, *case.units, *modes, *case.products, *case.streams):
        if "." in name:
            raise InputError(f"'{name}' holds a dot, which separates names; use an underscore")
    rows = [row.name for row in case.rows]
    twice = next((name for name in rows if rows.count(name) > 1), None)
    if twice:
        raise InputError(f"limits: '{twice}' names two limits; rename one")


def _check_crude_unit(case: PlanningCase) -> None:
    if bool(case.crudes) != bool(case.crude_unit.cuts):
        missing = "crude_unit" if case.crudes else "crudes"
        raise InputError(
            f"case {case.name} has no {missing}; crudes and crude_unit go together: add "
            f"{missing}, or remove the other"
        )
    if not (case.crudes or case.purchases or case.connections.arriving):
        raise InputError(f"case {case.name} has nothing to run: add crudes or purchases")


def _check_streams(case: PlanningCase) -> None:
    """Refuse streams that nothing makes or nothing takes."""
    own = case.crude_unit.streams
    for run in case.operations.values():
        for product in run.products:
            if product.stream in own:
                raise InputError(
                    f"{case.place_of(run)}.products.{product.stream}: stream "
                    f"'{product.stream}' belongs to the crude unit; give the unit's product "
                    "a name of its own"
                )
    joined = case.connections
    made = {
        *own,
        *joined.arriving,
        *(purchase.stream for purchase in case.purchases.values()),
        *(product.stream for run in case.operations.values() for product in run.products),
    }
    uses: Iterable[tuple[str, str]] = (
        *(
            (f"units.{unit.name}.feeds[{n}]", stream)
            for unit in case.units.values()
            for n, stream in enumerate(unit.feeds)
        ),
        *(
            (f"products.{p.name}.{f'recipe.{s}' if p.recipe else f'components[{n}]'}", s)
            for p in case.products.values()
            for n, s in enumerate(p.components)
        ),
    )
    for place, stream in uses:
        if stream not in made:
            raise InputError(
                f"{place}: nothing makes stream '{stream}'{choice_of(stream, sorted(made))}"
            )
    for stream in case.streams:
        if not case.uses(stream) and stream not in {*joined.leaving, *joined.stocked}:
            comes = "arrives" if stream in joined.arriving else "is made"
            raise InputError(
                f"{_source(case, stream)}stream '{stream}' {comes} but nothing takes it; "
                "correct the name, or add it to the feeds of a unit or the components of a product"
            )


def _source(case: PlanningCase, stream: str) -> str:
    """Return the place that makes a stream, with a colon; empty when it arrives from elsewhere."""
    makers = [f"{case.place_of(run)}.products.{stream}: " for run, _ in case.producers(stream)]
    bought = [f"purchases.{one.name}: " for one in case.suppliers(stream)]
    return next(iter((*makers, *bought)), "")


def _check_contents(case: PlanningCase) -> None:
    """Refuse a quality that is asked of a stream whose source does not give it."""
    for stream, names in case.contents.items():  # itself checks units and purchases
        for name in names if stream in case.crude_unit.streams else ():
            if name not in COMPUTED and name not in case.profiles:
                asks = case.asks_for(stream, name)
                raise InputError(
                    f"stream '{stream}' of the crude unit: '{name}' is limited or used further on, "
                    f"by {asks}; give profiles.{name} over boiling point"
                )


def _check_watched(case: PlanningCase) -> None:
    """Refuse rows and alerts on flows that the case does not have."""
    for number, row in enumerate(case.rows):
        for path in row.of:
            check_path(case, path, f"limits[{number}] ({row.name}).of")
    for number, alert in enumerate(case.alerts):
        if QUALITIES_OF not in alert.of.split("."):
            check_path(case, alert.of, f"alerts[{number}].of")


def _check_market(case: PlanningCase, product: Product) -> None:
    """Refuse a sale that must be more than all components together can give."""
    most = _most_of_blend(case, product)
    if product.low > most * (1.0 + OUT_OF_REACH):
        told = in_unit(most, "kbbl/d")
        raise InputError(
            f"products.{product.name}: min {in_unit(product.low, 'kbbl/d'):.5g} kbbl/d is more "
            f"than its components can give, {told:.5g} kbbl/d; lower it or add components"
        )


def _most_of_blend(case: PlanningCase, product: Product) -> float:
    """Return a bound on what can be blended of a product [m3/s]; infinite when none is known."""
    if case.connections.arriving or case.connections.stocked:
        return math.inf
    own = case.crude_unit.streams
    most = {stream: _most_of_stream(case, stream) for stream in product.components}
    if product.recipe:
        total = sum(product.recipe.values())
        return min(most[stream] * total / part for stream, part in product.recipe.items())
    straight = case.crude_unit.high if any(stream in own for stream in most) else 0.0
    bought = sum(one.high for stream in most for one in case.suppliers(stream) if stream in own)
    return straight + bought + sum(flow for stream, flow in most.items() if stream not in own)


def _most_of_stream(case: PlanningCase, stream: str) -> float:
    most = sum(one.high for one in case.suppliers(stream))
    if stream in case.crude_unit.streams:
        most += case.crude_unit.high
    for run, made in case.producers(stream):
        most += math.inf if made.yielded.slopes else run.high * max(made.yielded.base, 0.0)
    return most


def _check_specs(case: PlanningCase, blend: Product | ProcessUnit, place: str) -> None:
    """Refuse a limit that no mixture meets, where the qualities of all components are fixed."""
    for spec in blend.specs:
        found = [_index(case.constant_contents, s, spec) for s, _ in blend.draws]
        indices = [index for index in found if index is not None]
        if len(indices) < len(found):
            continue
        for side, value in ((Side.MIN, spec.low), (Side.MAX, spec.high)):
            if value is None:
                continue
            upper = (side is Side.MAX) != spec.quality.falling
            best, limit = (min if upper else max)(indices), spec.quality.to_index(value)
            beyond = best - limit if upper else limit - best
            if beyond > OUT_OF_REACH * max(abs(limit), 1e-9):
                nearest = in_unit(spec.quality.from_index(best), spec.unit)
                raise InputError(
                    f"{place}.{spec.quality.name}: no mixture can meet {side.value} "
                    f"{in_unit(value, spec.unit):.5g} {spec.unit}; the nearest is {nearest:.5g} "
                    f"{spec.unit}; change the limit or add a component"
                )


def _index(contents: Mapping[tuple[str, str], float], stream: str, spec: Spec) -> float | None:
    """Return the blending index of a stream whose quality is fixed; None when it is not."""
    content = contents.get((stream, spec.quality.name))
    if spec.quality.basis is Basis.VOLUME or content is None:
        return content
    density = contents.get((stream, "density"))
    return None if density is None else content / density
