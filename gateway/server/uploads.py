"""Reading a body that brings images along: a multipart form, or JSON with data URLs. Neither is held in memory as a whole."""

from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import structlog
from starlette.types import Receive

from gateway.core.diagnosis import Owner, Refusal
from gateway.engine.admission import Lease
from gateway.relay.form import Form, FormLimits, FormReader
from gateway.relay.request_body import MalformedBody
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
    """``takes_json``: whether the operation has a JSON form at all."""

    def __init__(self, limits: BodyLimits, spool: SpoolSettings, *, takes_json: bool) -> None:
        self._limits, self._spool, self._takes_json = limits, spool, takes_json

    async def __call__(self, receive: Receive, head: Mapping[str, str], lease: Lease) -> Form | SpooledJson:
        """Raises ``Refusal``."""
        kind = content_type_of(head)
        if kind != MULTIPART and not (kind == JSON and self._takes_json):
            also = f" or JSON as '{JSON}'" if self._takes_json else ""
            raise unreadable(f"Unsupported content type '{kind[:80]}'. Send a form as '{MULTIPART}'{also}.")
        spool = Spool(self._spool.folder, self._spool.memory_bytes_max)
        with ExitStack() as undo:
            undo.callback(spool.close)
            reader = FormReader(head["content-type"], spool, _FORM_LIMITS) if kind == MULTIPART else SpooledJsonReader(spool)
            body = await _read(reader, body_chunks(receive, head, self._limits, lease))
            undo.pop_all()
        return body


async def _read(reader: FormReader | SpooledJsonReader, chunks: AsyncIterator[bytes]) -> Form | SpooledJson:
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
