"""``gateway ledger``: a key, signed roots, and a ledger that somebody has worked on."""

import json
import sqlite3
from contextlib import closing

from tests.integration.programs import run
from tests.integration.two_contracts import KEY, Place, ask, changed


async def test_a_signed_ledger_is_verified_and_a_changed_one_is_not(place: Place) -> None:
    """While the gateway runs and after; with the configuration's key, with a public one alone, and with a wrong one."""
    made = run("ledger", "key")
    private, public = made.stdout.strip(), json.loads(made.stderr.splitlines()[0].removeprefix("public: "))
    assert (made.returncode, public["kty"], "d" in public) == (0, "OKP", False)
    (place.folder / "signing.jwk").write_text(private)
    (place.folder / "keys.json").write_text(json.dumps({"keys": [public]}))
    signed = changed(lambda it: it.update(signing={"key": {"file": "signing.jwk"}}))
    with place.gateway(signed) as house:
        async with house.client(KEY) as app:
            await ask(app)
        running = run("ledger", "verify", environment=house.environment)
        assert (running.returncode, running.stdout) == (0, "2 rows read: unbroken.\n"), running.stderr
    for options in ((), ("--jwks", str(place.folder / "keys.json"))):
        done = run("ledger", "verify", *options, environment=house.environment)
        assert done.returncode == 0, done.stderr
    other = json.loads(run("ledger", "key").stderr.splitlines()[0].removeprefix("public: "))
    (place.folder / "keys.json").write_text(json.dumps({"keys": [other]}))
    wrong = run("ledger", "verify", "--jwks", str(place.folder / "keys.json"), environment=house.environment)
    assert (wrong.returncode, "signature is wrong" in wrong.stderr) == (1, True)
    with closing(sqlite3.connect(house.environment["GATEWAY_LEDGER"])) as connection:
        connection.executescript("DROP TRIGGER entry_is_never_changed; UPDATE entry SET amount_nanos = 1 WHERE seq = 2")
    forged = run("ledger", "verify", environment=house.environment)
    assert (forged.returncode, "row 2 (" in forged.stderr, "NOT what was written" in forged.stdout) == (1, True, True)
    assert json.loads(private)["d"] not in forged.stdout + forged.stderr + (place.folder / "one.log").read_text()


def test_a_key_that_does_not_sign_is_refused(place: Place) -> None:
    """At its place, and without showing it."""
    (place.folder / "signing.jwk").write_text('{"kty":"oct","k":"c2VjcmV0LWNhbmFyeQ"}')
    place.write(changed(lambda it: it.update(signing={"key": {"file": "signing.jwk"}})))
    environment = {
        "GATEWAY_CONFIG": str(place.config),
        "GATEWAY_LEDGER": str(place.folder / "ledger.sqlite"),
        "FAKE_PROVIDER_KEY": "sk-fake-not-a-secret",
        "SIMULATED_OPENAI_URL": place.openai.url,
        "SIMULATED_ATLAS_URL": place.atlas.url,
    }
    done = run("check", environment=environment)
    assert (done.returncode, "signing.key.file" in done.stderr, "gateway ledger key" in done.stderr) == (1, True, True)
    assert "canary" not in done.stderr
    assert "c2VjcmV0" not in done.stderr
