"""What a caller is told of a failed attempt: the provider's own OpenAI-shaped error where there is one, otherwise ours."""

from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.core.diagnosis import Facts, Stage, diagnose
from gateway.core.redaction import redact_foreign
from gateway.engine.call import Failure
from gateway.ports import UpstreamFailed, UpstreamResponse
from gateway.relay.scanner import MalformedAnswer

ERROR_BYTES_MAX = 64 * 1024
MESSAGE_CHARS_MAX = 2_000
_NO_ANSWER = 503


def failure_without_answer(cause: UpstreamFailed | MalformedAnswer) -> Failure:
    """The attempt brought no usable answer. 503 and not 502 or 504, whose bodies content networks replace with their own."""
    stage = cause.stage if isinstance(cause, UpstreamFailed) else Stage.BODY
    sent = stage is not Stage.CONNECT
    code = "upstream_answer_unusable" if sent else "upstream_unreachable"
    hint = "It may have been made and billed." if sent else "Nothing was sent; it may be tried again."
    error = _error(f"The provider did not deliver: {cause}. {hint}", "server_error", code)
    return Failure(_NO_ANSWER, error, diagnose(Facts(stage)))


async def failure_of_answer(response: UpstreamResponse) -> Failure:
    """Read an answer that is not a 200, at most ``ERROR_BYTES_MAX`` of it; its texts are redacted before anyone sees them."""
    body = bytearray()
    try:
        async for chunk in response.chunks():
            body += chunk[: ERROR_BYTES_MAX - len(body)]
            if len(body) == ERROR_BYTES_MAX:
                break
    except UpstreamFailed:
        body.clear()
    found = _openai_error(bytes(body))
    status = response.status if response.status >= 400 else _NO_ANSWER
    if found is None:
        kind = response.headers.get("content-type", "").partition(";")[0] or "no content type"
        found = _error(f"The provider answered with status {response.status} and no OpenAI error ({kind}).", "server_error", None)
    facts = Facts(Stage.STATUS, response.status, _text(found, "type"), _text(found, "code"), _text(found, "message"))
    wait = tuple((name, response.headers[name]) for name in ("retry-after", "retry-after-ms") if name in response.headers)
    return Failure(status, found, diagnose(facts), wait)


def _openai_error(body: bytes) -> dict[str, object] | None:
    """The ``error`` member with its four fields redacted; ``None`` where the body has another shape."""
    try:
        parsed = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    error = parsed.get("error") if isinstance(parsed, dict) else None
    if not isinstance(error, dict) or not isinstance(error.get("message"), str):
        return None
    found = {name: _clean(error.get(name)) for name in ("message", "type", "param", "code")}
    return found | ({"moderation_details": error["moderation_details"]} if "moderation_details" in error else {})


def _clean(value: object) -> str | None:
    return None if value is None else redact_foreign(str(value))[:MESSAGE_CHARS_MAX]


def _error(message: str, type_: str, code: str | None) -> dict[str, object]:
    return {"message": message, "type": type_, "param": None, "code": code}


def _text(error: Mapping[str, Any], name: str) -> str:
    return error[name] or ""
