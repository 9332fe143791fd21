"""The counters of one process: a ``SharedState`` for a gateway that runs alone."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.core.routing.gcra import Bucket, Decision, Draw, decide
from gateway.ports import Charge, Grant

# So many entries are kept before it is looked which of them are still in use.
ENTRIES_MIN = 1024


@dataclass(frozen=True, slots=True)
class _Taken:
    """``unused_at_us``: a period after the last change no bucket holds anything, whatever its limit is by then."""

    bucket: Bucket
    unused_at_us: int


class MemoryState:
    """``clock_s`` tells seconds from any beginning; it should not be set back (``time.monotonic``).

    Memory is bounded by what is in use: whenever the entries have doubled (from ``ENTRIES_MIN``), those that are unused again are
    dropped. So there are never more than ``ENTRIES_MIN``, or twice what was in use then; a subject has at most ``members_max``.
    """

    def __init__(self, clock_s: Callable[[], float]) -> None:
        self._clock_s = clock_s
        self._taken: dict[tuple[str, str], _Taken] = {}
        # By subject, the members and when their leases end.
        self._members: dict[str, dict[str, int]] = {}
        self._sweep_at = ENTRIES_MIN

    async def take(self, subject: str, charges: Sequence[Charge]) -> Grant:
        """Take all charges of a subject, or none. Never ``StateUnavailable``."""
        now_us = self._now_us()
        draws = [self._draw(subject, charge) for charge in charges]
        decision = decide(draws, now_us)
        for charge, draw, standing in zip(charges, draws, decision.standings, strict=True):
            key = (subject, charge.name)
            if standing.bucket.level:
                self._taken[key] = _Taken(standing.bucket, now_us + draw.period_us)
            else:
                self._taken.pop(key, None)
        self._sweep(now_us)
        return _grant(decision)

    async def enter(self, subject: str, member: str, members_max: int, lease_s: float) -> bool:
        """Become one of at most ``members_max``; a member that is in already keeps its place, and its lease begins anew."""
        now_us = self._now_us()
        members = self._members.get(subject, {})
        if len(members) >= members_max:
            members = _current(members, now_us)
            if member not in members and len(members) >= members_max:
                return False
        members[member] = now_us + _us(lease_s)
        self._members[subject] = members
        self._sweep(now_us)
        return True

    async def leave(self, subject: str, member: str) -> None:
        """Give the place back."""
        members = self._members.get(subject, {})
        members.pop(member, None)
        if not members:
            self._members.pop(subject, None)

    def _draw(self, subject: str, charge: Charge) -> Draw:
        taken = self._taken.get((subject, charge.name))
        return Draw(None if taken is None else taken.bucket, charge.limit, max(_us(charge.period_s), 1), charge.cost)

    def _sweep(self, now_us: int) -> None:
        if len(self._taken) + len(self._members) < self._sweep_at:
            return
        self._taken = {key: taken for key, taken in self._taken.items() if taken.unused_at_us > now_us}
        current = {subject: _current(members, now_us) for subject, members in self._members.items()}
        self._members = {subject: members for subject, members in current.items() if members}
        self._sweep_at = max(ENTRIES_MIN, 2 * (len(self._taken) + len(self._members)))

    def _now_us(self) -> int:
        return _us(self._clock_s())


def _current(members: dict[str, int], now_us: int) -> dict[str, int]:
    return {member: until_us for member, until_us in members.items() if until_us > now_us}


def _grant(decision: Decision) -> Grant:
    return Grant(
        decision.allowed,
        math.inf if decision.wait_us is None else decision.wait_us / 1e6,
        tuple(standing.remaining for standing in decision.standings),
        tuple(standing.reset_us / 1e6 for standing in decision.standings),
    )


def _us(seconds: float) -> int:
    return round(seconds * 1e6)
