"""A request of OpenAI's Images API in the words of OpenRouter's: one JSON object, its images as ``input_references``.

Nothing is dropped: a member that it has no word for is an error here, wherever the route has not said so before. Source:
OpenRouter's OpenAPI description of ``POST /images`` as public copies have it, read 2026-11-24.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from gateway.core.contract.openrouter import WORDS
from gateway.core.request.body_field import AUTO
from gateway.core.request.images import ENDPOINTS, Operation
from gateway.ports import Content, UpstreamCall
from gateway.relay.form_content import FormContent, FormFile
from gateway.relay.form_part import IMAGES
from gateway.relay.scanned_spool import STRING_BYTES_KEPT
from gateway.relay.spool import AsBase64, Part
from gateway.relay.spooled_json import EditContent

# What is so without a word: images come as base64 always, and a size that is left to the provider is one that is not sent
# (whether it takes "auto" for a size is to be compared with the provider's documentation, 2026-11-24).
_IMPLIED = {"size": AUTO, "response_format": "b64_json"}
_INTEGERS = frozenset({"n", "output_compression", "seed"})
_INTEGER_CHARS_MAX = 18
_BOOLEANS = frozenset({"true", "false"})
# As JSON, of a value that is no string: more may have been cut where the body was read.
_VALUE_BYTES_MAX = STRING_BYTES_KEPT // 2
_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_REFERENCE, _REFERENCE_END = b'{"type":"image_url","image_url":{"url":', b"}}"
Json = Sequence[Part]


class NoWord(Exception):
    """The request holds something that OpenRouter has no word for; ``param`` names it."""

    def __init__(self, param: str) -> None:
        super().__init__(param)
        self.param = param


def translated(call: UpstreamCall) -> bytes | Content:
    """The body of the call; raises ``NoWord``. Of files and large bodies no more than a piece is ever in memory."""
    body = call.body
    if isinstance(body, bytes):
        return _of_small(body, edit=call.path == ENDPOINTS[Operation.EDIT])
    if isinstance(body, FormContent):
        return body.rewritten("application/json", _of_form(body))
    if isinstance(body, EditContent):
        return body.rewritten("application/json", _of_edit(body))
    raise TypeError(f"no body of a request: {type(body).__name__}")


def _of_small(body: bytes, *, edit: bool) -> bytes:
    raw = _MEMBERS.decode(body)
    images = msgspec.json.decode(raw.pop("images")) if edit and "images" in raw else []
    sent = {name: value for name, value in raw.items() if _is_sent(name, msgspec.json.decode(value))}
    for index, image in enumerate(images):
        _check_image(index, image)
    links = [{"type": "image_url", "image_url": {"url": image["image_url"]}} for image in images]
    return msgspec.json.encode({**sent, "input_references": links} if links else sent)


def _of_form(body: FormContent) -> Json:
    members: list[tuple[str, Json]] = []
    links: list[Json] = []
    for part in body.form:
        name = part.head.name
        if isinstance(part, FormFile):
            if name not in IMAGES:
                raise NoWord(name)
            links.append([f'"data:image/{part.format};base64,'.encode(), AsBase64(part.start, part.end), b'"'])
        elif _is_sent(name, part.value):
            members.append((name, [_json_of(name, part.value)]))
    return _object(members, links)


def _of_edit(body: EditContent) -> Json:
    parts = body.parts
    for index, names in enumerate(parts.images):
        _check_image(index, names)
    if len(parts.links) != len(parts.images):
        raise NoWord("images[].image_url")  # an image has several, or one that is no string
    members = [(name, _value(name, value, parts.spans)) for name, value in parts.values.items() if _is_sent(name, value)]
    return _object(members, [[link] for link in parts.links])


def _is_sent(name: str, value: object) -> bool:
    """Whether the member goes along; raises ``NoWord``. One that is ``null`` is as good as absent."""
    if value is None or _IMPLIED.get(name) == value:
        return False
    if name not in WORDS:
        raise NoWord(name)
    return True


def _check_image(index: int, names: Iterable[str]) -> None:
    """An image is a link or a data URL: a file's id means nothing to OpenRouter."""
    if odd := sorted({*names} ^ {"image_url"}):
        raise NoWord(f"images[{index}].{odd[0]}")


def _value(name: str, value: Any, spans: Mapping[str, tuple[int, int]]) -> Json:
    """A string as it was written, so that it is whole; anything else anew."""
    if isinstance(value, str) and name in spans:
        return [spans[name]]
    encoded = msgspec.json.encode(value)
    if len(encoded) > _VALUE_BYTES_MAX:
        raise NoWord(name)
    return [encoded]


def _json_of(name: str, text: str) -> bytes:
    """A form's text as the type that OpenRouter takes; what is none of that type stays a text, for it to refuse."""
    digits = text.removeprefix("-")
    if name in _INTEGERS and digits.isascii() and digits.isdigit() and len(digits) <= _INTEGER_CHARS_MAX:
        return str(int(text)).encode()
    return text.encode() if name == "stream" and text in _BOOLEANS else msgspec.json.encode(text)


def _object(members: Iterable[tuple[str, Json]], links: Sequence[Json]) -> list[Part]:
    """The references come last: OpenRouter may read the small members before megabytes have arrived."""
    found: list[Part] = [b"{"]
    for name, value in members:
        found += [msgspec.json.encode(name) + b":", *value, b","]
    found.append(b'"input_references":[')
    for number, link in enumerate(links):
        found += [b"," + _REFERENCE if number else _REFERENCE, *link, _REFERENCE_END]
    return [*found, b"]}"]
