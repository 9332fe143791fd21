"""The caller's JSON body: read for the members the gateway needs, sent on with only ``model`` changed."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import msgspec

from gateway.core.contract.wire import NO_MEMBERS, Scalar
from gateway.relay.request_json import IMAGE_VALUES_MAX, links_in, request_object

_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])


class RequestBody:
    """Every member keeps the bytes it came with. ``fields`` are their values, ``members`` the names of all that are not ``null``.

    Raises as ``request_object`` does.
    """

    references = 0
    form = False

    def __init__(self, body: bytes) -> None:
        self.fields: dict[str, Any] = request_object(body, IMAGE_VALUES_MAX)
        self._members = _MEMBERS.decode(body)
        self.members = frozenset(name for name, value in self.fields.items() if value is not None)

    def for_upstream(self, model: str | None, members: Mapping[str, Scalar] = NO_MEMBERS, image_model: str = "") -> bytes:
        """See ``call.Body``."""
        own = {"model": model} if model is not None else {}
        sent: dict[str, Any] = self._members | own | {name: it for name, it in members.items() if name not in self._members}
        if model is None:
            sent.pop("model", None)
        return msgspec.json.encode(sent)

    @property
    def links(self) -> frozenset[str]:
        """See ``call.Body``."""
        return links_in(self.fields)

    @property
    def fingerprint(self) -> str:
        """The same for the same members and values, however they are written; a member that is ``null`` is as good as absent."""
        content = {name: self.fields[name] for name in self.members}
        return sha256(msgspec.json.encode(content, order="deterministic")).hexdigest()

    def close(self) -> None:
        """It keeps nothing outside of memory."""
