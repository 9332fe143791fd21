"""The multipart form: read once, refused early, sent on with nothing changed but the model."""

import asyncio
import json
import os
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st
from openai import AsyncOpenAI
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartParser

from gateway.core.outcome import Owner, Refusal
from gateway.relay.form import Form, FormLimits, FormReader
from gateway.relay.form_part import PartHead
from gateway.relay.spool import Spool, SpooledContent

PNG = b"\x89PNG\r\n\x1a\n" + b"pixels" * 4
JPEG = b"\xff\xd8\xff\xe0" + b"pixels" * 4
WEBP = b"RIFF\x10\x00\x00\x00WEBPVP8 " + b"pixels" * 4
GIF = b"GIF89a" + b"pixels" * 4
BOUNDARY = "a-fixed-boundary"
CONTENT_TYPE = f"multipart/form-data; boundary={BOUNDARY}"
NOWHERE = Path("/nonexistent/folder")
LIMITS = FormLimits()


def part(name: str, data: bytes = b"", filename: str | None = None, *headers: str) -> bytes:
    """One part, with its delimiter before it."""
    disposition = f'form-data; name="{name}"' + ("" if filename is None else f'; filename="{filename}"')
    return raw_part(data, f"Content-Disposition: {disposition}", *headers)


def raw_part(data: bytes, *headers: str) -> bytes:
    """One part with these header lines."""
    return "\r\n".join((f"--{BOUNDARY}", *headers, "", "")).encode("latin-1") + data + b"\r\n"


def image(name: str = "image", data: bytes = PNG, filename: str = "a.png") -> bytes:
    return part(name, data, filename, "Content-Type: image/png")


def body_of(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def pieces_of(body: bytes, cuts: Iterable[int]) -> list[bytes]:
    """``body`` cut at these places, wherever they fall."""
    places = sorted({cut % (len(body) + 1) for cut in cuts} | {0, len(body)})
    return [body[start:end] for start, end in pairwise(places)]


def bytewise(body: bytes) -> list[bytes]:
    return pieces_of(body, range(len(body)))


async def read_form(
    chunks: Iterable[bytes],
    content_type: str = CONTENT_TYPE,
    limits: FormLimits = LIMITS,
    folder: Path = NOWHERE,
    memory_bytes_max: int = 1_000_000,
) -> Form:
    spool = Spool(folder, memory_bytes_max)
    try:
        reader = FormReader(content_type, spool, limits)
        for chunk in chunks:
            await reader.feed(chunk)
        return await reader.finish()
    except BaseException:
        spool.close()
        raise


async def sent(content: SpooledContent) -> bytes:
    return b"".join([chunk async for chunk in content.chunks()])


@dataclass(frozen=True)
class Item:
    """A part as a server sees it; of a file, its name and its type too."""

    name: str
    data: bytes
    filename: str | None = None
    content_type: str | None = None


async def items_of(content_type: str, body: bytes) -> list[Item]:
    """The parts of a form as Starlette reads them."""

    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    form = await MultiPartParser(Headers({"content-type": content_type}), stream(), max_files=100, max_fields=200).parse()
    items = []
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            items.append(Item(name, await value.read(), value.filename, value.content_type))
        else:
            items.append(Item(name, value.encode()))
    await form.close()
    return items


async def items_upstream(form: Form, model: str = "theirs") -> list[Item]:
    content = form.for_upstream(model)
    body = await sent(content)
    assert len(body) == content.length
    return await items_of(content.content_type, body)


# What could be taken for a boundary, or for its beginning.
ALMOST = f"\r\n--{BOUNDARY}".encode()
TRICKY = (
    st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"--", ALMOST[:-1], ALMOST[2:], b"--\r\n", b"x", b"\r\n-"]), max_size=12)
    .map(b"".join)
    .filter(lambda data: ALMOST not in data)
)
NAMES = st.from_regex(r"[a-z_]{1,8}(\[[a-z]{0,3}\])?", fullmatch=True).filter(
    lambda name: not name.startswith(("image", "mask", "markup", "model", "n[", "user[", "style[", "size["))
)
FILENAMES = st.text(st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters='"\\'), max_size=12)
FILES = st.tuples(
    st.sampled_from(["image", "image[]"]),
    st.sampled_from([PNG, JPEG, WEBP]).flatmap(lambda first: TRICKY.map(lambda rest: first + rest)),
    FILENAMES,
    st.sampled_from(["image/png", "application/octet-stream", None]),
)
FIELDS = st.tuples(NAMES, st.text(max_size=30) | TRICKY.map(bytes.decode))


@given(
    fields=st.lists(FIELDS, max_size=5, unique_by=lambda field: field[0]),
    files=st.lists(FILES, min_size=1, max_size=4),
    cuts=st.lists(st.integers(0, 10_000), max_size=12),
    memory_bytes_max=st.sampled_from([0, 50, 1_000_000]),
)
def test_any_cut_of_a_form_gives_the_same_form(
    fields: list[tuple[str, str]], files: list[tuple[str, bytes, str, str | None]], cuts: list[int], memory_bytes_max: int
) -> None:
    """However a body is cut, its parts go upstream in their order, each with its name, filename, type and bytes."""
    texts = [Item("model", b"ours"), *(Item(name, value.encode()) for name, value in fields)]
    items = [*texts, *(Item(name, data, filename, kind) for name, data, filename, kind in files)]
    body = body_of(*(encoded(item) for item in items))

    async def check(folder: Path) -> None:
        form = await read_form(pieces_of(body, cuts), folder=folder, memory_bytes_max=memory_bytes_max)
        assert form.fields == {item.name: item.data.decode() for item in texts}
        assert [(file.name, file.filename, file.content_type) for file in form.files] == [
            (name, filename, kind or "") for name, _, filename, kind in files
        ]
        expected = [replace(item, data=b"theirs") if item.name == "model" else item for item in items]
        assert await items_upstream(form) == expected
        form.close()

    with TemporaryDirectory() as folder:
        asyncio.run(check(Path(folder)))


def encoded(item: Item) -> bytes:
    disposition = f'Content-Disposition: form-data; name="{item.name}"'
    if item.filename is not None:
        disposition += f'; filename="{item.filename}"'
    lines = [disposition, *([f"Content-Type: {item.content_type}"] if item.content_type else [])]
    return "\r\n".join((f"--{BOUNDARY}", *lines, "", "")).encode() + item.data + b"\r\n"


async def test_a_replay_is_the_same_form_again(tmp_path: Path) -> None:
    """A second attempt gets the same parts with its own model; one content read twice gives the same bytes."""
    form = await read_form(
        [body_of(part("model", b"ours"), image(data=PNG + bytes(3_000_000)))], folder=tmp_path, memory_bytes_max=1000
    )
    first, second = form.for_upstream("first"), form.for_upstream("second-name")
    one, again, other = await asyncio.gather(sent(first), sent(first), sent(second))
    assert one == again
    assert (await items_of(first.content_type, one))[0] == Item("model", b"first")
    assert (await items_of(second.content_type, other))[0] == Item("model", b"second-name")
    assert (await items_of(first.content_type, one))[1:] == (await items_of(second.content_type, other))[1:]
    assert first.content_type != second.content_type
    assert os.listdir(tmp_path) == []
    form.close()
    form.close()


async def test_files_keep_every_byte(tmp_path: Path) -> None:
    """Sixteen images, a mask and the hashes of each: what is sent on is what came, in the order in which it came."""
    files = [PNG + os.urandom(200_000 + number) for number in range(17)]
    parts = [image("image[]", data, f"{number}.png") for number, data in enumerate(files[:16])]
    body = body_of(*parts[:8], part("model", b"ours"), *parts[8:], image("mask", files[16]))
    form = await read_form(pieces_of(body, range(0, len(body), 65_536)), folder=tmp_path, memory_bytes_max=1000)
    assert form.references == 17
    assert [file.format for file in form.files] == ["png"] * 17
    hashes = [sha256(item.data).digest() for item in await items_upstream(form) if item.filename is not None]
    assert hashes == [sha256(data).digest() for data in files]
    form.close()


@pytest.fixture
async def caught() -> AsyncIterator[tuple[str, list[tuple[str, bytes]]]]:
    """A server's URL, and the content types and bodies that came to it."""
    requests: list[tuple[str, bytes]] = []

    async def catch(request: web.Request) -> web.Response:
        requests.append((request.headers["content-type"], await request.read()))
        return web.json_response({"created": 1, "data": []})

    app = web.Application(client_max_size=10_000_000)
    app.router.add_post("/v1/images/edits", catch)
    async with TestServer(app) as server:
        yield str(server.make_url("/v1")), requests


async def test_forms_of_the_official_sdk(caught: tuple[str, list[tuple[str, bytes]]]) -> None:
    """A form as the official SDK builds it is taken, nested fields and lists included, and sent on alike."""
    url, requests = caught
    async with AsyncOpenAI(api_key="sk-fake", base_url=url, max_retries=0) as client:
        await client.images.edit(model="ours", prompt="A füchs 🦊", image=("ä \\ b.png", PNG, "image/png"), n=2)
        await client.images.edit(
            model="ours",
            prompt='two\r\n"lines"',
            image=[("1.png", PNG, "image/png"), ("2.jpg", JPEG, "image/jpeg"), ("3.webp", WEBP, "image/webp")],
            mask=("mask.png", PNG, "image/png"),
            extra_body={"svg": {"model": "gpt-svg"}, "tags": ["a", "b"]},
        )
    for content_type, body in requests:
        form = await read_form(bytewise(body), content_type)
        expected = [
            replace(item, data=b"theirs") if item.name == "model" else item for item in await items_of(content_type, body)
        ]
        assert await items_upstream(form) == expected
        form.close()
    assert form.fields["svg[model]"] == "gpt-svg"
    assert [file.format for file in form.files] == ["png", "jpeg", "webp", "png"]


async def test_forms_of_aiohttp(caught: tuple[str, list[tuple[str, bytes]]]) -> None:
    """A form whose fields carry types of their own, as aiohttp builds it, is taken and keeps them."""
    url, requests = caught
    data = aiohttp.FormData({"model": "ours", "prompt": "a fox"})
    data.add_field("image", PNG, filename="ä.png", content_type="image/png")
    async with aiohttp.ClientSession() as session, session.post(f"{url}/images/edits", data=data) as response:
        assert response.status == 200
    content_type, body = requests[0]
    form = await read_form(bytewise(body), content_type)
    assert form.fields == {"model": "ours", "prompt": "a fox"}
    assert [item.data for item in await items_upstream(form)] == [b"theirs", b"a fox", PNG]
    assert (await sent(form.for_upstream("theirs"))).count(b"Content-Type: text/plain; charset=utf-8") == 2
    form.close()


async def test_what_is_sent_on_cannot_be_read_otherwise() -> None:
    """Names given twice, escapes and extended parameters end up as one plain name and filename."""
    tricks = (
        raw_part(b"ours", 'Content-Disposition: form-data; name="x"; name="model"', "X-Other: 1"),
        raw_part(
            PNG,
            'Content-Disposition: form-data; filename="a\\"; name=\\"model"; name=image; filename*=utf-8\'\'b',
            "Content-Length: 3",
        ),
    )
    form = await read_form([body_of(*tricks)])
    content = form.for_upstream("theirs")
    boundary = content.content_type.partition("boundary=")[2]
    assert (await sent(content)).decode("latin-1") == (
        f'--{boundary}\r\nContent-Disposition: form-data; name="model"\r\n\r\ntheirs\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="a%22; name=%22model"\r\n\r\n'
        f"{PNG.decode('latin-1')}\r\n--{boundary}--\r\n"
    )
    form.close()


def test_a_head_is_one_line_a_header() -> None:
    """Whatever a filename holds, it cannot end its quotes or its line."""
    head = PartHead("image", 'a"b\r\nX: 1\\', "image/png")
    assert head.encoded() == (
        b'Content-Disposition: form-data; name="image"; filename="a%22b%0D%0AX: 1\\\\"\r\nContent-Type: image/png\r\n\r\n'
    )


async def test_what_lies_around_the_form_is_left_out() -> None:
    """Line ends before the first boundary and anything behind the last one are no part of the form."""
    form = await read_form([b"\r\n" + body_of(image()) + b"epilogue\r\n" + body_of(part("model", b"other"))])
    assert form.fields == {}
    assert [item.name for item in await items_upstream(form)] == ["image"]
    form.close()


async def test_a_list_of_texts_may_repeat() -> None:
    """Only a name that ends in [] may come twice; all its values go upstream."""
    form = await read_form([body_of(part("tags[]", b"a"), part("tags[]", b"b"), image())])
    assert form.fields == {"tags[]": "b"}
    assert [item.data for item in await items_upstream(form)] == [b"a", b"b", PNG]
    form.close()


# What is wrong · the parts · code · param · what the message says. Every one is refused before the body has ended.
REFUSED: tuple[tuple[str, bytes, str, str | None, str], ...] = (
    ("no name", raw_part(b"x", "Content-Disposition: form-data"), "invalid_body", None, "no name"),
    ("empty name", part("", b"x"), "invalid_body", None, "no name"),
    ("no disposition", raw_part(b"x", "Content-Type: text/plain"), "invalid_body", None, "Content-Disposition"),
    ("other disposition", raw_part(b"x", 'Content-Disposition: attachment; name="a"'), "invalid_body", None, "form-data"),
    ("header twice", part("a", b"x", None, 'content-disposition: form-data; name="b"'), "invalid_body", None, "twice"),
    ("odd name", part('a\\"b', b"x"), "invalid_body", None, "quote"),
    ("name not UTF-8", part("\xff", b"x"), "invalid_body", None, "UTF-8"),
    ("control character", part("a\nb", b"x"), "invalid_body", None, "control character"),
    ("header not a header", raw_part(b"x", "no header at all"), "invalid_body", None, "byte 22"),
    ("folded header", raw_part(b"x", "Content-Disposition: form-data;", ' name="a"'), "invalid_body", None, "not well-formed"),
    ("long head", part("a", b"x", None, "X-Long: " + "x" * 17_000), "invalid_body", None, "16384 bytes"),
    ("many headers", part("a", b"x", None, *[f"X-{number}: 1" for number in range(17)]), "invalid_body", None, "not well-formed"),
    (
        "large head",
        part("a", b"x", None, *[f"X-{number}: {'x' * 4000}" for number in range(5)]),
        "invalid_body",
        None,
        "16384 bytes",
    ),
    (
        "base64",
        image().replace(b"Content-Type:", b"Content-Transfer-Encoding: base64\r\nContent-Type:"),
        "invalid_value",
        "image",
        "binary",
    ),
    ("nested", part("a", b"x", None, "Content-Type: multipart/mixed; boundary=b"), "invalid_value", "a", "content type"),
    ("charset", part("model", b"x", None, "Content-Type: text/plain; charset=utf-16"), "invalid_value", "model", "UTF-8"),
    (
        "charset twice",
        part("model", b"x", None, "Content-Type: text/plain; charset=utf-16; charset=utf-8"),
        "invalid_value",
        "model",
        "UTF-8",
    ),
    ("numbered text", part("image[0]", b"https://example.test/a.png"), "invalid_type", "image[0]", "expected a file"),
    ("type not ASCII", part("a", b"x", None, "Content-Type: \xff"), "invalid_value", "a", "content type"),
    ("17 images", image("image[]") * 9 + image() * 8, "array_above_max_length", "image", "at most 16"),
    ("two masks", image("mask") * 2, "repeated_parameter", "mask", "second"),
    ("two markups", image("markup") * 2, "repeated_parameter", "markup", "second"),
    ("mask and markup", image("mask") + image("markup"), "invalid_value", "markup", "'mask'"),
    ("markup and mask", image("markup") + image("mask"), "invalid_value", "markup", "'mask'"),
    ("other file", image("photo"), "unknown_parameter", "photo", "'photo'"),
    ("numbered file", image("image[0]"), "unknown_parameter", "image[0]", "'image[]'"),
    ("long name", part("a" * 500, PNG, "a.png"), "unknown_parameter", "a" * 64 + "…", "aaa"),
    ("images", image("images"), "invalid_value", "images", "'image' or 'image[]'"),
    ("images[]", image("images[]"), "invalid_value", "images", "'image' or 'image[]'"),
    ("images as text", part("images", b"[]"), "invalid_value", "images", "'image' or 'image[]'"),
    ("model as file", part("model", b"ours", "model.txt"), "invalid_type", "model", "without a filename"),
    ("image as text", part("image", PNG), "invalid_type", "image", "with a filename"),
    ("mask as text", part("mask", b"https://example.test/mask.png"), "invalid_type", "mask", "expected a file"),
    ("model as list", part("model[]", b"ours"), "invalid_type", "model", "'model[]'"),
    ("empty file", image(data=b""), "invalid_image_file", "image", "empty"),
    ("gif", image(data=GIF), "invalid_image_file", "image", "gif"),
    ("text", image("image[]") + image("image[]", b"no image at all"), "invalid_image_file", "image[]", "file 2"),
    ("tiny file", image(data=b"x"), "invalid_image_file", "image", "none of an image"),
    ("jpeg mask", image("mask", JPEG), "invalid_image_file", "mask", "must be png"),
    ("webp markup", image("markup", WEBP), "invalid_image_file", "markup", "webp"),
    ("filename not UTF-8", part("image", PNG, "\xff.png"), "invalid_value", "image", "filename"),
    ("field twice", part("model", b"a") + part("n", b"1") + part("model", b"b"), "repeated_parameter", "model", "once"),
    ("unknown field twice", part("x", b"a") + part("x", b"a"), "repeated_parameter", "x", "'x'"),
    ("text not UTF-8", part("prompt", b"\xff"), "invalid_value", "prompt", "UTF-8"),
    ("many fields", b"".join(part(f"f{number}") for number in range(101)), "too_many_fields", None, "100 fields"),
    ("list of many", part("f[]") * 101, "too_many_fields", None, "100 fields"),
    ("long field", part("prompt", b"x" * 262_145), "string_above_max_length", "prompt", "262144 bytes"),
)


@pytest.mark.parametrize(("parts", "code", "param", "text"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
@pytest.mark.parametrize("step_bytes", [1, 7, 1_000_000])
async def test_a_wrong_form_is_refused_at_once(parts: bytes, code: str, param: str | None, text: str, step_bytes: int) -> None:
    """Whatever is wrong, the refusal names the part, the rule and the fix before the rest is read, however it is cut."""
    begun = parts + f"--{BOUNDARY}\r\n".encode()
    reader = FormReader(CONTENT_TYPE, Spool(NOWHERE, 1_000_000), LIMITS)
    with pytest.raises(Refusal) as refused:
        await feed(reader, pieces_of(begun, range(0, len(begun), max(step_bytes, len(begun) // 5000))))
    assert (refused.value.code, refused.value.param, refused.value.status) == (code, param, 400)
    assert text in refused.value.message
    assert refused.value.diagnosis.owner is Owner.REQUEST_SHAPE
    reader.close()
    reader.close()


async def feed(reader: FormReader, chunks: Iterable[bytes]) -> None:
    for chunk in chunks:
        await reader.feed(chunk)


@pytest.mark.parametrize("name", ["image", "image[]", "mask", "markup"])
async def test_a_large_file_is_refused_before_its_end(name: str) -> None:
    """A file beyond its limit is refused as soon as it is beyond, with the part, the limit and the bytes read so far."""
    limits = FormLimits(file_bytes_max=1000, mask_bytes_max=1000)
    reader = FormReader(CONTENT_TYPE, Spool(NOWHERE, 10_000), limits)
    fitting = PNG + bytes(1000 - len(PNG))
    await reader.feed(image() + image(name, fitting)[: -len(b"\r\n")])
    with pytest.raises(Refusal, match=r"limit of 1000 bytes \(1030 bytes read so far\)") as refused:
        await reader.feed(bytes(30))
    assert (refused.value.status, refused.value.code, refused.value.param) == (413, "file_too_large", name)
    assert f"'{name}'" in refused.value.message
    reader.close()


async def test_a_file_and_a_mask_have_limits_of_their_own() -> None:
    """A file as large as its limit is taken, a mask is measured by the mask's."""
    limits = FormLimits(file_bytes_max=len(PNG), mask_bytes_max=len(PNG) - 1)
    (await read_form([body_of(image())], limits=limits)).close()
    with pytest.raises(Refusal, match="file 'mask' exceeds"):
        await read_form([body_of(image(), image("mask"))], limits=limits)


async def test_fields_have_a_limit_together() -> None:
    """Many fields of a permitted size cannot fill the memory."""
    fields = [part(f"f{number}", b"x" * 200_000) for number in range(6)]
    with pytest.raises(Refusal, match="together") as refused:
        await read_form([body_of(*fields, image())])
    assert (refused.value.status, refused.value.param) == (413, "f5")


async def test_a_long_prompt_is_taken() -> None:
    """The longest prompt that the Images API takes passes, whatever its characters."""
    form = await read_form([body_of(part("prompt", ("🦊" * 32_000).encode()), image())])
    assert form.fields["prompt"] == "🦊" * 32_000
    form.close()


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        'multipart/form-data; boundary="a\nb"',
        f"multipart/form-data; boundary={'a' * 71}",
        "multipart/mixed; boundary=a",
        "application/json",
        "",
    ],
)
async def test_no_form_without_a_boundary(content_type: str) -> None:
    """A Content-Type that names no usable boundary is refused before anything is read."""
    with pytest.raises(Refusal, match="Content-Type") as refused:
        await read_form([], content_type)
    assert (refused.value.code, refused.value.param) == ("invalid_body", None)


async def test_a_body_of_another_kind_is_refused() -> None:
    """A body that does not begin with the boundary is refused with the place where that shows."""
    with pytest.raises(Refusal, match="at byte 0, or its boundary is not the one"):
        await read_form([json.dumps({"model": "ours"}).encode()])
    with pytest.raises(Refusal, match="at byte 6, "):
        await read_form(bytewise(body_of(image()).replace(BOUNDARY.encode(), b"a-fiXed-boundary")))


async def test_a_form_cut_short_is_refused() -> None:
    """A body that ends anywhere before its closing boundary is no form."""
    body = body_of(part("model", b"ours"), image())
    for end in range(len(body) - len(b"-\r\n")):
        with pytest.raises(Refusal, match="ends before its closing boundary") as refused:
            await read_form([body[:end]])
        assert refused.value.code == "invalid_body"


async def test_a_form_without_an_image_is_refused() -> None:
    """An edit needs an image; a mask alone is none."""
    for body in (body_of(part("model", b"ours")), body_of(image("mask")), body_of()):
        with pytest.raises(Refusal) as refused:
            await read_form([body])
        assert (refused.value.code, refused.value.param) == ("missing_required_parameter", "image")


@given(body=st.binary(max_size=200) | TRICKY, cuts=st.lists(st.integers(0, 200), max_size=5))
def test_no_bytes_break_the_reader(body: bytes, cuts: list[int]) -> None:
    """Any bytes at all are a form or a refusal, never another error."""
    for whole in (body, f"--{BOUNDARY}\r\n".encode() + body, part("model", b"ours") + body, image() + body):
        with suppress(Refusal):
            asyncio.run(read_form(pieces_of(whole, cuts))).close()
