"""What every shared state promises, whatever holds it: no unit too many, all or none, and waits that are true."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.ports import Charge, Grant, SharedState
from gateway.stores.memory.state import MemoryState
from gateway.stores.redis.state import RedisState
from tests.real_redis import some_redis

# Nothing comes back while a test runs.
LONG_S = 36_000.0
TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Opened:
    """Two users of one shared state (two replicas, where it can have them), its clock, and a way to let time pass."""

    one: SharedState
    two: SharedState
    now_s: Callable[[], float]
    passes: Callable[[float], Awaitable[None]]


Opening = Callable[[], AbstractAsyncContextManager[Opened]]


@asynccontextmanager
async def in_memory() -> AsyncIterator[Opened]:
    now_s = 1_000.0

    async def passes(seconds: float) -> None:
        nonlocal now_s
        now_s += seconds

    state = MemoryState(lambda: now_s)
    yield Opened(state, state, lambda: now_s, passes)


@asynccontextmanager
async def in_redis(url: str) -> AsyncIterator[Opened]:
    one, two = RedisState(url, TIMEOUT_S), RedisState(url, TIMEOUT_S)
    try:
        yield Opened(one, two, time.monotonic, asyncio.sleep)
    finally:
        await one.aclose()
        await two.aclose()


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    with some_redis() as url:
        yield url


@pytest.fixture(params=["memory", "redis"])
def opening(request: pytest.FixtureRequest) -> Opening:
    return in_memory if request.param == "memory" else partial(in_redis, request.getfixturevalue("redis_url"))


def new_subject() -> str:
    return f"app:{uuid4()}"


def requests(cost: int = 1, limit: int = 10, period_s: float = LONG_S) -> Charge:
    return Charge("requests", limit, period_s, cost)


def images(cost: int, limit: int = 4, period_s: float = LONG_S) -> Charge:
    return Charge("images", limit, period_s, cost)


async def test_all_units_may_come_at_once_and_not_one_more(opening: Opening) -> None:
    """The whole limit is granted unit by unit, and what is left is told each time."""
    async with opening() as opened:
        subject = new_subject()
        grants = [await opened.one.take(subject, [requests()]) for _ in range(11)]
        assert [grant.allowed for grant in grants] == [True] * 10 + [False]
        assert [grant.remaining for grant in grants] == [(left,) for left in (9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 0)]
        assert [grant.retry_after_s for grant in grants[:10]] == [0] * 10
        assert grants[-1].retry_after_s == pytest.approx(LONG_S / 10, rel=0.01)
        assert grants[-1].reset_s[0] == pytest.approx(LONG_S, rel=0.01)


async def test_a_cost_of_many_units_is_taken_at_once(opening: Opening) -> None:
    """One request may take as many units as are left, and one of more is refused whole."""
    async with opening() as opened:
        subject = new_subject()
        assert (await opened.one.take(subject, [requests(7)])).remaining == (3,)
        assert (await opened.one.take(subject, [requests(4)])).allowed is False
        assert (await opened.one.take(subject, [requests(3)])).remaining == (0,)


async def test_all_charges_are_taken_or_none(opening: Opening) -> None:
    """Where one limit has no room the others keep their units; answers come in the order of the charges."""
    async with opening() as opened:
        subject = new_subject()
        assert (await opened.one.take(subject, [requests(), images(3)])).remaining == (9, 1)
        refused = await opened.one.take(subject, [requests(), images(2)])
        assert (refused.allowed, refused.remaining) == (False, (9, 1))
        assert refused.retry_after_s == pytest.approx(LONG_S / 4, rel=0.01)
        assert (await opened.one.take(subject, [images(1), requests()])).remaining == (0, 8)


async def test_a_cost_of_zero_only_asks(opening: Opening) -> None:
    """It is allowed even where nothing is left, and takes nothing."""
    async with opening() as opened:
        subject = new_subject()
        assert await opened.one.take(subject, [requests(0)]) == Grant(True, 0.0, (10,), (0.0,))
        await opened.one.take(subject, [requests(10)])
        asked = await opened.one.take(subject, [requests(0)])
        assert (asked.allowed, asked.remaining) == (True, (0,))
        assert (await opened.one.take(subject, [requests(0, limit=0)])).remaining == (0,)


async def test_a_cost_above_the_limit_never_fits(opening: Opening) -> None:
    """The wait is infinite, whatever other limits say, and nothing is taken."""
    async with opening() as opened:
        subject = new_subject()
        grant = await opened.one.take(subject, [requests(), images(5)])
        assert grant == Grant(False, math.inf, (10, 4), (0.0, 0.0))
        assert (await opened.one.take(subject, [requests(1, limit=0)])).retry_after_s == math.inf


async def test_no_charge_is_granted(opening: Opening) -> None:
    """Nothing to take is always allowed."""
    async with opening() as opened:
        assert await opened.one.take(new_subject(), []) == Grant(True, 0.0, (), ())


async def test_subjects_and_names_count_apart(opening: Opening) -> None:
    """Also where they look alike or hold what a store gives a meaning to."""
    texts = ["a", "a:b", "a}:b", "{a}", "}", "ä b\n", "a*", "\ud800", ""]
    async with opening() as opened:
        salt = new_subject()
        for subject in texts:
            for name in texts:
                grant = await opened.one.take(salt + subject, [Charge(name, 5, LONG_S, 2)])
                assert grant.remaining == (3,)
            assert await opened.one.enter(salt + subject, "m", 1, 60)


async def test_limits_of_a_thousand_million_are_counted(opening: Opening) -> None:
    """A single unit of them counts, and so does all of it at once."""
    async with opening() as opened:
        subject, limit = new_subject(), 10**9
        assert (await opened.one.take(subject, [requests(1, limit)])).remaining == (limit - 1,)
        assert (await opened.one.take(subject, [requests(1, limit)])).remaining[0] >= limit - 2
        assert (await opened.one.take(subject, [images(limit, limit, 60.0)])).remaining == (0,)
        refused = await opened.one.take(subject, [images(limit, limit, 60.0)])
        assert not refused.allowed
        assert 0 < refused.retry_after_s <= 60


async def test_whoever_waits_as_told_is_served(opening: Opening) -> None:
    """Having waited ``retry_after_s`` the same charges are granted, and after ``reset_s`` the limit is unused."""
    async with opening() as opened:
        subject, charges = new_subject(), [requests(3, 3, 0.4), images(4, 4, 0.3)]
        assert (await opened.one.take(subject, charges)).allowed
        refused = await opened.one.take(subject, charges)
        assert (refused.allowed, refused.retry_after_s) == (False, refused.reset_s[0])
        await opened.passes(refused.retry_after_s)
        granted = await opened.one.take(subject, charges)
        assert (granted.allowed, granted.remaining) == (True, (0, 0))
        await opened.passes(max(granted.reset_s))
        asked = await opened.one.take(subject, [requests(0, 3, 0.4), images(0, 4, 0.3)])
        assert (asked.remaining, asked.reset_s) == ((3, 4), (0.0, 0.0))


async def test_users_of_one_state_count_together(opening: Opening) -> None:
    """Of many takes at once, over both, exactly the limit is granted."""
    async with opening() as opened:
        subject = new_subject()
        takes = [state.take(subject, [requests(1, 25)]) for state in (opened.one, opened.two) for _ in range(40)]
        assert sum(grant.allowed for grant in await asyncio.gather(*takes)) == 25


async def test_places_are_taken_and_given_back(opening: Opening) -> None:
    """There are never more members than places; whoever leaves makes room, also for members of the other user."""
    async with opening() as opened:
        subject = new_subject()
        assert await opened.one.enter(subject, "a", 2, 60)
        assert await opened.two.enter(subject, "b", 2, 60)
        assert not await opened.one.enter(subject, "c", 2, 60)
        assert await opened.one.enter(new_subject(), "c", 2, 60)
        await opened.two.leave(subject, "a")
        await opened.two.leave(subject, "a")
        await opened.two.leave(new_subject(), "never there")
        assert await opened.one.enter(subject, "c", 2, 60)
        assert not await opened.one.enter(subject, "a", 2, 60)


async def test_a_member_that_enters_twice_keeps_one_place(opening: Opening) -> None:
    """And its lease begins anew, also where the places have become fewer."""
    async with opening() as opened:
        subject = new_subject()
        assert await opened.one.enter(subject, "a", 2, 0.05)
        assert await opened.one.enter(subject, "a", 2, 60)
        assert await opened.one.enter(subject, "b", 2, 60)
        await opened.passes(0.06)
        assert await opened.one.enter(subject, "a", 1, 60)
        assert not await opened.one.enter(subject, "c", 2, 60)
        await opened.one.leave(subject, "b")
        assert not await opened.one.enter(subject, "c", 1, 60)


async def test_leases_end(opening: Opening) -> None:
    """The place of a member that never leaves is free after its lease, and only its place."""
    async with opening() as opened:
        subject = new_subject()
        assert await opened.one.enter(subject, "stays", 2, 60)
        assert await opened.one.enter(subject, "vanishes", 2, 0.3)
        assert not await opened.one.enter(subject, "next", 2, 60)
        await opened.passes(0.31)
        assert await opened.one.enter(subject, "next", 2, 60)
        assert not await opened.one.enter(subject, "vanishes", 2, 60)


async def test_many_enter_at_once(opening: Opening) -> None:
    """Of many members exactly as many come in as there are places."""
    async with opening() as opened:
        subject = new_subject()
        states = (opened.one, opened.two)
        entering = [states[number % 2].enter(subject, f"m{number}", 7, 60) for number in range(40)]
        assert sum(await asyncio.gather(*entering)) == 7


WISHES = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 12)), max_size=12)


@dataclass(frozen=True)
class Taking:
    """A grant, and between which moments it was made."""

    sent_s: float
    heard_s: float
    charges: tuple[Charge, Charge]
    grant: Grant


@given(limits=st.tuples(st.integers(1, 5), st.integers(1, 5)), wishes=WISHES)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_never_more_than_a_limit_and_what_time_brought_back(
    opening: Opening, limits: tuple[int, int], wishes: list[tuple[int, int, int]]
) -> None:
    """From any moment on, at most ``limit + limit * elapsed / period`` units are granted; who waits as told is served."""
    period_s = 0.06

    async def taken(opened: Opened) -> list[Taking]:
        subject, takings = new_subject(), []
        for number, (cost, other_cost, pause_ms) in enumerate(wishes):
            await opened.passes(pause_ms / 1_000)
            charges = requests(cost, limits[0], period_s), images(other_cost, limits[1], period_s)
            sent_s = opened.now_s()
            grant = await (opened.one, opened.two)[number % 2].take(subject, charges)
            takings.append(Taking(sent_s, opened.now_s(), charges, grant))
        if takings and not math.isinf(takings[-1].grant.retry_after_s):
            await opened.passes(takings[-1].grant.retry_after_s)
            assert takings[-1].grant.allowed or (await opened.two.take(subject, takings[-1].charges)).allowed
        return takings

    async def whole() -> list[Taking]:
        async with opening() as opened:
            return await taken(opened)

    _assert_bounded([taking for taking in asyncio.run(whole()) if taking.grant.allowed], period_s)


def _assert_bounded(granted: list[Taking], period_s: float) -> None:
    for first, earliest in enumerate(granted):
        for last in range(first, len(granted)):
            elapsed_s = granted[last].heard_s - earliest.sent_s
            for which in (0, 1):
                limit = earliest.charges[which].limit
                total = sum(taking.charges[which].cost for taking in granted[first : last + 1])
                assert total <= limit + limit * elapsed_s / period_s + 1e-3


MOVES = st.lists(st.tuples(st.sampled_from(["enter", "leave"]), st.sampled_from("abcde"), st.integers(0, 1)), max_size=25)


@given(members_max=st.integers(1, 3), moves=MOVES)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_there_are_never_more_members_than_places(opening: Opening, members_max: int, moves: list[tuple[str, str, int]]) -> None:
    """In any order of entering and leaving, whoever finds room is in, and nobody else."""

    async def moved() -> None:
        async with opening() as opened:
            subjects = new_subject(), new_subject()
            inside: tuple[set[str], set[str]] = set(), set()
            for number, (move, member, which) in enumerate(moves):
                state = (opened.one, opened.two)[number % 2]
                if move == "leave":
                    await state.leave(subjects[which], member)
                    inside[which].discard(member)
                    continue
                room = member in inside[which] or len(inside[which]) < members_max
                assert await state.enter(subjects[which], member, members_max, 60) == room
                if room:
                    inside[which].add(member)

    asyncio.run(moved())
