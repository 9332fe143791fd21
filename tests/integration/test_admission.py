"""Room: what is too much is turned away at once and recognisably, what is slow is waited for, within bounds."""

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, cast

import aiohttp
import pytest

from gateway.config.change.current import Current
from gateway.core.ledger.entry import Kind
from gateway.engine.claims.pickup import Answer
from gateway.listener import listening
from gateway.relay.result_file import ResultHead
from gateway.server.planes import data_plane
from gateway.server.requests import requests_router
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.request_log import RequestLog
from tests.integration.in_process import DIGEST, KEY, gateway_to
from tests.integration.odd_provider import PNG, KeptLedger, http, provider
from tests.unit.core.samples import APP, snapshot

GENERATIONS = "/v1/images/generations"
WISH = {"model": "gpt-image-2", "prompt": "A teapot", "size": "1024x1024", "quality": "low"}
IMAGE: dict[str, Any] = {"created": 1, "data": [{"b64_json": PNG}], "usage": {"input_tokens": 14, "output_tokens": 196}}


def assert_turned_away(answer: aiohttp.ClientResponse, code: str, found: dict[str, Any]) -> None:
    """Not a provider's 429 and not an app's limit: the gateway's own 503, with nothing sent."""
    assert (answer.status, found["error"]["code"]) == (503, code)
    assert (answer.headers["x-gateway-owner"], answer.headers["x-should-retry"]) == ("gateway", "true")
    assert (answer.headers["x-gateway-attempts"], answer.headers["x-gateway-contract"]) == ("0", "none")
    assert int(answer.headers["retry-after"]) >= 1


async def test_too_many_requests_at_once_are_turned_away() -> None:
    """Those in flight finish; health answers all the while; the next one is taken again."""
    arrived, go = asyncio.Event(), asyncio.Event()

    async def script(writer: asyncio.StreamWriter) -> None:
        arrived.set()
        await go.wait()
        writer.write(http("200 OK", IMAGE))

    async with asyncio.timeout(10), provider(script) as url, gateway_to(url, KeptLedger(), in_flight_requests_max=1) as client:
        first = asyncio.ensure_future(client.post(GENERATIONS, json=WISH))
        await arrived.wait()
        async with client.post(GENERATIONS, json=WISH) as second:
            assert_turned_away(second, "requests_in_flight", await second.json())
        async with client.get("/healthz") as health, client.get("/readyz") as ready:
            assert (health.status, ready.status) == (200, 200)
        go.set()
        assert (await first).status == 200
        async with client.post(GENERATIONS, json=WISH) as third:
            assert third.status == 200


@pytest.mark.parametrize("declared", [True, False], ids=["content-length", "chunked"])
async def test_too_many_bytes_at_once_are_turned_away(declared: bool) -> None:
    """By the declared length before a byte is read, or as soon as they arrive; what was held is given back."""
    body = b'{"model": "gpt-image-2", "prompt": "%b"}' % (b"x" * 5000)

    async def chunked() -> Any:
        yield body

    headers = {"content-type": "application/json"}
    async with provider(http("200 OK", IMAGE)) as url, gateway_to(url, KeptLedger(), in_flight_bytes_max=4096) as client:
        async with client.post(GENERATIONS, data=body if declared else chunked(), headers=headers) as answer:
            assert_turned_away(answer, "bytes_in_flight", await answer.json())
        async with client.post(GENERATIONS, json=WISH) as answer:
            assert answer.status == 200


async def test_uploads_that_do_not_come_hold_no_room() -> None:
    """Whatever they declare: nobody else is turned away for bytes that have not arrived."""
    head = f"POST /v1/images/edits HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\ncontent-type: application/json\r\n"
    async with (
        asyncio.timeout(10),
        provider(http("200 OK", IMAGE)) as url,
        gateway_to(url, KeptLedger(), in_flight_bytes_max=10_000, upload_bytes_max=9_000, upload_wait_s_max=60) as client,
    ):
        base = client._base_url
        assert base is not None
        idle = [await asyncio.open_connection(base.host, base.port) for _ in range(20)]
        for _, writer in idle:
            writer.write(f'{head}content-length: 9000\r\n\r\n{{"model":'.encode())
        async with client.post("/v1/images/edits", data=b"x" * 9_500, headers={"content-type": "application/json"}) as answer:
            assert answer.status == 413
        async with client.post(GENERATIONS, json=WISH | {"prompt": "x" * 5_000}) as answer:
            assert answer.status == 200
        for _, writer in idle:
            writer.close()


async def test_an_upload_that_stands_still_ends_early() -> None:
    """Long before the time that a whole body may take."""
    head = f"POST /v1/images/edits HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\ncontent-type: application/json\r\n"
    async with (
        asyncio.timeout(10),
        gateway_to("http://127.0.0.1:9/v1", KeptLedger(), client_stall_s_max=0.2, upload_wait_s_max=600) as client,
    ):
        base = client._base_url
        assert base is not None
        reader, writer = await asyncio.open_connection(base.host, base.port)
        writer.write(f'{head}content-length: 9000\r\n\r\n{{"model":'.encode())
        answer = await reader.read(64 * 1024)
        writer.close()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"arrived within 0.2 s" in answer


async def test_a_slow_client_slows_the_provider_and_gets_everything() -> None:
    """The gateway takes no more from the provider than the client takes from it."""
    written, size = 0, 64 * 1024 * 1024
    head = b'{"created":1,"data":[{"b64_json":"' + PNG.encode()
    tail = b'"}]}'

    async def script(writer: asyncio.StreamWriter) -> None:
        nonlocal written
        length = len(head) + size + len(tail)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % length + head)
        while written < size:
            writer.write(b"A" * 65536)
            written += 65536
            await writer.drain()
        writer.write(tail)

    async with (
        asyncio.timeout(30),
        provider(script) as url,
        gateway_to(url, KeptLedger()) as client,
        client.post(GENERATIONS, json=WISH) as answer,
    ):
        before = -1
        while written != before:  # until nothing moves any more
            before = written
            await asyncio.sleep(0.1)
        assert written < size / 2
        assert len(await answer.read()) > size


async def test_a_client_that_takes_nothing_is_cut_off_and_booked() -> None:
    """It holds the attempt for a bounded time, then counts as one that has left: the image is settled."""
    head = b'{"created":1,"usage":{"input_tokens":14,"output_tokens":196},"data":[{"b64_json":"' + PNG.encode()
    body = head + b"A" * (32 * 1024 * 1024) + b'"}]}'
    ledger = KeptLedger()
    async with (
        asyncio.timeout(30),
        provider(http("200 OK", body)) as url,
        gateway_to(url, ledger, client_stall_s_max=0.2) as client,
    ):
        base = client._base_url
        assert base is not None
        with socket.create_connection((base.host, base.port)) as deaf:
            wish = b'{"model":"gpt-image-2","prompt":"x"}'
            lines = [b"POST /v1/images/generations HTTP/1.1", b"host: x", b"authorization: Bearer " + KEY.encode()]
            lines += [b"content-type: application/json", b"content-length: %d" % len(wish), b"", wish]
            deaf.sendall(b"\r\n".join(lines))
            await ledger.closed.wait()
    assert (ledger.entries[1].kind, ledger.entries[1].images) == (Kind.SETTLE, 1)


class _Store:
    """Has one large answer of the app, and tells when it is closed."""

    def __init__(self) -> None:
        self.closed = asyncio.Event()
        self.given = 0
        cost = {"cost": "0.01", "currency": "USD", "basis": "computed"}
        self.head = ResultHead(APP.id, "m", "c", stream=True, status=200, headers=(("x-kept", "1"),), length=0, **cost)

    async def answer(self, app: str, request_id: str) -> Answer:
        return Answer(cast("Any", self), request_id)

    async def chunks(self) -> AsyncIterator[bytes]:
        for _ in range(1_000):
            self.given += 1
            yield b"A" * 65_536

    def close(self) -> None:
        self.closed.set()


@pytest.mark.parametrize("reads", [True, False])
async def test_a_kept_answer_is_not_held_for_a_client_that_takes_nothing(reads: bool) -> None:
    """It is cut off as at a generation, and the file is closed; one that reads gets all of it."""
    store, current = _Store(), Current(replace(snapshot(), apps={DIGEST: replace(APP, key_hashes=(DIGEST,))}))
    metrics = Metrics(lambda: 0.0, lambda: 0, "r")
    router = requests_router(current, cast("Any", store), 0.3)
    plane = data_plane(current, {}, metrics, RequestLog(None), KeptLedger(), routers=[router])
    async with asyncio.timeout(20), listening(plane, "127.0.0.1", 0, grace_s=1) as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]), limit=1024)
        writer.write(b"GET /v1/gateway/requests/gw_%s/result HTTP/1.1\r\nhost: x\r\nconnection: close\r\n" % (b"0" * 32))
        writer.write(b"authorization: Bearer " + KEY.encode() + b"\r\n\r\n")
        got = 0
        while reads and (piece := await reader.read(65_536)):
            got += len(piece)
        await store.closed.wait()
        writer.close()
    assert (store.given == 1_000) is reads
    assert not reads or got > 1_000 * 65_536
