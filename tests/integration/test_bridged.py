"""A gateway whose routes lead to vendors with wire formats of their own: apps notice nothing, contracts and prices hold."""

import asyncio
import base64
import gzip
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from openai import AsyncOpenAI

from gateway.core.ledger.entry import Kind
from tests.integration.bridged_house import BridgedHouse, bridged_house, configured
from tests.integration.test_edits import EDITS, picture
from tests.integration.two_contracts import CONFIGURATION, KEY, Configuration
from tests.integration.vendors import B64, PNG, Vendors, says, vendors, writes

MIB = 1024 * 1024

MASK = picture(64, mode="RGBA")
pytestmark = pytest.mark.filterwarnings("ignore:Item .* on TypedDict:UserWarning")  # of pydantic, where litellm's types are built
GENERATING = {"fal": "0.01", "stability": "0.03", "imagen": "0.05", "gemini": "0.06", "bedrock": "0.07", "bfl": "0.09"}


@pytest.fixture
async def there() -> AsyncIterator[Vendors]:
    async with vendors() as found:
        yield found


@pytest.fixture
async def house(there: Vendors, tmp_path: Path) -> AsyncIterator[BridgedHouse]:
    async with bridged_house(there, tmp_path) as found:
        yield found


async def edit(house: BridgedHouse, *files: tuple[str, bytes], **fields: str) -> tuple[int, dict[str, Any]]:
    """One edit by form: status and body."""
    data = aiohttp.FormData(default_to_multipart=True)
    for name, value in ({"prompt": "A hat on it"} | fields).items():
        data.add_field(name, value)
    for name, content in files:
        data.add_field(name, content, filename="one.png", content_type="image/png")
    async with house.app.post(EDITS, data=data) as answer:
        return answer.status, await answer.json()


async def test_each_vendor_serves_under_its_contract(house: BridgedHouse, there: Vendors) -> None:
    """The picture byte for byte, tagged, priced by the image, and booked to the last digit."""
    for name, cost in GENERATING.items():
        status, headers, body = await house.ask(model=name)
        assert status == 200, body
        assert (headers["x-gateway-contract"], headers["x-gateway-billing-owner"]) == (f"{name}@1", f"Owner of {name}")
        assert base64.b64decode(body["data"][0]["b64_json"]) == PNG
        closed = house.closed(headers)
        assert (closed.kind, closed.images, closed.cost.text) == (Kind.SETTLE, 1, cost)
    _, headers, two = await house.ask(model="imagen", n=2)
    assert (len(two["data"]), house.closed(headers).cost.text) == (2, "0.10")
    assert len(there.asked) == len(GENERATING) + 1


async def test_an_unmodified_sdk_notices_nothing(house: BridgedHouse) -> None:
    """It reads the answers as OpenAI's, of a generation and of an edit."""
    async with AsyncOpenAI(base_url=f"{house.url}/v1", api_key=KEY, max_retries=0) as client:
        made = await client.images.generate(model="fal", prompt="A teapot", response_format="b64_json")
        changed = await client.images.edit(model="gemini", prompt="A hat on it", image=("one.png", PNG, "image/png"))
    for answer in (made, changed):
        assert answer.data
        assert base64.b64decode(answer.data[0].b64_json or "") == PNG


async def test_files_of_an_edit_reach_the_vendor_unchanged(house: BridgedHouse, there: Vendors) -> None:
    """Images and, where litellm passes it on, the mask; each in its vendor's way."""
    for name in ("stability-edit", "fal-edit", "bedrock-edit"):
        assert (await edit(house, ("image", PNG), ("mask", MASK), model=name))[0] == 200
    for name in ("gemini", "bfl-edit"):
        assert (await edit(house, ("image", PNG), model=name))[0] == 200
    stability, fal, bedrock, gemini, bfl = (wanted for _, _, wanted in there.asked)
    assert (stability["image"], stability["mask"], stability["prompt"]) == (PNG, MASK, "A hat on it")
    data_url = "data:image/png;base64,"
    assert (fal["image_urls"], fal["mask_url"]) == ([data_url + B64], data_url + base64.b64encode(MASK).decode())
    assert (bedrock["image"], bedrock["mask"]) == (B64, base64.b64encode(MASK).decode())
    assert gemini["contents"][0]["parts"][0]["inlineData"] == {"mimeType": "image/png", "data": B64}
    assert bfl["input_image"] == B64


async def test_images_of_a_json_edit_come_as_data_urls_only(house: BridgedHouse, there: Vendors) -> None:
    """A link could lead anywhere in the gateway's own network, and litellm would follow it."""
    for url, status in ((f"data:image/png;base64,{B64}", 200), (f"{there.url}/pictures/one.png", 400)):
        body = {"model": "gemini", "prompt": "A hat on it", "images": [{"image_url": url}]}
        async with house.app.post(EDITS, json=body) as answer:
            assert answer.status == status, await answer.text()
    assert len(there.asked) == 1


_DROPPED: list[tuple[str, str, Any]] = [
    ("fal", "quality", "high"),
    ("fal", "background", "opaque"),
    ("fal", "stream", True),
    ("stability", "n", 2),
    ("stability", "size", "1000x1000"),
    ("bfl", "n", 2),
    ("bfl", "quality", "high"),
    ("bedrock", "quality", "low"),
    ("gemini", "output_format", "webp"),
    ("imagen", "user", "somebody"),
]


async def test_what_litellm_would_drop_in_silence_is_refused(house: BridgedHouse, there: Vendors) -> None:
    """By the name of the parameter, before anything is booked or sent, whatever the route declares."""
    for model, member, value in _DROPPED:
        status, headers, body = await house.ask(model=model, **{member: value})
        assert (status, body["error"]["param"], headers["x-gateway-attempts"]) == (400, member, "0")
    assert there.asked == []


async def test_a_mask_or_a_second_image_that_litellm_would_drop_is_refused(house: BridgedHouse, there: Vendors) -> None:
    """Not every vendor's code passes them on."""
    for name, files, param in (
        ("gemini", [("image", PNG), ("mask", MASK)], "mask"),
        ("bfl-edit", [("image", PNG), ("mask", MASK)], "mask"),
        ("bfl-edit", [("image[]", PNG), ("image[]", PNG)], "image"),
        ("stability-edit", [("image[]", PNG), ("image[]", PNG)], "image"),
    ):
        status, body = await edit(house, *files, model=name)
        assert (status, body["error"]["param"]) == (400, param)
    assert there.asked == []


async def test_a_refusal_has_its_owner(house: BridgedHouse, there: Vendors) -> None:
    """Whose it is, as for any provider; nothing is booked as spent."""
    for status, model, owner in ((401, "stability", "account"), (429, "bedrock", "rate_limit")):
        there.fault = says(status, {"detail": "no"}, **{"retry-after": "3"})
        found, headers, _ = await house.ask(model=model)
        assert (found, headers["x-gateway-owner"], headers["x-gateway-cost"]) == (status, owner, "0.00")


_HEAD = b"HTTP/1.1 200 OK\r\nconnection: close\r\n"
_BOMB = gzip.compress(bytes(64 * 1024 * 1024))
_ENDLESS = _HEAD + b"content-type: application/json\r\ncontent-length: 300000000\r\n\r\n" + bytes(2 * 1024 * 1024)
_SMUGGLED = _HEAD + b"x-a: b\r\r\n\x00evil: 1\r\ncontent-length: 2\r\n\r\n{}"


_HOSTILE: list[tuple[Any, int, str]] = [
    (says(200, "<html>Sign in</html>", "text/html"), 503, "ambiguous"),
    (says(200, _BOMB, **{"content-encoding": "gzip"}), 503, "ambiguous"),
    (writes(_ENDLESS), 503, "ambiguous"),
    (writes(_SMUGGLED), 503, "ambiguous"),
    (writes(_HEAD + b"content-length: 90\r\n\r\n{"), 503, "ambiguous"),
    (says(200, {"error": {"message": "It went wrong.", "code": "internal"}}), 500, "ambiguous"),
    (says(200, {"image": "", "finish_reason": "CONTENT_FILTERED"}), 400, "ambiguous"),
    (says(200, {"image": "%%% no base64 %%%"}), 503, "ambiguous"),
    (says(200, {"image": base64.b64encode(b"<html>").decode()}), 503, "ambiguous"),
    (says(200, {"image": f"data:image/png;base64,{B64}"}), 200, "completed"),
    (says(200, {"image": base64.b64encode(picture(64, "jpeg")).decode()}), 200, "completed"),
    (says(200, "[" * 100_000), 503, "ambiguous"),
    (says(302, {}, location="http://169.254.169.254/"), 503, "ambiguous"),
]


async def test_hostile_answers_are_contained_diagnosed_and_booked(there: Vendors, tmp_path: Path) -> None:
    """Whatever comes, the books say that it may have been made and billed, and the next request is served."""

    def patient(configuration: Configuration) -> None:
        configuration["server"]["bridged_answer_bytes_max"] = 1024 * 1024

    async with bridged_house(there, tmp_path, patient) as house, aiohttp.ClientSession(house.admin_url) as admin:
        for fault, status, outcome in _HOSTILE:
            there.fault = fault
            found, headers, body = await house.ask(model="stability")
            assert (found, house.closed(headers).outcome) == (status, outcome), body
            assert status == 200 or headers["x-gateway-owner"] in {"provider", "moderation"}
            assert "evil" not in str(headers) + str(body)
            there.fault = None
            assert (await house.ask(model="fal"))[0] == 200
            # The breaker has a right to its opinion of such a provider; here each answer is to be seen.
            async with admin.delete("/routes/stability/override", json={"who": "tests", "why": "the next answer"}) as lifted:
                assert lifted.status in {200, 404}


async def test_what_has_no_room_in_memory_is_not_sent(there: Vendors, tmp_path: Path) -> None:
    """Refused by the gateway before anything is booked, and taken again once there is room."""

    def narrow(configuration: Configuration) -> None:
        configuration["server"] |= {"in_flight_bytes_max": 6 * MIB, "in_flight_app_share": 1, "bridged_answer_bytes_max": MIB}

    going, go = asyncio.Event(), asyncio.Event()

    async def waits(request: Any) -> Any:
        going.set()
        await go.wait()
        return await says(200, {"image": B64})(request)

    there.fault = waits
    async with bridged_house(there, tmp_path, narrow) as house:
        first = asyncio.create_task(house.ask(model="stability"))
        await asyncio.wait_for(going.wait(), 10)
        status, headers, body = await house.ask(model="stability")
        assert (status, headers["x-gateway-owner"], body["error"]["code"]) == (503, "gateway", "bytes_in_flight")
        assert (headers["x-gateway-attempts"], "retry-after" in headers, len(there.asked)) == ("0", True, 1)
        go.set()
        assert (await first)[0] == 200
        assert (await house.ask(model="stability"))[0] == 200


async def test_a_walk_proves_a_bridged_route(there: Vendors, tmp_path: Path) -> None:
    """Generation and edit, in the size that is asked for, each booked."""

    def small(configuration: Configuration) -> None:
        configuration["routes"]["gemini"]["capabilities"]["sizes"] = ["64x64"]
        model, today = configuration["routes"]["gemini"]["upstream_model"], str(datetime.now(UTC).date())
        limit = {"model": model, "dimension": "images_per_minute", "value": 50, "source": "a page", "recorded_on": today}
        configuration["contracts"]["gemini"]["limits"]["recorded"] = [limit]

    async with bridged_house(there, tmp_path, small) as house, aiohttp.ClientSession(house.admin_url) as admin:
        order = {"who": "ada", "why": "a drill", "live": True, "budget": "1"}
        async with admin.post("/routes/gemini/ready", json=order) as answer:
            walk = await answer.json()
        states = {step["id"]: step["state"] for step in walk["steps"]}
        assert "stopped" not in states.values(), [it for it in walk["steps"] if it["state"] == "stopped"]
        assert (states["edits"], walk["spent"]["amount"], len(there.asked)) == ("passed", "0.12", 2)


async def test_a_first_bridged_provider_is_loaded_with_the_configuration(there: Vendors, tmp_path: Path) -> None:
    """When it takes effect, not when a request waits for it."""
    begun: list[str] = []
    loop = asyncio.get_running_loop()

    def noted(loop: asyncio.AbstractEventLoop, coroutine: Any, **more: Any) -> asyncio.Task[Any]:
        begun.append(coroutine.__qualname__)
        return asyncio.Task(coroutine, loop=loop, **more)

    def unbridged(configuration: Configuration) -> None:
        openai = {"dialect": "openai", "base_url": f"{there.url}/v1", "credential": {"env": "FAKE_PROVIDER_KEY"}}
        configuration |= {name: CONFIGURATION[name] for name in ("contracts", "price_lists", "routes", "models")}
        configuration["providers"] = {"openai": openai, "atlas": openai}

    async with bridged_house(there, tmp_path, unbridged) as house, aiohttp.ClientSession(house.admin_url) as admin:
        loop.set_task_factory(noted)
        (tmp_path / "gateway.yaml").write_text(json.dumps(configured(there.url)))
        async with admin.post("/config/reload", json={"who": "ada", "why": "a vendor"}) as answer:
            assert (await answer.json())["result"] in {"applied", "unchanged"}
        loop.set_task_factory(None)
        assert "Bridge._make" in begun
        assert (await house.ask(model="fal"))[0] == 200
