"""Money around an attempt: a durable ``reserve`` before it, exactly one durable closing entry after it."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from types import TracebackType
from typing import Self

from gateway.core.discrepancy import Discrepancy
from gateway.core.ledger.entry import TEXT_OPERATION, Attribution, Entry, Kind, closing_kind
from gateway.core.money.amount import Cost, nothing, together
from gateway.core.money.pricing import Delivery
from gateway.core.money.reported_cost import charged
from gateway.core.outcome import Diagnosis, Outcome, Owner
from gateway.core.routing.choice import Candidate
from gateway.core.snapshot import Route
from gateway.engine.call import Call
from gateway.engine.money.budgets import Holding
from gateway.ports import Ledger, LedgerUnavailable


class Accounting:
    """Opens a booking for each attempt."""

    def __init__(self, ledger: Ledger, clock: Callable[[], datetime]) -> None:
        self._ledger, self._clock = ledger, clock
        # Closing entries that the ledger has refused, by event id.
        self._owed: dict[str, Entry] = {}

    async def book_owed(self) -> None:
        """Once more write what the ledger has refused, one by one; what it refuses again stays owed."""
        for event_id, entry in list(self._owed.items()):
            with suppress(LedgerUnavailable):
                await self._ledger.append(entry)
                self._owed.pop(event_id, None)

    @property
    def owed(self) -> int:
        """How many attempts have ended whose end is not in the ledger yet: at most one a reserve that it has taken."""
        return len(self._owed)

    async def reserve(
        self, call: Call, candidate: Candidate, attempt: int, holding: Holding | None = None, *, stands_in: str = ""
    ) -> "Booking":
        """Hold the attempt's estimate; returns once that is durable, raises ``LedgerUnavailable``.

        ``stands_in`` is booked with the delivery: for which held route it is (``StandIn``).

        What the attempt does not cost of ``holding`` goes back to its budgets, whatever happens.
        """
        begun_at = self._clock()
        # The request may have come in the day before: an attempt is priced by the list of the day on which it begins.
        dated = replace(candidate, on=begun_at.date())
        lines = _lines(call, dated, attempt, begun_at)
        booking = Booking(self._ledger, self._clock, self._owed, call, candidate.route, lines, holding, stands_in)
        if holding is not None:
            holding.booked = True
        try:
            await booking.open()
        except LedgerUnavailable:
            await booking.give_back(nothing(booking.estimate.currency))
            raise
        except asyncio.CancelledError:
            # The entries are written all the same, and nobody else would ever close them.
            with suppress(LedgerUnavailable):
                await booking.abandon()
            raise
        return booking


@dataclass(frozen=True, slots=True)
class Line:
    """What of an attempt is booked by itself: that of its image model, or of the text model in front of it."""

    attribution: Attribution
    estimate: Cost
    text: bool = False

    def cost(self, delivery: Delivery, route: Route) -> Cost:
        """What of the delivery it cost."""
        booked = self.attribution
        part = Delivery(0, "", "", delivery.text_usage) if self.text else delivery
        reports, on = route.provider.wire.reports_cost, booked.begun_at.date()
        return charged(part, route.price_list, booked.upstream_model, on, reports_cost=reports)


@dataclass(slots=True)
class Booking:
    """One attempt in the ledger. Leaving its ``async with`` without a verdict books it as ambiguous: it was begun."""

    _ledger: Ledger
    _clock: Callable[[], datetime]
    _owed: dict[str, Entry]
    _call: Call
    route: Route
    _lines: tuple[Line, ...]
    _holding: Holding | None = None
    _stands_in: str = ""
    upstream_request_id: str = ""
    _closed: bool = False

    @property
    def closed(self) -> bool:
        """Whether the closing entries have been handed to the ledger."""
        return self._closed

    @property
    def estimate(self) -> Cost:
        """The most that all of it can cost."""
        return together(*(line.estimate for line in self._lines))

    async def open(self) -> None:
        """Book what is reserved; durable on return."""
        request = self._call.request
        await self._append([self._entry(line, Kind.RESERVE, line.estimate, images=request.n) for line in self._lines])

    async def settle(self, delivery: Delivery, found: tuple[Discrepancy, ...]) -> Cost:
        """Book the delivery at its cost, with its discrepancies; durable on return.

        The cost is what the provider has reported where it is declared to, otherwise that of the contract's price list.
        """
        costs = [line.cost(delivery, self.route) for line in self._lines]
        await self._close(Outcome.COMPLETED, costs, delivery=delivery, discrepancies=tuple(map(str, found)))
        return together(*costs)

    async def fail(self, diagnosis: Diagnosis) -> Cost:
        """Book the failure: ``void`` where it surely cost nothing, otherwise ``expire`` at the estimate; durable on return."""
        void = closing_kind(diagnosis.outcome) is Kind.VOID
        costs = [nothing(line.estimate.currency) if void else line.estimate for line in self._lines]
        await self._close(diagnosis.outcome, costs, owner=diagnosis.owner)
        return together(*costs)

    async def abandon(self) -> None:
        """Book that nothing was sent."""
        costs = [nothing(line.estimate.currency) for line in self._lines]
        await self._close(Outcome.NOT_SENT, costs, owner=Owner.GATEWAY)

    def _entry(
        self,
        line: Line,
        kind: Kind,
        cost: Cost,
        *,
        images: int,
        delivery: Delivery | None = None,
        outcome: Outcome | None = None,
        owner: str = "",
        discrepancies: tuple[str, ...] = (),
    ) -> Entry:
        entry = Entry(
            kind=kind,
            attribution=line.attribution,
            occurred_at=self._clock(),
            cost=cost,
            images=0,
            size="",
            quality="",
            usage=delivery.text_usage if delivery else None,
            outcome=outcome,
            owner=owner,
            upstream_request_id=self.upstream_request_id,
        )
        if line.text:
            return entry
        asked = delivery or self._call.request
        return replace(
            entry,
            images=images,
            size=asked.size,
            quality=asked.quality,
            usage=delivery.usage if delivery else None,
            discrepancies=discrepancies,
            reason=self._stands_in if kind is Kind.SETTLE else "",
            images_sha256=tuple(it.sha256 for it in delivery.pictures if it.sha256) if delivery else (),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if not self._closed:
            await self._close(Outcome.AMBIGUOUS, [line.estimate for line in self._lines], owner=Owner.GATEWAY)

    async def _close(
        self,
        outcome: Outcome,
        costs: Sequence[Cost],
        *,
        delivery: Delivery | None = None,
        owner: str = "",
        discrepancies: tuple[str, ...] = (),
    ) -> None:
        """A client that leaves or a shutdown ends only the wait: what the ledger has been handed is written.

        What the ledger refuses is owed: it is written once the ledger can be written again.
        """
        self._closed = True
        entries = [
            self._entry(
                line,
                closing_kind(outcome),
                cost,
                images=delivery.images if delivery else 0,
                delivery=delivery,
                outcome=outcome,
                owner=owner,
                discrepancies=discrepancies,
            )
            for line, cost in zip(self._lines, costs, strict=True)
        ]
        try:
            await self._append(entries)
        except LedgerUnavailable:
            self._owed.update({entry.event_id: entry for entry in entries})
            raise
        await self.give_back(together(*costs))

    async def _append(self, entries: Sequence[Entry]) -> None:
        await self._ledger.append(*entries, spool=self.route.contract.spools)

    async def give_back(self, cost: Cost) -> None:
        """Give the budgets back what the attempt did not cost of its estimate."""
        if self._holding is not None:
            await self._holding.settle(cost)


def _lines(call: Call, candidate: Candidate, attempt: int, begun_at: datetime) -> tuple[Line, ...]:
    """An attempt of a response takes two of the ledger's numbers: the odd one for its images, the even one for its text."""
    text, estimate = candidate.route.text_model, candidate.text_estimate
    booked = _attribution(call, candidate, attempt, begun_at)
    if text is None or estimate is None:
        return (Line(booked, candidate.image_estimate),)
    images = replace(booked, attempt=2 * attempt - 1)
    texts = replace(booked, attempt=2 * attempt, upstream_model=text.name, operation=TEXT_OPERATION)
    return Line(images, candidate.image_estimate), Line(texts, estimate, text=True)


def _attribution(call: Call, candidate: Candidate, attempt: int, begun_at: datetime) -> Attribution:
    route, contract = candidate.route, candidate.route.contract
    return Attribution(
        request_id=call.request_id,
        attempt=attempt,
        app=call.app.id,
        team=call.app.team,
        cost_centre=call.app.cost_centre,
        model=route.model,
        route=route.id,
        provider=route.provider.id,
        upstream_model=route.upstream_model,
        contract=contract.id,
        contract_revision=contract.revision,
        billing_owner=contract.billing.owner,
        invoice_issuer=contract.billing.invoice_issuer,
        price_list=route.price_list.at(candidate.on).id,
        config_revision=call.snapshot.revision,
        operation=call.request.operation,
        tags=call.tags,
        begun_at=begun_at,
    )
