"""A provider's answer on its way through: read while it passes, closed with the tag's member."""

import json
from collections.abc import Mapping
from typing import Any

from gateway.core.images import WORD
from gateway.core.pricing import Delivery
from gateway.core.tokens import usage_of
from gateway.relay.scanner import EnvelopeScanner, MalformedAnswer


class ImageAnswer:
    """The body of a successful Images API response, chunk by chunk."""

    def __init__(self) -> None:
        self._scanner = EnvelopeScanner()

    def feed(self, chunk: bytes) -> bytes:
        """What of ``chunk`` may go to the client now; raises ``MalformedAnswer``."""
        return self._scanner.feed(chunk)

    @property
    def carries_image(self) -> bool:
        """Whether image data has begun to arrive; before that nothing should reach the client."""
        return self._scanner.image_seen

    def delivery(self) -> Delivery:
        """What the complete answer delivered; raises ``MalformedAnswer`` where it holds no usable image (law 9)."""
        envelope = self._scanner.envelope()
        data = envelope.get("data")
        images = sum(_is_image(item) for item in data) if isinstance(data, list) else 0
        if images == 0:
            raise MalformedAnswer("the answer holds no image")
        return Delivery(images, _text(envelope, "size"), _text(envelope, "quality"), usage_of(envelope.get("usage")))


def closing(member: Mapping[str, Any] | None) -> bytes:
    """The end of a JSON object whose closing brace was held back, with the ``gateway`` member where there is one."""
    return b"}" if member is None else b',"gateway":' + json.dumps(member, separators=(",", ":")).encode() + b"}"


def _is_image(item: object) -> bool:
    return isinstance(item, dict) and any(isinstance(item.get(name), str) and item[name] for name in ("b64_json", "url"))


def _text(envelope: Mapping[str, Any], name: str) -> str:
    """A word such as a size; anything else a provider may put there is nothing to book or to print."""
    value = envelope.get(name)
    return value if isinstance(value, str) and WORD.fullmatch(value) else ""
