"""Paths and methods that this gateway does not have: OpenAI-shaped errors that name the right one."""

from difflib import get_close_matches

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gateway.core.outcome import Refusal, shape_refusal
from gateway.server.errors import failure_of_refusal
from gateway.server.images import PATHS
from gateway.server.models import PATH as MODELS
from gateway.server.record import record_of

METHOD_OF = {**dict.fromkeys(PATHS, "POST"), MODELS: "GET"}


async def not_found(request: Request, error: Exception) -> Response:
    """The handler of Starlette's 404 and 405."""
    status = error.status_code if isinstance(error, HTTPException) else 404
    refusal = _refusal(request.method, request.scope["path"], status)
    answer = record_of(request.scope).error_answer(failure_of_refusal(refusal))
    if status == 405:
        answer.headers["allow"] = METHOD_OF.get(request.scope["path"], "GET")
    return answer


def _refusal(method: str, path: str, status: int) -> Refusal:
    near = get_close_matches(path if path.startswith("/v1/") else f"/v1{path}", METHOD_OF, n=1, cutoff=0.7)
    served = " and ".join(f"{allowed} {known}" for known, allowed in METHOD_OF.items())
    fix = f"Did you mean {METHOD_OF[near[0]]} {near[0]}?" if near else f"This gateway serves {served}."
    if status == 405:
        return shape_refusal("method_not_allowed", f"Invalid method ({method} {path[:200]}). {fix}", status=405)
    return shape_refusal("unknown_url", f"Invalid URL ({method} {path[:200]}). {fix}", status=404)
