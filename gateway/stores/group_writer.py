"""One thread that writes for many waiting coroutines: whatever waits is committed together, as one group."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Condition, Thread

from gateway.ports import LedgerUnavailable


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """What one caller wants written, all or nothing. ``rows`` are JSON arrays; ``submitted_s`` is monotonic."""

    rows: tuple[bytes, ...]
    loop: asyncio.AbstractEventLoop
    written: asyncio.Future[None]
    submitted_s: float


# Makes a group durable and says for each batch, in order, why it was refused; ``None`` where it was written.
Commit = Callable[[Sequence[Batch]], Sequence[str | None]]


class GroupWriter:
    """Hands groups of batches to ``commit`` in a thread of its own and wakes each caller once its batch is durable.

    At most ``queue_entries_max`` entries wait; the group being written comes on top.
    """

    def __init__(self, commit: Commit, queue_entries_max: int) -> None:
        self._commit, self._queue_entries_max = commit, queue_entries_max
        self._changed = Condition()
        self._queue: deque[Batch] = deque()
        self._queue_entries = 0
        self._writing_since_s: float | None = None
        self._stopping = False
        self.failing = False
        self._thread = Thread(target=self._run, name="ledger-writer", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    async def write(self, rows: tuple[bytes, ...], *, bounded: bool) -> None:
        """Returns once the rows are durable; raises ``LedgerUnavailable`` where they are refused or the queue is full.

        What is not ``bounded`` finds room in a full queue.

        A caller that is cancelled while it waits does not take its rows back.
        """
        loop = asyncio.get_running_loop()
        batch = Batch(rows, loop, loop.create_future(), time.monotonic())
        with self._changed:
            if self._stopping:
                raise LedgerUnavailable("The ledger is closed: the gateway is shutting down. Send the request to another one.")
            if bounded and self._queue_entries + len(rows) > self._queue_entries_max:
                raise LedgerUnavailable(
                    f"The ledger's queue is full ({self._queue_entries} of {self._queue_entries_max} entries wait): "
                    "the disk is slower than the requests come. Try again later."
                )
            self._queue.append(batch)
            self._queue_entries += len(rows)
            self._changed.notify()
        await batch.written

    def stop(self) -> None:
        """Write what waits, then end the thread."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join()

    @property
    def lag_s(self) -> float:
        """Age of the oldest entry that is not durable yet; 0 when none waits."""
        with self._changed:
            oldest_s = self._writing_since_s
            if oldest_s is None and self._queue:
                oldest_s = self._queue[0].submitted_s
        return 0.0 if oldest_s is None else time.monotonic() - oldest_s

    def _run(self) -> None:
        while group := self._next_group():
            try:
                refusals = self._commit(group)
            except Exception as error:
                # Nobody else would tell the callers, and the next group may be fine.
                refusals = [f"The ledger failed: {type(error).__name__}: {error}. Report the defect."] * len(group)
            self.failing = all(refusals)
            with self._changed:
                self._writing_since_s = None
            _wake(group, refusals)

    def _next_group(self) -> list[Batch]:
        """All that wait, as soon as any does; empty once the writer is stopped and nothing waits."""
        with self._changed:
            while not self._queue and not self._stopping:
                self._changed.wait()
            group = list(self._queue)
            self._queue.clear()
            self._queue_entries = 0
            self._writing_since_s = group[0].submitted_s if group else None
            return group


def _wake(group: Sequence[Batch], refusals: Sequence[str | None]) -> None:
    """One call into each event loop, however many of its coroutines wait."""
    results: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[None], str | None]]] = {}
    for batch, refusal in zip(group, refusals, strict=True):
        results.setdefault(batch.loop, []).append((batch.written, refusal))
    for loop, of_loop in results.items():
        # A loop that has ended since has nobody left to wake; what it asked for is written.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_resolve, of_loop)


def _resolve(results: Sequence[tuple[asyncio.Future[None], str | None]]) -> None:
    for written, refusal in results:
        if written.done():
            continue
        if refusal is None:
            written.set_result(None)
        else:
            written.set_exception(LedgerUnavailable(refusal))
