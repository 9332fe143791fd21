"""The database goes away: contracts that spool are served, the others refused, and afterwards the books are complete."""

import asyncio
import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import aiohttp
import psycopg
import pytest

from tests.integration.programs import House, Program, control, run, start
from tests.integration.test_postgres import environment_of
from tests.integration.two_contracts import CONFIGURATION, KEY, Configuration, Place, ask, changed
from tests.real_postgres import RealPostgres, Server, real_postgres

_CLOSED = "SELECT request_id, kind, images FROM entry WHERE kind <> 'reserve'"
# A program whose files cannot grow: what a full disk is to it.
_SMALL_DISK = """
import resource, runpy, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
sys.argv = ["gateway", "serve"]
runpy.run_module("gateway", run_name="__main__")
"""


@pytest.fixture(scope="module")
def database() -> Iterator[tuple[RealPostgres, Server]]:
    """A server that a test may stop."""
    with real_postgres() as (postgres, server):
        yield postgres, server


def configured(found: Configuration) -> None:
    """One model under a contract that spools, one under a contract that does not."""
    found["ledger"] = {"url": "${GATEWAY_LEDGER_URL}"}
    found["history"] = {"folder": "${GATEWAY_FOLDER}"}
    found["decisions"], found["evidence"] = {"kept_max": 0}, {"requests_max": 0}
    found["contracts"]["direct"]["failure"]["ledger_unavailable"] = "spool"
    found["price_lists"]["usd"]["models"]["gpt-image-2-strict"] = {"per_request": 0.5}
    found["routes"]["second"] |= {"model": "gpt-image-2-strict", "upstream_model": "gpt-image-2"}
    found["models"] = {"gpt-image-2": {"routes": ["first"]}, "gpt-image-2-strict": {"routes": ["second"]}}
    for provider in found["providers"].values():
        provider["timeouts"]["total_s"] = 30


def serve(place: Place, environment: dict[str, str]) -> House:
    """In the test's folder, which is where the spool is."""
    log = place.folder / "gateway.log"
    gateway = start("serve", log=log, environment=environment | {"PYTHONPATH": str(Path.cwd())}, cwd=place.folder)
    return House(place.openai, place.atlas, gateway, environment)


def ready(house: House) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"{house.url}/readyz", timeout=10) as answer:
            return answer.status, json.loads(answer.read())["status"]
    except urllib.error.HTTPError as refused:
        return refused.code, json.loads(refused.read())["status"]


async def until_ready(house: House, status: str) -> None:
    async with asyncio.timeout(30):
        while ready(house)[1] != status:
            await asyncio.sleep(0.05)


def metric(house: House, name: str) -> float:
    with urllib.request.urlopen(f"{house.admin_url}/metrics", timeout=10) as answer:
        [line] = [line for line in answer.read().decode().splitlines() if line.startswith(f"{name} ")]
    return float(line.split()[1])


def check(place: Place, url: str) -> int:
    """Every image that the provider made is settled, once; how many."""
    made: dict[str, int] = control(place.openai.url, "stats")["images_by_request"]
    with psycopg.connect(url) as ledger:
        rows = ledger.execute(_CLOSED).fetchall()
    settled = {request_id: images for request_id, kind, images in rows if kind == "settle"}
    assert len(rows) == len({request_id for request_id, _, _ in rows})
    assert {request_id: settled.get(request_id) for request_id in made} == made
    return len(made)


@pytest.mark.parametrize("killed", [False, True])
async def test_the_database_goes_away_and_comes_back(place: Place, database: tuple[RealPostgres, Server], killed: bool) -> None:
    """Also where the gateway is killed in between: the next one books what it finds."""
    postgres, server = database
    url = postgres.database()
    environment = environment_of(place, url, changed(configured))
    house = serve(place, environment)
    try:
        async with house.client(KEY) as app:
            assert [(await ask(app))[0].status for _ in range(3)] == [200] * 3
            server.stop()
            await until_ready(house, "ledger_spooling")
            assert ready(house)[0] == 200
            answers = await asyncio.gather(*(ask(app) for _ in range(20)))
            assert [answer.status for answer, _ in answers] == [200] * 20
            refused, body = await ask(app, model="gpt-image-2-strict")
            assert (refused.status, body["error"]["code"]) == (503, "ledger_unavailable")
            assert control(place.atlas.url, "stats")["requests"] == 0
            assert metric(house, "gateway_ledger_spool_entries") == 40
            if killed:
                house.gateway.kill()
        server.start()
        if killed:
            house = serve(place, environment)
        await until_ready(house, "ready")
        async with asyncio.timeout(30):
            while metric(house, "gateway_ledger_spool_entries"):
                await asyncio.sleep(0.05)
        async with house.client(KEY) as app:
            await ask(app)
            assert (await ask(app, model="gpt-image-2-strict"))[0].status == 200
        assert check(place, url) == 24
        assert metric(house, "gateway_ledger_spool_refused_entries") == 0
    finally:
        assert house.gateway.stop() == 0
    verified = run("ledger", "verify", environment=environment)
    assert (verified.returncode, "unbroken" in verified.stdout) == (0, True), verified.stderr


async def test_a_full_disk_refuses_before_anything_is_sent(place: Place) -> None:
    """A clear 503, the provider hears nothing, and with room again the books are whole: each image settled or exposed."""
    with place.gateway(CONFIGURATION) as roomy:
        environment = roomy.environment
    house = House(place.openai, place.atlas, on_a_small_disk(place, environment), environment)
    try:
        delivered = 0
        async with house.client(KEY) as app:
            async with asyncio.timeout(60):
                while True:
                    # The disk may have become full while the provider worked: that answer is broken off, and its end is owed.
                    with suppress(aiohttp.ClientPayloadError):
                        answer, _ = await ask(app)
                        if answer.status != 200:
                            break
                        delivered += 1
            sent = sum(place.served())
            refused = [await ask(app) for _ in range(3)]
        assert [(answer.status, body["error"]["code"]) for answer, body in refused] == [(503, "ledger_unavailable")] * 3
        assert all(answer.headers["x-gateway-attempts"] == "0" for answer, _ in refused)
        assert sum(place.served()) == sent
        assert sent >= delivered > 3
    finally:
        house.gateway.kill()
    again = place.restart(house)
    assert again.stop() == 0
    spent = House(place.openai, place.atlas, again, environment).spend()
    exposed = sum(float(row["exposure"]) for row in spent.values()) / 0.5
    assert sum(row["images"] for row in spent.values()) + exposed == sent
    assert run("ledger", "verify", environment=environment).returncode == 0


def on_a_small_disk(place: Place, environment: dict[str, str]) -> Program:
    """Its log is not on it."""
    process = subprocess.Popen(
        [sys.executable, "-c", _SMALL_DISK],
        env=environment | {"PYTHONPATH": str(Path.cwd())},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    urls = [word for word in process.stdout.readline().split() if word.startswith("http")]
    return Program(process, tuple(url.rstrip(",.;") for url in urls), place.folder / "none.log")
