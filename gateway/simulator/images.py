"""``POST …/images/generations`` and ``…/images/edits``."""

import asyncio
from collections.abc import AsyncIterator

from gateway.simulator.album import Album
from gateway.simulator.endpoint import ENDINGS, Endpoint
from gateway.simulator.exchange import Ending, Exchange
from gateway.simulator.face import Face
from gateway.simulator.faults import FaultBook, Strike
from gateway.simulator.job import Job, accept
from gateway.simulator.references import decode
from gateway.simulator.settings import SimulatorSettings
from gateway.simulator.stats import Stats
from gateway.simulator.submission import Submission
from gateway.simulator.validation import Operation, validate


class ImageEndpoint(Endpoint):
    """One operation."""

    def __init__(
        self,
        operation: Operation,
        settings: SimulatorSettings,
        stats: Stats,
        faults: FaultBook,
        *,
        face: Face,
        album: Album,
    ) -> None:
        super().__init__(settings, stats, faults, face)
        self._operation, self._album = operation, album

    async def serve(self, exchange: Exchange, submission: Submission, strike: Strike) -> None:
        """See ``Endpoint``."""
        wish = validate(self.face.read(exchange.request, submission), self._operation, self.settings)
        references = await asyncio.to_thread(decode, wish.images, wish.mask) if wish.images else ()
        for rate in strike.limits:
            rate.take(wish.n + len(references), wish.model.id, self.settings.organization)
        job = accept(wish, references, self.settings.name, self.settings.latency_ms, strike)
        linked = self.face.answers_with_links(submission)
        await self._deliver(exchange, job, wish.n + len(references), strike, linked=linked)

    async def _deliver(self, exchange: Exchange, job: Job, images: int, strike: Strike, *, linked: bool) -> None:
        ending = ENDINGS.get(strike.kind, Ending.WHOLE)
        rate_headers = exchange.rate_headers(images, job.bill.total, next(iter(strike.limits), None))
        if job.wish.stream:
            self._bill(job, exchange)
            headers = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache", **rate_headers}
            await exchange.deliver(job.events(), headers, ending)
            return
        body = await job.body()
        if linked:
            body = self._album.linked(body, str(exchange.request.base_url))
        self._bill(job, exchange)
        headers = {"content-type": "application/json", **rate_headers}
        if ending is not Ending.CUT:
            headers["content-length"] = str(len(body))
        await exchange.deliver(_once(body), headers, ending)

    def _bill(self, job: Job, exchange: Exchange) -> None:
        """Before the first byte leaves: who has read the answer finds it billed."""
        if job.pictures:
            client_request_id = exchange.request.headers.get("x-client-request-id", "")
            self.stats.bill(job.wish.model.id, len(job.pictures), job.bill, client_request_id)


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body
