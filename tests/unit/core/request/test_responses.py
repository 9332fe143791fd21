"""What a caller asked for at the Responses API: read once, with the member's name where it is wrong."""

from typing import Any

import pytest

from gateway.core.outcome import Refusal
from gateway.core.request.images import Operation, TextWish
from gateway.core.request.responses import TEXT_BYTES_MAX, parse_response

TOOL: dict[str, Any] = {"type": "image_generation"}
BODY: dict[str, Any] = {"model": "gpt-5.5", "input": "An owl", "tools": [TOOL]}
URL = "data:image/png;base64,aGk="


def message(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"input": [{"role": "user", "content": list(parts)}]}


def test_the_tool_s_members_are_the_image_request() -> None:
    """The rest is the text model's."""
    tool = TOOL | {"model": "gpt-image-2", "size": "1024x1024", "quality": "low", "background": None, "partial_images": 2}
    tool |= {"input_image_mask": {"image_url": URL}}
    body = BODY | {"tools": [{"type": "function", "name": "f"}, tool], "stream": True, "max_tool_calls": 3, "user": "u-1"}
    found = parse_response(body | {"max_output_tokens": 500, "tool_choice": {"type": "image_generation"}})[0]
    assert (found.operation, found.model, found.n, found.stream) == (Operation.RESPONSE, "gpt-5.5", 3, True)
    assert (found.size, found.quality, found.background, found.partial_images) == ("1024x1024", "low", "auto", 2)
    assert (found.references, found.end_user) == (1, "u-1")
    assert found.members == {"type", "model", "size", "quality", "partial_images", "mask"}
    assert found.text == TextWish("gpt-image-2", 500, forced=True)


def test_what_is_absent_has_its_bound() -> None:
    """One call of the tool, and nothing known of the text's length."""
    found = parse_response(BODY)[0]
    assert (found.n, found.references, found.text) == (1, 0, TextWish())
    assert parse_response(BODY | {"tools": [TOOL | {"partial_images": 3}]})[0].partial_images == 0


@pytest.mark.parametrize(
    ("choice", "others", "forced"),
    [(None, 0, False), ("auto", 0, False), ("required", 0, True), ("required", 1, False), ({"type": "allowed_tools"}, 0, False)],
)
def test_a_choice_may_force_the_tool(choice: object, others: int, forced: bool) -> None:
    """Then words alone are no answer."""
    tools = [TOOL] + [{"type": "custom", "name": "f"}] * others
    found = parse_response(BODY | {"tools": tools, "tool_choice": choice})[0].text
    assert found is not None
    assert found.forced is forced


@pytest.mark.parametrize(
    ("change", "references"),
    [
        (message({"type": "input_text", "text": "An owl"}), 0),
        (message({"type": "input_image", "image_url": URL}, {"type": "input_image", "file_id": "file-1"}), 2),
        (message({"type": "input_file", "file_data": "aGk="}, {"type": "input_file", "file_url": "https://a.example/b"}), 2),
        ({"input": [{"type": "image_generation_call", "result": "aGk="}]}, 1),
        ({"input": [{"type": "function_call_output", "output": [{"type": "input_image", "image_url": URL}]}]}, 1),
        ({"tools": [TOOL, {"type": "function", "parameters": {"properties": {"image_url": {"type": "string"}}}}]}, 0),
    ],
)
def test_every_image_in_the_body_is_a_reference(change: dict[str, Any], references: int) -> None:
    """Wherever it stands; the schema of a function is none."""
    assert parse_response(BODY | change)[0].references == references


def test_texts_are_measured_and_images_are_not() -> None:
    """In UTF-8, with the names of members; what the provider might repeat of them can be found."""
    plain = parse_response(BODY | message({"type": "input_text", "text": "Ä" * 100}))[0].prompt_bytes
    image = {"type": "input_image", "image_url": "data:image/png;base64," + "A" * 5_000}
    with_image = parse_response(BODY | message({"type": "input_text", "text": "Ä" * 100}, image))[0].prompt_bytes
    assert 200 < plain < with_image < plain + 100
    drawn = {"input": [{"type": "image_generation_call", "result": "A" * 5_000}]}
    assert parse_response(BODY | drawn)[0].prompt_bytes < 300
    assert "An owl" in parse_response(BODY | {"temperature": 0.5})[1]


@pytest.mark.parametrize(
    ("change", "param", "code"),
    [
        ({"model": None}, "model", "invalid_type"),
        ({"previous_response_id": "resp_1"}, "previous_response_id", "unsupported_parameter"),
        ({"conversation": {"id": "c"}}, "conversation", "unsupported_parameter"),
        ({"prompt": {"id": "p"}}, "prompt", "unsupported_parameter"),
        ({"background": True}, "background", "unsupported_parameter"),
        ({"service_tier": "flex"}, "service_tier", "invalid_value"),
        ({"tools": "image_generation"}, "tools", "invalid_type"),
        ({"tools": None}, "tools", "image_tool_missing"),
        ({"tools": ["image_generation"]}, "tools", "image_tool_missing"),
        ({"tools": [TOOL, TOOL]}, "tools", "invalid_value"),
        ({"tools": [TOOL, {"type": "mcp"}]}, "tools", "unsupported_parameter"),
        ({"tools": [TOOL | {"model": 2}]}, "tools", "invalid_type"),
        ({"tools": [TOOL | {"size": "a b"}]}, "size", "invalid_value"),
        ({"tool_choice": "none"}, "tool_choice", "image_tool_missing"),
        ({"tool_choice": {"type": "function", "name": "f"}}, "tool_choice", "image_tool_missing"),
        ({"max_tool_calls": 0}, "max_tool_calls", "integer_below_min_value"),
        ({"max_output_tokens": 15}, "max_output_tokens", "integer_below_min_value"),
        ({"stream": "yes"}, "stream", "invalid_type"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input", "unsupported_parameter"),
        ({"input": "x" * (TEXT_BYTES_MAX + 1)}, "input", "string_above_max_length"),
    ],
)
def test_what_is_wrong_is_told_with_its_member(change: dict[str, Any], param: str, code: str) -> None:
    """Before anything is sent."""
    with pytest.raises(Refusal) as caught:
        parse_response(BODY | change)
    assert (caught.value.param, caught.value.code) == (param, code)
