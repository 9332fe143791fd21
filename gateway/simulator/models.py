"""``GET …/models`` and ``GET …/models/{id}``."""

import asyncio
from datetime import UTC, datetime, time
from typing import Any

from starlette.types import Receive, Scope, Send

from gateway.simulator.catalogue import MODELS, Model
from gateway.simulator.edge import struck_at_edge
from gateway.simulator.exchange import Exchange
from gateway.simulator.face import OPENAI, Face
from gateway.simulator.faults import FaultBook
from gateway.simulator.refusal import Refusal
from gateway.simulator.settings import SimulatorSettings


class ModelsEndpoint:
    """An ASGI application for the list, and for one model where the path names it. Delays and faults of the edge strike it."""

    def __init__(self, settings: SimulatorSettings, faults: FaultBook, face: Face = OPENAI) -> None:
        self._settings, self._faults, self._face = settings, faults, face

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        exchange = Exchange(scope, receive, send, self._settings)
        strike = self._faults.strike("models")
        await asyncio.sleep(strike.latency_ms / 1000)
        if await struck_at_edge(exchange, strike):
            return
        try:
            self._face.admit(exchange.request, self._settings.key)
            body = _answer(scope.get("path_params", {}).get("id"))
        except Refusal as refusal:
            await exchange.refuse(refusal)
        else:
            await exchange.json(200, body)


def _answer(id: str | None) -> dict[str, Any]:
    if id is None:
        return {"object": "list", "data": [_described(model) for model in MODELS.values()]}
    if id not in MODELS:
        message = f"The model '{id}' does not exist or you do not have access to it."
        raise Refusal(message, status=404, param="model", code="model_not_found")
    return _described(MODELS[id])


def _described(model: Model) -> dict[str, Any]:
    created_s = int(datetime.combine(model.released_on, time(), UTC).timestamp())
    return {"id": model.id, "object": "model", "created": created_s, "owned_by": "system"}
