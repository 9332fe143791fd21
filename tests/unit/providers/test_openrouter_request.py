"""OpenAI's requests in OpenRouter's words: the same wish, whole, and nothing of it in memory that need not be."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.core.contract.openrouter import LACKED, WORDS
from gateway.core.contract.wire import Scalar
from gateway.core.request.images import ENDPOINTS, Operation
from gateway.ports import Content, UpstreamCall
from gateway.providers.openrouter_request import NoWord, translated
from gateway.relay.request_body import RequestBody
from tests.unit.core.samples import PROVIDER
from tests.unit.relay.test_form import body_of, image, part, read_form
from tests.unit.relay.test_spooled_json import read

GENERATION, EDIT = ENDPOINTS[Operation.GENERATION], ENDPOINTS[Operation.EDIT]
PNG = b"\x89PNG\r\n\x1a\n" + b"pixels" * 4
URL = "data:image/png;base64,AAAA"


async def told(body: bytes | Content, path: str = EDIT) -> dict[str, Any]:
    """What OpenRouter reads; the length that is promised is that of the bytes."""
    found = translated(UpstreamCall(PROVIDER, path, "gw_1", body))
    if not isinstance(found, bytes):
        promised = found.length
        assert found.content_type == "application/json"
        found = b"".join([piece async for piece in found.chunks()])
        assert len(found) == promised
    wanted: dict[str, Any] = json.loads(found)
    return wanted


async def told_json(body: dict[str, Any], folder: Path, members: dict[str, Scalar] | None = None, step: int = 1000) -> Any:
    read_body = await read(json.dumps(body).encode(), folder, step)
    try:
        return await told(read_body.for_upstream("theirs", members or {}))
    finally:
        read_body.close()


async def told_form(*parts: bytes, members: dict[str, Scalar] | None = None) -> dict[str, Any]:
    form = await read_form([body_of(*parts)])
    try:
        return await told(form.for_upstream("theirs", members or {}))
    finally:
        form.close()


def links(*urls: str) -> list[dict[str, Any]]:
    return [{"type": "image_url", "image_url": {"url": url}} for url in urls]


async def test_a_generation_keeps_its_words() -> None:
    """Values as they came; what is null, or so without a word, is not sent."""
    wish = {"model": "ours", "prompt": "é", "n": 2, "seed": None, "size": "auto", "trace": {"a": ["b"]}, "quality": "auto"}
    body = RequestBody(json.dumps(wish | {"response_format": "b64_json"}).encode())
    wanted = await told(body.for_upstream("theirs", {"resolution": "2K"}), GENERATION)
    kept = {"model": "theirs", "prompt": "é", "n": 2, "trace": {"a": ["b"]}, "quality": "auto"}
    assert wanted == kept | {"resolution": "2K"}


@pytest.mark.parametrize(
    ("member", "value"),
    [
        *((name, "x") for name in sorted(LACKED)),
        ("response_format", "url"),
        ("input_references", []),
        ("images", []),
        ("foo", 0),
        ("provider", {"only": ["a"]}),
    ],
)
async def test_what_has_no_word_is_named(tmp_path: Path, member: str, value: object) -> None:
    """In whichever form it comes: never sent, never dropped."""
    wish = {"model": "ours", "prompt": "x", member: value}
    with pytest.raises(NoWord, match=member):
        await told(RequestBody(json.dumps(wish).encode()).for_upstream("theirs"), GENERATION)
    if member == "images":
        return
    with pytest.raises(NoWord, match=member):
        await told_json(wish | {"images": [{"image_url": URL}]}, tmp_path)
    if member not in ("mask", "markup"):
        with pytest.raises(NoWord, match=member):
            await told_form(image(), part("model", b"ours"), part(member, b"x"))


async def test_a_form_becomes_an_object() -> None:
    """Texts get the types that they stand for, files become data URLs of what they are, in their order."""
    jpeg = b"\xff\xd8\xff\xe0" + b"pixels" * 5
    parts = (image("image[]", PNG), part("n", b"2"), part("seed", b"-007"), image("image[]", jpeg, "b.png"))
    wanted = await told_form(*parts, part("prompt", b'"1"'), part("output_compression", b"most"), part("stream", b"false"))
    urls = [f"data:image/{kind};base64,{base64.b64encode(data).decode()}" for kind, data in (("png", PNG), ("jpeg", jpeg))]
    assert wanted.pop("input_references") == links(*urls)
    assert wanted == {"n": 2, "seed": -7, "prompt": '"1"', "output_compression": "most", "stream": False}
    assert await told_form(image(), part("model", b"ours"), members={"resolution": "2K", "seed": 1}) == {
        "model": "theirs",
        "resolution": "2K",
        "seed": 1,
        "input_references": links(urls[0]),
    }


async def test_a_mask_is_no_reference() -> None:
    """The model would take it for a picture."""
    with pytest.raises(NoWord, match="mask"):
        await told_form(image(), image("mask"))


@pytest.mark.parametrize(
    ("images", "param"),
    [
        ([{"file_id": "f"}], r"images\[0\].file_id"),
        ([{"image_url": URL}, {"image_url": URL, "detail": "high"}], r"images\[1\].detail"),
        ([{"image_url": URL}, {}], r"images\[1\].image_url"),
        (["x"], r"images\[0\].image_url"),
        ([{"image_url": {"image_url": URL}}], r"images\[\].image_url"),
        ([{"image_url": 7}], r"images\[\].image_url"),
    ],
)
async def test_an_image_is_a_link(tmp_path: Path, images: list[Any], param: str) -> None:
    """By any other name it would be lost."""
    with pytest.raises(NoWord, match=param):
        await told_json({"model": "ours", "prompt": "x", "images": images}, tmp_path)


async def test_a_small_edit_is_translated_too() -> None:
    """As walks send it."""
    body = json.dumps({"model": "m", "prompt": "x", "images": [{"image_url": URL}]}).encode()
    assert await told(body) == {"model": "m", "prompt": "x", "input_references": links(URL)}


async def test_a_prompt_of_any_length_is_whole(tmp_path: Path) -> None:
    """Longer as it is written than what is kept of a string."""
    prompt = "\U0001f3a9" * 30_000
    wanted = await told_json({"model": "ours", "images": [{"image_url": URL}], "prompt": prompt}, tmp_path)
    assert wanted["prompt"] == prompt


async def test_what_may_have_been_cut_is_not_sent(tmp_path: Path) -> None:
    """A value that is no string goes anew, and only its beginning may be known."""
    wish = {"model": "ours", "images": [{"image_url": URL}], "prompt": "x", "trace": {"a": ["x" * 300_000]}}
    with pytest.raises(NoWord, match="trace"):
        await told_json(wish, tmp_path)


WORD_VALUES = st.text(max_size=9) | st.integers(-9, 9) | st.none() | st.dictionaries(st.text(max_size=3), st.text(max_size=3))


@given(
    words=st.dictionaries(st.sampled_from(sorted(WORDS - {"model", "prompt"})), WORD_VALUES, max_size=4),
    urls=st.lists(st.text(max_size=40), min_size=1, max_size=3),
    first=st.booleans(),
    step=st.integers(1, 60),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_an_edit_says_the_same(tmp_path: Path, words: dict[str, Any], urls: list[str], first: bool, step: int) -> None:
    """Whatever its values, in whichever order and pieces they came."""
    images = {"images": [{"image_url": url} for url in urls]}
    rest = {"prompt": "x", **words, "model": "ours"}
    wanted = await told_json(images | rest if first else rest | images, tmp_path, {"user": "added"}, step)
    kept = {name: value for name, value in words.items() if value is not None and (name, value) != ("size", "auto")}
    added = {} if "user" in words else {"user": "added"}
    assert wanted == {"prompt": "x", "model": "theirs", **kept, **added, "input_references": links(*urls)}
