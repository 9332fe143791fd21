"""What a caller is told of a failed attempt: the provider's own OpenAI-shaped error where there is one, otherwise ours."""

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from gateway.core.diagnosis import Facts, Stage, diagnose
from gateway.core.redaction import MASK, redact_foreign
from gateway.core.snapshot import ProviderSettings
from gateway.engine.call import Failure
from gateway.ports import UpstreamFailed, UpstreamResponse
from gateway.relay.scanner import MalformedAnswer

ERROR_BYTES_MAX = 64 * 1024
MESSAGE_CHARS_MAX = 2_000
_NO_ANSWER = 503
_CATEGORIES_MAX = 20
_WAIT = re.compile(r"[0-9.]{1,12}|[A-Za-z]{3}, [0-9A-Za-z: -]{1,40}")


def failure_without_answer(cause: UpstreamFailed | MalformedAnswer) -> Failure:
    """The attempt brought no usable answer. 503 and not 502 or 504, whose bodies content networks replace with their own."""
    stage = cause.stage if isinstance(cause, UpstreamFailed) else Stage.BODY
    sent = stage is not Stage.CONNECT
    code = "upstream_answer_unusable" if sent else "upstream_unreachable"
    hint = "It may have been made and billed." if sent else "Nothing was sent; it may be tried again."
    error = _error(f"The provider did not deliver: {cause}. {hint}", "server_error", code)
    return Failure(_NO_ANSWER, error, diagnose(Facts(stage)))


async def failure_of_answer(response: UpstreamResponse, provider: ProviderSettings) -> Failure:
    """Read an answer that is not a 200, at most ``ERROR_BYTES_MAX`` of it; its texts are redacted before anyone sees them."""
    private = (provider.credential.reveal(), provider.organization, provider.project, urlsplit(provider.base_url).netloc)
    body = bytearray()
    try:
        async for chunk in response.chunks():
            body += chunk[: ERROR_BYTES_MAX - len(body)]
            if len(body) == ERROR_BYTES_MAX:
                break
    except UpstreamFailed:
        body.clear()
    status = response.status if 400 <= response.status <= 599 else _NO_ANSWER
    wait = tuple(
        (name, response.headers[name])
        for name in ("retry-after", "retry-after-ms")
        if _WAIT.fullmatch(response.headers.get(name, ""))
    )
    found = _openai_error(bytes(body), private)
    if found is None:
        error = _error(f"The provider answered with status {response.status} and no OpenAI error.", "server_error", None)
        return Failure(status, error, diagnose(Facts(Stage.STATUS, response.status)), wait)
    facts = Facts(Stage.STATUS, response.status, _text(found, "type"), _text(found, "code"), _text(found, "message"))
    return Failure(status, found, diagnose(facts), wait)


def _openai_error(body: bytes, private: Iterable[str | None]) -> dict[str, object] | None:
    """The ``error`` member with its four fields redacted; ``None`` where the body has another shape."""
    try:
        parsed = msgspec.json.decode(_without(body, private))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    error = parsed.get("error") if isinstance(parsed, dict) else None
    if not isinstance(error, dict) or not isinstance(error.get("message"), str):
        return None
    found = {name: _clean(error.get(name)) for name in ("message", "type", "param", "code")}
    details = error.get("moderation_details")
    return found | ({"moderation_details": _details(details)} if isinstance(details, dict) else {})


def _without(body: bytes, private: Iterable[str | None]) -> bytes:
    """The route's own credential, account and address, wherever the provider repeats them."""
    for text in filter(None, private):
        body = body.replace(text.encode(), MASK.encode())
    return body


def _details(details: Mapping[str, Any]) -> dict[str, object]:
    """OpenAI's ``{moderation_stage, categories}``, and nothing else that might be in it."""
    categories = details.get("categories")
    listed = [_clean(category) for category in categories[:_CATEGORIES_MAX]] if isinstance(categories, list) else []
    return {"moderation_stage": _clean(details.get("moderation_stage")), "categories": listed}


def _clean(value: object) -> str | None:
    return None if value is None else redact_foreign(str(value))[:MESSAGE_CHARS_MAX]


def _error(message: str, type_: str, code: str | None) -> dict[str, object]:
    return {"message": message, "type": type_, "param": None, "code": code}


def _text(error: Mapping[str, Any], name: str) -> str:
    return error[name] or ""
