"""OpenAI's own checks in the simulator: what is refused, in which order, with which words."""

import base64
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from gateway.simulator.refusal import Refusal
from gateway.simulator.settings import SimulatorSettings
from gateway.simulator.submission import Submission, Upload
from gateway.simulator.validation import Operation, Wish, validate

GOOD = {"model": "gpt-image-2", "prompt": "a red fox"}
FLARE = GOOD | {"model": "gpt-image-2.5-flare"}
OLDER = GOOD | {"model": "gpt-image-1.5"}
URL = "data:image/png;base64," + base64.b64encode(b"not looked at here").decode()
FILE = Upload("image", "a.png", "image/png", b"not looked at here")


def generation(members: dict[str, Any], *, form: bool = False, preview: bool = False) -> Wish:
    """What the check makes of a generation."""
    return validate(Submission(members, form=form), Operation.GENERATION, SimulatorSettings(transparent_preview=preview))


def edit(members: dict[str, Any], *files: Upload, form: bool = False) -> Wish:
    """What the check makes of an edit."""
    return validate(Submission(members, files, form), Operation.EDIT, SimulatorSettings())


def test_defaults_are_resolved() -> None:
    """``auto`` becomes a square of low quality, opaque, PNG; ``null`` counts as omitted."""
    wish = generation(GOOD)
    assert (wish.n, wish.size, wish.quality, wish.background) == (1, "1024x1024", "low", "opaque")
    assert (wish.output_format, wish.output_compression, wish.stream, wish.partial_images) == ("png", 100, False, 0)
    empty = {"n": None, "output_compression": None, "partial_images": None, "quality": None, "size": None, "stream": None}
    assert generation(GOOD | empty) == wish
    assert (
        generation(GOOD | {"size": "auto", "quality": "auto", "background": "auto", "user": "u", "safety_identifier": "u"})
        == wish
    )


BELOW, ABOVE, RANGE = "integer_below_min_value", "integer_above_max_value", "Expected a value"


@pytest.mark.parametrize(
    ("members", "param", "code", "words"),
    [
        ({"prompt": "x"}, "model", "missing_required_parameter", "Missing required parameter: 'model'."),
        (GOOD | {"model": None}, "model", "invalid_type", "expected a string, but got null instead."),
        (GOOD | {"model": "dall-e-3"}, "model", "invalid_value", "The model 'dall-e-3' does not exist."),
        (GOOD | {"response_format": None}, "response_format", "unknown_parameter", "Unknown parameter: 'response_format'."),
        (GOOD | {"style": "vivid"}, "style", "unknown_parameter", "Unknown parameter: 'style'."),
        (GOOD | {"mask": None}, "mask", "unknown_parameter", "Unknown parameter: 'mask'."),
        (GOOD | {"input_fidelity": "low"}, "input_fidelity", "unknown_parameter", "Unknown parameter"),
        (GOOD | {"complexity": "low"}, "complexity", "unknown_parameter", "Unknown parameter"),
        ({"model": "gpt-image-2"}, "prompt", "missing_required_parameter", "'prompt'"),
        (GOOD | {"prompt": ""}, "prompt", "empty_string", "empty string"),
        (GOOD | {"prompt": ["x"]}, "prompt", "invalid_type", "got an array"),
        (GOOD | {"prompt": "x" * 32_001}, "prompt", "string_above_max_length", "length 32001"),
        (GOOD | {"n": 0}, "n", BELOW, f"integer below minimum value. {RANGE} >= 1, but got 0 instead."),
        (GOOD | {"n": 11}, "n", ABOVE, f"integer above maximum value. {RANGE} <= 10, but got 11 instead."),
        (GOOD | {"n": 1.5}, "n", "invalid_type", "expected an integer, but got a decimal number instead."),
        (GOOD | {"n": "2"}, "n", "invalid_type", "got a string"),
        (GOOD | {"n": True}, "n", "invalid_type", "got a boolean"),
        (GOOD | {"output_compression": 101}, "output_compression", ABOVE, "<= 100"),
        (GOOD | {"partial_images": 4}, "partial_images", ABOVE, "<= 3"),
        (GOOD | {"partial_images": -1}, "partial_images", BELOW, ">= 0"),
        (
            GOOD | {"quality": "xhigh"},
            "quality",
            "invalid_value",
            "'xhigh'. Supported values are: 'low', 'medium', 'high', and 'auto'.",
        ),
        (FLARE | {"quality": "hd"}, "quality", "invalid_value", "'low', 'medium', 'high', 'xhigh', 'max', and 'auto'."),
        (GOOD | {"output_format": "gif"}, "output_format", "invalid_value", "'png', 'webp', and 'jpeg'."),
        (GOOD | {"moderation": "none"}, "moderation", "invalid_value", "Supported values are: 'auto' and 'low'."),
        (GOOD | {"background": "red"}, "background", "invalid_value", "'transparent', 'opaque', and 'auto'."),
        (GOOD | {"background": "transparent"}, "background", "invalid_value", "not supported for this model."),
        (FLARE | {"background": "transparent", "output_format": "jpeg"}, "background", "invalid_value", "'png' or 'webp'"),
        (GOOD | {"stream": "yes"}, "stream", "invalid_type", "expected a boolean, but got a string instead."),
        (GOOD | {"size": 1024}, "size", "invalid_type", "got an integer"),
        (
            GOOD | {"size": "bogus"},
            "size",
            "invalid_value",
            "Invalid size 'bogus'. Expected WIDTHxHEIGHT, for example '1824x1024'.",
        ),
        (GOOD | {"size": "1500x1500"}, "size", "invalid_value", "Width and height must both be divisible by 16."),
        (GOOD | {"size": "3856x2160"}, "size", "invalid_value", "The longest edge must be less than or equal to 3840."),
        (GOOD | {"size": "3840x1264"}, "size", "invalid_value", "The maximum supported aspect ratio is 3:1."),
        (GOOD | {"size": "800x800"}, "size", "invalid_value", "below the current minimum pixel budget."),
        (GOOD | {"size": "3008x3008"}, "size", "invalid_value", "exceeds the current pixel budget."),
        (OLDER | {"size": "1024x640"}, "size", "invalid_value", "are 1024x1024, 1024x1536, 1536x1024, and auto."),
    ],
)
def test_a_generation_is_refused_as_openai_refuses_it(members: dict[str, Any], param: str, code: str, words: str) -> None:
    """Always 400, with the parameter, the code and the text that were measured."""
    with pytest.raises(Refusal) as caught:
        generation(members)
    error = caught.value.body["error"]
    assert (caught.value.status, error["param"], error["code"]) == (400, param, code)
    assert words in error["message"]


@pytest.mark.parametrize("members", [GOOD | {"model": "x"}, GOOD | {"size": "x"}, GOOD | {"background": "transparent"}])
def test_what_the_image_service_itself_refuses_has_a_type_of_its_own(members: dict[str, Any]) -> None:
    """Model, size and transparency; all else is an invalid request."""
    with pytest.raises(Refusal) as caught:
        generation(members)
    assert caught.value.body["error"]["type"] == "image_generation_user_error"
    with pytest.raises(Refusal) as caught:
        generation(GOOD | {"quality": "x"})
    assert caught.value.body["error"]["type"] == "invalid_request_error"


IN_ORDER = [
    ("model", {"model": "none"}),
    ("style", {"style": "vivid"}),
    ("prompt", {"prompt": ""}),
    ("images", {"images": []}),
    ("n", {"n": 0}),
    ("quality", {"quality": "ultra"}),
    ("output_compression", {"output_compression": 101}),
    ("size", {"size": "bogus"}),
]


@pytest.mark.parametrize("first", range(len(IN_ORDER)))
def test_the_checks_come_in_openai_s_order(first: int) -> None:
    """Of several mistakes the earliest check names its own: model, unknown, prompt, images, n, quality, compression, size."""
    members: dict[str, Any] = GOOD | {"images": [{"image_url": URL}]}
    for _, mistake in IN_ORDER[first:]:
        members |= mistake
    with pytest.raises(Refusal) as caught:
        edit(members)
    assert caught.value.body["error"]["param"] == IN_ORDER[first][0]


@pytest.mark.parametrize("size", ["1024x640", "816x816", "2880x2880", "3840x2160", "2160x3840", "3840x1280"])
def test_sizes_at_the_limits_are_accepted(size: str) -> None:
    """Limits are inclusive."""
    assert generation(GOOD | {"size": size}).size == size


@pytest.mark.parametrize(
    ("members", "extra"),
    [
        (FLARE, {"quality": "max", "background": "transparent", "complexity": "high"}),
        (OLDER, {"size": "1024x1536", "background": "transparent", "output_format": "webp"}),
    ],
)
def test_each_model_has_its_own_rules(members: dict[str, Any], extra: dict[str, Any]) -> None:
    """What one model refuses another one makes."""
    assert generation(members | extra).background == "transparent"


def test_the_preview_of_transparency_is_a_switch() -> None:
    """An account with it may ask gpt-image-2 for a transparent background."""
    assert generation(GOOD | {"background": "transparent"}, preview=True).background == "transparent"


def test_a_form_s_texts_are_converted() -> None:
    """Numbers and truth values of a form are texts."""
    wish = edit(GOOD | {"n": "2", "stream": "true", "partial_images": "1", "output_compression": "50"}, FILE, form=True)
    assert (wish.n, wish.stream, wish.partial_images, wish.output_compression) == (2, True, 1, 50)


@pytest.mark.parametrize(
    ("members", "files", "form", "param", "code"),
    [
        (GOOD, (), True, "image", "missing_required_parameter"),
        (GOOD | {"image": "x"}, (), True, "image", "invalid_type"),
        (GOOD, (Upload("images", "", "", b""),), True, "images", "invalid_value"),
        (GOOD, (FILE, Upload("other", "", "", b"")), True, "other", "unknown_parameter"),
        (GOOD, (FILE,) * 17, True, "image", "array_above_max_length"),
        (GOOD | {"n": "abc"}, (FILE,), True, "n", "invalid_type"),
        (GOOD | {"stream": "yes"}, (FILE,), True, "stream", "invalid_type"),
        (GOOD | {"input_fidelity": "high"}, (FILE,), True, "input_fidelity", "invalid_input_fidelity_model"),
        (OLDER | {"input_fidelity": "middle"}, (FILE,), True, "input_fidelity", "invalid_value"),
        (GOOD | {"mask": "x"}, (FILE,), True, "mask", "invalid_type"),
        (GOOD | {"image": "x"}, (), False, "image", "invalid_value"),
        (GOOD, (), False, "images", "missing_required_parameter"),
        (GOOD | {"images": "x"}, (), False, "images", "invalid_type"),
        (GOOD | {"images": []}, (), False, "images", "empty_array"),
        (GOOD | {"images": ["x"]}, (), False, "images[0]", "invalid_type"),
        (GOOD | {"images": [{"image_url": URL}] * 17}, (), False, "images", "array_above_max_length"),
        (GOOD | {"images": [{"image_url": URL, "detail": 1}]}, (), False, "images[0].detail", "unknown_parameter"),
        (GOOD | {"images": [{"image_url": 1}]}, (), False, "images[0].image_url", "invalid_type"),
        (GOOD | {"images": [{}]}, (), False, "images[0].image_url", "missing_required_parameter"),
        (GOOD | {"images": [{"image_url": "https://example.com/a.png"}]}, (), False, "images[0].image_url", "invalid_value"),
        (GOOD | {"images": [{"image_url": "data:image/png;base64,***"}]}, (), False, "images[0].image_url", "invalid_value"),
        (GOOD | {"images": [{"file_id": "file-1"}]}, (), False, "images[0].file_id", "invalid_value"),
    ],
)
def test_an_edit_is_refused_as_openai_refuses_it(
    members: dict[str, Any], files: tuple[Upload, ...], form: bool, param: str, code: str
) -> None:
    """The parameter that is named is the caller's."""
    with pytest.raises(Refusal) as caught:
        edit(members, *files, form=form)
    error = caught.value.body["error"]
    assert (caught.value.status, error["param"], error["code"]) == (400, param, code)


def test_the_json_form_of_an_edit_carries_data_urls() -> None:
    """Images and mask, decoded from base64."""
    buffer = BytesIO()
    Image.new("RGBA", (8, 8)).save(buffer, "PNG")
    url = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    wish = edit(GOOD | {"images": [{"image_url": url}], "mask": {"image_url": url}})
    assert [upload.data for upload in (*wish.images, wish.mask) if upload] == [buffer.getvalue()] * 2
