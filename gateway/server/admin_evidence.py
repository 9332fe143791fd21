"""``GET /requests/{id}/evidence`` of the admin plane: for operators, for a provider's ticket, or as the app sees it."""

import asyncio

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway.core.evidence.bundle import Audience
from gateway.ports import EvidenceStore, EvidenceUnavailable
from gateway.reports.operations.evidence import OtherContract, evidence_for
from gateway.server.admin_order import Unacceptable
from gateway.server.evidence import written


def admin_evidence_router(store: EvidenceStore) -> APIRouter:
    """``?for=ops|provider|app``, and ``&contract=ID`` where a provider's ticket is about another contract than the first."""
    router = APIRouter()

    @router.get("/requests/{request_id}/evidence")
    async def evidence(request: Request, request_id: str) -> Response:
        audience, contract = _audience(request), request.query_params.get("contract", "")
        try:
            found = await asyncio.to_thread(store.find, request_id)
        except EvidenceUnavailable as unavailable:
            raise Unacceptable(503, str(unavailable), rule="a readable file", fix="Mend the file or its folder.") from unavailable
        if found is None:
            raise Unacceptable(
                404,
                "No evidence is kept of this request.",
                field="request_id",
                rule="kept by evidence.keep, days_max and requests_max of the configuration",
                fix="GET the id that x-gateway-request-id names; `gateway requests ID` has the ledger's entries.",
            )
        try:
            return written(evidence_for(found, audience, contract), request)
        except OtherContract as other:
            fix = f"Ask for one of: {', '.join(other.called) or 'none, nobody was called'}."
            rule = "the id of a contract whose provider was called"
            raise Unacceptable(422, "The request has no attempt under it.", field="contract", rule=rule, fix=fix) from other

    return router


def _audience(request: Request) -> Audience:
    asked = request.query_params.get("for", Audience.OPS.value)
    if asked not in set(Audience):
        rule = f"one of {', '.join(Audience)}"
        raise Unacceptable(422, "There is no such audience.", field="for", rule=rule, fix="Send one of these.")
    return Audience(asked)
