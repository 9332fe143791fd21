"""Answers that no provider should give, byte for byte: each is told cleanly, leaks nothing and is booked."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest

from gateway.core.ledger import Entry, Kind
from gateway.core.money import Basis
from tests.integration.in_process import CREDENTIAL, gateway_to

WISH = {"model": "gpt-image-2", "prompt": "A teapot", "size": "1024x1024", "quality": "low"}
IMAGE = [{"b64_json": "A" * 4000}]
USAGE = {"input_tokens": 14, "output_tokens": 196}


class KeptLedger:
    """A ledger that keeps its entries in a list."""

    lag_s = 0.0
    failing = False

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    async def append(self, *entries: Entry) -> None:
        self.entries += entries


@asynccontextmanager
async def provider(answer: bytes) -> AsyncIterator[str]:
    """A server that gives every request these bytes and closes the connection."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
        await reader.readexactly(length)
        writer.write(answer)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        yield f"http://{host}:{port}/v1"


def http(status: str, body: object, *headers: bytes) -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status}".encode(), b"content-type: application/json", b"content-length: %d" % len(content), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + content


def image(**members: Any) -> dict[str, Any]:
    return {"created": 1, "data": IMAGE, "size": "1024x1024", "quality": "low", "usage": USAGE} | members


async def ask(answer: bytes) -> tuple[int, dict[str, str], str, list[Entry]]:
    """Status, headers, text and ledger of one request that the provider answered with these bytes."""
    ledger = KeptLedger()
    async with (
        provider(answer) as url,
        gateway_to(url, ledger) as client,
        client.post("/v1/images/generations", json=WISH) as got,
    ):
        text = await got.text()
    return got.status, {name.lower(): value for name, value in got.headers.items()}, text, ledger.entries


@pytest.mark.parametrize(
    "usage",
    [{}, None, {"prompt_tokens": 10}, {"input_tokens": 0, "output_tokens": 0}, {"input_tokens": 2**63, "output_tokens": 10**40}],
)
async def test_an_image_without_a_usable_usage_costs_unknown(usage: object) -> None:
    """Never zero, never more than the ledger can hold, and the image is delivered."""
    status, _, text, entries = await ask(http("200 OK", image(usage=usage)))
    assert (status, json.loads(text)["gateway"]["cost"]) == (200, None)
    assert [entry.kind for entry in entries] == [Kind.RESERVE, Kind.SETTLE]
    assert entries[1].cost.basis is Basis.UNKNOWN


@pytest.mark.parametrize("echo", [{"size": "\ud800"}, {"quality": "a prompt, echoed"}, {"size": None, "quality": 7}])
async def test_an_odd_echo_is_booked_as_what_was_asked_for(echo: dict[str, object]) -> None:
    """What the provider writes into size and quality cannot keep the booking from being closed."""
    status, _, _, (_, settled) = await ask(http("200 OK", image(**echo)))
    assert (status, settled.size, settled.quality) == (200, "1024x1024", "low")
    assert settled.cost.amount == Decimal("0.00595")


@pytest.mark.parametrize(
    "answer",
    [
        http("200 OK", {"error": {"message": f"org-int says {'x' * 5000}"}}),
        http("200 OK", b'"' + b"a" * 5000 + b'"'),
        http("200 OK", {"revised_prompt": "x" * 5000, "data": []}),
        http("200 OK", b"<html>" + b"x" * 5000),
        http("999 What", {}),
        http("302 Found", b"", b"location: http://10.0.0.7/"),
        http("201 Created", image()),
    ],
    ids=["error in a 200", "no object", "no image", "html", "status 999", "redirect", "status 201"],
)
async def test_a_success_that_is_none_is_a_clean_error(answer: bytes) -> None:
    """503 in OpenAI's shape, nothing of the provider's text, exposure in the ledger, no invitation to retry."""
    status, headers, text, entries = await ask(answer)
    assert (status, headers["x-gateway-owner"], headers["x-should-retry"]) == (503, "provider", "false")
    assert set(json.loads(text)) == {"error", "gateway"}
    assert "org-int" not in text
    assert [entry.kind for entry in entries] == [Kind.RESERVE, Kind.EXPIRE]


async def test_a_proxy_s_503_proves_nothing() -> None:
    """Without the provider's own error the request may have been forwarded: exposure, and no retry."""
    answer = http("503 Service Unavailable", b"upstream connect error or disconnect/reset before headers")
    status, headers, _, entries = await ask(answer)
    assert (status, headers["x-should-retry"], entries[1].kind) == (503, "false", Kind.EXPIRE)


@pytest.mark.parametrize("odd", [b"openai-version: \x01\x7f", b"x-request-id: r\xff\xfe", b"openai-processing-ms: " + b"9" * 999])
async def test_an_odd_header_is_left_out(odd: bytes) -> None:
    """It can break neither the answer's head nor the booking."""
    status, headers, _, entries = await ask(http("200 OK", image(), odd))
    assert (status, entries[1].kind, entries[1].upstream_request_id) == (200, Kind.SETTLE, "")
    assert not {"openai-version", "openai-processing-ms"} & headers.keys()


@pytest.mark.parametrize("wait", [b"http://10.0.0.7/sk-abcdef123", b"\xff\xfe", b"soon"])
async def test_only_a_time_is_passed_as_the_wait(wait: bytes) -> None:
    """Another text in retry-after stays here."""
    error = {"error": {"message": "slow", "type": "input-images", "code": "rate_limit_exceeded"}}
    status, headers, _, _ = await ask(http("429 Too Many Requests", error, b"retry-after: " + wait))
    assert status == 429
    assert "retry-after" not in headers


async def test_a_provider_that_repeats_our_secrets_is_masked() -> None:
    """The route's credential, organization and address, whatever they look like; unknown details are dropped."""
    said = {
        "message": f"Incorrect API key provided: {CREDENTIAL} of org-int",
        "type": "invalid_request_error",
        "code": "invalid_api_key",
        "param": None,
        "moderation_details": {"moderation_stage": "input", "categories": ["violence"], "debug": {"at": "http://10.0.0.7/x"}},
    }
    status, headers, text, _ = await ask(http("401 Unauthorized", {"error": said}))
    assert (status, headers["x-gateway-owner"]) == (401, "account")
    for secret in (CREDENTIAL, "org-int", "10.0.0.7"):
        assert secret not in text
    assert json.loads(text)["error"]["moderation_details"] == {"moderation_stage": "input", "categories": ["violence"]}
