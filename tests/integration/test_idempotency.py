"""No request is paid twice: with a key, without one by unmodified SDKs, over a restart, a death, and several replicas."""

import asyncio
import json
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import aiohttp
import openai
import pytest

from tests.integration.programs import House, control
from tests.integration.two_contracts import GENERATIONS, KEY, OTHER_KEY, WISH, Configuration, Place, changed
from tests.real_redis import real_redis

SECRET = {"FAKE_RESULTS_KEY": "0123456789abcdef0123456789abcdef-not-a-secret"}
REQUESTS = "/v1/gateway/requests"


class Got:
    """One answer, read whole."""

    def __init__(self, answer: aiohttp.ClientResponse, body: bytes) -> None:
        self.status, self.headers, self.body = answer.status, answer.headers, body

    @property
    def id(self) -> str:
        return self.headers["x-gateway-request-id"]

    @property
    def original(self) -> str:
        return self.headers["x-gateway-original-request-id"]

    @property
    def error(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)["error"]
        return found


async def post(house: House, key: str = "", *, caller: str = KEY, retry: int = 0, **wish: Any) -> Got:
    headers = {"x-stainless-retry-count": str(retry)} | ({"idempotency-key": key} if key else {})
    async with house.client(caller) as app, app.post(GENERATIONS, json=WISH | wish, headers=headers) as answer:
        return Got(answer, await answer.read())


async def get(house: House, path: str, *, caller: str = KEY) -> Got:
    async with house.client(caller) as app, app.get(path) as answer:
        return Got(answer, await answer.read())


async def left_behind(house: House, key: str = "", **wish: Any) -> None:
    """Ask, and leave as soon as the provider has been asked."""
    asked = asyncio.create_task(post(house, key, **wish))
    async with asyncio.timeout(10):
        while control(house.openai.url, "stats")["requests"] == 0:
            await asyncio.sleep(0.02)
    asked.cancel()
    await asyncio.wait({asked})


async def finished(house: House, first: Got) -> None:
    """Wait until its result is kept, which is soon after the answer."""
    async with asyncio.timeout(10):
        while json.loads((await get(house, f"{REQUESTS}/{first.id}")).body)["result"] is None:
            await asyncio.sleep(0.02)


def images(place: Place) -> int:
    made: int = control(place.openai.url, "stats")["images"]
    return made


def replays(house: House) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(house.environment["GATEWAY_LEDGER"])) as ledger:
        return ledger.execute("SELECT request_id, original_id, how, app, amount_nanos, currency FROM saving").fetchall()


def apps(**settings: Any) -> Configuration:
    return changed(lambda found: found["apps"]["shop"].update(settings))


async def test_a_finished_request_is_replayed_byte_for_byte(place: Place) -> None:
    """The same bytes under a head that names both requests; one image, no entry of its own, one saving and its metric."""
    with place.gateway(apps()) as house:
        first = await post(house, "key-1")
        await finished(house, first)
        again = await post(house, '"key-1"')
        assert (first.status, again.status, again.body) == (200, 200, first.body)
        assert "x-gateway-replayed" not in first.headers
        assert (again.headers["x-gateway-replayed"], again.original) == ("true", first.id)
        assert again.id != first.id
        assert (again.headers["x-gateway-attempts"], again.headers["x-gateway-cost"]) == ("0", "0.00")
        assert (again.headers["x-gateway-contract"], again.headers["x-gateway-saved"]) == ("direct@1", "0.50")
        assert json.loads(again.body)["gateway"]["request_id"] == first.id
        assert images(place) == 1
        assert json.loads((await get(house, f"{REQUESTS}/{first.id}")).body)["status"] == "finished"
        assert replays(house) == [(again.id, first.id, "replay", "shop", 500_000_000, "USD")]
        metrics = await get(house, f"{house.admin_url}/metrics")
        assert 'gateway_saved_total{app="shop",how="replay"} 1.0' in metrics.body.decode()
        # The key is the app's own.
        other = await post(house, "key-1", caller=OTHER_KEY)
        assert (other.status, images(place)) == (200, 2)


async def test_two_at_once_share_one_image(place: Place) -> None:
    """The second one joins: both get identical bytes, and only one is paid."""
    with place.gateway(apps()) as house:
        house.fault(kind="latency", ms=300, times=1)
        one, two = await asyncio.gather(post(house, "key-1"), post(house, "key-1"))
        assert (one.status, two.status, one.body) == (200, 200, two.body)
        assert images(place) == 1
        assert [row[2] for row in replays(house)] == ["join"]


async def test_another_body_under_the_same_key_is_refused(place: Place) -> None:
    """422 names the earlier request; the order of members and what is null make no other body, a refused one frees its key."""
    with place.gateway(apps()) as house:
        first = await post(house, "key-1", n=1, background=None)
        other = await post(house, "key-1", prompt="Two teapots")
        assert (other.status, other.error["code"], other.error["type"]) == (
            422,
            "idempotency_key_reused",
            "invalid_request_error",
        )
        assert (other.original, other.headers["x-should-retry"]) == (first.id, "false")
        assert other.headers["x-gateway-owner"] == "caller"
        same = dict(reversed([*WISH.items(), ("n", 1)]))
        async with house.client() as app:
            app.headers["authorization"] = f"Bearer {KEY}"
            async with app.post(GENERATIONS, json=same, headers={"idempotency-key": "key-1"}) as answer:
                assert (answer.status, await answer.read()) == (200, first.body)
        assert (await post(house, "key-2", size="100x100")).status == 400
        assert (await post(house, "key-2")).status == 200
        for bad in ("x" * 256, "two words", "ü", '""'):
            refused = await post(house, bad)
            assert (refused.status, refused.error["code"], refused.error["param"]) == (
                400,
                "invalid_idempotency_key",
                "Idempotency-Key",
            )


async def test_an_unknown_outcome_is_not_paid_again(place: Place) -> None:
    """409 that names the request to look up, and the looking up says ambiguous; an app's SDK does not try once more."""
    with place.gateway(apps()) as house:
        house.fault(kind="reset_mid_body", times=1)
        with suppress(aiohttp.ClientError):  # the answer broke off, or says why
            assert (await post(house, "key-1")).status != 200
        again = await post(house, "key-1")
        assert (again.status, again.error["code"], again.headers["x-should-retry"]) == (409, "request_outcome_unknown", "false")
        assert again.original in again.error["message"]
        assert json.loads(again.body)["gateway"]["original_request_id"] == again.original
        found = await get(house, f"{REQUESTS}/{again.original}")
        assert json.loads(found.body)["status"] == "ambiguous"
        assert control(place.openai.url, "stats")["requests"] == 1


async def test_what_surely_cost_nothing_may_be_sent_again(place: Place) -> None:
    """A key whose request was refused by the provider is free, also for one with another body."""
    with place.gateway(apps()) as house:
        house.fault(kind="status", status=400, times=1)
        assert (await post(house, "key-1")).status == 400
        assert (await post(house, "key-1", prompt="Other")).status == 200
        assert images(place) == 1


@pytest.mark.parametrize("stream", [False, True], ids=["image", "stream"])
async def test_an_unmodified_sdk_that_gives_up_too_early_pays_once(place: Place, stream: bool) -> None:
    """Its own retry, without a key, joins the call that still runs."""
    with place.gateway(apps()) as house:
        house.fault(kind="latency", ms=1200, times=1)
        async with openai.AsyncOpenAI(base_url=f"{house.url}/v1", api_key=KEY, timeout=0.6, max_retries=3) as sdk:
            if stream:
                events = [event async for event in await sdk.images.generate(**WISH, stream=True)]  # type: ignore[call-overload]  # the SDK's own types want literals
                assert events[-1].type == "image_generation.completed"
            else:
                answer = await sdk.images.with_raw_response.generate(**WISH)  # type: ignore[arg-type]  # the SDK's own types want literals
                assert answer.headers["x-gateway-replayed"] == "true"
        assert images(place) == 1
        assert replays(house)[-1][2] in ("join", "replay")


async def test_a_lost_answer_is_picked_up_late(place: Place) -> None:
    """The call goes on after its client has left; its status, then its answer, are there for that app and for no other."""
    with place.gateway(apps()) as house:
        house.fault(kind="latency", ms=400, times=1)
        await left_behind(house)
        again = await post(house, retry=1)
        assert (again.status, again.headers["x-gateway-replayed"], images(place)) == (200, "true", 1)
        found = await get(house, f"{REQUESTS}/{again.original}")
        document = json.loads(found.body)
        assert (document["status"], document["contract"], document["cost"]) == ("finished", "direct@1", "0.50")
        result = await get(house, document["result"])
        assert (result.status, result.body, result.original) == (200, again.body, again.original)
        assert result.headers["content-type"] == "application/json"
        spared = json.loads((await get(house, f"{REQUESTS}/{again.id}")).body)
        assert (spared["status"], spared["original_request_id"], spared["saved"]) == ("finished", again.original, "0.50")
        assert (await get(house, spared["result"])).body == again.body
        for path in (again.original, f"{again.original}/result"):
            foreign = await get(house, f"{REQUESTS}/{path}", caller=OTHER_KEY)
            unknown_id = "gw_" + "0" * 32
            unknown = await get(house, f"{REQUESTS}/{path.replace(again.original, unknown_id)}", caller=OTHER_KEY)
            assert (foreign.status, unknown.status) == (404, 404)
            assert foreign.error["message"].replace(again.original, unknown_id) == unknown.error["message"]
        assert (await get(house, f"{REQUESTS}/..%2f..%2fetc/result")).status == 404


async def test_a_running_request_says_so(place: Place) -> None:
    """Before there is an answer."""
    with place.gateway(apps()) as house:
        house.fault(kind="hang", times=1)
        await left_behind(house)
        with closing(sqlite3.connect(house.environment["GATEWAY_LEDGER"])) as ledger:
            [(request_id,)] = ledger.execute("SELECT request_id FROM entry")
        found = json.loads((await get(house, f"{REQUESTS}/{request_id}")).body)
        assert (found["status"], found["cost"], found["result"]) == ("running", None, None)
        house.gateway.kill()


async def test_each_of_two_equal_requests_gets_its_own_retry(place: Place) -> None:
    """Without a retry, the same body is two wishes; each one's retry gets what its own request made."""
    with place.gateway(apps()) as house:
        house.fault(kind="latency", ms=500, times=2)
        first = [asyncio.create_task(post(house)) for _ in range(2)]
        async with asyncio.timeout(10):
            while control(place.openai.url, "stats")["requests"] < 2:
                await asyncio.sleep(0.02)
        for task in first:
            task.cancel()
        await asyncio.wait(first)
        one, two = await asyncio.gather(post(house, retry=1), post(house, retry=1))
        assert one.original != two.original
        assert images(place) == 2


async def test_a_retry_that_was_asked_for_is_sent(place: Place) -> None:
    """Told to try again, the SDK gets an image of its own, although another request with that body is in flight."""
    with place.gateway(apps()) as house:
        limited = {"message": "Rate limit reached.", "type": "requests", "code": "rate_limit_exceeded"}
        house.fault(kind="status", status=429, error=limited, times=1)
        async with openai.AsyncOpenAI(base_url=f"{house.url}/v1", api_key=KEY, max_retries=1) as sdk:
            answer = await sdk.images.with_raw_response.generate(**WISH)  # type: ignore[arg-type]  # the SDK's own types want literals
        assert "x-gateway-replayed" not in answer.headers
        assert images(place) == 1


@pytest.mark.parametrize("policy", ["off", "identical"])
async def test_an_app_s_policy_says_what_is_the_same(place: Place, policy: str) -> None:
    """``off``: even a retry is paid; ``identical``: even a first try gets the earlier answer. A key counts either way."""
    with place.gateway(apps(duplicates=policy)) as house:
        bodies = [(await post(house)).status, (await post(house)).status, (await post(house, retry=1)).status]
        assert bodies == [200] * 3
        assert images(place) == (3 if policy == "off" else 1)
        before = images(place)
        await post(house, "key-1")
        await post(house, "key-1")
        assert images(place) == before + 1


async def test_an_app_may_have_nothing_kept(place: Place) -> None:
    """Then no file is made, and a repeated request is refused instead of paid; an identical one in flight too."""
    with place.gateway(apps(results=False)) as house:
        first, again = await post(house, "key-1"), await post(house, "key-1")
        assert (first.status, again.status, again.error["code"]) == (200, 409, "request_already_served")
        assert again.original == first.id
        assert [*results(house).iterdir()] == []


def results(house: House) -> Path:
    return Path(house.environment["GATEWAY_LEDGER"]).parent / "results"


async def test_results_are_bounded(place: Place) -> None:
    """One that is too large is not kept; of too many, the oldest are gone, and a repetition is refused instead of paid."""

    def small(found: Configuration) -> None:
        found["results"] = {"bytes_max": 2 * 1024 * 1024, "result_bytes_max": 1024 * 1024}

    with place.gateway(changed(small)) as house:
        large = await post(house, "large", size="1536x1024", quality="high", n=4)
        assert len(large.body) > 1024 * 1024
        assert (await post(house, "large", size="1536x1024", quality="high", n=4)).error["code"] == "request_already_served"
        first = await post(house, "0")
        count = 2 * 1024 * 1024 // len(first.body) + 2
        for number in range(1, min(count, 60)):
            await post(house, str(number))
        assert sum(map(_size, results(house).iterdir())) <= 2 * 1024 * 1024


def _size(file: Path) -> int:
    """0 of one that has just gone, or got another name."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


async def test_results_are_sealed(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a key no byte of the image is readable on the disk, files are their owner's, and the answer is replayed as ever."""
    monkeypatch.setenv(*next(iter(SECRET.items())))
    with place.gateway(changed(lambda it: it.update(results={"key": {"env": "FAKE_RESULTS_KEY"}}))) as house:
        first, again = await post(house, "key-1"), await post(house, "key-1")
        assert (again.headers["x-gateway-replayed"], again.body) == ("true", first.body)
        [file] = results(house).iterdir()
        assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
        kept = file.read_bytes()
        assert b"b64_json" not in kept
        assert b"iVBORw0KGgo" not in kept


async def test_a_restart_forgets_nothing(place: Place) -> None:
    """A finished request is replayed by the next process; one that a death has cut short is 409, named, and not paid again."""
    with place.gateway(apps()) as house:
        first = await post(house, "done")
        house.fault(kind="hang", times=1)
        asked = asyncio.create_task(post(house, "cut short"[:3]))
        async with asyncio.timeout(10):
            while control(place.openai.url, "stats")["requests"] < 2:
                await asyncio.sleep(0.02)
        house.gateway.kill()
        await asyncio.wait({asked})
        assert asked.exception() is not None
        again = await restarted(place, house, first)
        assert again.status == 409
    assert control(place.openai.url, "stats")["requests"] == 2


async def restarted(place: Place, house: House, first: Got) -> Got:
    """What a new process says of both."""
    program = place.restart(house)
    try:
        now = House(house.openai, house.atlas, program, house.environment)
        replayed = await post(now, "done")
        assert (replayed.original, replayed.body) == (first.id, first.body)
        assert (await get(now, f"{REQUESTS}/{first.id}/result")).body == first.body
        cut = await post(now, "cut")
        assert json.loads((await get(now, f"{REQUESTS}/{cut.original}")).body)["status"] == "ambiguous"
        return cut
    finally:
        program.stop()


def shared(redis_url: str, folder: Path, **app: Any) -> Configuration:
    def change(found: Configuration) -> None:
        found["state"] = {"redis_url": redis_url}
        found["results"] = {"folder": str(folder)}
        found["apps"]["shop"].update(app)

    return changed(change)


async def test_replicas_agree(place: Place) -> None:
    """A second replica joins what the first one runs, replays what it has made, and takes a dead one's call for ambiguous."""
    with real_redis() as redis:
        configuration = shared(redis.url, place.folder / "results")
        with place.gateway(configuration) as one, place.gateway(name="two") as two:
            one.fault(kind="latency", ms=400, times=1)
            running = asyncio.create_task(post(one, "key-1"))
            async with asyncio.timeout(10):
                while control(place.openai.url, "stats")["requests"] < 1:
                    await asyncio.sleep(0.02)
            joined, first = await asyncio.gather(post(two, "key-1"), running)
            assert (joined.status, joined.body, joined.original) == (200, first.body, first.id)
            assert (await post(two, retry=1, prompt="Another")).status == 200
            replayed = await post(one, retry=1, prompt="Another")
            assert replayed.headers["x-gateway-replayed"] == "true"
            assert images(place) == 2


@pytest.mark.parametrize(("policy", "status"), [("fail_open", 200), ("fail_closed", 503)])
async def test_without_redis_the_app_s_limits_say_what_happens(place: Place, policy: str, status: int) -> None:
    """Either the request goes on unprotected, or it is refused before anything is sent."""
    with real_redis() as redis:
        configuration = shared(redis.url, place.folder / "results", limits={"on_unavailable": policy})
        with place.gateway(configuration) as house:
            assert (await post(house, "key-1")).status == 200
            redis.stop()
            again = await post(house, "key-1")
            assert again.status == status
            assert images(place) == (2 if status == 200 else 1)


async def test_whoever_waits_keeps_the_call_alive(place: Place) -> None:
    """An app whose calls end with their client: as long as another request waits for the same image, it is made."""
    with place.gateway(apps(on_disconnect="cancel")) as house:
        house.fault(kind="latency", ms=800, times=1)
        first = asyncio.create_task(post(house, "key-1"))
        async with asyncio.timeout(10):
            while control(place.openai.url, "stats")["requests"] < 1:
                await asyncio.sleep(0.02)
        second = asyncio.create_task(post(house, "key-1"))
        async with asyncio.timeout(10):
            while '"followers":["gw_' not in (results(house).parent / "claims.tail.jsonl").read_text():
                await asyncio.sleep(0.02)
        first.cancel()
        got = await second
        assert (got.status, images(place)) == (200, 1)
