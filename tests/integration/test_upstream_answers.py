"""Answers of every form, whole and broken, as the gateway's client of providers reads them from real sockets."""

import asyncio

import pytest

from gateway.core.outcome import Stage
from gateway.ports import UpstreamFailed
from gateway.providers.answer import HEAD_BYTES_MAX, Answer
from gateway.providers.errors import BadAnswer
from tests.integration.scripted_provider import BEGUN, OK, Peer, answering, closing_after, on_every_loop, scripted

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
TEXT = b"An image, as text. " * 400

WHOLE = {
    "length": (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", b"hello"),
    "empty": (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", b""),
    "chunked": (CHUNKED + b"3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n", b"hello"),
    "trailers": (CHUNKED + b"5\r\nhello\r\n0\r\nstatus: 500\r\nx: y\r\n\r\n", b"hello"),
    "interim": (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" + OK, b"ok"),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    "304": (b"HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n", b""),
    "no reason": (b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", b"ok"),
    "odd status": (b"HTTP/1.1 999 What\r\ncontent-length: 2\r\n\r\nok", b"ok"),
    "upgrade offered": (b"HTTP/1.1 200 OK\r\nupgrade: h2c\r\nconnection: upgrade\r\ncontent-length: 2\r\n\r\nok", b"ok"),
}


@pytest.mark.parametrize(("answer", "body"), WHOLE.values(), ids=WHOLE.keys())
@on_every_loop
async def test_a_whole_answer_is_read_and_its_connection_used_again(answer: bytes, body: bytes) -> None:
    """However it is framed and in whatever pieces it comes."""
    async with scripted(answering(*(answer[at : at + 1] for at in range(len(answer))))) as (client, provider):
        assert [await client.get() for _ in range(3)] == [body] * 3
        assert provider.connections == 1


@pytest.mark.parametrize(("raw", "body"), WHOLE.values(), ids=WHOLE.keys())
def test_where_an_answer_is_split_makes_no_difference(raw: bytes, body: bytes) -> None:
    """Between any two bytes."""
    for at in range(1, len(raw)):
        answer = Answer()
        answer.feed(memoryview(raw[:at]))
        if not answer.complete:
            answer.feed(memoryview(raw[at:]))
        assert (answer.complete, answer.keep_alive, answer.take()) == (True, True, body)


@pytest.mark.parametrize("version", [b"HTTP/1.1", b"HTTP/1.0"])
@on_every_loop
async def test_a_body_without_a_length_ends_with_its_connection(version: bytes) -> None:
    """And the next call makes a new one."""
    async with scripted(closing_after(version + b" 200 OK\r\n\r\n", TEXT)) as (client, provider):
        assert [await client.get(), await client.get()] == [TEXT, TEXT]
        assert provider.connections == 2


@on_every_loop
async def test_a_small_answer_is_one_chunk() -> None:
    """It comes with its head, and is not cut up."""
    body = b"x" * 4096
    async with scripted(answering(b"HTTP/1.1 200 OK\r\ncontent-length: 4096\r\n\r\n" + body)) as (client, _):
        response = await client.send()
        assert [chunk async for chunk in response.chunks()] == [body]
        response.release()


@on_every_loop
async def test_headers_are_found_by_their_lower_case_name() -> None:
    """Repeated ones are one list, but the first type and the first wait hold; odd bytes survive as latin-1."""
    head = b"Content-Type: a/b\r\ncontent-type: c/d\r\nX-A: 1\r\nx-a: 2\r\nretry-after: 3\r\nRetry-After: 4\r\nodd: \x01\xe9\r\n"
    async with scripted(answering(b"HTTP/1.1 429 Slow\r\n" + head + b"content-length: 0\r\n\r\n")) as (client, _):
        response = await client.send()
        response.release()
    expected = {"content-type": "a/b", "x-a": "1, 2", "retry-after": "3", "odd": "\x01\xe9", "content-length": "0"}
    assert (response.status, response.headers) == (429, expected)


@pytest.mark.parametrize(
    ("answer", "stage", "text"),
    [
        (b"", Stage.ANSWER, "the connection was lost"),
        (b"HTTP/1.1 200 OK\r\ncontent-le", Stage.ANSWER, "the connection was lost"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", Stage.ANSWER, "the connection was lost"),
        (BEGUN, Stage.BODY, "the answer was cut short"),
        (CHUNKED + b"5\r\nhello\r\n", Stage.BODY, "the answer was cut short"),
        (CHUNKED + b"5\r\nhello\r\n0\r\n", Stage.BODY, "the answer was cut short"),
    ],
    ids=["nothing", "half a head", "only an interim answer", "half a body", "no last chunk", "no end of trailers"],
)
@on_every_loop
async def test_an_answer_that_breaks_off_is_a_failure(answer: bytes, stage: Stage, text: str) -> None:
    """It says how far it came, and is never taken for a whole one."""
    async with scripted(closing_after(answer)) as (client, _):
        assert await client.failure(stage) == text


@pytest.mark.parametrize(
    "begun", [BEGUN, CHUNKED + b"9\r\nbegun", b"HTTP/1.1 200 OK\r\n\r\nbegun"], ids=["length", "chunked", "close"]
)
@on_every_loop
async def test_a_reset_connection_is_lost(begun: bytes) -> None:
    """Even where closing would have been the end of the body."""
    head_read = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(begun)
        await head_read.wait()
        peer.reset()

    async with scripted(script) as (client, _):
        response = await client.send()
        chunks = response.chunks()
        assert await anext(chunks) == b"begun"
        head_read.set()
        with pytest.raises(UpstreamFailed, match="the connection was lost") as failed:
            await anext(chunks)
        assert failed.value.stage is Stage.BODY
        response.release()


@on_every_loop
async def test_a_connection_reset_before_the_answer_is_ambiguous() -> None:
    """The request has left."""

    async def script(peer: Peer) -> None:
        await peer.request()
        peer.reset()

    async with scripted(script) as (client, _):
        assert await client.failure(Stage.ANSWER) == "the connection was lost"


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 20 OK\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 099 Low\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nhello",
        b"HTTP/1.1 150 Odd\r\ncontent-length: 2\r\n\r\nok" + OK,
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01",
    ],
)
@on_every_loop
async def test_what_is_not_http_is_no_answer(answer: bytes) -> None:
    """Nor is HTTP that can be read in two ways, or that nobody asked for."""
    async with scripted(answering(answer)) as (client, provider):
        assert (await client.failure(Stage.ANSWER)).startswith(("the answer", "an interim answer"))
        await provider.all_ended()


async def _endless(peer: Peer, piece: bytes) -> None:
    while True:
        await peer.send(piece)


@pytest.mark.parametrize(
    ("begin", "endless", "stage"),
    [
        (b"HTTP/1.1 200 OK\r\nx: ", b"y" * 1000, Stage.ANSWER),
        (b"HTTP/1.1 200 OK\r\n", b"x: y\r\n" * 100, Stage.ANSWER),
        (b"HTTP/1.1 200 ", b"y" * 1000, Stage.ANSWER),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n", Stage.ANSWER),
        (CHUNKED + b"0\r\n", b"x: y\r\n" * 100, Stage.BODY),
        (CHUNKED + b"0\r\nx:", b"y" * 1000, Stage.BODY),
        (CHUNKED + b"5;", b"y" * 1000, Stage.BODY),
    ],
    ids=["header", "headers", "reason", "interim answers", "trailers", "trailer", "chunk extension"],
)
@on_every_loop
async def test_a_head_without_end_is_refused(begin: bytes, endless: bytes, stage: Stage) -> None:
    """So is all else that brings nothing of the body."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(begin)
        await _endless(peer, endless)

    async with scripted(script) as (client, provider):
        assert await client.failure(stage) == "the answer's head is too large"
        await provider.all_ended()


def test_the_limit_of_a_head_is_sharp() -> None:
    """Also where all of it comes at once."""
    begin = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nx: "
    room = HEAD_BYTES_MAX - len(b"content-length: 0\r\nx: \r\n")
    Answer().feed(memoryview(begin + b"y" * room + b"\r\n\r\n"))
    with pytest.raises(BadAnswer, match="too large"):
        Answer().feed(memoryview(begin + b"y" * (room + 1) + b"\r\n\r\n"))
