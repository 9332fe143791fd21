"""Hostile answers and hostile links: each is contained, told with its owner, booked, and the next request is served."""

import gzip
import hashlib
import json
import re
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.relay.result_folder import BEHIND_BYTES_MAX
from gateway.relay.unwrapping import UnwrappingScanner
from tests.integration.hostile_house import CALL, MIB, House, housing, images, response
from tests.integration.hostile_provider import HEAD, PIECE, Script, dripping, sized, unsized
from tests.integration.odd_provider import PNG, STREAM_HEAD, http
from tests.integration.test_edits import picture
from tests.integration.two_contracts import Configuration

PIECES = 300  # of a MiB
PICTURE = picture(64)
SHA256 = hashlib.sha256(b64decode(PNG)).hexdigest()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with housing(tmp_path) as found:
        yield found


def said(message: str, code: str) -> Configuration:
    return {"error": {"message": message, "code": code, "type": "server_error", "param": None}}


HTML = b"<html><body>Sign in at http://10.0.0.7/evil</body></html>"
BOMB = gzip.compress(bytes(64 * MIB))
PADDED_BOMB = gzip.compress(b'{"data":[{"note":"' + b"A" * (64 * MIB))
FAILED = response(**{"status": "failed", **said("It went wrong.", "server_error")})
MODERATED = said("Your request was rejected by the safety system.", "moderation_blocked")
UNUSABLE, FAULTY, MISSING = ("provider", "body.unusable"), ("provider", "provider.failed"), ("provider", "answer.missing")
BLOCKED = ("moderation", "moderation.blocked")
Row = tuple[str, bytes | Script, int, tuple[str, str], str]


def packed(body: bytes) -> bytes:
    return http("200 OK", body, b"content-encoding: gzip")


def headed(lines: bytes) -> bytes:
    return HEAD + lines + b"content-length: 2\r\n\r\n{}"


HOSTILE: dict[str, Row] = {
    "html with 200": ("words", http("200 OK", HTML), 503, UNUSABLE, "expire"),
    "html with 502": ("images", http("502 Bad Gateway", HTML, b"content-type: text/html"), 502, FAULTY, "expire"),
    "html with 502, a response": ("words", http("502 Bad Gateway", HTML), 502, FAULTY, "expire"),
    "bomb of zeros": ("images", packed(BOMB), 503, UNUSABLE, "expire"),
    "bomb of JSON": ("images", packed(PADDED_BOMB), 503, UNUSABLE, "expire"),
    "bomb of JSON, a response": ("words", packed(PADDED_BOMB), 503, UNUSABLE, "expire"),
    "bomb in an error": ("images", http("500 Oops", BOMB, b"content-encoding: gzip"), 500, FAULTY, "expire"),
    "error in a 200": ("images", http("200 OK", said("It went wrong.", "server_error")), 503, FAULTY, "expire"),
    "moderation in a 200": ("images", http("200 OK", MODERATED), 400, BLOCKED, "void"),
    "a text for an error": (
        "images",
        http("200 OK", {"error": "Too many requests"}),
        429,
        ("rate_limit", "rate_limit.throttled"),
        "void",
    ),
    "failed response": ("words", FAILED, 503, FAULTY, "expire"),
    "moderated response": ("words", response(status="failed", **MODERATED), 400, BLOCKED, "expire"),
    "drip of JSON": ("brief", dripping(HEAD + b"\r\n{", b" "), 503, UNUSABLE, "expire"),
    "drip of an error": ("brief", dripping(HEAD.replace(b"200 OK", b"500 Oops") + b"\r\n{", b" "), 500, FAULTY, "expire"),
    "drip of a head": ("brief", dripping(HEAD, b"x"), 503, MISSING, "expire"),
    "line ends in a header": ("images", headed(b"x-request-id: a\r\r\n\x00evil: 1\r\n"), 503, MISSING, "expire"),
    "a header without a name": ("images", headed(b": evil\r\n"), 503, MISSING, "expire"),
    "folded header": ("images", headed(b"x-request-id: a\r\n evil: 1\r\n"), 503, UNUSABLE, "expire"),
    "NUL in a header": ("images", headed(b"x-request-id: a\x00evil\r\nretry-after: \x00\r\n"), 503, UNUSABLE, "expire"),
    "a long header": ("images", headed(b"x-request-id: " + b"evil" * 50_000 + b"\r\n"), 503, MISSING, "expire"),
    "20,000 headers": ("words", headed(b"x: evil\r\n" * 20_000), 503, MISSING, "expire"),
}


async def test_hostile_answers_are_contained_told_and_booked(house: House) -> None:
    """In OpenAI's shape with the right owner and rule, closed in the ledger, without a word of the provider's page."""
    for name, (model, answer, status, diagnosis, closing) in HOSTILE.items():
        house.there.answer = answer
        told = await house.ask(model)
        found = (told.status, (told.headers["x-gateway-owner"], told.rule), told.closed, told.broken)
        assert found == (status, diagnosis, {closing}, False), (name, told.text[:500])
        assert "evil" not in f"{told.headers}{told.text}", name
        assert all(entry.upstream_request_id.isprintable() for entry in told.entries), name
        member, error = json.loads(told.text)["gateway"], json.loads(told.text)["error"]
        assert set(error) >= {"message", "type", "param", "code"}, name
        assert await house.evidence(member["evidence"]), name
        await house.serves(model)


B64 = b64encode(PICTURE).decode()
LARGE = b64encode(picture(900)).decode()
JPEG = picture(64, "jpeg")
# By name: the model, the image as the provider writes it, and as the client gets it.
WRAPPED = {
    "small": ("images", f"data:image/png;base64,{B64}", B64),
    "large": ("images", f"data:image/png;base64,{LARGE}", LARGE),
    "with a parameter": ("images", f"DATA:image/png;name=one;base64,{LARGE}", LARGE),
    "of a response": ("words", f"data:image/png;base64,{LARGE}", LARGE),
}


@pytest.mark.parametrize("step", [1 << 30, 1000, 1], ids=["whole", "pieces", "bytes"])
def test_the_head_of_a_data_url_is_cut_off_wherever_it_is_split(step: int) -> None:
    """Every byte of the image and all around it stay; what only looks like such a head is left alone."""
    for head in ("data:image/png;base64,", r"data:image\/png;base64,", "Data:;a=b;base64,", ""):
        text = (
            r'{"note": "data:image/png;base64,x", "data": [{"b64_json" : "%s", "revised_prompt": "\"data:,"}, {"b64_json":"%s"}]}'
        )
        body, bare = (text % (it + PNG, it + PNG) for it in (head, ""))
        scanner = UnwrappingScanner(hashed=True)
        passed = b"".join(scanner.feed(body.encode()[at : at + step]) for at in range(0, len(body), step))
        assert (passed + b"}").decode() == bare
        assert [(it.width, it.sha256) for it in scanner.pictures if it] == [(1024, SHA256)] * 2


async def test_an_image_in_a_data_url_is_delivered_as_base64(house: House) -> None:
    """An SDK's client decodes ``b64_json``: it gets the image, byte for byte, and the answer around it."""
    for name, (model, sent, got) in WRAPPED.items():
        house.there.answer = response(CALL | {"result": sent}) if model == "words" else images({"b64_json": sent}, note="data:,")
        told = await house.ask(model)
        assert (told.status, told.broken, told.closed) == (200, False, {"settle"}), name
        answer = json.loads(told.text)
        assert (answer["output"][0]["result"] if model == "words" else answer["data"][0]["b64_json"]) == got, name


async def test_another_format_than_asked_for_is_delivered_and_recorded(house: House) -> None:
    """By a link, too."""
    for model in ("images", "linked"):
        house.there.image = linked(JPEG, b"image/png")
        house.there.answer = images(
            {"b64_json": b64encode(JPEG).decode()} if model == "images" else {"url": f"{house.there.url}/one"}
        )
        told = await house.ask(model, output_format="png")
        assert (told.status, json.loads(told.text)["data"][0]["b64_json"]) == (200, b64encode(JPEG).decode())
        assert any("format: asked png, delivered jpeg" in entry.discrepancies for entry in told.entries), model


def linked(body: bytes, kind: bytes, *lines: bytes) -> bytes:
    head = [b"HTTP/1.1 200 OK", b"connection: close", b"content-type: " + kind, b"content-length: %d" % len(body), *lines]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


IMAGE_HEAD = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: image/png\r\n"
# By name: what is behind the link, whether the answer had begun when it was found out, and what the client is told.
LINKED: dict[str, tuple[bytes | Script, bool, str]] = {
    "300 MB": (sized(PICTURE, PIECE, PIECES, b"", IMAGE_HEAD), False, f"more than {MIB} bytes"),
    "300 MB without a length": (unsized(PICTURE, PIECES), True, ""),
    "wrong type": (linked(PICTURE, b"application/json"), False, "behind the link is no image"),
    "html": (linked(HTML, b"text/html; charset=utf-8"), False, "behind the link is no image"),
    "html that says it is an image": (linked(HTML, b"image/png"), False, "no image"),
    "bomb": (linked(BOMB, b"image/png", b"content-encoding: gzip"), False, "content-encoding that nobody asked for"),
    "bomb that does not say so": (linked(BOMB, b"image/png"), False, "no image"),
    "cut short": (linked(PICTURE, b"image/png").replace(b"content-length: ", b"content-length: 9"), True, ""),
    "smuggled header": (linked(PICTURE, b"image/png", b"x: a\r\r\n\x00evil: 1"), False, "could not be fetched"),
    "20,000 headers": (linked(PICTURE, b"image/png", *[b"x: evil"] * 20_000), False, "could not be fetched"),
    "slow drip": (dripping(IMAGE_HEAD + b"\r\n" + PICTURE[:8], b"a"), False, "took too long"),
}


async def test_hostile_links_are_contained_told_and_booked(house: House) -> None:
    """Nobody is told where they led; an image that outgrows its bound on the way is broken off."""
    await house.serves("linked")
    for name, (image, begun, text) in LINKED.items():
        house.there.image, house.there.answer = image, images({"url": f"{house.there.url}/secret?evil"})
        with house.grown() as peak:
            told = await house.ask("linked")
        assert (told.status, told.broken, told.closed) == (200 if begun else 503, begun, {"expire"}), (name, told.text[:500])
        assert begun or (told.headers["x-gateway-owner"], told.rule) == UNUSABLE, name
        assert text in told.text, (name, told.text[:500])
        assert not {"evil", "secret", "127.0.0.1"} & set(re.findall(r"[\w.]+", f"{told.headers}{told.text}")), name
        assert peak() < 16 * MIB, name
        await house.serves("linked")


SMALL = b'{"created":1,"data":[{"b64_json":"'
DRAWN = b'{"id":"resp_1","status":"completed","output":[{"type":"image_generation_call","result":"'
# By name: the model, the answer, and whether it is an image.
HUGE: dict[str, tuple[str, Script, bool]] = {
    "an image": ("images", sized(SMALL + PNG.encode(), PIECE, PIECES, b'"}]}'), True),
    "an image, a response": ("words", sized(DRAWN + PNG.encode(), PIECE, PIECES, b'"}]}'), True),
    "an image, links wanted": ("linked", sized(SMALL + PNG.encode(), PIECE, PIECES, b'"}]}'), True),
    "no image": ("images", sized(SMALL, PIECE, PIECES, b'"}]}'), False),
    "no image, a response": ("words", sized(DRAWN, PIECE, PIECES, b'"}]}'), False),
    "another string": ("images", sized(b'{"note":"', PIECE, PIECES, b'"}'), False),
    "another string, a response": ("words", sized(b'{"note":"', PIECE, PIECES, b'"}'), False),
    "another string, links wanted": ("linked", sized(b'{"note":"', PIECE, PIECES, b'"}'), False),
    "a link": ("images", sized(b'{"data":[{"url":"', PIECE, PIECES, b'"}]}'), False),
    "members": ("images", sized(b"{", (b'"%b":1,' % PIECE[:90]) * 10_000, 310, b'"b":1}'), False),
    "space": ("images", sized(b"", b" " * MIB, PIECES, b"{}"), False),
}


async def test_300_mb_take_no_more_memory_than_one(house: House) -> None:
    """An image passes; of anything else no more is read than may come before an image."""
    await house.serves("images")  # what is made once is made by now
    for name, (model, answer, image) in HUGE.items():
        house.there.answer = answer
        with house.grown() as peak:
            told = await house.ask(model)
        assert (told.status, told.broken) == (200 if image else 503, False), (name, told.text[:500])
        assert told.closed == ({"settle"} if image else {"expire"}), name
        assert image or (told.headers["x-gateway-owner"], told.rule) == UNUSABLE, name
        assert told.length > PIECES * MIB if image else told.length < MIB, name
        # The held beginning, once more where it is joined; and of an image, what waits for the disk to keep it.
        assert peak() < 32 * MIB + image * BEHIND_BYTES_MAX, (name, peak() / MIB)
        await house.serves(model)


async def test_a_stream_of_nothing_ends(house: House) -> None:
    """Comments and events without an image, at full speed or in drips."""
    comments, event = b": " + PIECE[:30_000] + b"\n\n", b'event: news\ndata: {"type":"news","n":"' + PIECE[:30_000] + b'"}\n\n'
    await house.serves("images")
    for name, model, script in (
        ("comments", "images", unsized(comments * 30, 50, STREAM_HEAD, comments * 30)),
        ("events", "images", unsized(event, 50, STREAM_HEAD, event * 30)),
        ("drip", "brief", dripping(STREAM_HEAD, comments)),
    ):
        house.there.answer = script
        with house.grown() as peak:
            told = await house.ask(model, stream=True)
        assert (told.status, told.rule, told.closed) == (503, UNUSABLE[1], {"expire"}), (name, told.text[:500])
        assert peak() < 32 * MIB, (name, peak() / MIB)
        await house.serves(model)
