"""What ends when a client leaves: whatever is done for it alone."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from gateway.engine.call import Client

_Result = TypeVar("_Result")


class ClientGone(Exception):
    """The client left first."""


async def unless_gone(client: Client, work: Awaitable[_Result]) -> _Result:
    """The result of ``work``. Raises ``ClientGone``, with the work broken off, if the client leaves before it ends."""
    task, gone = asyncio.ensure_future(work), asyncio.ensure_future(client.gone())
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientGone
        return await task
    finally:
        for it in (task, gone):
            it.cancel()
        await asyncio.wait({task, gone})
