"""A JSON body too large for memory: read once as a stream, replayed with only its ``model`` changed."""

from hashlib import sha256
from typing import Any

import msgspec

from gateway.core.diagnosis import shape_refusal
from gateway.relay.request_body import UNDERSTOOD, MalformedBody
from gateway.relay.scanner import EnvelopeScanner, MalformedAnswer
from gateway.relay.spool import SplicedContent, Spool

# A prompt of 32,000 characters has at most 128 kB in UTF-8; of an image in a data URL, that much is kept too.
STRING_BYTES_KEPT = 192 * 1024
REFERENCES_MAX = 16
ENVELOPE_BYTES_MAX = (REFERENCES_MAX + 4) * STRING_BYTES_KEPT


class SpooledJson:
    """``fields`` are the members that the gateway understands, ``members`` the names of all that are not ``null``.

    ``references`` counts the images that came along. ``fingerprint`` is the same for the same bytes: it is never in memory as
    a whole, and an SDK's retry sends it as it was.
    """

    form = False

    def __init__(self, spool: Spool, envelope: dict[str, Any], references: int, model: tuple[int, int], fingerprint: str) -> None:
        self._spool, self.references, self._model, self.fingerprint = spool, references, model, fingerprint
        self.fields = {name: envelope[name] for name in UNDERSTOOD if name in envelope}
        self.members = frozenset(name for name, value in envelope.items() if value is not None)

    def for_upstream(self, model: str) -> SplicedContent:
        """The body with the upstream's name of the model in the place of the caller's."""
        return SplicedContent(self._spool, "application/json", self._model, msgspec.json.encode(model))

    def close(self) -> None:
        """Let go of the spool."""
        self._spool.close()


class SpooledJsonReader:
    """Feed it the body in any chunks, then ``finish``."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._digest = sha256()
        self._scanner = EnvelopeScanner(string_bytes_kept=STRING_BYTES_KEPT, envelope_bytes_max=ENVELOPE_BYTES_MAX)

    async def feed(self, chunk: bytes) -> None:
        """Raises ``MalformedBody`` and ``SpoolUnavailable``."""
        try:
            self._scanner.feed(chunk)
        except MalformedAnswer as error:
            raise MalformedBody(str(error)) from error
        self._digest.update(chunk)
        await self._spool.write(chunk)

    async def finish(self) -> SpooledJson:
        """Raises ``MalformedBody`` where the object is not complete, ``Refusal`` where it has too many images."""
        try:
            members = self._scanner.envelope()
        except MalformedAnswer as error:
            raise MalformedBody(str(error)) from error
        if repeated := self._scanner.repeated & {*UNDERSTOOD, "images"}:
            raise MalformedBody(f"the member {sorted(repeated)[0]!r} stands in it twice")
        await self._spool.finish()
        model = self._scanner.spans.get("model", (0, 0))
        return SpooledJson(self._spool, members, _references(members), model, self._digest.hexdigest())


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
