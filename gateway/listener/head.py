"""A request's head: what the parser lets pass and a server must not, and what the request asks for."""

import re
from collections.abc import Sequence

import httptools

from gateway.listener import refusal
from gateway.listener.bounds import HEAD_BYTES_MAX
from gateway.listener.refusal import Refused

# RFC 3986, 3.2.2, and a port.
_HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._~!$&'()*+,;=%-]{1,255})(?::[0-9]{0,5})?")


def fault_of(version: str, method: bytes, url: bytes, headers: Sequence[tuple[bytes, bytes]]) -> Refused | None:
    """Why the head is refused, if it is (RFC 9112, 3.2 and 6.1; RFC 9110, 9.3.6)."""
    if version not in ("1.1", "1.0"):
        return refusal.VERSION
    if method == b"CONNECT":
        return refusal.CONNECT
    size, hosts = len(url), []
    for name, value in headers:
        size += len(name) + len(value)
        if name == b"host":
            hosts.append(value)
        elif name == b"transfer-encoding" and (value.lower() != b"chunked" or version == "1.0"):
            return refusal.TRANSFER_CODING
    if size > HEAD_BYTES_MAX:
        return refusal.HEAD_TOO_LARGE
    if len(hosts) > 1 or (version == "1.1" and not hosts) or not all(map(_HOST.fullmatch, hosts)):
        return refusal.HOST
    return None


def target(url: bytes, *, lenient: bool) -> tuple[bytes, bytes]:
    """Path and query; ``lenient`` where they are only told, and are empty where they cannot be read."""
    if url == b"*":
        return url, b""
    try:
        parsed = httptools.parse_url(url)
    except httptools.HttpParserInvalidURLError:
        if lenient:
            return b"", b""
        raise
    return parsed.path or b"/", parsed.query or b""
