"""One target at one work, once: started afresh, probed, loaded, measured, stopped."""

import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.case import Case
from bench.core_time import CoreTime
from bench.load import Load, Tally
from bench.probe import failure_of
from bench.process import LOAD_CORE, TARGET_CORE, NotStarted, Program, free_port, pinned, running
from bench.target import ROOT, START_S_MAX, Place, Target, environment_of
from bench.upstream import STATS_PATH

_SETTLE_S = 0.3


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What came of it. ``failure`` says why nothing was measured. The process's figures are ``None`` where there is none.

    ``idle_mb`` is its resident memory before the load, ``waiting_mb`` in the middle of a hold, ``peak_mb`` the largest.
    ``taken`` is the share of the target's core that others took meanwhile, the machine's host included.
    """

    target: str
    case: Case
    failure: str | None = None
    tally: Tally | None = None
    in_flight_peak: int = 0
    cpu_s: float | None = None
    idle_mb: float | None = None
    waiting_mb: float | None = None
    peak_mb: float | None = None
    taken: float | None = None


def try_once(target: Target, case: Case, upstream_port: int) -> Trial:
    """Run it; whatever the target does, there is a ``Trial``."""
    with ExitStack() as stack:
        folder = stack.enter_context(folder_for(target.name))
        if target.command is None:
            place, program = Place(upstream_port, upstream_port, folder), None
        else:
            place = Place(free_port(), upstream_port, folder)
            command, environment = target.command(place), environment_of(target, place)
            log = folder / "output.log"
            program = stack.enter_context(running(command, core=TARGET_CORE, log=log, environment=environment, cwd=folder))
            try:
                program.wait_until_listening(place.port, START_S_MAX)
            except NotStarted as error:
                return Trial(target=target.name, case=case, failure=f"does not start: {error}")
        headers = target.headers(place)
        if failure := failure_of(load_of(case, place, headers, held=False), case):
            return Trial(target=target.name, case=case, failure=failure)
        return _measure(target, load_of(case, place, headers, held=True), case, upstream_port, program)


@contextmanager
def folder_for(name: str) -> Iterator[Path]:
    """A folder on the repository's disk: a temporary one may be memory, where a durable ledger costs nothing."""
    ROOT.joinpath("var").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / "var", prefix=f"bench-{name}-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _measure(target: Target, load: Load, case: Case, upstream_port: int, program: Program | None) -> Trial:
    _stats(upstream_port, "POST")
    time.sleep(_SETTLE_S)
    idle_mb = program.rss_mb() if program else None
    core_before, began_s, cpu_before_s = CoreTime.of(TARGET_CORE), time.monotonic(), program.cpu_s() if program else 0.0
    waiting_mb = None
    with _client(load) as client:
        if case.held_s and program:
            time.sleep(case.ramp_s + case.held_s / 2)
            waiting_mb = program.rss_mb()
        text, _ = client.communicate()
    if client.returncode != 0:
        raise RuntimeError("the load client failed")
    cpu_s = program.cpu_s() - cpu_before_s if program else 0.0
    taken = CoreTime.of(TARGET_CORE).taken_since(core_before, cpu_s, time.monotonic() - began_s)
    return Trial(
        target=target.name,
        case=case,
        tally=Tally(**json.loads(text)),
        in_flight_peak=_stats(upstream_port)["in_flight_peak"],
        cpu_s=cpu_s if program else None,
        idle_mb=idle_mb,
        waiting_mb=waiting_mb,
        peak_mb=program.peak_rss_mb() if program else None,
        taken=taken,
    )


@contextmanager
def _client(load: Load) -> Iterator["subprocess.Popen[bytes]"]:
    """The client at its work; leaving the block ends it."""
    with tempfile.TemporaryFile() as written, pinned(LOAD_CORE):
        written.write(json.dumps(asdict(load)).encode())
        written.seek(0)
        client = subprocess.Popen([sys.executable, "-m", "bench.load"], cwd=ROOT, stdin=written, stdout=subprocess.PIPE)
    try:
        yield client
    finally:
        client.kill()
        client.wait()


def load_of(case: Case, place: Place, headers: Mapping[str, str], *, held: bool) -> Load:
    return Load(
        port=place.port,
        path=case.path,
        headers=dict(headers),
        prompt=case.prompt(held=held),
        connections=case.connections,
        window_s=case.window_s,
        warm_up_s=case.warm_up_s,
        ramp_s=case.ramp_s,
        requests=case.requests,
        stream=case.stream,
        files=case.files,
        file_bytes=case.file_bytes,
        answer_bytes=case.least_bytes(),
    )


def _stats(upstream_port: int, method: str = "GET") -> dict[str, int]:
    request = urllib.request.Request(f"http://127.0.0.1:{upstream_port}{STATS_PATH}", method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        counted: dict[str, int] = json.load(answer)
    return counted
