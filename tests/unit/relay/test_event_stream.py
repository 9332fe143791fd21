"""Streams of image events: they pass unchanged and at once, but for errors and the end of the last image."""

import base64
import hashlib
import io
import json
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai._streaming import SSEDecoder
from PIL import Image

from gateway.core.request.picture import Picture
from gateway.relay.event_stream import HEARTBEAT, ImageStream, error_event
from gateway.relay.scanner import STRING_BYTES_KEPT, MalformedAnswer

USAGE = {"total_tokens": 9, "input_tokens": 3, "output_tokens": 6}
LINE_ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])
CUTS = st.lists(st.integers(0, 10**6), max_size=12)


def png(width: int) -> str:
    """The base64 of a PNG that is longer than what is kept of a string."""
    file = io.BytesIO()
    Image.effect_noise((width, 50), 50).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


WIDTHS = (40, 41, 42)
PNGS = [png(width) for width in WIDTHS]


def event(value: object, name: str | None = None) -> bytes:
    """An event of one line of data; its lines end in a line feed."""
    head = "" if name is None else f"event: {name}\n"
    return f"{head}data: {json.dumps(value, separators=(',', ':'))}\n\n".encode()


def image_event(name: str, b64_json: str, *, named: bool = True, **further: object) -> bytes:
    """In the shape and order of OpenAI's events."""
    value = {"type": name, "b64_json": b64_json, "created_at": 1, "size": "1024x1024", "quality": "low", "output_format": "png"}
    return event(value | further, name if named else None)


def partial(image: int, *, named: bool = True, kind: str = "image_generation") -> bytes:
    return image_event(f"{kind}.partial_image", PNGS[image], named=named, partial_image_index=image)


def completed(image: int, *, named: bool = True, kind: str = "image_generation") -> bytes:
    return image_event(f"{kind}.completed", PNGS[image], named=named, usage=USAGE)


def failure(message: str = "Image generation failed", *, named: bool = True, typed: bool = True) -> bytes:
    error = {"type": "image_generation_server_error", "code": "image_generation_failed", "message": message, "param": None}
    return event(({"type": "error"} if typed else {}) | {"error": error}, "error" if named else None)


def chunked(body: bytes, cuts: Iterable[int]) -> list[bytes]:
    places = sorted({cut % (len(body) + 1) for cut in cuts} | {0, len(body)})
    return [body[start:end] for start, end in pairwise(places)] or [b""]


def passed(stream: ImageStream, chunks: Iterable[bytes]) -> bytes:
    return b"".join(stream.feed(chunk) for chunk in chunks)


def pieces(body: bytes, size: int) -> list[bytes]:
    return [body[start : start + size] for start in range(0, len(body), size)]


OTHER = st.sampled_from(
    [
        b": keep-alive\n\n",
        b": a comment\n",
        b":\n\n",
        b"\n",
        b"id: 7\nretry: 100\n\n",
        b"id\n\n",
        event({"type": "image_generation.queued", "b64_json_url": "x" * 50}, "image_generation.queued"),
        event({"note": "y" * 5000, "type": None, "error": None}),
        event({"type": ["error"], "error": {}}, "message"),
        b"event: ping\ndata: {}\n\n",
        b"data: [DONE]\n\n",
        b"data:plain text\ndata: of two lines\n\n",
        b"data: {this is no JSON}\n\n",
        b"data: {}{}\n\n",
        b"data\n\n",
        b"data:\n\n",
        b"unknown: field\ndata: 1\n\n",
    ]
)
NAMED = st.booleans()
EDIT = st.sampled_from(["image_generation", "image_edit"])
IMAGE = st.integers(0, len(PNGS) - 1)
PARTIAL = st.builds(lambda image, named, kind: partial(image, named=named, kind=kind), IMAGE, NAMED, EDIT)


@given(
    st.lists(OTHER | PARTIAL, max_size=8), st.lists(st.tuples(IMAGE, NAMED, EDIT), min_size=1, max_size=3), LINE_ENDS, NAMED, CUTS
)
def test_any_stream_in_any_chunks_passes_but_for_its_end(
    others: list[bytes], images: list[tuple[int, bool, str]], line_end: bytes, mark: bool, cuts: list[int]
) -> None:
    """Up to the closing brace of the last image that was asked for; what follows is dropped."""
    wanted = [completed(image, named=named, kind=kind) for image, named, kind in images]
    parts = [*others[::2], *wanted[:-1], *others[1::2], wanted[-1]]
    body = (b"\xef\xbb\xbf" if mark else b"") + b"".join(parts).replace(b"\n", line_end)
    stream = ImageStream(len(images), digest=True)
    out = passed(stream, chunked(body + b"data: [DONE]\n\n" + completed(0), cuts))
    end = len(body) - 2 * len(line_end)
    assert out == body[: end - 1]
    assert stream.finished
    assert stream.carries_image
    assert not stream.at_boundary
    assert stream.error is None
    assert stream.partials == body.count(b".partial_image_index") + body.count(b'"partial_image_index"')
    assert stream.pictures == [Picture("png", WIDTHS[image], 50) for image, _, _ in images]
    assert [envelope["usage"] for envelope in stream.completed] == [USAGE] * len(images)
    assert all(len(envelope["b64_json"]) == STRING_BYTES_KEPT for envelope in stream.completed)
    assert stream.sha256 == hashlib.sha256(body[:end]).hexdigest()


@given(st.lists(OTHER | PARTIAL, max_size=5), NAMED, NAMED, LINE_ENDS, st.sampled_from(["short", "long " * 500]), CUTS)
def test_an_error_is_held_back_and_ends_the_stream(
    before: list[bytes], named: bool, typed: bool, line_end: bytes, message: str, cuts: list[int]
) -> None:
    """Before and after image data, whatever tells that it is one; an error of the gateway's own can follow what was passed."""
    begun = b"".join(before).replace(b"\n", line_end)
    body = begun + failure(message, named=named, typed=typed).replace(b"\n", line_end)
    stream = ImageStream(1, digest=True)
    assert passed(stream, chunked(body + completed(0), cuts)) == begun
    assert stream.error is not None
    assert stream.error["message"] == message
    assert stream.error["code"] == "image_generation_failed"
    assert stream.carries_image == (b"b64_json" in begun.replace(b"b64_json_url", b""))
    assert stream.at_boundary
    assert (stream.finished, stream.sha256, stream.feed(b"data: 1\n\n")) == (False, None, b"")


@pytest.mark.parametrize("named", [True, False])
def test_image_data_passes_before_its_event_is_complete(named: bool) -> None:
    """A frame is never held, and once its data flows a chunk is passed as the same object."""
    stream = ImageStream(1)
    body = completed(0, named=named)
    start = body.index(b"iVBOR")
    assert stream.feed(body[:start]) == body[:start]
    assert not stream.carries_image
    chunk = body[start : start + STRING_BYTES_KEPT + 1]
    assert stream.feed(chunk) is chunk
    assert stream.carries_image


def test_memory_does_not_depend_on_the_images() -> None:
    """Nothing of 64 MB stays but the beginning of the string."""
    stream = ImageStream(1)
    stream.feed(b'data: {"type":"image_generation.completed","b64_json":"iVBORw0KGgoAAAANSUhEUgAABAAAAAQACAIAAADwf7zU')
    chunk = b"A" * 1024 * 1024
    assert all(stream.feed(chunk) is chunk for _ in range(64))
    assert stream.feed(b'"}') == b'"'
    assert stream.finished
    assert len(stream.completed[0]["b64_json"]) == STRING_BYTES_KEPT


def test_a_whole_event_with_a_small_image_carries_an_image_too() -> None:
    """However small it is."""
    stream = ImageStream(2)
    stream.feed(image_event("image_edit.partial_image", "AAAA"))
    assert stream.carries_image


def test_between_events_something_else_may_be_written() -> None:
    """Wherever nothing of an unfinished event was passed; what waits to be told from an error does not count."""
    stream = ImageStream(1)
    assert stream.at_boundary
    for part, boundary in [
        (b"\xef\xbb\xbf: hel", False),
        (b"lo\n", True),
        (b"event: image_generation.partial_image\r", True),
        (b"\ndata: ", True),
        (b'{"b64_json":"AAAA', False),
        (b'"}', False),
        (b"\r", False),
        (b"\n", False),
        (b"\r", True),
        (b"\n", True),
        (b"id: 1\n", True),
        (b"\n", True),
    ]:
        stream.feed(part)
        assert stream.at_boundary == boundary, part


@given(st.integers(0, 10**6), CUTS)
def test_a_stream_that_ends_early_is_not_finished(end: int, cuts: list[int]) -> None:
    """Not before the last image's object is whole."""
    body = partial(0) + completed(1) + completed(2)
    stream = ImageStream(2)
    passed(stream, chunked(body[: end % (len(body) - 2)], cuts))
    assert not stream.finished
    assert len(stream.completed) <= 1


def test_fewer_images_than_asked_for_are_counted() -> None:
    """The provider may send fewer; what it sent has passed whole."""
    stream = ImageStream(3)
    body = completed(0) + completed(1)
    assert passed(stream, pieces(body, 999)) == body
    assert (stream.finished, len(stream.completed), stream.at_boundary) == (False, 2, True)


def test_one_object_may_stand_on_several_lines_of_data() -> None:
    """They are one text."""
    value = {"type": "image_generation.completed", "b64_json": PNGS[0], "usage": USAGE}
    lines = json.dumps(value, indent=1).splitlines()
    body = "".join(f"data:{line}\n" for line in lines).encode()
    for size in (1, 50, 10**6):
        stream = ImageStream(1)
        assert passed(stream, pieces(b"id: 1\n" + body + b"\n", size)) == b"id: 1\n" + body[:-2]
        assert stream.completed[0]["usage"] == USAGE


LINES = st.sampled_from(
    [b"data:", b"event: error", b"event: image_edit.completed", b'{"b64_json":"', b'"}', b"\r", b"\n", b":", b"\n\n"]
)


@given(st.lists(LINES | st.binary(max_size=20), max_size=20), CUTS)
def test_no_bytes_make_another_error(parts: list[bytes], cuts: list[int]) -> None:
    """Fuzz: what comes out is a beginning of what went in, or the stream is malformed."""
    body = b"".join(parts)
    stream = ImageStream(1)
    with suppress(MalformedAnswer):
        assert body.startswith(passed(stream, chunked(body, cuts)))
        assert stream.error is None or isinstance(stream.error, dict)


def decoded(chunks: Sequence[bytes]) -> list[tuple[str | None, dict[str, object]]]:
    """As the official SDK reads it."""
    return [(found.event, json.loads(found.data)) for found in SSEDecoder().iter_bytes(iter(chunks))]


@given(CUTS)
def test_the_official_sdk_reads_what_comes_out(cuts: list[int]) -> None:
    """With heartbeats between the events, the gateway's member in the last one."""
    stream = ImageStream(2)
    out = []
    for chunk in chunked(partial(0) + completed(1) + completed(2) + b"data: [DONE]\n\n", cuts):
        out += [stream.feed(chunk), HEARTBEAT if stream.at_boundary else b""]
    found = decoded([*out, b',"gateway":{"images":2}}\n\n'])
    assert [name for name, _ in found] == ["image_generation.partial_image", *["image_generation.completed"] * 2]
    assert [value["b64_json"] for _, value in found] == PNGS
    assert ["gateway" in value for _, value in found] == [False, False, True]


def test_the_official_sdk_reads_the_gateways_own_error() -> None:
    """Behind whatever was passed, with the ``gateway`` member or without."""
    stream = ImageStream(1)
    out = stream.feed(partial(0) + failure())
    found = decoded([out, error_event({"message": "é", "code": None}, {"owner": "provider"})])
    assert found[1] == ("error", {"type": "error", "error": {"message": "é", "code": None}, "gateway": {"owner": "provider"}})
    assert decoded([error_event({"message": "m"}, None)]) == [("error", {"type": "error", "error": {"message": "m"}})]


def test_many_short_lines_cost_no_search_each() -> None:
    """Whatever ends the lines, time grows with the length and not with its square."""
    body = b": c\r" * 200_000
    begun_s = time.process_time()
    assert ImageStream(1).feed(body) == body
    assert time.process_time() - begun_s < 5


@given(CUTS)
def test_texts_beside_images_are_told(cuts: list[int]) -> None:
    """Of comments, fields and objects, however the stream is cut; in the middle of an image that is known."""
    image, stream, told = png(64), ImageStream(1), ""
    lines = (
        ": hello", "id: seven", "event: news", 'data: {"text":"a teapot"}', "",
        f'data: {{"type":"image_edit.completed","b64_json":"{image}","note":"end"}}', "", "",
    )  # fmt: skip
    whole = "\n".join(lines)
    for chunk in (
        whole[begin:end].encode() for begin, end in pairwise(sorted({0, len(whole), *(it % len(whole) for it in cuts)}))
    ):
        stream.feed(chunk)
        told += stream.text()
        assert not (stream.in_image and stream.at_boundary)
    for text in (": hello", "id: seven", '"a teapot"', '"note":"end"'):
        assert text in told
    assert image not in told
