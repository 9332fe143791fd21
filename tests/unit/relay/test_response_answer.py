"""An answer of the Responses API: what it delivered, in whatever pieces it came, and how it is closed."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from gateway.core.money.tokens import Usage
from gateway.core.request.images import TextWish
from gateway.core.request.picture import Picture
from gateway.relay.response_answer import END_BYTES_MAX, ResponseAnswer, ResponseEvents
from gateway.relay.scanner import MalformedAnswer

PNG = "iVBORw0KGgoAAAANSUhEUgAABAAAAAQACAIAAADwf7zU" + "A" * 3956
CALL = {"type": "image_generation_call", "id": "ig_1", "status": "completed", "size": "1024x1024", "quality": "low"}
DRAWN = CALL | {"result": PNG}
MESSAGE = {"type": "message", "content": [{"type": "output_text", "text": "Here."}]}
IMAGES = {"input_tokens": 9, "input_tokens_details": {"text_tokens": 9, "image_tokens": 0}, "output_tokens": 196}
SIZES = [1 << 30, 1000, 7, 1]
ANY = TextWish()


def response(*output: dict[str, Any], **members: Any) -> dict[str, Any]:
    found = {"id": "resp_1", "object": "response", "status": "completed", "error": None, "output": list(output)}
    usage = {"usage": {"input_tokens": 600, "output_tokens": 35}, "tool_usage": {"image_gen": IMAGES}}
    return found | usage | members


def events(*said: dict[str, Any]) -> bytes:
    return b"".join(b"event: " + it["type"].encode() + b"\ndata: " + json.dumps(it).encode() + b"\n\n" for it in said)


def feed(answer: ResponseAnswer | ResponseEvents, body: bytes, size: int) -> bytes:
    out = []
    for start in range(0, len(body), size):
        out.append(answer.feed(body[start : start + size]))
        if answer.finished or answer.error is not None:
            break
    return b"".join(out)


def whole(body: dict[str, Any], size: int = 1000, wish: TextWish = ANY) -> tuple[ResponseAnswer, bytes]:
    answer = ResponseAnswer(wish)
    return answer, feed(answer, json.dumps(body).encode(), size)


def streamed(said: Sequence[dict[str, Any]], size: int = 1000, wish: TextWish = ANY) -> tuple[ResponseEvents, bytes]:
    answer = ResponseEvents(wish)
    return answer, feed(answer, events(*said), size)


@pytest.mark.parametrize("size", SIZES)
def test_both_models_tokens_and_all_images_are_read(size: int) -> None:
    """Bytes out are bytes in, and the member comes last."""
    body = response(DRAWN, DRAWN, MESSAGE)
    answer, passed = whole(body, size)
    found = answer.delivery()
    assert (found.images, found.size, found.quality) == (2, "1024x1024", "low")
    assert found.pictures == (Picture("png", 1024, 1024),) * 2
    assert (found.usage, found.text_usage) == (Usage(text_in=9, image_out=196), Usage(text_in=600, text_out=35))
    assert json.loads(passed + answer.closing(None)) == body
    assert json.loads(passed + answer.closing({"cost": "1"})) == body | {"gateway": {"cost": "1"}}
    assert answer.carries_image


PARTIAL = {"type": "response.image_generation_call.partial_image", "partial_image_b64": PNG, "partial_image_index": 0}
CREATED = {"type": "response.created", "response": {"id": "resp_1", "output": []}}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("rest", [{}, {"sequence_number": 9}, {"sequence_number": 9, "note": "a, b"}])
def test_a_stream_s_last_event_holds_the_response_and_the_member(size: int, rest: dict[str, Any]) -> None:
    """The member is inside of the response, wherever that stands in its event, so that SDKs hand it on."""
    done = {"type": "response.output_item.done", "item": DRAWN}
    said = [CREATED, PARTIAL, done, {"type": "response.completed", "response": response(DRAWN, MESSAGE)} | rest]
    answer, passed = streamed(said, size)
    found = answer.delivery()
    assert (found.images, found.partials, found.text_usage) == (1, 1, Usage(text_in=600, text_out=35))
    assert passed + answer.closing(None) == events(*said)
    last = json.loads((passed + answer.closing({"cost": "1"})).rsplit(b"data: ", 1)[1])
    assert last["response"] == response(DRAWN, MESSAGE) | {"gateway": {"cost": "1"}}
    assert last.keys() == said[-1].keys()


@pytest.mark.parametrize("rest", [{"later": {"a": 1}}, {"note": "x" * END_BYTES_MAX}], ids=["an object", "much"])
def test_where_the_response_s_end_is_not_known_the_event_gets_the_member(rest: dict[str, Any]) -> None:
    """Nothing is guessed, and nothing is lost."""
    said = {"type": "response.completed", "response": response(DRAWN)} | rest
    answer, passed = streamed([said], 64)
    assert json.loads((passed + answer.closing({"cost": "1"})).partition(b"data: ")[2]) == said | {"gateway": {"cost": "1"}}


def test_nothing_is_held_back_between_events() -> None:
    """A partial image is the client's at once."""
    answer = ResponseEvents(TextWish())
    body = events(CREATED, PARTIAL)
    assert answer.feed(body) == body
    assert answer.at_boundary
    assert answer.carries_image


def test_an_image_that_only_its_own_event_has_is_counted() -> None:
    """Some proxies leave it out of the last event."""
    said = [{"type": "response.output_item.done", "item": DRAWN}, {"type": "response.completed", "response": response(CALL)}]
    assert streamed(said)[0].delivery().images == 1


def test_words_alone_are_a_delivery_unless_the_tool_was_forced() -> None:
    """What was not called has used nothing: that is known, and no unknown cost."""
    said = {"type": "response.completed", "response": response(MESSAGE, tool_usage=None)}
    for answer in (whole(response(MESSAGE, tool_usage=None))[0], streamed([said])[0]):
        assert (answer.delivery().images, answer.delivery().usage) == (0, Usage())
    with pytest.raises(MalformedAnswer, match="no image"):
        whole(response(MESSAGE), wish=TextWish(forced=True))[0].delivery()


def test_text_counts_as_content_of_a_stream() -> None:
    """It may go to the client before any image has."""
    answer, _ = streamed([CREATED, {"type": "response.output_text.delta", "delta": "He"}])
    assert answer.carries_image


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (response(error={"code": "server_error", "message": "m"}, status="failed"), {"code": "server_error", "message": "m"}),
        (response(CALL | {"result": None, "error": {"code": "moderation_blocked"}}), {"code": "moderation_blocked"}),
        (
            response(MESSAGE, status="incomplete", incomplete_details={"reason": "max_output_tokens"}),
            {"message": "The response ended before an image was made: max_output_tokens.", "code": "max_output_tokens"},
        ),
        (response(DRAWN, status="incomplete", incomplete_details={"reason": "max_output_tokens"}), None),
    ],
    ids=["failed", "failed call", "incomplete", "incomplete behind an image"],
)
def test_a_response_that_failed_is_an_error_whatever_its_status(body: dict[str, Any], error: object) -> None:
    """In an answer and in a stream; what came after an image was made takes nothing away."""
    kind = "response.incomplete" if body["status"] == "incomplete" else "response.completed"
    for answer in (whole(body)[0], streamed([{"type": kind, "response": body}])[0]):
        assert answer.error == error


def test_a_stream_s_error_is_not_passed() -> None:
    """Neither its own event nor a failed response."""
    failed = {"type": "response.failed", "response": response(error={"code": "rate_limit_exceeded", "message": "slow down"})}
    for said in (failed, {"type": "error", "code": "rate_limit_exceeded", "message": "slow down"}):
        answer, passed = streamed([CREATED, said])
        assert answer.error == {"code": "rate_limit_exceeded", "message": "slow down"}
        assert passed == events(CREATED)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (response(CALL | {"result": "AAAA" * 300}), "no image"),
        (response(CALL | {"result": "AAAA"}), "bytes that are no image"),
        (response(CALL | {"result": None}), "holds no image"),
    ],
)
def test_a_call_without_a_usable_image_is_a_failed_attempt(body: dict[str, Any], words: str) -> None:
    """Bytes that are none, or none at all."""
    with pytest.raises(MalformedAnswer, match=words):
        whole(body)[0].delivery()


def test_what_is_not_reported_is_not_known() -> None:
    """Another service tier has other prices; an image without its tokens has no cost by token."""
    answer, _ = whole(response(DRAWN, service_tier="priority", tool_usage=None))
    assert (answer.delivery().text_usage, answer.delivery().usage) == (None, None)
    assert whole(response(DRAWN, output=None))[0].delivery().images == 0


def test_an_answer_that_breaks_off_delivered_nothing() -> None:
    """Whole or streamed."""
    answer = ResponseAnswer(TextWish())
    answer.feed(json.dumps(response(DRAWN)).encode()[:-1])
    with pytest.raises(MalformedAnswer, match="cut short"):
        answer.delivery()
    stream, _ = streamed([CREATED, PARTIAL])
    with pytest.raises(MalformedAnswer, match="before the response was complete"):
        stream.delivery()
    assert stream.feed(b"") == b""
    odd, _ = streamed([{"type": "response.completed", "response": "none"}])
    with pytest.raises(MalformedAnswer, match="no response"):
        odd.delivery()
