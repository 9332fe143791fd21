"""One thread that writes for many waiting coroutines: whatever waits is committed together, as one group."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread

from gateway.ports import LedgerUnavailable
from gateway.stores.ledger_rows import Row


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """What one caller wants written, all or nothing. ``submitted_s`` is monotonic."""

    rows: tuple[Row, ...]
    loop: asyncio.AbstractEventLoop
    written: asyncio.Future[None]
    submitted_s: float


# While callers come together, the writer lets more of them arrive: what a commit costs is then shared by many. A caller that
# comes alone never waits.
GATHER_S = 0.001

# How long it may be silent before a writer that wants to know is asked whether it could write.
IDLE_S = 2.0

# Makes a group durable and says for each batch, in order, why it was refused; ``None`` where it was written.
Commit = Callable[[Sequence[Batch]], Sequence[str | None]]
# Whether a write would succeed now.
Idle = Callable[[], bool]


class GroupWriter:
    """Hands groups of batches to ``commit`` in a thread of its own and wakes each caller once its batch is durable.

    At most ``queue_batches_max`` batches wait; the group being written comes on top. While nothing is written, ``idle`` is
    called every ``IDLE_S``, in the same thread.
    """

    def __init__(self, commit: Commit, queue_batches_max: int, idle: Idle | None = None) -> None:
        self._commit, self._queue_batches_max, self._idle = commit, queue_batches_max, idle
        self._queue: SimpleQueue[Batch | None] = SimpleQueue()
        self._writing_since_s: float | None = None
        self._stopping = False
        self._crowded = False
        self.failing = False
        self._thread = Thread(target=self._run, name="ledger-writer", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def write(self, rows: tuple[Row, ...], *, bounded: bool) -> asyncio.Future[None]:
        """Queue the rows; the future is done once they are durable. Raises ``LedgerUnavailable`` where the queue is full.

        What is not ``bounded`` finds room in a full queue. Cancelling the future does not take the rows back.
        """
        if self._stopping:
            raise LedgerUnavailable("The ledger is closed: the gateway is shutting down. Send the request to another one.")
        if bounded and (waiting := self._queue.qsize()) >= self._queue_batches_max:
            raise LedgerUnavailable(
                f"The ledger's queue is full ({waiting} of {self._queue_batches_max} entries wait): "
                "the disk is slower than the requests come. Try again later."
            )
        loop = asyncio.get_running_loop()
        batch = Batch(rows, loop, loop.create_future(), time.monotonic())
        self._queue.put(batch)
        return batch.written

    def stop(self) -> None:
        """Write what waits, then end the thread."""
        self._stopping = True
        self._queue.put(None)
        self._thread.join()

    @property
    def stopped(self) -> bool:
        """Whether it takes nothing more."""
        return self._stopping

    @property
    def lag_s(self) -> float:
        """Age of the oldest entry that is being written, and so not durable yet; 0 when none is."""
        since_s = self._writing_since_s
        return 0.0 if since_s is None else time.monotonic() - since_s

    def _run(self) -> None:
        while group := self._next_group():
            try:
                refusals = self._commit(group)
            except Exception as error:
                # Nobody else would tell the callers, and the next group may be fine.
                refusals = [f"The ledger failed: {type(error).__name__}: {error}. Report the defect."] * len(group)
            self.failing = all(refusals)
            self._writing_since_s = None
            _wake(group, refusals)

    def _next_group(self) -> list[Batch]:
        """All that wait, as soon as any does; empty once the writer is stopped and nothing waits."""
        group: list[Batch] = []
        batch = self._first()
        if self._crowded:
            time.sleep(GATHER_S)
        with suppress(Empty):
            while batch is not None:
                group.append(batch)
                batch = self._queue.get_nowait()
            # The end was asked for: it is found again once this group is written.
            self._queue.put(None)
        self._writing_since_s = group[0].submitted_s if group else None
        self._crowded = len(group) > 1
        return group

    def _first(self) -> Batch | None:
        while self._idle is not None:
            try:
                return self._queue.get(timeout=IDLE_S)
            except Empty:
                self.failing = not self._idle()
        return self._queue.get()


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
