"""Which dialect serves which routes, by which package, and what each route supports at most."""

from importlib.metadata import PackageNotFoundError, version
from urllib.parse import urlsplit

from gateway.core.contract.capability import bounds
from gateway.core.contract.wire import Auth, ModelIn, Wire
from gateway.core.snapshot import ProviderSettings, Route, Snapshot
from gateway.reports.document import Document

# What each dialect is made of, and what for.
_DIALECTS = {"openai": "image-gateway", "openrouter": "image-gateway", "litellm": "litellm"}
_PACKAGES = {"image-gateway": "the relay", "openai": "readiness walks", "litellm": "the bridge"}
_NOT_INSTALLED = "not installed"


def providers_document(snapshot: Snapshot) -> Document:
    """``{"config_revision", "packages", "providers"}``; hosts without paths, and no key."""
    return {
        "config_revision": snapshot.revision,
        "packages": [{"name": name, "version": _version(name), "for": use} for name, use in _PACKAGES.items()],
        "providers": [_provider(it, snapshot) for it in snapshot.providers.values()],
    }


def _provider(provider: ProviderSettings, snapshot: Snapshot) -> Document:
    return {
        "id": provider.id,
        "dialect": provider.dialect,
        "package": f"{_DIALECTS[provider.dialect]} {_version(_DIALECTS[provider.dialect])}",
        "host": urlsplit(provider.base_url).netloc or "the vendor's own",
        "wire": _options(provider.wire) + [f"{name} {value}" for name, value in provider.options.items()],
        "routes": [_route(route) for route in snapshot.routes.values() if route.provider.id == provider.id],
    }


def _route(route: Route) -> Document:
    return {
        "id": route.id,
        "model": route.model,
        "upstream_model": route.upstream_model,
        "contract": route.contract.reference,
        "state": route.state.value,
        "operations": sorted(route.operations),
        "bounds": None if route.capabilities is None else list(bounds(route.capabilities)),
    }


def _options(wire: Wire) -> list[str]:
    """What differs from OpenAI's own wire format."""
    found = [] if wire.auth is Auth.BEARER else [f"key as {wire.auth}" if wire.auth is Auth.API_KEY else "no key"]
    if wire.api_version:
        found.append(f"api-version {wire.api_version}")
    if wire.model_in is ModelIn.PATH:
        found.append("model in the path")
    found += [f"adds {name}: {value}" for name, value in wire.members.items()]
    found += [f"header {name}" for name, _ in wire.headers]
    return found + ([f"reports its cost in {wire.reports_cost}"] if wire.reports_cost else [])


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return _NOT_INSTALLED
