"""The story of a request: admit, claim, plan; for each attempt reserve, send, judge, relay and settle; then it is answered."""

import asyncio
import random
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, nullcontext
from dataclasses import dataclass

from gateway.core.contract.links import Deliver
from gateway.core.ledger.masked import StandIn
from gateway.core.outcome import Refusal
from gateway.core.request.images import ENDPOINTS
from gateway.core.routing.attempts import Attempt, Moment, Stop, Wait, next_step
from gateway.core.routing.choice import Candidate
from gateway.core.routing.eligibility import Conditions
from gateway.core.routing.plan import Plan, plan
from gateway.core.snapshot import OnDisconnect, Route
from gateway.engine.admission import Admission
from gateway.engine.attempt_trace import AttemptTrace, RequestTrace
from gateway.engine.call import Arrival, Call, Client, Failure, Progress
from gateway.engine.capacity import Capacity, no_capacity_needed
from gateway.engine.claims.idempotency_guard import IdempotencyGuard, Spared
from gateway.engine.departure import ClientGone, unless_gone
from gateway.engine.evidence import untraced
from gateway.engine.failures import failure_of_answer, failure_of_departure, failure_of_limit, failure_without_answer
from gateway.engine.money.accounting import Accounting, Booking
from gateway.engine.money.budgets import BudgetKeeper, ContractSpent, Holding, without_spent
from gateway.engine.money.receipts import NO_RECEIPTS, Receipts
from gateway.engine.relaying import relay
from gateway.engine.response_writer import ResponseWriter, request_id_of
from gateway.engine.retry_budget import RetryBudget
from gateway.engine.routes.app_limits import AppLimiter
from gateway.engine.routes.conditions import RouteConditions
from gateway.ports import Provider, UpstreamCall, UpstreamFailed, UpstreamResponse


@dataclass(frozen=True, slots=True)
class Door:
    """What a request passes before it is planned: room here, its app's limits, and whether it repeats an earlier one."""

    admission: Admission
    limiter: AppLimiter
    guard: IdempotencyGuard


class Dispatcher:
    """Serves requests. ``providers`` are the dialects' implementations by name; ``heartbeat_s`` is for streams that are silent.

    ``decided`` is told of every plan, or of the refusal in its place; ``begin_trace`` begins what its evidence is made of.
    """

    def __init__(
        self,
        door: Door,
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
        self._door, self._providers, self._accounting, self._conditions = door, providers, accounting, conditions
        self._heartbeat_s, self._decided, self._begin_trace, self._receipts = heartbeat_s, decided, begin_trace, receipts
        self._retries, self._budgets, self._room = RetryBudget(), budgets, room

    async def serve(self, arrival: Arrival, progress: Progress) -> Failure | None:
        """Answer the client and return ``None``, or return why not.

        Raises ``Refusal`` where no attempt is made and ``LedgerUnavailable`` where none can be booked. Where the failure comes
        after the answer's head has left (``progress.head_sent``), the client's connection must be broken off.
        """
        async with AsyncExitStack() as held:
            call = await self._admit(arrival, held)
            claim = await self._door.guard.claim(call, arrival.client, progress)
            if isinstance(claim, Spared):
                return claim.failure
            async with claim:
                await self._take_allowance(call, progress)
                with self._retries.request():
                    claim.failure = await self._run(_Job(call, claim.client, progress, self._heartbeat_s))
            return claim.failure

    async def _admit(self, arrival: Arrival, held: AsyncExitStack) -> Call:
        """Room for one more request, and its body; ``held`` gives back the room, and the app's place among its own jobs."""
        lease = held.enter_context(self._door.admission.enter(arrival.app.id))
        await held.enter_async_context(self._door.limiter.job(arrival.app, arrival.request_id))
        return await arrival.read(lease, held)

    async def _take_allowance(self, call: Call, progress: Progress) -> None:
        """The request's part of its app's limits."""
        ruling = await self._door.limiter.take(call.app, call.request)
        progress.allowances = ruling.allowances
        if ruling.refusal is not None:
            raise ruling.refusal

    async def _run(self, job: "_Job") -> Failure | None:
        """Plan and follow the plan; anew, without a contract's routes, where the contract's budget has no room."""
        spent: dict[str, ContractSpent] = {}
        while True:
            try:
                failure = await self._follow(self._plan(job, spent), job)
                break
            except ContractSpent as found:
                spent[found.account.subject] = found
        if failure is not None and job.progress.head_sent:
            await job.writer.fail(failure)
        return failure

    def _plan(self, job: "_Job", spent: Mapping[str, ContractSpent]) -> Plan:
        call = job.call
        conditions = without_spent(self._conditions.of(call), call, spent)
        try:
            found = plan(call.request, call.app, call.snapshot, conditions)
        except Refusal as refusal:
            # Without the budgets there was a route: they are why there is none.
            told = next((it.refusal for it in spent.values()), refusal)
            job.begin_trace(self._begin_trace(call, conditions, told))
            self._decided(call, conditions, told)
            raise told from None
        job.progress.held = found.held
        self._decided(call, conditions, found)
        job.begin_trace(self._begin_trace(call, conditions, found))
        return found

    async def _follow(self, the_plan: Plan, job: "_Job") -> Failure | None:
        """Attempt after attempt, as the plan and what became of them say."""
        failure: Failure | None = None
        attempts: tuple[Attempt, ...] = ()
        while not isinstance(step := next_step(the_plan, attempts, Moment(job.elapsed_s, self._retries.allows)), Stop):
            if isinstance(step, Wait):
                try:
                    await unless_gone(job.client, asyncio.sleep(max(step.until_s - job.elapsed_s, 0.0)))
                except ClientGone:
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

    async def _attempt(self, job: "_Job", candidate: Candidate) -> tuple[Failure, Attempt] | None:
        """One attempt: ``None`` where it delivered, otherwise what the client is told of it and what the next step must know."""
        route, progress, began_s = candidate.route, job.progress, job.elapsed_s
        trace = job.trace.begin(candidate, began_s)
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
        number, stands_in = progress.attempts + 1, job.stands_in(candidate.route)
        async with await self._accounting.reserve(job.call, candidate, number, holding, stands_in=stands_in) as booking:
            progress.attempts += 1
            trace.called = True
            progress.route, progress.cost = candidate.route, booking.estimate
            delivering = self._deliver(job, trace, booking)
            if job.call.app.on_disconnect is OnDisconnect.CANCEL:
                try:
                    failure = await unless_gone(job.client, delivering)
                except ClientGone:
                    failure = failure_of_departure()
            else:
                failure = await delivering
            if failure is not None and not booking.closed:
                progress.cost = await booking.fail(failure.diagnosis)
            return failure

    async def _deliver(self, job: "_Job", trace: AttemptTrace, booking: Booking) -> Failure | None:
        candidate, begun = trace.candidate, time.perf_counter()
        try:
            response = await job.writer.with_heartbeat(self._send(job.call, candidate))
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


class _Job:
    """A call that is being served, and what all of its attempts share."""

    __slots__ = ("_begun_s", "call", "client", "progress", "trace", "writer")

    def __init__(self, call: Call, client: Client, progress: Progress, heartbeat_s: float) -> None:
        self.call, self.client, self.progress = call, client, progress
        self.writer = ResponseWriter(call, client, progress, heartbeat_s)
        self._begun_s = time.monotonic()

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._begun_s

    def stands_in(self, route: Route) -> str:
        """For which held route this one would deliver; empty where it is for none, or for one of its own contract."""
        held = self.progress.held
        if held is None or held.route.contract.id == route.contract.id:
            return ""
        return str(StandIn(held.route.contract.id, held.route.id, held.owner, held.reason))

    def begin_trace(self, trace: RequestTrace) -> None:
        """Of a plan, or of the refusal in its place."""
        self.trace = self.progress.request_trace = trace
