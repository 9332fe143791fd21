"""A client whose answer is kept while it passes, and who counts as waiting for as long as others wait for the same answer."""

from collections.abc import Awaitable, Callable, Sequence

from gateway.core.money.amount import Cost, nothing
from gateway.core.tag import NONE, Header
from gateway.engine.call import Call, Client, Progress
from gateway.relay.result_file import ResultHead
from gateway.relay.result_folder import KeptResult


class RecordingClient:
    """``engine.Client``. ``kept`` is ``None`` where nothing is; ``awaited`` returns once nobody else waits for the answer."""

    def __init__(self, client: Client, kept: KeptResult | None, awaited: Callable[[], Awaitable[None]]) -> None:
        self._client, self._kept, self._awaited = client, kept, awaited
        self._status = 0
        self._headers: Sequence[Header] = ()

    async def start(self, status: int, headers: Sequence[Header]) -> None:
        """See ``engine.Client``."""
        self._status, self._headers = status, tuple(headers)
        await self._client.start(status, headers)

    async def write(self, chunk: bytes) -> None:
        """See ``engine.Client``. The client comes first."""
        await self._client.write(chunk)
        if self._kept is not None:
            self._kept.write(chunk)

    async def finish(self, chunk: bytes) -> None:
        """See ``engine.Client``."""
        await self._client.finish(chunk)
        if self._kept is not None:
            self._kept.write(chunk)

    async def gone(self) -> None:
        """Returns once the client has left, and nobody waits in its place: what is broken off then is missed by nobody."""
        await self._client.gone()
        await self._awaited()

    async def keep(self, head: ResultHead) -> bool:
        """The answer was complete: whether it can be given again."""
        return self._kept is not None and await self._kept.finish(head)

    async def forget(self) -> bool:
        """The answer was not complete, so that nobody else may have it: false, it cannot be given again."""
        if self._kept is not None:
            await self._kept.discard()
        return False

    def head(self, call: Call, progress: Progress) -> ResultHead:
        """All of the answer but its body, once it is complete."""
        cost: Cost = progress.cost or nothing(NONE)
        return ResultHead(
            app=call.app.id,
            model=call.request.model,
            contract=progress.route.contract.id if progress.route else NONE,
            stream=call.request.stream,
            status=self._status,
            headers=tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in self._headers),
            length=0 if self._kept is None else self._kept.length,
            cost=None if cost.amount is None else cost.text,
            currency=cost.currency,
            basis=cost.basis.value,
        )
