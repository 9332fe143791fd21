"""Every error of the data plane in OpenAI's shape, with the tag's headers and member."""

import json
from typing import Any

from starlette.responses import Response

from gateway.core.diagnosis import Diagnosis, Outcome, Owner, Refusal
from gateway.core.tag import Tag
from gateway.engine.call import Failure


def error_answer(failure: Failure, tag: Tag, *, tag_body: bool = True) -> Response:
    """Status, OpenAI's ``error`` member, the ``gateway`` member where the app wants it, and the headers."""
    body: dict[str, Any] = {"error": failure.error} | ({"gateway": tag.member()} if tag_body else {})
    return Response(json.dumps(body), failure.status, dict([*tag.headers(), *failure.retry_after]), "application/json")


def failure_of_refusal(refusal: Refusal) -> Failure:
    """What a caller is told of a request that was sent nowhere."""
    error: dict[str, object] = {
        "message": refusal.message,
        "type": refusal.type,
        "param": refusal.param,
        "code": refusal.code,
    }
    wait = (("retry-after", "1"),) if refusal.diagnosis.retryable else ()
    return Failure(refusal.status, error, wait)


def ledger_unavailable() -> Refusal:
    """Nothing is sent that cannot be booked."""
    return Refusal(
        status=503,
        type="server_error",
        code="ledger_unavailable",
        param=None,
        message="The gateway cannot book the request now, so it was not sent. Try again shortly.",
        owner=Owner.GATEWAY,
        rule="gateway.ledger",
        first_check="Ops: look at the gateway's log for 'ledger'.",
        stop_rule="Nothing was sent, nothing was billed: the request may be sent again.",
        retryable=True,
    )


def internal_error(*, sent: bool) -> tuple[Failure, Diagnosis]:
    """A fault of the gateway itself. ``sent``: an attempt had begun, so it must not be repeated blindly."""
    message = "The gateway failed while it handled the request. Its operators find the cause in the log by the request id."
    outcome = Outcome.AMBIGUOUS if sent else Outcome.NOT_SENT
    diagnosis = Diagnosis(
        Owner.GATEWAY,
        "gateway.fault",
        "Ops: look at the gateway's log for the request id.",
        "Do not send it again before the bill is known." if sent else "Nothing was sent, nothing was billed.",
        outcome,
        retryable=False,
    )
    return Failure(500, {"message": message, "type": "server_error", "param": None, "code": "gateway_fault"}), diagnosis
