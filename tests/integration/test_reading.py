"""The books are read by whoever knows where they are: without a provider's secret, and while the files are broken."""

import json
import shutil
from pathlib import Path

import pytest

from tests.integration.programs import CONFIG, House, run
from tests.integration.two_contracts import KEY, Configuration, Place, ask, changed

READERS = (
    ("requests", "--format", "json"),
    ("masked", "--format", "json"),
    ("spend", "--format", "json"),
    ("spend", "--in", "EUR", "--format", "json"),
    ("budgets", "--format", "json"),
    ("export", "--format", "csv", "--since", "1d"),
    ("export", "--format", "focus-1.2", "--since", "1d"),
    ("diagnose", "--unknown"),
)
OF_PATHS_ONLY = tuple(READERS[at] for at in (0, 2, 5, 7))


def _covering(found: Configuration) -> None:
    found["models"]["gpt-image-2"]["fallback"] = {"on": ["account"], "to": ["reseller"]}
    found["apps"]["shop"]["biller_change"] = True
    found["budgets"] = {"shop": {"app": "shop", "amount": 20, "currency": "USD"}}


async def _covered(house: House) -> str:
    """A request that the direct contract failed and the reseller's served; its id."""
    broke = {"code": "insufficient_quota", "type": "insufficient_quota", "message": "You exceeded your current quota."}
    house.fault(kind="status", status=429, error=broke, times=1)
    async with house.client(KEY) as app:
        answer, body = await ask(app)
        assert answer.status == 200
        async with app.get(body["gateway"]["evidence"]) as evidence:  # whoever asks for it has it written before
            assert evidence.status == 200
    return answer.headers["x-gateway-request-id"]


async def test_readers_need_no_secret_and_no_valid_file(place: Place) -> None:
    """Every reader answers alike without a secret and, with the last good revision, over broken files; then it says so."""
    with place.gateway(changed(_covering)) as house:
        request_id = await _covered(house)
        readers = (*READERS, ("requests", request_id, "--format", "json"), ("evidence", request_id, "--format", "json"))
        before = {reader: run(*reader, environment=house.environment) for reader in readers}
        assert {done.returncode for done in before.values()} == {0}
        bare = {name: value for name, value in house.environment.items() if name != "FAKE_PROVIDER_KEY"}

        def answers(said: str) -> None:
            for reader, first in before.items():
                done = run(*reader, environment=bare)
                assert (done.returncode, done.stdout) == (0, first.stdout), (reader, done.stderr)
                assert (done.stderr.count(said) if said else 1) == 1, (reader, done.stderr)
                assert ("last good revision" in done.stderr) == bool(said)

        answers("")
        revision = json.loads(run("config", "history", "--format", "json", environment=house.environment).stdout)["revisions"][0]
        place.write(changed(_covering) | {"no_such_section": {}})
        answers(f"gateway: {place.config} is not valid (gateway check tells why), so the last good revision is used: ")
        answers(f"{revision['id']} of ")
        assert run("check", environment=house.environment).returncode == 1


def _books(folder: Path, place: Place) -> dict[str, str]:
    """The variables of that gateway but for the secret, with its books moved to ``folder``."""
    shutil.copytree(place.folder / "one", folder)
    return {"GATEWAY_CONFIG": str(place.config), "GATEWAY_LEDGER": str(folder / "ledger.sqlite")}


async def test_a_file_that_is_not_yaml_still_says_where_the_books_are(place: Place) -> None:
    """Its sections are read alone, and the history behind them knows the rest."""
    with place.gateway(changed(_covering)) as house:
        request_id = await _covered(house)
        listed = run("requests", environment=house.environment).stdout
        place.config.write_text("server: [\nledger:\n\n  # where\n  path: ${GATEWAY_LEDGER}\napps:\n\tshop: {}\n")
        done = run("requests", environment={**house.environment, "FAKE_PROVIDER_KEY": ""})
        assert (done.returncode, done.stdout, "last good revision" in done.stderr) == (0, listed, True)
        assert run("evidence", request_id, environment=house.environment).returncode == 0


async def test_without_any_good_revision_the_paths_are_enough_for_what_needs_no_more(place: Place, tmp_path: Path) -> None:
    """What needs prices or budgets says what is wrong with the files instead of reporting less."""
    with place.gateway(changed(_covering)) as house:
        await _covered(house)
    environment = _books(tmp_path / "moved", place)
    shutil.rmtree(tmp_path / "moved" / "history")
    for reader in READERS:
        done = run(*reader, environment=environment)  # no variable of a provider's address is set
        if reader in OF_PATHS_ONLY:
            assert done.returncode == 0, done.stderr
            assert "nothing but the paths of the books is taken from it" in done.stderr
        else:
            assert (done.returncode, done.stdout) == (1, "")
            assert "SIMULATED_OPENAI_URL is not set" in done.stderr
    environment.pop("GATEWAY_LEDGER")
    done = run("requests", environment=environment)
    assert (done.returncode, "GATEWAY_LEDGER is not set" in done.stderr) == (1, True)
    missing = run("requests", "--config", str(tmp_path / "none.yaml"), environment=environment)
    assert (missing.returncode, "cannot be read" in missing.stderr) == (1, True)
    place.config.write_text("ledger: [")
    done = run("requests", environment=environment)
    assert (done.returncode, "not valid YAML" in done.stderr) == (1, True)


def test_a_pull_request_is_checked_without_secrets(place: Place) -> None:
    """All but the secrets is checked: keys, and the addresses of the databases that hold a password."""

    def shared(found: Configuration) -> None:
        found["ledger"], found["state"] = {"url": "${LEDGER_URL}"}, {"redis_url": "${REDIS_URL}"}
        found["signing"] = {"key": {"env": "SIGNING_KEY"}}

    environment = {"SIMULATED_OPENAI_URL": "http://127.0.0.1:1/v1", "SIMULATED_ATLAS_URL": "http://127.0.0.1:2/v1"}
    place.write(changed(shared))
    plain = run("check", str(place.config), environment=environment)
    assert plain.returncode == 1
    for name in ("FAKE_PROVIDER_KEY", "SIGNING_KEY", "LEDGER_URL", "REDIS_URL"):
        assert f"{name} is not set" in plain.stderr
    assert run("check", str(place.config), "--without-secrets", environment=environment).returncode == 0
    place.write(changed(shared) | {"ledger": {"url": "${LEDGER URL}"}})
    malformed = run("check", str(place.config), "--without-secrets", environment=environment)
    assert (malformed.returncode, "is not that of an environment variable" in malformed.stderr) == (1, True)
    place.write(changed(shared) | {"models": {"gpt-image-2": {"routes": ["frist", "second"]}}})
    wrong = run("check", str(place.config), "--without-secrets", environment=environment)
    assert (wrong.returncode, "Did you mean 'first'?" in wrong.stderr) == (1, True)


@pytest.mark.parametrize("reader", [("requests",), ("spend",)])
def test_readers_of_a_shared_ledger_need_its_url(place: Place, reader: tuple[str, ...]) -> None:
    """It is never taken for a file: the variable is named."""
    place.write(changed(lambda found: found.update(ledger={"url": "${LEDGER_URL}"}, history={"folder": str(CONFIG)})))
    done = run(*reader, environment={"GATEWAY_CONFIG": str(place.config)})
    assert (done.returncode, "LEDGER_URL is not set" in done.stderr) == (1, True)
