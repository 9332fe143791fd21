"""What a caller asked for: the image request, read and checked once at the border."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from gateway.core.diagnosis import shape_refusal

PROMPT_CHARS_MAX = 32_000
N_MAX = 10
# What a size or a quality can look like, whatever values a provider knows: it is booked, printed and compared.
WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_SIZE = re.compile(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})")


class Operation(StrEnum):
    """Which endpoint of the Images API was called."""

    GENERATION = "generation"


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """The members the gateway itself must understand; everything else passes to the provider as it came.

    ``size``, ``quality`` and ``output_format`` are the caller's words (``auto`` where absent); ``n`` is 1 to 10.
    """

    operation: Operation
    model: str
    prompt: str
    n: int
    size: str
    quality: str


def parse(fields: object) -> ImageRequest:
    """Check the members of a JSON body for ``POST /v1/images/generations``; raises ``Refusal`` with the member's name.

    ``null`` counts as absent for the optional members, as OpenAI treats it (measured 2026-08-29).
    """
    if not isinstance(fields, Mapping):
        raise shape_refusal("invalid_type", 'The body must be a JSON object such as {"model": …, "prompt": …}.')
    model, prompt = _required_text(fields, "model"), _required_text(fields, "prompt")
    if len(prompt) > PROMPT_CHARS_MAX:
        message = f"Invalid 'prompt': expected at most {PROMPT_CHARS_MAX} characters, but got {len(prompt)}. Shorten the prompt."
        raise shape_refusal("string_above_max_length", message, param="prompt")
    if fields.get("stream"):
        message = "Streaming is not available through this gateway yet. Leave out 'stream' or send false."
        raise shape_refusal("unsupported_value", message, param="stream")
    return ImageRequest(
        operation=Operation.GENERATION,
        model=model,
        prompt=prompt,
        n=_images_asked(fields),
        size=_optional_text(fields, "size"),
        quality=_optional_text(fields, "quality"),
    )


def pixels_of(size: str) -> tuple[int, int] | None:
    """``(width, height)`` of a ``WIDTHxHEIGHT`` text; ``None`` for anything else, ``auto`` included."""
    found = _SIZE.fullmatch(size)
    return None if found is None else (int(found[1]), int(found[2]))


def _required_text(fields: Mapping[object, object], name: str) -> str:
    if name not in fields:
        raise shape_refusal("missing_required_parameter", f"Missing required parameter: '{name}'.", param=name)
    value = fields[name]
    if not isinstance(value, str):
        raise shape_refusal("invalid_type", _wrong_type(name, "a string", value), param=name)
    if not value:
        raise shape_refusal(
            "empty_string", f"Invalid '{name}': expected a non-empty string. Send at least one character.", param=name
        )
    return value


def _optional_text(fields: Mapping[object, object], name: str) -> str:
    value = fields.get(name)
    if value is None:
        return "auto"
    if not isinstance(value, str):
        raise shape_refusal("invalid_type", _wrong_type(name, "a string", value), param=name)
    if not WORD.fullmatch(value):
        message = f"Invalid value for '{name}': expected a word such as 'auto' or '1024x1024', of letters, digits and . _ -"
        raise shape_refusal("invalid_value", message, param=name)
    return value


def _images_asked(fields: Mapping[object, object]) -> int:
    value = fields.get("n")
    if value is None:
        return 1
    if not isinstance(value, int) or isinstance(value, bool):
        raise shape_refusal("invalid_type", _wrong_type("n", "an integer", value), param="n")
    if value < 1:
        message = f"Invalid 'n': integer below minimum value. Expected a value >= 1, but got {value} instead."
        raise shape_refusal("integer_below_min_value", message, param="n")
    if value > N_MAX:
        message = f"Invalid 'n': integer above maximum value. Expected a value <= {N_MAX}, but got {value} instead."
        raise shape_refusal("integer_above_max_value", message, param="n")
    return value


def _wrong_type(name: str, expected: str, value: object) -> str:
    return f"Invalid type for '{name}': expected {expected}, but got {json_type(value)} instead."


def json_type(value: object) -> str:
    """What JSON calls the value, as OpenAI's messages put it."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int():
            return "an integer"
        case float():
            return "a decimal number"
        case str():
            return "a string"
        case list():
            return "an array"
        case _:
            return "an object"
