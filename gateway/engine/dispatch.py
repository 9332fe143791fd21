"""The story of a request: plan, then for each step reserve, send, judge, relay, settle."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime

from gateway.core.attempts import Attempt, Try, next_step
from gateway.core.images import Operation
from gateway.core.routing import Candidate, Conditions, plan
from gateway.core.snapshot import OnDisconnect
from gateway.engine.accounting import Accounting, Booking
from gateway.engine.call import Call, Client, Failure, Progress
from gateway.engine.failures import failure_of_answer, failure_of_departure, failure_without_answer
from gateway.engine.outlet import Outlet, printable
from gateway.engine.relaying import relay
from gateway.ports import Provider, UpstreamCall, UpstreamFailed, UpstreamResponse

UPSTREAM_REQUEST_ID = "x-request-id"
_PATHS = {
    Operation.GENERATION: "images/generations",
    Operation.EDIT: "images/edits",
    Operation.VARIATION: "images/variations",
}


class Dispatcher:
    """Serves calls. ``providers`` are the dialects' implementations by name; ``heartbeat_s`` is for streams that are silent."""

    def __init__(
        self, providers: Mapping[str, Provider], accounting: Accounting, clock: Callable[[], datetime], *, heartbeat_s: float
    ) -> None:
        self._providers, self._accounting, self._clock, self._heartbeat_s = providers, accounting, clock, heartbeat_s

    async def serve(self, call: Call, client: Client, progress: Progress) -> Failure | None:
        """Answer the client and return ``None``, or return why not.

        Raises ``Refusal`` where no attempt is made and ``LedgerUnavailable`` where none can be booked. Where the failure comes
        after the answer's head has left (``progress.head_sent``), the client's connection must be broken off.
        """
        the_plan = plan(call.request, call.app, call.snapshot, Conditions(self._clock()))
        outlet = Outlet(call, client, progress, self._heartbeat_s)
        attempts: tuple[Attempt, ...] = ()
        failure: Failure | None = None
        while isinstance(step := next_step(the_plan, attempts), Try):
            failure = await self._attempt(call, client, outlet, step.candidate, progress)
            if failure is None:
                return None
            attempts += (Attempt(step.candidate, failure.diagnosis),)
        if failure is not None and progress.head_sent:
            await outlet.fail(failure)
        return failure

    async def _attempt(
        self, call: Call, client: Client, outlet: Outlet, candidate: Candidate, progress: Progress
    ) -> Failure | None:
        """One upstream call between its two ledger entries."""
        async with await self._accounting.reserve(call, candidate, progress.attempts + 1) as booking:
            progress.attempts += 1
            progress.route, progress.cost = candidate.route, candidate.estimate
            delivering = self._deliver(call, outlet, candidate, booking, progress)
            if call.app.on_disconnect is OnDisconnect.CANCEL:
                failure = await _unless_gone(client, delivering)
            else:
                failure = await delivering
            if failure is not None and not booking.closed:
                progress.diagnosis = failure.diagnosis
                progress.cost = await booking.fail(failure.diagnosis)
            return failure

    async def _deliver(
        self, call: Call, outlet: Outlet, candidate: Candidate, booking: Booking, progress: Progress
    ) -> Failure | None:
        begun = time.perf_counter()
        try:
            response = await outlet.alive(self._send(call, candidate))
        except UpstreamFailed as failed:
            return failure_without_answer(failed)
        finally:
            progress.upstream_wait_s += time.perf_counter() - begun
        try:
            booking.upstream_request_id = printable(response, UPSTREAM_REQUEST_ID)
            if response.status != 200:
                return await failure_of_answer(response, candidate.route.provider)
            return await relay(call, outlet, response, booking, progress)
        finally:
            response.release()

    def _send(self, call: Call, candidate: Candidate) -> Coroutine[None, None, UpstreamResponse]:
        settings = candidate.route.provider
        body = call.body.for_upstream(candidate.route.upstream_model)
        upstream = UpstreamCall(settings, _PATHS[call.request.operation], call.request_id, body)
        return self._providers[settings.dialect].send(upstream)


async def _unless_gone(client: Client, delivering: Coroutine[None, None, Failure | None]) -> Failure | None:
    """The delivery's own end, or that it was broken off because the client had left before."""
    delivery, gone = asyncio.ensure_future(delivering), asyncio.ensure_future(client.gone())
    try:
        await asyncio.wait({delivery, gone}, return_when=asyncio.FIRST_COMPLETED)
        return await delivery if delivery.done() else failure_of_departure()
    finally:
        for task in (delivery, gone):
            task.cancel()
        await asyncio.wait({delivery, gone})
