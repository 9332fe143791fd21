"""Work that goes on beside the requests."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager

import structlog

_log = structlog.get_logger("gateway")


@asynccontextmanager
async def tended(*works: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Each goes on until the block is left; what ends one early is logged."""
    tasks = [asyncio.create_task(work, name=str(work)) for work in works]
    for task in tasks:
        task.add_done_callback(_log_end)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _log_end(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (failed := task.exception()) is not None:
        _log.error("background work ended", work=task.get_name(), exc_info=failed)
