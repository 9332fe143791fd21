"""How the gateway's client of providers makes, keeps and closes connections, and how long it waits."""

import asyncio
import gc
import weakref
from dataclasses import replace

import pytest

from gateway.core.secret import Secret
from gateway.ports import UpstreamFailed
from gateway.providers import pool
from gateway.providers.connection import Connection
from tests.integration.scripted_provider import (
    BEGUN,
    OK,
    Client,
    Peer,
    answering,
    client_of,
    closing_after,
    on_every_loop,
    provider,
    scripted,
    until,
)


def _open(client: Client) -> set[Connection]:
    """The client's connections, in use or idle."""
    connections = client.wire._pool
    assert connections is not None
    return connections._open


@on_every_loop
async def test_the_request_says_what_it_must_and_no_more() -> None:
    """Byte for byte: address, credential, account, form of body and answer, and the request's name."""
    requests: list[bytes] = []

    async def script(peer: Peer) -> None:
        requests.append(await peer.request())
        await peer.send(OK)

    async with scripted(script) as (client, found):
        assert await client.get(b'{"n":1}') == b"ok"
    head, _, body = requests[0].partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ") for line in lines)
    assert (first, body) == ("POST /v1/images/generations HTTP/1.1", b'{"n":1}')
    assert headers.pop("user-agent").startswith("image-gateway/")
    assert headers == {
        "host": found.base_url.removeprefix("http://").removesuffix("/v1"),
        "authorization": "Bearer sk-fake-1",
        "accept": "application/json, text/event-stream",
        "accept-encoding": "identity",
        "openai-organization": "org-1",
        "openai-project": "proj-1",
        "content-type": "application/json",
        "content-length": "7",
        "x-client-request-id": "req-1",
    }


@pytest.mark.parametrize("bad", ["a\r\nx: y", "a\nb", "a\0b", "\u20ac"])
@on_every_loop
async def test_no_value_can_end_a_header(bad: str) -> None:
    """It is refused before anything is sent."""
    async with scripted(answering(OK)) as (client, found):
        with pytest.raises(ValueError, match="header"):
            await client.send(request_id=bad)
        client.settings = replace(client.settings, credential=Secret(bad))
        with pytest.raises(ValueError, match="authorization"):
            await client.send()
        assert found.connections == 0


@on_every_loop
async def test_two_hundred_calls_at_once_get_their_own_answers() -> None:
    """On as many connections, which serve the next two hundred."""

    async def script(peer: Peer) -> None:
        while True:
            body = (await peer.request()).partition(b"\r\n\r\n")[2]
            await asyncio.sleep(0.01)  # so that all are in flight
            await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body), body)

    async with scripted(script) as (client, found):
        for _ in range(2):
            bodies = [b"%d" % number for number in range(200)]
            assert await asyncio.gather(*(client.get(body) for body in bodies)) == bodies
        assert found.connections == 200


@on_every_loop
async def test_a_connection_closed_while_idle_is_not_used_again() -> None:
    """Whoever closed it noticed nothing of the next call."""
    async with scripted(closing_after(OK)) as (client, found):
        for _ in range(3):
            assert await client.get() == b"ok"
            await until(lambda: not _open(client))
        assert found.connections == 3


@on_every_loop
async def test_a_connection_that_was_told_to_close_is_not_kept() -> None:
    """Even where the provider leaves the closing to us."""
    async with scripted(answering(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok")) as (client, found):
        assert [await client.get(), await client.get()] == [b"ok", b"ok"]
        assert found.connections == 2


@on_every_loop
async def test_an_idle_connection_is_closed_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a call that asks for it."""
    monkeypatch.setattr(pool, "IDLE_CONNECTION_S", 0.05)
    async with scripted(answering(OK)) as (client, found):
        await asyncio.gather(client.get(), client.get())
        await found.all_ended()
        await until(lambda: not _open(client))


@on_every_loop
async def test_idle_connections_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The latest ones stay."""
    monkeypatch.setattr(pool, "IDLE_CONNECTIONS_MAX", 3)
    async with scripted(answering(OK)) as (client, _):
        assert await asyncio.gather(*(client.get() for _ in range(9))) == [b"ok"] * 9
        await until(lambda: len(_open(client)) == 3)


@pytest.mark.parametrize("extra", [b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil", b"x"])
@pytest.mark.parametrize("joined", [True, False], ids=["at once", "later"])
@on_every_loop
async def test_what_follows_an_answer_is_never_the_next_one(extra: bytes, joined: bool) -> None:
    """The connection is closed, and the answer before it stands."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(*([OK + extra] if joined else [OK, extra]))
        await peer.client_gone()

    async with scripted(script) as (client, found):
        for _ in range(2):
            assert await client.get() == b"ok"
            await until(lambda: not _open(client))
        assert found.connections == 2


@on_every_loop
async def test_an_unread_answer_is_let_go() -> None:
    """One that has come whole leaves its connection usable; the rest of any other is not waited for."""
    answers = [OK, b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n" + bytes(100_000)]

    async def script(peer: Peer) -> None:
        for answer in answers:
            await peer.request()
            await peer.send(answer)
        await peer.client_gone()

    async with scripted(script) as (client, found):
        for _ in answers:
            response = await client.send()
            response.release()
            response.release()
        await found.all_ended()
        assert found.connections == 1


@on_every_loop
async def test_a_call_that_is_cancelled_just_as_it_is_connected_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the connection, nor anybody who waits for its end."""
    made = Connection.connection_made

    def made_and_cancelled(connection: Connection, transport: asyncio.BaseTransport) -> None:
        made(connection, transport)
        call.cancel()

    monkeypatch.setattr(Connection, "connection_made", made_and_cancelled)
    async with asyncio.timeout(5), provider(answering(OK)) as found:
        async with client_of(found.base_url) as client:
            call = asyncio.create_task(client.get())
            with pytest.raises(asyncio.CancelledError):
                await call
            await until(lambda: not _open(client))
        await found.all_ended()


@on_every_loop
async def test_closing_the_client_ends_what_is_in_flight() -> None:
    """The call fails, the provider sees the connection go, and nothing stays in memory."""
    async with provider(closing_after(BEGUN)) as found, provider(answering(OK)) as other:
        async with client_of(found.base_url) as client:
            call = asyncio.create_task(client.get())
            await client_of_other(client, other.base_url)
            kept = weakref.WeakSet(_open(client))
        with pytest.raises(UpstreamFailed):
            await call
    del call
    await until(lambda: gc.collect() >= 0 and not kept)


async def client_of_other(client: Client, base_url: str) -> None:
    """One more call, to another provider."""
    assert await Client(client.wire, replace(client.settings, base_url=base_url)).get() == b"ok"
