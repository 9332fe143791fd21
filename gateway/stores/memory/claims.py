"""The claims of one process: a ``ClaimsStore`` for a gateway that runs alone, which outlives it in a journal."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.core.idempotency.claims import Claimed, Standing
from gateway.stores.memory.claim_journal import ClaimJournal, JournalInUse

# So many names are dropped at once where there are too many, that it is seldom done.
_SPARE_SHARE = 10


@dataclass(frozen=True, slots=True)
class _Held:
    claims: Claimed
    until_s: float


class MemoryClaims:
    """At most ``names_max`` names: beyond it, those that end first go, as long as nothing runs under them.

    ``clock_s`` tells seconds since 1970, because what the journal holds was written by another process.
    """

    def __init__(self, clock_s: Callable[[], float], names_max: int, journal: ClaimJournal | None = None) -> None:
        self.replica = secrets.token_hex(8)
        self._clock_s, self._names_max, self._journal = clock_s, names_max, journal
        self._held: dict[str, _Held] = {}
        for name, (claims, until_s) in (journal.held() if journal is not None else {}).items():
            self._held[name] = _Held(claims, until_s)

    async def read(self, name: str) -> Claimed:
        """What stands under the name."""
        held = self._held.get(name)
        return held.claims if held is not None and held.until_s > self._clock_s() else ()

    async def swap(self, name: str, old: Claimed, new: Claimed, lifetime_s: int) -> Claimed | None:
        """See ``ports.ClaimsStore``."""
        found = await self.read(name)
        if found != old:
            return found
        # Dropped and put in anew, it is the last to go.
        self._held.pop(name, None)
        until_s = self._clock_s() + lifetime_s
        if new:
            self._held[name] = _Held(new, until_s)
            self._make_room()
        if self._journal is not None:
            self._journal.note(name, old, new, until_s)
            if not self._journal.whole:
                self._journal.begin_anew({name: (held.claims, held.until_s) for name, held in self._held.items()})
        return None

    async def alive(self, replica: str) -> bool:
        """There is only this one."""
        return replica == self.replica

    def _make_room(self) -> None:
        if len(self._held) <= self._names_max:
            return
        now_s, spare = self._clock_s(), max(self._names_max // _SPARE_SHARE, 1)
        idle = (name for name, held in self._held.items() if held.until_s <= now_s or not _running(held.claims))
        for name in [name for _, name in zip(range(spare), idle, strict=False)]:
            del self._held[name]


@contextmanager
def remembered_claims(
    path: Path, names_max: int, clock_s: Callable[[], float], failed: Callable[[str], None]
) -> Iterator[MemoryClaims]:
    """With their journal; where that cannot be had, ``failed`` is told why, and the claims end with the process."""
    journal = ClaimJournal(path, clock_s, lambda error: failed(str(error)))
    usable: ClaimJournal | None = journal
    try:
        journal.open()
    except (OSError, JournalInUse) as error:
        failed(str(error))
        usable = None
    try:
        yield MemoryClaims(clock_s, names_max, usable)
    finally:
        journal.close()


def _running(claims: Claimed) -> bool:
    return any(claim.standing is Standing.RUNNING for claim in claims)
