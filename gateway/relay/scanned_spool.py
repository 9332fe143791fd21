"""A JSON body too large for memory on its way into a spool: what is read of it meanwhile."""

from hashlib import sha256
from typing import Any

from gateway.relay.request_body import MalformedBody
from gateway.relay.scanner import EnvelopeScanner, MalformedAnswer
from gateway.relay.spool import Spool

# A prompt of 32,000 characters has at most 128 kB in UTF-8; of an image in a data URL, that much is kept too.
STRING_BYTES_KEPT = 192 * 1024
REFERENCES_MAX = 16
ENVELOPE_BYTES_MAX = (REFERENCES_MAX + 4) * STRING_BYTES_KEPT


class ScannedSpool:
    """A JSON object that is read on its way into a spool: feed it the body in any chunks."""

    def __init__(self, spool: Spool, scanner: EnvelopeScanner) -> None:
        self.spool, self.scanner = spool, scanner
        self._digest = sha256()

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
