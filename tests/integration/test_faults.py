"""Faults of a provider: what the client is told, and what the ledger says of the money."""

import asyncio
import signal
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import aiohttp
import openai
import pytest

from tests.integration.conftest import Edited
from tests.integration.programs import CONFIG, STOREFRONT_KEY, House, build_house, control, start, tear_down

GENERATIONS = "/v1/images/generations"
WISH = {"model": "gpt-image-2", "prompt": "A teapot", "size": "1024x1024", "quality": "low"}
QUOTA = {"type": "insufficient_quota", "code": "insufficient_quota", "message": "You exceeded your current quota."}
UNVERIFIED = {"type": "invalid_request_error", "code": None, "message": "Your organization must be verified to use the model."}
MODERATED = {"type": "image_generation_user_error", "code": "moderation_blocked", "message": "Rejected by the safety system."}


@pytest.mark.parametrize(
    ("fault", "status", "owner", "retry", "closing", "outcome"),
    [
        ({"kind": "status", "status": 429, "error": QUOTA}, 429, "account", "false", "void", "rejected"),
        ({"kind": "status", "status": 403, "error": UNVERIFIED}, 403, "verification", "false", "void", "rejected"),
        ({"kind": "status", "status": 400, "error": MODERATED}, 400, "moderation", "false", "void", "rejected"),
        ({"kind": "status", "status": 500}, 500, "provider", "false", "expire", "ambiguous"),
        ({"kind": "status", "status": 503}, 503, "provider", "true", "void", "rejected"),
        ({"kind": "html", "status": 502}, 502, "provider", "false", "expire", "ambiguous"),
        ({"kind": "html", "status": 200}, 503, "provider", "false", "expire", "ambiguous"),
        ({"kind": "reset_before"}, 503, "provider", "false", "expire", "ambiguous"),
        ({"kind": "empty_data"}, 503, "provider", "false", "expire", "ambiguous"),
    ],
    ids=lambda value: value["kind"] + str(value.get("status", "")) if isinstance(value, dict) else "",
)
async def test_a_failed_attempt_has_an_owner_and_one_closing_entry(
    house: House, app: aiohttp.ClientSession, fault: dict, status: int, owner: str, retry: str, closing: str, outcome: str
) -> None:
    """The error is OpenAI-shaped and tagged; what surely cost nothing is void, the rest stands as exposure."""
    house.fault(**fault, times=1)
    async with app.post(GENERATIONS, json=WISH) as answer:
        body = await answer.json()
        request_id = answer.headers["x-gateway-request-id"]
        assert (answer.status, answer.headers["x-gateway-owner"], answer.headers["x-should-retry"]) == (status, owner, retry)
        assert answer.headers["x-gateway-contract"].startswith("openai-direct@")
    assert set(body["error"]) == {"message", "type", "param", "code"}
    assert (body["gateway"]["owner"], body["gateway"]["outcome"]) == (owner, outcome)
    held, closed = house.entries(request_id)
    assert (held["kind"], closed["kind"]) == ("reserve", closing)
    assert closed["amount"] == body["gateway"]["cost"] == ("0.00" if closing == "void" else held["amount"])


async def test_a_throttled_request_keeps_the_provider_s_wait(house: House, app: aiohttp.ClientSession) -> None:
    """SDKs obey ``retry-after``; the account's own limits are not shown."""
    house.fault(kind="rate_limit", per_minute=2)
    async with app.post(GENERATIONS, json=WISH) as answer:
        assert answer.status == 200
    async with app.post(GENERATIONS, json=WISH | {"n": 2}) as answer:
        assert answer.status == 429
        assert (answer.headers["x-gateway-owner"], answer.headers["x-should-retry"]) == ("rate_limit", "true")
        assert int(answer.headers["retry-after"]) >= 1
        assert not [name for name in answer.headers if name.lower().startswith(("openai-organization", "x-ratelimit"))]


async def test_the_account_s_ids_and_keys_stay_in_the_gateway(house: House, app: aiohttp.ClientSession) -> None:
    """A provider's message may name them; the app's copy does not."""
    said = "Key sk-proj-abcdef0123456789 of organization org-AbCdEf0123456789 failed at http://10.1.2.3:8000/internal."
    house.fault(kind="status", status=400, error={"type": "t", "code": "c", "message": said}, times=1)
    async with app.post(GENERATIONS, json=WISH) as answer:
        text = await answer.text()
    for secret in ("sk-proj", "org-AbC", "10.1.2.3"):
        assert secret not in text


@pytest.mark.parametrize("kind", ["reset_mid_body", "truncate"])
async def test_an_answer_that_breaks_off_is_noticed_and_booked(house: House, kind: str) -> None:
    """Bytes have left, so the connection is broken off: the SDK raises instead of handing over half an image."""
    before = house.spend().get("openai-direct", {}).get("exposure", "")
    house.fault(kind=kind, times=1)
    async with openai.AsyncOpenAI(base_url=f"{house.url}/v1", api_key=STOREFRONT_KEY, max_retries=0) as client:
        with pytest.raises(openai.APIConnectionError):
            await client.images.generate(**WISH)
    assert house.spend()["openai-direct"]["exposure"] > before


@pytest.fixture
def own_house(folder: Path) -> Iterator[House]:
    """A gateway and providers that a test may break."""
    house = build_house(folder)
    yield house
    tear_down(house)


async def test_an_unreachable_provider_costs_nothing_and_may_be_retried(own_house: House) -> None:
    """Nothing was sent: 503, retry allowed, the reservation void."""
    own_house.openai.stop()
    async with own_house.client() as app, app.post(GENERATIONS, json=WISH) as answer:
        body = await answer.json()
        assert (answer.status, answer.headers["x-should-retry"], body["gateway"]["outcome"]) == (503, "true", "not_sent")
    assert own_house.openai.url.removeprefix("http://") not in str(body)
    assert [entry["kind"] for entry in own_house.entries(answer.headers["x-gateway-request-id"])] == ["reserve", "void"]


async def test_a_killed_gateway_leaves_exposure_and_no_gap(own_house: House) -> None:
    """An attempt that was under way when the process died stands at its estimate after the next start."""
    own_house.fault(kind="hang", times=1)
    async with own_house.client() as app:
        asking = asyncio.ensure_future(app.post(GENERATIONS, json=WISH))
        async with asyncio.timeout(10):
            while control(own_house.openai.url, "stats")["requests"] == 0:
                await asyncio.sleep(0.02)
        own_house.gateway.kill()
        with pytest.raises(aiohttp.ClientError):
            await asking
    again = start("serve", str(CONFIG), log=own_house.gateway.log, environment=own_house.environment)
    row = own_house.spend()["openai-direct"]
    again.stop()
    assert (row["requests"], row["cost"], row["images"]) == (1, "0.00", 0)
    assert Decimal(row["exposure"]) > 0


async def test_what_is_in_flight_at_shutdown_is_finished(own_house: House) -> None:
    """SIGTERM stops the listening, not the work."""
    own_house.fault(kind="latency", ms=1000, times=1)
    async with own_house.client() as app:
        asking = asyncio.ensure_future(app.post(GENERATIONS, json=WISH))
        async with asyncio.timeout(10):
            while control(own_house.openai.url, "stats")["requests"] == 0:
                await asyncio.sleep(0.02)
        own_house.gateway.process.send_signal(signal.SIGINT)
        async with await asking as answer:
            assert (await answer.json())["gateway"]["images"] == 1
    assert own_house.gateway.process.wait(20) == 0
    assert own_house.spend()["openai-direct"]["images"] == 1


async def test_what_outlives_the_grace_period_is_booked_before_the_process_ends(edited: Edited) -> None:
    """The attempt is cut off: it stands as exposure at once, not only after the next start."""
    house = edited("gateway.yaml", "\nserver:\n", "\nserver:\n  shutdown_grace_s: 1\n")
    house.fault(kind="hang", times=1)
    async with house.client() as app:
        asking = asyncio.ensure_future(app.post(GENERATIONS, json=WISH))
        async with asyncio.timeout(10):
            while control(house.openai.url, "stats")["requests"] == 0:
                await asyncio.sleep(0.02)
        assert house.gateway.stop() == 0
        async with await asking as answer:
            body = await answer.json()
            assert (answer.status, answer.headers["x-should-retry"], body["gateway"]["outcome"]) == (503, "false", "ambiguous")
    (line,) = await house.logged(lambda line: line["event"] == "request")
    assert [entry["kind"] for entry in house.entries(line["request_id"])] == ["reserve", "expire"]


async def test_a_second_signal_waits_for_nobody_but_the_books(own_house: House) -> None:
    """The request is cut off, its attempt booked, and no traceback is left."""
    own_house.fault(kind="hang", times=1)
    async with own_house.client() as app:
        asking = asyncio.ensure_future(app.post(GENERATIONS, json=WISH))
        async with asyncio.timeout(10):
            while control(own_house.openai.url, "stats")["requests"] == 0:
                await asyncio.sleep(0.02)
        own_house.gateway.process.send_signal(signal.SIGINT)
        async with asyncio.timeout(10):
            while await accepts(own_house.url):
                await asyncio.sleep(0.02)
        assert own_house.gateway.stop() == 1
        async with await asking as answer:
            assert (answer.status, answer.headers["x-should-retry"]) == (503, "false")
    (line,) = await own_house.logged(lambda line: line["event"] == "request")
    assert [entry["kind"] for entry in own_house.entries(line["request_id"])] == ["reserve", "expire"]


async def accepts(url: str) -> bool:
    """Whether somebody listens there."""
    try:
        _, writer = await asyncio.open_connection(*url.removeprefix("http://").split(":"))
    except OSError:
        return False
    writer.close()
    return True


async def test_a_broken_off_answer_is_logged_with_its_owner(house: House, app: aiohttp.ClientSession) -> None:
    """Status 200 has left, but the line says that it was not completed and why."""
    house.fault(kind="truncate", times=1)
    async with app.post(GENERATIONS, json=WISH) as answer:
        request_id = answer.headers["x-gateway-request-id"]
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()
    (line,) = await house.logged(lambda line: line.get("request_id") == request_id)
    assert (line["status"], line["complete"], line["owner"], line["rule"]) == (200, False, "provider", "body.unusable")


async def test_an_image_of_another_size_is_recorded_on_its_contract(house: House, app: aiohttp.ClientSession) -> None:
    """It is delivered and billed; the difference stands in the body, in the ledger, in the log and in a metric."""
    house.fault(kind="wrong_size", times=1)
    async with app.post(GENERATIONS, json=WISH) as answer:
        body = await answer.json()
        request_id = answer.headers["x-gateway-request-id"]
    found = ["size: asked 1024x1024, delivered 512x512"]
    assert (answer.status, body["gateway"]["discrepancies"]) == (200, found)
    assert house.entries(request_id)[1]["discrepancies"] == found
    (line,) = await house.logged(lambda line: line.get("request_id") == request_id)
    assert line["discrepancies"] == found
    async with app.get(f"{house.admin_url}/metrics") as metrics:
        counted = await metrics.text()
    labels = 'aspect="size",contract="openai-direct",model="gpt-image-2"'
    assert f"gateway_delivery_discrepancies_total{{{labels}}} 1.0" in counted


async def test_a_reseller_s_empty_account_is_not_a_fault_that_is_worth_a_retry(house: House, app: aiohttp.ClientSession) -> None:
    """The innermost error wins over the status around it, and the answer says that it has another one than the provider's."""
    said = 'upstream failed after 3 attempts: {"error": {"code": "insufficient_balance", "message": "No credit left"}}'
    house.fault(kind="status", status=502, error={"type": "upstream_error", "message": said}, times=1)
    async with app.post(GENERATIONS, json=WISH) as answer:
        body = await answer.json()
    assert (answer.status, answer.headers["x-gateway-owner"], answer.headers["x-should-retry"]) == (429, "account", "false")
    found = body["gateway"]
    assert (found["upstream_status"], found["rule"], found["billed"], found["confidence"]) == (
        502,
        "account.balance",
        "no",
        "high",
    )
    assert body["error"]["message"] == said
