"""Image vendors with wire formats of their own, as far as litellm speaks to them: real HTTP on loopback, one picture for all."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.integration.test_edits import picture

PNG = picture(64)
B64 = base64.b64encode(PNG).decode()
Answer = Callable[[web.Request, dict[str, Any]], web.Response]
Fault = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Vendors:
    """``asked`` are the requests that came: path, the key that was sent, and what was wanted, files as their bytes.

    ``fault`` answers instead of the vendor, ``poll_fault`` instead of a question for a result; ``polls`` are how many of these
    came, with the keys they bore, and ``pending`` how many find the result not ready yet.
    """

    url: str = ""
    asked: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    fault: Fault | None = None
    poll_fault: Fault | None = None
    polls: list[str] = field(default_factory=list)
    pending: int = 1


def _fal(request: web.Request, wanted: dict[str, Any]) -> web.Response:
    """fal.ai: links, as many as ``num_images``."""
    link = f"http://{request.host}/pictures/one.png"
    return web.json_response({"images": [{"url": link, "content_type": "image/png"}] * wanted.get("num_images", 1), "seed": 1})


def _stability(request: web.Request, wanted: dict[str, Any]) -> web.Response:
    """Stability: one image a call, by a multipart form."""
    return web.json_response({"image": B64, "finish_reason": "SUCCESS", "seed": 1})


def _gemini(request: web.Request, wanted: dict[str, Any]) -> web.Response:
    """Google: Imagen's predictions, Gemini's candidates with the tokens that they took."""
    if request.path.endswith(":predict"):
        count = wanted["parameters"].get("sampleCount", 1)
        return web.json_response({"predictions": [{"bytesBase64Encoded": B64, "mimeType": "image/png"}] * count})
    count = wanted["generationConfig"].get("candidateCount", 1)
    content = {"parts": [{"text": "Here it is"}, {"inlineData": {"mimeType": "image/png", "data": B64}}]}
    usage = {"promptTokenCount": 10, "candidatesTokenCount": 1290, "totalTokenCount": 1300}
    return web.json_response({"candidates": [{"content": content, "finishReason": "STOP"}] * count, "usageMetadata": usage})


def _bedrock(request: web.Request, wanted: dict[str, Any]) -> web.Response:
    """Amazon: Nova Canvas makes several, Stability's models one."""
    if "taskType" in wanted:
        return web.json_response({"images": [B64] * wanted["imageGenerationConfig"].get("numberOfImages", 1)})
    return web.json_response({"images": [B64], "finish_reasons": [None], "seeds": [1]})


def _bfl(request: web.Request, wanted: dict[str, Any]) -> web.Response:
    """Black Forest Labs: a task, and where to ask for it."""
    return web.json_response({"id": "one", "polling_url": f"http://{request.host}/bfl/v1/get_result?id=one"})


def _recraft(request: web.Request, wanted: dict[str, Any]) -> web.Response:
    """Recraft: OpenAI's shape with links, and words of its own."""
    link = f"http://{request.host}/pictures/one.png"
    return web.json_response({"created": 1_764_000_000, "data": [{"url": link}] * wanted.get("n", 1), "credits": 40})


# By the beginning of the path that a base URL has: who answers, and the header that bears the key.
_VENDORS: dict[str, tuple[Answer, str]] = {
    "fal": (_fal, "authorization"),
    "stability": (_stability, "authorization"),
    "gemini": (_gemini, "x-goog-api-key"),
    "bedrock": (_bedrock, "authorization"),
    "bfl": (_bfl, "x-key"),
    "vertex": (_gemini, "authorization"),
    "recraft": (_recraft, "authorization"),
}


@asynccontextmanager
async def vendors() -> AsyncIterator[Vendors]:
    """All of them on one port."""
    found = Vendors()

    async def answer(request: web.Request) -> web.StreamResponse:
        made, header = _VENDORS[request.match_info["vendor"]]
        wanted = await _wanted(request)
        found.asked.append((request.path, request.headers.get(header, ""), wanted))
        return await found.fault(request) if found.fault is not None else made(request, wanted)

    async def result(request: web.Request) -> web.StreamResponse:
        found.polls.append(request.headers.get("x-key", ""))
        if found.poll_fault is not None:
            return await found.poll_fault(request)
        if len(found.polls) <= found.pending:
            return web.json_response({"id": "one", "status": "Pending", "result": None})
        sample = f"http://{request.host}/pictures/one.png"
        return web.json_response({"id": "one", "status": "Ready", "result": {"sample": sample}})

    async def show(request: web.Request) -> web.Response:
        return web.Response(body=PNG, content_type="image/png")

    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_get("/pictures/one.png", show)
    app.router.add_get("/bfl/v1/get_result", result)
    app.router.add_post("/{vendor}/{rest:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield found
    finally:
        await runner.cleanup()


async def _wanted(request: web.Request) -> dict[str, Any]:
    if request.content_type == "multipart/form-data":
        return {name: _part(part) for name, part in (await request.post()).items()}
    found: dict[str, Any] = json.loads(await request.read())
    return found


def _part(part: str | bytearray | bytes | web.FileField) -> str | bytes:
    if not isinstance(part, web.FileField):
        return part if isinstance(part, str) else bytes(part)
    with part.file:
        return part.file.read()


def says(status: int, body: object, kind: str = "application/json", **headers: str) -> Fault:
    """A fault: this answer."""

    async def fault(request: web.Request) -> web.StreamResponse:
        if isinstance(body, bytes):
            return web.Response(status=status, body=body, content_type=kind, headers=headers)
        text = body if isinstance(body, str) else json.dumps(body)
        return web.Response(status=status, text=text, content_type=kind, headers=headers)

    return fault


async def hangs(request: web.Request) -> web.StreamResponse:
    """A fault: no answer at all."""
    await asyncio.Event().wait()
    raise AssertionError


async def cuts(request: web.Request) -> web.StreamResponse:
    """A fault: the connection is closed."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


def writes(raw: bytes) -> Fault:
    """A fault: these very bytes, whatever HTTP says of them."""

    async def fault(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.write(raw)
        request.transport.close()
        return web.Response()

    return fault
