"""Why a listener does not take a request. The app is asked to answer it as it answers everything else."""

import json
from dataclasses import dataclass

# The type of an ASGI scope whose request was refused: ``scope["refusal"]`` says why, the other members hold what could be read.
# An app that does not know the type raises, as ASGI has it, and the listener answers by itself.
REFUSED = "gateway.refused"


@dataclass(frozen=True, slots=True)
class Refused:
    """``reason`` is what is counted and told as the error's code; the message names the rule and the fix."""

    status: int
    reason: str
    message: str

    @property
    def body(self) -> bytes:
        """OpenAI's error, for whoever has no better one."""
        kind = "server_error" if self.status >= 500 else "invalid_request_error"
        return json.dumps({"error": {"message": self.message, "type": kind, "param": None, "code": self.reason}}).encode()


def malformed(why: str) -> Refused:
    """The bytes are no request; ``why`` is the parser's word."""
    message = f"The request is not well-formed HTTP/1.1 ({why}). Use a maintained HTTP client, and send no extra bytes after it."
    return Refused(400, "malformed_http", message)


HEAD_TOO_LARGE = Refused(
    431,
    "headers_too_large",
    "The request's headers are too large: at most 64 KiB and 256 headers are taken. Send fewer or shorter ones.",
)
HEAD_TOO_LATE = Refused(408, "request_timeout", "The request's head did not arrive in time. Send it at once.")
HOST = Refused(400, "invalid_host", "HTTP/1.1 asks for exactly one valid Host header. Send one, and only one.")
VERSION = Refused(505, "http_version_not_supported", "Only HTTP/1.0 and HTTP/1.1 are spoken here. Send the request in HTTP/1.1.")
CONNECT = Refused(405, "method_not_allowed", "This is no proxy: CONNECT is not answered. Send the request itself.")
TRANSFER_CODING = Refused(
    400,
    "malformed_http",
    "The only transfer-encoding of a request is 'chunked', in HTTP/1.1. Send the body as it is, or chunked.",
)
TOO_MANY_CONNECTIONS = Refused(
    503, "too_many_connections", "The gateway has as many connections as it may. Try again shortly, or keep fewer of them open."
)
FAULT = Refused(500, "gateway_fault", "The server failed while it handled the request.")
