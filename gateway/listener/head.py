"""A request's head: what the parser lets pass and a server must not, and what the request asks for."""

import re
import urllib.parse
from collections.abc import Sequence
from typing import Any

import httptools

from gateway.listener import refusal
from gateway.listener.bounds import HEAD_BYTES_MAX
from gateway.listener.refusal import REFUSED, Refused

Headers = Sequence[tuple[bytes, bytes]]
_ASGI = {"version": "3.0", "spec_version": "2.3"}
# RFC 3986, 3.2.2, and a port.
_HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._~!$&'()*+,;=%-]{1,255})(?::[0-9]{0,5})?")


def fault_of(version: str, method: bytes, url: bytes, headers: Headers) -> Refused | None:
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


def framing_of(headers: Headers) -> bytes:
    """The lines that say where the body ends."""
    return b"".join(b"%b: %b\r\n" % it for it in headers if it[0] in (b"content-length", b"transfer-encoding"))


def scope_of(kind: str, version: str, method: str, url: bytes, headers: Headers) -> dict[str, Any]:
    """The ASGI scope but for the two addresses; the path of a request that is refused is empty where it cannot be read."""
    raw_path, query = _target(url, lenient=kind == REFUSED)
    path = raw_path.decode("ascii", "replace" if kind == REFUSED else "strict")
    return {
        "type": kind,
        "asgi": _ASGI,
        "http_version": version,
        "scheme": "http",
        "method": method,
        "root_path": "",
        "path": urllib.parse.unquote(path) if "%" in path else path,
        "raw_path": raw_path,
        "query_string": query,
        "headers": headers,
        "state": {},
    }


def _target(url: bytes, *, lenient: bool) -> tuple[bytes, bytes]:
    """Path and query."""
    if url == b"*":
        return url, b""
    try:
        parsed = httptools.parse_url(url)
    except httptools.HttpParserInvalidURLError:
        if lenient:
            return b"", b""
        raise
    return parsed.path or b"/", parsed.query or b""
