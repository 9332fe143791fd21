"""The admin plane's errors: RFC 9457, with the field at fault, the rule and the fix."""

from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway.engine.routes.overrides import OverridesUnavailable
from gateway.engine.routes.readiness_results import ReadinessUnavailable
from gateway.ports import AuditUnavailable, LedgerUnavailable
from gateway.server.admin_order import Unacceptable

MEDIA_TYPE = "application/problem+json"
_log = structlog.get_logger("gateway.admin")


def problem(status: int, detail: str, **more: Any) -> Response:
    """An error as RFC 9457 has it; ``more`` are its further members."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail} | more
    return JSONResponse(body, status, media_type=MEDIA_TYPE)


def add_problems(app: FastAPI) -> None:
    """Let every error of the app be such a problem."""
    app.add_exception_handler(Unacceptable, _unacceptable)
    app.add_exception_handler(AuditUnavailable, _unavailable)
    app.add_exception_handler(OverridesUnavailable, _unavailable)
    app.add_exception_handler(ReadinessUnavailable, _unavailable)
    app.add_exception_handler(LedgerUnavailable, _unavailable)
    app.add_exception_handler(HTTPException, _not_here)
    app.add_exception_handler(Exception, _failed)


async def _unacceptable(request: Request, error: Exception) -> Response:
    if not isinstance(error, Unacceptable):
        raise error
    return problem(error.status, error.detail, field=error.field, rule=error.rule, fix=error.fix)


async def _unavailable(request: Request, error: Exception) -> Response:
    fix = "Make room on the disk or give the gateway permission to write there, then send it again."
    return problem(503, str(error), field="", rule="nothing changes that is not recorded", fix=fix)


async def _not_here(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    rule = (
        "GET /routes, /contracts/ID, /config, /metrics, /requests/ID/evidence; POST and DELETE /routes/ID/override; "
        "POST /routes/ID/ready, /config/reload, /ledger/adjustments"
    )
    answer = problem(
        status, f"The admin plane has no {request.method} of this path.", field="", rule=rule, fix="Ask for one of these."
    )
    if isinstance(error, HTTPException) and error.headers:
        answer.headers.update(error.headers)
    return answer


async def _failed(request: Request, error: Exception) -> Response:
    _log.error("fault", path=request.url.path, exc_info=error)
    return problem(500, "The gateway failed.", field="", rule="", fix="Its log has the details; please report them.")
