"""What an event of a stream is, in whichever shape it comes."""

from collections.abc import Iterable

import pytest

from gateway.relay.event_stream import ImageStream
from gateway.relay.image_event import HELD_BYTES_MAX
from gateway.relay.scanner import MalformedAnswer


def passed(stream: ImageStream, chunks: Iterable[bytes]) -> bytes:
    return b"".join(stream.feed(chunk) for chunk in chunks)


def pieces(body: bytes, size: int) -> list[bytes]:
    return [body[start : start + size] for start in range(0, len(body), size)]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"event: error\ndata: upstream\ndata: timeout\n\n", {"message": "upstream\ntimeout"}),
        (b"event: error\ndata:\n\n", {"message": ""}),
        (b"event: error\n\n", {"message": ""}),
        (b'data: {"type":"error","code":"c","message":"flat"}\n', {"code": "c", "message": "flat"}),
        (b'data: {"error":"text"}\n\n', {"message": "text"}),
        (b'data: {"error":{"message":"m"}}', {"message": "m"}),
        (b'event: message\ndata: {\ndata: "type" :\ndata:  "error", "error":{"code":1}}\n\n', {"code": 1}),
        (b'data:\ndata: {"type":"error","error":{"code":2}}\n\n', {"code": 2}),
        (b'event: error\ndata: {"error": null}\n\n', {"error": None}),
        (b'data: {"error":{"message":"\\ud800"}}\n\n', {"message": "?"}),
    ],
)
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_an_error_is_recognised_in_any_shape(body: bytes, error: object, size: int) -> None:
    """By the event's name, the object's type or its error member."""
    stream = ImageStream(1)
    assert passed(stream, pieces(body, size)) == b""
    assert stream.error == error


@pytest.mark.parametrize(
    "body",
    [
        b'data: {"note":"' + b"n" * 3000 + b'","error":{"message":"m"}}\n\n',
        b'event: image_edit.completed\ndata: {"b64_json":"iVBORw0KGgoAAAANSUhEUgAABAAAAAQACAIAAADwf7zU'
        + b"A" * 3000
        + b'","error":{"message":"m"}}\n\n',
        b'data: {"note":1}\nevent: error\n\n',
    ],
)
def test_an_error_that_shows_too_late_ends_the_stream_where_it_is(body: bytes) -> None:
    """Its beginning has passed, so that nothing of the gateway's own can follow."""
    stream = ImageStream(1)
    out = passed(stream, pieces(body, 100))
    assert body.startswith(out)
    assert stream.error is not None
    assert not stream.at_boundary
    assert not stream.finished


@pytest.mark.parametrize(
    "body",
    [
        b"event: image_generation.completed\n\n",
        b"event: image_generation.completed\ndata: [DONE]\n\n",
        b'event: image_generation.partial_image\ndata: {"b64_json":"AAAA"\n\n',
        b'event: image_generation.partial_image\ndata: {"b64_json":nope}\n\n',
        b'event: image_generation.partial_image\ndata: {"b64_json":"A"}}\n\n',
        b'event: image_generation.partial_image\ndata: {"b64_json":"A"}\ndata: {}\n\n',
        b'event: error\ndata: {"error":nope}\n\n',
        b'data: {"type":"image_edit.completed","b64_json":nope}\n\n',
        b'data: {"b64_json":"' + b"A" * 5000 + b'","type":nope}\n\n',
        b'data: {"b64_json":"A"\n\n',
        b'data: {"error":{"message":"' + b"m" * HELD_BYTES_MAX + b'"}}\n\n',
        b'event: error\ndata: {"error":{"message":"' + b"m" * HELD_BYTES_MAX + b'"}}\n\n',
        b'event: error\ndata: {"error":{"message":"' + b"m" * 2000 + b'\\q"}}\n\n',
        b"event: " + b"e" * HELD_BYTES_MAX + b"\n\n",
        b"id: 1\n" * HELD_BYTES_MAX,
    ],
)
@pytest.mark.parametrize("size", [7, 10**9])
def test_damage_to_an_image_event_is_malformed(body: bytes, size: int) -> None:
    """Also an error, or the beginning of an event, that is too large to be held."""
    with pytest.raises(MalformedAnswer):
        passed(ImageStream(1), pieces(body, size))
