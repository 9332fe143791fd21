"""A JSON body too large for memory on its way into a spool: what is read of it meanwhile."""

import asyncio
import codecs
from hashlib import sha256
from typing import Any

from gateway.relay.request_json import DEPTH_MAX, TEXT_BYTES_AT_ONCE_MAX, MalformedBody, request_object, too_deep, too_many_values
from gateway.relay.scanner import EnvelopeScanner, MalformedAnswer, TooManyTokens
from gateway.relay.spool import Spool

# A prompt of 32,000 characters has at most 128 kB in UTF-8; of an image in a data URL, that much is kept too.
STRING_BYTES_KEPT = 192 * 1024
REFERENCES_MAX = 16
ENVELOPE_BYTES_MAX = (REFERENCES_MAX + 4) * STRING_BYTES_KEPT
# What is read in one go, so that the others' requests go on meanwhile: about 1 ms where it is nothing but short strings.
PIECE_BYTES = 4 * 1024
TOKENS_AT_ONCE_MAX = 1_000
_Utf8 = codecs.getincrementaldecoder("utf-8")


def tokens_max(values_max: int) -> int:
    """Of so many values: of each its name, and itself as a string or as a pair of brackets."""
    return 3 * values_max


class ScannedSpool:
    """A JSON object that is read on its way into a spool: feed it the body in any chunks.

    A caller's object is read by ``request_json``; of a string that is cut, the rest is UTF-8, and nothing else is known of it.
    """

    def __init__(self, spool: Spool, scanner: EnvelopeScanner, values_max: int) -> None:
        self.spool, self.scanner, self._values_max = spool, scanner, values_max
        self._digest, self._utf8 = sha256(), _Utf8()

    async def feed(self, chunk: bytes) -> None:
        """Raises ``MalformedBody``, ``Refusal`` where it has too many values, and ``SpoolUnavailable``."""
        try:
            self._utf8.decode(chunk)
            await self._scan(chunk)
        except UnicodeDecodeError as error:
            raise MalformedBody("a text in it is not valid UTF-8") from error
        except TooManyTokens as error:
            raise too_many_values(self._values_max) from error
        except MalformedAnswer as error:
            raise MalformedBody(str(error)) from error
        self._digest.update(chunk)
        await self.spool.write(chunk)

    async def object(self) -> dict[str, Any]:
        """All of it has come: the object, long strings cut. Raises as above."""
        try:
            text = self.scanner.whole_text()
        except MalformedAnswer as error:
            raise MalformedBody(str(error)) from error
        at_once = len(text) <= TEXT_BYTES_AT_ONCE_MAX
        found = (
            request_object(text, self._values_max) if at_once else await asyncio.to_thread(request_object, text, self._values_max)
        )
        await self.spool.finish()
        return found

    async def _scan(self, chunk: bytes) -> None:
        scanner, seen = self.scanner, 0
        for start in range(0, len(chunk), PIECE_BYTES):
            left = scanner.tokens_left
            scanner.feed(chunk[start : start + PIECE_BYTES])
            if scanner.depth > DEPTH_MAX:
                raise too_deep()
            seen += left - scanner.tokens_left
            if seen > TOKENS_AT_ONCE_MAX:
                seen = 0
                await asyncio.sleep(0)

    @property
    def fingerprint(self) -> str:
        """The same for the same bytes."""
        return self._digest.hexdigest()
