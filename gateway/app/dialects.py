"""Who speaks each dialect. The bridge, and what fetches links, are imported where they are needed: most gateways never do."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Any

import msgspec

from gateway.core.diagnosis import Stage
from gateway.core.images import ENDPOINTS, ImageRequest, Operation
from gateway.core.member import AUTO
from gateway.core.openrouter import DIALECT as OPENROUTER
from gateway.core.readiness_live import PROMPT
from gateway.core.snapshot import ProviderSettings, Route, Snapshot
from gateway.ports import Provider, UpstreamCall, UpstreamFailed, UpstreamRefused, UpstreamResponse
from gateway.providers.openai_wire import OpenAIWire
from gateway.providers.openrouter import OpenRouterWire

OPENAI, LITELLM = "openai", "litellm"


@asynccontextmanager
async def dialects(snapshot: Snapshot) -> AsyncIterator[Mapping[str, Provider]]:
    """By name, until the block is left. What ``snapshot`` needs begins to load."""
    bridge = Bridge()
    async with OpenAIWire() as wire:
        found = {OPENAI: _Fetching(wire), OPENROUTER: _Fetching(OpenRouterWire(wire)), LITELLM: _Fetching(bridge)}
        await bridge.warm(snapshot)
        try:
            yield found
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
    """``ports.Provider`` for the dialect ``litellm``, as small as can be until the first call."""

    def __init__(self) -> None:
        self._made: Any = None

    async def warm(self, snapshot: Snapshot) -> None:
        """Begin to load what is behind it, where a provider needs it: that takes seconds, and requests should not wait."""
        if any(provider.dialect == LITELLM for provider in snapshot.providers.values()):
            (await self._bridge()).warm()

    async def send(self, call: UpstreamCall) -> UpstreamResponse:
        """See ``ports.Provider``."""
        response: UpstreamResponse = await (await self._bridge()).send(call)
        return response

    async def _bridge(self) -> Any:
        if self._made is None:
            module = await asyncio.to_thread(import_module, "gateway.providers.litellm_bridge")
            self._made = self._made or module.LitellmBridge()
        return self._made


class DialectProbe:
    """Implements ``ports.Probe`` for a dialect that OpenAI's SDK does not speak: walks take the way that requests take.

    ``models`` asks the provider which it has; ``reference`` is the PNG that edits are tried with.
    """

    def __init__(
        self,
        settings: ProviderSettings,
        provider: Provider,
        models: Callable[[], Awaitable[frozenset[str]]],
        reference: bytes = b"",
    ) -> None:
        self._settings, self._provider, self._models, self._reference = settings, provider, models, reference

    async def models(self) -> frozenset[str]:
        """See ``ports.Probe``."""
        return await self._models()

    @asynccontextmanager
    async def images(self, route: Route, request: ImageRequest) -> AsyncIterator[UpstreamResponse]:
        """See ``ports.Probe``."""
        words = {
            "model": route.upstream_model,
            "prompt": PROMPT,
            "n": request.n,
            "size": request.size,
            "quality": request.quality,
        }
        body: dict[str, Any] = dict(self._settings.wire.members)
        body |= {name: value for name, value in words.items() if value != AUTO}
        if request.operation is Operation.EDIT:
            body["images"] = [{"image_url": f"data:image/png;base64,{b64encode(self._reference).decode()}"}]
        call = UpstreamCall(self._settings, ENDPOINTS[request.operation], "walk", msgspec.json.encode(body))
        response = await self._provider.send(call)
        try:
            if response.status != 200:
                raise UpstreamRefused(response)
            yield response
        finally:
            response.release()


async def unlisted() -> frozenset[str]:
    """The models of a provider behind litellm."""
    raise UpstreamFailed(Stage.CONNECT, "litellm cannot ask this provider for its models")
