"""Claims as the engine uses them: decided upon with all replicas, told of at their end, waited for."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from weakref import WeakValueDictionary

from gateway.core.contract.contract import OnUnavailable
from gateway.core.idempotency.claims import (
    Asked,
    Claimed,
    Decision,
    Duplicates,
    End,
    Known,
    Look,
    Run,
    Standing,
    decide,
    ended,
    unfollowed,
)
from gateway.core.outcome import Owner, Refusal
from gateway.engine.call import Call
from gateway.ports import ClaimsStore, StateUnavailable

SWAPS_MAX = 64
# How often another replica is asked how its request goes.
POLL_S = 0.5
# A claim whose end could not be told is told again for so long; then it counts as lost.
TELL_AGAIN_S, TELL_AGAIN_TIMES_MAX = 1.0, 120


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """For how long an earlier request counts, in seconds from its end: under a key, and found by its body."""

    keys_s: int
    window_s: int


@dataclass(frozen=True, slots=True)
class Running:
    """A request that this process runs now."""

    app: str
    model: str
    begun_at: datetime
    left: Callable[[], bool]
    ended: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request is claimed, and what is looked for there."""

    name: str
    asked: Asked
    lifetime_s: int
    refused_without: bool


class Claiming:
    """``running`` are the requests in flight here, by id; ``failed`` is told that the claims could not be asked."""

    def __init__(
        self,
        store: ClaimsStore,
        lifetimes: Lifetimes,
        clock: Callable[[], datetime],
        failed: Callable[[str, OnUnavailable], None],
    ) -> None:
        self._store, self._lifetimes, self._clock, self._failed = store, lifetimes, clock, failed
        self.running: dict[str, Running] = {}
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._telling: set[asyncio.Task[None]] = set()

    async def decided(self, call: Call, place: Place | None, follows: str) -> Decision:
        """What to do, agreed with all replicas; raises ``Refusal``."""
        if place is None:
            return Run(())
        try:
            async with self._turn(place.name):
                return await self._agreed(place, replace(place.asked, follows=follows))
        except StateUnavailable as unavailable:
            self._failed("duplicates", call.app.limits.on_unavailable)
            if place.refused_without:
                raise _unavailable() from unavailable
            return Run(())

    async def _agreed(self, place: Place, asked: Asked) -> Decision:
        found: Claimed = ()
        for _ in range(SWAPS_MAX):
            decision = decide(found, asked, await self._known(found, place))
            if decision.claims == found:
                return decision
            other = await self._store.swap(place.name, found, decision.claims, _kept_s(place))
            if other is None:
                return decision
            found = other
        raise StateUnavailable("the claims changed too often")

    async def _known(self, found: Claimed, place: Place) -> Known:
        """What this process knows of those that are in flight, and what the others tell by being alive."""
        running = [claim for claim in found if claim.standing is Standing.RUNNING]
        lost = set()
        if place.asked.look is not Look.NOWHERE:
            dead = {it for it in {claim.replica for claim in running} if not await self._store.alive(it)}
            own = self._store.replica
            lost = {
                it.request_id for it in running if it.replica in dead or (it.replica == own and it.request_id not in self.running)
            }
        left = {it.request_id for it in running if it.request_id in self.running and self.running[it.request_id].left()}
        return Known(self.now_s(), place.lifetime_s, frozenset(lost), frozenset(left))

    async def ended(self, original_id: str, place: Place | None) -> None:
        """Returns once that request has ended, as far as its claim tells."""
        if (running := self.running.get(original_id)) is not None:
            await running.ended.wait()
            return
        while place is not None:
            with suppress(StateUnavailable):
                found = await self._store.read(place.name)
                claim = next((it for it in found if it.request_id == original_id), None)
                if claim is None or claim.standing is not Standing.RUNNING or not await self._store.alive(claim.replica):
                    return
            await asyncio.sleep(POLL_S)

    async def nobody_follows(self, request_id: str, place: Place | None) -> None:
        """Returns once no request waits for that one."""
        while place is not None:
            with suppress(StateUnavailable):
                found = await self._store.read(place.name)
                if not any(it.followers for it in found if it.request_id == request_id):
                    return
            await asyncio.sleep(POLL_S)

    async def unfollow(self, place: Place | None, original_id: str) -> None:
        """The request does not wait for that one any more."""
        if place is not None:
            with suppress(StateUnavailable):
                await self._change(place, lambda found: unfollowed(found, original_id, place.asked.request_id))

    async def tell_end(self, request_id: str, place: Place | None, end: End) -> None:
        """Write down how the request ended; where that is impossible now, again and again for a while."""
        if place is None:
            return

        async def tell() -> None:
            await self._change(place, lambda found: ended(found, request_id, place.asked.look, end))

        try:
            await tell()
        except StateUnavailable:
            task = asyncio.create_task(_until_told(tell), name=f"end of {request_id}")
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    async def _change(self, place: Place, change: Callable[[Claimed], Claimed]) -> None:
        """Raises ``StateUnavailable``."""
        async with self._turn(place.name):
            found = await self._store.read(place.name)
            for _ in range(SWAPS_MAX):
                new = change(found)
                if new == found:
                    return
                other = await self._store.swap(place.name, found, new, _kept_s(place))
                if other is None:
                    return
                found = other
        raise StateUnavailable("the claims changed too often")

    def _turn(self, name: str) -> asyncio.Lock:
        """One at a time here: only replicas are left to contend."""
        return self._turns.setdefault(name, asyncio.Lock())

    def place(self, call: Call) -> Place | None:
        """Where the request is claimed; ``None`` where nothing protects it."""
        policy, app, presented = call.app.duplicates, call.app, call.presented
        refused = app.limits.on_unavailable is OnUnavailable.FAIL_CLOSED
        if presented.key:
            key = hashlib.sha256(presented.key.encode()).hexdigest()
            look, name, lifetime_s = Look.KEY, f"app:{app.id}/key:{key}", self._lifetimes.keys_s
        elif policy is Duplicates.OFF:
            return None
        else:
            look = Look.RETRY if presented.retries else Look.NOWHERE
            if policy is Duplicates.IDENTICAL:
                look = Look.IDENTICAL
            name, lifetime_s = f"app:{app.id}/body:{presented.fingerprint}", self._lifetimes.window_s
        asked = Asked(call.request_id, presented.fingerprint, look, self._store.replica)
        return Place(name, asked, lifetime_s, refused)

    def now_s(self) -> int:
        """Seconds since 1970."""
        return int(self._clock().timestamp())


# A name outlives its claims by the longest job, whose claim still stands when the others have lapsed.
_LONGEST_JOB_S = 3600


def _kept_s(place: Place) -> int:
    return place.lifetime_s + _LONGEST_JOB_S


async def _until_told(tell: Callable[[], Awaitable[None]]) -> None:
    for _ in range(TELL_AGAIN_TIMES_MAX):
        await asyncio.sleep(TELL_AGAIN_S)
        with suppress(StateUnavailable):
            await tell()
            return


def _unavailable() -> Refusal:
    return Refusal(
        status=503,
        type="server_error",
        code="duplicates_unavailable",
        param=None,
        message="Whether this request was sent before cannot be looked up now, so nothing was sent. Try again shortly.",
        owner=Owner.GATEWAY,
        rule="gateway.duplicates_unavailable",
        first_check="Ops: can the gateway reach the Redis at state.redis_url?",
        stop_rule="Nothing was sent, nothing was billed: the request may be sent again.",
        retryable=True,
    )
