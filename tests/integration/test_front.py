"""Both planes of a real gateway, spoken to by people without a key, in bytes that no client library would send."""

import asyncio
import json
import time
from contextlib import AsyncExitStack
from typing import Any

import psutil
import pytest

from tests.integration.descriptors import few_descriptors
from tests.integration.in_process import gateway_to
from tests.integration.odd_provider import PNG, KeptLedger, http, provider
from tests.integration.programs import STOREFRONT_KEY, House
from tests.integration.raw import Answer, raw

WISH = {"model": "gpt-image-2", "prompt": "A teapot", "size": "1024x1024", "quality": "low"}
BODY = json.dumps(WISH).encode()
KEY = f"authorization: Bearer {STOREFRONT_KEY}\r\n".encode()
JSON = b"content-type: application/json\r\n"
POST = b"POST /v1/images/generations HTTP/1.1\r\nhost: gateway\r\n"
LENGTH = b"content-length: %d\r\n\r\n" % len(BODY)
CHUNKS = b"transfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n" % (len(BODY), BODY)
MEMORY_BYTES_MAX = 15 * 1024 * 1024


async def said(url: str, *parts: bytes, bodiless: bool = False) -> Answer:
    """The answer to these bytes."""
    async with raw(url) as client:
        await client.say(*parts)
        return await client.answer(bodiless=bodiless)


async def test_a_key_in_a_trailer_opens_nothing(house: House) -> None:
    """Neither in one piece with its head, nor byte for byte; a body between them is not read."""
    request = POST + JSON + CHUNKS + KEY + b"\r\n"
    for parts in ([request], [request[at : at + 1] for at in range(len(request))]):
        assert (await said(house.url, *parts)).status == 401


async def test_a_trailer_changes_no_header(house: House) -> None:
    """It demands no contract, and it is no content type."""
    answer = await said(
        house.url, POST + KEY + JSON + CHUNKS + b"x-gateway-require-contract: none@1\r\ncontent-type: text/plain\r\n\r\n"
    )
    assert answer.status == 200


@pytest.mark.parametrize("protocol", [b"h2c", b"websocket", b"TLS/1.3"])
async def test_an_offer_of_another_protocol_costs_no_body(house: House, protocol: bytes) -> None:
    """As Java's HttpClient and curl --http2 make it with each request over cleartext."""
    offer = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: " + protocol + b"\r\nhttp2-settings: AAEAAEAAAAIAAAAA\r\n"
    answer = await said(house.url, POST + KEY + JSON + offer + LENGTH, BODY)
    assert answer.status == 200
    assert "upgrade" not in answer.headers


async def test_every_get_of_both_planes_answers_head(house: House) -> None:
    """With 200 and no body, as probes ask."""
    for url in (
        f"{house.url}/healthz",
        f"{house.url}/readyz",
        f"{house.url}/.well-known/jwks.json",
        f"{house.admin_url}/metrics",
    ):
        base, _, path = url.removeprefix("http://").partition("/")
        answer = await said(f"http://{base}", f"HEAD /{path} HTTP/1.1\r\nhost: {base}\r\n\r\n".encode(), bodiless=True)
        assert (url, answer.status) == (url, 200)
    head = await said(house.url, b"HEAD /v1/images/generations HTTP/1.1\r\nhost: gateway\r\n\r\n", bodiless=True)
    assert (head.status, head.headers["allow"]) == (405, "POST")


async def test_what_is_no_request_is_answered_and_written_down_like_one(house: House) -> None:
    """OpenAI's error, the tag's headers, a line in the log and a metric."""
    answer = await said(house.url, b"POST /v1/images/generations HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n")
    assert (answer.status, answer.error["code"], answer.headers["x-gateway-owner"]) == (400, "invalid_host", "request_shape")
    assert answer.headers["x-gateway-contract"] == "none"
    (line,) = await house.logged(lambda it: it.get("request_id") == answer.headers["x-gateway-request-id"])
    assert (line["status"], line["rule"], line["method"]) == (400, "shape.invalid_host", "POST")
    metrics = (await said(house.admin_url, b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n")).body.decode()
    assert 'gateway_connections_refused_total{plane="data",reason="invalid_host"} 1.0' in metrics
    assert 'gateway_requests_total{app="none",contract="none",owner="request_shape",path="other",status="400"}' in metrics


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST.:9090", 200),
        ("127.0.0.1:9090", 200),
        ("127.8.8.8", 200),
        ("[::1]:9090", 200),
        ("rebound.example", 421),
        ("localhost.rebound.example", 421),
        ("127.0.0.1.rebound.example", 421),
        ("10.0.0.7", 421),
        ("[fe80::1]", 421),
    ],
)
async def test_the_admin_plane_answers_to_its_own_names(house: House, host: str, status: int) -> None:
    """A page that gives the address a name of its own reads nothing."""
    for path in ("/routes", "/metrics", "/nothing"):
        answer = await said(house.admin_url, f"GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n".encode())
        assert answer.status == (404 if (path, status) == ("/nothing", 200) else status)
    if status == 421:
        assert answer.headers["content-type"] == "application/problem+json"
        assert "admin.hosts" in json.loads(answer.body)["fix"]


FLOODS = {
    "trailers": (b"0\r\n", b"a:b\r\n" * 13_000),
    "one trailer": (b"0\r\nx: ", b"y" * 65_000),
    "chunk extensions": (b"5;", b"y" * 65_000),
    "chunks": (b"", b"f000\r\n" + b"y" * 0xF000 + b"\r\n"),
}


@pytest.mark.parametrize("kind", FLOODS)
@pytest.mark.parametrize("path", ["/v1/images/generations", "/routes/any/override"])
async def test_a_flood_without_a_key_costs_no_memory_and_no_time(house: House, kind: str, path: str) -> None:
    """Ten connections that send 20 MB each are cut off, while others are served as before; on both planes."""
    url = house.url if path.startswith("/v1") else house.admin_url
    begin, more = FLOODS[kind]
    head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n".encode()
    gateway = psutil.Process(house.gateway.process.pid)

    async def flood() -> None:
        async with raw(url) as client:
            try:
                await client.say(head + begin)
                for _ in range(20_000_000 // len(more)):
                    await client.say(more)
            except ConnectionError:
                pass

    await flood()
    before_bytes = gateway.memory_info().rss
    floods = asyncio.gather(*(flood() for _ in range(10)))
    slowest_s = 0.0
    while not floods.done():
        began_s = time.perf_counter()
        assert (await said(house.url, b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n")).status == 200
        slowest_s = max(slowest_s, time.perf_counter() - began_s)
        await asyncio.sleep(0.02)
    await floods
    assert gateway.memory_info().rss - before_bytes < MEMORY_BYTES_MAX
    assert slowest_s < 2


async def test_silent_connections_keep_nobody_out(house: House) -> None:
    """They are counted while they stand, and requests are served beside them."""
    async with AsyncExitStack() as stack:
        for _ in range(200):
            await stack.enter_async_context(raw(house.url))
        assert (await said(house.url, POST + KEY + JSON + LENGTH + BODY)).status == 200
        metrics = (await said(house.admin_url, b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n")).body.decode()
        (line,) = [it for it in metrics.splitlines() if it.startswith('gateway_connections_open{plane="data"}')]
        assert float(line.split()[1]) >= 200


async def test_a_gateway_without_descriptors_blames_itself() -> None:
    """Nothing was sent, the provider has failed nobody, and its route is used again as soon as there are some."""
    image: dict[str, Any] = {"created": 1, "data": [{"b64_json": PNG}], "usage": {"input_tokens": 14, "output_tokens": 196}}
    async with provider(http("200 OK", image)) as url, gateway_to(url, KeptLedger()) as client:
        async with client.get("/healthz") as there:
            assert there.status == 200
        with few_descriptors():
            for _ in range(6):
                async with client.post("/v1/images/generations", json=WISH) as refused:
                    told = await refused.json()
                    assert (refused.status, refused.headers["x-gateway-owner"]) == (503, "gateway")
                    assert told["gateway"]["outcome"] == "not_sent"
                    assert told["error"]["code"] == "gateway_has_no_room"
        async with client.post("/v1/images/generations", json=WISH) as served:
            assert served.status == 200
