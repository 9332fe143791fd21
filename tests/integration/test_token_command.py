"""A key that a command prints: in use from the first request, replaced before it ends, run by nobody who asks no provider."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.app.running import running
from gateway.config.load import load
from gateway.config.problem import ConfigInvalid
from gateway.config.secrets.token_command import CommandFailed, TokenCommand, Tokens
from gateway.telemetry.request_log import RequestLog
from tests.integration.programs import House, control, run
from tests.integration.two_contracts import KEY, Configuration, Place, ask, changed

URLS = {
    "SIMULATED_OPENAI_URL": "http://127.0.0.1:1/v1",
    "SIMULATED_ATLAS_URL": "http://127.0.0.1:1/v1",
    "FAKE_PROVIDER_KEY": "sk-fake-not-a-secret",
}
# Counts its runs, and prints a token with the number of the run; what it says besides is nobody's business.
SCRIPT = """\
import json, pathlib, sys, time
here = pathlib.Path(__file__).parent
runs = int((here / "runs").read_text()) + 1 if (here / "runs").exists() else 1
(here / "runs").write_text(str(runs))
mode = (here / "mode").read_text() if (here / "mode").exists() else ""
print("secret-of-stderr", file=sys.stderr)
if mode == "fails":
    sys.exit(3)
if mode == "hangs":
    time.sleep(60)
ends = time.time() + float((here / "lasts_s").read_text())
print(json.dumps({"accessToken": f"fake-token-{runs}", "expires_on": ends}))
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "token.py"
    path.write_text(SCRIPT)
    (tmp_path / "lasts_s").write_text("3600")
    return path


def with_command(script: Path, **more: Any) -> Configuration:
    command = {"run": [sys.executable, str(script)], "member": "accessToken", "ends": "expires_on", "timeout_s": 5} | more

    def change(configuration: Configuration) -> None:
        configuration["providers"]["openai"]["credential"] = {"command": command}

    return changed(change)


def sent(house: House) -> str:
    """The key that came with the latest request."""
    headers = control(house.openai.url, "stats")["last_request"]["headers"]
    return str(headers["authorization"])


async def test_it_is_in_use_from_the_first_request_and_printed_nowhere(place: Place, script: Path) -> None:
    """Run once, whatever is asked; neither it nor what the command says besides is in the log, the history or the audit log."""
    with place.gateway(with_command(script)) as house:
        async with house.client(KEY) as app:
            for _ in range(2):
                answer, body = await ask(app)
                assert answer.status == 200, body
        assert sent(house) == "Bearer fake-token-1"
    assert (script.parent / "runs").read_text() == "1"
    for path in place.folder.rglob("*"):
        if path.is_file() and path != script:
            assert b"fake-token" not in path.read_bytes(), path
            assert b"secret-of-stderr" not in path.read_bytes(), path


@asynccontextmanager
async def gateway(place: Place, configuration: Configuration, now_s: list[float]) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of a gateway in the test's own process, whose keys end by a clock that the test sets."""
    place.write(configuration)
    environment = {
        "SIMULATED_OPENAI_URL": f"{place.openai.url}/v1",
        "SIMULATED_ATLAS_URL": f"{place.atlas.url}/v1",
        "FAKE_PROVIDER_KEY": "sk-fake-not-a-secret",
        "GATEWAY_LEDGER": str(place.folder / "ledger.sqlite"),
    }
    tokens = Tokens(lambda: now_s[0])
    loading = partial(load, place.config, environment, date(2026, 11, 23), tokens)
    async with (
        running(loading(), RequestLog(None), loading, None, tokens) as at,
        aiohttp.ClientSession(at.data_plane, headers={"authorization": f"Bearer {KEY}"}) as app,
    ):
        yield app


async def until_sent(app: aiohttp.ClientSession, place: Place, key: str) -> None:
    """Requests go on meanwhile, and none of them fails."""
    async with asyncio.timeout(15):
        while True:
            answer, body = await ask(app)
            assert answer.status == 200, body
            if control(place.openai.url, "stats")["last_request"]["headers"]["authorization"] == f"Bearer {key}":
                return


async def test_it_is_replaced_before_it_ends_and_kept_while_no_other_can_be_had(place: Place, script: Path) -> None:
    """Without a restart, and without a request that fails; a command that fails is asked again."""
    now_s = [time.time()]
    async with gateway(place, with_command(script), now_s) as app:
        await until_sent(app, place, "fake-token-1")
        now_s[0] += 1_800  # refresh_s
        await until_sent(app, place, "fake-token-2")
        (script.parent / "mode").write_text("fails")
        now_s[0] += 1_800
        await runs(script, 3)
        await until_sent(app, place, "fake-token-2")
        (script.parent / "mode").write_text("")
        now_s[0] += 30
        await until_sent(app, place, "fake-token-4")


async def runs(script: Path, count: int) -> None:
    async with asyncio.timeout(10):
        while int((script.parent / "runs").read_text() or "0") < count:
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("mode", "more", "words"),
    [
        ("fails", {}, "it ended with code 3"),
        ("hangs", {"timeout_s": 1}, "it took longer than 1 s"),
        ("", {"member": "token"}, "no text 'token'"),
        ("", {"ends": "until"}, "no number 'until'"),
        ("", {"run": ["no-such-program"]}, "there is no such program"),
        ("", {"run": [sys.executable, "-c", "print('a b')"], "member": None, "ends": None}, "more than one word"),
        ("", {"run": [sys.executable, "-c", "print('x' * 100_000)"], "member": None, "ends": None}, "more than 65536 bytes"),
    ],
)
def test_a_command_that_gives_no_key_is_a_mistake_with_its_place(
    place: Place, script: Path, mode: str, more: Configuration, words: str
) -> None:
    """The gateway does not start, and says which command it is and why, but nothing of what that has printed."""
    (script.parent / "mode").write_text(mode)
    place.write(with_command(script, **more))
    with pytest.raises(ConfigInvalid) as caught:
        load(place.config, URLS | {"GATEWAY_LEDGER": str(place.folder / "ledger.sqlite")}, date(2026, 11, 23), Tokens())
    [problem] = caught.value.problems
    assert words in str(problem)
    assert "providers.openai.credential.command.run" in str(problem)
    assert "fake-token" not in str(problem)


def test_who_asks_no_provider_runs_no_command(place: Place, script: Path) -> None:
    """A check looks whether there is such a program; reports read the ledger only."""
    place.write(with_command(script))
    environment = URLS | {"GATEWAY_LEDGER": str(place.folder / "ledger.sqlite")}
    done = run("check", str(place.config), environment=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (script.parent / "runs").exists()
    place.write(with_command(script, run=["no-such-program"]))
    assert "no such program" in run("check", str(place.config), environment=environment).stderr


def test_a_command_and_all_that_it_started_end_with_the_gateway(tmp_path: Path) -> None:
    """One that hangs is not waited for."""
    started = tmp_path / "started"
    hanging = TokenCommand(("/bin/sh", "-c", f"touch {started}; sleep 60 & wait"), "", "", 60, 60)
    tokens = Tokens()
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(tokens.text, hanging)
        while not started.exists():
            time.sleep(0.01)
        tokens.close()
        with pytest.raises(CommandFailed, match="code -9"):
            asked.result(10)
    with pytest.raises(CommandFailed, match="the gateway stops"):
        tokens.text(replace(hanging, refresh_s=61))
