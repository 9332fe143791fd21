"""The caller's JSON body: read for the members the gateway needs, sent on with only ``model`` changed."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import msgspec

from gateway.core.wire import NO_MEMBERS, Scalar

UNDERSTOOD = (
    "model", "prompt", "n", "size", "quality", "output_format", "background", "stream", "partial_images", "safety_identifier",
    "user",
)  # fmt: skip
_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])


class MalformedBody(Exception):
    """The body is not one JSON object."""


class RequestBody:
    """Every member keeps the bytes it came with; of a repeated member the last counts, here and upstream alike.

    ``fields`` are those that the gateway understands, ``members`` the names of all that are not ``null``.
    """

    references = 0
    form = False

    def __init__(self, body: bytes) -> None:
        try:
            body.decode()  # the decoder below does not look into members it leaves raw
            self._members = _MEMBERS.decode(body)
            self.fields: dict[str, Any] = {
                name: msgspec.json.decode(self._members[name]) for name in UNDERSTOOD if name in self._members
            }
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise MalformedBody(str(error)) from error
        self.members = frozenset(name for name, value in self._members.items() if bytes(value) != b"null")

    def for_upstream(self, model: str | None, members: Mapping[str, Scalar] = NO_MEMBERS, image_model: str = "") -> bytes:
        """See ``call.Body``."""
        own = {"model": model} if model is not None else {}
        sent: dict[str, Any] = self._members | own | {name: it for name, it in members.items() if name not in self._members}
        if model is None:
            sent.pop("model", None)
        return msgspec.json.encode(sent)

    @property
    def fingerprint(self) -> str:
        """The same for the same members and values, however they are written; a member that is ``null`` is as good as absent."""
        content = {name: msgspec.json.decode(self._members[name]) for name in self.members}
        return sha256(msgspec.json.encode(content, order="deterministic")).hexdigest()

    def close(self) -> None:
        """It keeps nothing outside of memory."""
