"""Answers that no provider should give, byte for byte: each is told cleanly, leaks nothing and is booked."""

import asyncio
import json
from decimal import Decimal
from typing import Any

import pytest

from gateway.core.ledger.entry import Entry, Kind
from gateway.core.money.amount import Basis
from tests.integration.in_process import CREDENTIAL, gateway_to
from tests.integration.odd_provider import PNG, KeptLedger, http, provider

WISH = {"model": "gpt-image-2", "prompt": "A teapot", "size": "1024x1024", "quality": "low"}
IMAGE = [{"b64_json": PNG}]
USAGE = {"input_tokens": 14, "output_tokens": 196}


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


@pytest.mark.parametrize(
    "data",
    [[{"b64_json": "A" * 4000}], [{"b64_json": "PGh0bWw+"}], [{"b64_json": ""}], [{"b64_json": PNG[:8]}], [{"b64_json": None}]],
    ids=["no image", "html", "empty", "too short", "null"],
)
async def test_bytes_that_are_no_image_are_a_failed_attempt(data: list[dict[str, Any]]) -> None:
    """Nothing of them reaches the app; what they cost is exposure."""
    status, headers, text, entries = await ask(http("200 OK", image(data=data)))
    assert (status, headers["x-gateway-owner"], entries[1].kind) == (503, "provider", Kind.EXPIRE)
    assert "AAAA" not in text


@pytest.mark.parametrize(
    ("members", "asked", "words"),
    [
        ({"data": IMAGE * 3}, {}, "count: asked 1, delivered 3"),
        ({"data": IMAGE}, {"n": 2}, "count: asked 2, delivered 1"),
        ({"data": [*IMAGE, {"b64_json": "A" * 2000}]}, {"n": 2}, "count: asked 2, delivered 1"),
        ({}, {"size": "2048x2048"}, "size: asked 2048x2048, delivered 1024x1024"),
        ({}, {"output_format": "webp"}, "format: asked webp, delivered png"),
        ({"usage": {"input_tokens": 14, "output_tokens": 7024}}, {}, "tokens: asked 196 by the formula, delivered 7024"),
    ],
)
async def test_another_delivery_than_asked_for_is_recorded(members: dict, asked: dict, words: str) -> None:
    """The image is delivered and booked; the difference stands in the tag, in the ledger and in the metrics."""
    ledger = KeptLedger()
    async with (
        provider(http("200 OK", image(**members))) as url,
        gateway_to(url, ledger) as client,
        client.post("/v1/images/generations", json=WISH | asked) as got,
    ):
        assert words in (await got.json())["gateway"]["discrepancies"]
    assert ledger.entries[1].kind is Kind.SETTLE
    assert words in ledger.entries[1].discrepancies


async def test_an_answer_is_over_when_its_object_is() -> None:
    """A provider that keeps the connection open behind the last brace keeps nobody waiting."""

    async def script(writer: asyncio.StreamWriter) -> None:
        body = json.dumps(image()).encode()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n")
        writer.write(b"%x\r\n%b\r\n" % (len(body), body))
        await writer.drain()
        await asyncio.sleep(60)

    ledger = KeptLedger()
    async with (
        asyncio.timeout(10),
        provider(script) as url,
        gateway_to(url, ledger) as client,
        client.post("/v1/images/generations", json=WISH) as got,
    ):
        assert (await got.json())["gateway"]["images"] == 1
    assert ledger.entries[1].kind is Kind.SETTLE
