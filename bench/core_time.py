"""What a core was busy with, so that a disturbed measurement can be told from a slow target."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_CLOCK_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class CoreTime:
    """Seconds since the machine began: ``busy_s`` in programs, ``stolen_s`` taken by the machine's host."""

    busy_s: float
    stolen_s: float

    @classmethod
    def of(cls, core: int) -> Self:
        """As it stands now."""
        for line in Path("/proc/stat").read_text().splitlines():
            name, *ticks = line.split()
            if name == f"cpu{core}":
                user, nice, system, *_ = spent = [int(tick) / _CLOCK_TICKS_PER_S for tick in ticks]
                return cls(user + nice + system, spent[7])
        raise LookupError(f"/proc/stat does not know core {core}")

    def taken_since(self, before: Self, own_s: float, elapsed_s: float) -> float:
        """Which share of the time since ``before`` went neither to the target, which used ``own_s``, nor was free."""
        taken_s = self.busy_s - before.busy_s - own_s + self.stolen_s - before.stolen_s
        return max(0.0, taken_s / elapsed_s)
