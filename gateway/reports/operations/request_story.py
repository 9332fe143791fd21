"""One request told from its beginning: asked, planned, attempted, paid, tagged; and the requests that belong to it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby

from gateway.core.evidence.bundle import Evidence, evidence_path
from gateway.core.ledger.balance import Balance, State, balance_of
from gateway.core.ledger.entry import TEXT_OPERATION, Entry, ReplayEntry, in_order
from gateway.core.ledger.request_query import Member, RequestQuery
from gateway.core.ledger.request_status import spent_of, status_of
from gateway.core.money.amount import amount_text
from gateway.ports import Books, LedgerUnavailable
from gateway.reports.document import Document, moment, plain
from gateway.reports.operations.requests import entry_document, outcome_of

# What became of requests without an attempt: they got an earlier one's result, or were refused before anything was sent.
REPEATED, REFUSED = "repeated", "refused"


@dataclass(frozen=True, slots=True)
class RequestStory:
    """What the ledger and the evidence know of one request. ``attempts`` are in their order, none where nothing was sent.

    ``original`` is what it repeated, ``repeats`` are those that repeated it.
    """

    request_id: str
    entries: tuple[Entry, ...]
    attempts: tuple[Balance, ...]
    evidence: Evidence | None = None
    original: ReplayEntry | None = None
    repeats: tuple[ReplayEntry, ...] = ()

    @property
    def status(self) -> str:
        """``running``, ``finished``, ``failed``, ``ambiguous``; ``repeated`` and ``refused`` where it has no attempt."""
        if self.attempts:
            return status_of(spent_of(self.entries)).value
        return REFUSED if self.original is None else REPEATED

    @property
    def answered(self) -> Balance | None:
        """The image model's attempt whose contract the response named; ``None`` where it reached none."""
        own = [it for it in self.attempts if it.reserve.attribution.operation != TEXT_OPERATION]
        return next((it for it in own if it.state is State.SETTLED), (own or self.attempts or (None,))[-1])


def request_story(id: str, books: Books, evidence: Callable[[str], Evidence | None]) -> RequestStory | None:
    """By the gateway's id, or by the one that a provider gave an attempt (the latest that it gave it to).

    ``None`` where neither the ledger nor the evidence knows it. Raises ``LedgerUnavailable``.
    """
    entries = tuple(books.request(id))
    original, kept = None if entries else books.replay(id), evidence(id)
    if not entries and original is None and kept is None:
        theirs = books.requests(1, RequestQuery(only={Member.UPSTREAM_REQUEST_ID: frozenset({id})}))
        return request_story(theirs[0].attribution.request_id, books, evidence) if theirs else None
    repeats = tuple(books.replays_of(id, entries[0].attribution.begun_at)) if entries else ()
    try:
        return RequestStory(id, entries, _attempts(entries), kept, original, repeats)
    except ValueError as error:
        raise LedgerUnavailable(f"The ledger contradicts itself. {error} `gateway ledger verify` reads all of it.") from error


def story_document(story: RequestStory) -> Document:
    """``request_id``, ``status``, then the story in its order, then ``entries``: every member of every entry.

    Amounts are decimal strings; what is not known is ``None``. ``plan`` is ``None`` where no evidence is kept.
    """
    return {
        "request_id": story.request_id,
        "status": story.status,
        "asked": _asked(story),
        "plan": _plan(story.evidence),
        "attempts": [_attempt(it) for it in story.attempts],
        "money": [_money(currency, those) for currency, those in _by_currency(story.attempts)],
        "tag": _tag(story),
        "refusal": _refusal(story),
        "original": None if story.original is None else _replay(story.original),
        "repeats": [_replay(it) for it in story.repeats],
        "evidence": None if story.evidence is None else evidence_path(story.request_id),
        "entries": [entry_document(entry) for entry in story.entries],
    }


def _attempts(entries: Sequence[Entry]) -> tuple[Balance, ...]:
    ordered = sorted(entries, key=lambda it: it.attribution.attempt)
    return tuple(balance_of(in_order(group)) for _, group in groupby(ordered, key=lambda it: it.attribution.attempt))


def _asked(story: RequestStory) -> Document:
    """By its first attempt; else by what it repeated, or by the evidence."""
    found: Document = dict.fromkeys(("at", "app", "team", "cost_centre", "model", "operation", "size", "quality", "images"))
    found["tags"] = {}
    asked = None if story.evidence is None else story.evidence.asked
    if story.evidence is not None:
        found["at"] = moment(story.evidence.at)
    if asked is not None:
        names = ("app", "model", "operation", "size", "quality")
        found |= {name: getattr(asked, name) for name in names} | {"images": asked.n}
    if story.original is not None:
        replay = story.original
        found |= {"at": moment(replay.occurred_at), "tags": dict(replay.tags)}
        found |= {name: getattr(replay, name) for name in ("app", "team", "cost_centre", "model")}
    if story.attempts:
        first = story.attempts[0].reserve
        booked = first.attribution
        found |= {"at": moment(booked.begun_at), "tags": dict(booked.tags)}
        found |= {name: getattr(booked, name) for name in ("app", "team", "cost_centre", "model", "operation")}
        found |= {"size": first.size, "quality": first.quality, "images": first.images}
    return found


def _plan(evidence: Evidence | None) -> Document | None:
    decided = None if evidence is None else evidence.decided
    return None if decided is None else {"candidates": plain(decided.candidates), "dropped": plain(decided.drops)}


def _attempt(it: Balance) -> Document:
    booked, latest = it.reserve.attribution, it.latest
    return {
        "attempt": booked.attempt,
        "operation": booked.operation,
        "route": booked.route,
        "provider": booked.provider,
        "upstream_model": booked.upstream_model,
        "contract": f"{booked.contract}@{booked.contract_revision}",
        "begun_at": moment(booked.begun_at),
        "ended_at": None if it.closing is None else moment(it.closing.occurred_at),
        "outcome": outcome_of(latest),
        "owner": latest.owner or None,
        "upstream_request_id": latest.upstream_request_id or None,
        "images": latest.images if it.closing is not None else None,
        "discrepancies": list(latest.discrepancies),
        "adjustments": [_adjustment(entry) for entry in it.adjustments],
        **_money(it.currency, [it]),
    }


def _adjustment(entry: Entry) -> Document:
    named = {"reference": entry.reference, "reason": entry.reason}
    return {"time": moment(entry.occurred_at), "amount": entry.cost.text, "currency": entry.cost.currency, **named}


def _by_currency(attempts: Sequence[Balance]) -> list[tuple[str, list[Balance]]]:
    ordered = sorted(attempts, key=lambda it: it.currency)
    return [(currency, list(group)) for currency, group in groupby(ordered, key=lambda it: it.currency)]


def _money(currency: str, attempts: Sequence[Balance]) -> Document:
    """``cost`` is booked, adjustments included; ``exposure`` may still be billed. A sum with an unknown part is unknown."""
    cost = [it.cost for it in attempts if it.state in (State.SETTLED, State.VOID)]
    exposure = [it.exposure for it in attempts if it.state in (State.OPEN, State.EXPOSED)]
    adjusted = [it.adjusted for it in attempts if it.adjusted is not None]
    return {"currency": currency, "cost": _sum(cost), "exposure": _sum(exposure), "adjusted": _sum(adjusted)}


def _sum(amounts: Sequence[Decimal | None]) -> str | None:
    """``None`` where there is nothing of the kind."""
    known = [it for it in amounts if it is not None]
    if len(known) < len(amounts):
        return "unknown"
    return amount_text(sum(known, Decimal(0))) if known else None


def _tag(story: RequestStory) -> Document | None:
    """What the response said of its contract, as far as it is booked; ``None`` where it reached none."""
    if (answered := story.answered) is None:
        return None
    booked = answered.reserve.attribution
    ended = None if story.evidence is None else story.evidence.ended
    return {
        "contract": f"{booked.contract}@{booked.contract_revision}",
        "route": booked.route,
        "provider": booked.provider,
        "model": booked.upstream_model,
        "billing_owner": booked.billing_owner,
        "attempts": len(story.attempts),
        "fallback_from": (ended.fallback_from or None) if ended is not None else _failed_before(story, booked.contract),
    }


def _failed_before(story: RequestStory, contract: str) -> str | None:
    first = story.attempts[0].reserve.attribution.contract
    return None if first == contract else first


def _refusal(story: RequestStory) -> Document | None:
    """What the app was told instead of images, as far as evidence is kept."""
    ended = None if story.evidence is None else story.evidence.ended
    if ended is None or ended.diagnosis is None:
        return None
    return {"status": ended.status, **plain(ended.diagnosis)}


def _replay(it: ReplayEntry) -> Document:
    """``saved`` is what the original had cost."""
    return {
        "request_id": it.request_id,
        "original_request_id": it.original_id,
        "how": it.how.value,
        "time": moment(it.occurred_at),
        "saved": it.cost.text,
        "currency": it.cost.currency,
    }
