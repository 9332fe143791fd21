"""Notices edits of the configuration, however they are made, and has it read once the files have been quiet."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from pathlib import Path

import structlog
from watchfiles import Change, awatch

from gateway.config.change.watched_paths import Places, places_of

QUIET_S = 0.3
QUIET_S_MAX = 3.0
# Until a watch that failed is tried again.
AGAIN_S = 5.0
# How long the watching thread sleeps, and how long it collects changes before it tells of them.
STEP_MS = 50
GATHER_MS = 100
# What the library raises where the system has no watch left to give, or a folder has just gone.
_UNWATCHABLE = (OSError, RuntimeError)
_log = structlog.get_logger("gateway")


class Watch:
    """Watches folders, not files: an editor's rename-save or a swapped symbolic link leaves a watched file behind.

    ``looked_at`` are the paths that the latest reading looked at, asked after each ``reload``; ``reload`` must not raise.
    """

    def __init__(self, looked_at: Callable[[], Iterable[Path]], reload: Callable[[], Awaitable[object]]) -> None:
        self._looked_at, self._reload = looked_at, reload
        self._stirred = asyncio.Event()
        self._replaced = False

    async def run(self) -> None:
        """Until it is cancelled. Where the system does not tell of changes, the folders are looked through again and again."""
        polling = False
        while True:
            places = await asyncio.to_thread(places_of, self._looked_at())
            try:
                await self._watch(places, polling=polling)
            except _UNWATCHABLE as failed:
                _log.warning("the configuration's folders cannot be watched", folders=places.paths, reason=str(failed))
                if polling:
                    await asyncio.sleep(AGAIN_S)
                polling = True

    async def _watch(self, places: Places, *, polling: bool) -> None:
        """Returns once other folders are to be watched. Begins with a reload: what changed before the watch stood is not told."""
        self._replaced = False
        telling = asyncio.create_task(self._tell(places, polling=polling), name="configuration's changes")
        try:
            await asyncio.sleep(0)  # the task's first step sets up the watch
            while True:
                self._stirred.clear()
                await self._reload()
                if self._replaced or await asyncio.to_thread(places_of, self._looked_at()) != places:
                    return
                await self._stirred.wait()
                await self._quiet()
                if telling.done():
                    await telling
                    return
        finally:
            telling.cancel()
            with suppress(asyncio.CancelledError, *_UNWATCHABLE):
                await telling

    async def _tell(self, places: Places, *, polling: bool) -> None:
        def concerns(change: Change, path: str) -> bool:
            return places.concerns(path)

        changing = awatch(
            *places.paths,
            watch_filter=concerns,
            debounce=GATHER_MS,
            step=STEP_MS,
            recursive=False,
            force_polling=polling or None,
            ignore_permission_denied=True,
        )
        try:
            async for changes in changing:
                # A watched folder that is replaced goes on being watched under a name that it no longer has.
                self._replaced |= any(path in places.paths for _, path in changes)
                self._stirred.set()
        finally:
            self._stirred.set()

    async def _quiet(self) -> None:
        """Wait until nothing has changed for a moment, so that no half-written file is read; not for ever."""
        loop = asyncio.get_running_loop()
        latest_s = loop.time() + QUIET_S_MAX
        with suppress(TimeoutError):
            while (left_s := latest_s - loop.time()) > 0:
                self._stirred.clear()
                async with asyncio.timeout(min(QUIET_S, left_s)):
                    await self._stirred.wait()
