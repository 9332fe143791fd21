"""Reading a body that brings images along: a multipart form, or JSON with data URLs. Neither is held in memory as a whole."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import structlog
from starlette.types import Receive

from gateway.core.outcome import Owner, Refusal
from gateway.engine.admission import Lease
from gateway.relay.form import Form, FormLimits, FormReader
from gateway.relay.request_json import MalformedBody
from gateway.relay.response_body import ResponseBody, ResponseReader
from gateway.relay.spool import Spool, SpoolUnavailable
from gateway.relay.spooled_json import SpooledJson, SpooledJsonReader
from gateway.server.bodies import JSON, BodyLimits, body_chunks, content_type_of, unreadable

MULTIPART = "multipart/form-data"
_FORM_LIMITS = FormLimits()
_log = structlog.get_logger("gateway.spool")


@dataclass(frozen=True, slots=True)
class SpoolSettings:
    """Bodies larger than ``memory_bytes_max`` wait in unnamed files in ``folder``."""

    folder: Path
    memory_bytes_max: int


class UploadReader:
    """``json`` reads the operation's JSON form, where it has one; ``form``: whether it has a multipart form."""

    def __init__(
        self,
        limits: BodyLimits,
        spool: SpoolSettings,
        json: Callable[[Spool], SpooledJsonReader | ResponseReader] | None = None,
        *,
        form: bool = True,
    ) -> None:
        self._limits, self._spool, self._json, self._form = limits, spool, json, form

    async def __call__(self, receive: Receive, head: Mapping[str, str], lease: Lease) -> Form | SpooledJson | ResponseBody:
        """Raises ``Refusal``."""
        kind, json = content_type_of(head), self._json
        if not (kind == MULTIPART and self._form) and not (kind == JSON and json):
            forms = [f"a form as '{MULTIPART}'"] * self._form + [f"JSON as '{JSON}'"] * (json is not None)
            raise unreadable(f"Unsupported content type '{kind[:80]}'. Send {' or '.join(forms)}.")
        spool = Spool(self._spool.folder, self._spool.memory_bytes_max)
        with ExitStack() as undo:
            undo.callback(spool.close)
            reader = json(spool) if json and kind == JSON else FormReader(head["content-type"], spool, _FORM_LIMITS)
            body = await _read(reader, body_chunks(receive, head, self._limits, lease))
            undo.pop_all()
        return body


async def _read(
    reader: FormReader | SpooledJsonReader | ResponseReader, chunks: AsyncIterator[bytes]
) -> Form | SpooledJson | ResponseBody:
    try:
        async for chunk in chunks:
            await reader.feed(chunk)
        return await reader.finish()
    except MalformedBody as error:
        raise unreadable(f"We could not parse the JSON body of your request: {error}. Send one JSON object.") from error
    except SpoolUnavailable as unavailable:
        _log.error("spool", reason=str(unavailable))
        raise _no_room() from unavailable


def _no_room() -> Refusal:
    return Refusal(
        status=503,
        type="server_error",
        code="spool_unavailable",
        param=None,
        message="The gateway has no room to keep the images of your request. Nothing was sent; try again shortly.",
        owner=Owner.GATEWAY,
        rule="gateway.spool_unavailable",
        first_check="Ops: look at the gateway's log for the request id, and at server.spool_folder.",
        stop_rule="Nothing was sent, nothing was billed: the request may be sent again.",
        retryable=True,
    )
