"""Killed at any moment, under load, again and again: no image that was made is missing from the books, none is there twice."""

import asyncio
import os
import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import aiohttp
import psycopg
import pytest

from tests.integration.programs import House, control, start
from tests.integration.two_contracts import GENERATIONS, KEY, WISH, Place, changed
from tests.real_postgres import RealPostgres

# More of them prove more: GATEWAY_TEST_KILLS=50.
KILLS = int(os.environ.get("GATEWAY_TEST_KILLS", "1"))
CLIENTS = 12
_ENTRIES = "SELECT request_id, kind, images FROM entry WHERE kind <> 'reserve'"
_OPEN = """
SELECT count(*) FROM entry AS r
WHERE kind = 'reserve' AND NOT EXISTS (
    SELECT 1 FROM entry AS c WHERE c.request_id = r.request_id AND c.attempt = r.attempt AND c.kind <> 'reserve'
)
"""
Rows = list[tuple[str, str, int]]


def entries_of_file(path: Path) -> tuple[Rows, int]:
    with closing(sqlite3.connect(path)) as ledger:
        return ledger.execute(_ENTRIES).fetchall(), ledger.execute(_OPEN).fetchone()[0]


def entries_of_database(url: str) -> tuple[Rows, int]:
    with psycopg.connect(url) as ledger:
        [(left_open,)] = ledger.execute(_OPEN).fetchall()
        return ledger.execute(_ENTRIES).fetchall(), left_open


@pytest.mark.parametrize("store", ["sqlite", "postgres"])
async def test_every_image_has_one_entry(place: Place, request: pytest.FixtureRequest, store: str) -> None:
    """A settle where it was answered, an exposure where nobody knows; what is settled was made, as often as it is settled."""
    ledger: dict[str, str]
    entries: Callable[[], tuple[Rows, int]]
    if store == "postgres":
        server: RealPostgres = request.getfixturevalue("postgres")
        url = server.database()
        ledger, entries = {"url": url}, lambda: entries_of_database(url)
    else:
        path = place.folder / "ledger.sqlite"
        ledger, entries = {"path": str(path)}, lambda: entries_of_file(path)
    folder = {"folder": str(place.folder / "history")}
    place.write(
        changed(lambda it: it.update(ledger=ledger, history=folder, decisions={"kept_max": 0}, evidence={"requests_max": 0}))
    )
    control(place.openai.url, "faults", "POST", {"kind": "latency", "ms": 40, "times": 1_000_000})
    chance, answered = random.Random(6), 0
    for _ in range(KILLS):
        answered += await killed(place, store, chance)
    survivor = serve(place)
    try:
        async with asyncio.timeout(30):
            while entries()[1]:
                await asyncio.sleep(0.05)
    finally:
        assert survivor.gateway.stop() == 0
    made: dict[str, int] = control(place.openai.url, "stats")["images_by_request"]
    check(made, entries()[0], answered)


def check(made: dict[str, int], rows: Rows, answered: int) -> None:
    """Nothing is missing, nothing is there twice."""
    kinds = {request_id: kind for request_id, kind, _ in rows}
    assert len(kinds) == len(rows), "an attempt was closed twice"
    settled = {request_id: images for request_id, kind, images in rows if kind == "settle"}
    exposed = {request_id for request_id, kind in kinds.items() if kind == "expire"}
    assert len(made) >= answered > 0
    assert made.keys() <= settled.keys() | exposed
    assert {request_id: made[request_id] for request_id in settled} == settled
    assert len(settled) >= answered
    print(f"{KILLS} kills, {len(made)} images made, {len(settled)} settled, {len(exposed)} exposed, difference 0")  # noqa: T201


async def killed(place: Place, store: str, chance: random.Random) -> int:
    """Start a gateway, load it, kill it after some answers; how many its clients got whole."""
    house, answered = serve(place), 0

    async def ask(app: aiohttp.ClientSession) -> None:
        nonlocal answered
        while True:
            async with app.post(GENERATIONS, json=WISH | {"prompt": f"{store} {chance.random()}"}) as answer:
                await answer.read()
                answered += answer.status == 200

    async with house.client(KEY) as app:
        asking = [asyncio.create_task(ask(app)) for _ in range(CLIENTS)]
        enough = answered + chance.randrange(5, 60)
        async with asyncio.timeout(30):
            while answered < enough:
                await asyncio.sleep(chance.random() / 50)
        house.gateway.kill()
        await asyncio.wait(asking)
    return answered


def serve(place: Place) -> House:
    environment = {
        "SIMULATED_OPENAI_URL": f"{place.openai.url}/v1",
        "SIMULATED_ATLAS_URL": f"{place.atlas.url}/v1",
        "FAKE_PROVIDER_KEY": "sk-fake-not-a-secret",
        "GATEWAY_CONFIG": str(place.config),
    }
    return House(
        place.openai, place.atlas, start("serve", log=place.folder / "gateway.log", environment=environment), environment
    )
