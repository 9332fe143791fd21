"""Sums of days in PostgreSQL beside gateways that book: never of half a booking, never by two at once, never as the owner."""

import asyncio
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from gateway.core.finance.spend import SpendQuery
from gateway.core.ledger.entry import Kind
from gateway.ports import LedgerUnavailable
from gateway.stores.ledger.postgres.books import PostgresBooks
from gateway.stores.ledger.postgres.ledger import PostgresLedger
from gateway.stores.ledger.postgres.rollups import PostgresRollups
from tests.contract.ledger_samples import Clock, entry
from tests.real_postgres import RealPostgres

_BOOKING = """
INSERT INTO entry SELECT made.* FROM entry AS one, jsonb_populate_record(one, jsonb_build_object(
    'seq', nextval('entry_seq'), 'event_id', 'req_1.1.adjust.late', 'kind', 'adjust', 'reference', 'late', 'outcome', NULL,
    'amount_nanos', 250000000
)) AS made WHERE one.kind = 'settle'
"""
_WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


def later() -> datetime:
    return datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
async def url(postgres: RealPostgres) -> str:
    """One attempt of 21 cents is booked."""
    url = postgres.database()
    with closing(PostgresLedger(url, Clock())) as ledger:
        ledger.open()
        await ledger.append(entry(Kind.RESERVE), entry(Kind.SETTLE))
    return url


def costs(url: str) -> list[Decimal]:
    return [row.sums.cost for kept in (True, False) for row in PostgresBooks(url).spend(SpendQuery(()), kept_sums=kept)]


async def count(connection: psycopg.AsyncConnection[Any], sql: str) -> int:
    row = await (await connection.execute(sql)).fetchone()
    return 0 if row is None else int(row[0])


async def test_a_booking_that_is_under_way_is_waited_for(url: str) -> None:
    """It has looked whether its day is watched before it was: its sums must have it."""
    async with (
        await psycopg.AsyncConnection.connect(url) as booking,
        await psycopg.AsyncConnection.connect(url, autocommit=True) as watching,
    ):
        await booking.execute(_BOOKING)
        summing = asyncio.create_task(asyncio.to_thread(PostgresRollups(url, later).roll_up_a_day))
        async with asyncio.timeout(10):
            while not await count(watching, _WAITING):
                await asyncio.sleep(0.01)
        await booking.commit()
        assert await summing
    assert costs(url) == [Decimal("0.46")] * 2


async def test_a_booking_that_does_not_end_costs_the_sums_only(url: str) -> None:
    """Other bookings wait behind the mark for a second at most, and reports read entries meanwhile."""
    async with await psycopg.AsyncConnection.connect(url) as booking:
        await booking.execute(_BOOKING)
        with pytest.raises(LedgerUnavailable, match="lock"):
            await asyncio.to_thread(PostgresRollups(url, later).roll_up_a_day)
        await booking.commit()
    assert costs(url) == [Decimal("0.46")] * 2


async def test_a_booking_between_the_mark_and_the_sums_makes_the_day_stale(url: str) -> None:
    """Whatever the sums have of it, they are not used; the next round sums the day again."""
    with psycopg.connect(url, autocommit=True) as raw:
        [(watch,)] = raw.execute("SELECT watch_day(begun_at / 86400000000) FROM entry WHERE kind = 'reserve'").fetchall()
        raw.execute(_BOOKING)
        raw.execute("SELECT keep_day(%s)", (watch,))
    assert costs(url) == [Decimal("0.46")] * 2
    rollups = PostgresRollups(url, later)
    assert [rollups.roll_up_a_day(), rollups.roll_up_a_day()] == [True, False]
    assert costs(url) == [Decimal("0.46")] * 2


async def test_one_gateway_at_a_time_sums(url: str) -> None:
    """The others leave it to that one."""
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(hashtext('image-gateway rollups'))")
        assert not PostgresRollups(url, later).roll_up_a_day()
    assert PostgresRollups(url, later).roll_up_a_day()
