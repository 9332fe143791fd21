"""Readiness walks to providers whose dialect OpenAI's SDK does not speak: they take the way that requests take."""

from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from gateway.core.outcome import Stage
from gateway.core.readiness.live import PROMPT
from gateway.core.request.body_field import AUTO
from gateway.core.request.images import ENDPOINTS, ImageRequest, Operation
from gateway.core.snapshot import ProviderSettings, Route
from gateway.ports import Provider, UpstreamCall, UpstreamFailed, UpstreamRefused, UpstreamResponse
from gateway.providers.reference import REFERENCE_PNG


class DialectProbe:
    """Implements ``ports.Probe``. ``models`` asks the provider which it has."""

    def __init__(self, settings: ProviderSettings, provider: Provider, models: Callable[[], Awaitable[frozenset[str]]]) -> None:
        self._settings, self._provider, self._models = settings, provider, models

    async def models(self) -> frozenset[str]:
        """See ``ports.Probe``."""
        return await self._models()

    @asynccontextmanager
    async def images(self, route: Route, request: ImageRequest) -> AsyncIterator[UpstreamResponse]:
        """See ``ports.Probe``."""
        words: dict[str, Any] = {**self._settings.wire.members, "model": route.upstream_model, "prompt": PROMPT, "n": request.n}
        words |= {name: value for name, value in (("size", request.size), ("quality", request.quality)) if value != AUTO}
        if request.operation is Operation.EDIT:
            words["images"] = [{"image_url": f"data:image/png;base64,{b64encode(REFERENCE_PNG).decode()}"}]
        call = UpstreamCall(self._settings, ENDPOINTS[request.operation], "walk", msgspec.json.encode(words))
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
