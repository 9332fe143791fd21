"""What every store of claims promises, and that nothing is paid twice on any of them, whatever happens in whatever order."""

import asyncio
import errno
import os
import shutil
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from gateway.core.idempotency.claims import (
    RETRY_AWAITED_S,
    Asked,
    Claim,
    Claimed,
    Decision,
    End,
    Join,
    Known,
    Look,
    Run,
    Standing,
    decide,
    ended,
    unfollowed,
)
from gateway.core.outcome import Refusal
from gateway.ports import ClaimsStore
from gateway.stores.memory.claims import MemoryClaims, remembered_claims
from gateway.stores.redis.claims import RedisClaims
from gateway.stores.redis.state import RedisState
from tests.real_redis import real_redis, some_redis
from tests.unit.relay.test_spool import file_size_limited

LIFETIME_S = 600
KEPT_S = 7200
CLAIM = Claim("gw_1", "body", "replica", 1_000)


@asynccontextmanager
async def in_memory() -> AsyncIterator[ClaimsStore]:
    yield MemoryClaims(lambda: 0.0, 1_000)


@asynccontextmanager
async def in_redis(url: str) -> AsyncIterator[ClaimsStore]:
    state = RedisState(url, 5.0)
    try:
        async with RedisClaims(state).living() as claims:
            yield claims
    finally:
        await state.aclose()


@pytest.fixture(params=["memory", "redis"])
def opened(request: pytest.FixtureRequest) -> Iterator[Callable[[], AbstractAsyncContextManager[ClaimsStore]]]:
    if request.param == "memory":
        yield in_memory
        return
    with some_redis() as url:
        yield lambda: in_redis(url)


async def test_of_many_who_swap_at_once_one_succeeds(opened: Callable[[], AbstractAsyncContextManager[ClaimsStore]]) -> None:
    """The others are told what stands there, and what is put in place of nothing is there to be read."""
    async with opened() as store:
        name = f"app:shop/key:{store.replica}"
        claims = [(replace(CLAIM, request_id=f"gw_{number}"),) for number in range(20)]
        told = await asyncio.gather(*(store.swap(name, (), it, KEPT_S) for it in claims))
        [winner] = [it for it, found in zip(claims, told, strict=True) if found is None]
        assert all(found in (None, winner) for found in told)
        assert await store.read(name) == winner
        assert await store.swap(name, winner, (), KEPT_S) is None
        assert await store.read(name) == ()


async def test_a_claim_is_read_as_it_was_written(opened: Callable[[], AbstractAsyncContextManager[ClaimsStore]]) -> None:
    """All of it, whatever letters a name or an id has."""
    async with opened() as store:
        claim = Claim("gw_ü{}", "f" * 64, store.replica, 7, Standing.AMBIGUOUS, kept=True, left=True, followers=("a", "b"))
        assert await store.swap("app:{ü}/key:x", (), (claim, CLAIM), KEPT_S) is None
        assert await store.read("app:{ü}/key:x") == (claim, CLAIM)
        assert await store.alive(store.replica)
        assert not await store.alive("somebody else")
        await store.swap("app:{ü}/key:x", (claim, CLAIM), (), KEPT_S)


async def test_two_replicas_see_each_other_s_claims_and_deaths() -> None:
    """In Redis; a replica that has ended is not alive once its sign of life has lapsed."""
    with real_redis() as redis:
        async with in_redis(redis.url) as one:
            state = RedisState(redis.url, 5.0)
            two = RedisClaims(state, alive_s=0.2)
            async with two.living():
                assert await two.swap("name", (), (CLAIM,), KEPT_S) is None
                assert await one.read("name") == (CLAIM,)
                assert await one.alive(two.replica)
            async with asyncio.timeout(10):
                while await one.alive(two.replica):
                    await asyncio.sleep(0.02)
            await state.aclose()


async def test_the_journal_outlives_its_process(tmp_path: Path) -> None:
    """What was claimed and changed is known to the next one, what was dropped is not; two at once cannot have it."""
    now_s, told = 1_000.0, []
    path = tmp_path / "claims.jsonl"
    with remembered_claims(path, 100, lambda: now_s, told.append) as first:
        with remembered_claims(path, 100, lambda: now_s, told.append) as second:
            assert await second.read("name") == ()
        assert told == ["another gateway writes to it"]
        await first.swap("name", (), (CLAIM,), 100)
        ended_now = (replace(CLAIM, standing=Standing.FINISHED),)
        await first.swap("name", (CLAIM,), ended_now, 100)
        await first.swap("dropped", (), (CLAIM,), 100)
        await first.swap("dropped", (CLAIM,), (), 100)
        await first.swap("short", (), (CLAIM,), 10)
    with path.with_suffix(".tail.jsonl").open("ab") as tail:
        tail.write(b'["cut off by the end of its pro')
    now_s += 50
    with remembered_claims(path, 100, lambda: now_s, told.append) as next_one:
        assert [await next_one.read(name) for name in ("name", "dropped", "short")] == [ended_now, (), ()]
        assert not await next_one.alive(CLAIM.replica)
    assert len(told) == 1


async def test_the_journal_is_folded_while_it_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is small again, as soon as the disk has had its time, however often a name changes; and nothing of it is lost."""
    monkeypatch.setattr("gateway.stores.memory.claim_journal.FOLDED_AT_BYTES", 20_000)
    path = tmp_path / "claims.jsonl"
    with remembered_claims(path, 100, lambda: 0.0, pytest.fail) as store:
        held: Claimed = ()
        number = 0
        async with asyncio.timeout(20):
            while number < 2_000 or bytes_in(tmp_path) > 50_000:
                new = (replace(CLAIM, at_s=number),)
                assert await store.swap("name", held, new, 100) is None
                held, number = new, number + 1
                await asyncio.sleep(0)
    with remembered_claims(path, 100, lambda: 0.0, pytest.fail) as store:
        assert await store.read("name") == held


@pytest.mark.parametrize("removed", ["claims.jsonl", "claims.tail.jsonl", "claims.lock", ""])
async def test_a_journal_that_is_removed_is_begun_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, removed: str) -> None:
    """With all that is claimed, also from before; and no other gateway gets hold of it."""
    monkeypatch.setattr("gateway.stores.memory.claim_journal.LOOKED_EVERY_S", 0.0)
    path, told = tmp_path / "claims" / "claims.jsonl", []
    with remembered_claims(path, 100, lambda: 0.0, pytest.fail) as store:
        await store.swap("before", (), (CLAIM,), 100)
        target = path.parent / removed
        shutil.rmtree(target) if target.is_dir() else target.unlink()
        await store.swap("while", (), (CLAIM,), 100)
        await store.swap("after", (), (CLAIM,), 100)
        with remembered_claims(path, 100, lambda: 0.0, told.append):
            assert told == ["another gateway writes to it"]
    with remembered_claims(path, 100, lambda: 0.0, pytest.fail) as store:
        assert [await store.read(name) for name in ("before", "while", "after")] == [(CLAIM,)] * 3


async def test_a_journal_whose_disk_was_full_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was claimed meanwhile is in it once there is room, and the trouble is told once."""
    monkeypatch.setattr("gateway.stores.memory.claim_journal.LOOKED_EVERY_S", 0.0)
    path, told = tmp_path / "claims.jsonl", []
    with remembered_claims(path, 100, lambda: 0.0, told.append) as store:
        with file_size_limited(0):
            for number in range(5):
                await store.swap(f"name {number}", (), (CLAIM,), 100)
        assert len(told) == 1
        await store.swap("after", (), (CLAIM,), 100)
        async with asyncio.timeout(10):
            while b"after" not in path.read_bytes():
                await store.swap("after", (CLAIM,), (CLAIM,), 100)
                await asyncio.sleep(0.005)
    with remembered_claims(path, 100, lambda: 0.0, told.append) as store:
        assert [await store.read(name) for name in ("name 0", "name 4", "after")] == [(CLAIM,)] * 3


async def test_a_journal_that_cannot_be_begun_anew_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the files say stays until all of it is written anew."""
    monkeypatch.setattr("gateway.stores.memory.claim_journal.LOOKED_EVERY_S", 0.0)
    path, told = tmp_path / "claims.jsonl", []

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with remembered_claims(path, 100, lambda: 0.0, told.append) as store:
        await store.swap("before", (), (CLAIM,), 100)
        path.with_suffix(".lock").unlink()
        with monkeypatch.context() as patched:
            patched.setattr("gateway.stores.memory.claim_journal._rewrite", full)
            await store.swap("after", (), (CLAIM,), 100)
            async with asyncio.timeout(10):
                while not told:
                    await asyncio.sleep(0.005)
    with remembered_claims(path, 100, lambda: 0.0, told.append) as store:
        assert [await store.read(name) for name in ("before", "after")] == [(CLAIM,)] * 2


def bytes_in(folder: Path) -> int:
    """Files come and go meanwhile."""
    found = 0
    for file in folder.iterdir():
        with suppress(FileNotFoundError):
            found += file.stat().st_size
    return found


async def test_a_journal_that_cannot_be_had_is_told_and_done_without(tmp_path: Path) -> None:
    """Requests go on; only a restart forgets."""
    blocked, told = tmp_path / "file", []
    blocked.write_text("not a folder")
    with remembered_claims(blocked / "claims.jsonl", 100, lambda: 0.0, told.append) as store:
        await store.swap("name", (), (CLAIM,), 100)
        assert await store.read("name") == (CLAIM,)
    assert len(told) == 1


async def test_memory_is_bounded_and_running_requests_stay() -> None:
    """Beyond the bound the oldest names go, as long as nothing runs under them."""
    store = MemoryClaims(lambda: 0.0, names_max=10)
    done = (replace(CLAIM, standing=Standing.FINISHED),)
    await store.swap("running", (), (CLAIM,), 100)
    for number in range(50):
        await store.swap(f"done {number}", (), done, 100)
    assert await store.read("running") == (CLAIM,)
    assert [await store.read(f"done {number}") for number in (0, 49)] == [(), done]


@dataclass
class Sent:
    """A request that was sent to a provider, as whoever pays it remembers it."""

    request_id: str
    name: str
    look: Look
    body: str
    replica: str
    standing: Standing = Standing.RUNNING
    kept: bool = False
    awaited: bool = False
    at_s: int = field(default=0, kw_only=True)


class PaidOnce(RuleBasedStateMachine):
    """Requests of one app over two replicas that die, with keys and without, in any order; the machine keeps its own books."""

    shelves: ClassVar[Callable[[], AbstractAsyncContextManager[ClaimsStore]]] = in_memory
    running = Bundle("running")

    @initialize()
    def begin(self) -> None:
        """An empty store, two replicas, a clock."""
        self.runner = asyncio.Runner()
        self.context = type(self).shelves()
        self.store = self.runner.run(self.context.__aenter__())
        self.salt = self.store.replica + str(id(self))
        self.now_s, self.numbers = 1_000_000, count(1)
        self.replicas, self.dead = ["one", "two"], set[str]()
        self.sent: dict[str, Sent] = {}

    def teardown(self) -> None:
        """The store goes, whatever happened."""
        if hasattr(self, "runner"):
            self.wait(self.context.__aexit__(None, None, None))
            self.runner.close()

    def wait(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(coroutine)

    @rule(
        target=running,
        key=st.sampled_from(["k1", "k2", None]),
        body=st.sampled_from(["a", "b"]),
        replica=st.integers(0, 1),
        look=st.sampled_from([Look.RETRY, Look.IDENTICAL, Look.NOWHERE]),
    )
    def send(self, key: str | None, body: str, replica: int, look: Look) -> Any:
        """A request comes; what becomes of it is right by the machine's own books."""
        name = f"{self.salt}/key:{key}" if key else f"{self.salt}/body:{body}"
        asked = Asked(f"gw_{next(self.numbers)}", body, Look.KEY if key else look, self.replicas[replica])
        counted = [it for it in self.sent.values() if it.name == name and self.counts(it)]
        owed = [it for it in counted if it.standing is not Standing.RELEASED]
        try:
            decision = self.decided(name, asked)
        except Refusal as refusal:
            original = self.sent[refusal.original_id]
            assert original in owed
            if refusal.status == 422:
                assert original.body != body
            else:
                assert self.standing(original) is Standing.AMBIGUOUS or (
                    original.standing is Standing.FINISHED and not original.kept
                )
            return multiple()
        if isinstance(decision, Run):
            assert asked.look is Look.NOWHERE or not owed or (asked.look is Look.RETRY and len(owed) < len(counted))
            self.sent[asked.request_id] = Sent(asked.request_id, name, asked.look, body, asked.replica, at_s=self.now_s)
            return asked.request_id
        original = self.sent[decision.request_id]
        assert original in owed
        assert original.body == body
        assert self.standing(original) is (Standing.RUNNING if isinstance(decision, Join) else Standing.FINISHED)
        assert original.kept or isinstance(decision, Join)
        return multiple()

    @rule(
        request_id=consumes(running),
        standing=st.sampled_from([Standing.FINISHED, Standing.AMBIGUOUS, Standing.RELEASED]),
        kept=st.booleans(),
        left=st.booleans(),
        told=st.booleans(),
    )
    def end(self, request_id: str, standing: Standing, kept: bool, left: bool, told: bool) -> None:
        """A request that runs ends, unless its replica has died."""
        found = self.sent[request_id]
        if found.replica in self.dead:
            return
        end = End(standing, self.now_s, kept, left, awaited=left or told)
        self.change(found.name, lambda claims: ended(claims, request_id, found.look, end))
        found.standing, found.kept, found.awaited, found.at_s = standing, kept, end.awaited, self.now_s

    @rule(request=st.data())
    def follower_leaves(self, request: st.DataObject) -> None:
        """One that waits for another goes: its retry may follow in its place."""
        waiting = [(it, claim) for it in self.sent.values() for claim in self.read(it.name) if claim.followers]
        if waiting:
            sent, claim = request.draw(st.sampled_from(waiting))
            follower = request.draw(st.sampled_from(claim.followers))
            self.change(sent.name, lambda claims: unfollowed(claims, claim.request_id, follower))
            assert all(follower not in it.followers for it in self.read(sent.name) if it.request_id == claim.request_id)

    @rule(replica=st.integers(0, 1))
    def die(self, replica: int) -> None:
        """A replica dies: what it ran may have been paid. Another one comes in its place."""
        self.dead.add(self.replicas[replica])
        self.replicas[replica] = f"replica {next(self.numbers)}"

    @rule(seconds=st.sampled_from([1, RETRY_AWAITED_S, LIFETIME_S]))
    def wait_a_while(self, seconds: int) -> None:
        """Time passes."""
        self.now_s += seconds

    @invariant()
    def one_at_a_time_under_a_key(self) -> None:
        """However often and wherever it is sent."""
        live = [it.name for it in self.sent.values() if it.look is Look.KEY and self.standing(it) is Standing.RUNNING]
        assert len(live) == len(set(live))

    def decided(self, name: str, asked: Asked) -> Decision:
        found: Claimed = ()
        while True:
            lost = frozenset(it.request_id for it in found if it.replica in self.dead)
            decision = decide(found, asked, Known(self.now_s, LIFETIME_S, lost))
            other = self.wait(self.store.swap(name, found, decision.claims, KEPT_S))
            if other is None:
                return decision
            found = other

    def change(self, name: str, change: Callable[[Claimed], Claimed]) -> None:
        found = self.read(name)
        assert self.wait(self.store.swap(name, found, change(found), KEPT_S)) is None

    def read(self, name: str) -> Claimed:
        found: Claimed = self.wait(self.store.read(name))
        return found

    def standing(self, sent: Sent) -> Standing:
        dead = sent.standing is Standing.RUNNING and sent.replica in self.dead
        return Standing.AMBIGUOUS if dead else sent.standing

    def counts(self, sent: Sent) -> bool:
        """Whether it is still to be reckoned with; one that has died, as long as if it had ended at its begin."""
        if self.standing(sent) is Standing.RUNNING:
            return True
        if sent.standing is Standing.RELEASED:
            return sent.look is not Look.KEY and sent.awaited and self.now_s - sent.at_s <= RETRY_AWAITED_S
        return self.now_s - sent.at_s <= LIFETIME_S


def checked(machine: type[PaidOnce], examples: int) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        machine,
        settings=settings(
            max_examples=examples, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
        ),
    )


def test_nothing_is_paid_twice_in_one_process() -> None:
    """Claim, join, replay, settle and expire in any order, in memory."""
    checked(PaidOnce, 200)


def test_nothing_is_paid_twice_over_replicas() -> None:
    """The same over a real Redis."""
    with some_redis() as url:

        class InRedis(PaidOnce):
            shelves = staticmethod(lambda: in_redis(url))

        checked(InRedis, 40)
