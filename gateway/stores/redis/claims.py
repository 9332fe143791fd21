"""The claims of all replicas, in a Redis that they share."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Self

import msgspec

from gateway.core.idempotency.claims import Claim, Claimed
from gateway.ports import StateUnavailable
from gateway.stores.redis.state import RedisState, escaped

# A replica that has not been heard of for so long is gone, and so is whatever it ran.
ALIVE_S = 30.0
BEATS = 6
_encode, _decode = msgspec.json.Encoder().encode, msgspec.json.Decoder(tuple[Claim, ...]).decode


class RedisClaims:
    """Implements ``ports.ClaimsStore``. Whoever claims does so while ``living``."""

    def __init__(self, state: RedisState, alive_s: float = ALIVE_S) -> None:
        self.replica = secrets.token_hex(8)
        self._state, self._alive_s = state, alive_s

    async def read(self, name: str) -> Claimed:
        """What stands under the name; raises ``StateUnavailable``."""
        return _claims(await self._state.text(_key(name)))

    async def swap(self, name: str, old: Claimed, new: Claimed, lifetime_s: int) -> Claimed | None:
        """See ``ports.ClaimsStore``."""
        found = await self._state.swap(_key(name), _text(old), _text(new), lifetime_s * 1000)
        return None if found is None else _claims(found)

    async def alive(self, replica: str) -> bool:
        """Whether it was heard of lately."""
        return replica == self.replica or bool(await self._state.text(_alive(replica)))

    @asynccontextmanager
    async def living(self) -> AsyncIterator[Self]:
        """While the block runs, the other replicas know that this one does."""
        await self._beat()
        beating = asyncio.create_task(self._heartbeats(), name="replica")
        try:
            yield self
        finally:
            beating.cancel()
            await asyncio.wait({beating})

    async def _beat(self) -> None:
        with suppress(StateUnavailable):
            await self._state.keep(_alive(self.replica), "1", round(self._alive_s * 1000))

    async def _heartbeats(self) -> None:
        while True:
            await asyncio.sleep(self._alive_s / BEATS)
            await self._beat()


def _claims(text: str) -> Claimed:
    """A text that another version has written, and this one cannot read, is nobody's claim."""
    try:
        return _decode(text) if text else ()
    except msgspec.DecodeError as error:
        raise StateUnavailable("The claims in Redis were written by another version of the gateway.") from error


def _text(claims: Claimed) -> str:
    return _encode(claims).decode() if claims else ""


def _key(name: str) -> str:
    return f"igw:{{{escaped(name)}}}:claims"


def _alive(replica: str) -> str:
    return f"igw:{{replica:{escaped(replica)}}}:alive"
