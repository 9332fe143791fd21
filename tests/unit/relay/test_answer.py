"""A provider's answer: what it delivered, whole or in pieces, and how it is closed."""

import json
from decimal import Decimal
from typing import Any

import pytest

from gateway.core.money.pricing import Delivery
from gateway.core.money.tokens import Usage
from gateway.core.request.picture import Picture
from gateway.relay.answer import WHOLE_BYTES_MAX, ImageAnswer, ImageEvents
from gateway.relay.scanner import MalformedAnswer

PNG = "iVBORw0KGgoAAAANSUhEUgAABAAAAAQACAIAAADwf7zU" + "A" * 3956
LARGE = PNG + "A" * WHOLE_BYTES_MAX
PICTURE = Picture("png", 1024, 1024)
USAGE = {"input_tokens": 14, "output_tokens": 196}


def body(*items: dict[str, Any], **members: Any) -> bytes:
    return json.dumps(
        {"created": 1, "data": list(items), "size": "1024x1024", "quality": "low", "usage": USAGE} | members
    ).encode()


def read(answer: bytes, piece_bytes: int = 1 << 30) -> tuple[ImageAnswer, bytes]:
    found = ImageAnswer()
    return found, b"".join(found.feed(answer[at : at + piece_bytes]) for at in range(0, len(answer), piece_bytes))


@pytest.mark.parametrize("piece_bytes", [1 << 30, 1000, 7])
@pytest.mark.parametrize("image", [PNG, LARGE], ids=["small", "large"])
def test_an_answer_is_the_same_whole_and_in_pieces(image: str, piece_bytes: int) -> None:
    """Bytes out are bytes in but for the closing brace, and the delivery does not depend on how they came."""
    sent = body({"b64_json": image}, {"b64_json": image})
    answer, passed = read(sent, piece_bytes)
    assert answer.finished
    assert passed + answer.closing(None) == sent
    assert answer.delivery() == Delivery(2, "1024x1024", "low", Usage(text_in=14, image_out=196), (PICTURE, PICTURE))


def test_the_member_goes_before_the_last_brace() -> None:
    """What a parser sees is the provider's object and one member more."""
    answer, passed = read(body({"b64_json": PNG}))
    assert json.loads(passed + answer.closing({"cost": "0.01"})) == json.loads(body({"b64_json": PNG})) | {
        "gateway": {"cost": "0.01"}
    }


@pytest.mark.parametrize(
    ("items", "images"),
    [
        ([{"url": "https://images.example/1"}], 1),
        ([{"b64_json": PNG}, {"url": "https://images.example/2"}], 2),
        ([{"b64_json": PNG, "url": "https://images.example/1"}], 1),
        ([{"b64_json": PNG}, {"b64_json": "AAAA"}, {"revised_prompt": "x"}, {"url": ""}], 1),
    ],
)
def test_images_are_counted_as_they_came(items: list[dict[str, str]], images: int) -> None:
    """Links count, what is neither a link nor an image does not."""
    assert read(body(*items))[0].delivery().images == images


@pytest.mark.parametrize(
    "answer", [b"", body(), body({"b64_json": ""}), body({"b64_json": "PGh0bWw+"}), b"[]", b'{"data": 7}', b"{"]
)
def test_an_answer_without_an_image_is_malformed(answer: bytes) -> None:
    """Whatever it is instead."""
    with pytest.raises(MalformedAnswer):
        read(answer)[0].delivery()


def test_large_bytes_that_are_no_image_are_refused_before_any_passes() -> None:
    """As soon as their first kilobyte has been read."""
    answer = ImageAnswer()
    with pytest.raises(MalformedAnswer, match="no image"):
        answer.feed(body({"b64_json": "A" * 4000})[:2000])


def test_a_size_that_is_not_echoed_is_the_image_s_own() -> None:
    """Where the images agree; otherwise it stays unknown."""
    assert read(body({"b64_json": PNG}, size=None))[0].delivery().size == "1024x1024"
    assert read(body({"url": "https://images.example/1"}, size=None))[0].delivery().size == ""


def test_a_stream_whose_events_do_not_all_report_usage_has_none() -> None:
    """Half a bill is no bill."""
    events = ImageEvents(2)
    for members in ({"usage": USAGE}, {}):
        said = {"type": "image_generation.completed", "b64_json": PNG} | members
        events.feed(b"data: " + json.dumps(said).encode() + b"\n\n")
    assert events.finished
    assert (events.delivery().images, events.delivery().usage) == (2, None)


@pytest.mark.parametrize("piece_bytes", [1 << 30, 7])
def test_a_cost_is_read_digit_by_digit(piece_bytes: int) -> None:
    """No binary fraction comes between; a number beyond reason, or beside damaged text, says nothing and harms nothing."""
    for written, amount in (
        ("0.1", "0.1"),
        ("12345.678901234", "12345.678901234"),
        ("4e-05", "0.00004"),
        ("1e-99999999999999999999999", None),
    ):
        sent = body({"b64_json": PNG}, usage={"cost": "COST"}).replace(b'"COST"', written.encode())
        answer, _ = read(sent, piece_bytes)
        assert answer.delivery().reported == (None if amount is None else Decimal(amount))
    sent = body({"b64_json": PNG}, usage={"cost": 0.5}, note="NOTE").replace(b"NOTE", b"\xff")
    assert read(sent, piece_bytes)[0].delivery().reported is None


@pytest.mark.parametrize(("costs", "reported"), [((0.1, 0.2), "0.3"), ((0.1, None), None)])
def test_the_costs_of_a_stream_are_added(costs: tuple[float | None, ...], reported: str | None) -> None:
    """Each event reports its own; where one is missing, the sum is not known."""
    answer = ImageEvents(len(costs))
    for cost in costs:
        event = {"type": "image_generation.completed", "b64_json": PNG, "usage": {"cost": cost}}
        answer.feed(f"data: {json.dumps(event)}\n\n".encode())
    assert answer.delivery().reported == (None if reported is None else Decimal(reported))
