"""The story of a request: plan, then for each step reserve, send, judge, relay, settle."""

import time
from collections.abc import Callable, Mapping
from datetime import datetime

from gateway.core.attempts import Attempt, Try, next_step
from gateway.core.routing import Candidate, Conditions, plan
from gateway.core.tag import Tag
from gateway.engine.accounting import Accounting, Booking
from gateway.engine.call import Call, Client, Failure, Progress
from gateway.engine.failures import failure_of_answer, failure_without_answer
from gateway.ports import Provider, UpstreamCall, UpstreamFailed, UpstreamResponse
from gateway.relay.answer import ImageAnswer, closing
from gateway.relay.scanner import MalformedAnswer

UPSTREAM_REQUEST_ID = "x-request-id"
_PATH = "images/generations"
_HEADER_CHARS_MAX = 200
# What of a provider's head an app may see; the rest names accounts, limits of the whole contract, or cookies.
_PASSED_HEADERS = ("content-type", "openai-processing-ms", "openai-version")


class Dispatcher:
    """Serves calls. ``providers`` are the dialects' implementations by name."""

    def __init__(self, providers: Mapping[str, Provider], accounting: Accounting, clock: Callable[[], datetime]) -> None:
        self._providers, self._accounting, self._clock = providers, accounting, clock

    async def serve(self, call: Call, client: Client, progress: Progress) -> Failure | None:
        """Answer the client and return ``None``, or return why not.

        Raises ``Refusal`` where no attempt is made and ``LedgerUnavailable`` where none can be booked. Where the failure comes
        after the answer's head has left (``progress.head_sent``), the client's connection must be broken off.
        """
        the_plan = plan(call.request, call.app, call.snapshot, Conditions(self._clock()))
        attempts: tuple[Attempt, ...] = ()
        failure: Failure | None = None
        while isinstance(step := next_step(the_plan, attempts), Try):
            failure = await self._attempt(call, client, step.candidate, progress)
            if failure is None:
                return None
            attempts += (Attempt(step.candidate, failure.diagnosis),)
        return failure

    async def _attempt(self, call: Call, client: Client, candidate: Candidate, progress: Progress) -> Failure | None:
        """One upstream call between its two ledger entries."""
        async with await self._accounting.reserve(call, candidate, progress.attempts + 1) as booking:
            progress.attempts += 1
            progress.route, progress.cost = candidate.route, candidate.estimate
            failure = await self._deliver(call, client, candidate, booking, progress)
            if failure is not None:
                progress.diagnosis = failure.diagnosis
                progress.cost = await booking.fail(failure.diagnosis)
            return failure

    async def _deliver(
        self, call: Call, client: Client, candidate: Candidate, booking: Booking, progress: Progress
    ) -> Failure | None:
        try:
            response = await self._send(call, candidate, progress)
        except UpstreamFailed as failed:
            return failure_without_answer(failed)
        try:
            booking.upstream_request_id = _printable(response, UPSTREAM_REQUEST_ID)
            if response.status != 200:
                return await failure_of_answer(response, candidate.route.provider)
            return await self._relay(call, client, response, booking, progress)
        finally:
            response.release()

    async def _send(self, call: Call, candidate: Candidate, progress: Progress) -> UpstreamResponse:
        settings = candidate.route.provider
        upstream = UpstreamCall(settings, _PATH, call.request_id, call.body.for_upstream(candidate.route.upstream_model))
        begun = time.perf_counter()
        try:
            return await self._providers[settings.dialect].send(upstream)
        finally:
            progress.upstream_wait_s += time.perf_counter() - begun

    async def _relay(
        self, call: Call, client: Client, response: UpstreamResponse, booking: Booking, progress: Progress
    ) -> Failure | None:
        """Pass the body on as it comes. Nothing leaves before image data has begun; the end leaves after the settlement."""
        answer, held = ImageAnswer(), b""
        try:
            async for chunk in response.chunks():
                held += answer.feed(chunk)
                if answer.carries_image:
                    await self._start(call, client, response, progress)
                    await client.write(held)
                    held = b""
            delivery = answer.delivery()
        except (UpstreamFailed, MalformedAnswer) as broken:
            return failure_without_answer(broken)
        progress.cost = await booking.settle(delivery)
        progress.images = delivery.images
        await self._start(call, client, response, progress)
        member = _tag(call, progress).member(delivery.images, delivery.size) if call.app.tag_body else None
        await client.finish(held + closing(member))
        return None

    async def _start(self, call: Call, client: Client, response: UpstreamResponse, progress: Progress) -> None:
        if progress.head_sent:
            return
        passed = [(name, value) for name in _PASSED_HEADERS if (value := _printable(response, name))]
        progress.head_sent = True
        await client.start(200, passed + _tag(call, progress).headers())


def _printable(response: UpstreamResponse, name: str) -> str:
    """A provider's header, if it is short and plain; anything else could break the answer's head, or a ledger row."""
    value = response.headers.get(name, "")
    return value if len(value) <= _HEADER_CHARS_MAX and value.isascii() and value.isprintable() else ""


def _tag(call: Call, progress: Progress) -> Tag:
    return Tag(call.request_id, progress.attempts, progress.route, progress.cost, progress.diagnosis)
