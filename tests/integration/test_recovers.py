"""A running gateway whose disk fills up, or whose files go away: not ready for just so long, and ready again by itself."""

import asyncio
import json
import resource
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import aiohttp
import pytest

from tests.integration.programs import House, Program, run, start
from tests.integration.test_edits import picture
from tests.integration.two_contracts import CONFIGURATION, GENERATIONS, KEY, WISH, Configuration, Place, ask, changed

# As a full disk, whose room the test makes from outside.
_SMALL_FILES = """
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))
sys.argv = ["gateway", "serve"]
runpy.run_module("gateway", run_name="__main__")
"""

_PICTURE = picture(400)


def status(house: House) -> str:
    try:
        with urllib.request.urlopen(f"{house.url}/readyz", timeout=10) as answer:
            return str(json.load(answer)["status"])
    except urllib.error.HTTPError as refused:
        return str(json.load(refused)["status"])


async def until(house: House, expected: str) -> None:
    """Within seconds, without a request."""
    async with asyncio.timeout(30):
        while status(house) != expected:
            await asyncio.sleep(0.05)


async def fill(house: House) -> None:
    """Ask until there is no room for more."""
    async with house.client(KEY) as app, asyncio.timeout(120):
        while True:
            # The disk may have become full while the provider worked: that answer is broken off.
            with suppress(aiohttp.ClientPayloadError):
                answer, body = await ask(app)
                if answer.status != 200:
                    assert body["error"]["code"] == "ledger_unavailable"
                    return


def environment_of(place: Place) -> dict[str, str]:
    with place.gateway(CONFIGURATION) as house:
        return house.environment


@contextmanager
def served(place: Place, environment: dict[str, str], program: str) -> Iterator[House]:
    """A gateway as that program starts it."""
    log = place.folder / "served.log"
    with log.open("a") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", program],
            env=environment | {"PYTHONPATH": str(Path.cwd())},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    assert process.stdout is not None
    urls = [word.rstrip(",.;") for word in process.stdout.readline().split() if word.startswith("http")]
    gateway = Program(process, tuple(urls), log)
    try:
        yield House(place.openai, place.atlas, gateway, environment)
    finally:
        gateway.stop()


async def test_room_on_a_full_disk_is_noticed(place: Place) -> None:
    """Nobody has to send a request by hand: no load balancer would."""
    environment = environment_of(place)
    with served(place, environment, _SMALL_FILES) as house:
        await fill(house)
        assert status(house) == "ledger_failing"
        pid = house.gateway.process.pid
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        await until(house, "ready")
        async with house.client(KEY) as app:
            assert (await ask(app))[0].status == 200
    assert run("ledger", "verify", environment=environment).returncode == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MB; needs the right to mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)], capture_output=True, check=False)
    if made.returncode:
        pytest.skip(f"NOT TESTED: a disk that is really full, because this user may not mount one: {made.stderr.decode()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


async def test_a_disk_that_another_program_fills_is_noticed(place: Place, small_disk: Path) -> None:
    """Not ready while it is full, ready once that program's file is gone."""
    environment = environment_of(place) | {"GATEWAY_LEDGER": str(small_disk / "ledger.sqlite")}
    gateway = start("serve", log=place.folder / "full.log", environment=environment)
    house = House(place.openai, place.atlas, gateway, environment)
    try:
        ballast = small_disk / "ballast"
        with ballast.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))
        await fill(house)
        assert status(house) == "ledger_failing"
        ballast.unlink()
        await until(house, "ready")
        async with house.client(KEY) as app:
            assert (await ask(app))[0].status == 200
    finally:
        assert gateway.stop() == 0


async def test_a_ledger_that_is_moved_away_stops_the_sending(place: Place) -> None:
    """Not ready within seconds, 503 before the provider hears of it, the log says what to do; with the file back, all goes on."""
    with place.gateway(CONFIGURATION) as house:
        ledger = Path(house.environment["GATEWAY_LEDGER"])
        away = ledger.with_name("away")
        async with house.client(KEY) as app:
            assert (await ask(app))[0].status == 200
            shutil.move(ledger, away)
            await until(house, "ledger_failing")
            sent = sum(place.served())
            refused, body = await ask(app)
            assert (refused.status, body["error"]["code"]) == (503, "ledger_unavailable")
            assert refused.headers["x-gateway-attempts"] == "0"
            assert sum(place.served()) == sent
            assert "Put that same file back" in house.gateway.log.read_text()
            shutil.move(away, ledger)
            await until(house, "ready")
            assert (await ask(app))[0].status == 200
    assert sum(row["images"] for row in house.spend().values()) == 2
    assert run("ledger", "verify", environment=house.environment).returncode == 0


async def test_folders_that_are_removed_are_made_anew(place: Place) -> None:
    """Results, history and bodies: what was in them is gone, and what comes is kept, so that a repetition is answered."""
    folders = {name: place.folder / name for name in ("results", "history", "bodies")}

    def apart(found: Configuration) -> None:
        found["server"] |= {"spool_folder": str(folders["bodies"]), "spool_memory_bytes_max": 65_536}
        found["results"], found["history"] = {"folder": str(folders["results"])}, {"folder": str(folders["history"])}

    configuration = changed(apart)
    with place.gateway(configuration) as house:
        async with house.client(KEY) as app:
            await edit(app)
            assert [it for it in folders.values() if not it.exists()] == []
            for folder in folders.values():
                shutil.rmtree(folder)
            first = await edit(app, "one-key")
            async with asyncio.timeout(20):
                while not [*folders["results"].glob("*.result")]:
                    await asyncio.sleep(0.02)
            assert await edit(app, "one-key") == first
            place.write(configuration | {"models": {"gpt-image-2": {"routes": ["second"]}}})
            async with asyncio.timeout(20):
                while [it for it in folders.values() if not it.exists()]:
                    await asyncio.sleep(0.05)
        assert oct(folders["results"].stat().st_mode & 0o777) == "0o700"


async def edit(app: aiohttp.ClientSession, key: str = "") -> bytes:
    """One edit whose body goes to the disk; its answer."""
    form = aiohttp.FormData()
    for name in ("model", "prompt", "size", "quality"):
        form.add_field(name, WISH[name])
    form.add_field("image", _PICTURE, filename="a.png", content_type="image/png")
    headers = {"idempotency-key": key} if key else {}
    async with app.post(GENERATIONS.replace("generations", "edits"), data=form, headers=headers) as answer:
        body = await answer.read()
        assert answer.status == 200, body
        return body
