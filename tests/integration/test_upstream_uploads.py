"""Requests too large for memory, sent by the gateway's client of providers as fast as the provider takes them."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from gateway.core.outcome import Stage
from gateway.ports import UpstreamFailed
from gateway.providers.connection import WRITE_BUFFER_BYTES
from tests.integration.scripted_provider import OK, Peer, answering, on_every_loop, scripted

CHUNK = bytes(range(256)) * 256
CHUNKS = 500
REFUSAL = b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 2\r\n\r\nno"


@dataclass(slots=True)
class Spool:
    """A body of so many chunks that fails after some of them, or has another length than it says; it counts what was read."""

    chunks_left: int = CHUNKS
    length: int = CHUNKS * len(CHUNK)
    fails_at: int = -1
    content_type: str = "multipart/form-data; boundary=b"
    closed: bool = False

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            while self.chunks_left:
                if self.chunks_left == self.fails_at:
                    raise OSError("the disk is gone")
                self.chunks_left -= 1
                yield CHUNK
        finally:
            self.closed = True


@on_every_loop
async def test_a_large_body_arrives_as_it_is() -> None:
    """With its own type and length, twice on one connection."""
    requests: list[bytes] = []
    digest = hashlib.sha256(CHUNK * CHUNKS).digest()

    async def script(peer: Peer) -> None:
        while True:
            head, _, body = (await peer.request()).partition(b"\r\n\r\n")
            requests.append(head)
            assert hashlib.sha256(body).digest() == digest
            await peer.send(OK)

    async with scripted(script) as (client, found):
        assert [await client.get(Spool()), await client.get(Spool())] == [b"ok", b"ok"]
        assert found.connections == 1
    assert b"\r\ncontent-type: multipart/form-data; boundary=b\r\ncontent-length: 32768000\r\n" in requests[1]


@on_every_loop
async def test_a_slow_provider_slows_the_reading_of_the_body() -> None:
    """What waits to be sent stays bounded; silence while sending ends as any other does."""

    async def script(peer: Peer) -> None:
        await peer.head()
        await gone.wait()

    gone = asyncio.Event()
    spool = Spool(chunks_left=5000, length=5000 * len(CHUNK))
    async with scripted(script, total_s=0.3) as (client, _):
        with pytest.raises(UpstreamFailed, match="took too long") as failed:
            await client.send(spool)
        gone.set()
    assert (failed.value.stage, spool.closed) == (Stage.ANSWER, True)
    # Sockets of this machine hold some MB on their own.
    assert (5000 - spool.chunks_left) * len(CHUNK) < WRITE_BUFFER_BYTES + 32 * 1024 * 1024


@pytest.mark.parametrize("lingers", [True, False], ids=["and stays", "and closes"])
@pytest.mark.parametrize("body", [Spool, lambda: CHUNK * CHUNKS], ids=["streamed", "from memory"])
@on_every_loop
async def test_a_refusal_in_the_middle_of_the_body_is_the_answer(body: type[Spool], lingers: bool) -> None:
    """Not a broken connection, even where the provider closes while we send; the rest of the body stays here."""

    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(REFUSAL)
        if lingers:
            await answered.wait()

    for _ in range(20):
        answered = asyncio.Event()
        async with scripted(script) as (client, _):
            content = body()
            response = await client.send(content)
            assert (response.status, [chunk async for chunk in response.chunks()]) == (413, [b"no"])
            response.release()
            answered.set()
            assert not isinstance(content, Spool) or (content.closed and content.chunks_left > 0)


@on_every_loop
async def test_a_refused_body_leaves_no_connection_to_use() -> None:
    """What follows on it would be taken for the rest of the body."""

    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(REFUSAL)
        await peer.client_gone()

    async with scripted(script) as (client, found):
        assert [await client.get(Spool(chunks_left=500)), await client.get(Spool())] == [b"no", b"no"]
        assert found.connections == 2


@on_every_loop
async def test_a_success_before_the_end_of_the_body_does_not_end_it() -> None:
    """The provider may begin to answer while it reads."""

    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 64\r\n\r\n")
        body = await peer.reader.readexactly(CHUNKS * len(CHUNK))
        await peer.send(hashlib.sha256(body).hexdigest().encode())
        await peer.client_gone()

    async with scripted(script) as (client, _):
        assert await client.get(Spool()) == hashlib.sha256(CHUNK * CHUNKS).hexdigest().encode()


@pytest.mark.parametrize("spool", [Spool(chunks_left=CHUNKS - 1), Spool(chunks_left=CHUNKS + 1), Spool(length=0)])
@on_every_loop
async def test_a_body_of_another_length_is_never_sent_as_a_whole_one(spool: Spool) -> None:
    """The next request would begin at the wrong place."""
    rest = Spool(chunks_left=spool.chunks_left, length=spool.length)

    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.client_gone()

    async with scripted(script) as (client, found):
        with pytest.raises(ValueError, match="another length"):
            await client.send(rest)
        await found.all_ended()
    assert rest.closed


@on_every_loop
async def test_a_body_that_cannot_be_read_is_our_own_failure() -> None:
    """The disk's error comes out as it is, and the provider gets no whole request."""
    async with scripted(answering(OK)) as (client, found):
        with pytest.raises(OSError, match="the disk is gone"):
            await client.send(Spool(fails_at=100))
        await found.all_ended()
