"""``GET /v1/gateway/requests/{id}`` and ``…/result``: what became of one of the caller's own requests, and its answer."""

from collections.abc import Sequence

import structlog
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from gateway.config.change.current import Current
from gateway.core.idempotency.refusals import request_path
from gateway.core.outcome import Owner, Refusal, shape_refusal
from gateway.core.snapshot import App
from gateway.core.tag import Header
from gateway.engine.claims.pickup import Answer, PickUp
from gateway.engine.claims.replaying import replayed_headers
from gateway.ports import LedgerUnavailable
from gateway.relay.result_folder import REQUEST_ID
from gateway.server.auth import authenticate
from gateway.server.client import AsgiClient
from gateway.server.head import head_of
from gateway.server.record import record_of

PATH = request_path("{request_id}")
RESULT_PATH = f"{PATH}/result"
_NOT_STORED = {"cache-control": "no-store", "vary": "authorization"}
_log = structlog.get_logger("gateway.ledger")


def requests_router(current: Current, pick_up: PickUp, stall_s_max: float) -> APIRouter:
    """The endpoints, for the apps of the configuration in force. Another app's request is as unknown as one that never was.

    A client that takes nothing of a result for ``stall_s_max`` seconds is cut off.
    """
    router = APIRouter()

    @router.get(PATH)
    async def status(request: Request, request_id: str) -> Response:
        """Status, tag and cost."""
        app = _caller(request, current, PATH)
        try:
            found = await pick_up.document(app.id, request_id) if REQUEST_ID.fullmatch(request_id) else None
        except LedgerUnavailable as unavailable:
            raise _unavailable(unavailable) from unavailable
        if found is None:
            raise _unknown(request_id)
        return JSONResponse(found, headers=_NOT_STORED)

    @router.get(RESULT_PATH)
    async def result(request: Request, request_id: str) -> Response:
        """The stored answer, byte for byte."""
        app = _caller(request, current, RESULT_PATH)
        try:
            found = await pick_up.answer(app.id, request_id) if REQUEST_ID.fullmatch(request_id) else None
        except LedgerUnavailable as unavailable:
            raise _unavailable(unavailable) from unavailable
        if found is None:
            raise _no_result(request_id)
        headers = list(replayed_headers(found.result.head, record_of(request.scope).request_id, found.original_id))
        if all(name != b"cache-control" for name, _ in headers):
            headers.append((b"cache-control", b"no-store"))
        return _Stored(found, headers, stall_s_max)

    return router


class _Stored(Response):
    """A kept answer on its way, which it closes: as far as its client takes it."""

    def __init__(self, answer: Answer, headers: Sequence[Header], stall_s_max: float) -> None:
        self.status_code, self.raw_headers = answer.result.head.status, list(headers)
        self._result, self._stall_s_max, self.background = answer.result, stall_s_max, None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client, record = AsgiClient(scope, receive, send, self._stall_s_max), record_of(scope)
        try:
            await client.start(self.status_code, self.raw_headers)
            async for chunk in self._result.chunks():
                if record.left(scope):
                    return
                await client.write(chunk)
            await client.finish(b"")
        finally:
            self._result.close()


def _caller(request: Request, current: Current, path: str) -> App:
    record = record_of(request.scope)
    record.path = path
    app = authenticate(head_of(request.scope), current.snapshot)
    record.app, record.tag_body = app.id, app.tag_body
    return app


def _unknown(request_id: str) -> Refusal:
    message = f"No request '{request_id[:200]}' of this app is known. A request that was refused before it was sent is not kept."
    return shape_refusal("request_not_found", message, status=404)


def _no_result(request_id: str) -> Refusal:
    message = (
        f"No result is kept of a request '{request_id[:200]}' of this app. Results are kept for a configured time; "
        f"GET {request_path(request_id[:200])} says what became of the request."
    )
    return shape_refusal("result_not_found", message, status=404)


def _unavailable(unavailable: LedgerUnavailable) -> Refusal:
    _log.error("ledger", reason=str(unavailable))
    return Refusal(
        status=503,
        type="server_error",
        code="ledger_unavailable",
        param=None,
        message="The ledger cannot be read now. Try again later, or ask the gateway's operators.",
        owner=Owner.GATEWAY,
        rule="gateway.ledger_unavailable",
        first_check="Ops: look at the gateway's log for the ledger.",
        stop_rule="Nothing was sent, nothing was billed.",
        retryable=True,
    )
