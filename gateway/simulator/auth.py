"""Who may call: the bearer key."""

import secrets
from collections.abc import Mapping

from gateway.simulator.refusal import Refusal

_KEY_CHARS_SHOWN_MIN = 20


def authorize(headers: Mapping[str, str], key: str | None) -> None:
    """Raises ``Refusal`` (401) without a bearer key, or with another than ``key`` where that is set."""
    scheme, _, given = headers.get("authorization", "").partition(" ")
    given = given.strip()
    if scheme.lower() != "bearer" or not given:
        raise Refusal("You did not provide an API key: send it as 'Authorization: Bearer YOUR_KEY'.", status=401)
    if key is not None and not secrets.compare_digest(given.encode(), key.encode()):
        page = "You can find your API key at https://platform.openai.com/account/api-keys."
        raise Refusal(f"Incorrect API key provided: {_masked(given)}. {page}", status=401, code="invalid_api_key")


def _masked(key: str) -> str:
    return f"{key[:8]}***{key[-4:]}" if len(key) >= _KEY_CHARS_SHOWN_MIN else "***"
