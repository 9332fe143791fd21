"""The envelope scanner: bytes out equal bytes in, and it sees what a parser sees."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.relay.answer import ImageAnswer, closing
from gateway.relay.scanner import ENVELOPE_BYTES_MAX, STRING_BYTES_KEPT, EnvelopeScanner, MalformedAnswer

TEXT = (
    st.text()
    | st.text(alphabet='\\"{}[]\n\u00e9\U0001f98a', max_size=40)
    | st.text(alphabet='a\\"é🦊', min_size=900, max_size=1300)
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


def chunked(body: bytes, cuts: list[int]) -> list[bytes]:
    """``body`` cut at these places, wherever they fall."""
    places = sorted({cut % (len(body) + 1) for cut in cuts} | {0, len(body)})
    return [body[start:end] for start, end in pairwise(places)] or [b""]


def cut_long(value: object) -> object:
    """The value with every string cut to what the scanner surely keeps of it, measured in its JSON form."""
    if isinstance(value, str):
        return value if len(json.dumps(value).encode()) - 2 <= STRING_BYTES_KEPT else "(long)"
    if isinstance(value, list):
        return [cut_long(item) for item in value]
    if isinstance(value, dict):
        return {cut_long(name): cut_long(item) for name, item in value.items()}
    return value


def assert_agrees(seen: object, parsed: object) -> None:
    """``seen`` is ``parsed``, but for long strings, of which it is a beginning."""
    if isinstance(parsed, dict):
        assert isinstance(seen, dict)
        for (seen_name, seen_item), (name, item) in zip(seen.items(), parsed.items(), strict=True):
            assert_agrees(seen_name, name)
            assert_agrees(seen_item, item)
    elif isinstance(parsed, list):
        assert isinstance(seen, list)
        for seen_item, item in zip(seen, parsed, strict=True):
            assert_agrees(seen_item, item)
    elif isinstance(parsed, str) and seen != parsed:
        assert isinstance(seen, str)
        assert len(json.dumps(parsed, ensure_ascii=False).encode()) > STRING_BYTES_KEPT
        assert parsed.startswith(seen.rstrip("\ufffd")[:-2])
        assert len(seen) > STRING_BYTES_KEPT // 12
    else:
        assert seen == parsed


@given(st.dictionaries(st.text(max_size=20), JSON, max_size=5), st.lists(st.integers(0, 10**6), max_size=12), st.booleans())
def test_any_object_in_any_chunks_passes_unchanged_and_is_seen(
    value: dict[str, object], cuts: list[int], ascii_only: bool
) -> None:
    """Whatever the members, escapes and chunk boundaries."""
    body = json.dumps(value, ensure_ascii=ascii_only).encode() + b"\n "
    scanner = EnvelopeScanner()
    passed = b"".join(scanner.feed(chunk) for chunk in chunked(body, cuts))
    assert passed + b"}\n " == body
    assert_agrees(scanner.envelope(), value)


@given(
    st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()[:-1]), st.lists(st.integers(0, 200), max_size=5)
)
def test_anything_else_is_malformed_and_never_another_error(body: bytes, cuts: list[int]) -> None:
    """Cut short, not an object, not JSON: one kind of error."""
    scanner = EnvelopeScanner()
    try:
        for chunk in chunked(body, cuts):
            scanner.feed(chunk)
        assert isinstance(scanner.envelope(), dict)
        json.loads(body)
    except MalformedAnswer:
        pass


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "cut short"),
        (b'{"a": "b', "cut short"),
        (b"[1]", "not a JSON object"),
        (b"<html>", "not a JSON object"),
        (b'"' + b"a" * 5000 + b'"', "not a JSON object"),
        (b'{"a": 1} {', "more after"),
        (b'{"a": 1}x', "more after"),
        (b'{"a": nope}', "not valid JSON"),
        (b"{" + b" " * ENVELOPE_BYTES_MAX, "exceeds"),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "not valid JSON"),
    ],
)
@pytest.mark.parametrize("size", [1, 10**9])
def test_what_is_wrong_is_said(body: bytes, words: str, size: int) -> None:
    """Whether it comes byte by byte or at once."""
    if size == 1 and len(body) > 10_000:
        size = 4096
    scanner = EnvelopeScanner()
    with pytest.raises(MalformedAnswer, match=words):  # noqa: PT012 -- either step may notice it
        for start in range(0, max(len(body), 1), size):
            scanner.feed(body[start : start + size])
        scanner.envelope()


def test_memory_does_not_depend_on_the_images() -> None:
    """64 MB of base64 leave an envelope of about a kilobyte."""
    scanner = EnvelopeScanner()
    scanner.feed(b'{"data":[{"b64_json":"')
    for _ in range(64):
        scanner.feed(b"A" * 1024 * 1024)
    scanner.feed(b'"}],"usage":{"input_tokens":1}}')
    assert scanner.envelope()["usage"] == {"input_tokens": 1}
    assert len(scanner._envelope) < 2 * STRING_BYTES_KEPT


def test_an_image_is_noticed_as_soon_as_its_data_begins() -> None:
    """Before that nothing should reach the client."""
    answer = ImageAnswer()
    answer.feed(b'{"created":1,"data":[{"b64_json":"' + b"A" * 100)
    assert not answer.carries_image
    answer.feed(b"A" * STRING_BYTES_KEPT)
    assert answer.carries_image


LONG = "A" * 5000


@pytest.mark.parametrize("value", [{"error": {"message": LONG}}, {"revised_prompt": LONG, "data": []}, {"b64_json": LONG}])
def test_another_long_text_is_not_an_image(value: object) -> None:
    """A provider's long error or prompt does not open the way to the client."""
    assert not body_of(value).carries_image


def body_of(value: object) -> ImageAnswer:
    answer = ImageAnswer()
    answer.feed(json.dumps(value).encode())
    return answer


def test_a_delivery_counts_the_images_and_reads_the_usage() -> None:
    """Images are counted in ``data``, never taken from ``n``; both base64 and links are images."""
    found = body_of(
        {
            "data": [{"b64_json": "A" * 5000}, {"url": "https://x/y"}, {"b64_json": ""}, {}, 7],
            "size": "1024x1024",
            "quality": None,
            "usage": {"input_tokens": 3, "output_tokens": 9},
        }
    ).delivery()
    assert (found.images, found.size, found.quality) == (2, "1024x1024", "")
    assert body_of({"data": [{"url": "https://x/y"}], "size": "\ud800", "quality": "a prompt"}).delivery().size == ""
    assert found.usage is not None
    assert found.usage.total == 12


@pytest.mark.parametrize("value", [{}, {"data": []}, {"data": None}, {"data": [{"b64_json": ""}]}, {"data": "image"}])
def test_an_answer_without_an_image_is_malformed(value: object) -> None:
    """A 200 has a usable image."""
    with pytest.raises(MalformedAnswer, match="no image"):
        body_of(value).delivery()


def test_the_end_of_the_object_carries_the_member() -> None:
    """The object stays one JSON object, with or without the member."""
    assert json.loads(b'{"a":1' + closing({"contract": "é"})) == {"a": 1, "gateway": {"contract": "é"}}
    assert json.loads(b'{"a":1' + closing(None)) == {"a": 1}
