"""An endpoint that makes images: read, ask the engine, send. Plain ASGI, because every request passes here."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import Any, Protocol

import structlog
from starlette.types import Receive, Scope, Send

from gateway.config.change.current import Current
from gateway.config.settings import ServerSettings
from gateway.core.idempotency.refusals import valid_key
from gateway.core.outcome import Refusal
from gateway.core.request.free_tags import HEADER, parse_tags
from gateway.core.request.images import ImageRequest, Operation, parse
from gateway.core.request.responses import parse_response
from gateway.core.routing.placement import RESPONSES, elsewhere, responds
from gateway.core.snapshot import App, Snapshot
from gateway.engine.admission import Lease
from gateway.engine.call import Body, Call, Presented
from gateway.engine.dispatch import Dispatcher
from gateway.ports import LedgerUnavailable
from gateway.relay.response_body import ResponseReader
from gateway.relay.spooled_json import SpooledJsonReader
from gateway.server.auth import authenticate
from gateway.server.bodies import BodyLimits, JsonReader
from gateway.server.client import AsgiClient
from gateway.server.errors import failure_of_refusal, ledger_unavailable
from gateway.server.head import head_of
from gateway.server.record import record_of
from gateway.server.uploads import SpoolSettings, UploadReader

GENERATIONS, EDITS, VARIATIONS = "/v1/images/generations", "/v1/images/edits", "/v1/images/variations"
PATHS = (GENERATIONS, EDITS, VARIATIONS, RESPONSES)
# The one contract (its id) that the caller accepts.
CONTRACT_HEADER = "x-gateway-require-contract"
KEY_HEADER = "idempotency-key"
# Which try of one call it is, from 0, as all official SDKs say (openai-python 3.54 and openai-node 7.57, 2026-11-23).
RETRY_HEADER = "x-stainless-retry-count"
_log = structlog.get_logger("gateway.ledger")


class Submission(Body, Protocol):
    """A body that has been read."""

    @property
    def fields(self) -> Mapping[str, Any]:
        """JSON values, or texts where it is a form."""
        ...

    @property
    def members(self) -> frozenset[str]:
        """The names of all that was sent."""
        ...

    @property
    def references(self) -> int:
        """How many images came along."""
        ...

    @property
    def form(self) -> bool:
        """Whether it is a multipart form."""
        ...

    @property
    def fingerprint(self) -> str:
        """The same for requests that ask for the same."""
        ...

    def close(self) -> None:
        """Let go of what it keeps outside of memory."""
        ...


Read = Callable[[Receive, Mapping[str, str], Lease], Awaitable[Submission]]
# What a body of that app asks for, and its prompt; raises ``Refusal``.
Understand = Callable[[Submission, App, Snapshot], tuple[ImageRequest, str]]


class ImageEndpoint:
    """One operation. ``read`` knows the forms its body may have; a client that stands still for ``stall_s_max`` is cut off."""

    def __init__(
        self,
        path: str,
        read: Read,
        understand: Understand,
        *,
        dispatcher: Dispatcher,
        current: Current,
        clock: Callable[[], datetime],
        stall_s_max: float,
    ) -> None:
        self.path, self.read, self.understand = path, read, understand
        self.clock, self.stall_s_max = clock, stall_s_max
        self._dispatcher, self._current = dispatcher, current

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, from its head to the last byte of its answer."""
        record = record_of(scope)
        record.path = self.path
        try:
            arrival = HttpArrival(self, scope, receive, send, self._current.snapshot)
            failure = await self._dispatcher.serve(arrival, record.progress)
        except Refusal as refusal:
            failure = failure_of_refusal(refusal)
        except LedgerUnavailable as unavailable:
            _log.error("ledger", request_id=record.request_id, reason=str(unavailable))
            failure = ledger_unavailable(sent=record.progress.attempts > 0)
        if failure is not None:
            answer = record.error_answer(failure)
            if not record.progress.head_sent:
                await answer(scope, receive, send)


class HttpArrival:
    """An ``engine.Arrival``. Raises ``Refusal`` where the caller is unknown or its tags are malformed."""

    def __init__(self, endpoint: ImageEndpoint, scope: Scope, receive: Receive, send: Send, snapshot: Snapshot) -> None:
        self._endpoint, self._scope, self._receive, self._snapshot = endpoint, scope, receive, snapshot
        self._record, self._head = record_of(scope), head_of(scope)
        self.request_id = self._record.request_id
        self.app = authenticate(self._head, snapshot)
        self._record.app, self._record.tag_body = self.app.id, self.app.tag_body
        self._tags = parse_tags(self._head.get(HEADER, ""), self.app.tags)
        self.client = AsgiClient(scope, receive, send, endpoint.stall_s_max)

    async def read(self, lease: Lease, held: AsyncExitStack) -> Call:
        """See ``engine.Arrival``."""
        endpoint, record, head = self._endpoint, self._record, self._head
        body = await endpoint.read(self._receive, head, lease)
        held.callback(body.close)
        request, prompt = endpoint.understand(body, self.app, self._snapshot)
        model = self._snapshot.models.get(request.model)
        record.model = model.name if model else "other"
        if required := head.get(CONTRACT_HEADER):
            request = replace(request, contract=required)
        presented = _presented(head, request, body, lambda: record.left(self._scope))
        at = endpoint.clock()
        return Call(record.request_id, at, self.app, self._snapshot, request, body, self._tags, prompt, presented)


def _presented(head: Mapping[str, str], request: ImageRequest, body: Submission, left: Callable[[], bool]) -> Presented:
    """Of two requests with one body, the operation and the contract that is demanded may still differ; raises ``Refusal``."""
    key, retries = head.get(KEY_HEADER), head.get(RETRY_HEADER, "")
    text = f"{request.operation}\n{request.contract}\n{body.fingerprint}"
    return Presented(
        sha256(text.encode()).hexdigest(),
        "" if key is None else valid_key(key),
        int(retries) if retries.isascii() and retries.isdigit() and len(retries) < 10 else 0,
        left,
    )


def image_endpoints(
    settings: ServerSettings,
    current: Current,
    dispatcher: Dispatcher,
    *,
    clock: Callable[[], datetime],
) -> dict[str, ImageEndpoint]:
    """All operations by path. A generation is small JSON; the others bring images along."""
    small = JsonReader(BodyLimits(settings.body_bytes_max, settings.body_wait_s_max, settings.client_stall_s_max))
    large = BodyLimits(settings.upload_bytes_max, settings.upload_wait_s_max, settings.client_stall_s_max)
    spool = SpoolSettings(settings.spool_folder, settings.spool_memory_bytes_max)
    operations: dict[str, tuple[Read, Understand]] = {
        GENERATIONS: (small, _of(Operation.GENERATION)),
        EDITS: (UploadReader(large, spool, SpooledJsonReader), _of(Operation.EDIT)),
        VARIATIONS: (UploadReader(large, spool), _of(Operation.VARIATION)),
        RESPONSES: (UploadReader(large, spool, ResponseReader, form=False), _of_response),
    }
    return {
        path: ImageEndpoint(
            path,
            read,
            understand,
            dispatcher=dispatcher,
            current=current,
            clock=clock,
            stall_s_max=settings.client_stall_s_max,
        )
        for path, (read, understand) in operations.items()
    }


def _of(operation: Operation) -> Understand:
    def understand(body: Submission, app: App, snapshot: Snapshot) -> tuple[ImageRequest, str]:
        request = parse(operation, body.fields, body.references, body.members, form=body.form)
        prompt = body.fields.get("prompt")
        return request, prompt if isinstance(prompt, str) else ""

    return understand


def _of_response(body: Submission, app: App, snapshot: Snapshot) -> tuple[ImageRequest, str]:
    """A response: whoever asks for one of an image model, or of a model that it has no route for, learns where it belongs."""
    asked = body.fields.get("model")
    if isinstance(asked, str):
        model = snapshot.models.get(asked)
        if not responds(model) or not app.may_use(asked if model is None else model.name):
            raise elsewhere(asked, RESPONSES, app, snapshot)
    return parse_response(body.fields)
