"""The log's queue: order, bounds, and a reader that may do as it likes."""

import os
import select
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from gateway.telemetry.log_queue import CLOSE_S_MAX, LogQueue, LogStream, write_within


@contextmanager
def pipe() -> Iterator[tuple[int, int]]:
    """Its reading and its writing end."""
    reader, writer = os.pipe()
    try:
        yield reader, writer
    finally:
        for fd in (reader, writer):
            os.close(fd)


def read_until(reader: int, last: bytes) -> list[bytes]:
    """The lines up to the one that has ``last`` in it."""
    content, limit_s = b"", time.monotonic() + 20
    while last not in content or not content.endswith(b"\n"):
        assert select.select([reader], [], [], limit_s - time.monotonic())[0], content[-500:]
        content += os.read(reader, 65536)
    return content.splitlines()


def test_lines_keep_their_order(tmp_path: Path) -> None:
    """Those of requests and those that come as text alike, and all are there after the close."""
    with (tmp_path / "log").open("w") as file:
        queue = LogQueue(file.fileno(), 4 * 1024 * 1024)
        stream = LogStream(queue)
        for number in range(5_000):
            queue.put(b"%d\n" % (2 * number))
            stream.write(f"{2 * number + 1}\n")
        queue.close()
    assert (tmp_path / "log").read_text().split() == [str(number) for number in range(10_000)]
    assert queue.dropped == 0


def test_a_line_is_written_at_once() -> None:
    """Nobody has to ask for it, and it waits for no other."""
    with pipe() as (reader, writer):
        queue = LogQueue(writer, 65536)
        queue.put(b"first\n")
        assert read_until(reader, b"first") == [b"first"]
        queue.close()


@pytest.mark.parametrize("blocking", [True, False])
def test_what_does_not_fit_is_counted_and_told(blocking: bool) -> None:
    """Where the lines are missing stands how many; none before is lost, and those after it are written again."""
    with pipe() as (reader, writer):
        os.set_blocking(writer, blocking)
        queue = LogQueue(writer, 65536)
        for number in range(4_000):
            queue.put(b"%05d %s\n" % (number, b"x" * 94))
        dropped = queue.dropped
        assert dropped > 1_000
        lines = read_until(reader, b"lines were dropped since ")
        queue.put(b"after\n")
        lines += read_until(reader, b"after")
        queue.close()
    *before, notice, after = lines
    assert [int(line.split()[0]) for line in before] == list(range(4_000 - dropped))
    assert msgspec.json.decode(notice)["dropped"] == queue.dropped == dropped
    assert after == b"after"


def test_a_line_that_never_fits_is_told_too() -> None:
    """It alone is lost."""
    with pipe() as (reader, writer):
        queue = LogQueue(writer, 65536)
        queue.put(b"x" * 100_000 + b"\n")
        assert b"1 lines were dropped" in read_until(reader, b"dropped since")[0]
        queue.put(b"after\n")
        assert read_until(reader, b"after") == [b"after"]
        queue.close()


def test_closing_does_not_wait_for_a_reader_that_stands_still() -> None:
    """It waits so long, and its thread has ended then."""
    with pipe() as (_, writer):
        queue = LogQueue(writer, 4 * 1024 * 1024)
        queue.put(b"x" * 200_000 + b"\n")
        begun_s = time.monotonic()
        queue.close()
        assert time.monotonic() - begun_s < CLOSE_S_MAX + 2
        LogStream(queue).write("a last word\n")
        assert not write_within(writer, "x" * 10, 0)


def test_a_file_that_cannot_be_written_stops_nobody() -> None:
    """A full disk and a pipe without a reader: lines wait, more are counted, and the end comes at once."""
    reader, broken = os.pipe()
    os.close(reader)
    for fd in (os.open("/dev/full", os.O_WRONLY), broken):
        queue = LogQueue(fd, 65536)
        for _ in range(1_000):
            queue.put(b"x" * 99 + b"\n")
        assert queue.dropped > 0
        begun_s = time.monotonic()
        queue.close()
        assert time.monotonic() - begun_s < CLOSE_S_MAX
        LogStream(queue).write("a last word\n")
        os.close(fd)
