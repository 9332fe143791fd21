"""Edits: files arrive at the provider as they were sent, forms and JSON alike, whatever their size."""

import base64
import hashlib
import io
import json
import os
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from PIL import Image

from gateway.core.request.images import Operation
from tests.integration.in_process import gateway_to
from tests.integration.odd_provider import PNG, KeptLedger, http, provider
from tests.integration.programs import ROOT, House, Program, control

EDITS = "/v1/images/edits"
WISH = {"model": "dall-e-3", "prompt": "A hat on it", "size": "1024x1024", "quality": "low"}


def picture(edge: int, format: str = "png", mode: str = "RGB") -> bytes:
    """A real image that does not compress: about a byte for each channel of a pixel."""
    file = io.BytesIO()
    Image.frombytes(mode, (edge, edge), os.urandom(len(mode) * edge * edge)).save(file, format, compress_level=0)
    return file.getvalue()


def form(*files: tuple[str, bytes], **fields: str) -> aiohttp.FormData:
    """Fields first, as SDKs send them."""
    data = aiohttp.FormData(default_to_multipart=True)
    for name, value in (WISH | fields).items():
        data.add_field(name, value)
    for number, (name, content) in enumerate(files):
        data.add_field(name, io.BytesIO(content), filename=f"file-{number}.png", content_type="image/png")
    return data


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


async def test_files_pass_in_their_order_and_unchanged(house: House, app: aiohttp.ClientSession) -> None:
    """Several large images and a mask, hash-compared at the provider; only the model's name is the provider's."""
    files = [
        ("image[]", picture(1200)),
        ("image[]", picture(64)),
        ("image[]", picture(800, "jpeg")),
        ("mask", picture(1200, mode="RGBA")),
    ]
    async with app.post(EDITS, data=form(*files, background="opaque")) as answer:
        assert answer.status == 200, await answer.text()
        assert (await answer.json())["gateway"]["images"] == 1
    got = control(house.openai.url, "stats")["last_request"]
    assert [(file["name"], file["sha256"]) for file in got["files"]] == [(name, digest(content)) for name, content in files]
    assert [file["filename"] for file in got["files"]] == [f"file-{number}.png" for number in range(4)]
    assert got["fields"] == WISH | {"model": "gpt-image-2", "background": "opaque"}
    held, settled = house.entries(answer.headers["x-gateway-request-id"])
    assert (held["operation"], settled["kind"]) == ("edit", "settle")
    assert float(settled["amount"]) < float(held["amount"])


async def test_the_json_form_passes_too(house: House, app: aiohttp.ClientSession) -> None:
    """Data URLs of megabytes, with the model rewritten and every other byte as it came."""
    made = [picture(900), picture(64)]
    images = [{"image_url": f"data:image/png;base64,{base64.b64encode(image).decode()}"} for image in made]
    body = io.BytesIO(json.dumps({"images": images, **WISH}).encode())
    async with app.post(EDITS, data=body, headers={"content-type": "application/json"}) as answer:
        assert answer.status == 200, await answer.text()
    got = control(house.openai.url, "stats")["last_request"]
    assert (got["fields"]["model"], got["fields"]["prompt"]) == ("gpt-image-2", WISH["prompt"])
    assert len(got["fields"]["images"]) == 2
    assert int(got["headers"]["content-length"]) > sum(map(len, made))


@pytest.mark.parametrize(
    ("body", "status", "param", "words"),
    [
        (form(), 400, "image", "Send one file or more"),
        (form(("image", b"GIF89a" + b"x" * 99)), 400, "image", "png, jpeg, webp"),
        (form(*[("image[]", picture(16))] * 17), 400, "image", "at most 16"),
        (form(("image", picture(16)), n="11"), 400, "n", "Expected a value <= 10"),
        (form(("image", picture(16)), stream="maybe"), 400, "stream", "converted into a boolean"),
        (form(("image", picture(16)), prompt=""), 400, "prompt", "non-empty"),
        ({"images": [], **WISH}, 400, "images", "1 to 16"),
        (WISH, 400, "images", "Missing required parameter"),
        (b"--x\r\nno form", 400, None, "multipart/form-data"),
    ],
    ids=["no file", "gif", "17 files", "n", "stream", "prompt", "no images", "images missing", "no form"],
)
async def test_what_is_wrong_is_named(
    house: House, app: aiohttp.ClientSession, body: Any, status: int, param: str | None, words: str
) -> None:
    """The part, the rule and the fix, before anything is sent."""
    sent: dict[str, Any] = {"json": body} if isinstance(body, dict) else {"data": body}
    async with app.post(EDITS, **sent) as answer:
        found = (await answer.json())["error"]
    assert (answer.status, found["param"]) == (status, param)
    assert words in found["message"]
    assert control(house.openai.url, "stats")["requests"] == 0


async def test_a_variation_needs_a_route_that_declares_it() -> None:
    """OpenAI retired it; where a route says that its provider serves it, it passes."""
    answer = http("200 OK", {"created": 1, "data": [{"b64_json": PNG}]})
    data = {"model": "gpt-image-2", "image": io.BytesIO(picture(16))}
    async with provider(answer) as url:
        async with gateway_to(url, KeptLedger()) as client, client.post("/v1/images/variations", data=data) as refused:
            assert (refused.status, (await refused.json())["error"]["code"]) == (400, "unsupported_operation")
        data["image"] = io.BytesIO(picture(16))
        declared = frozenset({Operation.VARIATION})
        async with (
            gateway_to(url, KeptLedger(), operations=declared) as client,
            client.post("/v1/images/variations", data=data) as served,
        ):
            assert (served.status, (await served.json())["gateway"]["images"]) == (200, 1)


def resident_mb(program: Program) -> float:
    """What the process holds now."""
    lines = Path(f"/proc/{program.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


async def test_memory_does_not_grow_with_the_files(house: House, app: aiohttp.ClientSession) -> None:
    """Sixty megabytes pass while the process grows by a few, and nothing stays in the spool's folder."""
    async with app.post(EDITS, data=form(("image", picture(64)))) as answer:
        assert answer.status == 200
    before_mb = resident_mb(house.gateway)
    async with app.post(EDITS, data=form(*[("image[]", picture(2200))] * 4)) as answer:
        assert answer.status == 200
    assert resident_mb(house.gateway) - before_mb < 20
    assert not any(entry.name for entry in os.scandir(ROOT / "var" / "spool"))
