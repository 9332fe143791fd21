"""The bridge against vendors' own wire formats: one call is one attempt, what they say is understood, nothing else is sent."""

import asyncio
import base64
import gc
import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx  # noqa: TID251 -- what litellm's answers are made of
import pytest
from aiohttp import web

from gateway.core.diagnosis.facts import Facts
from gateway.core.diagnosis.provider_error import read_error
from gateway.core.diagnosis.rules import diagnose
from gateway.core.outcome import Outcome, Owner, Stage
from gateway.core.secret import Secret
from gateway.core.snapshot import ProviderSettings, Timeouts
from gateway.ports import UpstreamCall, UpstreamFailed
from gateway.providers.litellm_bridge import LitellmBridge
from tests.integration.vendors import PNG, Vendors, cuts, hangs, says, vendors

# The upstream model, where a vendor's key stands, and how many images it makes a call.
MODELS = {
    "fal": ("fal_ai/fal-ai/flux/schnell", "Key sk-fake-1", 3),
    "stability": ("stability/stable-image-core", "Bearer sk-fake-1", 1),
    "imagen": ("gemini/imagen-4.0-generate-001", "sk-fake-1", 3),
    "gemini": ("gemini/gemini-2.5-flash-image", "sk-fake-1", 2),
    "bedrock": ("bedrock/amazon.nova-canvas-v1:0", "Bearer sk-fake-1", 3),
    "bfl": ("black_forest_labs/flux-pro-1.1", "sk-fake-1", 1),
    "vertex": ("vertex_ai/imagen-4.0-generate-001", "Bearer sk-fake-1", 3),
    "recraft": ("recraft/recraftv3", "Bearer sk-fake-1", 3),
}
PLACES = {"imagen": "gemini", "vertex": "vertex/imagen"}
OPTIONS = {
    "bedrock": {"aws_region_name": "us-east-1"},
    "vertex": {"vertex_project": "teapots", "vertex_location": "europe-west4"},
}
# How each says that a safety system has refused, with the status that it gives it.
REFUSALS: dict[str, tuple[int, Any]] = {
    "fal": (422, {"detail": [{"msg": "Flagged by a content checker.", "type": "content_policy_violation"}]}),
    "stability": (403, {"id": "1", "name": "content_moderation", "errors": ["Your request was flagged by our system."]}),
    "imagen": (200, {"predictions": [{"raiFilteredReason": "The prompt violates usage guidelines. Support codes: 58061214"}]}),
    "vertex": (200, {"predictions": [{"raiFilteredReason": "The prompt violates usage guidelines. Support codes: 58061214"}]}),
    "gemini": (200, {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"totalTokenCount": 5}}),
    "bedrock": (400, {"message": "This request has been blocked by our content filters."}),
}  # fmt: skip
pytestmark = pytest.mark.filterwarnings("ignore:Item .* on TypedDict:UserWarning")  # of pydantic, where litellm's types are built
every_vendor = pytest.mark.parametrize("vendor", MODELS)


@pytest.fixture
async def there() -> AsyncIterator[Vendors]:
    async with vendors() as found:
        yield found


def call(there: Vendors, vendor: str, total_s: float, wish: dict[str, Any]) -> UpstreamCall:
    place = f"{there.url}/{PLACES.get(vendor, vendor)}"
    settings = ProviderSettings(vendor, "litellm", place, Secret("sk-fake-1"), None, None, Timeouts(2, total_s))
    settings = replace(settings, options=OPTIONS.get(vendor, {}))
    body = json.dumps({"model": MODELS[vendor][0], "prompt": "A teapot", "n": 1} | wish).encode()
    return UpstreamCall(settings, "images/generations", "gw_1", body)


async def ask(there: Vendors, vendor: str, *, total_s: float = 10.0, **wish: Any) -> tuple[int, dict[str, str], Any]:
    """One call through the bridge; status, headers and the body as the relay reads it."""
    response = await LitellmBridge(1024 * 1024).send(call(there, vendor, total_s, wish))
    read = b"".join([data async for data in response.chunks()])
    response.release()
    return response.status, dict(response.headers), json.loads(read)


@every_vendor
async def test_an_image_comes_in_openai_s_shape(there: Vendors, vendor: str) -> None:
    """Base64, or a link where the vendor gives one; tokens that nobody has reported are not zero but absent."""
    status, headers, body = await ask(there, vendor, size="1024x1024")
    assert (status, headers["content-type"]) == (200, "application/json")
    [item] = body["data"]
    assert item.get("url", "").endswith("/pictures/one.png") or base64.b64decode(item["b64_json"]) == PNG
    assert body["created"] > 1_700_000_000
    assert ("usage" in body) == (vendor == "gemini")
    [(_, key, _)] = there.asked
    assert key == MODELS[vendor][1]


@every_vendor
async def test_several_images(there: Vendors, vendor: str) -> None:
    """Where the vendor makes several; one that makes one at a time is not asked for more."""
    most = MODELS[vendor][2]
    status, _, body = await ask(there, vendor, n=max(most, 2))
    if most == 1:
        assert (status, body["error"]["param"], there.asked) == (400, "n", [])
    else:
        assert (len(body["data"]), len(there.asked)) == (most, 1)


@every_vendor
@pytest.mark.parametrize(
    ("status", "said", "owner"),
    [
        (429, {"detail": "Too many requests"}, Owner.RATE_LIMIT),
        (401, {"detail": "No such key"}, Owner.ACCOUNT),
        (503, {"detail": "Overloaded"}, Owner.PROVIDER),
    ],
)
async def test_a_refusal_is_handed_on_as_it_came(
    there: Vendors, vendor: str, status: int, said: dict[str, Any], owner: Owner
) -> None:
    """Status, words and headers; asked once: nobody retries behind the gateway's back."""
    there.fault = says(status, said, **{"retry-after": "7", "x-request-id": "up-1"})
    found, headers, body = await ask(there, vendor)
    assert (found, body, len(there.asked)) == (status, said, 1)
    assert (headers.get("retry-after"), headers.get("x-request-id")) == ("7", "up-1")
    assert diagnose(Facts(Stage.STATUS, found, read_error(body, headers))).owner is owner


@pytest.mark.parametrize("vendor", REFUSALS)
async def test_moderation_is_told_from_all_else(there: Vendors, vendor: str) -> None:
    """However the vendor says it, even as a success without an image."""
    there.fault = says(*REFUSALS[vendor])
    status, headers, body = await ask(there, vendor)
    assert diagnose(Facts(Stage.STATUS, status, read_error(body, headers))).owner is Owner.MODERATION


@every_vendor
@pytest.mark.parametrize(
    ("fault", "total_s", "stage"),
    [(hangs, 0.25, Stage.ANSWER), (cuts, 10.0, Stage.ANSWER), (says(200, "<html>"), 10.0, Stage.BODY)],
)
async def test_no_usable_answer_says_how_far_it_came(
    there: Vendors, vendor: str, fault: Any, total_s: float, stage: Stage
) -> None:
    """It may have been made and billed; the text names no host and no key."""
    there.fault = fault
    with pytest.raises(UpstreamFailed) as failed:
        await ask(there, vendor, total_s=total_s)
    assert failed.value.stage is stage
    assert "127.0.0.1" not in str(failed.value)
    assert len(there.asked) == 1


@every_vendor
async def test_nobody_there_is_not_sent(there: Vendors, vendor: str) -> None:
    """So another contract may try."""
    gone = replace(there, url="http://127.0.0.1:1")
    with pytest.raises(UpstreamFailed) as failed:
        await ask(gone, vendor)
    assert failed.value.stage is Stage.CONNECT


@every_vendor
async def test_what_there_is_no_word_for_is_refused_by_name(there: Vendors, vendor: str) -> None:
    """Never dropped, never passed on as litellm's own option."""
    for member, value in (
        ("seed", 1),
        ("api_base", "http://127.0.0.1:1"),
        ("mock_response", "x"),
        ("moderation", "low"),
        *((("style", "vivid"),) if vendor != "recraft" else ()),  # which has styles of its own
    ):
        status, _, body = await ask(there, vendor, **{member: value})
        assert (status, body["error"]["param"]) == (400, member)
    assert there.asked == []


async def test_a_task_is_asked_for_until_it_is_done(there: Vendors) -> None:
    """With the provider's own key; a question that is throttled or lost says nothing of the task."""
    there.pending = 2
    status, _, body = await ask(there, "bfl", size="1024x768", output_format="jpeg")
    assert (status, len(there.asked), there.polls) == (200, 1, ["sk-fake-1"] * 3)
    assert body["data"][0]["url"].endswith("/pictures/one.png")
    assert there.asked[0][2] == {"prompt": "A teapot", "width": 1024, "height": 768, "output_format": "jpeg"}


@pytest.mark.parametrize("fault", [says(429, {"detail": "slow down"}), says(500, "oops"), cuts, says(200, {"status": "Pending"})])
async def test_a_task_that_never_ends_is_given_up_as_one_that_may_have_been_billed(there: Vendors, fault: Any) -> None:
    """It was taken: what becomes of a question for it is no proof that nothing was made."""
    there.poll_fault = fault
    begun_s = time.monotonic()
    with pytest.raises(UpstreamFailed) as failed:
        await ask(there, "bfl", total_s=0.4)
    assert failed.value.stage is Stage.ANSWER
    assert (len(there.asked), len(there.polls) > 1, time.monotonic() - begun_s < 3) == (1, True, True)


@pytest.mark.parametrize(
    ("said", "owner", "outcome"),
    [
        ({"status": "Request Moderated", "details": {"Moderation Reasons": ["x"]}}, Owner.MODERATION, Outcome.REJECTED),
        ({"status": "Content Moderated"}, Owner.MODERATION, Outcome.AMBIGUOUS),
    ],
)
async def test_a_task_may_be_refused_later(there: Vendors, said: Any, owner: Owner, outcome: Outcome) -> None:
    """As the vendor says it."""
    there.poll_fault = says(200, said)
    status, headers, body = await ask(there, "bfl")
    found = diagnose(Facts(Stage.STATUS, status, read_error(body, headers)))
    assert (found.owner, found.outcome) == (owner, outcome)


@pytest.mark.parametrize("said", [{"status": "Failed"}, {"status": "Task not found"}, ["odd"], "no JSON"])
async def test_a_task_that_failed_may_have_been_billed(there: Vendors, said: Any) -> None:
    """Nobody can know."""
    there.poll_fault = says(200, said)
    with pytest.raises(UpstreamFailed) as failed:
        await ask(there, "bfl")
    assert failed.value.stage is Stage.BODY


@pytest.mark.parametrize("place", ["https://api.bfl.ai.evil.example/x", "http://169.254.169.254/", "http://127.0.0.1:1/x", ""])
async def test_the_key_goes_nowhere_else_with_a_question(there: Vendors, place: str) -> None:
    """An answer may name any address."""
    there.fault = says(200, {"id": "one", "polling_url": place})
    with pytest.raises(UpstreamFailed) as failed:
        await ask(there, "bfl")
    assert (failed.value.stage, "elsewhere" in str(failed.value)) == (Stage.BODY, True)


async def test_no_redirect_is_followed(there: Vendors) -> None:
    """It could lead the key anywhere."""
    there.fault = says(307, {}, location=f"{there.url}/stability/elsewhere")
    with pytest.raises(UpstreamFailed):
        await ask(there, "stability")
    assert len(there.asked) == 1


async def test_a_call_that_nobody_waits_for_is_broken_off(there: Vendors) -> None:
    """Its thread does not wait on for what may never come."""
    came, left = asyncio.Event(), asyncio.Event()

    async def watches(request: web.Request) -> web.StreamResponse:
        came.set()
        while request.transport is not None and not request.transport.is_closing():
            await asyncio.sleep(0.01)
        left.set()
        return web.Response()

    there.fault = watches
    asking = asyncio.create_task(ask(there, "fal", total_s=60.0))
    async with asyncio.timeout(10):
        await came.wait()
        asking.cancel()
        await left.wait()


async def test_an_answer_leaves_nothing_behind_that_waits_for_garbage_collection(there: Vendors) -> None:
    """It is large, and full collections are rare."""
    await ask(there, "stability")
    gc.collect()
    gc.disable()
    try:
        for vendor in ("stability", "gemini", "bedrock"):
            await ask(there, vendor)
        assert [it for it in gc.get_objects() if isinstance(it, httpx.Response) and it.status_code == 200] == []
    finally:
        gc.enable()
