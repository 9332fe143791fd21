"""JSON text that was kept, as a parser sees it."""

import json
import re
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

# As far as a cut has halved neither an escape nor a pair of them that stands for one character.
_WHOLE = re.compile(rb"(?:[^\\]++|\\[^u]|\\u(?![dD][89abAB]..(?:\\(?:u.{0,3})?)?\Z).{4})*+", re.DOTALL)


def object_of(text: bytes | bytearray, *, exact: bool = False) -> dict[str, Any]:
    """The object that is the text, or ``ValueError``. What in it is no valid UTF-8 or no character is replaced.

    With ``exact`` its numbers are as ``exact_json`` reads them, unless something had to be replaced.
    """
    try:
        parsed = exact_json(text) if exact else msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        parsed = _parsed_leniently(text)
    if not isinstance(parsed, dict):
        raise ValueError("the body is not a JSON object")  # noqa: TRY004 -- damage of any kind is one error
    return parsed


def exact_json(text: bytes | bytearray) -> Any:
    """The value that is the text, as ``msgspec`` reads it, with a ``Decimal`` of what is written for each fraction.

    A number whose exponent is beyond all reason is ``None``.
    """
    return _EXACT.decode(text)


def name_of(text: bytes) -> str | None:
    """A member's name, from what is written between its quotes; ``None`` where no parser would accept it."""
    if b"\\" not in text:
        return text.decode("utf-8", "replace")
    try:
        return str(_parsed_leniently(b'"' + text + b'"'))
    except ValueError:
        return None


def whole_end(text: bytearray, start: int) -> int:
    """Where the string must end that begins at ``start`` and was cut off at the end of the text, so that it can be parsed."""
    found = _WHOLE.match(text, start)
    return start if found is None else found.end()


def _decimal(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


_EXACT: msgspec.json.Decoder[Any] = msgspec.json.Decoder(float_hook=_decimal)


def _parsed_leniently(text: bytes | bytearray) -> Any:
    try:
        parsed = json.loads(text.decode("utf-8", "replace"))
        return json.loads(json.dumps(parsed, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        raise ValueError("the body is not valid JSON") from error
