"""Who serves what under a configuration, and who is paid for it."""

from collections.abc import Sequence

from gateway.config.load import Loaded
from gateway.config.problem import Problem
from gateway.core.snapshot import Model, Route, Snapshot
from gateway.reports.document import Document, plain


def overview_document(loaded: Loaded) -> Document:
    """``{"ok", "revision", "problems", "warnings", "models", "contracts"}`` of a configuration that is valid."""
    snapshot = loaded.snapshot
    return {
        "ok": True,
        "revision": snapshot.revision,
        "problems": [],
        "warnings": plain(loaded.warnings),
        "models": [_model(model, snapshot) for model in models_of(snapshot)],
        "contracts": plain(snapshot.contracts),
    }


def problems_document(problems: Sequence[Problem]) -> Document:
    """The same of one that is not."""
    return {"ok": False, "revision": None, "problems": plain(problems), "warnings": [], "models": []}


def models_of(snapshot: Snapshot) -> list[Model]:
    """Each model once: the snapshot also finds it under its aliases."""
    return [model for name, model in snapshot.models.items() if name == model.name]


def apps_count(model: Model, snapshot: Snapshot) -> int:
    """How many apps may use the model."""
    return len({app.id for app in snapshot.apps.values() if app.may_use(model.name)})


def _model(model: Model, snapshot: Snapshot) -> Document:
    return {
        "name": model.name,
        "aliases": list(model.aliases),
        "apps": apps_count(model, snapshot),
        "routes": [_route(route) for route in model.routes],
    }


def _route(route: Route) -> Document:
    return {
        "id": route.id,
        "state": route.state.value,
        "provider": route.provider.id,
        "upstream_model": route.upstream_model,
        "contract": route.contract.reference,
        "billing_owner": route.contract.billing.owner,
        "price_list": route.price_list.id,
        "currency": route.price_list.currency,
    }
