"""The section of the plan's page about volumes and masses, and how well they close."""

import html
import math

from operator_agent.planning.plan import Plan
from operator_agent.planning.webreport.balance import (
    Balance,
    Line,
    refinery_balance,
    stream_balances,
    unit_balances,
)
from operator_agent.planning.webreport.tables import Row, note, section, table
from operator_agent.planning.webreport.words import (
    FLOW,
    MASS,
    NO_VALUE,
    PRICE,
    flow,
    mass_flow,
    percent,
    price,
    words,
)

COLUMNS = (
    "",
    f"in {FLOW}",
    f"out {FLOW}",
    f"in {MASS}",
    f"out {MASS}",
    "vol% of in",
    "wt% of in",
)


def material_balance(plan: Plan) -> str:
    """Return what goes into and comes out of the refinery, the units and the streams."""
    whole = refinery_balance(plan)
    units = [
        f'<div class="card"><h3>{html.escape(words(balance.name))}</h3>{_balance(balance)}</div>'
        for balance in unit_balances(plan)
        if balance.ins or balance.outs
    ]
    parts = [
        f"<h3>Whole refinery</h3>{_balance(whole)}",
        f'<div class="cards">{"".join(units)}</div>',
        f"<h3>Streams</h3>{_streams(plan)}",
    ]
    return section(
        "Material balance",
        *parts,
        note(
            "Volume closes over streams; over units it changes with density. Mass is volume times "
            "the density of the case; a dash stands where the case gives none. Mass that does not "
            "close is fuel gas, coke or hydrogen that the case leaves out, or a density in it that "
            "does not fit its yields."
        ),
    )


def _balance(balance: Balance) -> str:
    rows = [
        Row((words(x.name), flow(x.flow_vol), "", mass_flow(x.flow_mass), "", "", ""))
        for x in balance.ins
    ]
    for x in balance.outs:
        figures = ("", flow(x.flow_vol), "", mass_flow(x.flow_mass), *_shares(x, balance))
        rows.append(Row((words(x.name), *figures)))
    return table(COLUMNS, [*rows, _closure(balance)])


def _shares(line: Line, balance: Balance) -> tuple[str, str]:
    """Return an entry's yield by volume and by mass."""
    complete = all(math.isfinite(entry.flow_mass) for entry in balance.ins)
    return (
        percent(line.flow_vol / balance.volume_in if balance.volume_in else math.nan),
        percent(line.flow_mass / balance.mass_in if complete and balance.mass_in else math.nan),
    )


def _closure(balance: Balance) -> Row:
    missing = ", ".join(words(name) for name in balance.without_density)
    return Row(
        (
            f"sum (no density: {missing})" if missing else "sum",
            flow(balance.volume_in),
            flow(balance.volume_out),
            mass_flow(balance.mass_in),
            mass_flow(balance.mass_out),
            percent(balance.volume_closure),
            percent(balance.mass_closure),
        ),
        "sum",
    )


def _streams(plan: Plan) -> str:
    rows = []
    for balance in stream_balances(plan):
        if not balance.outs:
            continue
        density, made = plan.flows.density(balance.name), balance.volume_in
        rows.append(
            Row(
                (
                    words(balance.name),
                    ", ".join(words(entry.name) for entry in balance.ins),
                    flow(made),
                    mass_flow(made * density),
                    f"{density:.1f}" if math.isfinite(density) else NO_VALUE,
                    price(plan.stream_values[balance.name]),
                    ", ".join(f"{words(x.name)} {flow(x.flow_vol)}" for x in balance.outs),
                    percent(balance.volume_closure),
                )
            )
        )
    columns = ("stream", "from", FLOW, MASS, "kg/m3", f"worth {PRICE}", f"to [{FLOW}]", "closure %")
    return table(columns, rows, left=(1, 6))
