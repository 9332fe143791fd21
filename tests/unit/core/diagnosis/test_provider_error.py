"""What a provider said, with the wrappers of everybody who passed it on taken off."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.diagnosis.provider_error import DEPTH_MAX, WORDS_MAX, read_error

INNER = {"error": {"message": "Billing hard limit has been reached", "type": "billing", "code": "billing_hard_limit_reached"}}


@pytest.mark.parametrize(
    "body",
    [
        INNER,
        [INNER],
        {"error": {"message": f"upstream failed: {json.dumps(INNER)} (request id: 1)", "type": "upstream_error", "code": None}},
        {"error": {"message": f"litellm.BadRequestError: OpenAIException - {INNER}", "type": None, "code": "400"}},
        {"error": {"message": "Provider returned error", "code": 502, "metadata": {"raw": json.dumps(INNER)}}},
        {"detail": INNER},
        f"Error code: 400 - {json.dumps(INNER)}",
    ],
    ids=["as it is", "in a list", "JSON in a text", "Python in a text", "raw", "detail", "no JSON"],
)
def test_the_innermost_error_is_found(body: object) -> None:
    """However it was passed on: its text, its names, and those of the wrappers after it."""
    found = read_error(body)
    assert found.message == "Billing hard limit has been reached"
    assert found.words[:2] == ("billing_hard_limit_reached", "billing")
    assert (found.type, found.code) == ("billing", "billing_hard_limit_reached")


@pytest.mark.parametrize(
    ("body", "words", "message"),
    [
        ({"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}}, ("503", "unavailable"), "busy"),
        ({"code": "some_code", "error": "No credits."}, ("some_code",), "No credits."),
        ({"detail": [{"loc": ["body"], "msg": "too long", "type": "string_too_long"}]}, ("string_too_long",), "too long"),
        ({"name": "bad_request", "errors": ["size: not a size"]}, ("bad_request",), "size: not a size"),
        ({"title": "Insufficient credit", "detail": "Buy some."}, ("insufficient credit",), "Buy some."),
        ({"message": "Too many requests."}, (), "Too many requests."),
        (None, (), ""),
        (7, (), ""),
        ({"error": {"message": "", "code": True}}, (), ""),
    ],
)
def test_each_shape_names_its_error(body: object, words: tuple[str, ...], message: str) -> None:
    """Google's, xAI's, FastAPI's, Stability's, Replicate's, Amazon's; and what says nothing."""
    found = read_error(body)
    assert (found.words, found.message) == (words, message)


def test_amazon_names_it_in_a_header() -> None:
    """With or without the address behind it."""
    found = read_error({"message": "no"}, {"x-amzn-errortype": "ThrottlingException:http://internal.example"})
    assert (found.words, found.type) == (("throttlingexception",), "ThrottlingException")


def test_a_text_without_an_error_in_it_is_the_message() -> None:
    """Braces alone are none."""
    assert read_error("a {b} c").message == "a {b} c"
    assert read_error("{'a': set()}").message == "{'a': set()}"
    assert read_error('{"nothing": 1}').message == '{"nothing": 1}'


def test_it_is_bounded() -> None:
    """However deep it is wrapped, and however much it says."""
    deep: object = "the core"
    for _ in range(DEPTH_MAX * 4):
        deep = {"error": {"inner_error": deep}}
    assert read_error(deep).message == ""
    wide = {"errors": [{"code": f"{kind}{number}", "type": f"t{number}"} for number in range(100) for kind in "ab"]}
    assert len(read_error(wide).words) <= WORDS_MAX


names = st.sampled_from(["error", "errors", "message", "code", "type", "detail", "metadata", "raw", "status"])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inside: (
        st.lists(inside, max_size=4)
        | st.dictionaries(
            st.sampled_from(["error", "errors", "message", "code", "type", "detail", "metadata", "raw", "status"]),
            inside,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(json_values, st.dictionaries(st.just("x-amzn-errortype"), st.text()))
def test_nothing_that_anybody_sends_breaks_it(body: object, headers: dict[str, str]) -> None:
    """Any JSON value, also as a text in a text."""
    assert read_error(body, headers).words == tuple(dict.fromkeys(read_error(body, headers).words))
    read_error({"error": {"message": f"wrapped: {json.dumps(body)}"}})
    read_error(repr(body))
