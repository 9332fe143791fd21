"""The walk along the readiness path: it asks, spends within its budget, books what it spends, and stops where it must."""

import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from gateway.core.contract.wire import NO_MEMBERS, Scalar
from gateway.core.discrepancy import discrepancies
from gateway.core.money.amount import Basis, Cost
from gateway.core.money.pricing import Delivery
from gateway.core.readiness.live import following, judged, minimal, unaffordable
from gateway.core.readiness.path import LIVE_BEGINS, PATH, Step, StepState, Walk, completed, skipped, stopped_by, subject_of
from gateway.core.readiness.recorded import current, listed, recorded, unlisted
from gateway.core.request.images import ImageRequest
from gateway.core.routing.choice import Candidate
from gateway.core.snapshot import App, ProviderSettings, Route, Snapshot
from gateway.engine.call import Call, Failure
from gateway.engine.failures import failure_of_answer, failure_of_event, failure_without_answer
from gateway.engine.money.accounting import Accounting, Booking
from gateway.engine.relaying import answer_to, as_asked
from gateway.engine.response_writer import request_id_of
from gateway.engine.routes.readiness_results import ReadyResults
from gateway.ports import Content, Probe, UpstreamFailed, UpstreamRefused, UpstreamResponse
from gateway.relay.scanner import MalformedAnswer

# Its images are booked to an app of this id, team and cost centre; no key leads to it.
APP_ID = "gateway-ready"
_APP = App(APP_ID, APP_ID, APP_ID, (), frozenset(), frozenset(), tag_body=False)
_LIVE_STEPS = tuple(PATH)[tuple(PATH).index(LIVE_BEGINS) + 1 :]
_OF_THE_ACCOUNT = frozenset({401, 403})
_STOPPED, _DRY = "The walk stopped before.", "Not tried: nothing is spent without --live."


class WalkUnderWay(Exception):
    """The route is being walked already; its text says so."""


class Readiness:
    """Walks routes and keeps what is found. One walk a route at a time: two at once would spend twice."""

    def __init__(self, walker: "Walker", results: ReadyResults) -> None:
        self._walker, self.results = walker, results
        self._under_way: set[str] = set()

    async def walk(self, route: Route, snapshot: Snapshot, budget: Decimal | None) -> Walk:
        """See ``Walker``. Raises ``WalkUnderWay``, ``LedgerUnavailable`` and ``ReadinessUnavailable``."""
        if route.id in self._under_way:
            raise WalkUnderWay(f"The route '{route.id}' is being walked already.")
        self._under_way.add(route.id)
        try:
            walk = await self._walker.walk(route, snapshot, budget)
            await self.results.keep(walk)
        finally:
            self._under_way.discard(route.id)
        return walk


class Walker:
    """Walks routes. ``probe`` opens the official SDK for a provider; ``clock`` is aware, in UTC."""

    def __init__(
        self,
        probe: Callable[[ProviderSettings], AbstractAsyncContextManager[Probe]],
        accounting: Accounting,
        clock: Callable[[], datetime],
    ) -> None:
        self._probe, self._accounting, self._clock = probe, accounting, clock

    async def walk(self, route: Route, snapshot: Snapshot, budget: Decimal | None) -> Walk:
        """From the first step to the last, or to the first that stops. ``budget`` is in the currency of the route's price list.

        Without one, nothing is spent. Raises ``LedgerUnavailable`` where a paid request cannot be booked: it is not made.
        """
        began_at = self._clock()
        today = began_at.date()
        steps = [current(route, snapshot, today)]
        spending = _Spending(route, snapshot, budget or Decimal(0))
        async with self._probe(route.provider) as probe:
            if not _stopped(steps):
                steps.append(await self._listed(route, probe))
            if not _stopped(steps):
                steps += recorded(route, today)
            if not _stopped(steps) and budget is not None:
                await self._spend(spending, probe, steps)
        rest = _STOPPED if _stopped(steps) else _DRY
        walk = Walk(route.id, subject_of(route), began_at, spending.requests > 0, completed(steps, rest))
        return replace(walk, request_id=spending.request_id, spent=spending.spent) if walk.live else walk

    async def _listed(self, route: Route, probe: Probe) -> Step:
        try:
            return listed(route, await probe.models())
        except UpstreamRefused as refused:
            failure = await failure_of_answer(refused.response, route)
            if refused.response.status in _OF_THE_ACCOUNT:
                return stopped_by("listed", failure.diagnosis, _told(failure, refused.response.status))
            return unlisted(f"it was answered with status {refused.response.status}.")
        except UpstreamFailed as failed:
            return unlisted(f"{failed}.")

    async def _spend(self, spending: "_Spending", probe: Probe, steps: list[Step]) -> None:
        """The minimal request, then one change at a time."""
        today = self._clock().date()
        first = minimal(spending.route, today)
        if isinstance(first, str):
            steps += [skipped(step, first) for step in (LIVE_BEGINS, *_LIVE_STEPS)]
            return
        steps.append(await self._step(LIVE_BEGINS, first, spending, probe))
        for step in _LIVE_STEPS:
            if _stopped(steps):
                return
            wish = following(step, first, spending.route, today)
            steps.append(skipped(step, wish) if isinstance(wish, str) else await self._step(step, wish, spending, probe))

    async def _step(self, step: str, request: ImageRequest, spending: "_Spending", probe: Probe) -> Step:
        candidate = Candidate(spending.route, request, self._clock().date())
        if refusal := unaffordable(step, candidate.estimate, spending.left):
            return refusal
        call = Call(spending.request_id, self._clock(), _APP, spending.snapshot, request, _NoBody(), ())
        spending.requests += 1
        async with await self._accounting.reserve(call, candidate, spending.requests) as booking:
            began_s = time.monotonic()
            found = await _asked(probe, request, booking)
            note = f"{time.monotonic() - began_s:.1f} s, request {booking.upstream_request_id or 'without an id'}"
            if isinstance(found, Failure):
                cost = await booking.fail(found.diagnosis)
                ended = stopped_by(step, found.diagnosis, f"{_told(found)} ({note})", cost)
            else:
                ended = await _settled(step, candidate, found, booking, note)
        spending.book(ended.cost or booking.estimate, booking.estimate)
        return ended


@dataclass(slots=True)
class _Spending:
    """What a walk has spent; ``requests`` counts its paid requests, which are the attempts of one request in the ledger."""

    route: Route
    snapshot: Snapshot
    budget: Decimal
    amount: Decimal = Decimal(0)
    sure: bool = True
    requests: int = 0
    request_id: str = field(default_factory=lambda: f"gw_ready_{secrets.token_hex(10)}")

    @property
    def left(self) -> Decimal:
        return self.budget - self.amount

    @property
    def spent(self) -> Cost:
        return Cost(self.amount, self.route.price_list.currency, Basis.COMPUTED if self.sure else Basis.ESTIMATED)

    def book(self, cost: Cost, expected: Cost) -> None:
        """What nobody knows counts as what it was expected to cost at most."""
        self.sure = self.sure and cost.basis not in (Basis.UNKNOWN, Basis.ESTIMATED)
        self.amount += cost.amount if cost.amount is not None else expected.amount or Decimal(0)


class _NoBody:
    """Implements ``call.Body``: the SDK writes its own."""

    links: frozenset[str] = frozenset()

    def for_upstream(
        self, model: str | None, members: Mapping[str, Scalar] = NO_MEMBERS, image_model: str = ""
    ) -> bytes | Content:
        raise NotImplementedError("a walk's requests are written by the SDK")


async def _asked(probe: Probe, request: ImageRequest, booking: Booking) -> Delivery | Failure:
    route = booking.route
    try:
        async with probe.images(route, request) as response:
            booking.upstream_request_id = request_id_of(response, route.provider)
            return await _read(response, request, route)
    except UpstreamRefused as refused:
        booking.upstream_request_id = request_id_of(refused.response, route.provider)
        return await failure_of_answer(refused.response, route)
    except (UpstreamFailed, MalformedAnswer) as broken:
        return failure_without_answer(broken)


async def _read(response: UpstreamResponse, request: ImageRequest, route: Route) -> Delivery | Failure:
    """By the relay's own readers: what passes here would pass there."""
    answer = answer_to(request)
    async for chunk in response.chunks():
        answer.feed(chunk)
        if answer.error is not None:
            return failure_of_event(answer.error, route, delivering=answer.carries_image)
        if answer.finished:
            break
    return as_asked(answer.delivery(), request, route)


async def _settled(step: str, candidate: Candidate, delivery: Delivery, booking: Booking, note: str) -> Step:
    route = candidate.route
    price = route.price_list.price_of(route.upstream_model, candidate.on)
    found = discrepancies(candidate.request, delivery, price.output_tokens if price else None)
    cost = await booking.settle(delivery, found)
    return judged(step, route, delivery, found=found, cost=cost, note=note)


def _told(failure: Failure, status: int = 0) -> str:
    said = str(failure.error.get("message", "")).rstrip(".")
    return f"Status {status}: {said}." if status else f"{said}."


def _stopped(steps: list[Step]) -> bool:
    return any(step.state is StepState.STOPPED for step in steps)
