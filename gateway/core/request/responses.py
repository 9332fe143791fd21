"""What a caller asked for at the Responses API: a text model with the image tool, read and checked once at the border."""

from collections.abc import Mapping
from typing import Any

from gateway.core.outcome import Refusal, shape_refusal
from gateway.core.request.body_field import boolean, integer, json_type, required_text, word
from gateway.core.request.images import END_USER, N_MAX, PARTIAL_IMAGES_MAX, ImageRequest, Operation, TextWish

TOOL = "image_generation"
CALL = f"{TOOL}_call"
# A longer text than this is not kept whole while a body is read, so its length would not be known.
TEXT_BYTES_MAX = 190 * 1024
_UTF8_BYTES_MAX = 4  # of one character
OUTPUT_TOKENS_MIN, OUTPUT_TOKENS_MAX = 16, 1_000_000
PROMPT_CHARS_KEPT = 64 * 1024
_TOOL_JSON = 'tools: [{"type": "image_generation"}]'
# Tools that cost nothing but tokens. Any other has a price of its own, which no contract here knows.
_OTHER_TOOLS = frozenset({"function", "custom"})
_SERVICE_TIERS = frozenset({"auto", "default"})
# Where images and files stand, in whichever item; what they hold is no text.
_FILES = frozenset({"image_url", "file_id", "file_data", "file_url"})
# What the gateway cannot serve: each leads to something that is kept at one provider, and that it cannot see.
_REFUSED = {
    "previous_response_id": "Send the earlier turns in 'input' instead: what a provider keeps of them is not known here, "
    "neither what it costs nor whose images it holds.",
    "conversation": "Send the earlier turns in 'input' instead: what a provider keeps of them is not known here, neither what it "
    "costs nor whose images it holds.",
    "prompt": "Send the prompt's text in 'input' instead: a stored prompt belongs to one provider's account.",
    "background": "Leave it out, and stream the response if it takes long: a job that runs in the background cannot be booked.",
}


def parse_response(fields: Mapping[str, Any]) -> tuple[ImageRequest, str]:
    """The request, and all its texts, so that a provider's echo of them can be found; raises ``Refusal`` with a member's name.

    Images, masks and files anywhere in it count as references. Shape: OpenAI's API reference for Responses (openai-python
    3.54, read 2026-11-24).
    """
    model = required_text(fields, "model")
    for name, fix in _REFUSED.items():
        if fields.get(name) not in (None, False):
            raise shape_refusal("unsupported_parameter", f"Unsupported parameter: '{name}'. {fix}", param=name)
    _check_service_tier(fields.get("service_tier"))
    tool = _tool_of(fields.get("tools"))
    stream = boolean(fields, "stream")
    partial_images = integer(tool, "partial_images", 0, 0, PARTIAL_IMAGES_MAX)
    image_model = tool.get("model")
    if image_model is not None and not isinstance(image_model, str):
        message = f"Invalid type for 'tools': expected its model to be a string, but got {json_type(image_model)} instead."
        raise shape_refusal("invalid_type", message, param="tools")
    texts, references = _content(fields)
    request = ImageRequest(
        operation=Operation.RESPONSE,
        model=model,
        prompt_bytes=_length("".join(texts)),
        n=integer(fields, "max_tool_calls", 1, 1, N_MAX),
        size=word(tool, "size"),
        quality=word(tool, "quality"),
        output_format=word(tool, "output_format"),
        stream=stream,
        partial_images=partial_images if stream else 0,
        references=references,
        background=word(tool, "background"),
        members=frozenset("mask" if name == "input_image_mask" else name for name, it in tool.items() if it is not None),
        end_user=next((it for name in END_USER if isinstance(it := fields.get(name), str)), ""),
        text=TextWish(
            image_model=image_model or "",
            output_tokens_max=_output_tokens_max(fields),
            forced=_forced(fields.get("tool_choice"), only=len(fields["tools"]) == 1),
        ),
    )
    return request, "\n".join(texts)[:PROMPT_CHARS_KEPT]


def _check_service_tier(tier: object) -> None:
    if tier is not None and tier not in _SERVICE_TIERS:
        message = "Invalid 'service_tier': expected 'auto' or 'default'. The contracts' prices are those of the default tier."
        raise shape_refusal("invalid_value", message, param="service_tier")


def _tool_of(tools: object) -> Mapping[str, Any]:
    """The one image tool."""
    if tools is not None and not isinstance(tools, list):
        message = f"Invalid type for 'tools': expected an array of objects, but got {json_type(tools)} instead."
        raise shape_refusal("invalid_type", message, param="tools")
    listed = [it if isinstance(it, Mapping) else {} for it in tools or ()]
    found = [it for it in listed if it.get("type") == TOOL]
    if not found:
        raise _toolless(f"Add {_TOOL_JSON}.", "tools")
    if len(found) > 1:
        raise shape_refusal("invalid_value", f"Invalid 'tools': expected one tool of the type '{TOOL}'.", param="tools")
    for it in listed:
        if it is not found[0] and it.get("type") not in _OTHER_TOOLS:
            message = (
                f"Unsupported tool: '{str(it.get('type'))[:40]}'. Beside '{TOOL}', this gateway serves tools of the types "
                "'function' and 'custom': any other has a price of its own that no contract here knows. Leave it out."
            )
            raise shape_refusal("unsupported_parameter", message, param="tools")
    return found[0]


def _toolless(fix: str, param: str) -> Refusal:
    message = f"This is an image gateway: it serves the Responses API only with the tool '{TOOL}'. {fix}"
    hint = "For text alone, call the text provider itself; for an image alone, POST /v1/images/generations."
    return shape_refusal("image_tool_missing", f"{message} {hint}", param=param)


def _forced(choice: object, *, only: bool) -> bool:
    """Whether the tool must be called; ``only``: there is no other. Raises ``Refusal`` where it must not."""
    kind = choice.get("type") if isinstance(choice, Mapping) else choice
    if kind == "none" or (isinstance(choice, Mapping) and kind in _OTHER_TOOLS):
        raise _toolless("This 'tool_choice' keeps the model from calling it: leave it out.", "tool_choice")
    return kind == TOOL or (kind == "required" and only)


def _output_tokens_max(fields: Mapping[str, Any]) -> int | None:
    if fields.get("max_output_tokens") is None:
        return None
    return integer(fields, "max_output_tokens", 0, OUTPUT_TOKENS_MIN, OUTPUT_TOKENS_MAX)


def _content(fields: Mapping[str, Any]) -> tuple[list[str], int]:
    """All texts, names of members and numbers included, and how many images and files there are."""
    texts: list[str] = []
    references = 0
    waiting: list[Mapping[str, Any] | list[Any]] = [fields]
    while waiting:
        at = waiting.pop()
        if isinstance(at, Mapping):
            texts += at
            own, drawn = _read_item(at)
            references += drawn
        else:
            own = at
        for value in own:
            if isinstance(value, str):
                texts.append(_bounded(value))
            elif isinstance(value, Mapping | list):
                waiting.append(value)
            elif value is not None:
                texts.append(str(value))
    return texts, references


def _read_item(item: Mapping[str, Any]) -> tuple[list[Any], bool]:
    """Its values but for those that are no text, and whether it is an image or a file."""
    kind = item.get("type")
    if kind == "item_reference":
        message = "Unsupported item in 'input': 'item_reference'. Send the item itself: what a provider keeps is not known here."
        raise shape_refusal("unsupported_parameter", message, param="input")
    hidden = {name for name in _FILES & item.keys() if isinstance(item[name], str)}
    drawn = kind == CALL
    if not hidden and not drawn:
        return list(item.values()), False
    hidden |= {"result"} if drawn else set()
    return [value for name, value in item.items() if name not in hidden], True


def _bounded(text: str) -> str:
    if len(text) * _UTF8_BYTES_MAX > TEXT_BYTES_MAX and _length(text) > TEXT_BYTES_MAX:
        message = f"A text in the body has more than {TEXT_BYTES_MAX} bytes. Send it in several parts."
        raise shape_refusal("string_above_max_length", message, param="input")
    return text


def _length(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
