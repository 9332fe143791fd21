"""``GET /v1/gateway/requests/{id}/evidence``: the evidence of one of the caller's own requests."""

import asyncio
import json
import re

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway.config.change.current import Current
from gateway.core.evidence.bundle import Audience, Evidence, evidence_path, for_audience
from gateway.core.evidence.document import document_of
from gateway.core.evidence.markdown import markdown_of
from gateway.core.outcome import Owner, Refusal, shape_refusal
from gateway.ports import EvidenceStore, EvidenceUnavailable
from gateway.server.auth import authenticate
from gateway.server.head import head_of
from gateway.server.record import record_of

PATH = evidence_path("{request_id}")
# Each reads a file in a thread, and the threads are few.
LOOKUPS_AT_ONCE_MAX = 4
_ID = re.compile(r"gw_[0-9a-f]{16,64}")


def evidence_router(current: Current, store: EvidenceStore) -> APIRouter:
    """The endpoint, for the apps of the configuration in force."""
    router, room = APIRouter(), asyncio.Semaphore(LOOKUPS_AT_ONCE_MAX)

    @router.get(PATH)
    async def evidence(request: Request, request_id: str) -> Response:
        """The evidence; whoever asks for another app's is told what one is told who asks for none."""
        record = record_of(request.scope)
        record.path = PATH
        app = authenticate(head_of(request.scope), current.snapshot)
        record.app, record.tag_body = app.id, app.tag_body
        try:
            async with room:
                found = await asyncio.to_thread(store.find, request_id) if _ID.fullmatch(request_id) else None
        except EvidenceUnavailable as unavailable:
            raise _unavailable() from unavailable
        if found is None or found.asked is None or found.asked.app != app.id:
            raise _unknown(request_id)
        return written(for_audience(found, Audience.APP), request)

    return router


def written(evidence: Evidence, request: Request) -> Response:
    """As JSON, or as Markdown for a client that asks for it."""
    if "text/markdown" in request.headers.get("accept", ""):
        return Response(markdown_of(evidence), media_type="text/markdown; charset=utf-8", headers=_HEADERS)
    body = json.dumps(document_of(evidence), ensure_ascii=False)
    return Response(body, media_type="application/json", headers=_HEADERS)


_HEADERS = {"cache-control": "no-store", "vary": "accept, authorization"}


def _unknown(request_id: str) -> Refusal:
    message = (
        f"No evidence is kept of a request '{request_id[:200]}' of this app. It is kept for a configured time, of requests with "
        "a failure in them; the errors of such requests name this path."
    )
    return shape_refusal("evidence_not_found", message, status=404)


def _unavailable() -> Refusal:
    return Refusal(
        status=503,
        type="server_error",
        code="evidence_unavailable",
        param=None,
        message="The evidence cannot be read now. Try again later, or ask the gateway's operators.",
        owner=Owner.GATEWAY,
        rule="gateway.evidence_unavailable",
        first_check="Ops: look at the gateway's log for the file of evidence.",
        stop_rule="Nothing was sent, nothing was billed.",
        retryable=True,
    )
