"""One thread that writes for many waiting coroutines: whatever waits is committed together, as one group."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Generic, TypeVar

import structlog

from gateway.core.ledger.entry import Entry
from gateway.ports import EntryRefused, LedgerUnavailable

T = TypeVar("T")
_log = structlog.get_logger("gateway.ledger")


@dataclass(frozen=True, slots=True, eq=False)
class Batch(Generic[T]):
    """What one caller wants written, all or nothing. ``submitted_s`` is monotonic."""

    rows: tuple[T, ...]
    loop: asyncio.AbstractEventLoop
    written: asyncio.Future[None]
    submitted_s: float


# While callers come together, the writer lets more of them arrive: what a commit costs is then shared by many. A caller that
# comes alone never waits.
GATHER_S = 0.001

# How long it may be silent before a writer that wants to know is asked whether it could write.
IDLE_S = 2.0

# Makes a group durable and says for each batch, in order, why it was refused; ``None`` where it was written.
Refusal = LedgerUnavailable | None
Commit = Callable[[Sequence[Batch[T]]], Sequence[Refusal]]
# Writes entries before the writer has begun, each on its own, and says why one was refused.
Recover = Callable[[Callable[[Sequence[Entry]], Sequence[Refusal]]], None]
# Why a write would be refused now.
Idle = Callable[[], Refusal]


class GroupWriter(Generic[T]):
    """Hands groups of batches to ``commit`` in a thread of its own and wakes each caller once its batch is durable.

    At most ``queue_batches_max`` batches wait; the group being written comes on top. While nothing is written, ``idle`` is
    called every ``IDLE_S``, in the same thread. When writes begin to fail, and when they work again, the log says so once.
    """

    def __init__(self, commit: Commit[T], queue_batches_max: int, idle: Idle | None = None) -> None:
        self._commit, self._queue_batches_max, self._idle = commit, queue_batches_max, idle
        self._queue: SimpleQueue[Batch[T] | None] = SimpleQueue()
        self._writing_since_s: float | None = None
        self._stopping = False
        self._crowded = False
        self._failure: Refusal = None
        self._thread = Thread(target=self._run, name="ledger-writer", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def write(self, rows: tuple[T, ...], *, bounded: bool) -> asyncio.Future[None]:
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
    def failing(self) -> bool:
        """Whether the latest write was refused, or the next one would be."""
        return self._failure is not None

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
                refusals = [_defect(error)] * len(group)
            self._note(None if any(it is None or isinstance(it, EntryRefused) for it in refusals) else refusals[0])
            self._writing_since_s = None
            _wake(group, refusals)

    def _next_group(self) -> list[Batch[T]]:
        """All that wait, as soon as any does; empty once the writer is stopped and nothing waits."""
        group: list[Batch[T]] = []
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

    def _first(self) -> Batch[T] | None:
        while self._idle is not None:
            try:
                return self._queue.get(timeout=IDLE_S)
            except Empty:
                self._note(self._asked(self._idle))
        return self._queue.get()

    def _asked(self, idle: Idle) -> Refusal:
        try:
            return idle()
        except Exception as error:
            return _defect(error)

    def _note(self, failure: Refusal) -> None:
        before, self._failure = self._failure, failure
        if failure is not None and str(failure) != str(before):
            _log.error("ledger", problem=str(failure))
        elif failure is None and before is not None:
            _log.warning("ledger works again", problem=f"Until now: {before}")


def _defect(error: Exception) -> LedgerUnavailable:
    return LedgerUnavailable(f"The ledger failed: {type(error).__name__}: {error}. Report the defect.")


def _wake(group: Sequence[Batch[T]], refusals: Sequence[Refusal]) -> None:
    """One call into each event loop, however many of its coroutines wait."""
    results: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[None], Refusal]]] = {}
    for batch, refusal in zip(group, refusals, strict=True):
        results.setdefault(batch.loop, []).append((batch.written, refusal))
    for loop, of_loop in results.items():
        # A loop that has ended since has nobody left to wake; what it asked for is written.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_resolve, of_loop)


def _resolve(results: Sequence[tuple[asyncio.Future[None], Refusal]]) -> None:
    for written, refusal in results:
        if written.done():
            continue
        if refusal is None:
            written.set_result(None)
        else:
            # One to each: whoever raises it adds where.
            written.set_exception(type(refusal)(*refusal.args))
