"""Every error of the data plane in OpenAI's shape, with the tag's headers and member."""

import json
import math
from typing import Any

from starlette.responses import Response

from gateway.core.outcome import Diagnosis, Outcome, Owner, Refusal
from gateway.core.tag import Tag
from gateway.engine.call import Failure

_SOON_S = 1.0


def error_answer(failure: Failure, tag: Tag, *, tag_body: bool = True) -> Response:
    """Status, OpenAI's ``error`` member, the ``gateway`` member where the app wants it, and the headers."""
    body: dict[str, Any] = {"error": failure.error}
    if tag_body:
        body["gateway"] = tag.member() | ({"upstream_status": failure.upstream_status} if failure.upstream_status else {})
    headers = {name.decode(): value.decode() for name, value in tag.headers()} | dict(failure.retry_after)
    return Response(json.dumps(body), failure.status, headers, "application/json")


def failure_of_refusal(refusal: Refusal) -> Failure:
    """What a caller is told of a request that was sent nowhere."""
    error: dict[str, object] = {
        "message": refusal.message,
        "type": refusal.type,
        "param": refusal.param,
        "code": refusal.code,
    }
    return Failure(refusal.status, error, refusal.diagnosis, _wait(refusal.retry_after_s) if refusal.diagnosis.retryable else ())


def ledger_unavailable(*, sent: bool) -> Failure:
    """Nothing is sent that cannot be booked, and nothing is delivered whose cost cannot be."""
    message = (
        "The gateway could not book the result, so it is not delivered. The image may have been made and billed."
        if sent
        else "The gateway cannot book the request now, so it was not sent. Try again shortly."
    )
    return _own_failure(503, "ledger_unavailable", message, sent=sent, retryable=not sent)


def gateway_fault(*, sent: bool) -> Failure:
    """A fault of the gateway itself."""
    message = "The gateway failed while it handled the request. Its operators find the cause in the log by the request id."
    return _own_failure(500, "gateway_fault", message, sent=sent, retryable=False)


def gateway_stopped(*, sent: bool) -> Failure:
    """The gateway was told to stop and could wait no longer."""
    return _own_failure(
        503, "gateway_stopped", "The gateway was stopped before there was an answer.", sent=sent, retryable=not sent
    )


def _own_failure(status: int, code: str, message: str, *, sent: bool, retryable: bool) -> Failure:
    """``sent``: an attempt had begun, so the request must not be repeated blindly."""
    diagnosis = Diagnosis(
        Owner.GATEWAY,
        f"gateway.{code}",
        "Ops: look at the gateway's log for the request id.",
        "Do not send it again before the bill is known." if sent else "Nothing was sent, nothing was billed.",
        Outcome.AMBIGUOUS if sent else Outcome.NOT_SENT,
        retryable,
    )
    error: dict[str, object] = {"message": message, "type": "server_error", "param": None, "code": code}
    return Failure(status, error, diagnosis, _wait(_SOON_S) if retryable else ())


def _wait(wait_s: float) -> tuple[tuple[str, str], ...]:
    """In whole seconds as HTTP has it, and exactly, as OpenAI's SDKs prefer it."""
    return ("retry-after", str(max(math.ceil(wait_s), 1))), ("retry-after-ms", str(max(math.ceil(wait_s * 1000), 1)))
