"""What every ledger says of spend, whatever holds it: exact, nothing twice, and the same from kept sums as from its entries."""

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.core.finance.spend import Dimension, SpendQuery, SpendRow, Sums, Tag, merged
from gateway.core.ledger.balance import State, balance_of
from gateway.core.ledger.entry import Entry, How, Kind, ReplayEntry
from gateway.core.money.amount import Basis, Cost
from tests.contract.ledger_samples import NOON, entry
from tests.contract.ledgers import Factory, Opened

BY_CONTRACT = SpendQuery((Dimension.CONTRACT,))
MUCH_LATER = datetime(2026, 11, 1, tzinfo=UTC)


def saving(number: int, *, at: datetime = NOON, amount: str | None = "0.05") -> ReplayEntry:
    """Request ``again_<number>`` got the result of ``req_1``."""
    cost = Cost(None, "USD", Basis.UNKNOWN) if amount is None else Cost(Decimal(amount), "USD", Basis.COMPUTED)
    return ReplayEntry(
        request_id=f"again_{number}",
        original_id="req_1",
        how=How.REPLAY,
        occurred_at=at,
        app="storefront",
        team="web",
        cost_centre="cc-100",
        model="gpt-image-2",
        contract="openai-direct",
        tags=(("campaign", "winter"),),
        cost=cost,
    )


def roll_up(opened: Opened, at: datetime = MUCH_LATER) -> int:
    rollups, days = opened.rollups(at), 0
    while rollups.roll_up_a_day():
        days += 1
    return days


async def test_cost_exposure_and_what_neither_is(opening: Factory, tmp_path: Path) -> None:
    """Cost is what was settled, exposure what is open or ambiguous, and a voided attempt is neither."""
    async with opening(tmp_path) as opened:
        for request_id in ("req_settled", "req_void", "req_expired", "req_open"):
            await opened.ledger.append(entry(Kind.RESERVE, request_id, "0.21", images=4))
        await opened.ledger.append(entry(Kind.SETTLE, "req_settled", "0.05268", images=3))
        await opened.ledger.append(entry(Kind.VOID, "req_void", "0.21"), entry(Kind.EXPIRE, "req_expired", "0.20"))
        [row] = opened.books.spend(BY_CONTRACT)
    assert (row.keys, row.currency) == (("openai-direct",), "USD")
    assert row.sums == Sums(
        attempts=4,
        requests=4,
        images=3,
        priced_images=3,
        cost=Decimal("0.05268"),
        exposure=Decimal("0.41"),
        metered=1,
        text_in=12,
        image_out=1756,
    )
    assert row.sums.cost_per_image == Decimal("0.01756")


async def test_currencies_are_never_added_together(opening: Factory, tmp_path: Path) -> None:
    """Each group has one row a currency."""
    async with opening(tmp_path) as opened:
        for request_id, currency in (("req_1", "USD"), ("req_2", "EUR"), ("req_3", "USD")):
            await opened.ledger.append(
                entry(Kind.RESERVE, request_id, currency=currency), entry(Kind.SETTLE, request_id, "1.5", currency=currency)
            )
        rows = opened.books.spend(BY_CONTRACT)
    assert [(row.currency, row.sums.cost) for row in rows] == [("EUR", Decimal("1.5")), ("USD", Decimal("3.0"))]


async def test_a_request_counts_where_its_first_attempt_does(opening: Factory, tmp_path: Path) -> None:
    """So that the column adds up; its attempts count where they went, and the later one's cost is a fallback's."""
    async with opening(tmp_path) as opened:
        await opened.ledger.append(entry(Kind.RESERVE), entry(Kind.VOID))
        later = [entry(kind, "req_1", "0.07", attempt=2, contract="other") for kind in (Kind.RESERVE, Kind.SETTLE)]
        await opened.ledger.append(*later)
        rows, [overall] = opened.books.spend(BY_CONTRACT), opened.books.spend(SpendQuery(()))
    assert [(row.keys, row.sums.requests, row.sums.attempts) for row in rows] == [(("openai-direct",), 1, 1), (("other",), 0, 1)]
    assert (overall.sums.requests, overall.sums.attempts) == (1, 2)
    assert [row.sums.fallbacks for row in rows] == [0, Decimal("0.07")]


async def test_what_was_paid_in_vain_is_told_apart(opening: Factory, tmp_path: Path) -> None:
    """A bill for an attempt that brought nothing, and deliveries that are not what was asked for."""
    async with opening(tmp_path) as opened:
        await opened.ledger.append(*(entry(kind, "req_billed", "0.21") for kind in (Kind.RESERVE, Kind.EXPIRE)))
        await opened.ledger.append(entry(Kind.ADJUST, "req_billed", "0.05", reference="invoice"))
        other = replace(entry(Kind.SETTLE, "req_other", "0.04"), discrepancies=("size: asked 2048x2048, delivered 1024x1024",))
        await opened.ledger.append(entry(Kind.RESERVE, "req_other"), other)
        [row] = opened.books.spend(BY_CONTRACT)
    sums = row.sums
    assert (sums.cost, sums.undelivered, sums.discrepant) == (Decimal("0.09"), Decimal("0.05"), Decimal("0.04"))


async def test_the_text_line_of_a_response_is_no_attempt_of_its_own(opening: Factory, tmp_path: Path) -> None:
    """Its cost counts; it is neither an attempt, nor paid in vain, nor a fallback, whether summed from entries or kept."""
    async with opening(tmp_path) as opened:
        for attempt, operation, amount in ((1, "response", "0.20"), (2, "response_text", "0.03"), (3, "response", "0.20")):
            booked = {"attempt": attempt, "operation": operation}
            await opened.ledger.append(entry(Kind.RESERVE, amount="0.50", **booked))
            images = 0 if operation == "response_text" else 1
            await opened.ledger.append(entry(Kind.SETTLE, amount=amount, images=images, **booked))
        for kind in (Kind.RESERVE, Kind.SETTLE):
            await opened.ledger.append(entry(kind, amount="0.05", images=0, attempt=4, operation="response_text"))
        before = opened.books.spend(BY_CONTRACT)
        roll_up(opened)
        [row] = opened.books.spend(BY_CONTRACT)
    assert [row] == list(before)
    sums = row.sums
    assert (sums.attempts, sums.requests, sums.images, sums.cost) == (2, 1, 2, Decimal("0.48"))
    assert (sums.undelivered, sums.fallbacks) == (Decimal(0), Decimal("0.25"))


async def test_spend_is_grouped_by_any_dimension_in_the_order_asked(opening: Factory, tmp_path: Path) -> None:
    """The keys of a row are the values of the dimensions, in the query's order; rows are ordered by them."""
    async with opening(tmp_path) as opened:
        await opened.ledger.append(entry(Kind.RESERVE, "req_1", app="b"), entry(Kind.RESERVE, "req_2", app="a"))
        rows = opened.books.spend(SpendQuery((Tag("season"), Tag("colour"), *reversed(Dimension))))
        roll_up(opened)
        summed = opened.books.spend(SpendQuery(tuple(reversed(Dimension))))
    begun = (
        "2026-10",
        "2026-W40",
        "2026-10-01",
        "open",
        "high",
        "1024x1024",
        "gpt-image-2",
        "OpenAI Ireland",
        "OpenAI",
        "openai",
    )
    expected = [(*begun, "cc-100", app, "web", "openai-direct") for app in "ab"]
    assert [row.keys for row in rows] == [("2026", "", *keys) for keys in expected]
    assert [row.keys for row in summed] == expected


async def test_only_what_was_asked_for_is_counted(opening: Factory, tmp_path: Path) -> None:
    """Of several dimensions all must fit, of one any of its values; a tag's value may hold anything."""
    async with opening(tmp_path) as opened:
        for number, (team, app) in enumerate((team, app) for team in ("web", "print") for app in ("a", "b", "c")):
            await opened.ledger.append(entry(Kind.RESERVE, f"req_{number}", team=team, app=app, tags=(("who", f"{app}'; --"),)))
        by_app = SpendQuery((Dimension.APP,))
        only = {Dimension.TEAM: frozenset({"web"}), Dimension.APP: frozenset({"a", "c", "z"})}
        for _ in range(2):
            assert [row.keys for row in opened.books.spend(replace(by_app, only=only))] == [("a",), ("c",)]
            [row] = opened.books.spend(replace(by_app, only={Tag("who"): frozenset({"b'; --"})}))
            assert (row.keys, row.sums.attempts) == (("b",), 2)
            roll_up(opened)


async def test_a_period_is_half_open_and_counts_by_the_begin_of_the_attempt(opening: Factory, tmp_path: Path) -> None:
    """An attempt belongs to the moment and the UTC day it began, whenever it ended; also where days have kept sums."""
    midnight = NOON.replace(hour=0) + timedelta(days=1)
    async with opening(tmp_path) as opened:
        for request_id, begun in (("req_before", midnight - timedelta(microseconds=1)), ("req_at", midnight)):
            await opened.ledger.append(entry(Kind.RESERVE, request_id, at=begun))
            await opened.ledger.append(entry(Kind.SETTLE, request_id, "1", at=midnight + timedelta(days=3), begun_at=begun))
        by_day = SpendQuery((Dimension.DAY,))
        for _ in range(2):
            assert [row.keys for row in opened.books.spend(by_day)] == [("2026-10-01",), ("2026-10-02",)]
            assert [row.keys for row in opened.books.spend(replace(by_day, since=midnight))] == [("2026-10-02",)]
            assert [row.keys for row in opened.books.spend(replace(by_day, until=midnight))] == [("2026-10-01",)]
            assert list(opened.books.spend(replace(by_day, since=midnight, until=midnight))) == []
            late = replace(by_day, since=midnight - timedelta(microseconds=1), until=midnight + timedelta(microseconds=1))
            assert [row.keys for row in opened.books.spend(late)] == [("2026-10-01",), ("2026-10-02",)]
            roll_up(opened)


async def test_what_repeated_requests_did_not_cost(opening: Factory, tmp_path: Path) -> None:
    """It stands beside what was delivered first, by all of that one's dimensions; unknown is not zero."""
    async with opening(tmp_path) as opened:
        await opened.ledger.append(entry(Kind.RESERVE), entry(Kind.SETTLE, amount="0.05"))
        for each in (saving(1), saving(2), saving(3, amount=None), saving(4, at=NOON + timedelta(days=1))):
            await opened.replays.saved(each)
        by = SpendQuery((Dimension.PROVIDER, Dimension.QUALITY, Dimension.DAY))
        [first, second] = opened.books.spend(by)
        tagged = opened.books.spend(SpendQuery((Tag("campaign"),)))
    assert first.keys == ("openai", "high", "2026-10-01")
    assert (first.sums.requests, first.sums.repeats, first.sums.saved, first.sums.unknown_savings) == (1, 3, Decimal("0.10"), 1)
    assert second == SpendRow(("openai", "high", "2026-10-02"), "USD", Sums(repeats=1, saved=Decimal("0.05")))
    assert [(row.keys, row.sums.repeats) for row in tagged] == [(("herbst – Überblick",), 0), (("winter",), 4)]


async def test_a_day_is_summed_when_it_is_over_and_again_when_it_changes(opening: Factory, tmp_path: Path) -> None:
    """Once each, an hour after midnight, days without attempts never; a late entry is in the reports at once."""
    async with opening(tmp_path) as opened:
        for days in (0, 3):
            begun = NOON + timedelta(days=days)
            reserve, settle = (entry(kind, f"req_{days}", "1", at=begun) for kind in (Kind.RESERVE, Kind.SETTLE))
            await opened.ledger.append(reserve, settle)
        midnight = NOON.replace(hour=0) + timedelta(days=1)
        assert roll_up(opened, midnight + timedelta(minutes=59)) == 0
        assert roll_up(opened, midnight + timedelta(minutes=61)) == 1
        assert roll_up(opened) == 1
        assert roll_up(opened) == 0
        await opened.ledger.append(entry(Kind.ADJUST, "req_0", "0.5", at=NOON + timedelta(days=9), begun_at=NOON))
        assert [row.sums.cost for row in opened.books.spend(BY_CONTRACT)] == [Decimal("2.5")]
        assert roll_up(opened) == 1
        assert [row.sums.cost for row in opened.books.spend(BY_CONTRACT)] == [Decimal("2.5")]


@dataclass(frozen=True)
class Life:
    """An attempt, and before which of the two roundings-up it is begun, closed and corrected (2: after both)."""

    day: int
    contract: str
    currency: str
    estimate: str | None
    closing: tuple[Kind, str | None] | None
    correction: str | None
    begun: int
    closed: int
    corrected: int


AMOUNTS = st.integers(0, 10**15).map(lambda nanos: str(Decimal(nanos).scaleb(-9)))
LIVES = st.lists(
    st.builds(
        Life,
        st.integers(0, 2),
        st.sampled_from("ab"),
        st.sampled_from(["USD", "EUR"]),
        st.none() | AMOUNTS,
        st.none() | st.tuples(st.sampled_from([Kind.SETTLE, Kind.VOID, Kind.EXPIRE]), st.none() | AMOUNTS),
        st.none() | AMOUNTS,
        *[st.integers(0, 2)] * 3,
    ),
    max_size=20,
)
QUERIES = (
    SpendQuery((Dimension.CONTRACT,)),
    SpendQuery((Dimension.MONTH, Dimension.OUTCOME)),
    SpendQuery((Dimension.DAY,), NOON - timedelta(hours=1), NOON + timedelta(days=1, hours=1)),
    SpendQuery((), None, NOON.replace(hour=0) + timedelta(days=1), {Dimension.CONTRACT: frozenset("a")}),
)


@given(lives=LIVES)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_kept_sums_and_entries_say_what_the_balances_say(opening: Factory, lives: list[Life]) -> None:
    """To the last digit, whatever was booked and whenever days were summed in between; what nobody knows is never zero."""

    async def all_say_the_same() -> None:
        with tempfile.TemporaryDirectory() as folder:
            async with opening(Path(folder)) as opened:
                for phase in range(3):
                    for number, life in enumerate(lives):
                        await opened.ledger.append(*(it for when, it in _entries(number, life) if when == phase))
                    entries = list(opened.books.attempts(None, None))
                    for query in QUERIES:
                        expected = _expected(entries, query)
                        assert list(opened.books.spend(query, kept_sums=False)) == expected
                        assert list(opened.books.spend(query)) == expected
                    roll_up(opened)

    asyncio.run(all_say_the_same())


def _entries(number: int, life: Life) -> list[tuple[int, Entry]]:
    """Each with the phase in which it is written."""
    at = {"begun_at": NOON + timedelta(days=life.day), "contract": life.contract, "currency": life.currency, "images": 2}
    closed = max(life.begun, life.closed)
    found = [(life.begun, entry(Kind.RESERVE, f"req_{number}", life.estimate, **at))]
    if life.closing is not None:
        kind, amount = life.closing
        found.append((closed, entry(kind, f"req_{number}", amount, **at)))
        if life.correction is not None:
            found.append((max(closed, life.corrected), entry(Kind.ADJUST, f"req_{number}", life.correction, **at)))
    return found


def _expected(attempts: Sequence[Sequence[Entry]], query: SpendQuery) -> list[SpendRow]:
    return list(merged(row for each in attempts for row in _row(each, query)))


def _row(entries: Sequence[Entry], query: SpendQuery) -> list[SpendRow]:
    balance = balance_of(entries)
    booked, settled = balance.reserve.attribution, balance.state is State.SETTLED
    if not (query.since or NOON.min.replace(tzinfo=UTC)) <= booked.begun_at < (query.until or MUCH_LATER):
        return []
    if booked.contract not in query.only.get(Dimension.CONTRACT, {booked.contract}):
        return []
    images = balance.closing.images if settled and balance.closing else 0
    usage = balance.latest.usage
    cost = balance.cost or Decimal(0)
    sums = Sums(
        attempts=1,
        requests=1,
        images=images,
        priced_images=0 if balance.cost is None else images,
        cost=cost,
        exposure=balance.exposure or Decimal(0),
        unknown_costs=int(balance.cost_unknown),
        unknown_exposures=int(balance.exposure_unknown),
        undelivered=Decimal(0) if images else cost,
        metered=int(usage is not None),
        text_in=usage.text_in if usage else 0,
        image_out=usage.image_out if usage else 0,
    )
    names = {
        Dimension.CONTRACT: booked.contract,
        Dimension.MONTH: f"{booked.begun_at:%Y-%m}",
        Dimension.DAY: f"{booked.begun_at:%Y-%m-%d}",
        Dimension.OUTCOME: balance.latest.outcome.value if balance.latest.outcome else "open",
    }
    return [SpendRow(tuple(names[Dimension(key.value)] for key in query.by), balance.currency, sums)]
