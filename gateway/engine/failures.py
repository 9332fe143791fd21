"""What a caller is told of a failed attempt: the provider's own OpenAI-shaped error where there is one, otherwise ours."""

import math
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.core.diagnosis.facts import Facts
from gateway.core.diagnosis.local import client_left, limit_used_up, limits_unknown
from gateway.core.diagnosis.provider_error import ERROR_TYPE, ProviderError, read_error
from gateway.core.diagnosis.rules import diagnose
from gateway.core.outcome import Owner, Stage
from gateway.core.redaction.provider_settings import Ours, ours_at
from gateway.core.redaction.secrets import redact_foreign
from gateway.core.snapshot import Route
from gateway.engine.call import Failure
from gateway.engine.routes.contract_limits import Shortage
from gateway.ports import UpstreamFailed, UpstreamResponse
from gateway.relay.scanner import MalformedAnswer

ERROR_BYTES_MAX = 64 * 1024
MESSAGE_CHARS_MAX = 2_000
_NO_ANSWER = 503
_CLIENT_CLOSED = 499  # nginx's number for it; it is never sent
# An error inside a stream has no status of its own. Where nothing has left yet, it gets the one it would have had.
_STATUSES = {Owner.MODERATION: 400, Owner.REQUEST_SHAPE: 400, Owner.RATE_LIMIT: 429, Owner.ACCOUNT: 429, Owner.VERIFICATION: 403}
_CATEGORIES_MAX = 20
# Seconds, or a date (RFC 9110, 10.2.3).
_WAIT = re.compile(r"[0-9.]{1,12}|[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT")


def failure_without_answer(cause: UpstreamFailed | MalformedAnswer) -> Failure:
    """The attempt brought no usable answer. 503 and not 502 or 504, whose bodies content networks replace with their own."""
    stage = cause.stage if isinstance(cause, UpstreamFailed) else Stage.BODY
    if stage is Stage.ROOM:
        error = _error(f"The gateway could not send the request: {cause}. Try it again.", "server_error", "gateway_has_no_room")
        return Failure(_NO_ANSWER, error, diagnose(Facts(stage)))
    sent = stage is not Stage.CONNECT
    code = "upstream_answer_unusable" if sent else "upstream_unreachable"
    hint = "It may have been made and billed." if sent else "Nothing was sent; it may be tried again."
    error = _error(f"The provider did not deliver: {cause}. {hint}", "server_error", code)
    return Failure(_NO_ANSWER, error, diagnose(Facts(stage)))


async def failure_of_answer(response: UpstreamResponse, route: Route, links: frozenset[str] | None = None) -> Failure:
    """Read an answer that is not a 200, at most ``ERROR_BYTES_MAX`` of it; what is ours in it is out before anyone sees it."""
    body = bytearray()
    try:
        async for chunk in response.chunks():
            body += chunk[: ERROR_BYTES_MAX - len(body)]
            if len(body) == ERROR_BYTES_MAX:
                break
    except UpstreamFailed:
        body.clear()
    wait = tuple(
        (name, response.headers[name])
        for name in ("retry-after", "retry-after-ms")
        if _WAIT.fullmatch(response.headers.get(name, ""))
    )
    ours = ours_at(route.provider)
    said = ours.cleaned(_parsed(bytes(body)))
    error = read_error(said, _cleaned_kind(response.headers, ours))
    diagnosis = diagnose(_facts(Stage.STATUS, response.status, error, route, links=links))
    status = _honest_status(response.status, diagnosis.owner)
    found = _openai_error(said) or _translated(error, said, response.status)
    return Failure(status, found, diagnosis, wait, response.status if status != response.status else 0)


def failure_of_event(event: Mapping[str, Any], route: Route, *, delivering: bool, links: frozenset[str] | None = None) -> Failure:
    """The provider's error in an answer, or a stream, whose head said 200; ``delivering``: after image data."""
    said = ours_at(route.provider).cleaned(dict(event))
    error = read_error(said)
    diagnosis = diagnose(_facts(Stage.STATUS, 0, error, route, delivering=delivering, links=links))
    found = _clean_error(said) or _error("The provider answered with an error.", "server_error", None)
    return Failure(_STATUSES.get(diagnosis.owner, _NO_ANSWER), found, diagnosis)


def failure_of_departure() -> Failure:
    """The client has left and wanted nothing to be finished: nobody reads this but the log."""
    return Failure(_CLIENT_CLOSED, _error("The client left.", "invalid_request_error", "client_left"), client_left())


def failure_of_limit(contract: str, shortage: Shortage) -> Failure:
    """The contract's recorded limit has no room for the request within the wait that it allows: no call was made."""
    wait_s = shortage.wait_s
    ever = math.isfinite(wait_s)
    wait = (("retry-after", str(max(math.ceil(wait_s), 1))),) if ever else ()
    hint = (
        f"Try again in {math.ceil(wait_s)} s." if ever else "It asks for more at once than the limit ever allows: ask for less."
    )
    if not shortage.known:
        message = f"The limits of the contract '{contract}' cannot be looked up now, so nothing was sent. {hint}"
        return Failure(503, _error(message, "server_error", "limits_unavailable"), limits_unknown(), wait)
    message = f"A limit recorded in the contract '{contract}' is used up, so nothing was sent. {hint}"
    return Failure(429, _error(message, "rate_limit_error", "rate_limit_exceeded"), limit_used_up(ever=ever), wait)


def _facts(
    stage: Stage, status: int, error: ProviderError, route: Route, *, delivering: bool = False, links: frozenset[str] | None
) -> Facts:
    contract = route.contract
    return Facts(stage, status, error, delivering, contract.verification.state, contract.limits.usage_tier, links)


def _honest_status(status: int, owner: Owner) -> int:
    """The provider's own, unless it calls a fault of its own what is not: SDKs would send such a request again."""
    if not 400 <= status <= 599:
        return _STATUSES.get(owner, _NO_ANSWER)
    return _STATUSES.get(owner, status) if status >= 500 else status


def _parsed(body: bytes) -> object:
    """A JSON value, or the text that it is instead."""
    try:
        found: object = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return body.decode("utf-8", "replace")
    return found


def _openai_error(said: object) -> dict[str, object] | None:
    """The ``error`` member with its four fields redacted; ``None`` where the body has another shape."""
    return _clean_error(said.get("error") if isinstance(said, dict) else None)


def _translated(error: ProviderError, said: object, status: int) -> dict[str, object]:
    """Another shape as OpenAI's; a web page is not passed on."""
    if isinstance(said, str) or not error.message:
        return _error(f"The provider answered with status {status} and no OpenAI error.", "server_error", None)
    return {
        "message": _clean(error.message),
        "type": _clean(error.type) or "server_error",
        "param": _clean(error.param or None),
        "code": _clean(error.code or None),
    }


def _clean_error(error: object) -> dict[str, object] | None:
    if not isinstance(error, dict) or not isinstance(error.get("message"), str):
        return None
    found = {name: _clean(error.get(name)) for name in ("message", "type", "param", "code")}
    details = error.get("moderation_details")
    return found | ({"moderation_details": _details(details)} if isinstance(details, dict) else {})


def _cleaned_kind(headers: Mapping[str, str], ours: Ours) -> Mapping[str, str]:
    """Of the head what says what went wrong."""
    kind = headers.get(ERROR_TYPE)
    return {} if kind is None else {ERROR_TYPE: ours.without(kind)}


def _details(details: Mapping[str, Any]) -> dict[str, object]:
    """OpenAI's ``{moderation_stage, categories}``, and nothing else that might be in it."""
    categories = details.get("categories")
    listed = [_clean(category) for category in categories[:_CATEGORIES_MAX]] if isinstance(categories, list) else []
    return {"moderation_stage": _clean(details.get("moderation_stage")), "categories": listed}


def _clean(value: object) -> str | None:
    return None if value is None else redact_foreign(str(value))[:MESSAGE_CHARS_MAX]


def _error(message: str, type_: str, code: str | None) -> dict[str, object]:
    return {"message": message, "type": type_, "param": None, "code": code}
