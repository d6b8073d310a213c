"""Material balances of a plan: the refinery, every unit and every stream, by volume and by mass.

Mass is the volume times the density that the plan carries. Where a case gives a stream no density
its mass is unknown, and so is the closure of whatever it passes through: the names of such streams
are kept beside the balance, and nothing is assumed.
"""

import math
from dataclasses import dataclass

from operator_agent.planning.flows import CRUDE_UNIT, DENSITY
from operator_agent.planning.plan import Plan
from operator_agent.planning.process_unit import ProcessUnit
from operator_agent.planning.trade import Purchase
from operator_agent.signing import Json

NOTHING = 1e-6  # [m3/s] flows below are left out of reports


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of a balance.

    Attributes:
        name: of a crude, stream, unit or product.
        flow_vol: volume flow [m3/s].
        flow_mass: mass flow [kg/s]; NaN where the case gives no density.
    """

    name: str
    flow_vol: float
    flow_mass: float


@dataclass(frozen=True, slots=True)
class Balance:
    """What goes into and what comes out of something.

    Attributes:
        name: of the unit or stream; `refinery` for the whole.
        ins, outs: entries with a flow.
    """

    name: str
    ins: tuple[Line, ...]
    outs: tuple[Line, ...]

    @property
    def volume_in(self) -> float:
        """All that goes in [m3/s]."""
        return sum(line.flow_vol for line in self.ins)

    @property
    def volume_out(self) -> float:
        """All that comes out [m3/s]."""
        return sum(line.flow_vol for line in self.outs)

    @property
    def mass_in(self) -> float:
        """Known mass that goes in [kg/s]."""
        return _known(self.ins)

    @property
    def mass_out(self) -> float:
        """Known mass that comes out [kg/s]."""
        return _known(self.outs)

    @property
    def without_density(self) -> tuple[str, ...]:
        """Entries whose mass is unknown."""
        return tuple(x.name for x in (*self.ins, *self.outs) if not math.isfinite(x.flow_mass))

    @property
    def volume_closure(self) -> float:
        """Volume out over volume in; NaN when nothing goes in."""
        return self.volume_out / self.volume_in if self.volume_in > 0.0 else math.nan

    @property
    def mass_closure(self) -> float:
        """Mass out over mass in; NaN when a mass is unknown or nothing goes in."""
        if self.without_density or self.mass_in <= 0.0:
            return math.nan
        return self.mass_out / self.mass_in

    def payload(self) -> dict[str, Json]:
        """Return the balance as plain values for JSON; unknown masses are null."""
        return {
            "name": self.name,
            "in": [_line_payload(line) for line in self.ins],
            "out": [_line_payload(line) for line in self.outs],
            "volume_closure": finite(self.volume_closure),
            "mass_closure": finite(self.mass_closure),
            "without_density": list(self.without_density),
        }


def refinery_balance(plan: Plan) -> Balance:
    """Return crudes and purchased streams in against products out."""
    made = tuple(
        Line(
            blend.product,
            blend.flow_vol,
            sum(
                flow * plan.flows.density(stream)
                for stream, flow in blend.recipe.items()
                if flow > NOTHING
            ),
        )
        for blend in plan.blends
    )
    bought = tuple(
        Line(one.name, plan.purchases[one.name], _bought_mass(plan, one))
        for one in plan.case.purchases.values()
    )
    return _balance("refinery", (*_crudes(plan), *bought), made)


def unit_balances(plan: Plan) -> tuple[Balance, ...]:
    """Return feeds against products of the crude unit and of every process unit, modes added up."""
    own = _balance(CRUDE_UNIT, _crudes(plan), _made_by(plan, CRUDE_UNIT))
    units = (
        _balance(unit.name, _fed_to(plan, unit), _made_by(plan, unit.name))
        for unit in plan.case.units.values()
    )
    return (own, *units)


def stream_balances(plan: Plan) -> tuple[Balance, ...]:
    """Return what makes or buys against what draws every stream."""
    owner = unit_of_use(plan)
    balances = []
    for stream in plan.case.streams:
        density = plan.flows.density(stream)
        made = [
            Line(unit, flow, plan.flows.made_mass[unit, of])
            for (unit, of), flow in plan.flows.made.items()
            if of == stream
        ]
        uses: dict[str, float] = {}
        for (drawn, use), flow in plan.flows.drawn.items():
            if drawn == stream:
                uses[owner.get(use, use)] = uses.get(owner.get(use, use), 0.0) + flow
        drawn_by = tuple(Line(use, flow, flow * density) for use, flow in uses.items())
        balances.append(_balance(stream, (*made, *_bought_for(plan, stream)), drawn_by))
    return tuple(balances)


def unit_of_use(plan: Plan) -> dict[str, str]:
    """Return the unit of every mode that draws streams, by name of the draw."""
    return {run.name: unit.name for unit in plan.case.units.values() for run in unit.operations}


def finite(value: float) -> float | None:
    """Return a value for JSON: None when it is not finite."""
    return value if math.isfinite(value) else None


def _crudes(plan: Plan) -> tuple[Line, ...]:
    return tuple(
        Line(name, flow, flow * plan.case.crudes[name].assay.density_kg_m3)
        for name, flow in plan.charge.items()
    )


def _made_by(plan: Plan, unit: str) -> tuple[Line, ...]:
    return tuple(
        Line(stream, flow, plan.flows.made_mass[by, stream])
        for (by, stream), flow in plan.flows.made.items()
        if by == unit
    )


def _fed_to(plan: Plan, unit: ProcessUnit) -> tuple[Line, ...]:
    feeds: dict[str, float] = {}
    for stream, use in unit.draws:
        feeds[stream] = feeds.get(stream, 0.0) + plan.flows.drawn[stream, use]
    return tuple(
        Line(stream, flow, flow * plan.flows.density(stream)) for stream, flow in feeds.items()
    )


def _bought_for(plan: Plan, stream: str) -> tuple[Line, ...]:
    """Return the purchases that join a stream."""
    return tuple(
        Line(one.name, plan.purchases[one.name], _bought_mass(plan, one))
        for one in plan.case.purchases.values()
        if one.stream == stream
    )


def _bought_mass(plan: Plan, one: Purchase) -> float:
    return plan.purchases[one.name] * one.contents.get(DENSITY, math.nan)


def _balance(name: str, ins: tuple[Line, ...], outs: tuple[Line, ...]) -> Balance:
    def kept(lines: tuple[Line, ...]) -> tuple[Line, ...]:
        return tuple(line for line in lines if line.flow_vol > NOTHING)

    return Balance(name, kept(ins), kept(outs))


def _known(lines: tuple[Line, ...]) -> float:
    return sum(line.flow_mass for line in lines if math.isfinite(line.flow_mass))


def _line_payload(line: Line) -> dict[str, Json]:
    return {
        "name": line.name,
        "flow_vol_m3_s": line.flow_vol,
        "flow_mass_kg_s": finite(line.flow_mass),
    }
