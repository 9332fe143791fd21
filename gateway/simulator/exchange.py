"""One request and the ways to answer it, with the headers that OpenAI sends."""

import json
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from enum import Enum
from typing import Any

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from gateway.listener import CONNECTION
from gateway.simulator.connection import Connection
from gateway.simulator.rate import WINDOW_S, ImageRate, duration
from gateway.simulator.refusal import Refusal
from gateway.simulator.settings import SimulatorSettings

OPENAI_VERSION = "2020-10-01"
PIECE_BYTES = 64 * 1024
# Usage tier 5 of gpt-image-2, by OpenAI's model page as of 2026-11-23.
IMAGES_PER_MINUTE, TOKENS_PER_MINUTE = 250, 8_000_000
_NO_HEADERS: Mapping[str, str] = {}


class Ending(Enum):
    """How an answer ends: as it should, cut short with its framing intact, or cut short by a reset connection."""

    WHOLE = "whole"
    CUT = "cut"
    RESET = "reset"


class Exchange:
    """Made when a request's head has arrived; exactly one of the answers is sent."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, settings: SimulatorSettings) -> None:
        self.request = Request(scope, receive)
        self._receive, self._send, self._settings = receive, send, settings
        self._began_s = time.monotonic()
        exchange = scope.get("state", {}).get(CONNECTION)
        self._connection: Connection | None = exchange and exchange.wire

    async def answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        """A complete answer, with these headers and its length."""
        await self._start(status, {**headers, "content-length": str(len(body))})
        await self._write(body)
        await self._finish()

    async def json(self, status: int, body: object, headers: Mapping[str, str] = _NO_HEADERS) -> None:
        """A complete JSON answer with the usual headers."""
        usual = {"content-type": "application/json", **self._identity()}
        usual |= {name.lower(): value for name, value in headers.items()}
        await self.answer(status, json.dumps(body).encode(), usual)

    async def refuse(self, refusal: Refusal) -> None:
        """OpenAI's error answer."""
        await self.json(refusal.status, refusal.body, refusal.headers)

    async def deliver(self, frames: AsyncIterator[bytes], headers: Mapping[str, str], ending: Ending) -> None:
        """A 200 whose body is ``frames``, each sent as it comes; a body that is cut short loses half of its last frame."""
        await self._start(200, {**self._identity(), **headers})
        held = b""
        async for frame in frames:
            if ending is Ending.WHOLE:
                await self._write(frame)
            else:
                await self._write(held)
                held = frame
        await self._write(held[: len(held) // 2])
        if ending is Ending.RESET:
            await self.reset()
        else:
            await self._finish()

    async def reset(self) -> None:
        """Tear the connection down."""
        await self._own_connection().reset()
        await self._until_gone()

    async def hang(self) -> None:
        """Never answer: return once the client has left."""
        self._own_connection().expendable = True
        await self._until_gone()

    def rate_headers(self, images: int, tokens: int, rate: ImageRate | None) -> dict[str, str]:
        """``x-ratelimit-*``: of the active limit where there is one, else as if this were the minute's first request."""
        limit = IMAGES_PER_MINUTE if rate is None else rate.per_minute
        remaining = max(0, limit - images) if rate is None else rate.remaining
        return {
            "x-ratelimit-limit-input-images": str(limit),
            "x-ratelimit-remaining-input-images": str(remaining),
            "x-ratelimit-reset-input-images": duration((limit - remaining) * WINDOW_S * 1000 // max(1, limit)),
            "x-ratelimit-limit-tokens": str(TOKENS_PER_MINUTE),
            "x-ratelimit-remaining-tokens": str(max(0, TOKENS_PER_MINUTE - tokens)),
            "x-ratelimit-reset-tokens": duration(tokens * WINDOW_S * 1000 // TOKENS_PER_MINUTE),
        }

    def _identity(self) -> dict[str, str]:
        headers = {
            "x-request-id": f"req_{secrets.token_hex(16)}",
            "openai-organization": self._settings.organization,
            "openai-version": OPENAI_VERSION,
            "openai-processing-ms": str(round((time.monotonic() - self._began_s) * 1000)),
        }
        return headers if self._settings.project is None else {**headers, "openai-project": self._settings.project}

    def _own_connection(self) -> Connection:
        if self._connection is None:
            raise RuntimeError("this fault needs the simulator's own server: start it with gateway.simulator.running()")
        return self._connection

    async def _until_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _start(self, status: int, headers: Mapping[str, str]) -> None:
        raw: list[Any] = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": raw})

    async def _write(self, data: bytes) -> None:
        for start in range(0, len(data), PIECE_BYTES):
            piece = data[start : start + PIECE_BYTES]
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})

    async def _finish(self) -> None:
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})
