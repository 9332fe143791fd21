"""What a call asks for, in litellm's words: refused by name where it has none, never dropped."""

import asyncio
import binascii
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from gateway.core.contract.bridged import Passed, passed
from gateway.core.request.body_field import AUTO
from gateway.core.request.images import ENDPOINTS, Operation
from gateway.ports import Content, UpstreamCall
from gateway.relay.form import FormLimits, FormReader
from gateway.relay.spool import Spool

_ALWAYS = frozenset({"model", "prompt", "n", "image", "images", "response_format"})
_EDITS = ENDPOINTS[Operation.EDIT]
_NO_WORD = "Unknown parameter: '{}'. The provider of this model has no word for it."
_ONLY_DATA = "Invalid '{}': the provider of this model takes images only as files of a form or as data URLs."
_OVERLAYS = ("mask", "markup")


class WishRefused(Exception):
    """It cannot be put into litellm's words; the text is for the caller, ``param`` the member that it is about."""

    def __init__(self, text: str, param: str) -> None:
        super().__init__(text)
        self.param = param


@dataclass(frozen=True, slots=True)
class Wish:
    """``words`` are the members but for ``model`` and ``prompt``; ``images`` and ``mask`` are files' bytes."""

    model: str
    prompt: str
    words: Mapping[str, Any] = field(default_factory=dict)
    images: tuple[bytes, ...] = ()
    mask: bytes | None = None

    @property
    def operation(self) -> Operation:
        """By whether images came along."""
        return Operation.EDIT if self.images else Operation.GENERATION


async def wish_of(call: UpstreamCall) -> Wish:
    """All of it in memory; raises ``WishRefused``."""
    operation = Operation.EDIT if call.path == _EDITS else Operation.GENERATION
    body = call.body
    if isinstance(body, bytes):
        members, images, mask = _of_json(body)
    elif body.content_type.startswith("multipart/"):
        members, images, mask = await _of_form(body)
    else:
        # It may hold megabytes of base64.
        members, images, mask = await asyncio.to_thread(_of_json, b"".join([chunk async for chunk in body.chunks()]))
    if operation is Operation.EDIT and not images:
        raise WishRefused(_ONLY_DATA.format("image"), "image")
    model = str(members["model"])
    known = passed(model, operation)
    words = _words(members, known or Passed())
    return Wish(model, str(members.get("prompt", "")), words, images, mask)


def _words(members: Mapping[str, Any], known: Passed) -> dict[str, Any]:
    if unknown := sorted(members.keys() - known.members - _ALWAYS):
        raise WishRefused(_NO_WORD.format(unknown[0]), unknown[0])
    if members.get("response_format", "b64_json") != "b64_json":
        raise WishRefused(
            "Invalid 'response_format': the provider of this model is served with 'b64_json' only.", "response_format"
        )
    words = {name: value for name, value in members.items() if name in known.members and value != AUTO and name not in _OVERLAYS}
    number = int(members.get("n", 1))
    if known.n_max is not None and number > known.n_max:
        raise WishRefused(f"Invalid 'n': the provider of this model makes at most {known.n_max} a request.", "n")
    return words if number == 1 else words | {"n": number}


def _of_json(data: bytes) -> tuple[dict[str, Any], tuple[bytes, ...], bytes | None]:
    members = {name: value for name, value in msgspec.json.decode(data).items() if value is not None}
    images = tuple(_image_of(it, "images") for it in members.get("images", ()))
    return members, images, _image_of(members["mask"], "mask") if "mask" in members else None


def _image_of(reference: object, name: str) -> bytes:
    """A link would be fetched by litellm, and anything in the gateway's own network with it."""
    url = reference.get("image_url") if isinstance(reference, dict) else None
    head, comma, data = (url if isinstance(url, str) else "").partition(",")
    if not comma or not head.startswith("data:image/") or not head.endswith(";base64"):
        raise WishRefused(_ONLY_DATA.format(name), name)
    try:
        return b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise WishRefused(f"Invalid '{name}': its data URL is not base64.", name) from error


async def _of_form(body: Content) -> tuple[dict[str, Any], tuple[bytes, ...], bytes | None]:
    spool = Spool(Path(), memory_bytes_max=body.length + 1)
    reader = FormReader(body.content_type, spool, FormLimits())
    try:
        async for chunk in body.chunks():
            await reader.feed(chunk)
        form = await reader.finish()
        files = [(it.name, b"".join([piece async for piece in spool.read(it.start, it.end)])) for it in form.files]
    finally:
        reader.close()
    members: dict[str, Any] = {**form.fields, **{name: "" for name, _ in files if name in _OVERLAYS}}
    images = tuple(data for name, data in files if name not in _OVERLAYS)
    return members, images, next((data for name, data in files if name == "mask"), None)
