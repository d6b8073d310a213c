"""Commands that explain a cycle, and take single variables out of service and back."""

import datetime
from pathlib import Path
from typing import Annotated

import typer

from operator_agent.clock import SystemClock
from operator_agent.errors import InputError
from operator_agent.mpc.status.orders import Order, OrderKind
from operator_agent.runtime.cli_site import SiteArg, StateOpt, control_app, open_site
from operator_agent.runtime.cli_tables import (
    OUT,
    JsonFlag,
    check_json_file,
    print_json,
    say,
    tables_that_fit,
)
from operator_agent.runtime.order_book import OrderBook, standing_orders
from operator_agent.runtime.state_folder import need_keys
from operator_agent.signing import read_key
from operator_agent.site import Limits
from operator_agent.units import to_si

TagArg = Annotated[str, typer.Argument(help="Tag of an MV, CV or DV, for example FC1003.")]
PersonOpt = Annotated[str, typer.Option(help="Your name; it stands in the order book.")]
ReasonOpt = Annotated[str, typer.Option(help="Why, in words.")]


def explain(
    folder: Annotated[
        Path, typer.Argument(help="Folder of a run: out/demo/mpc or run/<site name>.")
    ],
    cycle: Annotated[
        int | None, typer.Option(help="Number of the cycle; the last one by default.", min=1)
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(help="Draw accuracy of predictions and prices of limits of the run here."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Explain a cycle: why each MV moved, which limits hold and what they cost, how good it is.

    The parts of a move add up to it; gains, residuals and the accuracy of predictions follow as
    tables. JSON is in SI.
    """
    from operator_agent.runtime.explain_record import read_explanations
    from operator_agent.runtime.explain_words import payload, sentences, tables

    if plot is not None:
        _check_picture(plot)
    record = read_explanations(folder)
    line = record.cycle(cycle)
    if plot is not None:
        from operator_agent.runtime.explain_plots import explanation_figure
        from operator_agent.runtime.plots import save_png

        save_png(explanation_figure(record), plot)
    if as_json:
        print_json(payload(record, line))
        return
    for text in sentences(record, line):
        say(text)
    for table in tables(record, line):
        OUT.print(*tables_that_fit(table.title, table.columns, table.rows))


def _check_picture(path: Path) -> None:
    """Refuse a picture that cannot be written before anything is done."""
    if path.suffix != ".png":
        raise InputError(f"plot file {path} must end in .png")
    check_json_file(str(path))


@control_app.command("out")
def order_out(
    site: SiteArg, tag: TagArg, person: PersonOpt, reason: ReasonOpt = "", state: StateOpt = None
) -> None:
    """Take a variable out of service, as a person's command.

    An MV is held at its read-back, a CV is neither tracked nor limited, a disturbance keeps its
    last value. It holds from the next cycle on, also after a restart, until `control back`.
    """
    _give(site, state, Order(OrderKind.OUT, tag, person, reason))


@control_app.command("back")
def order_back(
    site: SiteArg, tag: TagArg, person: PersonOpt, reason: ReasonOpt = "", state: StateOpt = None
) -> None:
    """Take a variable back into service, as a person's command; nothing moves at once."""
    _give(site, state, Order(OrderKind.BACK, tag, person, reason))


@control_app.command("limits")
def order_limits(
    site: SiteArg,
    tag: TagArg,
    person: PersonOpt,
    low: Annotated[float | None, typer.Option(help="In the unit of the tag.")] = None,
    high: Annotated[float | None, typer.Option(help="In the unit of the tag.")] = None,
    reason: ReasonOpt = "",
    state: StateOpt = None,
) -> None:
    """Narrow what the optimizer may use of an MV or CV, inside the operator's limits.

    A side that is not given stays at the operator's limit; without any all of it is given back.
    """
    loaded, _ = open_site(site, state)
    found = loaded.tag(tag)
    limits = Limits(
        found.operator.low if low is None else to_si(low, found.unit),
        found.operator.high if high is None else to_si(high, found.unit),
    )
    _give(site, state, Order(OrderKind.LIMITS, tag, person, reason, limits))


@control_app.command("orders")
def orders(site: SiteArg, state: StateOpt = None, as_json: JsonFlag = False) -> None:
    """Show all orders of people for single variables, their chain verified, and what stands."""
    loaded, folder = open_site(site, state)
    need_keys(folder)
    book = OrderBook(folder.orders, read_key(folder.operator_key))
    standing, entries = standing_orders(loaded, book)
    if as_json:
        rows = [
            {"number": e.number, "time_s": e.time_s, "kind": e.order.kind.value,
             "tag": e.order.tag, "person": e.order.person, "reason": e.order.reason,
             "limits": None if e.order.limits is None else e.order.limits.payload()}
            for e in entries
        ]  # fmt: skip
        print_json({"orders": rows, "out_of_service": dict(standing.out_of_service)})
        return
    for entry in entries:
        order = entry.order
        when = datetime.datetime.fromtimestamp(entry.time_s, datetime.UTC)
        words = "" if order.limits is None else f" {loaded.tag(order.tag).range_text(order.limits)}"
        why = f": {order.reason}" if order.reason else ""
        say(f"{entry.number}  {when:%Y-%m-%d %H:%M} UTC  {order.tag} {order.kind.value}{words} "
            f"by {order.person}{why}")  # fmt: skip
    out = [f"{tag} {why}" for tag, why in standing.out_of_service.items()]
    say("Out of service: " + ("; ".join(out) or "nothing"))


def _give(site: Path, state: Path | None, order: Order) -> None:
    """Check an order against what stands, and enter it."""
    loaded, folder = open_site(site, state)
    need_keys(folder)
    book = OrderBook(folder.orders, read_key(folder.operator_key))
    standing, _ = standing_orders(loaded, book)
    standing.with_order(order)
    entry = book.append(order, SystemClock().wall_s())
    say(f"Order {entry.number}: {order.tag} {order.kind.value}; it holds from the next cycle on")
