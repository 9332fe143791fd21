"""What only the shared state in Redis promises: its keys, its one error within its timeout, recovery, and no leaks."""

import asyncio
import shutil
import ssl
import subprocess
import time
import traceback
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis import Redis
from structlog.testing import capture_logs

from gateway.core.routing.gcra import Bucket, Draw, decide
from gateway.ports import Charge, StateUnavailable
from gateway.stores.redis.circuit import PAUSE_S
from gateway.stores.redis.state import LEFT_UNHEARD_MAX, RedisState
from tests.contract.peer import Passage, Script, listening
from tests.real_redis import RealRedis, real_redis

# Of states that will not hear an answer, and of those that will, however busy the machine is.
TIMEOUT_S = 0.4
AMPLE_S = 3.0
# More than a call may take that hears none, and less than two of them.
PROMPTLY_S = 0.75
CHARGE = Charge("requests", 10, 3_600, 1)


@pytest.fixture(scope="module")
def redis() -> Iterator[RealRedis]:
    with real_redis() as running:
        yield running


@pytest.fixture
def operator(redis: RealRedis) -> Iterator[Any]:
    """Redis' own client, to look and to break things."""
    with Redis.from_url(redis.url, decode_responses=True) as client:
        yield client


@asynccontextmanager
async def state_at(url: str, timeout_s: float = AMPLE_S) -> AsyncIterator[RedisState]:
    state = RedisState(url, timeout_s)
    try:
        yield state
    finally:
        await state.aclose()


def new_subject() -> str:
    return f"app:{uuid4()}"


async def unavailable(state: RedisState) -> StateUnavailable:
    """The error of each kind of call, which comes in time; that of the first."""
    with pytest.raises(StateUnavailable) as raised:
        await prompt(state.take(new_subject(), [CHARGE]))
    with pytest.raises(StateUnavailable):
        await prompt(state.enter(new_subject(), "m", 1, 60))
    with pytest.raises(StateUnavailable):
        await prompt(state.leave(new_subject(), "m"))
    return raised.value


async def prompt(call: Any) -> Any:
    begun_s = time.monotonic()
    try:
        return await call
    finally:
        assert time.monotonic() - begun_s < PROMPTLY_S


async def recovered(state: RedisState) -> None:
    """By itself, soon after the pause."""
    async with asyncio.timeout(PAUSE_S + 2):
        while True:
            try:
                await state.take(new_subject(), [CHARGE])
            except StateUnavailable:
                await asyncio.sleep(0.02)
            else:
                return


async def test_keys_of_a_subject_share_a_hash_tag_and_end(redis: RealRedis, operator: Any) -> None:
    """One slot of a cluster, whatever the subject is called, and a TTL on each: a period, or the longest lease."""
    subject = f"contract:{uuid4()}:odd}}name{{*"
    tag = f"{{{subject.replace('}', '%7D').replace('{', '%7B').replace('*', '%2A')}}}"
    async with state_at(redis.url) as state:
        await state.take(subject, [Charge("requests", 10, 60, 1), Charge("}{", 10, 0.5, 1), Charge("asked", 10, 60, 0)])
        await state.enter(subject, "short", 3, 5)
        await state.enter(subject, "long", 3, 90)
        await state.enter(subject, "shorter", 3, 1)
    ttls_ms = {key: operator.pttl(key) for key in operator.scan_iter(match="igw:*") if subject[9:40] in key}
    taken, odd, members = f"igw:{tag}:taken:requests", f"igw:{tag}:taken:%7D%7B", f"igw:{tag}:members"
    assert ttls_ms.keys() <= {taken, odd, members}
    assert 58_000 < ttls_ms[taken] <= 60_001
    assert ttls_ms.get(odd, 1) <= 501
    assert 88_000 < ttls_ms[members] <= 90_001


async def test_a_forgotten_script_is_sent_again(redis: RealRedis, operator: Any) -> None:
    """Redis forgets scripts when it restarts, fails over or is told to."""
    subject = new_subject()
    async with state_at(redis.url) as state:
        assert (await state.take(subject, [CHARGE])).remaining == (9,)
        assert await state.enter(subject, "a", 1, 60)
        operator.script_flush()
        assert (await state.take(subject, [CHARGE])).remaining == (8,)
        operator.script_flush()
        assert not await state.enter(subject, "b", 1, 60)


async def test_a_server_that_died_is_told_at_once_and_found_again() -> None:
    """One error, in time; logged once as it goes and once as it comes back."""
    with real_redis() as mortal, capture_logs() as logs:
        async with state_at(mortal.url) as state:
            await state.take(new_subject(), [CHARGE])
            await asyncio.gather(*(state.take(new_subject(), [CHARGE]) for _ in range(50)))
            mortal.stop()
            await unavailable(state)
            mortal.start()
            await recovered(state)
            assert (await state.take(new_subject(), [CHARGE])).allowed
    assert [log["event"] for log in logs] == ["state_unavailable", "state_available"]


async def test_a_server_that_never_answers_costs_one_timeout_a_pause() -> None:
    """Then calls fail without asking it, and after the pause one of them tries while the others fail at once."""
    silent = Script(None)
    async with listening(silent) as port, state_at(f"redis://127.0.0.1:{port}/0", TIMEOUT_S) as state:
        await unavailable(state)
        begun_s = time.monotonic()
        for _ in range(100):
            with pytest.raises(StateUnavailable):
                await state.take(new_subject(), [CHARGE])
        assert time.monotonic() - begun_s < TIMEOUT_S
        assert silent.connections == 1
        await asyncio.sleep(PAUSE_S)
        again = [state.take(new_subject(), [CHARGE]) for _ in range(20)]
        errors = await prompt(asyncio.gather(*again, return_exceptions=True))
        assert {type(error) for error in errors} == {StateUnavailable}
        assert silent.connections == 2


async def test_connections_that_fell_silent_cost_one_timeout_together(redis: RealRedis) -> None:
    """Not one each: once one of them has failed, none of the others is used again."""
    passage = Passage(redis.port)
    async with listening(passage) as port, state_at(f"redis://127.0.0.1:{port}/0", TIMEOUT_S) as state:
        await asyncio.gather(*(state.take(new_subject(), [CHARGE]) for _ in range(8)))
        assert passage.connections > 1
        passage.silence()
        await unavailable(state)
        await recovered(state)
        grants = await asyncio.gather(*(state.take(new_subject(), [CHARGE]) for _ in range(8)))
        assert all(grant.allowed for grant in grants)


async def test_many_waiting_callers_all_end_in_time() -> None:
    """More callers than connections do not queue up for longer than the timeout."""
    async with listening(Script(None)) as port, state_at(f"redis://127.0.0.1:{port}/0", TIMEOUT_S) as state:
        calls = [state.take(new_subject(), [CHARGE]) for _ in range(300)]
        errors = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 4 * TIMEOUT_S)
        assert {type(error) for error in errors} == {StateUnavailable}


@pytest.mark.parametrize(
    "answer",
    [
        b"-LOADING Redis is loading the dataset in memory\r\n",
        b"-CLUSTERDOWN The cluster is down\r\n",
        b"-MOVED 1 10.0.0.1:6379\r\n",
        b"-NOPERM this user has no permissions\r\n",
        b"+OK\r\n",
        b":5\r\n",
        b"$-1\r\n",
        b"*0\r\n",
        b"*2\r\n$1\r\nx\r\n$1\r\ny\r\n",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\xff\xfe\r\n",
    ],
)
async def test_whatever_is_answered_there_is_one_error(answer: bytes) -> None:
    """What is no Redis, or a Redis in trouble, never brings another exception."""
    async with listening(Script(answer)) as port, state_at(f"redis://127.0.0.1:{port}/0", TIMEOUT_S) as state:
        with pytest.raises(StateUnavailable):
            await prompt(state.take(new_subject(), [CHARGE]))


async def test_a_full_server_is_unavailable_until_it_has_room(redis: RealRedis, operator: Any) -> None:
    """Out of memory: the cause is named."""
    async with state_at(redis.url) as state:
        operator.config_set("maxmemory", 1)
        try:
            error = await unavailable(state)
        finally:
            operator.config_set("maxmemory", 0)
        assert "OOM" in str(error)
        await recovered(state)


async def test_a_read_only_replica_is_unavailable_until_it_is_promoted(redis: RealRedis, operator: Any) -> None:
    """As after a failover that the address has not followed yet; a member that left meanwhile is let go afterwards."""
    subject = new_subject()
    async with state_at(redis.url) as state:
        assert await state.enter(subject, "a", 1, 60)
        operator.replicaof("127.0.0.1", 1)
        try:
            with pytest.raises(StateUnavailable, match=r"ReadOnlyError|READONLY"):
                await state.leave(subject, "a")
            await unavailable(state)
        finally:
            operator.replicaof("NO", "ONE")
        await recovered(state)
        assert await state.enter(subject, "b", 1, 60)
        assert not await state.enter(subject, "a", 1, 60)


async def test_a_member_that_came_in_unheard_does_not_keep_its_place(redis: RealRedis) -> None:
    """Redis let it in and the answer was lost: whoever enters next has the place."""
    passage, subject = Passage(redis.port), new_subject()
    async with listening(passage) as port, state_at(f"redis://127.0.0.1:{port}/0", TIMEOUT_S) as state:
        assert await state.enter(subject, "known", 2, 60)
        passage.mute = True
        with pytest.raises(StateUnavailable):
            await state.enter(subject, "unheard", 2, 60)
        passage.mute = False
        await recovered(state)
        assert await state.enter(subject, "next", 2, 60)
        assert not await state.enter(subject, "another", 2, 60)


async def test_what_is_remembered_of_leavers_is_bounded() -> None:
    """While Redis is away for long, the earliest are forgotten; their leases end by themselves."""
    async with listening(Script(None)) as port, state_at(f"redis://127.0.0.1:{port}/0", TIMEOUT_S) as state:
        for number in range(LEFT_UNHEARD_MAX + 5):
            with pytest.raises(StateUnavailable):
                await state.leave("app:shop", f"m{number}")
        assert len(state._left_unheard) == LEFT_UNHEARD_MAX


async def test_a_caller_that_is_cancelled_harms_nobody(redis: RealRedis) -> None:
    """It ends as cancelled, its connection is not used for anyone else's answer, and a cancelled probe is made by the next."""
    passage = Passage(redis.port)
    async with listening(passage) as port, state_at(f"redis://127.0.0.1:{port}/0", TIMEOUT_S) as state:
        subject = new_subject()
        for number in range(20):
            leaving = asyncio.create_task(state.take(subject, [Charge("requests", 1_000, 3_600, 1)]))
            await asyncio.sleep(number / 20_000)
            leaving.cancel()
            await asyncio.wait([leaving])
            assert (await state.take(new_subject(), [Charge("other", 7, 3_600, 2)])).remaining == (5,)
        passage.mute = True
        await unavailable(state)
        await asyncio.sleep(PAUSE_S)
        probe = asyncio.create_task(state.take(subject, [CHARGE]))
        await asyncio.sleep(0.02)
        probe.cancel()
        await asyncio.wait([probe])
        passage.mute = False
        assert probe.cancelled()
        assert (await state.take(new_subject(), [CHARGE])).allowed


async def test_a_key_of_another_type_is_unavailable(redis: RealRedis, operator: Any) -> None:
    """What is not ours is neither counted nor overwritten; nor is what cannot be read."""
    subject = new_subject()
    operator.rpush(f"igw:{{{subject}}}:taken:requests", "x")
    async with state_at(redis.url) as state:
        with pytest.raises(StateUnavailable, match="WRONGTYPE"):
            await state.take(subject, [CHARGE])
    operator.set(f"igw:{{{subject}}}:taken:images", "not a bucket")
    async with state_at(redis.url) as state:
        with pytest.raises(StateUnavailable):
            await state.take(subject, [Charge("images", 1, 60, 1)])
    assert operator.type(f"igw:{{{subject}}}:taken:requests") == "list"
    assert operator.get(f"igw:{{{subject}}}:taken:images") == "not a bucket"


async def test_the_password_opens_and_is_never_told() -> None:
    """Neither right nor wrong, refused nor unreachable, is it in an error, its trace or a log; nor is the address."""
    with real_redis("--requirepass", "fake/p@ss word") as guarded:
        address = f"127.0.0.1:{guarded.port}"
        async with state_at(f"redis://:fake%2Fp%40ss%20word@{address}/0") as state:
            assert (await state.take(new_subject(), [CHARGE])).allowed
        with capture_logs() as logs:
            async with state_at(f"redis://user:fake-and-wrong@{address}/0") as state:
                errors = [await unavailable(state)]
            guarded.stop()
            async with state_at(f"redis://user:fake-and-wrong@{address}/0") as state:
                errors.append(await unavailable(state))
    told = "".join("".join(traceback.format_exception(error)) for error in errors) + repr(logs)
    assert "state.redis_url" in str(errors[0])
    assert not [secret for secret in ("fake", "wrong", str(guarded.port)) if secret in told.replace(__file__, "")]


@pytest.mark.parametrize(
    "url",
    [
        "redis://:fake-secret/with@slash@127.0.0.1:6379/0",
        "redis://:x@[fake-secret/0",
        "http://:fake-secret@127.0.0.1",
        "redis://127.0.0.1/0?fake-secret=1",
        "redis://127.0.0.1/0?socket_timeout=fake-secret",
        "",
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_its_text(url: str) -> None:
    """When the state is made, with how to write it."""
    with pytest.raises(StateUnavailable, match="percent-encoded") as raised:
        RedisState(url, TIMEOUT_S)
    assert "fake-secret" not in "".join(traceback.format_exception(raised.value)).replace(__file__, "")


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A file with the key and the certificate of ``localhost``."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("NOT TESTED: TLS to Redis, for there is no program openssl to make a certificate with")
    key, found, both = tmp_path / "key.pem", tmp_path / "certificate.pem", tmp_path / "both.pem"
    kind = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", str(key), "-out", str(found)]
    name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([openssl, "req", *kind, *name], check=True, capture_output=True)
    both.write_bytes(key.read_bytes() + found.read_bytes())
    return both


async def test_redis_over_tls(redis: RealRedis, certificate: Path) -> None:
    """With a certificate that is checked: where nobody vouches for it, the state is unavailable."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    async with listening(Passage(redis.port), tls) as port:
        async with state_at(f"rediss://localhost:{port}/0?ssl_ca_certs={certificate}") as state:
            assert (await state.take(new_subject(), [CHARGE])).allowed
        async with state_at(f"rediss://localhost:{port}/0") as state:
            await unavailable(state)


NOW_US = 1_764_000_000_123_456
BUCKETS = st.none() | st.builds(Bucket, st.integers(0, 10**14), st.integers(NOW_US - 10**8, NOW_US + 10**8))
PERIODS_US = st.integers(1, 10**8)
DRAWS = st.lists(st.builds(Draw, BUCKETS, st.integers(0, 10**6), PERIODS_US, st.integers(0, 1_200_000)), max_size=3)


@given(draws=DRAWS)
@settings(max_examples=100)
def test_the_script_decides_as_the_core_does(redis: RealRedis, draws: list[Draw]) -> None:
    """At any moment, with whatever was taken before, both give the same answer to the last digit and keep the same bucket."""
    script = files("gateway.stores.redis").joinpath("lua/take.lua").read_text(encoding="utf-8")
    frozen = script.replace("redis.call('TIME')", f"{{'{NOW_US // 10**6}', '{NOW_US % 10**6}'}}")
    expected = decide(draws, NOW_US)
    with Redis.from_url(redis.url, decode_responses=True) as client:
        keys = [f"frozen:{number}" for number in range(len(draws))]
        for key, draw in zip(keys, draws, strict=True):
            if draw.bucket is None:
                client.delete(key)
            else:
                client.set(key, f"{draw.bucket.level} {draw.bucket.at_us}")
        arguments = [value for draw in draws for value in (draw.limit, draw.period_us, draw.cost)]
        # What came of it is read in the same transaction, before a short TTL has passed.
        with client.pipeline() as pipeline:
            pipeline.eval(frozen, len(keys), *keys, *arguments)
            for key in keys:
                pipeline.get(key)
            answer, *kept = pipeline.execute()
    standings = [value for standing in expected.standings for value in (standing.remaining, standing.reset_us)]
    wait_us = -1 if expected.wait_us is None else expected.wait_us
    assert [int(value) for value in answer] == [int(expected.allowed), wait_us, *standings]
    for draw, standing, text in zip(draws, expected.standings, kept, strict=True):
        if (expected.allowed and draw.cost) or (draw.bucket is not None and draw.bucket.at_us > NOW_US):
            assert text == f"{standing.bucket.level} {standing.bucket.at_us}"
        else:
            assert text == (None if draw.bucket is None else f"{draw.bucket.level} {draw.bucket.at_us}")
