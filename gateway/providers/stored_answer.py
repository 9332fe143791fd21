"""An answer that is in memory as a whole, and the refusal of a request before anything is sent."""

from collections.abc import AsyncIterator, Mapping

import msgspec

JSON = {"content-type": "application/json"}
_PIECE_BYTES = 64 * 1024


class StoredAnswer:
    """Implements ``ports.UpstreamResponse``."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status, self.headers, self._body = status, headers, body

    async def chunks(self) -> AsyncIterator[bytes]:
        """In pieces."""
        view = memoryview(self._body)
        for start in range(0, len(view), _PIECE_BYTES):
            yield bytes(view[start : start + _PIECE_BYTES])

    def release(self) -> None:
        """Let go of it."""
        self._body = b""


def refusal(text: str, param: str | None) -> StoredAnswer:
    """OpenAI's shape of an error; nothing was sent."""
    error = {"message": text, "type": "invalid_request_error", "param": param, "code": "unknown_parameter"}
    return StoredAnswer(400, JSON, msgspec.json.encode({"error": error}))


def without_a_word(param: str) -> StoredAnswer:
    """The refusal of a member that the provider does not have: it would be dropped in silence."""
    return refusal(f"Unknown parameter: '{param}'. The provider of this model has no word for it.", param)
