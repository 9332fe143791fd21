"""Who speaks each dialect. The bridge, and what fetches links, are imported where they are needed: most gateways never do."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from gateway.config.load import Loaded
from gateway.core.contract.bridged import ANSWER_BYTES_MAX, DIALECT
from gateway.core.contract.openrouter import DIALECT as OPENROUTER
from gateway.core.snapshot import Snapshot
from gateway.ports import Provider, UpstreamCall, UpstreamResponse
from gateway.providers.openai_wire import OpenAIWire
from gateway.providers.openrouter import OpenRouterWire

OPENAI = "openai"


@dataclass(frozen=True, slots=True)
class Dialects:
    """``providers`` are their speakers by name."""

    providers: Mapping[str, Provider]
    bridge: "Bridge"

    def warm(self, snapshot: Snapshot) -> None:
        """Begin to load what the snapshot needs, if it is not there yet: that takes seconds, and requests should not wait."""
        if any(provider.dialect == DIALECT for provider in snapshot.providers.values()):
            self.bridge.warm()


@asynccontextmanager
async def dialects(loaded: Loaded) -> AsyncIterator[Dialects]:
    """All of them, until the block is left. What the configuration needs begins to load."""
    async with OpenAIWire() as wire, bridging(loaded.settings.server.bridged_answer_bytes_max) as bridge:
        found = {OPENAI: _Fetching(wire), OPENROUTER: _Fetching(OpenRouterWire(wire)), DIALECT: _Fetching(bridge)}
        spoken = Dialects(found, bridge)
        spoken.warm(loaded.snapshot)
        try:
            yield spoken
        finally:
            for fetching in found.values():
                await fetching.aclose()


class _Fetching:
    """``ports.Provider`` around another, which fetches what comes as links where a call asks for that."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._made: Any = None

    async def send(self, call: UpstreamCall) -> UpstreamResponse:
        """See ``ports.Provider``."""
        if call.links is None:
            return await self._provider.send(call)
        if self._made is None:
            module = await asyncio.to_thread(import_module, "gateway.providers.links")
            self._made = self._made or module.LinkFetching(self._provider)
        response: UpstreamResponse = await self._made.send(call)
        return response

    async def aclose(self) -> None:
        """Let go of the connections to where links lead."""
        if self._made is not None:
            await self._made.aclose()


class Bridge:
    """``ports.Provider`` for the dialect ``litellm``, as small as can be until it is needed."""

    def __init__(self, answer_bytes_max: int) -> None:
        self._answer_bytes_max = answer_bytes_max
        self._making: asyncio.Task[Any] | None = None

    def warm(self) -> "asyncio.Task[Any]":
        """Begin to load what is behind it, where nobody has; the task's result is that."""
        if self._making is None:
            self._making = asyncio.create_task(self._make(), name="bridge")
        return self._making

    async def send(self, call: UpstreamCall) -> UpstreamResponse:
        """See ``ports.Provider``."""
        bridge = await asyncio.shield(self.warm())
        response: UpstreamResponse = await bridge.send(call)
        return response

    async def aclose(self) -> None:
        """End what is under way."""
        if self._making is not None:
            await asyncio.wait({self._making})
            if not self._making.cancelled() and self._making.exception() is None:
                self._making.result().close()

    async def _make(self) -> Any:
        module = await asyncio.to_thread(import_module, "gateway.providers.litellm_bridge")
        bridge = module.LitellmBridge(self._answer_bytes_max)
        bridge.warm()
        return bridge


@asynccontextmanager
async def bridging(answer_bytes_max: int = ANSWER_BYTES_MAX) -> AsyncIterator[Bridge]:
    """The bridge, until the block is left."""
    bridge = Bridge(answer_bytes_max)
    try:
        yield bridge
    finally:
        await bridge.aclose()
