"""OpenRouter's image API: ``POST /images`` for generations and edits alike, answered as OpenAI answers.

Bytes pass as they come in both directions. What differs in an answer passes too: each image's ``media_type``, and the cost in
``usage``, which is read where the others are (``core.reported``).
"""

from dataclasses import replace

from gateway.ports import UpstreamCall, UpstreamResponse
from gateway.providers.openai_wire import OpenAIWire
from gateway.providers.openrouter_request import NoWord, translated
from gateway.providers.stored_answer import without_a_word

PATH = "images"
# What names the generation in its records; its image API documents no other id of a request (2026-11-24).
GENERATION_ID = "x-generation-id"
_REQUEST_ID = "x-request-id"


class OpenRouterWire:
    """``ports.Provider`` for the dialect ``openrouter``, over the connections of another."""

    def __init__(self, wire: OpenAIWire) -> None:
        self._wire = wire

    async def send(self, call: UpstreamCall) -> UpstreamResponse:
        """See ``ports.Provider``. What cannot be said to OpenRouter is refused and not sent."""
        try:
            body = translated(call)
        except NoWord as missing:
            return without_a_word(missing.param)
        response = await self._wire.send(replace(call, path=PATH, body=body))
        if generation := response.headers.get(GENERATION_ID):
            response.headers = {_REQUEST_ID: generation, **response.headers}
        return response
