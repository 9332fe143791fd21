"""Programs that the bench starts: each on a core of its own choice, measured with all its children, stopped by its id."""

import contextlib
import os
import resource
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

STOP_S_MAX = 15
_CLOCK_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_CORES = sorted(os.sched_getaffinity(0))
LOAD_CORE, TARGET_CORE = _CORES[0], _CORES[-1]


class NotStarted(Exception):
    """A program ended, or did not answer, before it was ready."""


@dataclass(frozen=True)
class Program:
    """One that runs, with what it printed in ``log``."""

    process: subprocess.Popen[bytes]
    log: Path

    def pids(self) -> list[int]:
        """Its own id and those of all its descendants that run."""
        found, waiting = [], [self.process.pid]
        while waiting:
            found.append(pid := waiting.pop())
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                with contextlib.suppress(OSError):
                    waiting += [int(child) for child in children.read_text().split()]
        return found

    def cpu_s(self) -> float:
        """Seconds of CPU that they have used."""
        ticks = 0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                ticks += sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]))
        return ticks / _CLOCK_TICKS_PER_S

    def rss_mb(self) -> float:
        """Resident memory of all together, now."""
        return self._status_mb("VmRSS:")

    def peak_rss_mb(self) -> float:
        """The largest resident memory of each since it began, added up."""
        return self._status_mb("VmHWM:")

    def wait_until_listening(self, port: int, wait_s_max: float) -> None:
        """Return once a connection is taken; raises ``NotStarted``."""
        until_s = time.monotonic() + wait_s_max
        while time.monotonic() < until_s:
            if self.process.poll() is not None:
                raise NotStarted(f"ended with {self.process.returncode}: {self.last_words()}")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return
            time.sleep(0.05)
        raise NotStarted(f"does not listen after {wait_s_max:.0f} s: {self.last_words()}")

    def last_words(self) -> str:
        """The end of its log, on one line."""
        return " ".join(self.log.read_text(errors="replace")[-400:].split()) or "it said nothing"

    def stop(self) -> None:
        """Ask it to stop; what then still runs is ended."""
        pids = self.pids()
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP_S_MAX)
        for pid in pids:
            if pid != self.process.pid or self.process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def _status_mb(self, name: str) -> float:
        kilobytes = 0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                lines = Path(f"/proc/{pid}/status").read_text().splitlines()
                kilobytes += sum(int(line.split()[1]) for line in lines if line.startswith(name))
        return kilobytes / 1024


@contextmanager
def running(command: Sequence[str], *, core: int, log: Path, environment: Mapping[str, str], cwd: Path) -> Iterator[Program]:
    """Run ``command`` on ``core`` while the block runs."""
    with log.open("wb") as output, pinned(core):
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment, cwd=cwd)
    program = Program(process, log)
    try:
        yield program
    finally:
        program.stop()


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """Run on ``core``, and so do processes that are started meanwhile."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def allow_many_files() -> int:
    """Let this process and all that it starts open as many files as the system permits; returns how many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def free_port() -> int:
    """A port of this machine that nothing listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port
