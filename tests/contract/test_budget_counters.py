"""What every set of budget counters promises: not a nano-unit too much, all or none, whoever asks at once."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from uuid import uuid4

import pytest

from gateway.ports import BudgetCounters, Stake
from gateway.stores.ledger.postgres.budgets import PostgresBudgets
from gateway.stores.memory.budgets import MemoryBudgets
from gateway.stores.redis.budgets import RedisBudgets
from gateway.stores.redis.state import RedisState
from tests.real_redis import some_redis

Pair = tuple[BudgetCounters, BudgetCounters]
# More than a double tells apart from its neighbours: sums must be whole numbers.
LARGE = 2**53 + 1


@asynccontextmanager
async def in_memory() -> AsyncIterator[Pair]:
    counters = MemoryBudgets(lambda: 0.0)
    yield counters, counters


@asynccontextmanager
async def in_redis(url: str) -> AsyncIterator[Pair]:
    states = RedisState(url, 5.0), RedisState(url, 5.0)
    try:
        yield RedisBudgets(states[0]), RedisBudgets(states[1])
    finally:
        for state in states:
            await state.aclose()


@asynccontextmanager
async def in_postgres(url: str) -> AsyncIterator[Pair]:
    pair = PostgresBudgets(url), PostgresBudgets(url)
    try:
        yield pair
    finally:
        for counters in pair:
            await counters.aclose()


@pytest.fixture(params=["memory", "redis", "postgres"])
def opened(request: pytest.FixtureRequest) -> Iterator[Callable[[], AbstractAsyncContextManager[Pair]]]:
    if request.param == "memory":
        yield in_memory
        return
    if request.param == "postgres":
        url = request.getfixturevalue("postgres").database()
        yield lambda: in_postgres(url)
        return
    with some_redis() as url:
        yield lambda: in_redis(url)


def key() -> str:
    return f"month/app:{{ü}} {uuid4()}"


async def test_a_thousand_at_once_do_not_take_one_nano_too_much(
    opened: Callable[[], AbstractAsyncContextManager[Pair]],
) -> None:
    """As many get through as fit, over both users of the counters, and what they took is the sum."""
    async with opened() as pair:
        stake = Stake(key(), limit_nanos=10_000_000_000 - 1)
        await pair[0].seed(stake.key, 0, None)
        taken = await asyncio.gather(*(pair[number % 2].hold([stake], 250_000_000) for number in range(1_000)))
        assert sum(it.refused is None for it in taken) == 39
        assert await pair[0].add(stake.key, 0) == 39 * 250_000_000


async def test_all_or_none(opened: Callable[[], AbstractAsyncContextManager[Pair]]) -> None:
    """Where one has no room or is missing, nothing is taken of the others; one that only warns has always room."""
    async with opened() as (counters, _):
        wide, narrow, soft, missing = Stake(key(), 100), Stake(key(), 10), Stake(key(), None), Stake(key(), 100)
        for stake in (wide, narrow, soft):
            await counters.seed(stake.key, 5, 60.0)
        refused = await counters.hold([wide, soft, narrow], 6)
        assert (refused.refused, refused.used_nanos) == (2, (5, 5, 5))
        unknown = await counters.hold([wide, missing], 1)
        assert (unknown.refused, unknown.used_nanos) == (None, (5, None))
        taken = await counters.hold([wide, soft, narrow], 5)
        assert (taken.refused, taken.used_nanos) == (None, (10, 10, 10))


async def test_a_seed_counts_once_and_sums_are_exact(opened: Callable[[], AbstractAsyncContextManager[Pair]]) -> None:
    """The first one stays; what is missing is not begun by a change; large amounts lose nothing."""
    async with opened() as (one, two):
        name = key()
        assert await one.add(name, 5) is None
        await one.seed(name, LARGE, 60.0)
        await two.seed(name, 7, 60.0)
        assert await two.add(name, 1) == LARGE + 1
        assert await one.add(name, -2) == LARGE - 1


async def test_a_counter_of_the_past_is_dropped() -> None:
    """In memory, when the next one begins; one for ever stays."""
    now_s = 0.0
    counters = MemoryBudgets(lambda: now_s)
    await counters.seed("day", 1, 10.0)
    await counters.seed("ever", 2, None)
    now_s = 11.0
    await counters.seed("next", 3, 10.0)
    assert [await counters.add(name, 0) for name in ("day", "ever", "next")] == [None, 2, 3]
