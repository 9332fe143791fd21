"""What the beginning of a base64 text tells of an image."""

import base64
import io
import struct
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gateway.core.request.picture import Picture
from gateway.relay.picture import SEARCHED_BYTES_MAX, PictureProbe, picture_of

WIDTH, HEIGHT = 37, 21
SIZED = {"width": WIDTH, "height": HEIGHT}


def image(kind: str, mode: str = "RGB", **options: bool | bytes) -> bytes:
    """An image of ``WIDTH`` x ``HEIGHT`` pixels as Pillow writes it."""
    file = io.BytesIO()
    Image.effect_noise((WIDTH, HEIGHT), 50).convert(mode).save(file, kind, **options)
    return file.getvalue()


def segment(marker: int, length: int) -> bytes:
    """A JPEG segment of which ``length`` bytes follow its own length; it holds what looks like a frame header."""
    return struct.pack(">BBH", 0xFF, marker, length + 2) + (b"\xff\xc0\x00\x11\x08\x00\x01\x00\x01" * length)[:length]


def jpeg_with(*segments: bytes, **options: bool | bytes) -> bytes:
    """A JPEG with these segments at its beginning."""
    plain = image("JPEG", "RGB", **options)
    return plain[:2] + b"".join(segments) + plain[2:]


SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="37"/>'
KNOWN = {
    "png": (image("PNG"), Picture("png", **SIZED)),
    "png-alpha": (image("PNG", "RGBA"), Picture("png", **SIZED)),
    "jpeg": (image("JPEG"), Picture("jpeg", **SIZED)),
    "jpeg-progressive": (image("JPEG", progressive=True), Picture("jpeg", **SIZED)),
    "jpeg-exif": (jpeg_with(segment(0xE1, 40_000)), Picture("jpeg", **SIZED)),
    "jpeg-c2pa": (jpeg_with(*[segment(0xEB, 65_533 - odd) for odd in range(3)], progressive=True), Picture("jpeg", **SIZED)),
    "jpeg-fill": (jpeg_with(b"\xff" * 5 + segment(0xE2, 7), b"\xff" * 2000), Picture("jpeg", **SIZED)),
    "webp": (image("WEBP"), Picture("webp", **SIZED)),
    "webp-lossless": (image("WEBP", lossless=True), Picture("webp", **SIZED)),
    "webp-alpha": (image("WEBP", "RGBA"), Picture("webp", **SIZED)),
    "webp-extended": (image("WEBP", "RGBA", icc_profile=bytes(128)), Picture("webp", **SIZED)),
    "gif": (image("GIF", "P"), Picture("gif", **SIZED)),
    "svg": (SVG, Picture("svg", None, None)),
    "svg-short": (b"<svg/>", Picture("svg", None, None)),
    "svg-prolog": (
        b'\xef\xbb\xbf<?xml version="1.0"?>\r\n<!-- ' + b"-" * 5000 + b' <html> -->\n<!DOCTYPE svg PUBLIC "a" "b" [\n'
        b'<!ENTITY ns "urn:x">\n<!ENTITY nt "urn:y">\n]>\n' + SVG,
        Picture("svg", None, None),
    ),
    "avif": (b"\x00\x00\x00\x20ftypavif\x00\x00\x00\x00" + b"mif1" * 8, Picture("avif", None, None)),
    "avif-sequence": (b"\x00\x00\x00\x20ftypavis\x00\x00\x00\x00" + b"mif1" * 8, Picture("avif", None, None)),
}
UNSIZED = {
    "jpeg-no-frame": jpeg_with(*[segment(0xE1, 65_533)] * 17),
    "jpeg-pixels-first": b"\xff\xd8" + segment(0xDA, 9) + b"\x00" * 50,
    "jpeg-height-0": b"\xff\xd8\xff\xc0\x00\x11\x08\x00\x00\x00\x25" + b"\x00" * 40,
    "jpeg-no-marker": jpeg_with(segment(0xE1, 9), b"\x00\x00\x00\x00"),
    "jpeg-length-0": b"\xff\xd8\xff\xe0\x00\x00" + b"\x00" * 50,
}
NO_IMAGE = {
    "nothing": b"",
    "text": b"this is no image, whatever else it may be; really none.",
    "html": b"<!doctype html>\n<html><svg></svg></html>",
    "svgfoo": b"<svgfoo></svgfoo>",
    "comment-without-end": b"<!-- " + b"x" * 5000 + b"<svg>",
    "png-without-header": b"\x89PNG\r\n\x1a\n" + b"\x00\x00\x00\x0dcaBX" + b"\x00" * 40,
    "png-size-0": b"\x89PNG\r\n\x1a\n" + b"\x00\x00\x00\x0dIHDR" + b"\x00" * 40,
    "png-too-wide": b"\x89PNG\r\n\x1a\n" + b"\x00\x00\x00\x0dIHDR" + b"\xff" * 40,
    "png-cut": image("PNG")[:20],
    "gif-size-0": b"GIF89a" + b"\x00" * 40,
    "gif-cut": b"GIF89a\x01",
    "webp-cut": image("WEBP")[:20],
    "webp-other": b"RIFF\x00\x00\x00\x00WEBPXXXX" + b"\x00" * 40,
    "webp-no-start": b"RIFF\x00\x00\x00\x00WEBPVP8 " + b"\x00" * 40,
    "heic": b"\x00\x00\x00\x20ftypheic" + b"\x00" * 40,
    "jpeg-cut": jpeg_with(segment(0xE1, 300))[:200],
}
EVERY = (
    [(name, file, found) for name, (file, found) in KNOWN.items()]
    + [(name, file, Picture("jpeg", None, None)) for name, file in UNSIZED.items()]
    + [(name, file, None) for name, file in NO_IMAGE.items()]
)


def written(file: bytes) -> Iterator[bytes]:
    """The base64 of a file as encoders of JSON write it: plain, with escapes, or in lines."""
    text = base64.b64encode(file)
    yield text
    yield text.replace(b"/", b"\\/")
    yield text.replace(b"+", b"\\u002B").replace(b"/", b"\\u002f").replace(b"=", b"\\u003d")
    yield b"\\r\\n".join(text[start : start + 76] for start in range(0, len(text), 76))
    yield b"\n".join(text[start : start + 76] for start in range(0, len(text), 76))
    yield text.rstrip(b"=")


def probed(parts: list[bytes]) -> Picture | None:
    probe = PictureProbe()
    for part in parts:
        probe.feed(part)
    return probe.picture()


@pytest.mark.parametrize(("file", "found"), [case[1:] for case in EVERY], ids=[case[0] for case in EVERY])
def test_an_image_says_what_it_is(file: bytes, found: Picture | None) -> None:
    """Format and pixels of every format an Images API delivers; ``None`` for what is no image; in any spelling."""
    assert [picture_of(text) for text in written(file)] == [found] * 6


@given(st.sampled_from(sorted(KNOWN)), st.integers(0, 4), st.lists(st.integers(0, 10**6), max_size=12))
def test_it_does_not_matter_how_the_text_is_cut(name: str, spelling: int, cuts: list[int]) -> None:
    """Also inside of a group of four and inside of an escape."""
    file, found = KNOWN[name]
    text = list(written(file))[spelling]
    places = sorted({cut % (min(len(text), 300) if cut % 2 else len(text)) for cut in cuts} | {0, len(text)})
    assert probed([text[start:end] for start, end in pairwise(places)]) == found


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_it_may_come_byte_by_byte(name: str) -> None:
    """Nothing depends on the size of a chunk."""
    file, found = KNOWN[name]
    for text in written(file[:45_000]):
        if name != "jpeg-c2pa":
            assert probed([text[place : place + 1] for place in range(len(text))]) == found


def test_a_part_of_a_larger_text_can_be_fed() -> None:
    """Without copying it out."""
    probe = PictureProbe()
    text = b'{"b64_json":"' + base64.b64encode(KNOWN["png"][0]) + b'"}'
    probe.feed(text, 13, len(text) - 2)
    assert probe.picture() == Picture("png", **SIZED)


@pytest.mark.parametrize("name", ["png", "webp", "gif", "jpeg"])
def test_it_is_done_as_soon_as_the_size_is_known(name: str) -> None:
    """From then on there is nothing to feed."""
    probe = PictureProbe()
    probe.feed(base64.b64encode(KNOWN[name][0])[: 40 if name != "jpeg" else 400])
    assert probe.done


@pytest.mark.parametrize(
    "text", [b"no base64!" * 10, b"iVBORw0KGgo-_-_" * 10, b"====" * 10, b"\\x41" * 20, b"A" * 41 + b"=A==", b"A", b"\xff"]
)
def test_what_is_no_base64_is_no_image(text: bytes) -> None:
    """Nor is base64 in its alphabet for URLs."""
    assert picture_of(text) is None


@pytest.mark.parametrize("beginning", [b"\xff\xd8\xff\xe1\xff\xff", b"<!-- ", b"<svg-", b"\xff\xd8" + b"\xff" * 2000])
def test_little_is_kept_and_the_search_ends(beginning: bytes) -> None:
    """However long it goes on without a size."""
    probe = PictureProbe()
    text = base64.b64encode((beginning + bytes(SEARCHED_BYTES_MAX * 2))[: SEARCHED_BYTES_MAX * 2])
    for start in range(0, len(text), 10_001):
        probe.feed(text[start : start + 10_001])
        assert len(probe._head) + len(probe._text) <= 1024
    assert probe.done


@given(st.binary(max_size=300), st.sampled_from([b"", *(file[:40] for file, _ in KNOWN.values())]), st.booleans())
def test_no_bytes_make_an_error(noise: bytes, beginning: bytes, encoded: bool) -> None:
    """Fuzz: a picture or none."""
    text = beginning + noise
    found = picture_of(base64.b64encode(text) if encoded else text)
    assert found is None or found.width is None or found.width > 0
