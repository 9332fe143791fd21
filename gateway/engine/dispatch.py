"""The story of a request: plan, then for each step reserve, send, judge, relay, settle."""

import asyncio
import random
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace

from gateway.core.contract.links import Deliver
from gateway.core.outcome import Refusal
from gateway.core.request.images import ENDPOINTS
from gateway.core.routing.attempts import Attempt, Moment, Stop, Wait, next_step
from gateway.core.routing.choice import Candidate
from gateway.core.routing.eligibility import Conditions, Reason, Suspension
from gateway.core.routing.plan import Plan, plan
from gateway.core.snapshot import OnDisconnect
from gateway.engine.attempt_trace import AttemptTrace, RequestTrace
from gateway.engine.call import Call, Client, Failure, Progress
from gateway.engine.capacity import Capacity, no_capacity_needed
from gateway.engine.evidence import untraced
from gateway.engine.failures import failure_of_answer, failure_of_departure, failure_of_limit, failure_without_answer
from gateway.engine.money.accounting import Accounting, Booking
from gateway.engine.money.budgets import BudgetKeeper, ContractSpent, Holding
from gateway.engine.money.receipts import NO_RECEIPTS, Receipts
from gateway.engine.relaying import relay
from gateway.engine.response_writer import ResponseWriter, request_id_of
from gateway.engine.retry_budget import RetryBudget
from gateway.engine.routes.conditions import RouteConditions
from gateway.ports import Provider, UpstreamCall, UpstreamFailed, UpstreamResponse


class Dispatcher:
    """Serves calls. ``providers`` are the dialects' implementations by name; ``heartbeat_s`` is for streams that are silent.

    ``decided`` is told of every plan, or of the refusal in its place; ``begin_trace`` begins what its evidence is made of.
    """

    def __init__(
        self,
        providers: Mapping[str, Provider],
        accounting: Accounting,
        conditions: RouteConditions,
        *,
        heartbeat_s: float,
        decided: Callable[[Call, Conditions, Plan | Refusal], None],
        begin_trace: Callable[[Call, Conditions, Plan | Refusal], RequestTrace] = untraced,
        receipts: Receipts = NO_RECEIPTS,
        budgets: BudgetKeeper,
        room: Capacity = no_capacity_needed,
    ) -> None:
        self._providers, self._accounting, self._conditions = providers, accounting, conditions
        self._heartbeat_s, self._decided, self._begin_trace, self._receipts = heartbeat_s, decided, begin_trace, receipts
        self._retries, self._budgets, self._room = RetryBudget(), budgets, room

    async def serve(self, call: Call, client: Client, progress: Progress) -> Failure | None:
        """Answer the client and return ``None``, or return why not.

        Raises ``Refusal`` where no attempt is made and ``LedgerUnavailable`` where none can be booked. Where the failure comes
        after the answer's head has left (``progress.head_sent``), the client's connection must be broken off.
        """
        writer = ResponseWriter(call, client, progress, self._heartbeat_s)
        with self._retries.request():
            failure = await self._served(call, client, writer, progress)
        if failure is not None and progress.head_sent:
            await writer.fail(failure)
        return failure

    async def _served(self, call: Call, client: Client, writer: ResponseWriter, progress: Progress) -> Failure | None:
        """Plan and follow the plan; anew, without a contract's routes, where the contract's budget has no room."""
        spent: dict[str, ContractSpent] = {}
        while True:
            the_plan, progress.request_trace = self._plan(call, progress, spent)
            try:
                return await self._follow(the_plan, _Job(call, client, writer, progress, progress.request_trace))
            except ContractSpent as found:
                spent[found.account.subject] = found

    async def _follow(self, the_plan: Plan, job: "_Job") -> Failure | None:
        """Attempt after attempt, as the plan and what became of them say."""
        failure: Failure | None = None
        attempts: tuple[Attempt, ...] = ()
        while not isinstance(step := next_step(the_plan, attempts, Moment(job.elapsed_s, self._retries.allows)), Stop):
            if isinstance(step, Wait):
                if await _left_within(job.client, step.until_s - job.elapsed_s):
                    break
                continue
            again = any(it.candidate is step.candidate and not it.blocked for it in attempts)
            try:
                with self._retries.retry() if again else nullcontext():
                    ended = await self._attempt(job, step.candidate)
            except (Refusal, ContractSpent):
                # A budget has room for the first attempt only: then its failure is the answer.
                if failure is None:
                    raise
                break
            if ended is None:
                return None
            failure, attempt = ended
            attempts += (attempt,)
        return failure

    def _plan(self, call: Call, progress: Progress, spent: Mapping[str, ContractSpent]) -> tuple[Plan, RequestTrace]:
        conditions = _without(self._conditions.of(call), call, spent)
        try:
            found = plan(call.request, call.app, call.snapshot, conditions)
        except Refusal as refusal:
            # Without the budgets there was a route: they are why there is none.
            told = next((it.refusal for it in spent.values()), refusal)
            progress.request_trace = self._begin_trace(call, conditions, told)
            self._decided(call, conditions, told)
            raise told from None
        self._decided(call, conditions, found)
        return found, self._begin_trace(call, conditions, found)

    async def _attempt(self, job: "_Job", candidate: Candidate) -> tuple[Failure, Attempt] | None:
        """One attempt: ``None`` where it delivered, otherwise what the client is told of it and what the next step must know."""
        route, progress, began_s = candidate.route, job.progress, job.elapsed_s
        trace = job.request_trace.begin(candidate, began_s)
        progress.cost = progress.diagnosis = None
        with self._conditions.attempt(route, job.call.app.id) as ending, self._room(job.call, route):
            async with await self._budgets.hold(job.call, candidate) as holding:
                progress.budget = holding.warning
                shortage = await self._conditions.shortage(candidate)
                if shortage is None:
                    failure = await self._call(job, trace, holding)
                    wait_s = ending.end(failure)
                else:
                    progress.route = route
                    failure, wait_s = failure_of_limit(route.contract.id, shortage), shortage.wait_s
        trace.ended_s, trace.cost = job.elapsed_s, progress.cost
        if failure is None:
            return None
        trace.error, trace.diagnosis = failure.error, failure.diagnosis
        progress.diagnosis = failure.diagnosis
        progress.failed.append((route, failure.diagnosis))
        return failure, Attempt(
            candidate,
            failure.diagnosis,
            began_s,
            trace.ended_s,
            wait_s,
            head_sent=progress.head_sent,
            blocked=shortage is not None,
            jitter=random.random(),  # noqa: S311 -- no secret depends on it
        )

    async def _call(self, job: "_Job", trace: AttemptTrace, holding: Holding) -> Failure | None:
        """One upstream call between its two ledger entries."""
        progress, candidate = job.progress, trace.candidate
        async with await self._accounting.reserve(job.call, candidate, progress.attempts + 1, holding) as booking:
            progress.attempts += 1
            trace.called = True
            progress.route, progress.cost = candidate.route, booking.estimate
            delivering = self._deliver(job, trace, booking)
            if job.call.app.on_disconnect is OnDisconnect.CANCEL:
                failure = await _unless_gone(job.client, delivering)
            else:
                failure = await delivering
            if failure is not None and not booking.closed:
                progress.cost = await booking.fail(failure.diagnosis)
            return failure

    async def _deliver(self, job: "_Job", trace: AttemptTrace, booking: Booking) -> Failure | None:
        candidate, begun = trace.candidate, time.perf_counter()
        try:
            response = await job.writer.alive(self._send(job.call, candidate))
        except UpstreamFailed as failed:
            return failure_without_answer(failed)
        finally:
            trace.upstream_s = time.perf_counter() - begun
            job.progress.upstream_wait_s += trace.upstream_s
        trace.status, trace.headers = response.status, response.headers
        try:
            self._conditions.heard(candidate.route, response)
            booking.upstream_request_id = request_id_of(response, candidate.route.provider)
            if response.status != 200:
                return await failure_of_answer(response, candidate.route, job.call.body.links)
            return await relay(job.call, job.writer, response, booking, job.progress, receipts=self._receipts)
        finally:
            response.release()

    def _send(self, call: Call, candidate: Candidate) -> Coroutine[None, None, UpstreamResponse]:
        settings, text = candidate.route.provider, candidate.route.text_model
        model, members = candidate.route.upstream_model, settings.wire.members
        if text is not None:
            model, members = text.name, {**members, **text.bounds(call.request)}
        body = call.body.for_upstream(settings.wire.body_model(model), members, candidate.route.upstream_model)
        path = settings.wire.path_of(ENDPOINTS[call.request.operation], model)
        rules = candidate.route.links
        links = rules if rules.deliver is Deliver.B64 and not call.request.stream else None
        upstream = UpstreamCall(settings, path, call.request_id, body, links)
        return self._providers[settings.dialect].send(upstream)


@dataclass(frozen=True, slots=True)
class _Job:
    """A call that is being served, and what all of its attempts share."""

    call: Call
    client: Client
    writer: ResponseWriter
    progress: Progress
    request_trace: RequestTrace
    begun_s: float = field(default_factory=time.monotonic)

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self.begun_s


def _without(conditions: Conditions, call: Call, spent: Mapping[str, ContractSpent]) -> Conditions:
    """As if the routes of these contracts were held."""
    if not spent:
        return conditions
    suspensions = dict(conditions.suspensions)
    for route in call.snapshot.routes.values():
        if (found := spent.get(route.contract.id)) is not None:
            what = f"the budget '{found.account.budget.id}' of its contract has no room for the request"
            suspensions[route.id] = (*suspensions.get(route.id, ()), Suspension(Reason.BUDGET, found.account.until, what))
    return replace(conditions, suspensions=suspensions)


async def _left_within(client: Client, wait_s: float) -> bool:
    """Wait for so long, unless the client leaves before: then nothing more is sent on its behalf."""
    try:
        async with asyncio.timeout(max(wait_s, 0.0)):
            await client.gone()
    except TimeoutError:
        return False
    return True


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
