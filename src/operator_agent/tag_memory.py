"""How long a value has stood still: what tells a frozen transmitter, for links and controllers."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TagMemory:
    """What must be remembered of a tag between scans.

    Attributes:
        value: last value [SI]; NaN before the first.
        since_s: plant time at which it took that value [s since 1970 UTC].
    """

    value: float = math.nan
    since_s: float = math.nan

    def after(self, value: float, time_s: float) -> "TagMemory":
        """Return the memory after a reading; the slightest change counts as life."""
        return self if value == self.value else TagMemory(value, time_s)

    def frozen(self, time_s: float, frozen_s: float) -> str:
        """Return for how long the value has stood still, in words; empty while it may.

        Args:
            time_s: plant time now [s since 1970 UTC].
            frozen_s: as long as it may stand still [s].

        Example:
            >>> memory = TagMemory().after(350.0, 0.0).after(350.0, 60.0)
            >>> memory.frozen(900.0, 600.0)
            'for 900 s'
            >>> memory.after(350.1, 900.0).frozen(900.0, 600.0)
            ''
        """
        unchanged_s = time_s - self.since_s
        return f"for {unchanged_s:.0f} s" if unchanged_s > frozen_s else ""
