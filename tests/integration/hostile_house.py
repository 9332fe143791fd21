"""A gateway in front of a hostile provider, and what its clients, its books and its memory say of it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from gateway.core.ledger.entry import Entry, Kind
from gateway.stores.ledger.sqlite.books import SqliteBooks
from tests.integration.hostile_provider import Hostile, hostile
from tests.integration.odd_provider import PNG, http
from tests.integration.programs import Program, start
from tests.integration.test_responses import PRICES, TOOL
from tests.integration.two_contracts import CONFIGURATION, GENERATIONS, KEY, Configuration

MIB = 1024 * 1024
CALL = {"type": "image_generation_call", "id": "ig_1", "status": "completed", "size": "1024x1024", "quality": "low"}
LONG_S, SHORT_S = 20, 0.3
# Of each public model: how long its provider is waited for, and what its route has besides.
ROUTES: dict[str, tuple[float, Configuration]] = {
    "images": (LONG_S, {}),
    "brief": (SHORT_S, {}),
    "linked": (LONG_S, {"links": {"deliver": "b64", "loopback": True, "image_bytes_max": MIB, "image_s_max": SHORT_S}}),
    "words": (
        LONG_S,
        {
            "operations": ["response"],
            "text_model": {"name": "gpt-5.5", "output_tokens_max": 2_000, "image_tokens_max": 1_600},
        },
    ),
}


@dataclass(frozen=True)
class Told:
    """What a client got, and what was booked for it."""

    status: int
    headers: Any
    text: str  # its beginning
    length: int
    broken: bool
    entries: tuple[Entry, ...]

    @property
    def rule(self) -> str:
        """Of the diagnosis; none where the answer is an image, or was broken off."""
        return "" if self.broken else str(json.loads(self.text)["gateway"].get("rule", ""))

    @property
    def closed(self) -> set[str]:
        """How the attempt's lines were closed."""
        return {str(entry.kind) for entry in self.entries if entry.kind is not Kind.RESERVE}


@dataclass(frozen=True)
class House:
    """A gateway in front of the hostile provider."""

    there: Hostile
    app: aiohttp.ClientSession
    books: SqliteBooks
    gateway: Program

    async def ask(self, model: str, **wish: Any) -> Told:
        """One request of that model."""
        if model == "words":
            path, body = "/v1/responses", {"model": model, "input": "A teapot", "tools": [TOOL], "tool_choice": "required"}
        else:
            path, body = GENERATIONS, {"model": model, "prompt": "A teapot", "size": "1024x1024", "quality": "low"}
        read, length, broken = bytearray(), 0, False
        async with self.app.post(path, json=body | wish) as answer:
            try:
                async for data in answer.content.iter_chunked(MIB):
                    length += len(data)
                    read += data[: 4 * MIB - len(read)]
            except aiohttp.ClientPayloadError:
                broken = True
        entries = tuple(self.books.request(answer.headers["x-gateway-request-id"]))
        return Told(answer.status, answer.headers, read.decode(), length, broken, entries)

    async def evidence(self, path: str) -> str:
        """It is written beside the requests, so it may take a moment."""
        async with asyncio.timeout(10):
            while True:
                async with self.app.get(path) as answer:
                    if answer.status == 200:
                        return await answer.text()
                await asyncio.sleep(0.02)

    @contextmanager
    def grown(self) -> Iterator[Callable[[], int]]:
        """How many bytes the gateway's process has held at most in the block, beyond those that it held before."""
        process = Path(f"/proc/{self.gateway.process.pid}")
        (process / "clear_refs").write_text("5")  # the peak is now what is held (proc_pid_clear_refs(5))
        before = _peak_bytes(process)
        yield lambda: _peak_bytes(process) - before

    async def serves(self, model: str) -> None:
        """It still does."""
        self.there.answer = response(CALL | {"result": PNG}) if model == "words" else images({"b64_json": PNG})
        told = await self.ask(model)
        assert (told.status, told.broken, told.closed) == (200, False, {"settle"}), told.text[:500]


def configured(url: str) -> Configuration:
    """A route of its own for each."""
    found = json.loads(json.dumps(CONFIGURATION))
    found |= {"providers": {}, "routes": {}, "models": {}, "evidence": {"keep": "all"}}
    found["contracts"] = {"direct": found["contracts"]["direct"]}
    found["price_lists"]["usd"]["models"] = PRICES
    for name, (total_s, more) in ROUTES.items():
        found["providers"][name] = {
            "dialect": "openai",
            "base_url": f"{url}/v1",
            "credential": {"env": "FAKE_PROVIDER_KEY"},
            "timeouts": {"connect_s": 2, "total_s": total_s},
        }
        found["routes"][name] = {"model": name, "provider": name, "upstream_model": "gpt-image-2", "contract": "direct"} | more
        found["models"][name] = {"routes": [name]}
    return found


@asynccontextmanager
async def housing(folder: Path) -> AsyncIterator[House]:
    """It runs until the block is left."""
    async with hostile() as there:
        path, ledger = folder / "gateway.yaml", folder / "ledger.sqlite"
        path.write_text(json.dumps(configured(there.url)))
        keys = {"FAKE_PROVIDER_KEY": "sk-fake-not-a-secret", "GATEWAY_LEDGER": str(ledger)}
        gateway = start("serve", str(path), log=folder / "log", environment=keys)
        try:
            async with aiohttp.ClientSession(gateway.url, headers={"authorization": f"Bearer {KEY}"}) as app:
                yield House(there, app, SqliteBooks(ledger), gateway)
        finally:
            gateway.stop()


def images(*items: object, **members: Any) -> bytes:
    usage = {"input_tokens": 14, "output_tokens": 196}
    return http("200 OK", {"created": 1, "data": items, "usage": usage} | members)


def response(*output: object, **members: Any) -> bytes:
    usage = {"input_tokens": 9, "input_tokens_details": {"text_tokens": 9, "image_tokens": 0}, "output_tokens": 196}
    found = {"id": "resp_1", "object": "response", "status": "completed", "error": None, "output": output}
    both = {"usage": {"input_tokens": 600, "output_tokens": 35}, "tool_usage": {"image_gen": usage}}
    return http("200 OK", found | both | members)


def _peak_bytes(process: Path) -> int:
    lines = (process / "status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024
