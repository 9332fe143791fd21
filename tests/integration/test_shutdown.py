"""A gateway that is told to stop: balancers learn of it first, what is in flight finishes, and the process ends."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import aiohttp
import pytest

from tests.integration.programs import House, control
from tests.integration.raw import raw
from tests.integration.two_contracts import GENERATIONS, KEY, WISH, Configuration, Place, ask, changed

GRACE_S = 5
LEAVING = 150
RUNS = 2


def stopping(lame_duck_s: float = 0, grace_s: int = GRACE_S) -> Configuration:
    def change(found: Configuration) -> None:
        found["server"] |= {"lame_duck_s": lame_duck_s, "shutdown_grace_s": grace_s}
        found["apps"]["shop"]["on_disconnect"] = "cancel"

    return changed(change)


async def ready(house: House) -> tuple[int, str]:
    async with aiohttp.ClientSession() as fresh, fresh.get(f"{house.url}/readyz") as answer:
        return answer.status, (await answer.json())["status"]


async def test_balancers_learn_of_it_before_the_port_closes(place: Place) -> None:
    """``/readyz`` is 503 while requests are still served, each on a connection that closes; then the port closes."""
    with place.gateway(stopping(lame_duck_s=3)) as house:
        assert await ready(house) == (200, "ready")
        house.gateway.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(2):
            while await ready(house) != (503, "stopping"):
                await asyncio.sleep(0.02)
        async with house.client(KEY) as app:
            answer, _ = await ask(app)
            assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert await asyncio.to_thread(house.gateway.process.wait, 3 + GRACE_S) == 0
        with pytest.raises(aiohttp.ClientConnectorError):
            await ready(house)


async def test_ctrl_c_waits_for_no_balancer(place: Place) -> None:
    """A person at a terminal has none."""
    with place.gateway(stopping(lame_duck_s=60)) as house:
        house.gateway.process.send_signal(signal.SIGINT)
        assert await asyncio.to_thread(house.gateway.process.wait, 10) == 0


async def leave_at_once(url: str) -> None:
    """Ask for an image and go, before anybody can have answered."""
    body = json.dumps(WISH).encode()
    head = f"POST {GENERATIONS} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {KEY}\r\ncontent-length: {len(body)}\r\n\r\n"
    async with raw(url) as client:
        await client.say(head.encode() + body)


@pytest.mark.parametrize("run", range(RUNS))
async def test_it_ends_although_many_clients_have_just_left(place: Place, run: int) -> None:
    """Connections to the provider that were being made as nobody wanted them any more keep nobody waiting."""
    control(place.openai.url, "faults", "POST", {"kind": "latency", "ms": 2000, "times": LEAVING})
    with place.gateway(stopping()) as house:
        await asyncio.gather(*(leave_at_once(house.url) for _ in range(LEAVING)))
        begun_s = time.monotonic()
        house.gateway.process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(house.gateway.process.wait, GRACE_S + 10) == 0
        assert time.monotonic() - begun_s < GRACE_S + 2


_HELD = """
import asyncio, signal, sys, threading
from gateway.cli.serving import signals
signals.END_S_MAX = 0.5
async def main():
    stopped = signals.stop_requested()
    print("ready", flush=True)
    await stopped
    threading.Thread(target=threading.Event().wait).start()
asyncio.run(main())
"""


def test_whatever_is_waited_for_the_process_ends(tmp_path: Path) -> None:
    """A thread that never returns keeps an interpreter alive for ever; then the process is ended, and says so."""
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen([sys.executable, "-c", _HELD], stdout=subprocess.PIPE, stderr=log, text=True)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 70
    assert "did not end by itself" in (tmp_path / "log").read_text()
