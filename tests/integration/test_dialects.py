"""One model, one request, a contract for each way to reach a provider: every answer is OpenAI's, tagged, priced, evidenced."""

import asyncio
import base64
import copy
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
from PIL import Image

from gateway.app.running import running
from gateway.config.load import load
from gateway.core.finance.spend import Dimension, SpendQuery
from gateway.core.ledger.entry import Kind
from gateway.simulator import SimulatorSettings
from gateway.simulator import running as simulating
from gateway.stores.ledger.sqlite.books import SqliteBooks
from gateway.telemetry.request_log import RequestLog
from tests.integration.openrouter import GENERATION, MODEL, openrouter
from tests.integration.openrouter import KEY as OPENROUTER_KEY
from tests.integration.two_contracts import CONFIGURATION, GENERATIONS, KEY, Configuration
from tests.integration.vendors import vendors

WISH = {"model": "teapot", "prompt": "A teapot"}
LACKED = ["input_fidelity", "markup", "mask", "moderation", "partial_images", "safety_identifier", "style"]
# Of each contract: the provider beside its address, its upstream model, the route beside that, and what an image costs there.
WAYS: dict[str, tuple[Configuration, str, Configuration, str]] = {
    "direct": ({"dialect": "openai", "base_url": "SIMULATOR/v1"}, "gpt-image-2", {}, "0.01"),
    "azure": (
        {
            "dialect": "openai",
            "base_url": "SIMULATOR/openai",
            "wire": {"auth": "api_key", "api_version": "2025-04-01-preview", "model_in": "path"},
        },
        "gpt-image-2",
        {},
        "0.02",
    ),
    "links": (
        {"dialect": "openai", "base_url": "SIMULATOR/links/v1"},
        "gpt-image-2",
        {"links": {"deliver": "b64", "loopback": True}},
        "0.03",
    ),
    "openrouter": (
        {"dialect": "openrouter", "base_url": "OPENROUTER", "credential": {"env": "OPENROUTER_KEY"}},
        MODEL,
        {"operations": ["generation"], "capabilities": {"stream": False, "without": [*LACKED, "quality"]}},
        "0.038765433",
    ),
    "gemini": (
        {"dialect": "litellm", "base_url": "VENDORS/gemini"},
        "gemini/gemini-2.5-flash-image",
        {"operations": ["generation"], "capabilities": {"stream": False}},
        "0.05",
    ),
    "flux": (
        {"dialect": "litellm", "base_url": "VENDORS/bfl"},
        "black_forest_labs/flux-pro-1.1",
        {
            "operations": ["generation"],
            "capabilities": {"stream": False},
            "links": {"deliver": "b64", "loopback": True},
        },
        "0.06",
    ),
}


def configured(places: dict[str, str]) -> Configuration:
    """Six routes of one model; each contract has a price list of its own."""
    found = copy.deepcopy(CONFIGURATION)
    terms, prices = found["contracts"]["direct"], found["price_lists"]["usd"]
    found |= {"providers": {}, "contracts": {}, "routes": {}, "price_lists": {}, "evidence": {"keep": "all"}}
    for name, (provider, upstream, route, amount) in WAYS.items():
        place, slash, path = provider["base_url"].partition("/")
        usual = {"credential": {"env": "FAKE_PROVIDER_KEY"}, "timeouts": {"connect_s": 2, "total_s": 20}}
        found["providers"][name] = usual | provider | {"base_url": f"{places[place]}{slash}{path}"}
        found["contracts"][name] = terms | {"price_list": name, "billing": terms["billing"] | {"owner": f"Owner of {name}"}}
        price = {"per_image": [{"size": "*", "quality": "*", "amount": float(amount) if name != "openrouter" else 0.5}]}
        found["price_lists"][name] = prices | {"models": {upstream: price}}
        found["routes"][name] = {"model": "teapot", "provider": name, "upstream_model": upstream, "contract": name} | route
    found["models"] = {"teapot": {"routes": list(WAYS)}}
    return found


@asynccontextmanager
async def house(folder: Path) -> AsyncIterator[tuple[aiohttp.ClientSession, SqliteBooks]]:
    """A client of the gateway, and its ledger."""
    async with simulating(SimulatorSettings()) as simulator, vendors() as others:
        with openrouter() as router:
            router.reset()
            path = folder / "gateway.yaml"
            path.write_text(json.dumps(configured({"SIMULATOR": simulator, "OPENROUTER": router.url, "VENDORS": others.url})))
            ledger = folder / "ledger.sqlite"
            keys = {"FAKE_PROVIDER_KEY": "sk-fake-not-a-secret", "OPENROUTER_KEY": OPENROUTER_KEY}
            loading = partial(load, path, keys | {"GATEWAY_LEDGER": str(ledger)}, date(2026, 11, 23))
            head = {"authorization": f"Bearer {KEY}"}
            async with (
                running(loading(), RequestLog(None), loading) as at,
                aiohttp.ClientSession(at.data_plane, headers=head) as app,
            ):
                yield app, SqliteBooks(ledger)


async def evidence(app: aiohttp.ClientSession, path: str) -> dict[str, Any]:
    """It is written beside the requests, so it may take a moment."""
    async with asyncio.timeout(10):
        while True:
            async with app.get(path) as answer:
                if answer.status == 200:
                    found: dict[str, Any] = await answer.json()
                    return found
            await asyncio.sleep(0.05)


async def test_one_request_is_served_under_six_contracts(tmp_path: Path) -> None:
    """Whatever the provider speaks: the same shape, its own contract, its own price, one line in the ledger, and evidence."""
    async with house(tmp_path) as (app, books):
        for name, (_, upstream, _, amount) in WAYS.items():
            async with app.post(GENERATIONS, json=WISH, headers={"x-gateway-require-contract": name}) as answer:
                head, body = answer.headers, await answer.json()
                assert answer.status == 200, (name, body)
            with Image.open(io.BytesIO(base64.b64decode(body["data"][0]["b64_json"]))) as image:
                assert image.format == "PNG"
                assert "url" not in body["data"][0]
            member, basis = body["gateway"], "reported" if name == "openrouter" else "computed"
            assert (head["x-gateway-contract"], head["x-gateway-billing-owner"]) == (f"{name}@1", f"Owner of {name}")
            assert (head["x-gateway-provider"], head["x-gateway-model"]) == (name, upstream)
            assert (member["contract"], member["images"]) == (f"{name}@1", 1)
            assert (Decimal(member["cost"]), member["cost_basis"]) == (Decimal(amount), basis)
            reserve, settle = books.request(head["x-gateway-request-id"])
            assert (reserve.kind, settle.kind, settle.attribution.contract) == (Kind.RESERVE, Kind.SETTLE, name)
            assert (settle.cost.amount, settle.cost.basis.value) == (Decimal(amount), basis)
            found = await evidence(app, member["evidence"])
            assert json.dumps(found).count(f"{name}@1"), found
            if name == "openrouter":
                assert settle.upstream_request_id == GENERATION
        rows = {row.keys[0]: row.sums.cost for row in books.spend(SpendQuery((Dimension.CONTRACT,)))}
    assert rows == {name: Decimal(amount) for name, (_, _, _, amount) in WAYS.items()}
