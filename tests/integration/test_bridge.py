"""The bridge against vendors' own wire formats: one call is one attempt, what they say is understood, nothing else is sent."""

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from gateway.core.diagnosis import Stage
from gateway.core.secret import Secret
from gateway.core.snapshot import ProviderSettings, Timeouts
from gateway.ports import UpstreamCall, UpstreamFailed
from gateway.providers.litellm_bridge import LitellmBridge
from tests.integration.vendors import PNG, Vendors, cuts, hangs, says, vendors

# The upstream model, and where a vendor's key stands.
MODELS = {
    "fal": ("fal_ai/fal-ai/flux/schnell", "Key sk-fake-1"),
    "stability": ("stability/stable-image-core", "Bearer sk-fake-1"),
    "gemini": ("gemini/imagen-4.0-generate-001", "sk-fake-1"),
}
pytestmark = pytest.mark.parametrize("vendor", MODELS)


@pytest.fixture
async def there() -> AsyncIterator[Vendors]:
    async with vendors() as found:
        yield found


async def ask(there: Vendors, vendor: str, *, total_s: float = 10.0, **wish: Any) -> tuple[int, dict[str, str], dict[str, Any]]:
    """One call through the bridge; status, headers and the body as the relay reads it."""
    settings = ProviderSettings(vendor, "litellm", f"{there.url}/{vendor}", Secret("sk-fake-1"), None, None, Timeouts(2, total_s))
    body = json.dumps({"model": MODELS[vendor][0], "prompt": "A teapot", "n": 1} | wish).encode()
    response = await LitellmBridge().send(UpstreamCall(settings, "images/generations", "gw_1", body))
    read = b"".join([data async for data in response.chunks()])
    response.release()
    return response.status, dict(response.headers), json.loads(read)


async def test_an_image_comes_in_openai_s_shape(there: Vendors, vendor: str) -> None:
    """Base64, or a link where the vendor gives one; tokens that nobody has reported are not zero but absent."""
    status, headers, body = await ask(there, vendor, size="1024x1024")
    assert (status, headers["content-type"]) == (200, "application/json")
    [item] = body["data"]
    assert item.get("url", "").endswith("/pictures/one.png") or base64.b64decode(item["b64_json"]) == PNG
    assert body["created"] > 1_700_000_000
    assert "usage" not in body
    [(_, key, _)] = there.asked
    assert key == MODELS[vendor][1]


async def test_several_images(there: Vendors, vendor: str) -> None:
    """Where the vendor makes several; one that makes one at a time is asked once, and the relay counts."""
    if vendor == "stability":
        status, _, body = await ask(there, vendor, n=2)
        assert (status, len(there.asked)) in {(200, 1), (400, 0)}, body
        return
    _, _, body = await ask(there, vendor, n=3)
    assert (len(body["data"]), len(there.asked)) == (3, 1)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (429, {"detail": "Too many requests"}),
        (401, {"detail": "No such key"}),
        (422, {"detail": [{"msg": "The prompt violates the content policy", "type": "content_policy_violation"}]}),
        (503, {"detail": "Overloaded"}),
    ],
)
async def test_a_refusal_keeps_its_status_its_words_and_its_headers(
    there: Vendors, vendor: str, status: int, said: dict[str, Any]
) -> None:
    """Asked once: nobody retries behind the gateway's back."""
    there.fault = says(status, said, **{"retry-after": "7", "x-request-id": "up-1"})
    found, headers, body = await ask(there, vendor)
    assert (found, len(there.asked)) == (status, 1)
    assert (headers.get("retry-after"), headers.get("x-request-id")) == ("7", "up-1")
    assert json.loads(body["error"]["message"]) == said


@pytest.mark.parametrize(("fault", "stage"), [(hangs, Stage.ANSWER), (cuts, Stage.ANSWER), (says(200, "<html>"), Stage.BODY)])
async def test_no_usable_answer_says_how_far_it_came(there: Vendors, vendor: str, fault: Any, stage: Stage) -> None:
    """It may have been made and billed; the text names no host and no key."""
    there.fault = fault
    with pytest.raises(UpstreamFailed) as failed:
        await ask(there, vendor, total_s=1.0)
    assert failed.value.stage is stage
    assert "127.0.0.1" not in str(failed.value)
    assert len(there.asked) == 1


async def test_nobody_there_is_not_sent(there: Vendors, vendor: str) -> None:
    """So another contract may try."""
    gone = replace(there, url="http://127.0.0.1:1")
    with pytest.raises(UpstreamFailed) as failed:
        await ask(gone, vendor)
    assert failed.value.stage is Stage.CONNECT


async def test_what_there_is_no_word_for_is_refused_by_name(there: Vendors, vendor: str) -> None:
    """Never dropped, never passed on as litellm's own option."""
    for member, value in (
        ("seed", 1),
        ("api_base", "http://127.0.0.1:1"),
        ("mock_response", "x"),
        ("moderation", "low"),
        ("output_format", "png"),
    ):
        status, _, body = await ask(there, vendor, **{member: value})
        assert (status, body["error"]["param"]) == (400, member)
    assert there.asked == []
