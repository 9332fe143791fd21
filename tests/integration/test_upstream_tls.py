"""The gateway's client of providers over TLS, with a certificate made for the test."""

import asyncio
import ssl

import pytest

from gateway.core.outcome import Stage
from tests.integration.scripted_provider import OK, Peer, answering, client_of, closing_after, on_every_loop, provider, scripted
from tests.integration.test_upstream_uploads import CHUNK, CHUNKS, Spool

LARGE = bytes(range(256)) * 20_000


@pytest.mark.usefixtures("trusted")
@on_every_loop
async def test_answers_come_over_tls_as_without_it(tls: ssl.SSLContext) -> None:
    """Large ones too, on one connection."""
    names: list[str] = []
    tls.sni_callback = lambda _socket, name, _context: names.append(name)
    head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(LARGE)
    async with provider(answering(head, LARGE), tls=tls) as found, client_of(found.base_url) as client:
        assert [await client.get() == LARGE for _ in range(3)] == [True] * 3
        assert (found.connections, names) == (1, ["localhost"])


@pytest.mark.usefixtures("trusted")
@on_every_loop
async def test_large_bodies_go_out_over_tls(tls: ssl.SSLContext) -> None:
    """As many bytes as were announced."""

    async def script(peer: Peer) -> None:
        request = await peer.request()
        await peer.send(OK if request.endswith(CHUNK) and len(request) > len(CHUNK) * CHUNKS else b"short")

    async with provider(script, tls=tls) as found, client_of(found.base_url) as client:
        assert await client.get(Spool()) == b"ok"


@pytest.mark.usefixtures("trusted")
@on_every_loop
async def test_an_answer_cut_short_over_tls_is_a_failure(tls: ssl.SSLContext) -> None:
    """And one that ends with its connection is whole."""
    async with (
        provider(closing_after(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nbegun"), tls=tls) as cut,
        provider(closing_after(b"HTTP/1.1 200 OK\r\n\r\nwhole"), tls=tls) as whole,
        client_of(cut.base_url) as client,
        client_of(whole.base_url) as other,
    ):
        assert await client.failure(Stage.BODY) in ("the answer was cut short", "the connection was lost")
        assert await other.get() == b"whole"


@pytest.mark.usefixtures("trusted")
@on_every_loop
async def test_a_slow_reader_over_tls_loses_nothing(tls: ssl.SSLContext) -> None:
    """While the provider is held back."""
    head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(LARGE)
    async with provider(answering(head, LARGE), tls=tls) as found, client_of(found.base_url, total_s=1) as client:
        response, got = await client.send(), b""
        async for chunk in response.chunks():
            await asyncio.sleep(0.01)
            got += chunk
        response.release()
    assert got == LARGE


@on_every_loop
async def test_an_untrusted_certificate_is_not_spoken_to(tls: ssl.SSLContext) -> None:
    """The request, with its key, stays here."""
    async with provider(answering(OK), tls=tls) as found, client_of(found.base_url) as client:
        assert await client.failure(Stage.CONNECT) == "no connection could be made"


@pytest.mark.usefixtures("trusted")
@on_every_loop
async def test_a_certificate_of_another_name_is_not_spoken_to(tls: ssl.SSLContext) -> None:
    """Trusted or not."""
    async with provider(answering(OK), tls=tls) as found, client_of(found.base_url.replace("localhost", "127.0.0.1")) as client:
        assert await client.failure(Stage.CONNECT) == "no connection could be made"


@on_every_loop
async def test_a_provider_without_tls_is_not_spoken_to() -> None:
    """Where the configuration says https."""

    async def script(peer: Peer) -> None:
        await peer.reader.read(1)
        await peer.send(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")

    async with scripted(script) as (_, found), client_of(found.base_url.replace("http:", "https:")) as client:
        assert await client.failure(Stage.CONNECT) == "no connection could be made"


@on_every_loop
async def test_a_handshake_is_not_waited_for_without_end() -> None:
    """Its time counts as that of connecting."""

    async def silent(peer: Peer) -> None:
        await peer.client_gone()

    async with provider(silent) as found, client_of(found.base_url.replace("http:", "https:"), connect_s=0.1) as client:
        assert await client.failure(Stage.CONNECT) == "connecting took too long"
        await found.all_ended()
