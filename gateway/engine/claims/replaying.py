"""An earlier request's answer, given again: the same bytes under a head that names both requests."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from gateway.core.ledger.entry import How, ReplayEntry
from gateway.core.money.amount import Basis, Cost, nothing
from gateway.core.tag import ORIGINAL_ID_HEADER, REQUEST_ID_HEADER, Header
from gateway.engine.call import Call, Client
from gateway.relay.result_file import ResultHead
from gateway.relay.result_folder import Result

REPLAYED_HEADER = b"x-gateway-replayed"
SAVED_HEADER = b"x-gateway-saved"
# Of the earlier answer only: this request has an id of its own, made no attempt, and cost nothing.
_COST = (b"x-gateway-attempts", b"x-gateway-cost", b"x-gateway-currency", b"x-gateway-cost-basis")
_NOT_REPEATED = frozenset((REQUEST_ID_HEADER, b"content-length", *_COST))


async def replay(client: Client, result: Result, request_id: str, original_id: str) -> None:
    """Answer with the kept result; raises ``ResultUnreadable`` where the file is damaged, which breaks the answer off."""
    await client.start(result.head.status, list(replayed_headers(result.head, request_id, original_id)))
    last = b""
    async for chunk in result.chunks():
        if last:
            await client.write(last)
        last = chunk
    await client.finish(last)


def replayed_headers(head: ResultHead, request_id: str, original_id: str) -> Iterator[Header]:
    """The earlier answer's, without what was true of that one only."""
    for name, value in head.headers:
        if name.encode("latin-1") not in _NOT_REPEATED:
            yield name.encode("latin-1"), value.encode("latin-1")
    if not head.stream:
        yield b"content-length", b"%d" % head.length
    cost = nothing(head.currency)
    yield REQUEST_ID_HEADER, request_id.encode()
    yield ORIGINAL_ID_HEADER, original_id.encode()
    yield REPLAYED_HEADER, b"true"
    yield from zip(_COST, (b"0", cost.text.encode(), cost.currency.encode(), cost.basis.encode()), strict=True)
    yield SAVED_HEADER, cost_of(head).text.encode()


def cost_of(head: ResultHead) -> Cost:
    """What the earlier request cost."""
    return Cost(None if head.cost is None else Decimal(head.cost), head.currency, Basis(head.basis))


def replay_entry_of(call: Call, head: ResultHead, original_id: str, how: How, at: datetime) -> ReplayEntry:
    """What the request did not cost."""
    return ReplayEntry(
        request_id=call.request_id,
        original_id=original_id,
        how=how,
        occurred_at=at,
        app=call.app.id,
        team=call.app.team,
        cost_centre=call.app.cost_centre,
        model=head.model,
        contract=head.contract,
        tags=call.tags,
        cost=cost_of(head),
    )
