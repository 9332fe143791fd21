"""The endpoints for text that this gateway does not have: whoever calls them with an image model learns where it belongs."""

from starlette.types import Receive, Scope, Send

from gateway.config.change.current import Current
from gateway.config.settings import ServerSettings
from gateway.core.outcome import Refusal
from gateway.core.routing.placement import TEXT_PATHS, elsewhere
from gateway.engine.admission import Admission
from gateway.server.auth import authenticate
from gateway.server.bodies import BodyLimits, JsonReader
from gateway.server.errors import failure_of_refusal
from gateway.server.head import head_of
from gateway.server.record import Record, record_of


class TextEndpoint:
    """Answers every request with the error that explains itself; nothing is sent anywhere."""

    def __init__(self, path: str, read: JsonReader, *, current: Current, admission: Admission) -> None:
        self._path, self._read, self._current, self._admission = path, read, current, admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        record = record_of(scope)
        record.path = self._path
        try:
            refusal = await self._refusal(scope, receive, record)
        except Refusal as earlier:
            refusal = earlier
        await record.error_answer(failure_of_refusal(refusal))(scope, receive, send)

    async def _refusal(self, scope: Scope, receive: Receive, record: Record) -> Refusal:
        head, snapshot = head_of(scope), self._current.snapshot
        app = authenticate(head, snapshot)
        record.app = app.id
        with self._admission.enter(app.id) as lease:
            model = (await self._read(receive, head, lease)).fields.get("model")
        return elsewhere(model if isinstance(model, str) else "", self._path, app, snapshot)


def text_endpoints(settings: ServerSettings, current: Current, admission: Admission) -> dict[str, TextEndpoint]:
    """All of them by path."""
    read = JsonReader(BodyLimits(settings.body_bytes_max, settings.body_wait_s_max, settings.client_stall_s_max))
    return {path: TextEndpoint(path, read, current=current, admission=admission) for path in TEXT_PATHS}
