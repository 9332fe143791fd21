"""A whole gateway whose ledger is in PostgreSQL."""

import asyncio
import json

import aiohttp
import psycopg
import pytest

from tests.integration.programs import House, control, run, start
from tests.integration.two_contracts import KEY, Configuration, Place, ask, changed
from tests.real_postgres import RealPostgres

ON_POSTGRES = changed(
    lambda it: it.update(
        ledger={"url": "${GATEWAY_LEDGER_URL}"},
        history={"folder": "${GATEWAY_FOLDER}"},
        decisions={"kept_max": 0},
        evidence={"requests_max": 0},
    )
)


def environment_of(place: Place, url: str, configuration: Configuration = ON_POSTGRES) -> dict[str, str]:
    place.write(configuration)
    return {
        "SIMULATED_OPENAI_URL": f"{place.openai.url}/v1",
        "SIMULATED_ATLAS_URL": f"{place.atlas.url}/v1",
        "FAKE_PROVIDER_KEY": "sk-fake-not-a-secret",
        "GATEWAY_LEDGER_URL": url,
        "GATEWAY_FOLDER": str(place.folder / "history"),
        "GATEWAY_CONFIG": str(place.config),
    }


def started(place: Place, environment: dict[str, str]) -> House:
    """A gateway of that environment."""
    gateway = start("serve", log=place.folder / "gateway.log", environment=environment)
    return House(place.openai, place.atlas, gateway, environment)


def test_the_tables_are_made_by_a_command_and_by_nobody_else(place: Place, postgres: RealPostgres) -> None:
    """It needs ledger.url alone, says what it does, and may be repeated; a gateway without tables names it."""
    url = postgres.database(migrated=False).replace("postgres@", "postgres:fake-secret@")
    environment = environment_of(place, url)
    refused = run("serve", environment=environment)
    assert (refused.returncode, "Run `gateway ledger migrate`" in refused.stderr) == (1, True), refused.stderr
    alone = {name: environment[name] for name in ("GATEWAY_CONFIG", "GATEWAY_LEDGER_URL")}
    first, second = run("ledger", "migrate", environment=alone), run("ledger", "migrate", environment=alone)
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert "version 0001" in first.stdout
    assert "made entry_" in first.stdout
    assert "have version 0006 already" in second.stdout
    assert "fake-secret" not in refused.stderr + first.stdout + first.stderr
    house = started(place, environment)
    assert house.gateway.stop() == 0


def test_one_ledger_has_one_place(place: Place) -> None:
    """A path beside a URL, or a URL of something else, is refused where it stands and without showing it."""
    both = changed(lambda it: it["ledger"].update(url="postgresql://u:fake-secret@127.0.0.1/x"))
    other = changed(lambda it: it.update(ledger={"url": "mysql://u:fake-secret@127.0.0.1/x"}))
    for configuration, said in ((both, "has both path and url"), (other, "is not the URL of a PostgreSQL")):
        done = run("check", environment=environment_of(place, "", configuration) | {"GATEWAY_LEDGER": "ledger.sqlite"})
        assert (done.returncode, said in done.stderr, "fake-secret" in done.stderr) == (1, True, False), done.stderr
    environment = environment_of(place, "postgresql://u:fake-secret@127.0.0.1:1/x")
    for command in (("serve",), ("spend",), ("ledger", "verify"), ("ledger", "migrate")):
        done = run(*command, environment=environment)
        assert (done.returncode, "cannot be opened" in done.stderr, "fake-secret" in done.stderr) == (1, True, False), done.stderr


async def test_what_was_made_is_booked_although_the_gateway_is_killed(place: Place, postgres: RealPostgres) -> None:
    """Every image that the provider made is spent or exposed, once; the commands say the same of it, and the chain is whole."""
    environment = environment_of(place, postgres.database())
    house = started(place, environment)

    async def endless(app: aiohttp.ClientSession) -> None:
        while True:
            await ask(app, quality="low")

    async with house.client(KEY) as app:
        for _ in range(3):
            await ask(app)
        asking = [asyncio.create_task(endless(app)) for _ in range(8)]
        async with asyncio.timeout(20):
            while control(house.openai.url, "stats")["requests"] < 40:
                await asyncio.sleep(0.02)
        house.gateway.kill()
        await asyncio.gather(*asking, return_exceptions=True)
    again = started(place, environment)
    try:
        async with again.client(KEY) as app:
            await ask(app)
        made = control(house.openai.url, "stats")["requests"]
        [row] = again.spend().values()
        exposed = float(row["exposure"]) / 0.5
        sent = row["images"] + exposed
        assert made <= sent <= made + 8
        listed = run("requests", "--limit", "1000", "--format", "json", environment=environment)
        outcomes = [it["outcome"] for it in json.loads(listed.stdout)["requests"]]
        assert outcomes.count("completed") == row["images"]
        assert outcomes.count("ambiguous") == exposed
        assert set(outcomes) <= {"completed", "ambiguous"}
    finally:
        again.gateway.stop()
    verified = run("ledger", "verify", environment=environment)
    assert (verified.returncode, "unbroken" in verified.stdout) == (0, True), verified.stderr


async def test_two_replicas_keep_one_ledger(place: Place, postgres: RealPostgres) -> None:
    """Neither takes what the other has open for abandoned; what both booked is in one report."""
    url = postgres.database()
    environment = environment_of(place, url)
    one, two = started(place, environment), started(place, environment)
    try:
        for house in (one, two):
            async with house.client(KEY) as app:
                await asyncio.gather(*(ask(app) for _ in range(5)))
        assert one.spend()["direct"]["images"] == control(place.openai.url, "stats")["requests"] == 10
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT count(DISTINCT writer) FROM entry").fetchone() == (2,)
    finally:
        one.gateway.stop()
        two.gateway.stop()


@pytest.mark.parametrize("command", [("masked",), ("export", "--format", "csv", "--since", "1d")])
async def test_reports_read_it(place: Place, postgres: RealPostgres, command: tuple[str, ...]) -> None:
    """Beside those that other tests use."""
    environment = environment_of(place, postgres.database())
    house = started(place, environment)
    try:
        async with house.client(KEY) as app:
            await ask(app)
        done = run(*command, environment=environment)
        assert done.returncode == 0, done.stderr
    finally:
        house.gateway.stop()
