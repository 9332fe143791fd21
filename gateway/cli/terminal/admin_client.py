"""Asks a running gateway's admin plane."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any

WAIT_S = 30.0
ANSWER_BYTES_MAX = 64 * 1024 * 1024
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 -- where it listens, not where this listens
# What a proxy variable says is for other hosts: the admin plane is reached directly.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class NoAnswer(Exception):
    """Nobody answers there, or not a gateway's admin plane."""


class Declined(Exception):
    """The admin plane said no, with this HTTP status; the text says why and what would be right."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


def admin_url(host: str, port: int) -> str:
    """Where a gateway that listens for operators there is reached; a port that the system chose (0) cannot be known."""
    host = _EVERYWHERE.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def ask(url: str, method: str = "GET", body: Mapping[str, object] | None = None, wait_s: float = WAIT_S) -> dict[str, Any]:
    """The answer's object; raises ``Declined`` and ``NoAnswer``."""
    data = None if body is None else json.dumps(body).encode()
    try:
        request = urllib.request.Request(url, data, {"content-type": "application/json"}, method=method)  # noqa: S310 -- see below
        if request.type not in ("http", "https"):
            raise NoAnswer(f"'{url}' is not the URL of an admin plane. Write http://HOST:PORT.")
        with _opener.open(request, timeout=wait_s) as answer:
            return _object(url, answer.read(ANSWER_BYTES_MAX))
    except urllib.error.HTTPError as error:
        with error:
            raise Declined(_said(_object(url, error.read(ANSWER_BYTES_MAX))), error.code) from error
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise NoAnswer(
            f"no gateway answers at {url} ({reason}). Start it, or say where its admin plane is: --admin URL."
        ) from error


def _object(url: str, content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise NoAnswer(f"what answers at {url} is no gateway's admin plane. Say where it is: --admin URL.")
    return found


def _said(problem: Mapping[str, Any]) -> str:
    """What is wrong, the field, the rule and the fix, in one line."""
    field, rule = problem.get("field"), problem.get("rule")
    about = f" ({field}: {rule})" if field and rule else ""
    return f"{problem.get('detail', 'refused')}{about} {problem.get('fix', '')}".strip()
