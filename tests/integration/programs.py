"""The real programs that integration tests start: simulated providers and the gateway, each a process on a random port."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import aiohttp

from gateway.cli import main
from tests.integration.forked import Forked

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "config" / "gateway.yaml"
STOREFRONT_KEY = "igw_demo_0000_not_a_secret"
NEWSROOM_KEY = "igw_newsroom_0000_not_a_secret"
_URL = re.compile(r"http://[0-9.:]+")
_COMMANDS = frozenset({
    "audit", "budgets", "check", "config", "contract", "diagnose", "evidence", "explain", "export", "ledger", "masked",
    "providers", "ready", "receipts", "reconcile", "reprice", "requests", "routes", "schema", "spend",
})  # fmt: skip
_FORKED = ("serve", "simulate")
_WITH_A_LOOP = ("ready", "reprice")


@dataclass(frozen=True)
class Program:
    """A running process: ``urls`` are those of its first line of output, ``log`` is its standard error."""

    process: subprocess.Popen[str] | Forked
    urls: tuple[str, ...]
    log: Path

    @property
    def url(self) -> str:
        return self.urls[0]

    def stop(self) -> int:
        """Ask it to stop, as a person does who does not wait for balancers, and wait until it has."""
        self.process.send_signal(signal.SIGINT)
        return self._ended()

    def kill(self) -> None:
        """End it without a chance to do anything more."""
        self.process.kill()
        self._ended()

    def _ended(self) -> int:
        assert self.process.stdout is not None
        self.process.stdout.close()
        return self.process.wait(30)


def start(*arguments: str, log: Path, environment: dict[str, str] | None = None, cwd: Path = ROOT) -> Program:
    """Run ``gateway`` with these arguments until its first line, which names where it listens."""
    process = launch(*arguments, log=log, environment=environment, cwd=cwd)
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"gateway {' '.join(arguments)} ended with {process.wait(30)}: {log.read_text()}")
    return Program(process, tuple(_URL.findall(line)), log)


def launch(
    *arguments: str, log: Path, environment: dict[str, str] | None = None, cwd: Path = ROOT
) -> subprocess.Popen[str] | Forked:
    """Run ``gateway`` with these arguments."""
    variables = os.environ | (environment or {})
    if arguments[0] in _FORKED:
        return Forked(arguments, log, variables, cwd)
    with log.open("a") as errors:
        return subprocess.Popen(
            [sys.executable, "-m", "gateway", *arguments],
            cwd=cwd,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )


def run(
    *arguments: str, environment: dict[str, str] | None = None, cwd: Path = ROOT, process: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run ``gateway`` with these arguments to its end.

    Commands run here, unless it is to be by a ``process`` of its own, or they need a loop where one runs already: a process
    spends a second on imports, and there are hundreds of them.
    """
    here = arguments[0] in _COMMANDS and cwd == ROOT == Path.cwd() and not (arguments[0] in _WITH_A_LOOP and _looping())
    if here and not process:
        return _called(arguments, environment or {})
    return subprocess.run(
        [sys.executable, "-m", "gateway", *arguments],
        cwd=cwd,
        env=os.environ | (environment or {}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _looping() -> bool:
    with suppress(RuntimeError):
        return asyncio.get_running_loop() is not None
    return False


def _called(arguments: tuple[str, ...], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """The command as its entry point calls it, with streams, words and variables of its own."""
    out, err = (TextIOWrapper(BytesIO(), "utf-8", write_through=True) for _ in range(2))
    former, words = dict(os.environ), sys.argv
    os.environ.update(environment)
    sys.argv = ["gateway", *arguments]
    code: int | str | None = 0
    try:
        with redirect_stdout(out), redirect_stderr(err):
            main()
    except SystemExit as ended:
        code = ended.code
    finally:
        sys.argv = words
        os.environ.clear()
        os.environ.update(former)
    texts = [stream.buffer.getvalue().decode() for stream in (out, err)]  # type: ignore[attr-defined]  # of its BytesIO
    return subprocess.CompletedProcess(arguments, code if isinstance(code, int) else int(code is not None), *texts)


def control(simulator: str, path: str, method: str = "GET", body: Any = None) -> Any:
    """Speak to a simulator's control endpoints."""
    request = urllib.request.Request(
        f"{simulator}/_simulator/{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        text = answer.read()
    return json.loads(text) if text else None


@dataclass(frozen=True)
class House:
    """A gateway with its two simulated providers, and what a command needs to read its ledger."""

    openai: Program
    atlas: Program
    gateway: Program
    environment: dict[str, str]

    @property
    def url(self) -> str:
        return self.gateway.urls[0]

    @property
    def admin_url(self) -> str:
        return self.gateway.urls[1]

    def client(self, key: str = STOREFRONT_KEY) -> aiohttp.ClientSession:
        """A plain HTTP client of an app."""
        return aiohttp.ClientSession(self.url, headers={"authorization": f"Bearer {key}"})

    def fault(self, **fault: Any) -> None:
        """Set a fault on the simulated OpenAI."""
        control(self.openai.url, "faults", "POST", fault)

    async def logged(self, found: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
        """The log's lines that are ``found``, once there is one: a line is written after the answer has left."""
        async with asyncio.timeout(10):
            while not (lines := [line for line in _json_lines(self.gateway.log) if found(line)]):
                await asyncio.sleep(0.02)
        return lines

    def entries(self, request_id: str) -> list[dict[str, Any]]:
        """What the ledger says of one request, as ``gateway requests ID`` prints it."""
        done = run("requests", request_id, "--format", "json", environment=self.environment)
        assert done.returncode == 0, done.stderr
        found: list[dict[str, Any]] = json.loads(done.stdout)["entries"]
        return found

    def spend(self, by: str = "contract") -> dict[str, dict[str, Any]]:
        """What ``gateway spend`` prints, by the group's name."""
        done = run("spend", "--by", by, "--format", "json", environment=self.environment)
        assert done.returncode == 0, done.stderr
        return {row[by]: row for row in json.loads(done.stdout)["rows"]}


def _json_lines(log: Path) -> list[dict[str, Any]]:
    """The log's lines; a last word to the operator's terminal is not one."""
    return [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]


def build_house(folder: Path, config: Path = CONFIG) -> House:
    """Start all three in ``folder``."""
    openai = start("simulate", "--port", "0", "--name", "simulated-openai", log=folder / "openai.log")
    atlas = start("simulate", "--port", "0", "--name", "simulated-atlas", log=folder / "atlas.log")
    found = {
        "SIMULATED_OPENAI_URL": f"{openai.url}/v1",
        "SIMULATED_ATLAS_URL": f"{atlas.url}/v1",
        "GATEWAY_PORT": "0",
        "GATEWAY_ADMIN_PORT": "0",
        "GATEWAY_LEDGER": str(folder / "ledger.sqlite"),
        "GATEWAY_CONFIG": str(config),
    }
    return House(openai, atlas, start("serve", log=folder / "gateway.log", environment=found), found)


def without_limits(config: Path) -> None:
    """Take the recorded limits out of a copy of the demo's configuration: a test may ask for more than a tier allows."""
    for contract in (config / "contracts").iterdir():
        contract.write_text(re.sub(r"recorded:[^\n]*\n(?:        - [^\n]*\n)+", "recorded: []\n", contract.read_text()))


def tear_down(house: House) -> None:
    """Stop whatever of it still runs; a program that has ended stays so."""
    for program in (house.gateway, house.openai, house.atlas):
        program.stop()
