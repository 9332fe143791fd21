"""``engine.Client`` over ASGI: waits for a slow client, gives up on one that stands still."""

import asyncio
from collections.abc import Sequence

from starlette.types import Message, Receive, Scope, Send

from gateway.core.tag import Header
from gateway.listener import CONNECTION, Exchange


class AsgiClient:
    """An answer that is started and never finished makes the server break the connection off.

    A client that takes nothing for ``stall_s_max`` seconds is cut off, and counts as one that has left.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send, stall_s_max: float) -> None:
        self._connection: Exchange = scope["state"][CONNECTION]
        self._receive, self._send, self._stall_s_max = receive, send, stall_s_max

    async def start(self, status: int, headers: Sequence[Header]) -> None:
        """See ``engine.Client``."""
        await self._deliver({"type": "http.response.start", "status": status, "headers": headers})

    async def write(self, chunk: bytes) -> None:
        """See ``engine.Client``."""
        await self._deliver({"type": "http.response.body", "body": chunk, "more_body": True})

    async def finish(self, chunk: bytes) -> None:
        """See ``engine.Client``."""
        await self._deliver({"type": "http.response.body", "body": chunk, "more_body": False})

    async def gone(self) -> None:
        """See ``engine.Client``."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _deliver(self, message: Message) -> None:
        if not self._connection.congested:
            await self._send(message)
            return
        try:
            async with asyncio.timeout(self._stall_s_max):
                await self._send(message)
        except TimeoutError:
            self._connection.cut_off()
