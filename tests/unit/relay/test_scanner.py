"""The envelope scanner: bytes out equal bytes in, and it sees what a parser sees."""

import base64
import hashlib
import io
import json
from collections.abc import Mapping
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gateway.core.request.picture import Picture
from gateway.relay.scanner import AT_TOP, ENVELOPE_BYTES_MAX, IN_DATA, STRING_BYTES_KEPT, EnvelopeScanner, MalformedAnswer

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


# How the base64 of a PNG of 1024 x 1024 pixels begins.
PNG = b"iVBORw0KGgoAAAANSUhEUgAABAAAAAQACAIAAADwf7zU"
NAMES = st.text(max_size=20) | st.sampled_from(["b64_json", "model", "a\\b", "é", "A" * 200])
CUTS = st.lists(st.integers(0, 10**6), max_size=12)


@given(st.dictionaries(NAMES, JSON, max_size=5), CUTS, st.booleans(), st.sampled_from([None, 0, 3]))
def test_any_object_in_any_chunks_passes_unchanged_and_is_seen(
    value: dict[str, object], cuts: list[int], ascii_only: bool, indent: int | None
) -> None:
    """Whatever the members, escapes, spaces and chunk boundaries; of all of it there is a digest."""
    body = b" \n" + json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()
    scanner = EnvelopeScanner(digest=True)
    passed = b"".join(scanner.feed(chunk) for chunk in chunked(body + b"\n ", cuts))
    assert passed + b"}" == body
    assert scanner.complete
    assert scanner.sha256 == hashlib.sha256(body).hexdigest()
    assert_agrees(scanner.envelope(), value)


@given(st.lists(st.tuples(NAMES, JSON), max_size=6), CUTS, st.booleans(), st.sampled_from([(",", ":"), (" ,\n", " \t: ")]))
def test_the_texts_of_the_object_are_found_again(
    members: list[tuple[str, object]], cuts: list[int], ascii_only: bool, separators: tuple[str, str]
) -> None:
    """A span is exactly the JSON text of the last value of that name."""
    parts = [json.dumps({name: value}, ensure_ascii=ascii_only, separators=separators)[1:-1] for name, value in members]
    body = ("{" + separators[0].join(parts) + "}").encode()
    scanner = EnvelopeScanner()
    for chunk in chunked(body, cuts):
        scanner.feed(chunk)
    seen = {name: json.loads(body[start:end]) for name, (start, end) in scanner.spans.items()}
    assert seen == {name: value for name, value in dict(members).items() if isinstance(value, str)}
    assert scanner.names == {name for name, _ in members}


@given(CUTS)
def test_a_name_may_be_written_with_escapes(cuts: list[int]) -> None:
    """A parser would see the same name."""
    scanner = EnvelopeScanner(places=AT_TOP)
    body = (
        b'{"\\u006dodel" : "x", "model":1, "b64\\u005fjson":"QUJD", '
        b'"data":[{"\\u00624_json":"", "\\u0062\\u0036\\u0034_json":""}]}'
    )
    for chunk in chunked(body, cuts):
        scanner.feed(chunk)
    assert scanner.names == {"model", "b64_json", "data"}
    assert dict(scanner.spans) == {"b64_json": (body.index(b'"QUJD"'), body.index(b'"QUJD"') + 6)}
    assert scanner.pictures == [None, None]


def test_a_name_that_is_cut_or_damaged_is_left_out() -> None:
    """Of two that begin alike nobody can tell whether they are one."""
    scanner = EnvelopeScanner()
    scanner.feed(json.dumps({"a" * 2000: "x", "b": "y", "a" * 2001: "z"}).encode()[:-1] + rb', "\q": 1')
    assert scanner.names == {"b"}
    assert list(scanner.spans) == ["b"]


def file_of(kind: str, width: int, mode: str = "RGB", **options: object) -> bytes:
    file = io.BytesIO()
    Image.effect_noise((width, 20), 50).convert(mode).save(file, kind, **options)
    return file.getvalue()


JPEG = file_of("JPEG", 13, progressive=True)
IMAGES = {
    file_of("PNG", 11): Picture("png", 11, 20),
    JPEG[:2] + b"\xff\xeb\x9c\x40" + bytes(39_998) + JPEG[2:]: Picture("jpeg", 13, 20),
    file_of("WEBP", 14): Picture("webp", 14, 20),
    file_of("GIF", 15, "P"): Picture("gif", 15, 20),
    b"<svg/>": Picture("svg", None, None),
    b"no image": None,
    b"": None,
}
ITEMS = st.lists(
    st.sampled_from(list(IMAGES)).map(lambda file: {"b64_json": base64.b64encode(file).decode()})
    | st.fixed_dictionaries({}, optional={"revised_prompt": TEXT, "url": st.text(), "b64_json": st.none() | st.integers()})
    | st.just({"inner": {"b64_json": "AAAA"}}),
    max_size=4,
)


@given(ITEMS, st.none() | st.sampled_from(list(IMAGES)), CUTS, st.booleans(), st.booleans())
def test_every_image_is_recognised(
    items: list[dict[str, object]], own: bytes | None, cuts: list[int], top_level: bool, escaped: bool
) -> None:
    """In order, whatever the chunks; the object's own only where that is asked for."""
    texts = [item["b64_json"] for item in items if isinstance(item.get("b64_json"), str)]
    value: dict[str, object] = {"usage": {"b64_json": "AAAA"}, "data": items}
    if own is not None:
        value["b64_json"] = base64.b64encode(own).decode()
        texts += [value["b64_json"]] * top_level
    body = json.dumps(value).encode()
    scanner = EnvelopeScanner(places=AT_TOP if top_level else IN_DATA)
    for chunk in chunked(body.replace(b"/", b"\\/") if escaped else body, cuts):
        scanner.feed(chunk)
    assert scanner.pictures == [IMAGES[base64.b64decode(str(text))] for text in texts]
    assert scanner.image_seen == any(len(str(text)) > STRING_BYTES_KEPT for text in texts)


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
        (b'{"a":' + b"[" * 20_000 + b"]" * 20_000 + b"}", "not valid JSON"),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "too many"),
        (b'{"a":[' + b'"",' * 100_000, "too many"),
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
    scanner.feed(b'{"data":[{"b64_json":"' + PNG)
    for _ in range(64):
        scanner.feed(b"A" * 1024 * 1024)
    scanner.feed(b'"}],"usage":{"input_tokens":1}}')
    assert scanner.envelope()["usage"] == {"input_tokens": 1}
    assert len(scanner._envelope) < 2 * STRING_BYTES_KEPT


def test_an_image_is_noticed_as_soon_as_its_data_begins() -> None:
    """Before that nothing should reach the client."""
    scanner = EnvelopeScanner()
    scanner.feed(b'{"created":1,"data":[{"b64_json":"' + PNG)
    assert not scanner.image_seen
    scanner.feed(b"A" * STRING_BYTES_KEPT)
    assert scanner.image_seen


def test_bytes_that_are_no_image_are_never_the_first_to_pass() -> None:
    """As soon as as much has been read as is kept; behind an image they are the caller's to judge."""
    scanner = EnvelopeScanner()
    with pytest.raises(MalformedAnswer, match="no image"):
        scanner.feed(b'{"data":[{"b64_json":"' + b"A" * 2 * STRING_BYTES_KEPT)
    scanner = EnvelopeScanner()
    for data in (PNG, b""):
        scanner.feed(b'{"data":[' * (data == PNG) + b'{"b64_json":"' + data + b"A" * 2 * STRING_BYTES_KEPT + b'"},')
    assert [picture is None for picture in scanner.pictures] == [False, True]


LONG = "A" * 5000


@pytest.mark.parametrize(
    "value",
    [{"error": {"message": LONG}}, {"revised_prompt": LONG, "data": []}, {"b64_json": LONG}, {"data": {"x": {"b64_json": LONG}}}],
)
def test_another_long_text_is_not_an_image(value: Mapping[str, object]) -> None:
    """A provider's long error or prompt does not open the way to the client."""
    scanner = EnvelopeScanner()
    scanner.feed(json.dumps(value).encode())
    assert not scanner.image_seen
    assert not scanner.pictures


@pytest.mark.parametrize("kept", [10, 100_000])
def test_how_much_is_kept_can_be_chosen(kept: int) -> None:
    """Of each string, and of all that is around them."""
    scanner = EnvelopeScanner(string_bytes_kept=kept, envelope_bytes_max=kept + 100)
    scanner.feed(json.dumps({"prompt": "B" * 200_000}).encode())
    assert scanner.envelope() == {"prompt": "B" * kept}
    with pytest.raises(MalformedAnswer, match=f"exceeds {kept + 100} bytes"):
        EnvelopeScanner(envelope_bytes_max=kept + 100).feed(b'{"a":[' + b"1," * kept * 10)


@pytest.mark.parametrize("length", range(STRING_BYTES_KEPT - 14, STRING_BYTES_KEPT + 2))
def test_a_cut_leaves_no_half_of_a_character(length: int) -> None:
    """Neither of an escape, nor of two that make one character, nor of several bytes."""
    for text in ("\U0001f98a" * 5, "\\" * 20, '\\ud83d"' * 5, "é" * 20):
        for ascii_only in (True, False):
            scanner = EnvelopeScanner()
            scanner.feed(json.dumps({"a": "x" * length + text}, ensure_ascii=ascii_only).encode())
            seen = scanner.envelope()["a"].rstrip("\ufffd")
            assert ("x" * length + text).startswith(seen)
            assert len(seen) >= length - 1


def test_only_an_asked_for_digest_is_made_and_only_of_a_whole_object() -> None:
    """A hash costs more than all the rest."""
    scanner, hashing = EnvelopeScanner(), EnvelopeScanner(digest=True)
    assert (scanner.feed(b"{}"), scanner.sha256) == (b"{", None)
    assert (hashing.feed(b"{"), hashing.sha256, hashing.complete) == (b"{", None, False)


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        (rb'{"a":"\ud800","\ud800":1}', {"a": "?", "?": 1}),
        (b'{"a":"\xff"}', {"a": "\ufffd"}),
        (b'{"a":123456789012345678901234567890,"b":1e999}', {"a": 123456789012345678901234567890, "b": float("inf")}),
        (b'{"a":1,"a":2}', {"a": 2}),
    ],
)
def test_odd_values_are_read_and_can_be_written_again(text: bytes, seen: object) -> None:
    """What is no Unicode is replaced; of a repeated member the last counts."""
    scanner = EnvelopeScanner()
    scanner.feed(text)
    assert scanner.envelope() == seen
    assert json.dumps(scanner.envelope(), ensure_ascii=False).encode()


@pytest.mark.parametrize(
    "body", [b'{"a":[}', b'{"a":{]}', b'{"a":1' + b"0" * 5000 + b"}", b'{"a":"\x00"}', b'{"a" "b"}', b'{:"x"}']
)
def test_what_no_parser_accepts_is_malformed(body: bytes) -> None:
    """One kind of error."""
    scanner = EnvelopeScanner()
    with pytest.raises(MalformedAnswer, match="not valid JSON"):  # noqa: PT012 -- either step may notice it
        scanner.feed(body)
        scanner.envelope()


@given(st.lists(st.integers(0, 10**6), max_size=8))
def test_its_text_is_told_once_and_without_images(cuts: list[int]) -> None:
    """However the body is cut, what is told adds up to all of it but the long part of long strings."""
    image = "iVBORw0KGgoAAAANSUhEUgAABAAAAAQACAIAAADwf7zU" + "A" * (3 * STRING_BYTES_KEPT)
    body = json.dumps({"note": "before", "data": [{"b64_json": image, "revised_prompt": "a teapot"}], "last": "é"}).encode()
    scanner, told = EnvelopeScanner(), ""
    for chunk in chunked(body, cuts):
        scanner.feed(chunk)
        assert scanner.in_image in (False, scanner.image_seen)
        told += scanner.text()
    assert told == body.decode().replace(image, image[:STRING_BYTES_KEPT])
    assert (scanner.text(), scanner.in_image) == ("", False)
