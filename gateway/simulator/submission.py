"""A request as it arrived: its members and its files, read from JSON or from a multipart form, not yet checked."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.types import Message, Receive

from gateway.simulator.members import wrong_type
from gateway.simulator.refusal import Refusal

FILE_BYTES_MAX = 50 * 1024 * 1024
# 16 images and a mask, each as large as one may be, and room for the rest of the form.
BODY_BYTES_MAX = 17 * FILE_BYTES_MAX + 1024 * 1024
FIELD_BYTES_MAX = 1024 * 1024
FILES_MAX = 32
FIELDS_MAX = 100


@dataclass(frozen=True, slots=True)
class Upload:
    """One file: ``name`` is the form's part, or the path of the member that holds the data URL."""

    name: str
    filename: str
    content_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Submission:
    """``members`` are JSON values, or texts where ``form`` is set."""

    members: Mapping[str, object]
    files: tuple[Upload, ...] = ()
    form: bool = False


async def read_submission(request: Request) -> Submission:
    """Read the whole body; raises ``Refusal`` where it is neither a JSON object nor a form, or too large."""
    bounded = Request(request.scope, _bounded(request.receive))
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        return await _form(bounded)
    return _json(await bounded.body())


def too_large(bytes_read: int, bytes_max: int) -> Refusal:
    """The refusal of a body or a file (text seen at OpenAI's audio endpoints; that of the Images API is not known)."""
    message = f"Maximum content size limit ({bytes_max}) exceeded ({bytes_read} bytes read)"
    return Refusal(message, status=413, type="server_error")


def _json(body: bytes) -> Submission:
    try:
        members = json.loads(body)
    except (ValueError, RecursionError) as invalid:
        raise Refusal("The body of the request is not valid JSON.") from invalid
    if not isinstance(members, dict):
        raise wrong_type("body", "an object", members)
    return Submission(members)


async def _form(request: Request) -> Submission:
    try:
        async with request.form(max_files=FILES_MAX, max_fields=FIELDS_MAX, max_part_size=FIELD_BYTES_MAX) as form:
            members: dict[str, object] = {}
            files: list[Upload] = []
            for name, value in form.multi_items():
                if isinstance(value, UploadFile):
                    files.append(await _upload(name, value))
                else:
                    members[name] = value
    except (MultiPartException, HTTPException) as invalid:
        raise Refusal("The body of the request is not a valid multipart form.") from invalid
    return Submission(members, tuple(files), form=True)


async def _upload(name: str, file: UploadFile) -> Upload:
    if (file.size or 0) > FILE_BYTES_MAX:
        raise too_large(file.size or 0, FILE_BYTES_MAX)
    return Upload(name, file.filename or "", file.content_type or "", await file.read())


def _bounded(receive: Receive) -> Receive:
    bytes_read = 0

    async def bounded() -> Message:
        nonlocal bytes_read
        message = await receive()
        bytes_read += len(message.get("body", b""))
        if bytes_read > BODY_BYTES_MAX:
            raise too_large(bytes_read, BODY_BYTES_MAX)
        return message

    return bounded
