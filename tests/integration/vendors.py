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


@dataclass
class Vendors:
    """``asked`` are the requests that came: path, the key that was sent, and what was wanted. ``fault`` answers instead."""

    url: str = ""
    asked: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    fault: Callable[[web.Request], Awaitable[web.StreamResponse]] | None = None


def _fal(request: web.Request, wanted: dict[str, Any]) -> web.Response:
    """fal.ai: links, as many as ``num_images``."""
    link = f"http://{request.host}/pictures/one.png"
    return web.json_response({"images": [{"url": link, "content_type": "image/png"}] * wanted.get("num_images", 1), "seed": 1})


def _stability(request: web.Request, wanted: dict[str, Any]) -> web.Response:
    """Stability: one image a call, by a multipart form."""
    return web.json_response({"image": B64, "finish_reason": "SUCCESS", "seed": 1})


def _gemini(request: web.Request, wanted: dict[str, Any]) -> web.Response:
    """Google's Imagen: predictions."""
    count = wanted["parameters"].get("sampleCount", 1)
    return web.json_response({"predictions": [{"bytesBase64Encoded": B64, "mimeType": "image/png"}] * count})


# By the beginning of the path that a base URL has: who answers, and the header that bears the key.
_VENDORS: dict[str, tuple[Answer, str]] = {
    "fal": (_fal, "authorization"),
    "stability": (_stability, "authorization"),
    "gemini": (_gemini, "x-goog-api-key"),
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

    async def show(request: web.Request) -> web.Response:
        return web.Response(body=PNG, content_type="image/png")

    app = web.Application()
    app.router.add_get("/pictures/one.png", show)
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
        form = await request.post()
        for part in form.values():
            if isinstance(part, web.FileField):
                part.file.close()
        return {name: part for name, part in form.items() if isinstance(part, str)}
    found: dict[str, Any] = json.loads(await request.read())
    return found


def says(status: int, body: object, **headers: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """A fault: this answer."""

    async def fault(request: web.Request) -> web.StreamResponse:
        text = body if isinstance(body, str) else json.dumps(body)
        return web.Response(status=status, text=text, content_type="application/json", headers=headers)

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
