"""Money around an attempt: a durable ``reserve`` before it, exactly one durable closing entry after it."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from types import TracebackType
from typing import Self

from gateway.core.choice import Candidate
from gateway.core.diagnosis import Diagnosis, Outcome, Owner
from gateway.core.ledger import Attribution, Entry, Kind, closing_kind
from gateway.core.money import Cost, nothing
from gateway.core.pricing import Delivery, price
from gateway.core.snapshot import Route
from gateway.core.verification import Discrepancy
from gateway.engine.budgets import Holding
from gateway.engine.call import Call
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

    async def reserve(self, call: Call, candidate: Candidate, attempt: int, holding: Holding | None = None) -> "Booking":
        """Hold the attempt's estimate; returns once that is durable, raises ``LedgerUnavailable``.

        What the attempt does not cost of ``holding`` goes back to its budgets, whatever happens.
        """
        begun_at = self._clock()
        # The request may have come in the day before: an attempt is priced by the list of the day on which it begins.
        dated = replace(candidate, on=begun_at.date())
        booking = Booking(
            self._ledger,
            self._clock,
            self._owed,
            call,
            candidate.route,
            dated.estimate,
            _attribution(call, dated, attempt, begun_at),
            holding,
        )
        if holding is not None:
            holding.booked = True
        try:
            await booking.write(Kind.RESERVE, booking.estimate, images=call.request.n)
        except LedgerUnavailable:
            await booking.give_back(nothing(booking.estimate.currency))
            raise
        except asyncio.CancelledError:
            # The entry is written all the same, and nobody else would ever close it.
            with suppress(LedgerUnavailable):
                await booking.abandon()
            raise
        return booking


@dataclass(slots=True)
class Booking:
    """One attempt in the ledger. Leaving its ``async with`` without a verdict books it as ambiguous: it was begun."""

    _ledger: Ledger
    _clock: Callable[[], datetime]
    _owed: dict[str, Entry]
    _call: Call
    route: Route
    estimate: Cost
    _attribution: Attribution
    _holding: Holding | None = None
    upstream_request_id: str = ""
    _closed: bool = False

    @property
    def closed(self) -> bool:
        """Whether the closing entry has been handed to the ledger."""
        return self._closed

    async def settle(self, delivery: Delivery, found: tuple[Discrepancy, ...]) -> Cost:
        """Book the delivery at its cost by the contract's price list, with its discrepancies; durable on return."""
        cost = price(delivery, self.route.price_list, self.route.upstream_model, self._attribution.begun_at.date())
        await self._close(Outcome.COMPLETED, cost, delivery=delivery, discrepancies=tuple(map(str, found)))
        return cost

    async def fail(self, diagnosis: Diagnosis) -> Cost:
        """Book the failure: ``void`` where it surely cost nothing, otherwise ``expire`` at the estimate; durable on return."""
        cost = nothing(self.estimate.currency) if closing_kind(diagnosis.outcome) is Kind.VOID else self.estimate
        await self._close(diagnosis.outcome, cost, owner=diagnosis.owner)
        return cost

    async def abandon(self) -> None:
        """Book that nothing was sent."""
        await self._close(Outcome.NOT_SENT, nothing(self.estimate.currency), owner=Owner.GATEWAY)

    async def write(self, kind: Kind, cost: Cost, *, images: int) -> None:
        """Append one entry of this attempt."""
        await self._ledger.append(self._entry(kind, cost, images=images), spool=self.route.contract.spools)

    def _entry(
        self,
        kind: Kind,
        cost: Cost,
        *,
        images: int,
        delivery: Delivery | None = None,
        outcome: Outcome | None = None,
        owner: str = "",
        discrepancies: tuple[str, ...] = (),
    ) -> Entry:
        request = self._call.request
        return Entry(
            kind=kind,
            attribution=self._attribution,
            occurred_at=self._clock(),
            cost=cost,
            images=images,
            size=delivery.size if delivery else request.size,
            quality=delivery.quality if delivery else request.quality,
            usage=delivery.usage if delivery else None,
            outcome=outcome,
            owner=owner,
            upstream_request_id=self.upstream_request_id,
            discrepancies=discrepancies,
            images_sha256=tuple(it.sha256 for it in delivery.pictures if it.sha256) if delivery else (),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if not self._closed:
            await self._close(Outcome.AMBIGUOUS, self.estimate, owner=Owner.GATEWAY)

    async def _close(
        self,
        outcome: Outcome,
        cost: Cost,
        *,
        delivery: Delivery | None = None,
        owner: str = "",
        discrepancies: tuple[str, ...] = (),
    ) -> None:
        """A client that leaves or a shutdown ends only the wait: what the ledger has been handed is written.

        What the ledger refuses is owed: it is written once the ledger can be written again.
        """
        self._closed = True
        entry = self._entry(
            closing_kind(outcome),
            cost,
            images=delivery.images if delivery else 0,
            delivery=delivery,
            outcome=outcome,
            owner=owner,
            discrepancies=discrepancies,
        )
        try:
            await self._ledger.append(entry, spool=self.route.contract.spools)
        except LedgerUnavailable:
            self._owed[entry.event_id] = entry
            raise
        await self.give_back(cost)

    async def give_back(self, cost: Cost) -> None:
        """Give the budgets back what the attempt did not cost of its estimate."""
        if self._holding is not None:
            await self._holding.settle(cost)


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
