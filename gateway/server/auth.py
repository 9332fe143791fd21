"""Who calls: the bearer key's SHA-256, looked up in memory."""

import hashlib
import hmac
from collections.abc import Mapping

from gateway.core.outcome import Owner, Refusal
from gateway.core.snapshot import App, Snapshot

_NO_DIGEST = "0" * 64


def authenticate(head: Mapping[str, str], snapshot: Snapshot) -> App:
    """The app whose key the request bears; raises ``Refusal`` (401). A miss takes the same steps as a hit."""
    scheme, _, key = head.get("authorization", "").partition(" ")
    digest = hashlib.sha256(key.strip().encode()).hexdigest()
    app = snapshot.apps.get(digest)
    stored = _NO_DIGEST if app is None else next(known for known in app.key_hashes if known == digest)
    matches = hmac.compare_digest(digest, stored)
    if app is None or not matches or scheme.lower() != "bearer":
        raise _unauthorized("Incorrect API key provided." if key else "You didn't provide an API key.")
    return app


def _unauthorized(what: str) -> Refusal:
    return Refusal(
        status=401,
        type="invalid_request_error",
        code="invalid_api_key",
        param=None,
        message=f"{what} Send your app's gateway key as 'Authorization: Bearer KEY'; a provider's own key does not work here.",
        owner=Owner.CALLER,
        rule="caller.key",
        first_check="Is the key one that the gateway's operators gave to this app?",
        stop_rule="Do not retry with the same key.",
    )
