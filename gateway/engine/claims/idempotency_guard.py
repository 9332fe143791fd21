"""The same request is paid once: it is claimed and run, or it gets the answer of the request that it repeats."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from types import TracebackType
from typing import Self

import structlog

from gateway.core.idempotency.claims import End, Replay, Run, Standing, standing_of
from gateway.core.idempotency.refusals import result_not_kept
from gateway.core.ledger.entry import How
from gateway.core.outcome import Refusal
from gateway.engine.call import Call, Client, Failure, Progress
from gateway.engine.claims.claiming import Claiming, Place, Running
from gateway.engine.claims.recording import RecordingClient
from gateway.engine.claims.replaying import replay, replay_entry_of
from gateway.engine.departure import ClientGone, unless_gone
from gateway.engine.failures import failure_of_departure
from gateway.ports import LedgerUnavailable, Replays
from gateway.relay.result_folder import ResultFolder

_log = structlog.get_logger("gateway.idempotency")


@dataclass(frozen=True, slots=True)
class Spared:
    """A request that is not run: it was answered as the earlier one (``failure`` is ``None``), or its client has left."""

    failure: Failure | None


class IdempotencyGuard:
    """Decides whether a request is run. ``saved`` is told how a request was spared, and whose it was."""

    def __init__(
        self,
        claiming: Claiming,
        results: ResultFolder,
        replays: Replays,
        *,
        clock: Callable[[], datetime],
        saved: Callable[[str, str], None],
    ) -> None:
        self.claiming, self.results = claiming, results
        self.clock, self._replays, self._saved = clock, replays, saved
        self._endings: set[asyncio.Task[None]] = set()

    async def claim(self, call: Call, client: Client, progress: Progress) -> "Claim | Spared":
        """The right to run the request; or it was spared, once the earlier one has ended. Raises ``Refusal`` (422, 409, 503)."""
        place, follows = self.claiming.place(call), ""
        try:
            while not isinstance(decision := await self.claiming.decided(call, place, follows), Run):
                progress.original_id = decision.request_id
                if isinstance(decision, Replay):
                    await self._replay(call, decision.request_id, How.JOIN if follows else How.REPLAY, client)
                    return Spared(None)
                follows = decision.request_id
                try:
                    await unless_gone(client, self.claiming.ended(follows, place))
                except ClientGone:
                    await self.claiming.unfollow(place, follows)
                    return Spared(failure_of_departure())
        except Refusal as refusal:
            progress.original_id = refusal.original_id
            raise
        progress.original_id = ""
        return Claim(self, call, place, client, progress)

    async def _replay(self, call: Call, original_id: str, how: How, client: Client) -> None:
        """Give the earlier answer; nothing is paid and nothing is sent. Raises ``Refusal`` (409) where it is gone."""
        result = await self.results.find(original_id)
        if result is None or result.head.app != call.app.id:
            raise result_not_kept(original_id)
        try:
            self._saved(how.value, call.app.id)
            try:
                await self._replays.saved(replay_entry_of(call, result.head, original_id, how, self.clock()))
            except LedgerUnavailable as unavailable:
                _log.warning("saving", request_id=call.request_id, reason=str(unavailable))
            await replay(client, result, call.request_id, original_id)
        finally:
            result.close()

    def end_later(self, ending: asyncio.Task[None]) -> None:
        """The answer has gone: nobody waits for this but ``ended``."""
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)

    async def ended(self) -> None:
        """Returns once all that has been answered is kept, and its claims say so."""
        while self._endings:
            await asyncio.wait(self._endings)


class Claim:
    """A request that is run. Answer ``client``, which keeps the answer while it passes, and set ``failure`` if there is one.

    Leaving its ``async with`` block tells what became of the request, to whoever waits for it or sends it again.
    """

    def __init__(self, guard: IdempotencyGuard, call: Call, place: Place | None, client: Client, progress: Progress) -> None:
        self._guard, self._claiming = guard, guard.claiming
        self._call, self._place, self._progress = call, place, progress
        kept = guard.results.begin(call.request_id) if call.app.keeps_results else None
        self.client = RecordingClient(client, kept, lambda: self._claiming.nobody_follows(call.request_id, place))
        self.failure: Failure | None = None

    async def __aenter__(self) -> Self:
        call = self._call
        self._claiming.running[call.request_id] = Running(
            call.app.id, call.request.model, self._guard.clock(), call.presented.left
        )
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        left = self._call.presented.left()
        standing, retryable = self._became(error)
        end = End(standing, self._claiming.now_s(), kept=False, left=left, awaited=retryable or left)
        if standing is Standing.FINISHED:
            # The answer has gone: the request's record does not wait for the disk.
            self._guard.end_later(asyncio.create_task(self._end(end)))
        else:
            # The answer is still to go: whoever has it may send the same key again.
            await self._end(end)

    def _became(self, error: BaseException | None) -> tuple[Standing, bool]:
        """What became of the request, and whether it may be sent again."""
        if error is None:
            standing = standing_of((it.outcome for _, it in self._progress.failed), answered=self.failure is None)
            return standing, self.failure is not None and self.failure.diagnosis.retryable
        standing = Standing.AMBIGUOUS if self._progress.attempts else Standing.RELEASED
        return standing, error.diagnosis.retryable if isinstance(error, Refusal) else isinstance(error, LedgerUnavailable)

    async def _end(self, end: End) -> None:
        """Keep the answer if it is whole, then say so to whoever asks for it or waits for it."""
        request_id, recording = self._call.request_id, self.client
        try:
            whole = end.standing is Standing.FINISHED
            kept = await (recording.keep(recording.head(self._call, self._progress)) if whole else recording.forget())
            await self._claiming.tell_end(request_id, self._place, replace(end, kept=kept))
        finally:
            self._claiming.running.pop(request_id).ended.set()
