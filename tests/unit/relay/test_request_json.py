"""The one rule for the JSON of a request's body, whichever endpoint it comes to."""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.outcome import Refusal
from gateway.relay.request_body import RequestBody
from gateway.relay.request_json import (
    DEPTH_MAX,
    IMAGE_VALUES_MAX,
    MEMBERS_MAX,
    RESPONSE_VALUES_MAX,
    MalformedBody,
    request_object,
)
from gateway.relay.response_body import ResponseReader
from gateway.relay.spool import Spool
from gateway.relay.spooled_json import SpooledJsonReader

Read = Callable[[bytes, Path], dict[str, Any]]


def _generation(body: bytes, folder: Path) -> dict[str, Any]:
    return RequestBody(body).fields


def _edit(body: bytes, folder: Path) -> dict[str, Any]:
    found = asyncio.run(_spooled(SpooledJsonReader(Spool(folder, 64 * 1024)), b'{"images":[{"file_id":"f"}],' + body[1:]))
    return {name: value for name, value in found.items() if name != "images"}


def _response(body: bytes, folder: Path) -> dict[str, Any]:
    return asyncio.run(_spooled(ResponseReader(Spool(folder, 64 * 1024)), body))


async def _spooled(reader: SpooledJsonReader | ResponseReader, body: bytes) -> dict[str, Any]:
    try:
        for start in range(0, len(body), 1_000):
            await reader.feed(body[start : start + 1_000])
        return dict((await reader.finish()).fields)
    finally:
        reader.spool.close()


EVERY = pytest.mark.parametrize("read", [_generation, _edit, _response])


@EVERY
@pytest.mark.parametrize(
    "value",
    [
        b"NaN",
        b"-Infinity",
        b"1e999",
        b"9" * 30,
        b"9" * 900_000,
        rb'"\ud800"',
        rb'["\udc00\ud800"]',
        rb'{"\ud800":1}',
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b'"\x01"',
        rb'"\q"',
        b"01",
        b"nope",
        b"1,",
    ],
)
def test_what_readers_understand_differently_is_refused(read: Read, value: bytes, tmp_path: Path) -> None:
    """Also in a member that the gateway does not know, at every endpoint alike."""
    with pytest.raises(MalformedBody):
        read(b'{"foo":' + value + b"}", tmp_path)


@EVERY
def test_a_member_that_stands_twice_is_refused(read: Read, tmp_path: Path) -> None:
    """At every depth and however it is written: a provider could take the other one."""
    for body in (
        b'{"input_fidelity":"high","input_fidelity":null}',
        rb'{"n":1,"\u006e":2}',
        b'{"a":[{"b":{"c":1,"c":1}}]}',
    ):
        with pytest.raises(Refusal, match="twice") as refused:
            read(body, tmp_path)
        assert (refused.value.status, refused.value.code) == (400, "repeated_parameter")


@EVERY
@pytest.mark.parametrize(
    "value",
    ["é", "😀", "\ufffd", 'a"\\b', -0.0, -0, 1e-999, 1.5, 2**64 - 1, -(2**63), True, None, [], {}, [[{}]]],
)
def test_whatever_every_reader_understands_passes(read: Read, value: object, tmp_path: Path) -> None:
    """With its value."""
    for ascii_only in (True, False):
        body = json.dumps({"foo": value, "model": "m"}, ensure_ascii=ascii_only).encode()
        assert read(body, tmp_path) == {"foo": value, "model": "m"}


def _values(count: int) -> list[bytes]:
    """Objects of so many values, each made in another way."""
    n = count - 1
    return [
        b'{"a":[' + b",".join([b"1"] * n) + b"]}",
        b'{"a":[' + b",".join([b'"x"'] * n) + b"]}",
        b'{"a":{' + b",".join(b'"%d":""' % index for index in range(n)) + b"}}",
        b'{"a":[' + b",".join([b'{"b":0}'] * (n // 2)) + b"]}",
    ]


@pytest.mark.parametrize(
    ("read", "most"), [(_generation, IMAGE_VALUES_MAX), (_edit, IMAGE_VALUES_MAX - 3), (_response, RESPONSE_VALUES_MAX)]
)
def test_values_are_bounded_and_the_rule_is_told(read: Read, most: int, tmp_path: Path) -> None:
    """As many as the rule says pass; what stands in texts does not count."""
    for body in _values(most):
        read(body, tmp_path)
    read(json.dumps({"prompt": '{"a":[1,2]},' * 9_000}).encode(), tmp_path)
    for body in (*_values(most + 2), *_values(most * 40)):
        with pytest.raises(Refusal, match="values") as refused:
            read(body, tmp_path)
        assert (refused.value.status, refused.value.code) == (400, "too_many_values")


@EVERY
def test_the_object_s_own_members_are_bounded(read: Read, tmp_path: Path) -> None:
    """No endpoint knows so many."""
    with pytest.raises(Refusal) as refused:
        read(json.dumps(dict.fromkeys(map(str, range(MEMBERS_MAX + 1)))).encode(), tmp_path)
    assert refused.value.code == "too_many_values"


@EVERY
def test_depth_is_bounded_and_the_rule_is_told(read: Read, tmp_path: Path) -> None:
    """Long before any reader on the way is at its own end."""
    deepest = DEPTH_MAX - 1
    read(b'{"a":' + b"[" * deepest + b"]" * deepest + b"}", tmp_path)
    for body in (
        b'{"a":' + b"[" * (deepest + 1) + b"]" * (deepest + 1) + b"}",
        b'{"a":' * (deepest + 2) + b"1" + b"}" * (deepest + 2),
    ):
        with pytest.raises(Refusal, match="in one another") as refused:
            read(body, tmp_path)
        assert (refused.value.status, refused.value.code) == (400, "nested_too_deeply")


@EVERY
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"null", b'{"a":}', b'{"a":1}x', b"[" * 900, b'\xef\xbb\xbf{"a":1}'])
def test_other_bodies_are_malformed(read: Read, body: bytes, tmp_path: Path) -> None:
    """One kind of error for every kind of damage."""
    if read is _edit and body[:1] != b"{":
        body = b"x" + body
    with pytest.raises((MalformedBody, Refusal)):
        read(body, tmp_path)


@pytest.mark.parametrize("step", range(4))
def test_a_long_text_may_be_cut_within_a_character(step: int, tmp_path: Path) -> None:
    """It passes, whatever its characters are."""
    text = "a" * step + "😀é\u2028" * 30_000
    found = _response(json.dumps({"foo": text}, ensure_ascii=False).encode(), tmp_path)["foo"]
    assert text.startswith(found)
    assert len(found) > 50_000


@given(st.binary(max_size=100) | st.text('{}[]",:\\u0d8e1-.NaI \n', max_size=60).map(str.encode))
def test_no_bytes_make_another_error(body: bytes) -> None:
    """Fuzz: an object, ``MalformedBody`` or ``Refusal``."""
    with suppress(MalformedBody, Refusal):
        request_object(body, 20)


def test_a_string_that_never_ends_is_read_once() -> None:
    """It is looked through from its beginning only: from each of a million quotes it would take for ever."""
    text = b'{"x":[' + b"[" * 101 + b'],"a":"' + b'\\"' * 500_000
    with pytest.raises((MalformedBody, Refusal)):
        request_object(text, 1_000)
