"""The simulated provider over real HTTP: what it answers, what it bills, and how it breaks on demand."""

import asyncio
import base64
import hashlib
import json
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from io import BytesIO
from typing import Any

import aiohttp
import openai
import pytest
from PIL import Image

from gateway.simulator import SimulatorSettings, running

GENERATIONS, EDITS = "/v1/images/generations", "/v1/images/edits"
WISH = {"model": "gpt-image-2", "prompt": "A red fox asleep under autumn birches", "size": "1024x640"}
TEXT_IN, IMAGE_OUT = 13, 107
# The SDK's strict validation knows the sizes of the older models only.
SQUARE, SQUARE_OUT = WISH | {"size": "1024x1024"}, 196
NOTHING = {"text_in": 0, "image_in": 0, "image_out": 0, "text_out": 0}
KEY = "sk-simulated-0000-not-a-secret"


@pytest.fixture
async def url() -> AsyncIterator[str]:
    """A simulator that knows one key."""
    settings = SimulatorSettings("simulated-test", "org-test", "proj-test", KEY)
    async with running(settings) as found:
        yield found


@pytest.fixture
async def http(url: str) -> AsyncIterator[aiohttp.ClientSession]:
    """A plain client that bears the key."""
    async with aiohttp.ClientSession(url, headers={"authorization": f"Bearer {KEY}"}) as session:
        yield session


@pytest.fixture
async def sdk(url: str) -> AsyncIterator[openai.AsyncOpenAI]:
    """The official SDK, unmodified."""
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0, _strict_response_validation=True) as client:
        yield client


def picture(b64_json: str | None) -> Image.Image:
    """An answer's picture, decoded."""
    image = Image.open(BytesIO(base64.b64decode(b64_json or "")))
    image.load()
    return image


def file(width: int = 256, height: int = 256, mode: str = "RGB", format: str = "PNG") -> bytes:
    """An image to send in."""
    buffer = BytesIO()
    Image.new(mode, (width, height)).save(buffer, format)
    return buffer.getvalue()


async def fault(http: aiohttp.ClientSession, **specification: Any) -> None:
    """Ask for a fault."""
    async with http.post("/_simulator/faults", json=specification) as answer:
        assert answer.status == 201, await answer.text()


async def stats(http: aiohttp.ClientSession) -> dict[str, Any]:
    """The counters."""
    async with http.get("/_simulator/stats") as answer:
        found: dict[str, Any] = await answer.json()
        return found


async def ask(http: aiohttp.ClientSession, **extra: Any) -> tuple[int, Any, Any]:
    """Status, JSON body and headers of a generation."""
    async with http.post(GENERATIONS, json=WISH | extra) as answer:
        return answer.status, await answer.json(), answer.headers


async def bill(http: aiohttp.ClientSession) -> tuple[int, int, int]:
    """Requests, images and image tokens billed."""
    found = await stats(http)
    return found["requests"], found["images"], found["tokens"]["image_out"]


async def test_an_answer_has_openai_s_members_in_openai_s_order(http: aiohttp.ClientSession) -> None:
    """Every ``auto`` is answered with what it became."""
    status, body, headers = await ask(http)
    assert status == 200
    assert list(body) == ["created", "background", "data", "output_format", "quality", "size", "usage"]
    assert [body[name] for name in ("background", "output_format", "quality", "size")] == ["opaque", "png", "low", "1024x640"]
    assert body["usage"] == {
        "input_tokens": TEXT_IN,
        "input_tokens_details": {"image_tokens": 0, "text_tokens": TEXT_IN},
        "output_tokens": IMAGE_OUT,
        "output_tokens_details": {"image_tokens": IMAGE_OUT, "text_tokens": 0},
        "total_tokens": TEXT_IN + IMAGE_OUT,
    }
    assert headers["x-request-id"].startswith("req_")
    assert (headers["openai-organization"], headers["openai-project"]) == ("org-test", "proj-test")
    assert headers["openai-version"] == "2020-10-01"
    assert int(headers["openai-processing-ms"]) >= 0
    assert headers["x-ratelimit-remaining-input-images"] == "249"
    assert int(headers["x-ratelimit-remaining-tokens"]) == int(headers["x-ratelimit-limit-tokens"]) - TEXT_IN - IMAGE_OUT


async def test_the_same_prompt_gives_the_same_bytes_and_each_of_n_differs(sdk: openai.AsyncOpenAI) -> None:
    """Through the SDK, with strict validation of its types."""
    first, again = [await sdk.images.generate(**SQUARE, n=2, output_format="webp", output_compression=60) for _ in range(2)]
    images = [item.b64_json for item in first.data or []]
    assert images == [item.b64_json for item in again.data or []]
    assert len(set(images)) == 2
    assert {(picture(image).size, picture(image).format) for image in images} == {((1024, 1024), "WEBP")}
    assert first.usage is not None
    assert first.usage.output_tokens == 2 * SQUARE_OUT


async def test_a_stream_has_partial_images_then_the_completed_one(sdk: openai.AsyncOpenAI, http: aiohttp.ClientSession) -> None:
    """Each partial costs 100 tokens; the last event has the usage that is billed."""
    events = [event async for event in await sdk.images.generate(**SQUARE, stream=True, partial_images=2)]
    assert [event.type for event in events] == ["image_generation.partial_image"] * 2 + ["image_generation.completed"]
    assert [event.partial_image_index for event in events[:2]] == [0, 1]
    assert {picture(event.b64_json).size for event in events} == {(1024, 1024)}
    assert events[-1].usage.output_tokens == SQUARE_OUT + 200
    assert await bill(http) == (1, 1, SQUARE_OUT + 200)


async def test_a_stream_s_frames_are_openai_s(http: aiohttp.ClientSession) -> None:
    """Members in order, nothing after the last event, and several images add up to the bill."""
    async with http.post(GENERATIONS, json=WISH | {"stream": True, "n": 2}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        frames = (await answer.text()).split("\n\n")
    assert frames.pop() == ""
    events = [json.loads(frame.split("\ndata: ")[1]) for frame in frames]
    assert [frame.split("\n")[0] for frame in frames] == ["event: image_generation.completed"] * 2
    order = ["type", "b64_json", "created_at", "size", "quality", "background", "output_format", "usage"]
    assert [list(event) for event in events] == [order] * 2
    assert sum(event["usage"]["total_tokens"] for event in events) == TEXT_IN + 2 * IMAGE_OUT
    assert await bill(http) == (1, 2, 2 * IMAGE_OUT)


@pytest.mark.parametrize("count", [1, 3])
async def test_an_edit_counts_its_input_images(sdk: openai.AsyncOpenAI, http: aiohttp.ClientSession, count: int) -> None:
    """One file or several, as the SDK sends them, and what came is shown by its hash."""
    files = [(f"{number}.png", file(), "image/png") for number in range(count)]
    mask = ("mask.png", file(mode="RGBA"), "image/png")
    answer = await sdk.images.edit(**SQUARE, image=files[0] if count == 1 else files, mask=mask)
    assert answer.usage is not None
    assert answer.usage.input_tokens_details.image_tokens == 256 * count
    found = await stats(http)
    assert found["tokens"]["image_in"] == 256 * count
    name = "image" if count == 1 else "image[]"
    assert [(sent["name"], sent["sha256"]) for sent in found["last_request"]["files"]] == [
        *[(name, hashlib.sha256(file()).hexdigest())] * count,
        ("mask", hashlib.sha256(mask[1]).hexdigest()),
    ]
    assert found["last_request"]["fields"]["prompt"] == WISH["prompt"]


async def test_an_edit_streams_under_names_of_its_own(sdk: openai.AsyncOpenAI) -> None:
    """``image_edit.*``."""
    stream = await sdk.images.edit(**SQUARE, image=("a.png", file()), stream=True, partial_images=1)
    assert [event.type async for event in stream] == ["image_edit.partial_image", "image_edit.completed"]


async def test_an_edit_may_be_json(http: aiohttp.ClientSession) -> None:
    """``images`` with data URLs instead of files."""
    image = {"image_url": f"data:image/png;base64,{base64.b64encode(file()).decode()}"}
    async with http.post(EDITS, json=WISH | {"images": [image]}) as answer:
        assert (answer.status, (await answer.json())["usage"]["input_tokens_details"]["image_tokens"]) == (200, 256)


@pytest.mark.parametrize(
    ("image", "mask", "code"),
    [
        (b"no image", None, "invalid_image_file"),
        (file(mode="CMYK", format="JPEG"), None, "invalid_image_file"),
        (file(format="GIF"), None, "invalid_image_file"),
        (file()[:60], None, "invalid_image_file"),
        (file(), file(128, 128, "RGBA"), "invalid_mask_image_format"),
        (file(), file(), "invalid_mask_image_format"),
        (file(), file(format="JPEG"), "invalid_mask_image_format"),
    ],
)
async def test_what_is_no_image_is_refused_unbilled(
    sdk: openai.AsyncOpenAI, http: aiohttp.ClientSession, image: bytes, mask: bytes | None, code: str
) -> None:
    """Files are decoded, not believed."""
    masks = {} if mask is None else {"mask": ("m.png", mask)}
    with pytest.raises(openai.BadRequestError) as caught:
        await sdk.images.edit(**SQUARE, image=("a.png", image), **masks)
    assert (caught.value.code, caught.value.type) == (code, "image_generation_user_error")
    assert await bill(http) == (1, 0, 0)


async def test_a_refused_request_is_counted_and_not_billed(http: aiohttp.ClientSession) -> None:
    """OpenAI's error shape, with the usual headers."""
    status, body, headers = await ask(http, size="bogus")
    assert (status, list(body["error"])) == (400, ["message", "type", "param", "code"])
    assert headers["x-request-id"].startswith("req_")
    assert await bill(http) == (1, 0, 0)


@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"', b""])
async def test_a_body_that_is_no_object_is_refused(http: aiohttp.ClientSession, body: bytes) -> None:
    """400 in OpenAI's shape."""
    async with http.post(GENERATIONS, data=body, headers={"content-type": "application/json"}) as answer:
        assert (answer.status, list(await answer.json())) == (400, ["error"])


async def test_a_file_over_50_mb_is_too_large(http: aiohttp.ClientSession) -> None:
    """413, as OpenAI's other endpoints say it."""
    form = aiohttp.FormData({"model": "gpt-image-2", "prompt": "x"})
    form.add_field("image", BytesIO(bytes(50 * 1024 * 1024 + 1)), filename="a.png")
    async with http.post(EDITS, data=form) as answer:
        assert answer.status == 413
        assert "(52428800) exceeded (52428801 bytes read)" in (await answer.json())["error"]["message"]


@pytest.mark.parametrize(("header", "code"), [(None, None), ("Basic x", None), ("Bearer sk-wrong", "invalid_api_key")])
async def test_the_key_is_required(url: str, header: str | None, code: str | None) -> None:
    """401 in OpenAI's shape, for images and models."""
    headers = {} if header is None else {"authorization": header}
    async with aiohttp.ClientSession(url, headers=headers) as stranger:
        status, body, _ = await ask(stranger)
        assert (status, body["error"]["type"], body["error"]["code"]) == (401, "invalid_request_error", code)
        async with stranger.get("/v1/models") as answer:
            assert answer.status == 401


async def test_without_a_key_of_its_own_any_bearer_will_do() -> None:
    """The demo needs no secret."""
    async with (
        running(SimulatorSettings()) as url,
        aiohttp.ClientSession(url, headers={"authorization": "Bearer any"}) as http,
        http.get("/v1/models") as answer,
    ):
        assert answer.status == 200
        assert "openai-project" not in answer.headers


async def test_models_are_listed_and_looked_up(sdk: openai.AsyncOpenAI) -> None:
    """As the SDK reads them."""
    names = [model.id async for model in sdk.models.list()]
    assert "gpt-image-2" in names
    assert (await sdk.models.retrieve("gpt-image-2")).object == "model"
    with pytest.raises(openai.NotFoundError) as caught:
        await sdk.models.retrieve("dall-e-3")
    assert caught.value.code == "model_not_found"


@pytest.mark.parametrize("path", ["/v1/images/variations", "/v1/nothing", "/"])
async def test_an_unknown_path_is_a_bare_404(http: aiohttp.ClientSession, path: str) -> None:
    """No body, ``nosniff``; the retired variations among them."""
    async with http.post(path) as answer:
        assert (answer.status, await answer.read()) == (404, b"")
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_wrong_method_is_told_so(http: aiohttp.ClientSession) -> None:
    """405 in OpenAI's shape."""
    async with http.get(GENERATIONS) as answer:
        assert (answer.status, list(await answer.json())) == (405, ["error"])


async def test_the_bill_is_kept_by_model_and_can_be_reset(http: aiohttp.ClientSession) -> None:
    """The sums of the answers' own usage."""
    usages = [(await ask(http, model=model))[1]["usage"] for model in ("gpt-image-2", "gpt-image-2.5-flare", "gpt-image-2")]
    found = await stats(http)
    assert (found["requests"], found["images"]) == (3, 3)
    assert found["tokens"]["image_out"] == sum(usage["output_tokens"] for usage in usages)
    assert found["tokens"]["text_in"] == sum(usage["input_tokens"] for usage in usages)
    assert {model: count["requests"] for model, count in found["by_model"].items()} == {
        "gpt-image-2": 2,
        "gpt-image-2.5-flare": 1,
    }
    assert found["last_request"]["headers"]["authorization"] == f"Bearer {KEY}"
    async with http.delete("/_simulator/stats"):
        pass
    nothing = {"requests": 0, "images": 0, "tokens": NOTHING, "by_model": {}, "images_by_request": {}, "last_request": None}
    assert await stats(http) == nothing


async def test_a_status_fault_is_openai_s_error(http: aiohttp.ClientSession) -> None:
    """With the body and headers that were asked for, or the status's own; unbilled; then all is well again."""
    error = {"type": "image_generation_user_error", "code": "moderation_blocked", "message": "No.", "param": None}
    await fault(http, kind="status", status=400, error=error, headers={"Retry-After": "7"}, times=1)
    await fault(http, kind="status", status=503, times=1)
    status, body, headers = await ask(http)
    assert (status, body["error"], headers["retry-after"]) == (400, error, "7")
    status, body, _ = await ask(http)
    assert (status, body["error"]["type"]) == (503, "server_error")
    assert (await ask(http))[0] == 200
    assert await bill(http) == (3, 1, IMAGE_OUT)


async def test_an_html_fault_is_a_page_of_the_edge(http: aiohttp.ClientSession) -> None:
    """No JSON, no request id."""
    await fault(http, kind="html", status=520)
    async with http.post(GENERATIONS, json=WISH) as answer:
        assert (answer.status, answer.content_type) == (520, "text/html")
        assert "x-request-id" not in answer.headers
        assert (await answer.text()).startswith("<!DOCTYPE html>")
    assert await bill(http) == (1, 0, 0)


async def test_latency_is_added(http: aiohttp.ClientSession) -> None:
    """And shows in ``openai-processing-ms``."""
    await fault(http, kind="latency", ms=120)
    assert int((await ask(http))[2]["openai-processing-ms"]) >= 120


async def raw(url: str, wish: dict[str, Any] | None = None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Send a generation without an HTTP library in between."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    body = json.dumps(wish or WISH)
    head = f"POST {GENERATIONS} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {KEY}\r\ncontent-type: application/json\r\n"
    writer.write(f"{head}content-length: {len(body)}\r\n\r\n{body}".encode())
    return reader, writer


async def received(reader: asyncio.StreamReader) -> tuple[bytes, bool]:
    """All bytes that came, and whether the connection was reset at their end."""
    found = bytearray()
    try:
        while piece := await reader.read(65_536):
            found += piece
    except ConnectionResetError:
        return bytes(found), True
    return bytes(found), False


async def test_a_reset_before_the_answer_sends_not_one_byte(url: str, http: aiohttp.ClientSession) -> None:
    """RST on the wire, nothing billed."""
    await fault(http, kind="reset_before", times=1)
    reader, writer = await raw(url)
    assert await received(reader) == (b"", True)
    writer.close()
    assert await bill(http) == (1, 0, 0)


@pytest.mark.parametrize("extra", [{}, {"stream": True, "partial_images": 1}])
async def test_a_reset_in_mid_body_breaks_a_begun_answer(url: str, http: aiohttp.ClientSession, extra: dict[str, Any]) -> None:
    """Head and part of the body, then RST; the image was made and is billed."""
    await fault(http, kind="reset_mid_body", times=1)
    reader, writer = await raw(url, WISH | extra)
    found, was_reset = await received(reader)
    writer.close()
    assert found.startswith(b"HTTP/1.1 200 OK\r\n")
    assert was_reset
    assert len(found) > 10_000
    assert (await bill(http))[1] == 1


async def test_a_truncated_body_is_good_http_and_bad_json(http: aiohttp.ClientSession) -> None:
    """Only the parser of the body can notice; billed."""
    await fault(http, kind="truncate", times=1)
    async with http.post(GENERATIONS, json=WISH) as answer:
        assert (answer.status, answer.headers["transfer-encoding"]) == (200, "chunked")
        text = await answer.text()
    with pytest.raises(json.JSONDecodeError):
        json.loads(text)
    assert await bill(http) == (1, 1, IMAGE_OUT)


async def test_a_truncated_stream_has_no_completed_event(sdk: openai.AsyncOpenAI, http: aiohttp.ClientSession) -> None:
    """The partial image comes whole, the last frame breaks off."""
    await fault(http, kind="truncate", times=1)
    async with http.post(GENERATIONS, json=WISH | {"stream": True, "partial_images": 1}) as answer:
        frames = (await answer.text()).split("\n\n")
    assert [frame.split("\n")[0] for frame in frames] == [
        "event: image_generation.partial_image",
        "event: image_generation.completed",
    ]
    assert not frames[-1].endswith("}")


async def test_a_hanging_request_ends_when_the_client_leaves(url: str, http: aiohttp.ClientSession) -> None:
    """Received, never answered, never billed, and no hindrance to others."""
    await fault(http, kind="hang", times=1)
    _, writer = await raw(url)
    async with asyncio.timeout(5):
        while (await stats(http))["last_request"] is None:
            await asyncio.sleep(0)
    writer.close()
    await writer.wait_closed()
    assert (await ask(http))[0] == 200
    assert await bill(http) == (2, 1, IMAGE_OUT)


async def test_a_hanging_request_does_not_hold_up_the_end() -> None:
    """The server stops at once and resets it."""
    async with running(SimulatorSettings(key=KEY)) as url, aiohttp.ClientSession(url) as http:
        await fault(http, kind="hang")
        reader, writer = await raw(url)
        async with asyncio.timeout(5):
            while (await stats(http))["last_request"] is None:
                await asyncio.sleep(0)
        began_s = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - began_s < 5
    assert (await received(reader))[0] == b""
    writer.close()


async def test_empty_data_is_a_success_without_an_image(http: aiohttp.ClientSession) -> None:
    """200, ``data: []``, nothing billed."""
    await fault(http, kind="empty_data", times=1)
    status, body, _ = await ask(http)
    assert (status, body["data"], body["usage"]["total_tokens"]) == (200, [], 0)
    assert (await stats(http))["by_model"] == {}


async def test_a_wrong_size_is_not_admitted(http: aiohttp.ClientSession) -> None:
    """The picture is another than the answer says, and billed as asked."""
    await fault(http, kind="wrong_size", times=1)
    _, body, _ = await ask(http)
    assert (body["size"], picture(body["data"][0]["b64_json"]).size) == ("1024x640", (512, 320))
    assert await bill(http) == (1, 1, IMAGE_OUT)


async def test_fewer_images_are_billed_as_fewer(http: aiohttp.ClientSession) -> None:
    """As OpenAI has been seen to do."""
    await fault(http, kind="fewer_images", times=1)
    _, body, _ = await ask(http, n=3)
    assert (len(body["data"]), body["usage"]["output_tokens"]) == (1, IMAGE_OUT)
    assert await bill(http) == (1, 1, IMAGE_OUT)


async def test_a_rate_limit_is_told_in_body_and_headers(http: aiohttp.ClientSession) -> None:
    """Two images a minute: the third is refused with the time to wait, unbilled."""
    await fault(http, kind="rate_limit", per_minute=2)
    assert (await ask(http, n=2))[2]["x-ratelimit-remaining-input-images"] == "0"
    status, body, headers = await ask(http)
    assert (status, body["error"]["type"], body["error"]["code"]) == (429, "input-images", "rate_limit_exceeded")
    assert "Limit 2, Used 2, Requested 1." in body["error"]["message"]
    assert 28 <= int(headers["retry-after"]) <= 30
    assert 28_000 <= int(headers["retry-after-ms"]) <= 30_000
    assert await bill(http) == (2, 2, 2 * IMAGE_OUT)


async def test_faults_are_listed_refused_and_cleared(http: aiohttp.ClientSession) -> None:
    """A wrong one names its field."""
    await fault(http, kind="status", status=500, share=0.5)
    assert [(await ask(http))[0] for _ in range(4)] == [200, 500, 200, 500]
    async with http.get("/_simulator/faults") as answer:
        assert await answer.json() == {"faults": [{"kind": "status", "status": 500, "share": 0.5, "headers": {}, "struck": 2}]}
    async with http.post("/_simulator/faults", json={"kind": "latency", "ms": "soon"}) as answer:
        assert (answer.status, (await answer.json())["error"]["param"]) == (400, "ms")
    async with http.delete("/_simulator/faults") as answer:
        assert answer.status == 204
    assert (await ask(http))[0] == 200


COMMAND = ("import typer; from gateway.cli.serving.simulate import simulate; typer.run(simulate)",)


async def program(*arguments: str) -> asyncio.subprocess.Process:
    """``gateway simulate`` as a process."""
    pipe = asyncio.subprocess.PIPE
    command: Sequence[str] = (sys.executable, "-c", *COMMAND, *arguments)
    return await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
async def test_the_command_says_where_it_listens_and_stops_cleanly(stop: signal.Signals) -> None:
    """One line, an answer, exit code 0, nothing on standard error; a second one on its port fails clearly."""
    process = await program("--port", "0", "--name", "atlas", "--organization", "org-atlas")
    assert process.stdout is not None
    line = (await process.stdout.readline()).decode()
    url = line.split()[-1]
    assert line == f"simulator atlas listening on {url}\n"
    async with aiohttp.ClientSession(url) as http, http.get("/v1/models", headers={"authorization": "Bearer x"}) as answer:
        assert answer.headers["openai-organization"] == "org-atlas"
    second = await program("--port", url.split(":")[-1])
    out, errors = await second.communicate()
    assert (second.returncode, out, errors.count(b"\n")) == (1, b"", 1)
    assert f"cannot listen on {url.removeprefix('http://')}" in errors.decode()
    process.send_signal(stop)
    assert await process.communicate() == (b"", b"")
    assert process.returncode == 0
