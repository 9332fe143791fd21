"""Repeated requests that get no result, and keys that are none: what the caller is told."""

from gateway.core.outcome import MAY_BE_BILLED, Owner, Refusal

HEADER = "Idempotency-Key"
KEY_CHARS_MAX = 255
_FOR_GOOD = "Do not send it again unchanged: it will be refused again."


def valid_key(value: str) -> str:
    """The key that the header brings, with or without quotes; raises ``Refusal`` (400)."""
    quoted = len(value) > 1 and value.startswith('"') and value.endswith('"')
    key = value[1:-1] if quoted else value
    if not 1 <= len(key) <= KEY_CHARS_MAX or not all("!" <= char <= "~" for char in key):
        raise _refusal(
            400,
            "invalid_idempotency_key",
            f"Invalid {HEADER} header: expected 1 to {KEY_CHARS_MAX} printable ASCII characters without spaces. Send a UUID.",
            first_check="Compare the header with docs/idempotency.md.",
            stop_rule=_FOR_GOOD,
        )
    return key


def key_reused(original_id: str) -> Refusal:
    """Another body under the same key."""
    return _refusal(
        422,
        "idempotency_key_reused",
        f"This {HEADER} was used for another request body ({original_id}). Send the same body, or a new key for a new request.",
        first_check="Does the app make a new key for each new request?",
        stop_rule=_FOR_GOOD,
        original_id=original_id,
    )


def outcome_unknown(original_id: str) -> Refusal:
    """The earlier request may have been billed, and nobody knows."""
    return _refusal(
        409,
        "request_outcome_unknown",
        f"The same request was sent before ({original_id}), and whether its image was made and billed is not known. "
        f"Look it up with GET {request_path(original_id)}; a new {HEADER} pays for another image.",
        first_check="Look the earlier request up, in the gateway and on the provider's bill.",
        stop_rule=MAY_BE_BILLED,
        original_id=original_id,
    )


def result_not_kept(original_id: str) -> Refusal:
    """The earlier request was answered and paid, and its answer is gone."""
    return _refusal(
        409,
        "request_already_served",
        f"The same request was answered and paid before ({original_id}), and its result is not kept (any more). "
        f"Look it up with GET {request_path(original_id)}; a new {HEADER} pays for another image.",
        first_check="Did the answer get lost, or come too late? Results are kept for a configured time and size.",
        stop_rule=_FOR_GOOD,
        original_id=original_id,
    )


def request_path(request_id: str) -> str:
    """Where the app finds what became of a request."""
    return f"/v1/gateway/requests/{request_id}"


def _refusal(status: int, code: str, message: str, *, first_check: str, stop_rule: str, original_id: str = "") -> Refusal:
    return Refusal(
        status=status,
        type="invalid_request_error",
        code=code,
        param=HEADER if status != 409 else None,
        message=message,
        owner=Owner.CALLER,
        rule=f"caller.{code}",
        first_check=first_check,
        stop_rule=stop_rule,
        original_id=original_id,
    )
