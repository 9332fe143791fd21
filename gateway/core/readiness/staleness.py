"""What ends on a date, and what was read too long ago to be relied on."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from gateway.core.contract.contract import VerificationState
from gateway.core.snapshot import Route, RouteState, Snapshot

# A model or a contract is followed by another one, and to agree on that takes weeks.
NOTICE_DAYS = 60
# What a person has read counts for so long: providers change prices a few times a year, limits and accounts more often.
PRICE_LIST_DAYS_MAX = 90
RECORD_DAYS_MAX = 30
_CHECKED = frozenset({VerificationState.VERIFIED, VerificationState.UNVERIFIED})


class Kind(StrEnum):
    """``model`` and ``contract`` end; the others are records, which grow old and can be renewed by reading again."""

    MODEL = "model"
    CONTRACT = "contract"
    PRICE_LIST = "price_list"
    LIMITS = "limits"
    VERIFICATION = "verification"


_NOTICE_DAYS = {Kind.MODEL: NOTICE_DAYS, Kind.CONTRACT: NOTICE_DAYS}


@dataclass(frozen=True, slots=True)
class Deadline:
    """``on`` is the first UTC day on which it is over, or no longer relied on. ``routes`` are the ids of those that it concerns.

    ``name`` is the upstream model's, or the id of the price list or of the contract. ``since`` is when a record was read.
    """

    kind: Kind
    name: str
    on: date
    routes: tuple[str, ...]
    since: date | None = None
    successor: str = ""

    def days_left(self, today: date) -> int:
        """Days until ``on``; negative where that is past."""
        return (self.on - today).days

    def due(self, today: date) -> bool:
        """Whether somebody should know: in time for what ends, once a record is too old."""
        return self.days_left(today) <= _NOTICE_DAYS.get(self.kind, 0)

    def what(self, today: date) -> str:
        """A sentence without its full stop."""
        left, over = self.days_left(today), self.on <= today
        match self.kind:
            case Kind.MODEL if over:
                return f"the provider serves this model no longer since {self.on}"
            case Kind.MODEL:
                return f"the provider retires this model on {self.on}, in {left} days"
            case Kind.CONTRACT if over:
                return "the contract is no longer in force: its routes take no request"
            case Kind.CONTRACT:
                return f"the contract ends in {left} days: its routes take no request from then on"
            case _:
                return f"it was read on {self.since}, {(today - (self.since or today)).days} days ago"

    @property
    def fix(self) -> str:
        """What to do, a sentence."""
        match self.kind:
            case Kind.MODEL:
                return f"Move the route to '{self.successor}'." if self.successor else "Move the route to another model."
            case Kind.CONTRACT:
                return "Renew it with a new revision, or give its routes another contract."
            case Kind.PRICE_LIST:
                return "Compare it with the provider's prices of today, and write down the day; new prices are a new list."
            case Kind.LIMITS:
                return "Read the provider's limits page again, and write down the day."
            case _:
                return "Look it up in the provider's console again, and write down the day."


def deadlines(snapshot: Snapshot) -> tuple[Deadline, ...]:
    """All dates there are, however far away, of what routes use that are not disabled; the nearest first."""
    routes = [route for route in snapshot.routes.values() if route.state is not RouteState.DISABLED]
    found = [*_models(routes), *_price_lists(routes), *_contracts(snapshot, routes)]
    return tuple(sorted(found, key=lambda it: (it.on, it.kind, it.name)))


def too_old(recorded_on: date, today: date, days_max: int = RECORD_DAYS_MAX) -> bool:
    """Whether a record of that day is no longer relied on."""
    return (today - recorded_on).days > days_max


def _models(routes: list[Route]) -> Iterator[Deadline]:
    for name in dict.fromkeys(route.upstream_model for route in routes):
        users = [route for route in routes if route.upstream_model == name]
        retirement = users[0].retirement
        if retirement is not None:
            yield Deadline(Kind.MODEL, name, retirement.on, _ids(users), successor=retirement.successor)


def _price_lists(routes: list[Route]) -> Iterator[Deadline]:
    for price_list in {route.price_list.id: route.price_list for route in routes}.values():
        users = [route for route in routes if route.price_list.id == price_list.id]
        yield _record(Kind.PRICE_LIST, price_list.id, price_list.recorded_on, users, PRICE_LIST_DAYS_MAX)


def _contracts(snapshot: Snapshot, routes: list[Route]) -> Iterator[Deadline]:
    """A contract that ends is said also where no route uses it: somebody has agreed on it."""
    for contract in snapshot.contracts.values():
        users = [route for route in routes if route.contract.id == contract.id]
        if contract.effective_to is not None:
            yield Deadline(Kind.CONTRACT, contract.id, contract.effective_to, _ids(users))
        if not users:
            continue
        if contract.limits.recorded:
            oldest = min(it.recorded_on for it in contract.limits.recorded)
            yield _record(Kind.LIMITS, contract.id, oldest, users, RECORD_DAYS_MAX)
        verification = contract.verification
        if verification.state in _CHECKED and verification.recorded_on is not None:
            yield _record(Kind.VERIFICATION, contract.id, verification.recorded_on, users, RECORD_DAYS_MAX)


def _record(kind: Kind, name: str, since: date, users: list[Route], days_max: int) -> Deadline:
    return Deadline(kind, name, since + timedelta(days=days_max + 1), _ids(users), since)


def _ids(routes: list[Route]) -> tuple[str, ...]:
    return tuple(route.id for route in routes)
