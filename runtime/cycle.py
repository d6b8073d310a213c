"""One control cycle, from readings to a verified write. It never raises for what a plant may do.

    readings -> scan -> advice (every k-th cycle) -> estimate, target, NMPC, acceptance
             -> signed move -> gate -> historian -> status

Whatever fails ends in a hold with a reason, and holds in a row end in SHED. A supervisor that
fails costs its advice, not the control.
"""

import asyncio
import logging
import math
import secrets
from collections.abc import Sequence

from operator_agent.errors import LinkError, OperatorAgentError
from operator_agent.io.write_gate import READY_MODE
from operator_agent.messages import (
    Advice,
    ControllerMode,
    ControlStatus,
    EconomicTargets,
    GateReply,
    GateVerdict,
    Move,
)
from operator_agent.mpc.advice import inside
from operator_agent.mpc.certify import certify, hold_move
from operator_agent.mpc.controller import ControllerState, CycleResult
from operator_agent.mpc.explain.explanation import explain
from operator_agent.mpc.problem import PointWorth
from operator_agent.mpc.scan import Scan
from operator_agent.mpc.status.mode import ModeState
from operator_agent.mpc.status.orders import Standing
from operator_agent.mpc.status.states import ServiceRequest
from operator_agent.runtime.explain_record import ExplainedCycle
from operator_agent.runtime.loop_parts import LoopParts, PlantScan
from operator_agent.runtime.run_record import CycleRecord
from operator_agent.runtime.scan import to_scan

LOG = logging.getLogger(__name__)


class ControlLoop:
    """The loop's state between cycles. One instance is one session of the controller."""

    def __init__(self, parts: LoopParts, targets: EconomicTargets | None = None) -> None:
        """Start in STANDBY; `engage` is a person's command."""
        self._parts = parts
        self._session = secrets.token_hex(8)
        self._targets = targets
        self._mode = ModeState(max_holds=parts.site.gate.max_holds)
        self._state: ControllerState | None = None
        self._advice: Advice | None = None
        self._advice_cut: tuple[str, ...] = ()
        self._cycle = 0
        self._start_s = math.nan
        self._time_s = -math.inf
        self._standing = Standing.of(parts.site)
        self._order_fault = ""
        self._not_remote: dict[str, str] = {}
        self._written: dict[str, float] = {}
        self._obstacle = ""

    @property
    def plant_time_s(self) -> float:
        """Plant time of the last scan [s since 1970 UTC]; minus infinity before the first."""
        return self._time_s

    @property
    def mode(self) -> ModeState:
        """Mode of the controller with its reason."""
        return self._mode

    def engage(self, person: str) -> None:
        """Switch on, by a person's command; it stays in STANDBY when it could not go on."""
        critical = [t for t in self._not_remote if t in self._standing.critical]
        away = ", ".join(
            f"{tag} is in {self._not_remote[tag] or 'an unknown mode'}" for tag in critical
        )
        self._mode = self._mode.engaged(person, self._obstacle or away)

    def follow(self, targets: EconomicTargets) -> None:
        """Track a new plan from the next cycle on."""
        self._targets = targets

    async def run_cycle(self) -> CycleRecord:
        """Run one cycle and return what happened; it is published and stored as well."""
        self._cycle += 1
        began_s = self._parts.clock.monotonic_s()
        try:
            scan = await self._parts.reader.scan()
        except LinkError as error:
            self._mode = self._mode.after_hold(str(error))
            return self._finish(None, None, None, str(error), began_s)
        self._time_s = scan.time_s
        if math.isnan(self._start_s):
            self._start_s = scan.time_s
        self._take_orders()
        self._not_remote = {tag: mode for tag, mode in scan.modes.items() if mode != READY_MODE}
        taken, why = to_scan(
            self._parts.site, scan.readings, scan.setpoints, self._cycle, scan.time_s
        )
        why = await self._store(scan) or why
        result = None
        if taken is not None and not why:
            result, why = self._step(taken)
        move, why = self._move(taken, result, why)
        reply, why = await self._submit(move, why)
        if taken is not None and result is not None:
            self._ask_adviser(taken, result)
        record = self._finish(scan, result, reply, why, began_s)
        self._explain(scan.time_s, record, result)
        return record

    def _take_orders(self) -> None:
        """Follow what people ordered since the last cycle, as far as it can be trusted."""
        if self._parts.orders is None:
            return
        try:
            for entry in self._parts.orders.fresh():
                self._standing = self._standing.with_order(entry.order)
                LOG.info("cycle %d: order %d of %s followed", self._cycle, entry.number,
                         entry.order.person)  # fmt: skip
        except OperatorAgentError as error:
            self._order_fault = str(error)
            LOG.error("cycle %d: an order is not followed: %s", self._cycle, error)

    def _request(self) -> ServiceRequest:
        on = self._mode.mode is ControllerMode.ON
        return self._standing.request(
            self._mode.mode, self._not_remote if on else {}, self._written
        )

    def _explain(self, time_s: float, record: CycleRecord, result: CycleResult | None) -> None:
        if self._parts.explain is None or result is None or self._state is None:
            return
        controller = self._parts.controller
        try:
            found = explain(result, self._state, controller.targets)
            self._parts.explain(time_s, ExplainedCycle(record, found))
        except Exception as error:  # an explanation is worth less than the control
            LOG.error("cycle %d: it is not explained: %s", self._cycle, error)

    async def _store(self, scan: PlantScan) -> str:
        """Store the scan; return why that failed, or an empty text."""
        try:
            await asyncio.to_thread(self._parts.historian.append, scan.time_s, scan.readings)
        except OperatorAgentError as error:
            return str(error)
        return ""

    def _step(self, scan: Scan) -> tuple[CycleResult | None, str]:
        """Return what the controller found, and why that is not a move."""
        controller = self._parts.controller
        try:
            if self._state is None:
                self._state = controller.start(scan)
            result, self._state = controller.step(
                self._state, scan, self._targets, self._advice, self._request()
            )
        except Exception as error:  # of a numerical library, or advice with unknown names
            LOG.exception("cycle %d: the controller failed", self._cycle)
            self._advice = None
            if not isinstance(error, OperatorAgentError):
                self._state = None  # what broke the numbers must not break every later cycle
            return None, f"the controller failed: {error}"
        self._obstacle = result.service.obstacle
        if self._obstacle and self._mode.mode is ControllerMode.ON:
            self._mode = self._mode.shed(self._obstacle)
        return result, _reason(result)

    def _move(
        self, scan: Scan | None, result: CycleResult | None, why: str
    ) -> tuple[Move | None, str]:
        """Return the signed move or hold of this cycle, and why it is a hold.

        There is none when the mode allows no write.
        """
        if self._mode.mode is not ControllerMode.ON:
            return None, why
        if scan is None or result is None or why:
            return self._hold(why), why
        try:
            move = certify(
                result.outcome,
                site=self._parts.site,
                sequence=self._cycle,
                session=self._session,
                read_id=self._cycle,
                mono_s=self._parts.clock.monotonic_s(),
                key=self._parts.key,
                held=result.service.held,
                moved=result.service.moved,
            )
        except OperatorAgentError as error:
            why = f"the move was not certified: {error}"
            return self._hold(why), why
        return move, ""

    def _hold(self, why: str) -> Move:
        return hold_move(
            reason=why,
            site=self._parts.site,
            sequence=self._cycle,
            session=self._session,
            read_id=self._cycle,
            mono_s=self._parts.clock.monotonic_s(),
            key=self._parts.key,
        )

    async def _submit(self, move: Move | None, why: str) -> tuple[GateReply | None, str]:
        self._written = {}
        if move is None:
            return None, why
        try:
            reply = await self._parts.gate.submit(move)
        except LinkError as error:
            self._mode = self._mode.shed(str(error))
            return None, str(error)
        if move.hold:
            self._mode = self._mode.after_hold(why)
        if reply.verdict is GateVerdict.WRITTEN:
            self._written = dict(move.values)
        if not move.hold or reply.verdict in (GateVerdict.SHED, GateVerdict.FAILED):
            self._mode = self._mode.after_gate(reply)
        return reply, reply.reason or why

    def _ask_adviser(self, scan: Scan, result: CycleResult) -> None:
        if self._parts.adviser is None:
            return
        try:
            advice = self._parts.adviser.advise(self._cycle, scan, result, self._targets)
        except Exception as error:  # advice may rest on a library of any kind
            LOG.exception("cycle %d: the supervisor failed", self._cycle)
            self._advice, self._advice_cut = None, (f"the supervisor failed: {error}",)
            return
        if advice is not None:
            self._advice, cut = inside(advice, self._parts.envelope)
            self._advice_cut = tuple(cut)

    def _finish(
        self,
        scan: PlantScan | None,
        result: CycleResult | None,
        reply: GateReply | None,
        why: str,
        began_s: float,
    ) -> CycleRecord:
        names = self._parts.controller.variables.cv_names
        now_s = self._parts.clock.monotonic_s()
        record = CycleRecord(
            cycle=self._cycle,
            time_h=math.nan if scan is None else (scan.time_s - self._start_s) / 3600.0,
            mode=self._mode.mode.value,
            verdict="none" if reply is None else reply.verdict.value,
            check="" if reply is None else reply.check,
            reason=why,
            solve_ms=math.nan if result is None else result.solve_ms,
            cycle_ms=(now_s - began_s) * 1e3,
            active_limits=() if result is None else tuple(result.active_limits),
            unmet="" if result is None else _unmet(result.unmet_limits),
            targets={} if result is None else dict(zip(names, result.y_target, strict=True)),
            bad_tags={} if scan is None else {r.tag: r.reason for r in scan.readings if not r.good},
            advice=None if self._advice is None else self._advice.payload(),
            advice_cut=self._advice_cut + (() if result is None else result.cuts),
            states={} if result is None else result.service.unusual(),
        )
        try:
            self._parts.publish(self._status(scan, record))
        except OSError as error:  # a full disk must not stop the unit's control
            LOG.error("cycle %d: the status cannot be stored: %s", self._cycle, error)
        return record

    def _status(self, scan: PlantScan | None, record: CycleRecord) -> ControlStatus:
        return ControlStatus(
            mode=self._mode.mode,
            cycle=record.cycle,
            plant_time_s=None if scan is None else scan.time_s,
            updated_s=self._parts.clock.wall_s(),
            reason=self._mode.reason or record.reason or record.unmet or self._order_fault,
            solve_ms=record.solve_ms if math.isfinite(record.solve_ms) else None,
            gate=record.verdict,
            active_limits=record.active_limits,
            case="" if self._targets is None else self._targets.case,
            biases=self._biases(),
            states=record.states,
        )

    def _biases(self) -> dict[str, float]:
        if self._state is None or self._state.estimate is None:
            return {}
        names = self._parts.controller.variables.cv_names
        return dict(zip(names, self._state.estimate.bias.tolist(), strict=True))


def _reason(result: CycleResult | None) -> str:
    """Return why the optimizer's point is not a move; empty when it is one."""
    if result is None or result.outcome.worth is PointWorth.ACCEPTED:
        return ""
    return f"{result.outcome.status.value}: {result.outcome.reason}"


def _unmet(limits: Sequence[str]) -> str:
    """Return in words which hard limits the accepted plan cannot keep at once."""
    return f"on the way back inside hard limits: {', '.join(limits)}" if limits else ""
