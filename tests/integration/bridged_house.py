"""A whole gateway inside the test, whose routes lead to vendors with wire formats of their own."""

import copy
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp

from gateway.app.running import running
from gateway.config.load import load
from gateway.core.ledger.entry import Entry
from gateway.stores.ledger.sqlite.books import SqliteBooks
from gateway.telemetry.request_log import RequestLog
from tests.integration.two_contracts import CONFIGURATION, GENERATIONS, KEY, Configuration
from tests.integration.vendors import Vendors

# A public model each: the upstream model, and what its route serves.
UPSTREAM = {
    "fal": ("fal_ai/fal-ai/flux/schnell", ["generation"]),
    "fal-edit": ("fal_ai/openai/gpt-image-2", ["edit"]),
    "stability": ("stability/stable-image-core", ["generation"]),
    "stability-edit": ("stability/inpaint", ["edit"]),
    "imagen": ("gemini/imagen-4.0-generate-001", ["generation"]),
    "gemini": ("gemini/gemini-2.5-flash-image", ["generation", "edit"]),
    "bedrock": ("bedrock/amazon.nova-canvas-v1:0", ["generation"]),
    "bedrock-edit": ("bedrock/stability.stable-image-inpaint-v1:0", ["edit"]),
    "bfl": ("black_forest_labs/flux-pro-1.1", ["generation"]),
    "bfl-edit": ("black_forest_labs/flux-kontext-pro", ["edit"]),
    "vertex": ("vertex_ai/imagen-4.0-generate-001", ["generation"]),
    "recraft": ("recraft/recraftv3", ["generation"]),
}
PLACES = {"fal_ai": "fal", "black_forest_labs": "bfl", "vertex_ai": "vertex/imagen"}
OPTIONS = {
    "bedrock": {"aws_region_name": "us-east-1"},
    "vertex_ai": {"vertex_project": "teapots", "vertex_location": "europe-west4"},
}
Change = Callable[[Configuration], object]


@dataclass(frozen=True)
class BridgedHouse:
    """Where it listens, and its ledger."""

    url: str
    admin_url: str
    app: aiohttp.ClientSession
    books: SqliteBooks

    async def ask(self, **wish: Any) -> tuple[int, Any, dict[str, Any]]:
        """One generation: status, headers, body."""
        wish = {"prompt": "A teapot", "size": "1024x1024"} | wish
        async with self.app.post(GENERATIONS, json=wish) as answer:
            return answer.status, answer.headers, await answer.json()

    def closed(self, headers: Any) -> Entry:
        """The entry that closed the request's only attempt."""
        entries = self.books.request(headers["x-gateway-request-id"])
        assert len(entries) == 2, entries
        return entries[1]


def configured(url: str) -> Configuration:
    """A model, a provider, a contract and a price by image for each of them: a cent for the first, two for the second …"""
    found = copy.deepcopy(CONFIGURATION)
    contract = found["contracts"]["direct"]
    found |= {"providers": {}, "contracts": {}, "routes": {}, "models": {}}
    prices = found["price_lists"]["usd"]["models"] = {}
    for number, (name, (upstream, operations)) in enumerate(UPSTREAM.items(), 1):
        vendor = upstream.partition("/")[0]
        found["providers"][name] = {
            "dialect": "litellm",
            "base_url": f"{url}/{PLACES.get(vendor, vendor)}",
            "credential": {"env": "FAKE_PROVIDER_KEY"},
            "timeouts": {"connect_s": 2, "total_s": 5},
            "options": OPTIONS.get(vendor, {}),
        }
        found["contracts"][name] = contract | {"billing": contract["billing"] | {"owner": f"Owner of {name}"}}
        found["routes"][name] = {
            "model": name,
            "provider": name,
            "upstream_model": upstream,
            "contract": name,
            "operations": operations,
            "capabilities": {"stream": False},
            "links": {"deliver": "b64", "loopback": True},
        }
        found["models"][name] = {"routes": [name]}
        prices[upstream] = {"per_image": [{"size": "*", "quality": "*", "amount": number / 100}]}
    return found


@asynccontextmanager
async def bridged_house(there: Vendors, folder: Path, change: Change = lambda configuration: None) -> AsyncIterator[BridgedHouse]:
    """It runs until the block is left; ``gateway.yaml`` in ``folder`` may be edited meanwhile."""
    configuration = configured(there.url)
    change(configuration)
    path = folder / "gateway.yaml"
    path.write_text(json.dumps(configuration))
    environment = {"FAKE_PROVIDER_KEY": "sk-fake-not-a-secret", "GATEWAY_LEDGER": str(folder / "ledger.sqlite")}
    loading = partial(load, path, environment, date(2026, 11, 23))
    async with (
        running(loading(), RequestLog(None), loading) as at,
        aiohttp.ClientSession(at.data_plane, headers={"authorization": f"Bearer {KEY}"}) as app,
    ):
        yield BridgedHouse(at.data_plane, at.admin_plane, app, SqliteBooks(folder / "ledger.sqlite"))
