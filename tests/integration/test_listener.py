"""What the listener takes as HTTP, byte by byte, before any app is asked."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from starlette.types import Receive, Scope, Send

from gateway.listener import CONNECTION, Counts, Limits, listening
from tests.integration.descriptors import few_descriptors
from tests.integration.raw import Answer, Raw, raw

HEAD = b"POST /echo HTTP/1.1\r\nhost: a\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"


class Echo:
    """Answers with what it was asked, as JSON; ``/early`` without reading the body, ``/wait`` once the client has left."""

    def __init__(self) -> None:
        self.left: list[str] = []
        self.may_answer = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise ValueError("not known here")
        body = b""
        if scope["path"] == "/wait":
            await receive()
            leaving = asyncio.ensure_future(receive())
            allowed = asyncio.ensure_future(self.may_answer.wait())
            await asyncio.wait({leaving, allowed}, return_when=asyncio.FIRST_COMPLETED)
            leaving.cancel()
            allowed.cancel()
            if scope["state"][CONNECTION].left:
                self.left.append(scope["query_string"].decode())
                return
        elif scope["path"] != "/early":
            more = True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    body += b"<cut>"
                    break
                body += message["body"]
                more = message["more_body"]
        said = {
            "method": scope["method"],
            "path": scope["path"],
            "query": scope["query_string"].decode(),
            "headers": [name.decode() for name, _ in scope["headers"]],
            "body": body.decode(),
        }
        text = json.dumps(said).encode()
        sized = [] if scope["path"] == "/stream" else [(b"content-length", b"%d" % len(text))]
        await send({"type": "http.response.start", "status": 200, "headers": sized})
        await send({"type": "http.response.body", "body": text[:7], "more_body": True})
        await send({"type": "http.response.body", "body": text[7:], "more_body": False})


@pytest_asyncio.fixture
async def echo() -> AsyncIterator[tuple[str, Echo]]:
    app = Echo()
    async with listening(app, "127.0.0.1", 0, grace_s=2) as url:
        yield url, app


async def asked(client: Raw, *parts: bytes) -> Answer:
    await client.say(*parts)
    return await client.answer()


# What must not reach an app, and the status it is refused with.
REFUSED = {
    "two hosts": (b"GET / HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n", 400),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "an empty host": (b"GET / HTTP/1.1\r\nhost:\r\n\r\n", 400),
    "a host with a path": (b"GET / HTTP/1.1\r\nhost: a/b\r\n\r\n", 400),
    "a host with a user": (b"GET / HTTP/1.1\r\nhost: me@a\r\n\r\n", 400),
    "a host with a word as port": (b"GET / HTTP/1.1\r\nhost: a:b\r\n\r\n", 400),
    "a list of hosts": (b"GET / HTTP/1.1\r\nhost: a, b\r\n\r\n", 400),
    "length and coding": (HEAD + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "coding and length": (HEAD + b"transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n", 400),
    "two lengths": (HEAD + b"content-length: 5\r\ncontent-length: 6\r\n\r\nhello", 400),
    "two equal lengths": (HEAD + b"content-length: 5\r\ncontent-length: 5\r\n\r\nhello", 400),
    "a list of lengths": (HEAD + b"content-length: 5, 5\r\n\r\nhello", 400),
    "a signed length": (HEAD + b"content-length: +5\r\n\r\nhello", 400),
    "a negative length": (HEAD + b"content-length: -5\r\n\r\nhello", 400),
    "a hexadecimal length": (HEAD + b"content-length: 0x5\r\n\r\nhello", 400),
    "no length at all": (HEAD + b"content-length:\r\n\r\nhello", 400),
    "an endless length": (HEAD + b"content-length: 99999999999999999999\r\n\r\nhello", 400),
    "gzip, chunked": (HEAD + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400),
    "gzip and chunked": (HEAD + b"transfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "chunked, gzip": (HEAD + b"transfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n", 400),
    "chunked twice": (HEAD + b"transfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400),
    "identity": (HEAD + b"transfer-encoding: identity\r\n\r\n", 400),
    "identity without a body": (b"GET / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: identity\r\n\r\n", 400),
    "no coding": (HEAD + b"transfer-encoding:\r\n\r\n", 400),
    "a coding of another kind": (HEAD + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n", 400),
    "a coding behind a tab": (HEAD + b"transfer-encoding: \x0bchunked\r\n\r\n0\r\n\r\n", 400),
    "chunked in HTTP/1.0": (b"POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "a space before the colon": (b"GET / HTTP/1.1\r\nhost: a\r\ntransfer-encoding : chunked\r\n\r\n", 400),
    "a folded header": (b"GET / HTTP/1.1\r\nhost: a\r\nx: b\r\n c\r\n\r\n", 400),
    "line feeds alone": (b"GET / HTTP/1.1\nhost: a\n\n", 400),
    "a line feed in a header": (b"GET / HTTP/1.1\r\nhost: a\r\nx: b\nc: d\r\n\r\n", 400),
    "a null in a header": (b"GET / HTTP/1.1\r\nhost: a\r\nx: b\0c\r\n\r\n", 400),
    "a nameless header": (b"GET / HTTP/1.1\r\nhost: a\r\n: b\r\n\r\n", 400),
    "a header without a colon": (b"GET / HTTP/1.1\r\nhost: a\r\nnothing\r\n\r\n", 400),
    "no version": (b"GET /\r\n\r\n", 505),
    "HTTP/2.0": (b"GET / HTTP/2.0\r\nhost: a\r\n\r\n", 505),
    "HTTP/1.2": (b"GET / HTTP/1.2\r\nhost: a\r\n\r\n", 400),
    "HTTP/2's preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "a TLS handshake": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "an unknown method": (b"FOO / HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    "a path that is not ASCII": (b"GET /\xc3\xa9 HTTP/1.1\r\nhost: a\r\n\r\n", 400),
    "CONNECT": (b"CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n", 405),
    "a chunk that is longer than it says": (CHUNKED + b"5\r\nhelloX\r\n0\r\n\r\n", 400),
    "a chunk without a size": (CHUNKED + b"\r\nhello\r\n0\r\n\r\n", 400),
    "a chunk of a negative size": (CHUNKED + b"-1\r\nhello\r\n0\r\n\r\n", 400),
    "a chunk of an endless size": (CHUNKED + b"fffffffffffffffff\r\nhello\r\n0\r\n\r\n", 400),
    "a chunk size with a prefix": (CHUNKED + b"0x5\r\nhello\r\n0\r\n\r\n", 400),
    "a chunk that ends in a line feed": (CHUNKED + b"5\nhello\n0\n\n", 400),
    "257 headers": (b"GET / HTTP/1.1\r\nhost: a\r\n" + b"x: y\r\n" * 256 + b"\r\n", 431),
    "a header of 70 kB": (b"GET / HTTP/1.1\r\nhost: a\r\nx: " + b"y" * 70_000 + b"\r\n\r\n", 431),
    "a URL of 70 kB": (b"GET /" + b"y" * 70_000 + b" HTTP/1.1\r\nhost: a\r\n\r\n", 431),
}


@pytest.mark.parametrize(("request_bytes", "status"), REFUSED.values(), ids=REFUSED.keys())
async def test_what_is_no_request_is_refused_and_ends_the_connection(
    echo: tuple[str, Echo], request_bytes: bytes, status: int
) -> None:
    """With OpenAI's error; nothing that follows is taken for a request."""
    async with raw(echo[0]) as client:
        answer = await asked(client, request_bytes + b"GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n")
        assert answer.status == status
        assert answer.headers["connection"] == "close"
        assert answer.error["message"]
        assert await client.closed()


WHOLE = {
    "a length": HEAD + b"content-length: 5\r\n\r\nhello",
    "chunks": CHUNKED + b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
    "chunk extensions": CHUNKED + b'5;a=b;c="d"\r\nhello\r\n0;e\r\n\r\n',
    "trailers": CHUNKED + b"5\r\nhello\r\n0\r\nauthorization: Bearer x\r\ncontent-type: text/plain\r\nx-a:\r\n\r\n",
    "an offer of HTTP/2": HEAD
    + b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\ncontent-length: 5\r\n\r\nhello",
    "an offer of WebSocket": HEAD + b"connection: upgrade\r\nupgrade: websocket\r\ncontent-length: 5\r\n\r\nhello",
    "an offer of TLS with chunks": HEAD
    + b"upgrade: TLS/1.3\r\nconnection: upgrade\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nauthorization: x\r\n\r\n",
}


@pytest.mark.parametrize("step", [1, 7, 1_000_000])
@pytest.mark.parametrize("request_bytes", WHOLE.values(), ids=WHOLE.keys())
async def test_a_body_is_read_however_it_is_cut(echo: tuple[str, Echo], request_bytes: bytes, step: int) -> None:
    """Trailers are never headers, another protocol's offer changes nothing, and a request that follows is answered too."""
    text = request_bytes + b"GET /next?a=b HTTP/1.1\r\nhost: a\r\n\r\n"
    async with raw(echo[0]) as client:
        await client.say(*(text[at : at + step] for at in range(0, len(text), step)))
        first, second = json.loads((await client.answer()).body), json.loads((await client.answer()).body)
    assert first["body"] == "hello"
    assert not {"authorization", "content-type", "x-a"} & set(first["headers"])
    assert (second["path"], second["query"], second["headers"]) == ("/next", "a=b", ["host"])


@pytest.mark.parametrize("path", [b"/echo", b"/stream"])
async def test_an_answer_in_http_1_0_ends_with_its_connection(echo: tuple[str, Echo], path: bytes) -> None:
    """That protocol knows no chunks, and may go without a Host."""
    async with raw(echo[0]) as client:
        await client.say(b"POST " + path + b" HTTP/1.0\r\ncontent-length: 5\r\n\r\nhello")
        answer = await client.answer()
        assert "transfer-encoding" not in answer.headers
        assert json.loads(answer.body)["body"] == "hello"
        assert await client.closed()


async def test_head_is_answered_without_a_body(echo: tuple[str, Echo]) -> None:
    """With the headers of GET's answer, and the connection goes on."""
    async with raw(echo[0]) as client:
        await client.say(b"HEAD / HTTP/1.1\r\nhost: a\r\n\r\n")
        assert int((await client.answer(bodiless=True)).headers["content-length"]) > 0
        assert (await asked(client, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")).status == 200


async def test_an_answer_that_does_not_wait_for_the_body_ends_the_connection(echo: tuple[str, Echo]) -> None:
    """It says so, can be read while the client still sends, and what comes afterwards is not kept."""
    async with raw(echo[0]) as client:
        answer = await asked(client, b"POST /early HTTP/1.1\r\nhost: a\r\ncontent-length: 2000000\r\n\r\n", b"x" * 500_000)
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert await client.closed()


@pytest.mark.parametrize("late", [b"5\r\nhelloX\r\n", b"zz\r\n"])
async def test_a_body_that_breaks_off_in_the_middle_is_told_to_the_app(echo: tuple[str, Echo], late: bytes) -> None:
    """Which has begun to read it: as a body that ends early."""
    async with raw(echo[0]) as client:
        await client.say(CHUNKED + b"5\r\nhello\r\n")
        await asyncio.sleep(0.05)
        answer = await asked(client, late)
        assert json.loads(answer.body)["body"].endswith("<cut>")
        assert await client.closed()


async def test_a_client_that_leaves_is_noticed_behind_a_request_that_waits(echo: tuple[str, Echo]) -> None:
    """What was sent ahead of its turn hides nothing of the request at hand."""
    url, app = echo
    async with raw(url) as client:
        await client.say(
            b"POST /wait?first HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhiPOST /echo?second HTTP/1.1\r\nhost: a\r\n"
        )
        await asyncio.sleep(0.05)
    async with asyncio.timeout(5):
        while not app.left:
            await asyncio.sleep(0.01)
    assert app.left == ["first"]


AHEAD = {
    "many requests": b"GET /echo HTTP/1.1\r\nhost: a\r\n\r\n" * 20,
    "a large one": HEAD + b"content-length: 90000\r\n\r\n" + b"x" * 90_000,
    "many offers of another protocol": b"GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n" * 3000,
}


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n" + b"GET /next HTTP/1.1\r\nhost: a\r\n\r\n" * 4,
        b"POST / HTTP/1.0\r\n\r\n" + b"a body without a length" * 8,
    ],
    ids=["pipelined", "1.0"],
)
async def test_an_answer_arrives_although_more_is_on_its_way(echo: tuple[str, Echo], request_bytes: bytes) -> None:
    """A connection that is closed while bytes come in is reset, and what was written to it is lost."""
    async with raw(echo[0]) as client:
        await client.say(*(request_bytes[at : at + 7] for at in range(0, len(request_bytes), 7)), pause_s=0.001)
        assert (await client.answer()).status == 200


@pytest.mark.parametrize("ahead", AHEAD.values(), ids=AHEAD.keys())
async def test_more_than_may_wait_is_not_kept(echo: tuple[str, Echo], ahead: bytes) -> None:
    """What is being answered is answered, and the connection closes so that the client knows what was not."""
    url, app = echo
    async with raw(url) as client:
        await client.say(b"GET /wait HTTP/1.1\r\nhost: a\r\n\r\n")
        await asyncio.sleep(0.05)
        await client.say(ahead)
        await asyncio.sleep(0.05)
        app.may_answer.set()
        answer = await client.answer()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert await client.closed()


async def test_a_malformed_request_behind_a_good_one_waits_for_its_turn(echo: tuple[str, Echo]) -> None:
    """The good one's answer comes first and whole."""
    async with raw(echo[0]) as client:
        await client.say(b"GET /good HTTP/1.1\r\nhost: a\r\n\r\nBAD\r\n\r\n")
        assert json.loads((await client.answer()).body)["path"] == "/good"
        assert (await client.answer()).status == 400
        assert await client.closed()


async def test_expect_is_answered_where_the_body_is_wanted(echo: tuple[str, Echo]) -> None:
    """100 before the body is read, and none where it is refused without."""
    expecting = b" HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n"
    async with raw(echo[0]) as client:
        assert (await asked(client, b"POST /echo" + expecting)).status == 100
        assert json.loads((await asked(client, b"hello")).body)["body"] == "hello"
    async with raw(echo[0]) as client:
        assert (await asked(client, b"POST /early" + expecting)).status == 200
        assert await client.closed()


@pytest.mark.parametrize("header", [(b"x", b"a\r\nset-cookie: b"), (b"x", b"a\nb"), (b"x\r\ny", b"a"), (b"x", b"a\0b")])
async def test_an_answers_header_cannot_begin_another(header: tuple[bytes, bytes]) -> None:
    """Whatever an app puts into it."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [header]})

    async with listening(app, "127.0.0.1", 0, grace_s=1) as url, raw(url) as client:
        assert (await asked(client, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")).status == 500


FLOODS = {
    "trailers": (CHUNKED + b"0\r\n", b"a:b\r\n" * 13_000),
    "one trailer": (CHUNKED + b"0\r\nx: ", b"y" * 65_000),
    "chunk extensions": (CHUNKED + b"5;", b"y" * 65_000),
    "empty lines": (b"", b"\r\n" * 32_000),
    "a head": (b"GET / HTTP/1.1\r\nx: ", b"y" * 65_000),
    "a body that nobody reads": (
        b"POST /early HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n",
        b"f000\r\n" + b"y" * 0xF000 + b"\r\n",
    ),
}


@pytest.mark.parametrize(("begin", "more"), FLOODS.values(), ids=FLOODS.keys())
async def test_an_endless_request_is_cut_off(echo: tuple[str, Echo], begin: bytes, more: bytes) -> None:
    """Soon, and after an answer that can be read."""
    async with raw(echo[0]) as client:
        sent = 0
        await client.say(begin)
        try:
            while sent < 64 * 1024 * 1024:
                await client.say(more)
                sent += len(more)
        except ConnectionError:
            pass
        assert sent < 40 * 1024 * 1024


SOON = Limits(connections_max=3, head_wait_s_max=0.2, idle_wait_s_max=0.2, stall_s_max=0.2)


async def test_a_head_that_is_late_is_not_waited_for() -> None:
    """Silence is closed without a word and half a head with 408, both counted; a kept connection at its idle limit."""
    counts = Counts()
    async with listening(Echo(), "127.0.0.1", 0, grace_s=1, limits=SOON, counts=counts) as url, AsyncExitStack() as stack:
        silent, half, kept = [await stack.enter_async_context(raw(url)) for _ in range(3)]
        await half.say(b"GET / HTTP/1.1\r\n")
        assert (await asked(kept, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")).status == 200
        assert await silent.closed()
        late = await half.answer()
        assert (late.status, late.error["code"]) == (408, "request_timeout")
        assert await half.closed()
        assert await kept.closed()
    assert counts.refused["request_timeout"] == 2
    assert counts.open == 0


async def test_one_connection_too_many_is_told_so() -> None:
    """503, closed and counted; those that stand go on, and one that leaves makes room."""
    counts = Counts()
    limits = Limits(connections_max=2)
    async with listening(Echo(), "127.0.0.1", 0, grace_s=1, limits=limits, counts=counts) as url:
        async with raw(url) as first, raw(url):
            assert (await asked(first, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")).status == 200
            async with raw(url) as third:
                answer = await third.answer()
                assert (answer.status, answer.error["code"], answer.headers["connection"]) == (
                    503,
                    "too_many_connections",
                    "close",
                )
                assert await third.closed()
            assert (await asked(first, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")).status == 200
        async with asyncio.timeout(5):
            while counts.open:
                await asyncio.sleep(0.01)
        async with raw(url) as again:
            assert (await asked(again, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")).status == 200
    assert counts.refused["too_many_connections"] == 1


async def test_many_connections_too_many_are_told_so() -> None:
    """Each of them, while one that stands is served."""
    counts, limits = Counts(), Limits(connections_max=1)
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(listening(Echo(), "127.0.0.1", 0, grace_s=1, limits=limits, counts=counts))
        first, *others = [await stack.enter_async_context(raw(url)) for _ in range(101)]
        for client in others:
            assert (await client.answer()).error["code"] == "too_many_connections"
        assert (await asked(first, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")).status == 200
    assert counts.refused["too_many_connections"] == 100


async def test_a_client_that_takes_nothing_is_cut_off() -> None:
    """Whatever answers it: an answer that waits holds memory."""
    ended = asyncio.Event()

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while not scope["state"][CONNECTION].left:
            await send({"type": "http.response.body", "body": b"x" * 100_000, "more_body": True})
        ended.set()

    async with listening(endless, "127.0.0.1", 0, grace_s=1, limits=SOON) as url, raw(url) as client:
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await client.say(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        async with asyncio.timeout(10):
            await ended.wait()


async def test_a_process_without_descriptors_says_so() -> None:
    """It is counted for as long as it lasts, and afterwards clients are served as before."""
    counts = Counts()
    async with listening(Echo(), "127.0.0.1", 0, grace_s=1, counts=counts) as url:
        with few_descriptors():
            async with asyncio.timeout(5):
                while not counts.refused["out_of_descriptors"]:
                    await asyncio.sleep(0.01)
        async with raw(url) as client:
            answer = await asked(client, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
    assert answer.status == 200
