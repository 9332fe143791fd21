"""A JSON body too large for memory: read once as a stream, replayed with only its ``model`` changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from gateway.core.contract.wire import NO_MEMBERS, Scalar
from gateway.core.outcome import shape_refusal
from gateway.relay.raw_json import name_of
from gateway.relay.request_json import IMAGE_VALUES_MAX, MalformedBody, links_in
from gateway.relay.scanned_spool import ENVELOPE_BYTES_MAX, REFERENCES_MAX, STRING_BYTES_KEPT, ScannedSpool, tokens_max
from gateway.relay.scanner import EnvelopeScanner
from gateway.relay.spool import SplicedContent, Spool

SPACE_BYTES_MAX = 64 * 1024
_SPACE = b" \t\r\n"


@dataclass(frozen=True, slots=True)
class EditParts:
    """What the object is made of, for a dialect that writes it in another way.

    ``values`` are its members but for ``images``, strings cut at ``STRING_BYTES_KEPT``; ``spans`` says where in the spool those
    that are strings stand, quotes included. ``images`` has the names of each image's members that are not ``null``, ``links``
    where the strings named ``image_url`` in them stand.
    """

    values: Mapping[str, Any]
    spans: Mapping[str, tuple[int, int]]
    images: tuple[frozenset[str], ...]
    links: tuple[tuple[int, int], ...]

    def rewritten(self, own: Mapping[str, Scalar]) -> "EditParts":
        """With these members, which stand nowhere in the spool."""
        spans = {name: span for name, span in self.spans.items() if name not in own}
        return EditParts({**self.values, **own}, spans, self.images, self.links)


class EditContent(SplicedContent):
    """The object as it is sent, and its parts."""

    def __init__(self, spool: Spool, span: tuple[int, int], replacement: bytes, parts: EditParts) -> None:
        super().__init__(spool, "application/json", span, replacement)
        self.parts = parts


class SpooledJson:
    """``fields`` are the members, long strings cut, ``members`` the names of all that are not ``null``.

    ``references`` counts the images that came along. ``fingerprint`` is the same for the same bytes: it is never in memory as
    a whole, and an SDK's retry sends it as it was.
    """

    form = False

    def __init__(self, spool: Spool, parts: EditParts, fields: dict[str, Any], model: "ModelSpans", fingerprint: str) -> None:
        self._spool, self._parts, self._model = spool, parts, model
        self.fields, self.fingerprint = fields, fingerprint
        self.references = len(parts.images) + sum(fields.get(name) is not None for name in ("mask", "markup"))
        self.members = frozenset(name for name, value in fields.items() if value is not None)

    @property
    def links(self) -> frozenset[str]:
        """See ``call.Body``."""
        return links_in(self.fields)

    def for_upstream(self, model: str | None, members: Mapping[str, Scalar] = NO_MEMBERS, image_model: str = "") -> EditContent:
        """See ``call.Body``."""
        added = {name: value for name, value in members.items() if name != "images" and name not in self._parts.values}
        written = msgspec.json.encode(added)[1:-1]
        if model is not None:
            replacement = msgspec.json.encode(model) + (b"," + written if written else b"")
            return EditContent(self._spool, self._model.value, replacement, self._parts.rewritten({**added, "model": model}))
        if written:
            written = b"," + written if self._model.last else written + b","
        return EditContent(self._spool, self._model.member, written, self._parts.rewritten(added))

    def close(self) -> None:
        """Let go of the spool."""
        self._spool.close()


@dataclass(frozen=True, slots=True)
class ModelSpans:
    """Where ``model`` stands: its value, and the whole member with the one comma that goes with it."""

    value: tuple[int, int]
    member: tuple[int, int]
    last: bool


class SpooledJsonReader(ScannedSpool):
    """Feed it the body in any chunks, then ``finish``."""

    def __init__(self, spool: Spool) -> None:
        self._edit = _EditScanner()
        super().__init__(spool, self._edit, IMAGE_VALUES_MAX)

    async def finish(self) -> SpooledJson:
        """Raises ``MalformedBody`` where the object is not complete, ``Refusal`` where it has too many images."""
        fields = await self.object()
        images = _images_of(fields)
        spans = self.scanner.spans
        model = await self._model_spans(spans.get("model", (0, 0)))
        values = {name: value for name, value in fields.items() if name != "images"}
        parts = EditParts(values, spans, tuple(map(_names, images)), tuple(self._edit.links))
        return SpooledJson(self.spool, parts, fields, model, self.fingerprint)

    async def _model_spans(self, value: tuple[int, int]) -> ModelSpans:
        """A member goes with the comma behind it, the last one with that before it."""
        begins = max((it for it in self.scanner.beginnings if it < value[0]), default=0)
        following = next((it for it in self.scanner.beginnings if it > begins), None)
        if following is not None:
            return ModelSpans(value, (begins, following), last=False)
        before = b"".join([piece async for piece in self.spool.read(max(0, begins - SPACE_BYTES_MAX), begins)]).rstrip(_SPACE)
        if not before.endswith((b",", b"{")):
            raise MalformedBody("there is too much space before the member 'model'")
        space = min(begins, SPACE_BYTES_MAX) - len(before)
        return ModelSpans(value, (begins - space - before.endswith(b","), value[1]), last=True)


class _EditScanner(EnvelopeScanner):
    """Also takes note of where the links of the images stand."""

    def __init__(self) -> None:
        super().__init__(
            string_bytes_kept=STRING_BYTES_KEPT, envelope_bytes_max=ENVELOPE_BYTES_MAX, tokens_max=tokens_max(IMAGE_VALUES_MAX)
        )
        self.links: list[tuple[int, int]] = []

    def _note(self, written: bytes | None, start: int, end: int, is_value: bool) -> None:
        super()._note(written, start, end, is_value)
        of_an_item = is_value and len(self._stack) == 3 and len(self._members) > 0
        if of_an_item and _is(self._name, "image_url") and _is(self._members[-1][0], "images"):
            self.links.append((start, end))


def _is(written: bytes | None, name: str) -> bool:
    return written is not None and name_of(written) == name


def _names(image: object) -> frozenset[str]:
    return frozenset(name for name, value in image.items() if value is not None) if isinstance(image, dict) else frozenset()


def _images_of(fields: dict[str, Any]) -> list[Any]:
    images = fields.get("images")
    if images is None:
        raise shape_refusal("missing_required_parameter", "Missing required parameter: 'images'.", param="images")
    if not isinstance(images, list):
        raise shape_refusal("invalid_type", "Invalid type for 'images': expected an array of objects.", param="images")
    if not 1 <= len(images) <= REFERENCES_MAX:
        code = "array_above_max_length" if images else "empty_array"
        message = f"Invalid 'images': expected 1 to {REFERENCES_MAX} images, but got {len(images)}."
        raise shape_refusal(code, message, param="images")
    return images
