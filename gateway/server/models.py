"""``GET /v1/models`` and ``GET /v1/models/{id}``: the models of the caller's app, and the contracts behind them."""

from datetime import UTC, datetime, time
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request

from gateway.config.change.current import Current
from gateway.core.outcome import shape_refusal
from gateway.core.routing.plan import models_for
from gateway.core.snapshot import App, Model
from gateway.server.auth import authenticate
from gateway.server.head import head_of
from gateway.server.record import record_of

PATH = "/v1/models"


def models_router(current: Current) -> APIRouter:
    """Both endpoints, for the apps of the configuration in force."""
    router = APIRouter()

    def caller(request: Request) -> App:
        record = record_of(request.scope)
        record.path = PATH
        app = authenticate(head_of(request.scope), current.snapshot)
        record.app = app.id
        return app

    @router.get(PATH)
    async def list_models(request: Request) -> dict[str, Any]:
        """OpenAI's list object."""
        app = caller(request)
        return {"object": "list", "data": [_described(model, app) for model in models_for(app, current.snapshot)]}

    @router.get(PATH + "/{model_id:path}")
    async def retrieve_model(request: Request, model_id: str) -> dict[str, Any]:
        """OpenAI's model object; aliases are found too."""
        app = caller(request)
        model = current.snapshot.models.get(model_id)
        if model is None or not app.may_use(model.name):
            message = f"The model '{model_id[:200]}' does not exist or this app may not use it. GET {PATH} lists its models."
            raise shape_refusal("model_not_found", message, param="model", status=404)
        return _described(model, app)

    return router


def _described(model: Model, app: App) -> dict[str, Any]:
    """``created`` is when the first contract took effect, ``owned_by`` who bills under it: nothing else is known here.

    Of contracts that it may not use, an app learns nothing, unless it may use none of the model's.
    """
    contracts = [route.contract for route in model.routes]
    contracts = [it for it in contracts if app.contracts is None or it.id in app.contracts] or contracts[:1]
    first = contracts[0]
    return {
        "id": model.name,
        "object": "model",
        "created": int(datetime.combine(first.effective_from, time(), UTC).timestamp()),
        "owned_by": first.billing.owner,
        "gateway": {"aliases": list(model.aliases), "contracts": [it.reference for it in contracts]},
    }
