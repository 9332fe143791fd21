"""How OpenAI's SDK, which readiness walks use, fails: what becomes of its errors decides whether money is booked."""

import asyncio
import gzip
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from gateway.core.outcome import Stage
from gateway.core.snapshot import Timeouts
from gateway.ports import UpstreamFailed, UpstreamRefused
from gateway.providers.openai_sdk import OpenAISdk
from tests.integration.scripted_provider import BEGUN, SETTINGS, Peer, Script, answering, closing_after, on_every_loop, provider
from tests.unit.core.samples import REQUEST, ROUTE

JSON = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
LOST, CUT = "the connection was lost", "the answer was cut short"


@asynccontextmanager
async def sdk_of(base_url: str, connect_s: float = 5, total_s: float = 5) -> AsyncIterator[OpenAISdk]:
    async with OpenAISdk(replace(SETTINGS, base_url=base_url, timeouts=Timeouts(connect_s, total_s))) as sdk:
        yield sdk


async def made(sdk: OpenAISdk) -> bytes:
    """The body of an answer to the walk's minimal request."""
    async with sdk.images(ROUTE, REQUEST) as response:
        return b"".join([chunk async for chunk in response.chunks()])


async def failure(sdk: OpenAISdk) -> tuple[Stage, str]:
    """How far the walk's minimal request came, and what is said of it."""
    with pytest.raises(UpstreamFailed) as failed:
        await made(sdk)
    return failed.value.stage, str(failed.value)


@on_every_loop
async def test_a_closed_port_is_known_not_to_have_been_reached() -> None:
    """Nothing was sent, so nothing is booked; that holds for the list of models too."""
    with socket.create_server(("127.0.0.1", 0)) as bound:
        port = bound.getsockname()[1]
    async with sdk_of(f"http://127.0.0.1:{port}/v1") as sdk:
        assert await failure(sdk) == (Stage.CONNECT, "no connection could be made")
        with pytest.raises(UpstreamFailed) as failed:
            await sdk.models()
        assert failed.value.stage is Stage.CONNECT


@on_every_loop
async def test_an_unknown_host_is_known_not_to_have_been_reached() -> None:
    """However long its name is looked for."""
    async with sdk_of("http://name.invalid/v1", connect_s=10, total_s=20) as sdk:
        stage, text = await failure(sdk)
    assert stage is Stage.CONNECT
    assert "invalid" not in text


@on_every_loop
async def test_a_handshake_is_not_waited_for_without_end() -> None:
    """Its time counts as that of connecting."""

    async def silent(peer: Peer) -> None:
        await peer.client_gone()

    async with provider(silent) as found, sdk_of(found.base_url.replace("http:", "https:"), connect_s=0.1) as sdk:
        assert await failure(sdk) == (Stage.CONNECT, "connecting took too long")


@on_every_loop
async def test_an_untrusted_certificate_is_not_spoken_to(tls: ssl.SSLContext) -> None:
    """The request, with its key, stays here."""
    async with provider(answering(b""), tls=tls) as found, sdk_of(found.base_url) as sdk:
        assert await failure(sdk) == (Stage.CONNECT, "no connection could be made")


@pytest.mark.usefixtures("trusted")
@on_every_loop
async def test_a_certificate_of_another_name_is_not_spoken_to(tls: ssl.SSLContext) -> None:
    """Trusted or not."""
    async with provider(answering(b""), tls=tls) as found, sdk_of(found.base_url.replace("localhost", "127.0.0.1")) as sdk:
        assert await failure(sdk) == (Stage.CONNECT, "no connection could be made")


@on_every_loop
async def test_a_provider_without_tls_is_not_spoken_to() -> None:
    """Where the configuration says https."""

    async def script(peer: Peer) -> None:
        await peer.reader.read(1)
        await peer.send(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")

    async with provider(script) as found, sdk_of(found.base_url.replace("http:", "https:")) as sdk:
        assert await failure(sdk) == (Stage.CONNECT, "no connection could be made")


@pytest.mark.usefixtures("trusted")
@on_every_loop
async def test_an_answer_over_tls_is_read_and_its_cut_is_not_taken_for_a_connection_never_made(tls: ssl.SSLContext) -> None:
    """Errors of TLS after the handshake come when the request is long gone."""
    whole = JSON + b"content-length: 2\r\n\r\n{}"
    async with provider(answering(whole), tls=tls) as found, sdk_of(found.base_url) as sdk:
        assert await made(sdk) == b"{}"

    async with provider(closing_after(BEGUN), tls=tls) as found, sdk_of(found.base_url) as sdk:
        assert await failure(sdk) == (Stage.BODY, CUT)


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\ncontent-le"])
@on_every_loop
async def test_a_connection_lost_before_an_answer_may_have_been_billed(begun: bytes) -> None:
    """Whether it is closed or reset."""
    for reset in (False, True):

        async def script(peer: Peer, reset: bool = reset) -> None:
            await peer.request()
            await peer.send(begun)
            if reset:
                peer.reset()

        async with provider(script) as found, sdk_of(found.base_url) as sdk:
            assert await failure(sdk) == (Stage.ANSWER, LOST)


@on_every_loop
async def test_an_answer_cut_short_is_a_faulty_success() -> None:
    """Its head had come."""
    async with provider(closing_after(BEGUN)) as found, sdk_of(found.base_url) as sdk:
        assert await failure(sdk) == (Stage.BODY, CUT)


@pytest.mark.parametrize(("begun", "stage"), [(b"", Stage.ANSWER), (b"HTTP/1.1 2", Stage.ANSWER), (BEGUN, Stage.BODY)])
@on_every_loop
async def test_a_silent_provider_is_not_waited_for_without_end(begun: bytes, stage: Stage) -> None:
    """Neither for the answer nor for more of it."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(begun)
        await peer.client_gone()

    async with provider(script) as found, sdk_of(found.base_url, total_s=0.2) as sdk:
        assert await failure(sdk) == (stage, "the answer took too long")


def dripping(head: bytes) -> Script:
    """Send a byte now and then for as long as somebody listens."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(head)
        while not peer.writer.is_closing():
            await peer.send(b" ")
            await asyncio.sleep(0.02)

    return script


@pytest.mark.parametrize(("status", "stage"), [(b"200 OK", Stage.BODY), (b"400 Bad Request", Stage.ANSWER)])
@on_every_loop
async def test_an_answer_that_drips_is_not_waited_for_without_end(status: bytes, stage: Stage) -> None:
    """The limit is the whole call's, not each read's."""
    head = b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: 9000000\r\n\r\n" % status
    async with provider(dripping(head)) as found, sdk_of(found.base_url, total_s=0.3) as sdk:
        assert await failure(sdk) == (stage, "the answer took too long")


@pytest.mark.parametrize(
    "answer",
    [b"not HTTP at all\r\n\r\n", b"HTTP/1.1 999999 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n"],
)
@on_every_loop
async def test_what_is_not_http_is_not_an_answer(answer: bytes) -> None:
    """Something was sent, so it may have been billed."""
    async with provider(closing_after(answer)) as found, sdk_of(found.base_url) as sdk:
        assert await failure(sdk) == (Stage.ANSWER, LOST)


@on_every_loop
async def test_an_answer_that_does_not_decode_is_a_faulty_success() -> None:
    """Its content-encoding promised something else."""
    body = gzip.compress(b"{}")[:-8] + b"00000000"
    head = JSON + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(body)
    async with provider(answering(head + body)) as found, sdk_of(found.base_url) as sdk:
        assert await failure(sdk) == (Stage.BODY, "the answer does not decode as its content-encoding says")


@on_every_loop
async def test_an_error_cut_short_is_a_failure_too() -> None:
    """The SDK reads errors whole before it hands them on."""
    begun = b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{"
    async with provider(closing_after(begun)) as found, sdk_of(found.base_url) as sdk:
        assert await failure(sdk) == (Stage.ANSWER, LOST)


@pytest.mark.parametrize("status", [b"301 Moved Permanently\r\nlocation: http://127.0.0.1:1/", b"401 Unauthorized"])
@on_every_loop
async def test_a_refusal_is_handed_on_as_it_was_said(status: bytes) -> None:
    """Redirects included, which nobody follows."""
    said = b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}" % status
    async with provider(answering(said)) as found, sdk_of(found.base_url) as sdk:
        with pytest.raises(UpstreamRefused) as refused:
            await made(sdk)
        assert refused.value.response.status == int(status[:3])
        assert found.connections == 1


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'"models"', b'{"data": 1}', b'{"data": [1]}', b'{"object": "list"}', b"\xff"]
)
@on_every_loop
async def test_a_list_of_models_that_is_none_is_a_failure(body: bytes) -> None:
    """And never an error of ours."""

    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(JSON + b"content-length: %d\r\n\r\n" % len(body) + body)

    async with provider(script) as found, sdk_of(found.base_url) as sdk:
        with pytest.raises(UpstreamFailed):
            await sdk.models()
