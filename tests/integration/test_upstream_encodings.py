"""Bodies of providers that encode although the gateway asks them not to."""

import gzip
import zlib
from collections.abc import Callable

import pytest

from gateway.core.outcome import Stage
from gateway.providers.connection import READ_BUFFER_BYTES
from tests.integration.scripted_provider import answering, on_every_loop, scripted

TEXT = b"An image, as text. " * 400


def _raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        (b"gzip", gzip.compress(TEXT)),
        (b"X-GZIP", gzip.compress(TEXT[:99]) + gzip.compress(TEXT[99:])),
        (b"deflate", zlib.compress(TEXT)),
        (b"deflate", _raw_deflate(TEXT)),
        (b"identity", TEXT),
    ],
    ids=["gzip", "gzip in two members", "zlib", "deflate", "identity"],
)
@on_every_loop
async def test_a_body_encoded_against_our_wish_is_decoded(coding: bytes, packed: bytes) -> None:
    """As it comes, in whatever pieces."""
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: %s\r\ncontent-length: %d\r\n\r\n" % (coding, len(packed))
    async with scripted(answering(head, packed[:1], packed[1:50], packed[50:])) as (client, provider):
        assert [await client.get(), await client.get()] == [TEXT, TEXT]
        assert provider.connections == 1


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress, _raw_deflate])
@on_every_loop
async def test_a_compressed_bomb_comes_in_bounded_pieces(pack: Callable[[bytes], bytes]) -> None:
    """Memory holds one of them at a time, and none is lost."""
    packed = pack(bytes(50_000_000))
    coding = b"gzip" if pack is gzip.compress else b"deflate"
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: %s\r\ncontent-length: %d\r\n\r\n" % (coding, len(packed))
    async with scripted(answering(head + packed)) as (client, _):
        response = await client.send()
        sizes = [len(chunk) async for chunk in response.chunks()]
        response.release()
    assert (max(sizes), sum(sizes)) == (READ_BUFFER_BYTES, 50_000_000)


@pytest.mark.parametrize(
    ("coding", "packed", "text"),
    [
        (b"br", b"whatever", "the answer has a content-encoding that nobody asked for"),
        (b"gzip, gzip", gzip.compress(TEXT), "the answer has a content-encoding that nobody asked for"),
        (b"gzip", b"not gzip at all", "the answer does not decode as its content-encoding says"),
        (b"gzip", gzip.compress(TEXT)[:-9], "the answer was cut short"),
    ],
    ids=["unknown", "twice", "not encoded", "cut short"],
)
@on_every_loop
async def test_a_body_that_cannot_be_decoded_is_a_failure(coding: bytes, packed: bytes, text: str) -> None:
    """Nothing unreadable is passed on."""
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: %s\r\ncontent-length: %d\r\n\r\n" % (coding, len(packed))
    async with scripted(answering(head + packed)) as (client, _):
        assert await client.failure(Stage.BODY) == text
