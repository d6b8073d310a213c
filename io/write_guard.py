"""Who may write what on the device server: a check per node and per client certificate.

asyncua's own access levels are the same for all users of a node, it takes NaN as a number, and it
lets clients choose status and time stamps. This service replaces its write service.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from asyncua import ua
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.address_space import AddressSpace, AttributeService

from operator_agent.io.ua_values import CODES, VALUE, stamped, status
from operator_agent.io.write_log import DeviceWrite

WriteRequest = Any  # the library's own type of a request; naming it is left to the writer
Judge = Callable[[str, Any], tuple[int, str]]
"""Takes the node's text and the value; returns a status code and a reason, (0, "") for yes."""


class WriteGuard(AttributeService):
    """The write service of the device server: judges, logs, and stamps each client write."""

    def __init__(
        self,
        aspace: AddressSpace,
        *,
        writers: frozenset[str],
        judge: Judge,
        now_s: Callable[[], float],
        record: Callable[[DeviceWrite], None],
    ) -> None:
        """Guard an address space.

        Args:
            aspace: of the server.
            writers: identities that may write at all.
            judge: decides about one value for one node.
            now_s: plant time for the time stamps [s since 1970 UTC].
            record: called once for each write, taken or not.
        """
        super().__init__(aspace)
        self._writers = writers
        self._judge_value = judge
        self._now_s = now_s
        self._record = record

    async def write(
        self,
        params: WriteRequest,
        user: User = User(role=UserRole.Admin),  # noqa: B008
    ) -> list[ua.StatusCode]:
        """Write the items that are allowed; return one status code for each item."""
        if user.role is UserRole.Admin:  # the server itself; no client gets this role
            return await super().write(params, user)
        return [
            await self._write_one(params, item, user.name or "") for item in params.NodesToWrite
        ]

    async def _write_one(
        self, params: WriteRequest, item: ua.WriteValue, identity: str
    ) -> ua.StatusCode:
        node = str(item.NodeId.Identifier)
        value = None if item.Value.Value is None else item.Value.Value.Value
        code, reason = self._judge(item, node, value, identity)
        result = status(code)
        if not code:
            own = replace(item, Value=stamped(item.Value.Value, CODES.Good, self._now_s()))
            (result,) = await super().write(replace(params, NodesToWrite=[own]))
            reason = "" if result.is_good() else result.name
        self._record(
            DeviceWrite(
                time_s=self._now_s(),
                identity=identity,
                node=node,
                value=_number(value),
                text=str(value),
                accepted=result.is_good(),
                reason=reason,
            )
        )
        return result

    def _judge(self, item: ua.WriteValue, node: str, value: Any, identity: str) -> tuple[int, str]:
        if identity not in self._writers:
            return CODES.BadUserAccessDenied, f"identity '{identity}' may only read"
        if item.AttributeId != VALUE:
            return CODES.BadUserAccessDenied, "only the value may be written"
        return self._judge_value(node, value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return math.nan
    return float(value) if math.isfinite(value) else math.nan
