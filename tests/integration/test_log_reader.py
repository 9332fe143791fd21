"""Whatever becomes of standard error, the gateway serves, and ends when it is told to."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import aiohttp
import pytest

from tests.integration.programs import CONFIG, ROOT, STOREFRONT_KEY

REQUESTS = 1_000
PIPE = subprocess.PIPE
_URL = re.compile(r"http://[0-9.:]+")
_DROPPED = re.compile(r"^gateway_log_lines_dropped_total (\S+)$", re.MULTILINE)


class Gateway:
    """A process whose standard error is what the test says."""

    def __init__(self, process: subprocess.Popen[str], said: IO[str] | None) -> None:
        assert said is not None
        self.process = process
        self.url, self.admin_url = next(found for line in said if len(found := _URL.findall(line)) == 2)

    async def ask(self, times: int) -> None:
        """Both planes, and each answers."""
        headers = {"authorization": f"Bearer {STOREFRONT_KEY}"}
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(10)) as session:
            for _ in range(times):
                async with session.get(f"{self.url}/v1/models", headers=headers) as answer:
                    assert answer.status == 200
            async with session.get(f"{self.admin_url}/routes") as answer:
                assert answer.status == 200

    def dropped(self) -> int:
        """What the metric says."""
        with urllib.request.urlopen(f"{self.admin_url}/metrics", timeout=10) as answer:
            found = _DROPPED.search(answer.read().decode())
        assert found is not None
        return int(float(found[1]))

    def stop(self) -> tuple[int, float]:
        """Its exit code, and after how many seconds it came."""
        begun_s = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20), time.monotonic() - begun_s


@contextmanager
def serving(folder: Path, stderr: int | None, *, shell: str = "") -> Iterator[Gateway]:
    """A gateway whose log's queue is small."""
    shutil.copytree(CONFIG.parent, folder / "config")
    with (folder / "config" / "gateway.yaml").open("a") as written:
        written.write("\nlogging:\n  queued_bytes_max: 65536\n")
    process = begin(folder, folder / "config" / "gateway.yaml", stderr, shell)
    try:
        yield Gateway(process, process.stdout if stderr is None or not shell else process.stderr)
    finally:
        process.kill()
        process.wait(20)
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def begin(folder: Path, config: Path, stderr: int | None, shell: str = "") -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "gateway", "serve", str(config)]
    if shell:
        command = ["sh", "-c", f'exec "$@" {shell}', "sh", *command]
    environment = os.environ | {"GATEWAY_PORT": "0", "GATEWAY_ADMIN_PORT": "0", "GATEWAY_LEDGER": str(folder / "ledger.sqlite")}
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=PIPE, stderr=stderr, text=True)


async def test_a_reader_that_stands_still_stops_no_request(tmp_path: Path) -> None:
    """Both planes answer all; when it reads again, the log tells how many lines it has lost, and goes on."""
    with serving(tmp_path, PIPE) as gateway:
        await gateway.ask(REQUESTS)
        dropped = gateway.dropped()
        assert 0 < dropped < REQUESTS
        assert gateway.process.stderr is not None
        lines = []
        while not lines or "dropped" not in lines[-1]:
            lines.append(json.loads(gateway.process.stderr.readline()))
        assert sum(line["event"] == "request" for line in lines) == REQUESTS - dropped
        assert (lines[-1]["dropped"], lines[-1]["level"]) == (dropped, "warning")
        assert f"{dropped} lines were dropped since " in lines[-1]["problem"]
        await gateway.ask(1)
        assert json.loads(gateway.process.stderr.readline())["event"] == "request"
        assert gateway.stop()[0] == 0


async def test_a_stop_does_not_wait_for_the_log_s_reader(tmp_path: Path) -> None:
    """SIGTERM ends the gateway in time although the pipe is full for good."""
    with serving(tmp_path, PIPE) as gateway:
        await gateway.ask(REQUESTS // 2)
        code, took_s = gateway.stop()
    assert code == 0
    assert took_s < 8


@pytest.mark.parametrize(("shell", "stderr"), [("2>/dev/full", None), ("2>&-", None), (">/dev/full", PIPE), (">&-", PIPE)])
async def test_a_standard_stream_that_cannot_be_written_stops_nothing(tmp_path: Path, shell: str, stderr: int | None) -> None:
    """A full disk or a closed stream, of the log or of the first line: the gateway starts, answers, and ends as it should."""
    with serving(tmp_path, stderr, shell=shell) as gateway:
        await gateway.ask(20)
        assert gateway.stop()[0] == 0


@pytest.mark.parametrize("shell", ["2>/dev/full", "2>&-"])
def test_a_start_that_fails_says_why(tmp_path: Path, shell: str) -> None:
    """On standard output where standard error cannot be written."""
    (tmp_path / "gateway.yaml").write_text("server: [")
    process = begin(tmp_path, tmp_path / "gateway.yaml", None, shell)
    said, _ = process.communicate(timeout=30)
    assert process.returncode not in (0, None)
    assert "gateway.yaml:1:" in said


@pytest.mark.parametrize("shell", ["2>/dev/full", "2>&-"])
def test_a_start_that_fails_late_says_why(tmp_path: Path, shell: str) -> None:
    """Also where the log has begun already."""
    (tmp_path / "file").write_text("")
    process = begin(tmp_path / "file", CONFIG, None, shell)
    said, _ = process.communicate(timeout=30)
    assert process.returncode not in (0, None)
    assert "ledger.sqlite" in said
