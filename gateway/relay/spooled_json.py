"""A JSON body too large for memory: read once as a stream, replayed with only its ``model`` changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import msgspec

from gateway.core.diagnosis import shape_refusal
from gateway.core.wire import NO_MEMBERS, Scalar
from gateway.relay.request_body import UNDERSTOOD, MalformedBody
from gateway.relay.scanner import EnvelopeScanner, MalformedAnswer
from gateway.relay.spool import SplicedContent, Spool

# A prompt of 32,000 characters has at most 128 kB in UTF-8; of an image in a data URL, that much is kept too.
STRING_BYTES_KEPT = 192 * 1024
REFERENCES_MAX = 16
SPACE_BYTES_MAX = 64 * 1024
_SPACE = b" \t\r\n"
ENVELOPE_BYTES_MAX = (REFERENCES_MAX + 4) * STRING_BYTES_KEPT


class SpooledJson:
    """``fields`` are the members that the gateway understands, ``members`` the names of all that are not ``null``.

    ``references`` counts the images that came along. ``fingerprint`` is the same for the same bytes: it is never in memory as
    a whole, and an SDK's retry sends it as it was.
    """

    form = False

    def __init__(self, spool: Spool, envelope: dict[str, Any], references: int, model: "ModelSpans", fingerprint: str) -> None:
        self._spool, self.references, self._model, self.fingerprint = spool, references, model, fingerprint
        self.fields = {name: envelope[name] for name in UNDERSTOOD if name in envelope}
        self.members = frozenset(name for name, value in envelope.items() if value is not None)
        self._names = frozenset(envelope)

    def for_upstream(
        self, model: str | None, members: Mapping[str, Scalar] = NO_MEMBERS, image_model: str = ""
    ) -> SplicedContent:
        """See ``call.Body``."""
        added = {name: value for name, value in members.items() if name not in self._names}
        written = msgspec.json.encode(added)[1:-1]
        if model is not None:
            replacement = msgspec.json.encode(model) + (b"," + written if written else b"")
            return SplicedContent(self._spool, "application/json", self._model.value, replacement)
        if written:
            written = b"," + written if self._model.last else written + b","
        return SplicedContent(self._spool, "application/json", self._model.member, written)

    def close(self) -> None:
        """Let go of the spool."""
        self._spool.close()


@dataclass(frozen=True, slots=True)
class ModelSpans:
    """Where ``model`` stands: its value, and the whole member with the one comma that goes with it."""

    value: tuple[int, int]
    member: tuple[int, int]
    last: bool


class ScannedSpool:
    """A JSON object that is read on its way into a spool: feed it the body in any chunks."""

    def __init__(self, spool: Spool) -> None:
        self.spool = spool
        self._digest = sha256()
        self.scanner = EnvelopeScanner(string_bytes_kept=STRING_BYTES_KEPT, envelope_bytes_max=ENVELOPE_BYTES_MAX)

    async def feed(self, chunk: bytes) -> None:
        """Raises ``MalformedBody`` and ``SpoolUnavailable``."""
        try:
            self.scanner.feed(chunk)
        except MalformedAnswer as error:
            raise MalformedBody(str(error)) from error
        self._digest.update(chunk)
        await self.spool.write(chunk)

    async def object(self) -> dict[str, Any]:
        """All of it has come: the object, long strings cut. Raises as above."""
        try:
            found = self.scanner.envelope()
        except MalformedAnswer as error:
            raise MalformedBody(str(error)) from error
        await self.spool.finish()
        return found

    @property
    def fingerprint(self) -> str:
        """The same for the same bytes."""
        return self._digest.hexdigest()


class SpooledJsonReader(ScannedSpool):
    """Feed it the body in any chunks, then ``finish``."""

    async def finish(self) -> SpooledJson:
        """Raises ``MalformedBody`` where the object is not complete, ``Refusal`` where it has too many images."""
        members = await self.object()
        if repeated := self.scanner.repeated & {*UNDERSTOOD, "images"}:
            raise MalformedBody(f"the member {sorted(repeated)[0]!r} stands in it twice")
        model = await self._model_spans(self.scanner.spans.get("model", (0, 0)))
        return SpooledJson(self.spool, members, _references(members), model, self.fingerprint)

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


def _references(members: dict[str, Any]) -> int:
    images = members.get("images")
    if images is None:
        raise shape_refusal("missing_required_parameter", "Missing required parameter: 'images'.", param="images")
    if not isinstance(images, list):
        raise shape_refusal("invalid_type", "Invalid type for 'images': expected an array of objects.", param="images")
    if not 1 <= len(images) <= REFERENCES_MAX:
        code = "array_above_max_length" if images else "empty_array"
        message = f"Invalid 'images': expected 1 to {REFERENCES_MAX} images, but got {len(images)}."
        raise shape_refusal(code, message, param="images")
    return len(images) + sum(members.get(name) is not None for name in ("mask", "markup"))
