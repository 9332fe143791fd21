"""Late pick-up: what became of one of an app's own requests, and its answer, for as long as that is kept."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.core.idempotency.refusals import request_path
from gateway.core.ledger.request_status import Status, document_of, spared_document_of, spent_of, status_of
from gateway.engine.claims.claiming import Running
from gateway.ports import Books, Replays
from gateway.relay.result_folder import Result, ResultFolder

# Each reads files in a thread, and the threads are few.
LOOKUPS_AT_ONCE_MAX = 4


@dataclass(frozen=True, slots=True)
class Answer:
    """A kept answer, open, and the request that made it."""

    result: Result
    original_id: str


class PickUp:
    """``running`` are the requests in flight here, by id."""

    def __init__(self, running: Mapping[str, Running], results: ResultFolder, books: Books, replays: Replays) -> None:
        self._running, self._results, self._books, self._replays = running, results, books, replays
        self._room = asyncio.Semaphore(LOOKUPS_AT_ONCE_MAX)

    async def document(self, app: str, request_id: str) -> dict[str, Any] | None:
        """What is known of the app's own request; ``None`` of any other. Raises ``LedgerUnavailable``."""
        async with self._room:
            entries = await asyncio.to_thread(self._books.request, request_id)
        running = self._running.get(request_id)
        if running is not None and running.app == app:
            return document_of(request_id, Status.RUNNING, spent_of(entries), None)
        if entries:
            if entries[0].attribution.app != app:
                return None
            attempts = spent_of(entries)
            return document_of(request_id, status_of(attempts), attempts, await self._path(app, request_id))
        saving = await self._replays.saving(request_id)
        if saving is None or saving.app != app:
            return None
        return spared_document_of(saving, await self._path(app, request_id))

    async def answer(self, app: str, request_id: str) -> Answer | None:
        """The answer of the app's own request, which the caller closes; ``None`` where it is not kept. May raise as above."""
        found, original_id = await self._results.find(request_id), request_id
        if found is None:
            saving = await self._replays.saving(request_id)
            if saving is not None:
                original_id = saving.original_id
                found = await self._results.find(original_id)
        if found is not None and found.head.app != app:
            found.close()
            found = None
        return None if found is None else Answer(found, original_id)

    async def _path(self, app: str, request_id: str) -> str | None:
        answer = await self.answer(app, request_id)
        if answer is None:
            return None
        answer.result.close()
        return f"{request_path(request_id)}/result"
