"""What all endpoints that make images do with a request before it is their own: count it, strike it, ask for the key."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping

from starlette.types import Receive, Scope, Send

from gateway.simulator.edge import struck_at_edge
from gateway.simulator.exchange import Ending, Exchange
from gateway.simulator.face import Face
from gateway.simulator.faults import FaultBook, Strike
from gateway.simulator.refusal import Refusal
from gateway.simulator.settings import SimulatorSettings
from gateway.simulator.stats import Stats
from gateway.simulator.submission import Submission, read_submission

ENDINGS: Mapping[str, Ending] = {"truncate": Ending.CUT, "reset_mid_body": Ending.RESET}


class Endpoint(ABC):
    """An ASGI application."""

    def __init__(self, settings: SimulatorSettings, stats: Stats, faults: FaultBook, face: Face) -> None:
        self.settings, self.stats, self.face = settings, stats, face
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        exchange = Exchange(scope, receive, send, self.settings)
        self.stats.arrive()
        try:
            await self._answer(exchange)
        except Refusal as refusal:
            await exchange.refuse(refusal)

    async def _answer(self, exchange: Exchange) -> None:
        submission = await read_submission(exchange.request)
        self.stats.note(exchange.request.headers, submission)
        strike = self._faults.strike()
        await asyncio.sleep(strike.latency_ms / 1000)
        if not await struck_at_edge(exchange, strike):
            self.face.admit(exchange.request, self.settings.key)
            await self.serve(exchange, submission, strike)

    @abstractmethod
    async def serve(self, exchange: Exchange, submission: Submission, strike: Strike) -> None:
        """Answer a request that came through; raises ``Refusal``."""
