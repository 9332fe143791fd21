"""An attempt belongs to the day on which it begins, whatever the day of its request or of its end."""

from collections.abc import Awaitable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from gateway.core.ledger.entry import Entry, Kind
from gateway.core.money.pricing import Delivery, Price
from gateway.core.routing.choice import Candidate
from gateway.engine.call import Call
from gateway.engine.money.accounting import Accounting
from gateway.ports import Ledger
from tests.unit.core.samples import APP, MODEL, PRICES, REQUEST, ROUTE, snapshot

MIDNIGHT = datetime(2026, 11, 15, tzinfo=UTC)
NAME = ROUTE.upstream_model
OLD = replace(PRICES, id="old", models={NAME: Price(request=Decimal(1))})
NEW = replace(OLD, id="new", effective_from=date(2026, 11, 15), models={NAME: Price(request=Decimal(2))}, earlier=OLD)


class Kept(Ledger):
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def append(self, *entries: Entry, spool: bool = False) -> Awaitable[None]:
        self.entries += entries
        return _done()

    @property
    def lag_s(self) -> float:
        return 0.0

    @property
    def failing(self) -> bool:
        return False


class Nothing:
    def for_upstream(self, model: str) -> bytes:
        return b""


async def _done() -> None: ...


async def booked(received_at: datetime, *looks: datetime) -> list[Entry]:
    """One attempt; the clock is looked at when it begins, and at each of its entries."""
    kept, clock = Kept(), iter(looks)
    route = replace(ROUTE, price_list=NEW)
    call = Call("req_1", received_at, APP, snapshot(replace(MODEL, routes=(route,))), REQUEST, Nothing(), ())
    accounting = Accounting(kept, lambda: next(clock))
    async with await accounting.reserve(call, Candidate(route, REQUEST, received_at.date()), 1) as booking:
        await booking.settle(Delivery(1, "1024x1024", "high", None), ())
    return kept.entries


async def test_an_attempt_is_priced_by_the_list_of_the_day_it_began() -> None:
    """The new list from its first moment on; the old one for what began before and ended later; reserve and settle agree."""
    before, after = MIDNIGHT - timedelta(microseconds=1), MIDNIGHT + timedelta(seconds=9)
    ended_later = await booked(before, before, before, after)
    began_later = await booked(before, MIDNIGHT, MIDNIGHT, after)
    for entries, name, amount in ((ended_later, "old", 1), (began_later, "new", 2)):
        assert [(it.kind, it.attribution.price_list, it.cost.amount) for it in entries] == [
            (Kind.RESERVE, name, amount),
            (Kind.SETTLE, name, amount),
        ]
