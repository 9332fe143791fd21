"""What every ledger finds of its attempts: by every member, by tags, times and discrepancies, and by who repeated whom."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from gateway.core.ledger.entry import Entry, How, Kind, ReplayEntry
from gateway.core.ledger.request_query import EVERY_REQUEST, Member, RequestQuery
from gateway.core.money.amount import Basis, Cost
from tests.contract.ledger_samples import NOON, entry
from tests.contract.ledgers import Factory

HOUR = timedelta(hours=1)
# By what one differs from all others; each is its own request, begun in this order.
DIFFERING: dict[str, dict[str, str]] = {
    "plain": {},
    "app": {"app": "other"},
    "team": {"team": "print"},
    "contract": {"contract": "reseller"},
    "provider": {"provider": "atlas"},
    "model": {"model": "gpt-image-3"},
    "route": {"route": "second"},
}


def _life(request_id: str, closed: Kind | None = Kind.SETTLE, *, at: datetime = NOON, **booked: object) -> list[Entry]:
    reserve = entry(Kind.RESERVE, request_id, at=at, **booked)
    return [reserve] if closed is None else [reserve, entry(closed, request_id, at=at + HOUR / 60, **{"begun_at": at} | booked)]


def _only(member: Member, *values: str) -> RequestQuery:
    return RequestQuery(only={member: frozenset(values)})


async def test_attempts_are_found_by_every_member(opening: Factory, tmp_path: Path) -> None:
    """By one value, by any of several, and by several members at once."""
    async with opening(tmp_path) as opened:
        for request_id, booked in DIFFERING.items():
            await opened.ledger.append(*_life(request_id, **booked))
        await opened.ledger.append(*_life("void", Kind.VOID), *_life("expired", Kind.EXPIRE), *_life("open", None))
        settled = entry(Kind.SETTLE, "named", begun_at=NOON)
        await opened.ledger.append(entry(Kind.RESERVE, "named"), replace(settled, upstream_request_id="req_of_theirs"))

        def ids(query: RequestQuery, limit: int = 99) -> list[str]:
            return [it.attribution.request_id for it in opened.books.requests(limit, query)]

        for name, booked in list(DIFFERING.items())[1:]:
            assert ids(_only(Member(name), booked[name])) == [name]
        assert ids(_only(Member.APP, "storefront", "other"), 3) == ["named", "open", "expired"]
        assert ids(RequestQuery(only={Member.APP: frozenset({"other"}), Member.TEAM: frozenset({"print"})})) == []
        assert ids(_only(Member.OWNER, "rate_limit")) == ["void"]
        assert ids(_only(Member.OUTCOME, "open")) == ["open"]
        assert ids(_only(Member.OUTCOME, "open", "ambiguous", "rejected")) == ["open", "expired", "void"]
        assert ids(_only(Member.UPSTREAM_REQUEST_ID, "req_of_theirs")) == ["named"]
        assert ids(_only(Member.UPSTREAM_REQUEST_ID, "' OR TRUE --")) == []
        assert len(ids(EVERY_REQUEST)) == len(DIFFERING) + 4


async def test_attempts_are_found_by_time_tag_and_discrepancy(opening: Factory, tmp_path: Path) -> None:
    """Since is included and until is not; a tag's value is that very text; the newest come first, whatever was written last."""
    async with opening(tmp_path) as opened:
        for hours in (2, 0, 1):
            await opened.ledger.append(*_life(f"at_{hours}", at=NOON + hours * HOUR, tags=(("it's", f"{hours}%"),)))
        differs = replace(entry(Kind.SETTLE, "differs", begun_at=NOON), discrepancies=("The size differs.",))
        await opened.ledger.append(entry(Kind.RESERVE, "differs"), differs)

        def ids(query: RequestQuery) -> list[str]:
            return [it.attribution.request_id for it in opened.books.requests(99, query)]

        assert ids(RequestQuery(since=NOON + HOUR)) == ["at_2", "at_1"]
        assert ids(RequestQuery(NOON, NOON + HOUR)) == ["differs", "at_0"]
        assert ids(RequestQuery(tags={"it's": "1%"})) == ["at_1"]
        assert ids(RequestQuery(tags={"it's": "1%", "campaign": "none"})) == []
        assert ids(RequestQuery(tags={"campaign": "herbst – Überblick"})) == ["differs"]
        assert ids(RequestQuery(discrepant=True)) == ["differs"]
        assert ids(RequestQuery(since=NOON + HOUR, discrepant=True)) == []


@pytest.mark.parametrize("how", list(How))
async def test_a_repeat_leads_to_its_original_and_back(opening: Factory, tmp_path: Path, how: How) -> None:
    """Whole, in their order, and bounded by when a result can have been given again."""

    def replay(request_id: str, at: datetime, original: str = "original") -> ReplayEntry:
        cost = Cost(Decimal("0.05"), "USD", Basis.COMPUTED)
        return ReplayEntry(request_id, original, how, at, "shop", "web", "cc", "gpt-image-2", "direct", (("a", "b"),), cost)

    written = [replay("second", NOON + 2 * HOUR), replay("first", NOON + HOUR), replay("other", NOON, "another")]
    async with opening(tmp_path) as opened:
        for each in written:
            await opened.replays.saved(each)
        assert opened.books.replay("first") == written[1]
        assert opened.books.replay("original") is None
        assert list(opened.books.replays_of("original", NOON)) == [written[1], written[0]]
        assert list(opened.books.replays_of("original", NOON + HOUR * 3)) == []
        assert list(opened.books.replays_of("nobody", NOON)) == []
