"""How long the gateway's client of providers waits, for what, and what it does then."""

import asyncio
import socket
from dataclasses import replace

import pytest

from gateway.core.outcome import Stage
from gateway.providers.connection import READ_BUFFER_BYTES
from tests.integration.scripted_provider import BEGUN, OK, Peer, answering, client_of, on_every_loop, scripted

LARGE_BYTES = 64 * 1024 * 1024


@on_every_loop
async def test_a_slow_reader_slows_the_provider() -> None:
    """What waits in memory stays bounded, whatever the body's size; nothing of it is lost, and slowness is not silence."""
    sent_bytes = 0

    async def script(peer: Peer) -> None:
        nonlocal sent_bytes
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % LARGE_BYTES)
        for _ in range(LARGE_BYTES // 65536):
            await peer.send(bytes(65536))
            sent_bytes += 65536
        await peer.client_gone()

    async with scripted(script, total_s=1) as (client, _):
        response = await client.send()
        seen_bytes = -1
        while seen_bytes < sent_bytes:  # until the provider is stuck
            seen_bytes = sent_bytes
            await asyncio.sleep(1.2)
        assert sent_bytes < LARGE_BYTES / 2
        assert response._answer.queued_bytes < 3 * READ_BUFFER_BYTES
        sizes = [len(chunk) async for chunk in response.chunks()]
        response.release()
    assert (sum(sizes), max(sizes) < 3 * READ_BUFFER_BYTES) == (LARGE_BYTES, True)


@pytest.mark.parametrize(
    ("begun", "stage"), [(b"", Stage.ANSWER), (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 2", Stage.ANSWER), (BEGUN, Stage.BODY)]
)
@on_every_loop
async def test_a_silent_provider_is_not_waited_for_without_end(begun: bytes, stage: Stage) -> None:
    """Neither for the answer nor for more of it."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(begun)
        await peer.client_gone()

    async with scripted(script, total_s=0.1) as (client, found):
        assert await client.failure(stage) == "the answer took too long"
        await found.all_ended()


@on_every_loop
async def test_the_limit_of_time_is_that_of_each_call() -> None:
    """A connection serves calls with long and short limits, in any order."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await asyncio.sleep(0)
        await peer.send(OK)
        await peer.client_gone()

    async with scripted(script) as (client, _):
        assert await client.get() == b"ok"
        client.settings = replace(client.settings, timeouts=replace(client.settings.timeouts, total_s=0.1))
        assert await client.failure(Stage.ANSWER) == "the answer took too long"


@pytest.mark.parametrize("begun", [b"", BEGUN], ids=["before the answer", "in its body"])
@on_every_loop
async def test_a_cancelled_call_closes_its_connection(begun: bytes) -> None:
    """Nobody knows what would come on it next."""
    asked = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(begun)
        asked.set()
        await peer.client_gone()

    async with scripted(script) as (client, found):
        call = asyncio.create_task(client.get())
        await asked.wait()
        await asyncio.sleep(0.01)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await found.all_ended()


@on_every_loop
async def test_a_closed_port_is_known_not_to_have_been_reached() -> None:
    """Nothing was sent."""
    with socket.create_server(("127.0.0.1", 0)) as bound:
        port = bound.getsockname()[1]
    async with client_of(f"http://127.0.0.1:{port}/v1") as client:
        assert await client.failure(Stage.CONNECT) == "no connection could be made"


@pytest.mark.parametrize("host", ["name.invalid", "a" * 64 + ".invalid", "a..b.invalid"])
@on_every_loop
async def test_an_unknown_host_is_known_not_to_have_been_reached(host: str) -> None:
    """Even one that cannot be a name."""
    async with client_of(f"http://{host}/v1", connect_s=10, total_s=10) as client:
        assert await client.failure(Stage.CONNECT) in ("no connection could be made", "connecting took too long")


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
@on_every_loop
async def test_a_provider_may_have_an_ipv6_address() -> None:
    """Written in brackets, as URLs do."""
    async with scripted(answering(OK), host="::1") as (client, _):
        assert await client.get() == b"ok"
