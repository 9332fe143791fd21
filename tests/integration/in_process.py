"""A data plane inside the test, on a real port, for what no program can be made to do: a broken ledger, an odd provider."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

import aiohttp

from gateway.core.secret import Secret
from gateway.engine.accounting import Accounting
from gateway.engine.dispatch import Dispatcher
from gateway.listener import listening
from gateway.ports import Ledger
from gateway.providers.openai_wire import OpenAIWire
from gateway.server.images import BodyLimits
from gateway.server.planes import data_plane
from gateway.telemetry.metrics import Metrics
from tests.unit.core.samples import APP, MODEL, PROVIDER, ROUTE, snapshot

KEY = "igw_test_not_a_secret"
DIGEST = hashlib.sha256(KEY.encode()).hexdigest()
CREDENTIAL = "providerLive1234567890"


def now() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def gateway_to(base_url: str, ledger: Ledger) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of a data plane whose only provider is at ``base_url`` and which books into that ledger."""
    provider = replace(PROVIDER, base_url=base_url, credential=Secret(CREDENTIAL), organization="org-int")
    route = replace(ROUTE, provider=provider)
    found = replace(snapshot(replace(MODEL, routes=(route,))), apps={DIGEST: replace(APP, key_hashes=(DIGEST,))})
    async with OpenAIWire() as wire:
        dispatcher = Dispatcher({"openai": wire}, Accounting(ledger, now), now)
        metrics = Metrics(lambda: 0.0, found.revision)
        app = data_plane(found, dispatcher, metrics, limits=BodyLimits(1 << 20, 0.5), clock=now, ledger=ledger)
        async with (
            listening(app, "127.0.0.1", 0, grace_s=5) as url,
            aiohttp.ClientSession(url, headers={"authorization": f"Bearer {KEY}"}) as client,
        ):
            yield client
