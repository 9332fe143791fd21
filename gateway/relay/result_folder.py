"""Answers kept for a while, one file each, so that a repeated request gets the same bytes. Never in a database.

A file is for the owner's eyes only and, with a key, encrypted. It is gone once its time is over, or earlier where the folder is
full: then the oldest go first. Several gateways may share a folder, because files are named by the requests' ids.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from threading import Lock
from typing import Any, Self, TypeVar

from gateway.private import private_folder
from gateway.relay.result_file import KeptFile, ResultFile, ResultHead, ResultUnreadable
from gateway.relay.result_settings import ResultSettings

BLOCK_BYTES = 512 * 1024
# So much of all answers may wait for a slow disk; one that would wait beyond it is not kept, for no client waits for a disk.
BEHIND_BYTES_MAX = 64 * 1024 * 1024
# Few, and of their own: a slow disk holds up nothing else.
THREADS = 2
# A full folder is swept down to this share of its bytes, so that it need not be swept for every answer.
FULL_SHARE = 0.9
# About what stands around the body of an answer: its head, mostly headers.
ENVELOPE_BYTES = 4096
SWEEP_S = 30.0
# In a shared folder an unfinished file may be another gateway's: no job takes that long.
UNFINISHED_S_MAX = 3600.0
REQUEST_ID = re.compile(r"gw_[0-9a-f]{16,64}")
_DONE, _UNFINISHED = ".result", ".part"
T = TypeVar("T")


class ResultFolder:
    """``failed`` is told where an answer cannot be kept; the answer itself goes on."""

    def __init__(self, settings: ResultSettings, failed: Callable[[str], None]) -> None:
        self._settings, self._failed = settings, failed
        self._bytes = self._unwritten_bytes = 0
        self._lock = Lock()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="results")
        self.behind_bytes = 0

    @property
    def ttl_s(self) -> int:
        """For how long an answer is kept."""
        return self._settings.ttl_s

    @asynccontextmanager
    async def opened(self, *, alone: bool) -> AsyncIterator[Self]:
        """Make the folder; drop what is over, now and then. ``alone``: nobody else uses it, so what is unfinished is dead."""
        self._try(self.sweep, 0.0 if alone else UNFINISHED_S_MAX)
        sweeping = asyncio.create_task(self._sweeping(), name="results")
        try:
            yield self
        finally:
            sweeping.cancel()
            await asyncio.wait({sweeping})
            self._threads.shutdown()

    def begin(self, request_id: str) -> "KeptResult":
        """An answer that is about to pass."""
        return KeptResult(self, request_id)

    async def find(self, request_id: str) -> "Result | None":
        """What is kept of that request, open; whoever gets it closes it."""
        if not REQUEST_ID.fullmatch(request_id):
            return None
        return await self.in_thread(self._find, request_id)

    def in_thread(self, work: Callable[..., T], *arguments: Any) -> asyncio.Future[T]:
        """Done in one of the threads that wait for the disk."""
        return asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)

    def sweep(self, unfinished_s_max: float = UNFINISHED_S_MAX) -> None:
        """Drop what is over and, while there is too much, the oldest. In a thread."""
        with self._lock:
            self._sweep(unfinished_s_max)

    def create(self, request_id: str) -> ResultFile:
        """In a thread; raises ``OSError``. A folder that somebody has removed is made anew."""
        path = self._path(request_id, _UNFINISHED)
        try:
            return ResultFile(path, request_id, self._settings.key)
        except FileNotFoundError:
            self._make()
            return ResultFile(path, request_id, self._settings.key)

    def admits(self, size: int, more: int) -> bool:
        """Whether an answer of ``size`` bytes may grow by ``more``; makes room for it. In a thread."""
        if size + more > self._settings.result_bytes_max:
            return False
        with self._lock:
            self._unwritten_bytes += more
            self._bytes += more
            if self._bytes > self._settings.bytes_max:
                self._try(self._sweep, UNFINISHED_S_MAX)
            admitted = self._bytes <= self._settings.bytes_max
            if not admitted:
                self._unwritten_bytes -= more
                self._bytes -= more
        return admitted

    def written(self, more: int) -> None:
        """So many of the admitted bytes are in the file now, or never will be. In a thread."""
        with self._lock:
            self._unwritten_bytes -= more

    def publish(self, file: ResultFile, head: ResultHead, request_id: str) -> None:
        """In a thread; raises ``OSError``."""
        file.finish(head, self._path(request_id, _DONE))

    def drop(self, request_id: str, why: str = "") -> None:
        """In a thread: what is unfinished is not kept."""
        if why:
            self._failed(why)
        try:
            self._path(request_id, _UNFINISHED).unlink(missing_ok=True)
        except OSError as error:
            self._failed(f"an unfinished result cannot be removed: {error.strerror}")

    async def _sweeping(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            await self.in_thread(self._try, self.sweep, UNFINISHED_S_MAX)

    def _make(self) -> None:
        private_folder(self._settings.folder)

    def _sweep(self, unfinished_s_max: float) -> None:
        self._make()
        now_s, left, total = time.time(), [], self._unwritten_bytes
        for path in self._settings.folder.iterdir():
            done = path.suffix == _DONE
            if not done and path.suffix != _UNFINISHED:
                continue
            try:
                found = path.stat()
            except FileNotFoundError:
                continue
            if now_s - found.st_mtime > (self._settings.ttl_s if done else unfinished_s_max):
                path.unlink(missing_ok=True)
                continue
            total += found.st_size
            if done:
                left.append((found.st_mtime, found.st_size, path))
        aim = self._settings.bytes_max * (FULL_SHARE if total > self._settings.bytes_max else 1)
        for _, size, path in sorted(left):
            if total <= aim:
                break
            path.unlink(missing_ok=True)
            total -= size
        self._bytes = total

    def _try(self, sweep: Callable[[float], None], unfinished_s_max: float) -> None:
        try:
            sweep(unfinished_s_max)
        except OSError as error:
            self._failed(f"the folder {self._settings.folder} cannot be used: {error.strerror}")

    def _find(self, request_id: str) -> "Result | None":
        path = self._path(request_id, _DONE)
        try:
            if time.time() - path.stat().st_mtime > self._settings.ttl_s:
                return None
            return Result(self, KeptFile(path, request_id, self._settings.key))
        except (OSError, ResultUnreadable):
            return None

    def _path(self, request_id: str, suffix: str) -> Path:
        return self._settings.folder / (request_id + suffix)


class Result:
    """A kept answer, open. The bytes of a file that is removed meanwhile are still read to their end."""

    def __init__(self, folder: ResultFolder, file: KeptFile) -> None:
        self._folder, self._file = folder, file
        self.head = file.head

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body; raises ``ResultUnreadable`` where it is not what was written."""
        frames = self._file.frames()
        while (frame := await self._folder.in_thread(next, frames, None)) is not None:
            yield frame

    def close(self) -> None:
        """May be called twice."""
        self._file.close()


class KeptResult:
    """One answer on its way into the folder. Blocks are written in threads beside the client's; nothing here ever raises."""

    def __init__(self, folder: ResultFolder, request_id: str) -> None:
        self._folder, self._request_id = folder, request_id
        self._file: ResultFile | None = None
        self._waiting: list[bytes] = []
        self._waiting_bytes = self.length = 0
        self._writing: asyncio.Future[None] | None = None
        self._given_up = self._too_slow = False

    def write(self, chunk: bytes) -> None:
        """Returns at once; where the disk is too far behind, the answer is not kept."""
        if self._given_up:
            return
        if self._folder.behind_bytes + len(chunk) > BEHIND_BYTES_MAX:
            self._given_up, self._too_slow = True, True
            return
        self._waiting.append(chunk)
        self._waiting_bytes += len(chunk)
        self._folder.behind_bytes += len(chunk)
        self.length += len(chunk)
        if self._waiting_bytes >= BLOCK_BYTES and (self._writing is None or self._writing.done()):
            self._begin_block()

    async def finish(self, head: ResultHead) -> bool:
        """Whether the whole answer is kept now."""
        await self._written()
        if self._given_up:
            await self._discarded("the disk is too slow for all answers" if self._too_slow else "")
            return False
        await self._folder.in_thread(self._finish, head)
        self._folder.behind_bytes -= self._waiting_bytes
        return not self._given_up

    async def discard(self) -> None:
        """The answer did not come to its end."""
        await self._written()
        await self._discarded("")

    async def _discarded(self, why: str) -> None:
        self._folder.behind_bytes -= self._waiting_bytes
        self._waiting_bytes = 0
        await self._folder.in_thread(self._give_up, why)

    async def _written(self) -> None:
        if self._writing is not None:
            await asyncio.wait({self._writing})

    def _begin_block(self) -> None:
        block, size, self._waiting, self._waiting_bytes = self._waiting, self._waiting_bytes, [], 0
        self._writing = self._folder.in_thread(self._add, block)
        self._writing.add_done_callback(lambda _: self._no_longer_behind(size))

    def _no_longer_behind(self, size: int) -> None:
        self._folder.behind_bytes -= size

    def _add(self, block: list[bytes]) -> None:
        if self._given_up or not block:
            return
        more = sum(map(len, block)) + (ENVELOPE_BYTES if self._file is None else 0)
        if not self._folder.admits(0 if self._file is None else self._file.size, more):
            self._give_up("")
            return
        try:
            if self._file is None:
                self._file = self._folder.create(self._request_id)
            self._file.add(block)
        except OSError as error:
            self._give_up(f"a result cannot be written: {error.strerror}")
        finally:
            self._folder.written(more)

    def _finish(self, head: ResultHead) -> None:
        self._add(self._waiting)
        if self._file is None:
            self._given_up = True
        if self._file is None or self._given_up:
            return
        try:
            self._folder.publish(self._file, head, self._request_id)
        except OSError as error:
            self._give_up(f"a result cannot be written: {error.strerror}")

    def _give_up(self, why: str) -> None:
        self._given_up, self._waiting = True, []
        if self._file is not None:
            self._file.close()
            self._folder.drop(self._request_id, why)
        elif why:
            self._folder.drop(self._request_id, why)
