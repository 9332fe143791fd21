"""Streams: events pass at once, the contract stands before the first and in the last, and errors are the SDK's own."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import aiohttp
import openai
import pytest

from gateway.core.ledger.entry import Kind
from gateway.core.snapshot import OnDisconnect
from gateway.relay.event_stream import HEARTBEAT
from tests.integration.in_process import KEY, gateway_to
from tests.integration.odd_provider import PNG, STREAM_HEAD, KeptLedger, Script, event, http, provider
from tests.unit.core.samples import APP

WISH = {"model": "gpt-image-2", "prompt": "A teapot", "size": "1024x1024", "quality": "low", "stream": True}
USAGE = {"input_tokens": 14, "output_tokens": 196}
PARTIAL = event("image_generation.partial_image", b64_json=PNG, partial_image_index=0)
COMPLETED = event("image_generation.completed", b64_json=PNG, size="1024x1024", quality="low", usage=USAGE)
FAILED = event(
    "error", error={"type": "image_generation_user_error", "code": "moderation_blocked", "message": "No.", "param": None}
)


@asynccontextmanager
async def asking(answer: bytes | Script, ledger: KeptLedger, **options: Any) -> AsyncIterator[aiohttp.ClientResponse]:
    """The answer to a streamed wish, whose head has arrived."""
    asked = options.pop("asked", {})
    async with (
        provider(answer) as url,
        gateway_to(url, ledger, **options) as client,
        client.post("/v1/images/generations", json=WISH | asked) as got,
    ):
        yield got


async def test_an_event_passes_before_the_next_one_exists() -> None:
    """Nothing is held back to be sent together, and the head that names the contract leaves with the first event."""
    ledger, seen = KeptLedger(), asyncio.Event()

    async def script(writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD + PARTIAL)
        await seen.wait()
        writer.write(COMPLETED)

    async with asyncio.timeout(10), asking(script, ledger) as got:
        assert got.headers["x-gateway-contract"] == "openai-direct@2026-10-01"
        assert got.headers["content-type"].startswith("text/event-stream")
        assert await got.content.readexactly(len(PARTIAL)) == PARTIAL
        seen.set()
        rest = await got.read()
    member = json.loads(rest.split(b"data: ")[1])["gateway"]
    assert rest.startswith(COMPLETED[:-3])
    assert (member["images"], member["cost"]) == (1, "0.00595")
    assert ledger.entries[1].kind is Kind.SETTLE


async def test_the_bytes_of_a_stream_are_the_provider_s() -> None:
    """Comments, unknown events and line ends pass unchanged; only the last event gets a member more."""
    noise = b': hello\r\n\r\nevent: image_generation.news\r\ndata: {"type": "image_generation.news"}\r\n\r\n'
    async with asking(STREAM_HEAD + noise + PARTIAL + COMPLETED, KeptLedger()) as got:
        body = await got.read()
    assert body.startswith(noise + PARTIAL + COMPLETED[:-3])
    assert body.count(b'"gateway"') == 1


async def test_an_error_before_any_image_is_an_answer_with_its_status() -> None:
    """Nothing has left, so it is told like any other error, and surely cost nothing."""
    ledger = KeptLedger()
    async with asking(STREAM_HEAD + FAILED, ledger) as got:
        assert (got.status, got.headers["x-gateway-owner"]) == (400, "moderation")
        assert (await got.json())["error"]["code"] == "moderation_blocked"
    assert ledger.entries[1].kind is Kind.VOID


@pytest.mark.parametrize(
    ("rest", "code", "owner"),
    [(FAILED, "moderation_blocked", "moderation"), (b"", "upstream_answer_unusable", "provider")],
    ids=["error event", "no completed event"],
)
async def test_a_stream_that_fails_ends_with_an_error_that_the_sdk_raises(rest: bytes, code: str, owner: str) -> None:
    """After the first event; what it may have cost is exposure."""
    ledger, seen = KeptLedger(), asyncio.Event()

    async def script(writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD + PARTIAL)
        await seen.wait()
        writer.write(rest)

    async with (
        provider(script) as url,
        gateway_to(url, ledger) as client,
        openai.AsyncOpenAI(base_url=f"{client._base_url}/v1", api_key=KEY, max_retries=0) as sdk,
    ):
        events = await sdk.images.generate(**WISH)
        assert (await anext(events)).type == "image_generation.partial_image"
        seen.set()
        with pytest.raises(openai.APIError) as caught:
            await anext(events)
    assert caught.value.code == code
    assert (ledger.entries[1].kind, ledger.entries[1].owner) == (Kind.EXPIRE, owner)


async def test_what_comes_with_an_error_still_passes() -> None:
    """A finished image and the failure of the next one in the same breath: the image arrives, then the error."""
    ledger, seen = KeptLedger(), asyncio.Event()

    async def script(writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD + PARTIAL)
        await seen.wait()
        writer.write(COMPLETED + FAILED)

    async with asyncio.timeout(10), asking(script, ledger, asked={"n": 2}) as got:
        await got.content.readexactly(len(PARTIAL))
        seen.set()
        rest = await got.read()
    assert rest.startswith(COMPLETED + b"event: error")
    assert ledger.entries[1].kind is Kind.EXPIRE


async def test_a_stream_cut_in_the_middle_of_an_event_is_broken_off() -> None:
    """Half an image cannot be followed by an error: the connection ends as the provider's did."""
    ledger = KeptLedger()
    async with asking(STREAM_HEAD + PARTIAL[:3000], ledger) as got:
        with pytest.raises(aiohttp.ClientPayloadError):
            await got.read()
    assert ledger.entries[1].kind is Kind.EXPIRE


@pytest.mark.parametrize(
    "answer", [http("200 OK", {"data": [{"b64_json": PNG}]}), STREAM_HEAD, STREAM_HEAD + b"data: [DONE]\n\n"]
)
async def test_a_stream_without_an_image_is_a_failed_attempt(answer: bytes) -> None:
    """Such as an answer that is no stream at all: an app that loops over events would end without an image."""
    ledger = KeptLedger()
    async with asking(answer, ledger) as got:
        assert (got.status, got.headers["x-gateway-owner"]) == (503, "provider")
    assert ledger.entries[1].kind is Kind.EXPIRE


async def test_several_images_come_in_one_stream_and_add_up() -> None:
    """Each reports the tokens of its own; the last one bears the sum's cost."""
    ledger = KeptLedger()
    async with asking(STREAM_HEAD + COMPLETED + COMPLETED + b"data: [DONE]\n\n", ledger, asked={"n": 2}) as got:
        body = await got.read()
    assert body.startswith(COMPLETED + COMPLETED[:-3])
    assert json.loads(body.split(b"data: ")[2])["gateway"]["images"] == 2
    assert (ledger.entries[1].images, ledger.entries[1].cost.text) == (2, "0.0119")


async def test_fewer_images_than_asked_for_are_booked_as_they_came() -> None:
    """No event is left to bear the member: a comment does, which no SDK trips over."""
    ledger = KeptLedger()
    async with asking(STREAM_HEAD + COMPLETED, ledger, asked={"n": 2}) as got:
        body = await got.read()
    assert body.startswith(COMPLETED)
    assert json.loads(body[len(COMPLETED) :].removeprefix(b": "))["gateway"]["images"] == 1
    assert ledger.entries[1].discrepancies == ("count: asked 2, delivered 1",)


async def test_a_stream_cut_behind_its_first_image_is_broken_off() -> None:
    """One image of two has come whole, of the other half an event: that is no delivery of one image."""
    ledger = KeptLedger()
    async with asking(STREAM_HEAD + COMPLETED + COMPLETED[:2000], ledger, asked={"n": 2}) as got:
        with pytest.raises(aiohttp.ClientPayloadError):
            await got.read()
    assert ledger.entries[1].kind is Kind.EXPIRE


async def test_a_silent_stream_is_kept_alive() -> None:
    """Comments while the provider thinks, before and after its head, so that no proxy on the way cuts the job off."""
    ledger, go = KeptLedger(), asyncio.Event()

    async def script(writer: asyncio.StreamWriter) -> None:
        await go.wait()
        writer.write(STREAM_HEAD + PARTIAL)
        await writer.drain()
        go.clear()
        await go.wait()
        writer.write(COMPLETED)

    async with asyncio.timeout(10), asking(script, ledger, heartbeat_s=0.05) as got:
        assert (got.status, await got.content.readline()) == (200, HEARTBEAT)
        go.set()
        while (seen := await got.content.readline()) == HEARTBEAT:
            pass
        assert seen + await got.content.readexactly(len(PARTIAL) - len(seen)) == PARTIAL
        assert await got.content.readline() == HEARTBEAT
        go.set()
        assert b'"gateway"' in await got.read()
    assert ledger.entries[1].kind is Kind.SETTLE


async def test_a_failure_after_a_heartbeat_is_an_error_event() -> None:
    """The head has left, so the provider's 429 becomes the event that SDKs raise on."""
    ledger, go = KeptLedger(), asyncio.Event()

    async def script(writer: asyncio.StreamWriter) -> None:
        await go.wait()
        error = {"message": "Slow down.", "type": "input-images", "code": "rate_limit_exceeded", "param": None}
        writer.write(http("429 Too Many Requests", {"error": error}))

    async with asyncio.timeout(10), asking(script, ledger, heartbeat_s=0.05) as got:
        await got.content.readline()
        go.set()
        body = await got.read()
    last = json.loads(body.rstrip().split(b"data: ")[-1])
    assert (last["type"], last["error"]["code"], last["gateway"]["owner"]) == ("error", "rate_limit_exceeded", "rate_limit")
    assert ledger.entries[1].kind is Kind.VOID


async def test_a_client_that_leaves_a_stream_still_pays_for_it() -> None:
    """By default the provider's answer is awaited and booked, whoever is there to see it."""
    ledger, go = KeptLedger(), asyncio.Event()

    async def script(writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD + PARTIAL)
        await go.wait()
        writer.write(COMPLETED)

    async with asyncio.timeout(10), provider(script) as url, gateway_to(url, ledger) as client:
        got = await client.post("/v1/images/generations", json=WISH)
        await got.content.readexactly(len(PARTIAL))
        got.close()
        go.set()
        await ledger.closed.wait()
    assert (ledger.entries[1].kind, ledger.entries[1].images) == (Kind.SETTLE, 1)


@pytest.mark.parametrize("begun", [False, True])
async def test_a_call_is_broken_off_where_the_app_s_policy_says_so(begun: bool) -> None:
    """``on_disconnect: cancel`` closes the provider's connection and books exposure, before and after the first event."""
    ledger, asked, hung_up = KeptLedger(), asyncio.Event(), asyncio.Event()

    async def script(writer: asyncio.StreamWriter) -> None:
        if begun:
            writer.write(STREAM_HEAD + PARTIAL)
        asked.set()
        try:
            while True:
                await asyncio.sleep(0.01)
                writer.write(b": still here\n\n" if begun else b"HTTP/1.1 102 Processing\r\n\r\n")
                await writer.drain()
        except ConnectionError:
            pass
        hung_up.set()

    app = replace(APP, on_disconnect=OnDisconnect.CANCEL)
    async with asyncio.timeout(10), provider(script) as url, gateway_to(url, ledger, app=app) as client:
        asking_now = asyncio.ensure_future(client.post("/v1/images/generations", json=WISH))
        await asked.wait()
        if begun:
            (await asking_now).close()
        else:
            asking_now.cancel()
        await ledger.closed.wait()
        await hung_up.wait()
    assert (ledger.entries[1].kind, ledger.entries[1].owner) == (Kind.EXPIRE, "caller")
