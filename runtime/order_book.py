"""The signed list of what people ordered of single variables: channel and audit trail in one.

One line of JSON for each order, signed with the key of the operators and chained to the line
before. The control loop reads it each cycle and once more after a restart, so what was taken out of
service stays out until a person takes it back.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path

from operator_agent.errors import InputError, SignatureError
from operator_agent.mpc.status.orders import Order, OrderKind, Standing
from operator_agent.signing import Json, sha256_of, sign, verify
from operator_agent.site import Limits, Site

FIRST = "0" * 64  # the hash before the first line


@dataclass(frozen=True, slots=True)
class Entry:
    """One line.

    Attributes:
        number: from one, without gaps.
        time_s: when it was given [s since 1970 UTC].
        order: see there.
    """

    number: int
    time_s: float
    order: Order


class OrderBook:
    """Reads and appends orders; remembers up to where it has read."""

    def __init__(self, path: Path, key: bytes) -> None:
        """Open the book of a site; the file need not be there.

        Args:
            path: of the file.
            key: of the operators.
        """
        self._path, self._key = path, key
        self._number, self._head, self._read_bytes = 0, FIRST, 0

    def fresh(self) -> tuple[Entry, ...]:
        """Return the orders since the last call.

        Raises:
            SignatureError: a line was altered, is out of order, or was signed with another key.
        """
        if not self._path.exists():
            return ()
        with self._path.open("rb") as file:
            file.seek(self._read_bytes)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]  # the last line may still be on its way
        entries = tuple(self._entry(line) for line in whole.decode().splitlines())
        self._read_bytes += len(whole)
        return entries

    def _entry(self, line: str) -> Entry:
        what = f"order {self._number + 1} of {self._path}"
        try:
            found = json.loads(line)
            signature = found.pop("signature")
            verify(found, signature, self._key, what=what)
            order = _order(found)
            number, previous, time_s = found["number"], found["previous"], float(found["time_s"])
        except (ValueError, KeyError, TypeError, AttributeError, InputError) as error:
            raise SignatureError(f"{what} cannot be read: {error}") from error
        if number != self._number + 1 or previous != self._head:
            raise SignatureError(f"{what} does not follow the one before; lines were taken out")
        self._number, self._head = number, sha256_of({**found, "signature": signature})
        return Entry(number, time_s, order)

    def append(self, order: Order, time_s: float) -> Entry:
        """Add an order after all that are there, and return it.

        Args:
            order: checked by the caller against what stands.
            time_s: now [s since 1970 UTC].

        Raises:
            SignatureError: what is there was altered.
            InputError: the file cannot be written.
        """
        self.fresh()
        limits = order.limits
        payload: dict[str, Json] = {
            "number": self._number + 1,
            "time_s": time_s,
            "kind": order.kind.value,
            "tag": order.tag,
            "person": order.person,
            "reason": order.reason,
            "limits": None if limits is None else limits.payload(),
            "previous": self._head,
        }
        line = json.dumps({**payload, "signature": sign(payload, self._key)}) + "\n"
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(line)
        except OSError as error:
            raise InputError(f"order book {self._path} cannot be written: {error}") from error
        return self.fresh()[-1]


def _order(found: dict[str, object]) -> Order:
    edges = found["limits"]
    limits = None
    if isinstance(edges, list):
        low, high = edges
        limits = Limits(-math.inf if low is None else low, math.inf if high is None else high)
    return Order(
        OrderKind(found["kind"]),
        str(found["tag"]),
        str(found["person"]),
        str(found["reason"]),
        limits,
    )


def standing_orders(site: Site, book: OrderBook) -> tuple[Standing, tuple[Entry, ...]]:
    """Return what stands after all orders that were not read yet, and these orders.

    An order that no longer fits the site, because its file was changed, is left out.
    """
    standing, entries = Standing.of(site), book.fresh()
    for entry in entries:
        try:
            standing = standing.with_order(entry.order)
        except InputError:
            continue
    return standing, entries
