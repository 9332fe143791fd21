"""What an application meets on ``/v1``, over real HTTP."""

import asyncio
import base64
import io
import json

import aiohttp
import pytest
from PIL import Image

from tests.integration.programs import NEWSROOM_KEY, House, control

GENERATIONS = "/v1/images/generations"
WISH = {"model": "gpt-image-2", "prompt": "A teapot", "size": "1024x1024", "quality": "low"}
ON_EVERY_ANSWER = {"x-gateway-request-id", "x-gateway-contract", "x-gateway-attempts", "x-request-id", "server-timing"}
WHERE_A_CONTRACT_SERVED = ON_EVERY_ANSWER | {
    "x-gateway-route",
    "x-gateway-provider",
    "x-gateway-model",
    "x-gateway-billing-owner",
    "x-gateway-limits-owner",
    "x-gateway-support-owner",
    "x-gateway-cost",
    "x-gateway-currency",
    "x-gateway-cost-basis",
}


def names(answer: aiohttp.ClientResponse) -> set[str]:
    return {name.lower() for name in answer.headers}


async def test_an_image_arrives_with_the_whole_tag(app: aiohttp.ClientSession) -> None:
    """The body is the provider's with one member more; the picture has the size asked for."""
    async with app.post(GENERATIONS, json=WISH) as answer:
        body = await answer.json()
        assert answer.status == 200
        assert names(answer) >= WHERE_A_CONTRACT_SERVED
        assert "x-gateway-fallback" not in answer.headers
    assert list(body) == ["created", "background", "data", "output_format", "quality", "size", "usage", "gateway"]
    assert Image.open(io.BytesIO(base64.b64decode(body["data"][0]["b64_json"]))).size == (1024, 1024)
    assert body["gateway"]["cost"] == answer_cost(body["usage"])


def answer_cost(usage: dict) -> str:
    """Text at 5 and images at 30 USD a million tokens, in integers."""
    nanos = usage["input_tokens"] * 5000 + usage["output_tokens"] * 30_000
    return f"0.{nanos:09d}".rstrip("0")


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("POST", "/v1/image/generations", 404, "POST /v1/images/generations"),
        ("POST", "/images/generations", 404, "POST /v1/images/generations"),
        ("POST", "/v1/audio/speech", 404, "This gateway serves"),
        ("GET", "/v1/images/generations", 405, "POST /v1/images/generations"),
        ("GET", "/v1/model", 404, "GET /v1/models"),
        ("GET", "/v1/models/none", 404, "GET /v1/models lists"),
        ("POST", "/v1/images/generations/", 404, "POST /v1/images/generations"),
    ],
)
async def test_a_wrong_path_is_told_the_right_one(
    app: aiohttp.ClientSession, method: str, path: str, status: int, words: str
) -> None:
    """OpenAI-shaped, tagged with no contract."""
    async with app.request(method, path) as answer:
        body = await answer.json()
        assert answer.status == status
        assert names(answer) >= ON_EVERY_ANSWER | {"x-gateway-owner", "x-should-retry"}
        assert answer.headers["x-gateway-contract"] == "none"
    assert words in body["error"]["message"]
    assert set(body["error"]) == {"message", "type", "param", "code"}
    assert body["gateway"]["owner"] == "request_shape"


@pytest.mark.parametrize(
    ("body", "headers", "status", "param", "words"),
    [
        (b"{", {}, 400, None, "could not parse the JSON"),
        (b'["a"]', {}, 400, None, "one JSON object"),
        (b"", {}, 400, None, "could not parse the JSON"),
        (b"\xff\xfe", {}, 400, None, "could not parse the JSON"),
        (b"a=b", {"content-type": "application/x-www-form-urlencoded"}, 400, None, "Send JSON"),
        (json.dumps(WISH | {"prompt": "x" * 32_001}).encode(), {}, 400, "prompt", "32000"),
        (json.dumps(WISH | {"n": 0}).encode(), {}, 400, "n", ">= 1"),
        (json.dumps(WISH | {"model": 7}).encode(), {}, 400, "model", "expected a string"),
        (json.dumps(WISH | {"stream": "yes"}).encode(), {}, 400, "stream", "expected a boolean"),
        (json.dumps(WISH | {"x": "y" * 2_000_000}).encode(), {}, 413, None, "exceeds"),
        (json.dumps(WISH).encode(), {"x-gateway-tag": "team=mine"}, 400, "x-gateway-tag", "not a tag of this app"),
    ],
)
async def test_a_bad_request_is_refused_before_any_provider(
    house: House, app: aiohttp.ClientSession, body: bytes, headers: dict[str, str], status: int, param: str | None, words: str
) -> None:
    """The error names the field, the rule and the fix; no provider hears of it."""
    async with app.post(GENERATIONS, data=io.BytesIO(body), headers={"content-type": "application/json"} | headers) as answer:
        found = await answer.json()
        assert answer.status == status
        assert answer.headers["x-gateway-contract"] == "none"
        assert answer.headers["x-should-retry"] == "false"
    assert found["error"]["param"] == param
    assert words in found["error"]["message"]
    assert control(house.openai.url, "stats")["requests"] == 0


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": "Bearer wrong"},
        {"authorization": "Basic d3Jvbmc="},
    ],
)
@pytest.mark.parametrize(("method", "path"), [("POST", GENERATIONS), ("GET", "/v1/models"), ("GET", "/v1/models/gpt-image-2")])
async def test_without_an_app_s_key_there_is_nothing(house: House, headers: dict[str, str], method: str, path: str) -> None:
    """401 in OpenAI's shape, whoever tries whatever."""
    async with aiohttp.ClientSession(house.url) as session, session.request(method, path, headers=headers, json=WISH) as answer:
        assert answer.status == 401
        assert (await answer.json())["error"]["code"] == "invalid_api_key"
        assert answer.headers["x-gateway-owner"] == "caller"


async def test_a_body_sent_without_a_length_is_bounded_too(app: aiohttp.ClientSession) -> None:
    """A chunked body is cut off at the limit, not collected."""

    async def endless():
        for _ in range(64):
            yield b" " * 65_536

    async with app.post(GENERATIONS, data=endless(), headers={"content-type": "application/json"}) as answer:
        assert answer.status == 413


async def test_the_upstream_gets_the_request_as_it_came(house: House, app: aiohttp.ClientSession) -> None:
    """An alias becomes the upstream's model, parameters that the gateway does not know pass.

    Free tags and the app's key stay here: the provider gets the contract's credential.
    """
    wish = WISH | {"model": "dall-e-3", "moderation": "low", "user": "someone"}
    async with app.post(GENERATIONS, json=wish, headers={"x-gateway-tag": "campaign=autumn"}) as answer:
        assert answer.status == 200
        request_id = answer.headers["x-gateway-request-id"]
    seen = control(house.openai.url, "stats")["last_request"]
    assert seen["fields"] == wish | {"model": "gpt-image-2"}
    assert not [name for name in seen["headers"] if name.startswith("x-gateway")]
    assert seen["headers"]["authorization"] == "Bearer sk-simulated-openai-not-a-secret"
    assert seen["headers"]["x-client-request-id"] == request_id
    assert {json.dumps(entry["tags"]) for entry in house.entries(request_id)} == {'{"campaign": "autumn"}'}


async def test_a_parameter_the_provider_refuses_is_the_caller_s_to_mend(app: aiohttp.ClientSession) -> None:
    """Unknown parameters are not dropped: the provider's own error comes back, with the contract that served it."""
    async with app.post(GENERATIONS, json=WISH | {"style": "vivid"}) as answer:
        body = await answer.json()
        assert answer.status == 400
        assert names(answer) >= WHERE_A_CONTRACT_SERVED
        assert (answer.headers["x-gateway-owner"], answer.headers["x-should-retry"]) == ("request_shape", "false")
    assert body["error"] == {
        "message": "Unknown parameter: 'style'.",
        "type": "invalid_request_error",
        "param": "style",
        "code": "unknown_parameter",
    }
    assert body["gateway"]["outcome"] == "rejected"


async def test_an_app_can_keep_its_bodies_as_they_are(house: House) -> None:
    """``tag_body: false``: the headers carry the tag, the body is the provider's byte for byte, errors too."""
    async with house.client(NEWSROOM_KEY) as session:
        async with session.post(GENERATIONS, json=WISH) as answer:
            assert "gateway" not in await answer.json()
            assert names(answer) >= WHERE_A_CONTRACT_SERVED
        async with session.post(GENERATIONS, json=WISH | {"n": 11}) as answer:
            assert set(await answer.json()) == {"error"}


async def test_an_app_uses_only_its_own_models(house: House) -> None:
    """A model of another app is neither listed nor served, and to this one it is as if there were none."""
    async with house.client(NEWSROOM_KEY) as session:
        async with session.get("/v1/models") as answer:
            assert [model["id"] for model in (await answer.json())["data"]] == ["gpt-image-2"]
        said = []
        for model in ("gpt-image-2.5-flare", "gpt-image-2.5-nobody"):
            async with session.post(GENERATIONS, json=WISH | {"model": model}) as answer:
                error = (await answer.json())["error"]
                said.append((answer.status, answer.headers["x-gateway-owner"], str(error).replace(model, "MODEL")))
        assert said[0] == said[1]
        assert said[0][:2] == (400, "request_shape")


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_health_needs_no_key_and_no_provider(house: House, path: str) -> None:
    """Both answer, and nothing is spent on them."""
    async with aiohttp.ClientSession(house.url) as session, session.get(path) as answer:
        assert answer.status == 200
    assert control(house.openai.url, "stats")["requests"] == 0


async def test_a_client_that_leaves_is_still_booked(house: House, app: aiohttp.ClientSession) -> None:
    """The provider bills anyway, so the attempt is completed and settled."""
    known = {line.get("request_id") for line in await house.logged(lambda line: True)}
    house.fault(kind="latency", ms=500, times=1)
    with pytest.raises(TimeoutError):
        await app.post(GENERATIONS, json=WISH, timeout=aiohttp.ClientTimeout(total=0.25))
    (line,) = await house.logged(
        lambda line: line["event"] == "request" and not line["complete"] and line["request_id"] not in known
    )
    assert [entry["kind"] for entry in house.entries(line["request_id"])] == ["reserve", "settle"]


async def test_fifty_at_once_are_all_served_and_booked(house: House, app: aiohttp.ClientSession) -> None:
    """Each gets its own id, and the ledger has them all."""
    house.fault(
        kind="status",
        status=429,
        times=None,
        share=0.5,
        error={"code": "rate_limit_exceeded", "type": "input-images", "message": "slow"},
    )

    async def one() -> tuple[int, str]:
        async with app.post(GENERATIONS, json=WISH | {"size": "1024x640"}) as answer:
            await answer.read()
            return answer.status, answer.headers["x-gateway-request-id"]

    answers = await asyncio.gather(*(one() for _ in range(50)))
    assert sorted({status for status, _ in answers}) == [200, 429]
    assert len({request_id for _, request_id in answers}) == 50
    assert sum(status == 200 for status, _ in answers) == control(house.openai.url, "stats")["images"]
