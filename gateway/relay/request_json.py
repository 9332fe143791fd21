"""The one rule for the JSON of a request's body: what is refused before anybody walks through it, and how it is read.

Every reader on the way must see the same: so there is no ``NaN``, no half of a character, no number that not every reader can
hold, and no member twice in one object.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, NoReturn

import msgspec

from gateway.core.outcome import Refusal, shape_refusal

# Members and items, at every depth. The Images API has some 20 members and 16 references: no real request comes near.
IMAGE_VALUES_MAX = 1_000
# A conversation of 1,000 items has some 10,000, a hundred tools with their schemas as many. To walk through these takes 30 ms.
RESPONSE_VALUES_MAX = 20_000
# Of the object itself. No endpoint knows more than some 40.
MEMBERS_MAX = 1_000
# Objects and lists in one another. Schemas of tools are the deepest that is known, at about 20.
DEPTH_MAX = 100
# More text than this is parsed in a thread: that takes up to 15 ms a megabyte, and a real generation has some kilobytes.
TEXT_BYTES_AT_ONCE_MAX = 64 * 1024
_INTEGER_CHARS_MAX = 20
_INTEGER_MIN, _INTEGER_MAX = -(2**63), 2**64 - 1
# Also one that never ends, so that no place in it is looked at as the beginning of another.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.?)*+"?', re.DOTALL)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_LINK = ("http://", "https://")
_OPENING = b"[{"


class MalformedBody(Exception):
    """The body is not one JSON object that every reader understands in the same way."""


def request_object(text: bytes | bytearray, values_max: int) -> dict[str, Any]:
    """The object that is the text; raises ``MalformedBody``, or ``Refusal`` where it breaks a rule that a caller can keep."""
    _check_size(text, values_max)
    try:
        found = _DECODER.decode(text.decode())
        if b"\\" in text:
            msgspec.json.encode(found)  # raises where an escape is half of a character
    except UnicodeError as error:
        raise MalformedBody("a text in it is not valid Unicode") from error
    except (ValueError, RecursionError) as error:
        raise MalformedBody(str(error)) from error
    if not isinstance(found, dict):
        raise MalformedBody("it is not a JSON object")
    if len(found) > MEMBERS_MAX:
        message = f"The body has more than {MEMBERS_MAX} members. Send fewer of them."
        raise shape_refusal("too_many_values", message)
    return found


def links_in(value: object) -> frozenset[str]:
    """The links among the strings of a JSON value."""
    found, waiting = set(), [value]
    while waiting:
        at = waiting.pop()
        if isinstance(at, str):
            if at.startswith(_LINK):
                found.add(at)
        elif isinstance(at, Mapping):
            waiting += at.values()
        elif isinstance(at, list):
            waiting += at
    return frozenset(found)


def too_many_values(values_max: int) -> Refusal:
    """The refusal of a body that would take too long to look at."""
    message = f"The JSON of the body has more than {values_max} values: members and items of lists count, at every depth."
    return shape_refusal("too_many_values", f"{message} Send fewer of them.")


def too_deep() -> Refusal:
    """The refusal of a body that not every reader can follow."""
    message = f"The JSON of the body has more than {DEPTH_MAX} objects or lists in one another. Send it flatter."
    return shape_refusal("nested_too_deeply", message)


def _check_size(text: bytes | bytearray, values_max: int) -> None:
    """In linear time, and at once where there is little to count.

    Each object or list that is not empty has one value more than commas.
    """
    if b"[" not in text and text.find(b"{", 1) < 0 and text.count(b",") < values_max:
        return  # as almost every generation: to look for one byte costs next to nothing, to count it some µs
    commas, objects, lists = text.count(b","), text.count(b"{"), text.count(b"[")
    if objects + lists <= DEPTH_MAX and commas + objects + lists <= values_max:
        return
    # A value has at most two strings: its name, and itself.
    bare, strings = _STRING.subn(b"", text, 2 * values_max + 1)
    if strings > 2 * values_max or bare.count(b",") + bare.count(b"{") + bare.count(b"[") > values_max:
        raise too_many_values(values_max)
    depth = 0
    for bracket in bare.translate(None, _NOT_BRACKETS):
        depth += 1 if bracket in _OPENING else -1
        if depth > DEPTH_MAX:
            raise too_deep()


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        name = Counter(name for name, _ in pairs).most_common(1)[0][0][:64].encode("utf-8", "replace").decode()
        message = f"The member '{name}' stands in one object twice, and readers differ in which one counts. Send it once."
        raise shape_refusal("repeated_parameter", message, param=name)
    return found


def _integer(text: str) -> int:
    if len(text) <= _INTEGER_CHARS_MAX and _INTEGER_MIN <= (found := int(text)) <= _INTEGER_MAX:
        return found
    raise ValueError(f"the integer {text[:_INTEGER_CHARS_MAX]}{'…' * (len(text) > _INTEGER_CHARS_MAX)} has more than 64 bits")


def _decimal(text: str) -> float:
    if math.isfinite(found := float(text)):
        return found
    raise ValueError(f"the number {text[:_INTEGER_CHARS_MAX]} is too large")


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_int=_integer, parse_float=_decimal, parse_constant=_no_constant)
