"""A gateway whose one model has a route under each of two contracts, at two simulated providers; its configuration is a value."""

import copy
import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tests.integration.programs import House, Program, control, start

GENERATIONS = "/v1/images/generations"
WISH = {"model": "gpt-image-2", "prompt": "A teapot", "size": "1024x640", "quality": "low"}
KEY = "igw_shop_0000_not_a_secret"
OTHER_KEY = "igw_press_0000_not_a_secret"
Configuration = dict[str, Any]


def _contract(owner: str) -> Configuration:
    return {
        "revision": "1",
        "effective_from": "2026-01-01",
        "price_list": "usd",
        "billing": {"owner": owner, "account": "one", "invoice_issuer": owner, "currency": "USD", "terms": "prepaid"},
        "limits": {"owner": owner, "usage_tier": "3", "recorded": []},
        "verification": {"state": "not_required"},
        "support": {"owner": owner, "contact": "help"},
        "failure": {"retries": "caller", "refunds": "none", "on_ambiguous": "fail"},
        "data": {"reference_images": "kept", "outputs": "ours", "training": "none", "retention": "30 days", "region": "anywhere"},
        "model_mapping": {"statement": "same name", "verifiable": True},
    }


def _route(provider: str, contract: str) -> Configuration:
    return {"model": "gpt-image-2", "provider": provider, "upstream_model": "gpt-image-2", "contract": contract}


def _app(key: str) -> Configuration:
    return {"team": "shop", "cost_centre": "CC-1", "keys": [{"sha256": hashlib.sha256(key.encode()).hexdigest()}]}


CONFIGURATION: Configuration = {
    "server": {"port": 0},
    "admin": {"port": 0},
    "ledger": {"path": "${GATEWAY_LEDGER}"},
    "contracts": {"direct": _contract("OpenAI"), "reseller": _contract("Atlas")},
    "price_lists": {
        "usd": {
            "currency": "USD",
            "effective_from": "2026-01-01",
            "source": "a page",
            "recorded_on": "2026-11-01",
            "models": {"gpt-image-2": {"per_request": 0.5}},
        }
    },
    "providers": {
        name: {
            "dialect": "openai",
            "base_url": f"${{{variable}}}",
            "credential": {"env": "FAKE_PROVIDER_KEY"},
            "timeouts": {"connect_s": 2, "total_s": 10},
        }
        for name, variable in (("openai", "SIMULATED_OPENAI_URL"), ("atlas", "SIMULATED_ATLAS_URL"))
    },
    "routes": {"first": _route("openai", "direct"), "second": _route("atlas", "reseller")},
    "models": {"gpt-image-2": {"routes": ["first", "second"]}},
    "apps": {"shop": _app(KEY), "press": _app(OTHER_KEY)},
}


def changed(change: Callable[[Configuration], object]) -> Configuration:
    """The configuration with something else in it."""
    found = copy.deepcopy(CONFIGURATION)
    change(found)
    return found


@dataclass(frozen=True)
class Place:
    """Two simulated providers, and the gateways that a test starts in front of them."""

    folder: Path
    openai: Program
    atlas: Program

    @property
    def config(self) -> Path:
        return self.folder / "gateway.yaml"

    def write(self, configuration: Configuration) -> None:
        """Replace the configuration as an editor does."""
        beside = self.folder / "gateway.yaml.new"
        beside.write_text(json.dumps(configuration))
        beside.replace(self.config)

    @contextmanager
    def gateway(self, configuration: Configuration | None = None, name: str = "one") -> Iterator[House]:
        """A running gateway; without a configuration, the one that has been written."""
        if configuration is not None:
            self.write(configuration)
        (self.folder / name).mkdir()
        environment = {
            "SIMULATED_OPENAI_URL": f"{self.openai.url}/v1",
            "SIMULATED_ATLAS_URL": f"{self.atlas.url}/v1",
            "FAKE_PROVIDER_KEY": "sk-fake-not-a-secret",
            "GATEWAY_LEDGER": str(self.folder / name / "ledger.sqlite"),
            "GATEWAY_CONFIG": str(self.config),
        }
        program = start("serve", log=self.folder / f"{name}.log", environment=environment)
        try:
            yield House(self.openai, self.atlas, program, environment)
        finally:
            program.stop()

    def restart(self, house: House) -> Program:
        """Start the gateway of that house once more, over what it has left behind."""
        return start("serve", log=self.folder / "again.log", environment=house.environment)

    def served(self) -> tuple[int, int]:
        """Requests that each of the two has had."""
        return control(self.openai.url, "stats")["requests"], control(self.atlas.url, "stats")["requests"]


@contextmanager
def two_providers(folder: Path) -> Iterator[Place]:
    """Both simulators, until the block is left."""
    openai = start("simulate", "--port", "0", "--name", "simulated-openai", log=folder / "openai.log")
    atlas = start("simulate", "--port", "0", "--name", "simulated-atlas", log=folder / "atlas.log")
    try:
        yield Place(folder, openai, atlas)
    finally:
        openai.stop()
        atlas.stop()


async def ask(app: aiohttp.ClientSession, **wish: Any) -> tuple[aiohttp.ClientResponse, dict[str, Any]]:
    """One request, read whole."""
    async with app.post(GENERATIONS, json=WISH | wish) as answer:
        return answer, await answer.json()
