"""One member of a request's body, read and checked: what is wrong with it is told as OpenAI tells it."""

import re
from collections.abc import Mapping
from typing import Any

from gateway.core.outcome import Refusal, shape_refusal

AUTO = "auto"
# What a size or a quality can look like, whatever values a provider knows: it is booked, printed and compared.
WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_INTEGER = re.compile(r"-?[0-9]{1,9}")
_BOOLEANS = {"true": True, "false": False}


def required_text(fields: Mapping[Any, Any], name: str) -> str:
    """A string that is there and not empty; raises ``Refusal``, as all of these do."""
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


def word(fields: Mapping[Any, Any], name: str) -> str:
    """A word such as a size; ``auto`` where it is absent."""
    value = fields.get(name)
    if value is None:
        return AUTO
    if not isinstance(value, str):
        raise shape_refusal("invalid_type", _wrong_type(name, "a string", value), param=name)
    if not WORD.fullmatch(value):
        message = f"Invalid value for '{name}': expected a word such as 'auto' or '1024x1024', of letters, digits and . _ -"
        raise shape_refusal("invalid_value", message, param=name)
    return value


def integer(fields: Mapping[Any, Any], name: str, default: int, low: int, high: int, *, form: bool = False) -> int:
    """A whole number from ``low`` to ``high``; ``form``: it may be a text."""
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


def boolean(fields: Mapping[Any, Any], name: str, *, form: bool = False) -> bool:
    """A truth value, false where it is absent; ``form``: it may be a text."""
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
