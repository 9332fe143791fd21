"""What a caller asked for: the image request, read and checked once at the border."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from gateway.core.diagnosis import Refusal, shape_refusal

PROMPT_CHARS_MAX = 32_000
N_MAX = 10
PARTIAL_IMAGES_MAX = 3
AUTO = "auto"
# What a size or a quality can look like, whatever values a provider knows: it is booked, printed and compared.
WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
# The commonest confusion of names: source, OpenAI's API reference for Responses, read 2026-11-23.
_SERVICE_TIER = (
    "Unknown parameter: 'service_tier'. It selects how the Responses and Chat APIs process a request (auto, default, flex, "
    "priority). The Images API does not have it, and it is not the account's usage tier (Tier 1 to 5): it unlocks no model. "
    "Leave it out."
)
_END_USER = ("safety_identifier", "user")
_INTEGER = re.compile(r"-?[0-9]{1,9}")
_BOOLEANS = {"true": True, "false": False}
_SIZE = re.compile(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})")


class Operation(StrEnum):
    """Which endpoint of the Images API was called."""

    GENERATION = "generation"
    EDIT = "edit"
    VARIATION = "variation"


# Where each is found, here under /v1 and at a provider under its base URL.
ENDPOINTS = {
    Operation.GENERATION: "images/generations",
    Operation.EDIT: "images/edits",
    Operation.VARIATION: "images/variations",
}


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """The members the gateway itself must understand; everything else passes to the provider as it came.

    ``size``, ``quality``, ``output_format`` and ``background`` are the caller's words (``auto`` where absent); ``n`` is 1 to
    10, ``partial_images`` 0 to 3. ``prompt_bytes`` is the prompt's length in UTF-8. ``references`` counts the images that
    came along, mask and markup included. ``members`` are the names of all that was sent, known or not. ``end_user`` is what
    the app sent as ``safety_identifier`` (or ``user``), ``contract`` the only one (its id) that it accepts; both empty where
    it sent none.
    """

    operation: Operation
    model: str
    prompt_bytes: int
    n: int
    size: str
    quality: str
    output_format: str = AUTO
    stream: bool = False
    partial_images: int = 0
    references: int = 0
    background: str = AUTO
    members: frozenset[str] = frozenset()
    end_user: str = ""
    contract: str = ""


def parse(
    operation: Operation, fields: object, references: int = 0, members: frozenset[str] = frozenset(), *, form: bool = False
) -> ImageRequest:
    """Check the members of a request's body; raises ``Refusal`` with the member's name.

    ``members`` are the names of all that was sent, ``fields`` those that the gateway understands. ``form``: the values came as
    texts of a multipart form. ``null`` counts as absent for the optional members, as OpenAI treats it (measured 2026-08-29).
    """
    if not isinstance(fields, Mapping):
        raise shape_refusal("invalid_type", 'The body must be a JSON object such as {"model": …, "prompt": …}.')
    if "service_tier" in members:
        raise shape_refusal("unknown_parameter", _SERVICE_TIER, param="service_tier")
    model = _required_text(fields, "model")
    prompt = "" if operation is Operation.VARIATION else _required_text(fields, "prompt")
    if len(prompt) > PROMPT_CHARS_MAX:
        message = f"Invalid 'prompt': expected at most {PROMPT_CHARS_MAX} characters, but got {len(prompt)}. Shorten the prompt."
        raise shape_refusal("string_above_max_length", message, param="prompt")
    stream = _boolean(fields, "stream", form=form)
    partial_images = _integer(fields, "partial_images", 0, 0, PARTIAL_IMAGES_MAX, form=form)
    return ImageRequest(
        operation=operation,
        model=model,
        prompt_bytes=len(prompt.encode()),
        n=_integer(fields, "n", 1, 1, N_MAX, form=form),
        size=_word(fields, "size"),
        quality=_word(fields, "quality"),
        output_format=_word(fields, "output_format"),
        stream=stream,
        partial_images=partial_images if stream else 0,
        references=references,
        background=_word(fields, "background"),
        members=members,
        end_user=next((it for name in _END_USER if isinstance(it := fields.get(name), str)), ""),
    )


@lru_cache(maxsize=1024)
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


def _word(fields: Mapping[object, object], name: str) -> str:
    value = fields.get(name)
    if value is None:
        return AUTO
    if not isinstance(value, str):
        raise shape_refusal("invalid_type", _wrong_type(name, "a string", value), param=name)
    if not WORD.fullmatch(value):
        message = f"Invalid value for '{name}': expected a word such as 'auto' or '1024x1024', of letters, digits and . _ -"
        raise shape_refusal("invalid_value", message, param=name)
    return value


def _integer(fields: Mapping[object, object], name: str, default: int, low: int, high: int, *, form: bool) -> int:
    value = fields.get(name)
    if value is None:
        return default
    if form and isinstance(value, str):
        if not _INTEGER.fullmatch(value):
            raise _inconvertible(name, "an integer")
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise shape_refusal("invalid_type", _wrong_type(name, "an integer", value), param=name)
    if value < low:
        message = f"Invalid '{name}': integer below minimum value. Expected a value >= {low}, but got {value} instead."
        raise shape_refusal("integer_below_min_value", message, param=name)
    if value > high:
        message = f"Invalid '{name}': integer above maximum value. Expected a value <= {high}, but got {value} instead."
        raise shape_refusal("integer_above_max_value", message, param=name)
    return value


def _boolean(fields: Mapping[object, object], name: str, *, form: bool) -> bool:
    value = fields.get(name)
    if form and isinstance(value, str):
        if value not in _BOOLEANS:
            raise _inconvertible(name, "a boolean")
        return _BOOLEANS[value]
    if value is not None and not isinstance(value, bool):
        raise shape_refusal("invalid_type", _wrong_type(name, "a boolean", value), param=name)
    return bool(value)


def _inconvertible(name: str, expected: str) -> Refusal:
    what = f"expected {expected}, but got a string value that could not be converted into {expected}"
    return shape_refusal("invalid_type", f"Invalid type for '{name}': {what}.", param=name)


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
