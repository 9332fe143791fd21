"""The spool: what was written is what is read, and neither the folder nor memory keeps any of it."""

import asyncio
import base64
import os
import resource
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.relay.spool import BLOCK_BYTES, PIECE_BYTES, AsBase64, SplicedContent, Spool, SpooledContent, SpoolUnavailable

NOWHERE = Path("/nonexistent/folder")


async def collect(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


async def filled(folder: Path, body: bytes, memory_bytes_max: int = 1000) -> Spool:
    spool = Spool(folder, memory_bytes_max)
    for start in range(0, len(body), 64 * 1024):
        await spool.write(body[start : start + 64 * 1024])
    await spool.finish()
    return spool


@pytest.fixture
def body() -> bytes:
    """Some blocks and a bit, no two places alike."""
    return b"".join(sha256(number.to_bytes(4)).digest() for number in range((3 * BLOCK_BYTES + 4096) // 32)) + b"end"


@given(
    pieces=st.lists(st.binary(max_size=40) | st.binary(min_size=2000, max_size=3000), max_size=8),
    memory_bytes_max=st.integers(0, 6000),
    span=st.tuples(st.integers(0, 20_000), st.integers(0, 20_000)),
    finished=st.booleans(),
)
def test_a_span_reads_as_written(pieces: list[bytes], memory_bytes_max: int, span: tuple[int, int], finished: bool) -> None:
    """Any span of what was written in any pieces reads back the same, from memory, from disk and from both."""
    whole = b"".join(pieces)
    start, end = sorted(place % (len(whole) + 1) for place in span)

    async def read(folder: Path) -> bytes:
        spool = Spool(folder, memory_bytes_max)
        for piece in pieces:
            await spool.write(piece)
        if finished:
            await spool.finish()
        assert spool.size == len(whole)
        assert spool.on_disk is (len(whole) > memory_bytes_max)
        found = await collect(spool.read(start, end))
        spool.close()
        return found

    with TemporaryDirectory() as folder:
        assert asyncio.run(read(Path(folder))) == whole[start:end]


async def test_a_small_body_touches_no_disk(body: bytes) -> None:
    """Up to the threshold no file is made: the folder need not even exist."""
    spool = await filled(NOWHERE, body, memory_bytes_max=len(body))
    assert not spool.on_disk
    assert await collect(spool.read(0, spool.size)) == body
    spool.close()


async def test_the_file_never_has_a_name(tmp_path: Path, body: bytes) -> None:
    """At no time does the folder show anything that a crash could leave behind."""
    spool = Spool(tmp_path, 1000)
    for start in range(0, len(body), 100_000):
        await spool.write(body[start : start + 100_000])
        assert os.listdir(tmp_path) == []
    await spool.finish()
    assert spool.on_disk
    async for _ in spool.read(0, spool.size):
        assert os.listdir(tmp_path) == []
    spool.close()


def test_closing_frees_the_disk(tmp_path: Path, body: bytes) -> None:
    """After ``close``, called twice, the process holds no file in the folder any more."""

    async def use() -> int:
        spool = await filled(tmp_path, body)
        held = len(held_files(tmp_path))
        spool.close()
        spool.close()
        with pytest.raises(ValueError, match="closed"):
            await spool.write(b"more")
        return held

    assert asyncio.run(use()) == 1
    assert held_files(tmp_path) == []


def test_it_closes_without_a_loop(tmp_path: Path, body: bytes) -> None:
    """A spool can be closed after the event loop has ended."""
    spool = asyncio.run(filled(tmp_path, body))
    spool.close()
    assert held_files(tmp_path) == []


async def test_readers_do_not_disturb_each_other(tmp_path: Path, body: bytes) -> None:
    """Several readers of one spool get every byte, each at its own pace."""
    spool = await filled(tmp_path, body)
    found = await asyncio.gather(
        *(collect(spool.read(start, spool.size)) for start in (0, 1, 70_000, BLOCK_BYTES, BLOCK_BYTES + 1))
    )
    assert [len(part) for part in found] == [len(body) - start for start in (0, 1, 70_000, BLOCK_BYTES, BLOCK_BYTES + 1)]
    assert all(body.endswith(part) for part in found)
    spool.close()


async def test_pieces_are_small(tmp_path: Path, body: bytes) -> None:
    """No piece is larger than promised, whether it comes from memory or from disk."""
    for memory_bytes_max in (0, len(body)):
        spool = await filled(tmp_path, body, memory_bytes_max)
        assert max([len(piece) async for piece in spool.read(0, spool.size)]) == PIECE_BYTES
        spool.close()


async def test_closing_under_readers_ends_them(tmp_path: Path, body: bytes) -> None:
    """A reader under way when the spool is closed is told so, and gets no byte of any other file."""
    spool = await filled(tmp_path, body)
    begun = asyncio.Event()

    async def read() -> bytes:
        found = b""
        with suppress(ValueError):
            async for piece in spool.read(0, spool.size):
                found += piece
                begun.set()
        return found

    readers = [asyncio.create_task(read()) for _ in range(8)]
    await begun.wait()
    spool.close()
    for found in await asyncio.gather(*readers):
        assert body.startswith(found)
        assert len(found) < len(body)


async def test_a_cancelled_write_leaves_nothing(tmp_path: Path, body: bytes) -> None:
    """A client that leaves while its body is being written: the write ends in its thread, the file goes, nothing is raised."""
    spool = Spool(tmp_path, 1000)
    writing = asyncio.create_task(spool.write(body))
    await asyncio.sleep(0)  # the thread has been asked to write
    writing.cancel()
    spool.close()
    with pytest.raises(asyncio.CancelledError):
        await writing
    await asyncio.get_running_loop().shutdown_default_executor()
    assert held_files(tmp_path) == []


async def test_a_full_disk_is_said_so(tmp_path: Path) -> None:
    """Where the disk takes no more, the writer learns that and how much did not fit."""
    spool = Spool(tmp_path, 1000)
    with file_size_limited(2 * BLOCK_BYTES), pytest.raises(SpoolUnavailable, match=f"disk is full: {5 * BLOCK_BYTES} bytes"):
        await spool.write(bytes(5 * BLOCK_BYTES))
    spool.close()


@pytest.mark.parametrize("memory_bytes_max", [10, 1000])
async def test_a_span_is_replaced(tmp_path: Path, memory_bytes_max: int) -> None:
    """Of a JSON body only the model's value changes, as often as it is sent; its length is known beforehand."""
    whole = b'{"prompt": "a fox", "model": "our-name", "images": []}'
    start = whole.index(b'"our-name"')
    spool = await filled(tmp_path, whole, memory_bytes_max)
    content = SplicedContent(spool, "application/json", (start, start + len(b'"our-name"')), b'"theirs"')
    for _ in range(2):
        sent = await collect(content.chunks())
        assert sent == b'{"prompt": "a fox", "model": "theirs", "images": []}'
        assert content.length == len(sent)
    assert content.content_type == "application/json"
    spool.close()


async def test_spans_and_bytes_follow_each_other(tmp_path: Path) -> None:
    """A body is made of its parts in the order given, a span may come twice or be empty."""
    spool = await filled(tmp_path, b"0123456789", 0)
    content = SpooledContent(spool, "text/plain", ((2, 4), b"-", (2, 4), (5, 5), b"", (9, 10)))
    assert await collect(content.chunks()) == b"23-239"
    assert content.length == 6
    spool.close()


@pytest.mark.parametrize("bytes_", [0, 1, 2, 3, PIECE_BYTES, BLOCK_BYTES + 1, 2 * BLOCK_BYTES + 2])
@pytest.mark.parametrize("memory_bytes_max", [10, 100_000_000])
async def test_a_span_may_go_as_base64(tmp_path: Path, bytes_: int, memory_bytes_max: int) -> None:
    """The same as if it had been encoded at once, and of the length that was said, wherever its pieces end."""
    data = os.urandom(bytes_)
    spool = await filled(tmp_path, b"x" + data, memory_bytes_max)
    content = SpooledContent(spool, "text/plain", ((0, 1),)).rewritten("text/plain", (b"<", AsBase64(1, 1 + bytes_), b">"))
    sent = await collect(content.chunks())
    assert sent == b"<" + base64.b64encode(data) + b">"
    assert content.length == len(sent)
    spool.close()


async def test_a_missing_folder_is_made(tmp_path: Path) -> None:
    """Also one that was removed under a running gateway."""
    spool = Spool(tmp_path / "missing" / "too", 0)
    await spool.write(b"x")
    assert spool.on_disk
    spool.close()


async def test_a_folder_that_cannot_be_is_told(tmp_path: Path) -> None:
    """In words for operators, without its path."""
    (tmp_path / "file").write_text("in the way")
    spool = Spool(tmp_path / "file", 0)
    with pytest.raises(SpoolUnavailable, match="folder cannot be used") as caught:
        await spool.write(b"x")
    assert str(tmp_path) not in str(caught.value)
    spool.close()


async def test_no_bytes_beyond_the_end(tmp_path: Path) -> None:
    """A span that the spool does not have is an error, not a shorter body."""
    spool = await filled(tmp_path, b"0123456789")
    with pytest.raises(ValueError, match="no bytes 5 to 11"):
        await collect(spool.read(5, 11))
    spool.close()


def held_files(folder: Path) -> list[str]:
    """The open files of this process in ``folder``, named or not."""
    links = [f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd")]
    return [target for link in links if os.path.lexists(link) and (target := os.readlink(link)).startswith(str(folder))]


@contextmanager
def file_size_limited(bytes_max: int) -> Iterator[None]:
    """Let no file of this process grow beyond this."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_max, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
