"""The one error of the simulator: what OpenAI answers to a request that it refuses."""

from collections.abc import Mapping
from typing import Any

USER_ERROR = "image_generation_user_error"
_NO_HEADERS: Mapping[str, str] = {}


class Refusal(Exception):
    """Status, the members of ``{"error": {…}}``, and headers beyond the usual ones."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        type: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] = _NO_HEADERS,
    ) -> None:
        super().__init__(message)
        self.status, self.headers = status, headers
        self._error = {"message": message, "type": type, "param": param, "code": code}

    @property
    def body(self) -> dict[str, Any]:
        """As it is sent."""
        return {"error": self._error}
