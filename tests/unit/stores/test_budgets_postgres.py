"""Budgets' counters in PostgreSQL: what is peculiar to that place. What all counters promise is in the contract suite."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import pytest

from gateway.ports import Stake, StateUnavailable
from gateway.stores.ledger.postgres.budgets import PostgresBudgets
from tests.real_postgres import RealPostgres, real_postgres
from tests.unit.stores.test_ledger_postgres import sql

_WAITING = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND state = 'active'"
)


@asynccontextmanager
async def counting(url: str) -> AsyncIterator[PostgresBudgets]:
    counters = PostgresBudgets(url)
    try:
        yield counters
    finally:
        await counters.aclose()


async def until_one_waits(url: str) -> None:
    """Until a session of that database waits for another."""
    async with asyncio.timeout(10):
        while sql(url, _WAITING) == [(0,)]:
            await asyncio.sleep(0.01)


async def test_a_counter_that_begins_while_another_is_waited_for_is_not_overdrawn(postgres: RealPostgres) -> None:
    """It counts as missing then, because somebody else may be taking the last of it."""
    url = postgres.database()
    async with (
        counting(url) as counters,
        await psycopg.AsyncConnection.connect(url) as before,
        await psycopg.AsyncConnection.connect(url) as meanwhile,
    ):
        month, day = Stake("month", 100), Stake("day", 10)
        await counters.seed("month", 0, None)
        await before.execute("SELECT budget_hold('{month}', '{100}', 1)")
        waiting = asyncio.create_task(counters.hold([month, day], 10))
        await until_one_waits(url)
        await counters.seed("day", 0, 60.0)
        await meanwhile.execute("SELECT budget_hold('{day}', '{10}', 10)")
        await before.commit()
        async with asyncio.timeout(10):
            assert (await waiting).used_nanos == (1, None)
        await meanwhile.commit()
        assert await counters.add("day", 0) == 10
        assert (await counters.hold([month, day], 1)).refused == 1


async def test_two_that_name_the_same_counters_the_other_way_round_do_not_stop_each_other(postgres: RealPostgres) -> None:
    """Also while counters begin and end; nothing of it is lost."""
    async with counting(postgres.database()) as one:
        stakes = [Stake(name, None) for name in "abc"]
        for stake in stakes:
            await one.seed(stake.key, 0, None)
        orders = (stakes, stakes[::-1])
        holds = (one.hold(orders[number % 2], 1) for number in range(100))
        ends = (one.seed(f"end {number}", 0, 0.0) for number in range(30))
        await asyncio.gather(*holds, *ends)
        assert [await one.add(stake.key, 0) for stake in stakes] == [100] * 3


async def test_what_is_over_is_missing_and_goes_with_the_next(postgres: RealPostgres) -> None:
    """One for ever stays."""
    url = postgres.database()
    async with counting(url) as counters:
        await counters.seed("ever", 2, None)
        await counters.seed("day", 1, 0.0)
        assert await counters.add("day", 1) is None
        assert (await counters.hold([Stake("ever", 9), Stake("day", 9)], 1)).used_nanos == (2, None)
        await counters.seed("day", 5, 60.0)
        await counters.seed("over", 1, 0.0)
        await counters.seed("next", 3, 60.0)
        assert sql(url, "SELECT key, used_nanos FROM budget_counter ORDER BY key") == [("day", 5), ("ever", 2), ("next", 3)]


async def test_while_the_database_is_away_it_says_so_without_the_password_and_then_counts_on() -> None:
    """The first to ask gets through once it is back."""
    with real_postgres() as (server, process):
        made = server.database()
        async with counting(made + "&password=fake-secret") as counters:
            await counters.seed("day", 7, None)
            process.stop()
            with pytest.raises(StateUnavailable) as unavailable:
                await counters.add("day", 1)
            assert "fake-secret" not in str(unavailable.value)
            process.start()
            # A server that crashes may lose what no entry was written after: then it is missing, and begun anew.
            await counters.seed("day", 7, None)
            assert await counters.add("day", 1) == 8
