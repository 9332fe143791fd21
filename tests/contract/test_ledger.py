"""What every ledger promises, whatever holds it: durable, once, exact, and never unknown as zero."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import chain, product
from pathlib import Path

import pytest

from gateway.core.budget import Account, Budget, Period, Scope
from gateway.core.contract.contract import OnUnavailable
from gateway.core.finance.spend import Dimension, SpendQuery, SpendRow
from gateway.core.ledger.balance import counted
from gateway.core.ledger.entry import Entry, Kind
from gateway.ports import LedgerUnavailable
from tests.contract.ledger_samples import NOON, entry
from tests.contract.ledgers import Factory

BY_CONTRACT = SpendQuery((Dimension.CONTRACT,))


def money(row: SpendRow) -> tuple[Decimal, Decimal, int, int]:
    sums = row.sums
    return sums.cost, sums.exposure, sums.unknown_costs, sums.unknown_exposures


async def test_entries_come_back_as_they_were_written(opening: Factory, tmp_path: Path) -> None:
    """Every member of an entry is kept, and a request's entries come in the order they were written."""
    later = NOON + timedelta(seconds=8, microseconds=1)
    written = [entry(Kind.RESERVE), entry(Kind.SETTLE, amount="0.05268", at=later, begun_at=NOON)]
    async with opening(tmp_path) as opened:
        for each in written:
            await opened.ledger.append(each)
        assert list(opened.books.request("req_1")) == written
        assert list(opened.books.request("req_unknown")) == []


async def test_an_unknown_cost_comes_back_unknown(opening: Factory, tmp_path: Path) -> None:
    """A cost that nobody knows is never turned into an amount."""
    async with opening(tmp_path) as opened:
        await opened.ledger.append(entry(Kind.RESERVE, amount=None), entry(Kind.SETTLE, amount=None))
        assert [each.cost.amount for each in opened.books.request("req_1")] == [None, None]


async def test_what_was_appended_outlives_the_ledger(opening: Factory, tmp_path: Path) -> None:
    """A closed and opened ledger holds what it held."""
    async with opening(tmp_path) as opened:
        await opened.ledger.append(entry(Kind.RESERVE), entry(Kind.VOID))
    async with opening(tmp_path) as again:
        assert [each.kind for each in again.books.request("req_1")] == [Kind.RESERVE, Kind.VOID]


async def test_writing_again_changes_nothing(opening: Factory, tmp_path: Path) -> None:
    """The same event written twice is booked once, as it was booked first, even in one call."""
    async with opening(tmp_path) as opened:
        reserve, settle = entry(Kind.RESERVE), entry(Kind.SETTLE, amount="0.05")
        await opened.ledger.append(reserve, reserve)
        await opened.ledger.append(settle)
        await opened.ledger.append(reserve, settle, entry(Kind.SETTLE, amount="99"))
        assert list(opened.books.request("req_1")) == [reserve, settle]


@pytest.mark.parametrize("second", [Kind.VOID, Kind.EXPIRE])
async def test_an_attempt_is_closed_once(opening: Factory, tmp_path: Path, second: Kind) -> None:
    """A second closing entry of one attempt is refused by name, and the first one stands."""
    async with opening(tmp_path) as opened:
        await opened.ledger.append(entry(Kind.RESERVE))
        await opened.ledger.append(entry(Kind.SETTLE))
        with pytest.raises(LedgerUnavailable, match=rf"req_1\.1\.{second}"):
            await opened.ledger.append(entry(second))
        assert [each.kind for each in opened.books.request("req_1")] == [Kind.RESERVE, Kind.SETTLE]


async def test_a_closing_entry_needs_its_reserve(opening: Factory, tmp_path: Path) -> None:
    """Money is never booked for an attempt that was not announced."""
    async with opening(tmp_path) as opened:
        await opened.ledger.append(entry(Kind.RESERVE, attempt=1))
        with pytest.raises(LedgerUnavailable, match="needs the reserve"):
            await opened.ledger.append(entry(Kind.SETTLE, attempt=2))
        assert [each.kind for each in opened.books.request("req_1")] == [Kind.RESERVE]


async def test_an_adjustment_needs_a_closed_attempt_and_is_booked_once(opening: Factory, tmp_path: Path) -> None:
    """What is still open cannot be corrected; the same correction twice is one, another one is another."""
    async with opening(tmp_path) as opened:
        await opened.ledger.append(entry(Kind.RESERVE))
        with pytest.raises(LedgerUnavailable, match="needs an attempt that is closed"):
            await opened.ledger.append(entry(Kind.ADJUST))
        await opened.ledger.append(entry(Kind.SETTLE, amount="0.05"))
        first, second = entry(Kind.ADJUST, amount="-0.01"), entry(Kind.ADJUST, amount="0.002", reference="invoice")
        await opened.ledger.append(first, second)
        await opened.ledger.append(first)
        assert list(opened.books.request("req_1"))[2:] == [first, second]
        [row] = opened.books.spend(BY_CONTRACT)
        assert (row.sums.cost, row.sums.exposure, row.sums.requests, row.sums.images) == (Decimal("0.042"), 0, 1, 1)


async def test_an_adjustment_ends_what_was_exposed_or_unknown(opening: Factory, tmp_path: Path) -> None:
    """From then on the attempt has a booked cost."""
    async with opening(tmp_path) as opened:
        await opened.ledger.append(entry(Kind.RESERVE), entry(Kind.EXPIRE), entry(Kind.ADJUST, amount="0.04"))
        await opened.ledger.append(*(entry(kind, "req_2", None) for kind in (Kind.RESERVE, Kind.SETTLE)))
        await opened.ledger.append(entry(Kind.ADJUST, "req_2", "0.003"))
        [row] = opened.books.spend(BY_CONTRACT)
        assert money(row) == (Decimal("0.043"), 0, 0, 0)


async def test_attempts_of_a_period_come_whole(opening: Factory, tmp_path: Path) -> None:
    """By when they began, whenever they were closed or corrected; a reserve first, an adjustment last."""
    async with opening(tmp_path) as opened:
        later = NOON + timedelta(days=40)
        for minute, request_id in enumerate(("req_b", "req_a", "req_10")):
            await opened.ledger.append(entry(Kind.RESERVE, request_id, at=NOON + timedelta(minutes=minute)))
        await opened.ledger.append(entry(Kind.RESERVE, "req_a", attempt=2, at=later))
        for request_id, minute in (("req_a", 1), ("req_b", 0)):
            begun_at = NOON + timedelta(minutes=minute)
            await opened.ledger.append(entry(Kind.SETTLE, request_id, at=later, begun_at=begun_at))
            await opened.ledger.append(entry(Kind.ADJUST, request_id, at=later, begun_at=begun_at))
        found = [[it.event_id for it in attempt] for attempt in opened.books.attempts(NOON, NOON + timedelta(days=1))]
        assert found == [
            ["req_b.1.reserve", "req_b.1.settle", "req_b.1.adjust.reprice"],
            ["req_a.1.reserve", "req_a.1.settle", "req_a.1.adjust.reprice"],
            ["req_10.1.reserve"],
        ]
        assert [attempt[0].event_id for attempt in opened.books.attempts(later, None)] == ["req_a.2.reserve"]
        assert len(list(opened.books.attempts(None, None))) == 4


async def test_entries_of_one_call_are_booked_together_or_not_at_all(opening: Factory, tmp_path: Path) -> None:
    """One refused entry keeps its neighbours of the same call out of the books."""
    async with opening(tmp_path) as opened:
        with pytest.raises(LedgerUnavailable):
            await opened.ledger.append(entry(Kind.RESERVE), entry(Kind.SETTLE), entry(Kind.VOID))
        assert list(opened.books.request("req_1")) == []


async def test_an_amount_finer_than_a_nano_unit_is_refused(opening: Factory, tmp_path: Path) -> None:
    """What cannot be booked exactly is not rounded: it is refused, with the event and the amount."""
    async with opening(tmp_path) as opened:
        with pytest.raises(LedgerUnavailable, match=r"req_1\.1\.reserve: .* is finer than one nano-unit"):
            await opened.ledger.append(entry(Kind.RESERVE, amount="0.0000000001"))
        with pytest.raises(LedgerUnavailable, match="more than the ledger can hold"):
            await opened.ledger.append(entry(Kind.RESERVE, amount="9300000000"))
        assert list(opened.books.request("req_1")) == []


async def test_hundreds_of_callers_at_once_are_all_booked(opening: Factory, tmp_path: Path) -> None:
    """Concurrent callers each return after their own entries are in the books."""
    async with opening(tmp_path) as opened:

        async def serve(request_id: str) -> None:
            await opened.ledger.append(entry(Kind.RESERVE, request_id))
            await opened.ledger.append(entry(Kind.SETTLE, request_id, "0.000000001"))

        await asyncio.gather(*(serve(f"req_{number}") for number in range(400)))
        [row] = opened.books.spend(BY_CONTRACT)
        assert (row.sums.requests, row.sums.images, *money(row)[:2]) == (400, 400, Decimal("0.000000400"), 0)


async def test_only_the_caller_of_a_refused_entry_fails(opening: Factory, tmp_path: Path) -> None:
    """One bad entry among a hundred concurrent ones costs the others nothing, and the ledger goes on."""
    async with opening(tmp_path) as opened:
        appends = [opened.ledger.append(entry(Kind.RESERVE, f"req_{number}")) for number in range(100)]
        appends.insert(50, opened.ledger.append(entry(Kind.SETTLE, "req_never_reserved")))
        results = await asyncio.gather(*appends, return_exceptions=True)
        assert [place for place, result in enumerate(results) if isinstance(result, LedgerUnavailable)] == [50]
        await opened.ledger.append(entry(Kind.RESERVE, "req_after"))
        assert len(opened.books.requests(1_000)) == 101


async def test_a_cancelled_caller_harms_nobody(opening: Factory, tmp_path: Path) -> None:
    """A caller that leaves while it waits takes nothing back, and those beside it are served."""
    async with opening(tmp_path) as opened:
        leaving = asyncio.ensure_future(opened.ledger.append(entry(Kind.RESERVE, "req_left")))
        staying = asyncio.ensure_future(opened.ledger.append(entry(Kind.RESERVE, "req_stayed")))
        await asyncio.sleep(0)
        leaving.cancel()
        await staying
        await opened.ledger.append(entry(Kind.RESERVE, "req_after"))
        assert leaving.cancelled()
        assert {each.attribution.request_id for each in opened.books.requests(9)} == {"req_left", "req_stayed", "req_after"}


async def test_nothing_waits_in_an_idle_ledger(opening: Factory, tmp_path: Path) -> None:
    """The lag is zero before and after a write, and an empty append returns."""
    async with opening(tmp_path) as opened:
        assert opened.ledger.lag_s == 0
        await opened.ledger.append()
        await opened.ledger.append(entry(Kind.RESERVE))
        assert opened.ledger.lag_s == 0


async def test_an_orphan_becomes_an_ambiguous_line_at_its_estimate(opening: Factory, tmp_path: Path) -> None:
    """A reserve that its process left open is expired once when the ledger is opened again; closed ones are left alone."""
    async with opening(tmp_path) as opened:
        await opened.ledger.append(entry(Kind.RESERVE, "req_orphan", "0.42"), entry(Kind.RESERVE, "req_unpriced", None))
        await opened.ledger.append(entry(Kind.RESERVE, "req_done"), entry(Kind.SETTLE, "req_done", "0.05"))
    async with opening(tmp_path) as again:
        assert again.expired == 2
        reserve, expire = again.books.request("req_orphan")
        assert (expire.kind, expire.outcome, expire.cost, expire.owner) == (Kind.EXPIRE, "ambiguous", reserve.cost, "gateway")
        assert expire.attribution == reserve.attribution
        assert expire.images == 0
        [row] = again.books.spend(BY_CONTRACT)
        assert money(row) == (Decimal("0.05"), Decimal("0.42"), 0, 1)
    async with opening(tmp_path) as third:
        assert third.expired == 0


async def test_the_latest_requests_come_first_each_with_its_latest_entry(opening: Factory, tmp_path: Path) -> None:
    """The list has one entry an attempt: the closing one where there is one."""
    async with opening(tmp_path) as opened:
        for number in range(5):
            await opened.ledger.append(entry(Kind.RESERVE, f"req_{number}"))
        await opened.ledger.append(entry(Kind.SETTLE, "req_3"))
        latest = opened.books.requests(3)
    assert [(each.attribution.request_id, each.kind) for each in latest] == [
        ("req_4", Kind.RESERVE),
        ("req_3", Kind.SETTLE),
        ("req_2", Kind.RESERVE),
    ]


def _attempts(request_id: str, *lives: tuple[str, Kind], at: datetime = NOON) -> list[Entry]:
    """A request's attempts, each under a contract and closed as said, or left open as ``reserve``; a second apart."""
    found = []
    for attempt, (contract, kind) in enumerate(lives, 1):
        then = at + timedelta(seconds=attempt)
        found.append(entry(Kind.RESERVE, request_id, at=at, attempt=attempt, contract=contract))
        if kind is not Kind.RESERVE:
            found.append(entry(kind, request_id, at=then, begun_at=at, attempt=attempt, contract=contract))
    return found


async def test_a_covered_failure_comes_with_its_cover(opening: Factory, tmp_path: Path) -> None:
    """Each void or expired attempt before a delivery under another contract, whole, request by request in their order."""
    chain = _attempts("req_2", ("a", Kind.EXPIRE), ("a", Kind.VOID), ("b", Kind.VOID), ("c", Kind.SETTLE))
    simple = _attempts("req_1", ("a", Kind.VOID), ("b", Kind.SETTLE))
    async with opening(tmp_path) as opened:
        await opened.ledger.append(*chain)
        await opened.ledger.append(*simple)
        pairs = list(opened.books.covered(None, None))
    assert pairs == [(simple[1], simple[3]), (chain[1], chain[7]), (chain[3], chain[7]), (chain[5], chain[7])]


@pytest.mark.parametrize(
    "lives",
    [
        [("a", Kind.SETTLE)],
        [("a", Kind.VOID)],
        [("a", Kind.VOID), ("a", Kind.SETTLE)],
        [("a", Kind.VOID), ("b", Kind.VOID)],
        [("a", Kind.VOID), ("b", Kind.EXPIRE)],
        [("a", Kind.VOID), ("b", Kind.RESERVE)],
        [("a", Kind.RESERVE), ("b", Kind.SETTLE)],
        [("a", Kind.SETTLE), ("b", Kind.VOID)],
    ],
    ids=lambda lives: "-".join(f"{contract}_{kind.value}" for contract, kind in lives),
)
async def test_what_no_other_contract_delivered_is_not_covered(
    opening: Factory, tmp_path: Path, lives: list[tuple[str, Kind]]
) -> None:
    """Neither a retry under the same contract nor an attempt that came to nothing, nor what is still open."""
    async with opening(tmp_path) as opened:
        await opened.ledger.append(*_attempts("req_1", *lives))
        assert list(opened.books.covered(None, None)) == []


async def test_a_failure_under_the_contract_that_delivered_is_not_covered_by_it(opening: Factory, tmp_path: Path) -> None:
    """Only the other contract's failure on the way is."""
    entries = _attempts("req_1", ("b", Kind.VOID), ("a", Kind.VOID), ("b", Kind.SETTLE))
    async with opening(tmp_path) as opened:
        await opened.ledger.append(*entries)
        assert list(opened.books.covered(None, None)) == [(entries[3], entries[5])]


async def test_covered_failures_of_a_period_are_those_that_occurred_in_it(opening: Factory, tmp_path: Path) -> None:
    """Since is included, until is not; the delivery may come later."""
    first, second = (_attempts(f"req_{it}", ("a", Kind.VOID), ("b", Kind.SETTLE), at=NOON + timedelta(hours=it)) for it in (1, 2))
    failed_at = [found[1].occurred_at for found in (first, second)]
    async with opening(tmp_path) as opened:
        await opened.ledger.append(*first, *second)

        def ids(since: datetime | None, until: datetime | None) -> list[str]:
            return [failed.attribution.request_id for failed, _ in opened.books.covered(since, until)]

        assert ids(failed_at[1], None) == ["req_2"]
        assert ids(failed_at[0], failed_at[1]) == ["req_1"]
        assert ids(failed_at[0], failed_at[1] + timedelta(microseconds=1)) == ["req_1", "req_2"]
        assert ids(failed_at[1] + timedelta(microseconds=1), None) == []


async def test_deliveries_in_the_place_of_a_held_route_are_found_by_when_they_were_made(opening: Factory, tmp_path: Path) -> None:
    """Only settlements that say so, by time; since is included, until is not."""
    plain, *held = (_attempts(f"req_{it}", ("b", Kind.SETTLE), at=NOON + timedelta(hours=it)) for it in range(3))
    held = [(opens, replace(settles, reason="from=a; route=r; owner=provider; held=breaker")) for opens, settles in held]
    async with opening(tmp_path) as opened:
        await opened.ledger.append(*held[1], *plain, *held[0])
        at = held[1][1].occurred_at
        assert list(opened.books.stood_in(None, None)) == [held[0][1], held[1][1]]
        assert list(opened.books.stood_in(at, None)) == [held[1][1]]
        assert list(opened.books.stood_in(None, at)) == [held[0][1]]


def account(scope: Scope, subject: str, currency: str, since: datetime | None, unknown: Decimal | None = None) -> Account:
    share, policy = Decimal(1), OnUnavailable.FAIL_OPEN
    budget = Budget("b", scope, subject, Period.TOTAL, Decimal(1), currency, share, True, policy, unknown)
    return Account(budget, subject, since, None)


async def test_a_budget_s_spend_counts_all_that_is_or_may_be_to_pay(opening: Factory, tmp_path: Path) -> None:
    """Open and ambiguous attempts and unknown costs at their estimates, adjustments added; one subject, currency, period."""
    earlier = NOON - timedelta(days=40)
    async with opening(tmp_path) as opened:
        for request_id, entries in {
            "settled": [entry(Kind.SETTLE, "settled", "0.20")],
            "unknown": [entry(Kind.SETTLE, "unknown", None)],
            "open": [],
            "void": [entry(Kind.VOID, "void", "0")],
            "ambiguous": [entry(Kind.EXPIRE, "ambiguous", "0.50")],
            "resolved": [entry(Kind.EXPIRE, "resolved", "0.50"), entry(Kind.ADJUST, "resolved", "0.30")],
            "corrected": [entry(Kind.SETTLE, "corrected", "0.20"), entry(Kind.ADJUST, "corrected", "-0.05")],
        }.items():
            await opened.ledger.append(entry(Kind.RESERVE, request_id, "0.50"), *entries)
        await opened.ledger.append(entry(Kind.RESERVE, "euros", "7", currency="EUR"))
        await opened.ledger.append(entry(Kind.RESERVE, "other", "9", app="other"))
        await opened.ledger.append(entry(Kind.RESERVE, "earlier", "3", at=earlier))
        assert opened.books.spent(account(Scope.APP, "storefront", "USD", NOON)) == Decimal("2.15")
        assert opened.books.spent(account(Scope.APP, "storefront", "USD", None)) == Decimal("5.15")
        assert opened.books.spent(account(Scope.TEAM, "web", "USD", NOON)) == Decimal("11.15")
        assert opened.books.spent(account(Scope.CONTRACT, "openai-direct", "EUR", NOON)) == 7
        assert opened.books.spent(account(Scope.CONTRACT, "nobody", "USD", None)) == 0


async def test_a_budget_s_spend_is_the_sum_of_what_each_attempt_counts(opening: Factory, tmp_path: Path) -> None:
    """The books and the counters' corrections say the same of every attempt, also where its estimate was unknown."""
    unknown, attempts = Decimal("0.75"), list[tuple[Entry, ...]]()
    ends: list[list[Entry]] = [
        [],
        [entry(Kind.VOID, amount="0")],
        [entry(Kind.EXPIRE, amount=None)],
        [entry(Kind.EXPIRE, amount="0.4")],
    ]
    ends += [[entry(Kind.SETTLE, amount=None)], [entry(Kind.SETTLE, amount="0.21")]]
    for number, (held, end, adjusted) in enumerate(product((None, "0.50"), ends, (False, True))):
        entries = [entry(Kind.RESERVE, amount=held), *end]
        if adjusted and end:
            entries += [entry(Kind.ADJUST, amount="0.30"), entry(Kind.ADJUST, amount="-0.10", reference="again")]
        attempts.append(tuple(replace(it, attribution=replace(it.attribution, request_id=f"req_{number}")) for it in entries))
    async with opening(tmp_path) as opened:
        await opened.ledger.append(*chain.from_iterable(attempts))
        expected = sum((counted(it, unknown) for it in attempts), Decimal(0))
        assert opened.books.spent(account(Scope.APP, "storefront", "USD", None, unknown)) == expected
