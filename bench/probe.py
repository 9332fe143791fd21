"""One request before the load: what fails here is reported as a failure instead of being measured."""

import http.client
import json
from contextlib import suppress

from bench.case import Case
from bench.image import PARTIALS, picture_text
from bench.load import Load, request_body

PROBE_S_MAX = 60


def failure_of(load: Load, case: Case) -> str | None:
    """Why this target cannot do that work, in a few words; ``None`` if it delivers exactly what the upstream sent."""
    content_type, body = request_body(load)
    connection = http.client.HTTPConnection("127.0.0.1", load.port, timeout=PROBE_S_MAX)
    try:
        with suppress(BrokenPipeError, ConnectionResetError):  # refused before all was sent
            connection.request("POST", load.path, body, {"content-type": content_type, **load.headers})
        answer = connection.getresponse()
        text = answer.read()
    except (OSError, http.client.HTTPException) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        connection.close()
    if answer.status != 200:
        return f"HTTP {answer.status}: {_message(text)}"
    return _stream_failure(text) if case.stream else _image_failure(text, case)


def _image_failure(text: bytes, case: Case) -> str | None:
    try:
        same = json.loads(text)["data"][0]["b64_json"] == picture_text(case.answer_bytes)
    except (ValueError, LookupError, TypeError):
        return "HTTP 200 without an image"
    return None if same else "HTTP 200 with another image"


def _stream_failure(text: bytes) -> str | None:
    partials, completed = text.count(b"event: image_generation.partial_image"), text.count(b"event: image_generation.completed")
    return None if (partials, completed) == (PARTIALS, 1) else f"HTTP 200, but {partials} partial and {completed} whole images"


def _message(text: bytes) -> str:
    try:
        error = json.loads(text)["error"]
        said = error["message"] if isinstance(error, dict) else error
    except (ValueError, LookupError, TypeError):
        said = text.decode("utf-8", "replace")
    return " ".join(str(said).split())[:160]
