"""Process units of a case file: yields, qualities and costs, of a unit or of its modes."""

from collections.abc import Mapping
from dataclasses import replace

from operator_agent.errors import InputError
from operator_agent.planning.case import LinearForm, ProcessUnit, UnitProduct
from operator_agent.planning.case_schema import (
    FormEntry,
    ModeEntry,
    QualityRule,
    UnitEntry,
    UnitProductEntry,
)
from operator_agent.planning.entry_values import flow_range, specs_of
from operator_agent.planning.qualities import Basis, Quality, quality
from operator_agent.planning.quantities import parse_quantity

VOLUME_GAIN = (0.8, 1.3)  # volume made per volume of feed: gas and coke below, cracking above
MASS_GAIN = 1.02  # mass made per mass of feed; hydrogen adds less than this


def unit_of(name: str, entry: UnitEntry) -> ProcessUnit:
    """Return a process unit.

    Args:
        name: of the unit.
        entry: of the case file.

    Raises:
        InputError: a key is missing, a quantity is wrong, or the yields do not close.
    """
    place = f"units.{name}"
    if bool(entry.products) == bool(entry.modes):
        raise InputError(f"{place}: give either products, or modes that have products")
    if entry.exclusive and not entry.modes:
        raise InputError(f"{place}.exclusive: the unit has no modes; add them or remove the key")
    low, high = flow_range(entry, ("turndown", "capacity"), place)
    specs = specs_of(entry.feed_specs, f"{place}.feed_specs")
    if not entry.modes:
        return replace(_run(name, entry, entry, place), low=low, high=high, specs=specs)
    modes = [
        _run(f"{name}.{mode}", way, entry, f"{place}.modes.{mode}")
        for mode, way in entry.modes.items()
    ]
    return ProcessUnit(
        name,
        tuple(entry.feeds),
        low,
        high,
        0.0,
        LinearForm(0.0),
        (),
        specs,
        tuple(replace(mode, high=high) for mode in modes),
        entry.exclusive,
    )


def _run(name: str, entry: UnitEntry | ModeEntry, unit: UnitEntry, place: str) -> ProcessUnit:
    """Return a mode, or a unit that has none; its flows are not bounded yet."""
    feeds = entry.feeds or unit.feeds
    energy, cost = entry.energy or unit.energy, entry.operating_cost or unit.operating_cost
    for key, value in (("energy", energy), ("operating_cost", cost)):
        if value is None:
            raise InputError(f"key '{key}' is missing at {place}.{key}; add it")
    for feed in feeds:
        if feed not in unit.feeds:
            raise InputError(f"{place}.feeds: '{feed}' is no feed of the unit; add it there")
    products = tuple(
        _made(stream, made, f"{place}.products.{stream}") for stream, made in entry.products.items()
    )
    if not (entry.gain_checked or unit.gain_checked):
        _check_gain(entry.products, products, place)
    return ProcessUnit(
        name,
        tuple(feeds),
        0.0,
        0.0,
        parse_quantity(energy or 0.0, "energy by volume", f"{place}.energy"),
        _form(cost or FormEntry(base=0.0), "price by volume", f"{place}.operating_cost"),
        products,
    )


def _made(stream: str, entry: UnitProductEntry, place: str) -> UnitProduct:
    yielded = _form(entry.yielded, "number", f"{place}.yield")
    fixed = _fixed(entry.qualities, place)
    places = {name: f"{place}.qualities.{name}" for name in entry.qualities}
    amounts = {
        name: yielded.times(fixed[name])
        if name in fixed
        else _amount(quality(name, places[name]), rule, yielded, places[name])
        for name, rule in entry.qualities.items()
    }
    return UnitProduct(stream, yielded, amounts, fixed)


def _form(entry: FormEntry, dimension: str, place: str) -> LinearForm:
    for name in entry.slopes:
        quality(name, f"{place}.slopes")
    base = parse_quantity(entry.base, dimension, f"{place}.base")
    shift = sum(item.slope * item.at for item in entry.slopes.values())
    return LinearForm(base - shift, {name: item.slope for name, item in entry.slopes.items()})


def _fixed(rules: Mapping[str, QualityRule], place: str) -> Mapping[str, float]:
    """Return the contents that do not depend on the feed, per m3 of product."""
    values = {name: rule.fixed for name, rule in rules.items() if rule.fixed is not None}
    return contents_of(values, place)


def contents_of(values: Mapping[str, str | float], place: str) -> Mapping[str, float]:
    """Return the contents of one m3 with these qualities.

    Args:
        values: quality as written, by name.
        place: that gives them.

    Raises:
        InputError: a quality is not known, or one by mass has no density beside it.
    """
    found = {}
    for name, text in values.items():
        here = f"{place}.qualities.{name}"
        of = quality(name, here)
        if of.basis is Basis.MASS and "density" not in values:
            raise InputError(f"{here}: a fixed {of.words} needs a fixed density beside it")
        density = 0.0
        if of.basis is Basis.MASS:
            density = parse_quantity(values["density"], "density", f"{place}.qualities.density")
        found[name] = of.content(parse_quantity(text, of.dimension, here), density)
    return found


def _amount(of: Quality, rule: QualityRule, yielded: LinearForm, place: str) -> LinearForm:
    """Return the amount of a quality in a unit's product, per m3 of feed."""
    if rule.amount is not None:
        base = rule.amount.get("volume", 0.0)
        slopes = {name: slope for name, slope in rule.amount.items() if name != "volume"}
        for name in slopes:
            quality(name, place)
        return LinearForm(base, slopes)
    if rule.feed_times is None or of.basis is Basis.MASS or yielded.slopes:
        raise InputError(
            f"{place}: give 'fixed', 'amount', or, for a volume-based quality at a constant "
            "yield, 'feed_times' with 'plus'"
        )
    plus = parse_quantity(rule.plus, of.dimension, place) if rule.plus is not None else 0.0
    return LinearForm(yielded.base * plus, {of.name: yielded.base * rule.feed_times})


def _check_gain(
    entries: Mapping[str, UnitProductEntry], products: tuple[UnitProduct, ...], place: str
) -> None:
    """Refuse yields that do not add up: by volume at the stated feed, by mass where it is known."""
    way_out = "correct the yields, or write 'gain_checked: true' when they are meant so"
    volume = sum(
        parse_quantity(entry.yielded.base, "number", f"{place}.products.{stream}.yield.base")
        for stream, entry in entries.items()
    )
    low, high = VOLUME_GAIN
    if not low <= volume <= high:
        raise InputError(
            f"{place}: the yields add up to {volume:.3f} volumes per volume of feed, outside "
            f"{low} to {high}; {way_out}"
        )
    gain = _mass_gain(entries, products)
    if gain is not None and gain > MASS_GAIN:
        raise InputError(
            f"{place}: the products weigh {gain:.3f} times the feed, above {MASS_GAIN}; {way_out}"
        )


def _mass_gain(
    entries: Mapping[str, UnitProductEntry], products: tuple[UnitProduct, ...]
) -> float | None:
    """Return mass made per mass of feed, of the products that state a density.

    It is known where the yields state the density of their feed (`at`), or where all mass comes
    from the mass of the feed in proportion.
    """
    masses = [product.amounts["density"] for product in products if "density" in product.amounts]
    base = sum(form.base for form in masses)
    slopes: dict[str, float] = {}
    for form in masses:
        for name, slope in form.slopes.items():
            slopes[name] = slopes.get(name, 0.0) + slope
    proportion = slopes.pop("density", 0.0)
    if any(slopes.values()):
        return None
    stated = {
        entry.yielded.slopes["density"].at
        for entry in entries.values()
        if "density" in entry.yielded.slopes
    }
    if base == 0.0:
        return proportion
    return base / stated.pop() + proportion if len(stated) == 1 and all(stated) else None
