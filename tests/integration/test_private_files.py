"""What a gateway keeps can be read by its own user only, whatever the umask it was started with."""

import json
import os
import re
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.private import private_database, private_file, private_folder
from tests.integration.booked_month import written_month
from tests.integration.programs import CONFIG, ROOT, STOREFRONT_KEY, House, Program, run, without_limits
from tests.integration.reloads import Site, replaced
from tests.integration.two_contracts import two_providers

GENERATIONS = "/v1/images/generations"
WISH = {"model": "gpt-image-2", "prompt": "A teapot", "size": "1024x1024", "quality": "low"}
WORD = {"who": "ada", "why": "a drill"}


@contextmanager
def umask(mask: int) -> Iterator[None]:
    """Whatever this process makes meanwhile is made with it."""
    former = os.umask(mask)
    try:
        yield
    finally:
        os.umask(former)


def started(environment: dict[str, str], log: Path) -> Program:
    """A gateway whose process has no umask at all."""
    command = [sys.executable, "-m", "gateway", "serve"]
    with log.open("a") as errors:
        process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | environment, stdout=subprocess.PIPE, stderr=errors, text=True, umask=0
        )
    assert process.stdout is not None
    return Program(process, tuple(re.findall(r"http://[0-9.:]+", process.stdout.readline())), log)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A gateway that was started without any umask; all that it keeps is in one folder."""
    shutil.copytree(CONFIG.parent, tmp_path / "config")
    without_limits(tmp_path / "config")
    path = tmp_path / "config" / "gateway.yaml"
    with two_providers(tmp_path) as providers:
        environment = {
            "SIMULATED_OPENAI_URL": f"{providers.openai.url}/v1",
            "SIMULATED_ATLAS_URL": f"{providers.atlas.url}/v1",
            "GATEWAY_PORT": "0",
            "GATEWAY_ADMIN_PORT": "0",
            "GATEWAY_LEDGER": str(tmp_path / "state" / "deep" / "ledger.sqlite"),
            "GATEWAY_CONFIG": str(path),
        }
        gateway = started(environment, tmp_path / "gateway.log")
        yield Site(House(providers.openai, providers.atlas, gateway, environment), path, tmp_path)
        gateway.stop()


def loose(folder: Path) -> dict[str, str]:
    """What others than the owner can do with anything in the folder."""
    found = {str(it.relative_to(folder)): stat.filemode(it.lstat().st_mode) for it in folder.rglob("*")}
    return {name: mode for name, mode in found.items() if mode[4:] != "------"}


async def test_whatever_a_used_gateway_keeps_is_its_own(site: Site) -> None:
    """Ledger, evidence, decisions, results, claims, history, what a rollback set aside, audit, overrides, readiness."""
    folder = site.config.parent.parent / "state"
    await site.watched()
    first = site.in_force()["revision"]
    async with site.house.client(STOREFRONT_KEY) as app:
        for wish in (WISH, WISH | {"size": "1x1"}):
            async with app.post(GENERATIONS, json=wish, headers={"idempotency-key": f"key-{wish['size']}"}) as answer:
                await answer.read()
        site.house.fault(kind="status", status=500, times=1)
        async with app.post(GENERATIONS, json=WISH) as answer:
            await answer.read()
    assert site.admin("/routes/flare-atlas/override", "POST", WORD | {"state": "draining"})[0] == 200
    assert site.admin("/routes/flare-atlas/ready", "POST", WORD)[0] == 200
    await site.after(lambda: site.config.write_text(replaced(site.config, "team: storefront", "team: bazaar")))
    with umask(0):
        done = run("config", "rollback", first, "--why", "a drill", environment=site.house.environment)
    assert done.returncode == 0, done.stderr
    await site.until(lambda it: it.in_force()["revision"] == first)
    kept = {it.name for it in folder.rglob("*")}
    expected = {"ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm", "ledger.sqlite.lock"}
    expected |= {"evidence.sqlite", "results", "claims.jsonl", "history", "set-aside", "audit.jsonl", "overrides.json"}
    assert expected <= kept, expected - kept
    assert loose(folder) == {}
    assert site.house.gateway.stop() == 0
    assert "decisions.jsonl" in {it.name for it in folder.rglob("*")}
    assert loose(folder) == {}


async def test_what_an_earlier_version_left_open_is_closed(site: Site, tmp_path: Path) -> None:
    """The files, when a gateway starts; the folders may be shared on purpose and are left."""
    folder = tmp_path / "state"
    assert site.house.gateway.stop() == 0
    ledger, evidence = (folder / "deep" / name for name in ("ledger.sqlite", "evidence.sqlite"))
    ledger.parent.chmod(0o750)
    for path in (ledger, evidence):
        path.chmod(0o644)
    again = started(site.house.environment, tmp_path / "again.log")
    try:
        assert loose(folder) == {"deep": "drwxr-x---"}
    finally:
        again.stop()


def test_a_reconciliation_s_record_is_its_own(tmp_path: Path) -> None:
    """It holds what a provider billed; it stands beside the history."""
    environment = written_month(tmp_path)
    bill = tmp_path / "bill.csv"
    bill.write_text("ChargePeriodStart,BilledCost,BillingCurrency,ChargeCategory\n2026-10-02T00:00:00Z,1,USD,Usage\n")
    with umask(0):
        done = run("reconcile", str(bill), "--contract", "direct", "--month", "2026-10", environment=environment)
    assert done.returncode == 1, done.stderr
    (record,) = (tmp_path / "history").rglob("direct-2026-10-*.json")
    assert json.loads(record.read_text())
    assert loose(tmp_path / "history") == {}


def test_each_maker_ignores_the_umask(tmp_path: Path) -> None:
    """A missing folder and those above it, a file, a database with what SQLite makes beside it; what is there is tightened."""
    with umask(0):
        private_folder(tmp_path / "a" / "b")
        private_file(tmp_path / "a" / "file")
        (tmp_path / "a" / "old").touch(0o664)
        private_file(tmp_path / "a" / "old")
        private_database(tmp_path / "a" / "base")
        connection = sqlite3.connect(tmp_path / "a" / "base")
        connection.executescript("PRAGMA journal_mode = WAL; CREATE TABLE kept (it);")
        assert (tmp_path / "a" / "base-wal").exists()
        assert loose(tmp_path) == {}
        connection.close()
