"""Faults that strike before the request is looked at, as a broken edge or an overloaded fleet would."""

from gateway.simulator.exchange import Exchange
from gateway.simulator.faults import HtmlFault, StatusFault, Strike

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head><title>{status} | simulated edge</title></head>
<body>
<center><h1>Error {status}</h1></center>
<hr><center>cloudflare</center>
</body>
</html>
"""
_USER, _SERVER = "invalid_request_error", "server_error"
# (type, code, message) by status, as OpenAI's error guide describes them on 2026-11-23.
_ERRORS = {
    401: (_USER, "invalid_api_key", "Incorrect API key provided: sk-simul***0000."),
    403: (
        _USER,
        None,
        "Your organization must be verified to use the model. If you just verified, it can take up to 15 minutes.",
    ),
    404: (_USER, "model_not_found", "The model does not exist or you do not have access to it."),
    429: (
        "insufficient_quota",
        "insufficient_quota",
        "You exceeded your current quota, please check your plan and billing details.",
    ),
    500: (_SERVER, None, "The server had an error while processing your request."),
    503: (_SERVER, None, "The engine is currently overloaded, please try again later."),
}
_OTHER_USER_ERROR = (_USER, None, "A fault was asked for.")


async def struck_at_edge(exchange: Exchange, strike: Strike) -> bool:
    """Answer, or fail to, where the strike's fault is one of the edge's; whether it was."""
    fault = strike.fault
    if isinstance(fault, StatusFault):
        await exchange.json(fault.status, {"error": _error(fault)}, fault.headers)
    elif isinstance(fault, HtmlFault):
        headers = {"content-type": "text/html; charset=UTF-8", "server": "cloudflare", "cf-ray": "0000000000000000-SIM"}
        await exchange.answer(fault.status, _PAGE.format(status=fault.status).encode(), headers)
    elif strike.kind == "reset_before":
        await exchange.reset()
    elif strike.kind == "hang":
        await exchange.hang()
    else:
        return False
    return True


def _error(fault: StatusFault) -> dict[str, str | None]:
    if fault.error is not None:
        return {name: getattr(fault.error, name) for name in ("message", "type", "param", "code")}
    default = _OTHER_USER_ERROR if fault.status < 500 else _ERRORS[500]
    type_, code, message = _ERRORS.get(fault.status, default)
    return {"message": message, "type": type_, "param": None, "code": code}
