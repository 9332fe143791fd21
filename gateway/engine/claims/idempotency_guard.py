"""The same request is paid once: it is claimed and run, or joins the one in flight, or gets the earlier one's answer again."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime

import structlog

from gateway.core.idempotency.claims import End, Replay, Run, Standing, standing_of
from gateway.core.idempotency.refusals import result_not_kept
from gateway.core.ledger.entry import How
from gateway.core.outcome import Refusal
from gateway.engine.call import Call, Client, Failure, Progress
from gateway.engine.claims.claiming import Claiming, Place, Presented, Running
from gateway.engine.claims.recording import RecordingClient
from gateway.engine.claims.replaying import replay, replay_entry_of
from gateway.engine.failures import failure_of_departure
from gateway.ports import LedgerUnavailable, Replays
from gateway.relay.result_file import ResultHead
from gateway.relay.result_folder import ResultFolder

RunCall = Callable[[Client], Awaitable[Failure | None]]
_log = structlog.get_logger("gateway.idempotency")


class IdempotencyGuard:
    """Runs a request unless it is the same as an earlier one. ``saved`` is told how a request was spared, and whose it was."""

    def __init__(
        self,
        claiming: Claiming,
        results: ResultFolder,
        replays: Replays,
        *,
        clock: Callable[[], datetime],
        saved: Callable[[str, str], None],
    ) -> None:
        self._claiming, self._results, self._replays = claiming, results, replays
        self._clock, self._saved = clock, saved
        self._endings: set[asyncio.Task[None]] = set()

    async def serve(self, call: Call, presented: Presented, client: Client, progress: Progress, run: RunCall) -> Failure | None:
        """As ``run`` would, or as the earlier request was. Raises ``Refusal`` (422, 409, 503), and whatever ``run`` raises."""
        place, follows = self._claiming.place(call, presented), ""
        try:
            while True:
                decision = await self._claiming.decided(call, place, follows)
                if isinstance(decision, Run):
                    return await self._run(call, place, presented, client, progress, run=run)
                progress.original_id = decision.request_id
                if isinstance(decision, Replay):
                    how = How.JOIN if follows else How.REPLAY
                    await self._replay(call, decision.request_id, how, client)
                    return None
                follows = decision.request_id
                if await self._left_before_its_end(follows, place, client):
                    await self._claiming.unfollow(place, follows)
                    return failure_of_departure()
        except Refusal as refusal:
            progress.original_id = refusal.original_id
            raise

    async def _run(
        self, call: Call, place: Place | None, presented: Presented, client: Client, progress: Progress, *, run: RunCall
    ) -> Failure | None:
        """Run it, keep its answer, and tell at its end what became of it, whatever happens."""
        self._claiming.running[call.request_id] = Running(call.app.id, call.request.model, self._clock(), presented.left)
        progress.original_id = ""
        kept = self._results.begin(call.request_id) if call.app.keeps_results else None
        recording = RecordingClient(client, kept, lambda: self._claiming.nobody_follows(call.request_id, place))
        standing, retryable = Standing.AMBIGUOUS, False
        try:
            failure = await run(recording)
            standing = standing_of((it.outcome for _, it in progress.failed), answered=failure is None)
            retryable = failure is not None and failure.diagnosis.retryable
        except BaseException as error:
            retryable = error.diagnosis.retryable if isinstance(error, Refusal) else isinstance(error, LedgerUnavailable)
            standing = Standing.AMBIGUOUS if progress.attempts else Standing.RELEASED
            raise
        finally:
            left = presented.left()
            end = End(standing, self._claiming.now_s(), kept=False, left=left, awaited=retryable or left)
            if standing is Standing.FINISHED:
                # The answer has gone: the request's record does not wait for the disk.
                head = recording.head(call, progress)
                ending = asyncio.create_task(self._end(call.request_id, place, recording, end, head))
                self._endings.add(ending)
                ending.add_done_callback(self._endings.discard)
            else:
                # The answer is still to go: whoever has it may send the same key again.
                await self._end(call.request_id, place, recording, end, None)
        return failure

    async def _end(
        self, request_id: str, place: Place | None, recording: RecordingClient, end: End, head: ResultHead | None
    ) -> None:
        """Keep the answer, then say so to whoever asks for it or waits for it."""
        try:
            kept = await recording.forget() if head is None else await recording.keep(head)
            await self._claiming.tell_end(request_id, place, replace(end, kept=kept))
        finally:
            self._claiming.running.pop(request_id).ended.set()

    async def ended(self) -> None:
        """Returns once all that has been answered is kept, and its claims say so."""
        while self._endings:
            await asyncio.wait(self._endings)

    async def _replay(self, call: Call, original_id: str, how: How, client: Client) -> None:
        """Give the earlier answer; nothing is paid and nothing is sent. Raises ``Refusal`` (409) where it is gone."""
        result = await self._results.find(original_id)
        if result is None or result.head.app != call.app.id:
            raise result_not_kept(original_id)
        try:
            self._saved(how.value, call.app.id)
            try:
                await self._replays.saved(replay_entry_of(call, result.head, original_id, how, self._clock()))
            except LedgerUnavailable as unavailable:
                _log.warning("saving", request_id=call.request_id, reason=str(unavailable))
            await replay(client, result, call.request_id, original_id)
        finally:
            result.close()

    async def _left_before_its_end(self, original_id: str, place: Place | None, client: Client) -> bool:
        """Wait until that request has ended, or until the client leaves: then true."""
        end = asyncio.ensure_future(self._claiming.ended(original_id, place))
        gone = asyncio.ensure_future(client.gone())
        try:
            await asyncio.wait({end, gone}, return_when=asyncio.FIRST_COMPLETED)
            return not end.done()
        finally:
            for task in (end, gone):
                task.cancel()
            await asyncio.wait({end, gone})
