"""Reading an image request: what is refused, by which name, with which words."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.outcome import Owner, Refusal
from gateway.core.request.images import ImageRequest, Operation, parse, pixels_of

GENERATION = Operation.GENERATION
GOOD = {"model": "gpt-image-2", "prompt": "a red fox"}


def test_defaults_are_one_image_of_auto_size_and_quality() -> None:
    """``null`` counts as absent, as OpenAI treats it."""
    expected = ImageRequest(Operation.GENERATION, "gpt-image-2", 9, 1, "auto", "auto")
    assert parse(GENERATION, GOOD) == expected
    assert parse(GENERATION, GOOD | {"n": None, "size": None, "quality": None, "stream": None}) == expected


def test_what_is_asked_for_is_kept() -> None:
    """Size, quality and count are the caller's words."""
    request = parse(
        GENERATION, GOOD | {"n": 10, "size": "1536x1024", "quality": "high", "stream": False, "anything": {"else": 1}}
    )
    assert (request.n, request.size, request.quality) == (10, "1536x1024", "high")


@pytest.mark.parametrize(
    ("fields", "param", "code", "words"),
    [
        ([], None, "invalid_type", "JSON object"),
        ({"prompt": "x"}, "model", "missing_required_parameter", "Missing required parameter: 'model'."),
        ({"model": "m"}, "prompt", "missing_required_parameter", "Missing required parameter: 'prompt'."),
        (GOOD | {"model": None}, "model", "invalid_type", "expected a string, but got null"),
        (GOOD | {"prompt": ""}, "prompt", "empty_string", "at least one character"),
        (GOOD | {"prompt": 7}, "prompt", "invalid_type", "got an integer"),
        (GOOD | {"prompt": "x" * 32_001}, "prompt", "string_above_max_length", "at most 32000 characters, but got 32001"),
        (GOOD | {"n": 0}, "n", "integer_below_min_value", "Expected a value >= 1, but got 0"),
        (GOOD | {"n": 11}, "n", "integer_above_max_value", "Expected a value <= 10, but got 11"),
        (GOOD | {"n": 1.5}, "n", "invalid_type", "expected an integer, but got a decimal number"),
        (GOOD | {"n": "2"}, "n", "invalid_type", "got a string"),
        (GOOD | {"n": True}, "n", "invalid_type", "got a boolean"),
        (GOOD | {"size": [1]}, "size", "invalid_type", "got an array"),
        (GOOD | {"quality": {}}, "quality", "invalid_type", "got an object"),
        (GOOD | {"quality": "my secret prompt"}, "quality", "invalid_value", "expected a word"),
        (GOOD | {"quality": "\x1b[31m"}, "quality", "invalid_value", "expected a word"),
        (GOOD | {"size": "x" * 33}, "size", "invalid_value", "expected a word"),
        (GOOD | {"stream": "yes"}, "stream", "invalid_type", "expected a boolean, but got a string"),
        (GOOD | {"partial_images": 4}, "partial_images", "integer_above_max_value", "Expected a value <= 3, but got 4"),
    ],
)
def test_a_wrong_field_is_named_with_its_rule(fields: object, param: str | None, code: str, words: str) -> None:
    """The error names the field, the rule and what came instead."""
    with pytest.raises(Refusal) as caught:
        parse(GENERATION, fields)
    assert (caught.value.param, caught.value.code, caught.value.status) == (param, code, 400)
    assert words in caught.value.message
    assert caught.value.diagnosis.owner is Owner.REQUEST_SHAPE
    assert not caught.value.diagnosis.retryable


@pytest.mark.parametrize(
    ("fields", "param", "words"),
    [
        ({"n": "two"}, "n", "a string value that could not be converted into an integer"),
        ({"n": "0"}, "n", "Expected a value >= 1, but got 0"),
        ({"stream": "yes"}, "stream", "a string value that could not be converted into a boolean"),
    ],
)
def test_texts_of_a_form_are_converted_or_refused(fields: dict[str, str], param: str, words: str) -> None:
    """A form has no types: what cannot be a number or a boolean is refused by its name."""
    with pytest.raises(Refusal) as caught:
        parse(Operation.EDIT, GOOD | fields, 1, form=True)
    assert caught.value.param == param
    assert words in caught.value.message


def test_a_form_means_the_same_as_json() -> None:
    """Numbers and booleans as texts; the images that came along are counted."""
    request = parse(Operation.EDIT, GOOD | {"n": "2", "stream": "true", "partial_images": "3"}, 4, form=True)
    assert request == parse(Operation.EDIT, GOOD | {"n": 2, "stream": True, "partial_images": 3}, 4)
    assert (request.references, request.partial_images) == (4, 3)


def test_a_variation_has_no_prompt_and_only_a_stream_has_partial_images() -> None:
    """What does not belong to the request costs nothing."""
    assert parse(Operation.VARIATION, {"model": "dall-e-2"}, 1, form=True).prompt_bytes == 0
    assert parse(GENERATION, GOOD | {"partial_images": 2}).partial_images == 0


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(st.dictionaries(st.sampled_from(["model", "prompt", "n", "size", "quality", "stream", "x"]), JSON) | JSON)
def test_any_json_is_a_request_or_a_refusal(fields: object) -> None:
    """No input makes anything else than these two."""
    with suppress(Refusal):
        assert 1 <= parse(GENERATION, fields).n <= 10


@pytest.mark.parametrize(
    ("size", "pixels"),
    [
        ("1024x640", (1024, 640)),
        ("auto", None),
        ("0x10", None),
        ("10x", None),
        ("1024X1024", None),
        ("999999x1", None),
        ("", None),
    ],
)
def test_sizes_are_read_strictly(size: str, pixels: tuple[int, int] | None) -> None:
    """Only WIDTHxHEIGHT is a size."""
    assert pixels_of(size) == pixels


def test_service_tier_is_explained() -> None:
    """It is no parameter here, and no usage tier."""
    with pytest.raises(Refusal, match="unlocks no model") as caught:
        parse(
            Operation.GENERATION, {"model": "gpt-image-2", "prompt": "A"}, members=frozenset({"model", "prompt", "service_tier"})
        )
    assert (caught.value.code, caught.value.param) == ("unknown_parameter", "service_tier")
