"""Ten minutes of mixed traffic: ``python -m bench.soak [MINUTES]``. The gateway's memory must stay where it was after the first.

Small answers, 2 MB answers, streams and edits at the same time, and clients that leave in the middle of an answer.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, replace
from statistics import median

from bench.case import CASES, MB, SMALL_BYTES, Case
from bench.load import Tally
from bench.process import LOAD_CORE, TARGET_CORE, Program, allow_many_files, free_port, pinned, running
from bench.target import ROOT, START_S_MAX, TARGETS, Place, environment_of
from bench.trial import folder_for, load_of

MINUTES = 10.0
SAMPLE_EVERY_S = 5.0
GROWTH_MB_MAX = 10.0
LEAVERS = 4
_MIX = {
    "4 KB": Case(scenario="soak", name="4 KB", connections=8, answer_bytes=SMALL_BYTES, window_s=0),
    "2 MB": Case(scenario="soak", name="2 MB", connections=4, answer_bytes=2 * MB, window_s=0),
    "streams": replace(next(case for case in CASES if case.stream), requests=None, ramp_s=0.0),
    "edits": replace(next(case for case in CASES if case.files), connections=1, warm_up_s=0.0),
}


def soak(minutes: float) -> bool:
    """Run it and print what came of it; whether the memory stayed flat and nothing failed."""
    allow_many_files()
    gateway = next(target for target in TARGETS if target.name == "gateway")
    with ExitStack() as stack:
        folder = stack.enter_context(folder_for("soak"))
        place = Place(free_port(), free_port(), folder)
        upstream = [sys.executable, "-m", "bench.upstream", str(place.upstream_port)]
        log = folder / "upstream.log"
        stack.enter_context(running(upstream, core=LOAD_CORE, log=log, environment=environment_of(gateway, place), cwd=ROOT))
        assert gateway.command is not None
        command, environment = gateway.command(place), environment_of(gateway, place)
        program = stack.enter_context(
            running(command, core=TARGET_CORE, log=folder / "output.log", environment=environment, cwd=folder)
        )
        program.wait_until_listening(place.port, START_S_MAX)
        headers = dict(gateway.headers(place))
        clients = {name: _client(replace(case, window_s=minutes * 60), place, headers) for name, case in _MIX.items()}
        samples_mb = asyncio.run(_watch(program, minutes * 60, place.port, headers))
        tallies = {name: Tally(**json.loads(client.communicate()[0])) for name, client in clients.items()}
    return _report(samples_mb, tallies, minutes)


def _client(case: Case, place: Place, headers: dict[str, str]) -> "subprocess.Popen[bytes]":
    with pinned(LOAD_CORE):
        client = subprocess.Popen([sys.executable, "-m", "bench.load"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert client.stdin is not None
    client.stdin.write(json.dumps(asdict(load_of(case, place, headers, held=False))).encode())
    client.stdin.close()
    client.stdin = None
    return client


async def _watch(program: Program, seconds: float, port: int, headers: dict[str, str]) -> list[float]:
    """Resident memory every few seconds, while some clients come and leave."""
    until_s = time.monotonic() + seconds
    leavers = [
        asyncio.create_task(_leave_again_and_again(port, headers, lambda: time.monotonic() < until_s)) for _ in range(LEAVERS)
    ]
    samples_mb = []
    while time.monotonic() < until_s:
        await asyncio.sleep(min(SAMPLE_EVERY_S, seconds / 20))
        samples_mb.append(program.rss_mb())
    await asyncio.gather(*leavers)
    return samples_mb


async def _leave_again_and_again(port: int, headers: dict[str, str], goes_on: Callable[[], bool]) -> None:
    body = json.dumps({"model": "gpt-image-2", "prompt": f"bench bytes={2 * MB} delay_ms=50"}).encode()
    lines = {"host": "bench", "content-type": "application/json", "content-length": str(len(body)), **headers}
    head = "POST /v1/images/generations HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    while goes_on():
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head.encode() + b"\r\n" + body)
        await reader.read(10_000)
        writer.transport.abort()
        await asyncio.sleep(0.2)


def _report(samples_mb: list[float], tallies: dict[str, Tally], minutes: float) -> bool:
    tenth = max(1, len(samples_mb) // 10)
    after_first, in_the_end = median(samples_mb[tenth : 2 * tenth]), median(samples_mb[-tenth:])
    print(f"RSS after the first tenth {after_first:.1f} MB, in the last {in_the_end:.1f} MB, largest {max(samples_mb):.1f} MB")
    for name, tally in tallies.items():
        moved_gb, failures = tally.moved_bytes / 1e9, tally.failures or "none"
        print(f"{name}: {tally.served:,} served in {minutes:g} min, {moved_gb:.1f} GB, failures: {failures}")
    flat = in_the_end - after_first <= GROWTH_MB_MAX
    print("flat" if flat else f"NOT FLAT: grew by more than {GROWTH_MB_MAX:g} MB")
    return flat and not any(tally.failures for tally in tallies.values())


if __name__ == "__main__":
    sys.exit(0 if soak(float(sys.argv[1]) if len(sys.argv) > 1 else MINUTES) else 1)
