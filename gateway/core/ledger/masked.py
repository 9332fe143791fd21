"""What a fallback has covered: callers get their images, nobody complains, and the first contract stays broken or held."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from types import MappingProxyType

from gateway.core.ledger.entry import Entry, Kind
from gateway.core.money.pricing import Delivery, PriceList, price
from gateway.core.snapshot import Route

LATEST_MAX = 3
Covered = tuple[Entry, Entry]
Sums = tuple[tuple[str, Decimal], ...]


@dataclass(frozen=True, slots=True)
class StandIn:
    """For which route, and contract (ids), another one delivered, because that was held: whose hold it was, and what held it."""

    contract: str
    route: str
    owner: str
    held: str

    def __str__(self) -> str:
        return f"from={self.contract}; route={self.route}; owner={self.owner}; held={self.held}"


def stand_in_of(reason: str) -> StandIn | None:
    """What ``str`` made this text of; ``None`` where it is another text."""
    found = dict(part.partition("=")[::2] for part in reason.split("; "))
    names = ("from", "route", "owner", "held")
    return StandIn(*(found[name] for name in names)) if found.keys() == set(names) else None


@dataclass(frozen=True, slots=True)
class Masked:
    """What others delivered in place of one contract, where one owner is to blame; each request counts once.

    ``held`` are those of them that never came to the contract, because its route was held. ``first`` and ``last`` are when an
    attempt under the contract failed, or was spared it by a hold, ``latest`` the ids of the latest requests, newest
    first, ``covers`` the ids of the contracts that delivered. ``extra`` is what they cost beyond what the same delivery costs by
    the failed contract's price list, negative where they were cheaper; ``exposure`` is what the failed attempts may have cost
    besides. Both are by currency, and ``unknown_extras`` (requests) and ``unknown_exposures`` (attempts) are in neither.
    """

    contract: str
    owner: str
    requests: int
    first: datetime
    last: datetime
    latest: tuple[str, ...]
    covers: tuple[str, ...]
    extra: Sums
    unknown_extras: int
    exposure: Sums
    unknown_exposures: int
    held: int = 0


def masked(
    covered: Iterable[Covered],
    price_lists: Mapping[str, PriceList],
    stood_in: Iterable[Entry] = (),
    routes: Mapping[str, Route] = MappingProxyType({}),
) -> tuple[Masked, ...]:
    """By contract and owner, in their order. ``covered`` and ``stood_in`` are what ``ports.Books`` returns under these names.

    ``price_lists`` and ``routes`` are the configuration's, by id.

    What a request cost extra counts once for each contract that failed it, under the owner of the last failure there.
    """
    groups: dict[tuple[str, str], _Group] = {}
    for request_id, pairs in groupby(covered, key=lambda pair: pair[0].attribution.request_id):
        last_under: dict[str, Covered] = {}
        touched: dict[tuple[str, str], datetime] = {}
        for failed, cover in pairs:
            key = (failed.attribution.contract, failed.owner)
            group = groups.setdefault(key, _Group(failed.occurred_at, failed.occurred_at))
            group.fail(failed, cover)
            touched[key] = failed.occurred_at
            last_under[failed.attribution.contract] = (failed, cover)
        for key, at in touched.items():
            groups[key].count(request_id, at)
        for contract, (failed, cover) in last_under.items():
            groups[contract, failed.owner].add_extra(cover, extra_cost(failed, cover, price_lists))
    for cover in stood_in:
        if (found := stand_in_of(cover.reason)) is not None:
            at, key = cover.occurred_at, (found.contract, found.owner)
            groups.setdefault(key, _Group(at, at)).stand_in(cover, _instead_of(cover, routes.get(found.route)))
    return tuple(group.closed(*key) for key, group in sorted(groups.items()))


def extra_cost(failed: Entry, cover: Entry, price_lists: Mapping[str, PriceList]) -> Decimal | None:
    """In the cover's currency; ``None`` where one of the two prices is not known, or they are in different currencies."""
    instead_of = failed.attribution
    return _extra(cover, price_lists.get(instead_of.price_list), instead_of.upstream_model, failed.occurred_at)


def _instead_of(cover: Entry, route: Route | None) -> Decimal | None:
    """The same where nothing was tried: by the price list that the held route has now; unknown where it is gone."""
    return None if route is None else _extra(cover, route.price_list, route.upstream_model, cover.occurred_at)


def _extra(cover: Entry, price_list: PriceList | None, model: str, at: datetime) -> Decimal | None:
    if cover.cost.amount is None or price_list is None or price_list.currency != cover.cost.currency:
        return None
    would_be = price(Delivery(cover.images, cover.size, cover.quality, cover.usage), price_list, model, at.date())
    return None if would_be.amount is None else cover.cost.amount - would_be.amount


@dataclass(slots=True)
class _Group:
    """A row that is being added up: as large for a million failures as for one."""

    first: datetime
    last: datetime
    requests: int = 0
    latest: list[tuple[datetime, str]] = field(default_factory=list)
    covers: set[str] = field(default_factory=set)
    extra: dict[str, Decimal] = field(default_factory=dict)
    unknown_extras: int = 0
    exposure: dict[str, Decimal] = field(default_factory=dict)
    unknown_exposures: int = 0
    held: int = 0

    def fail(self, failed: Entry, cover: Entry) -> None:
        self.first, self.last = min(self.first, failed.occurred_at), max(self.last, failed.occurred_at)
        self.covers.add(cover.attribution.contract)
        if failed.kind is not Kind.EXPIRE:
            return
        if failed.cost.amount is None:
            self.unknown_exposures += 1
        else:
            _add(self.exposure, failed.cost.currency, failed.cost.amount)

    def count(self, request_id: str, at: datetime) -> None:
        self.requests += 1
        self.latest = sorted((*self.latest, (at, request_id)), reverse=True)[:LATEST_MAX]

    def stand_in(self, cover: Entry, extra: Decimal | None) -> None:
        """A request that was never tried where it wanted to be."""
        self.first, self.last = min(self.first, cover.occurred_at), max(self.last, cover.occurred_at)
        self.covers.add(cover.attribution.contract)
        self.held += 1
        self.count(cover.attribution.request_id, cover.occurred_at)
        self.add_extra(cover, extra)

    def add_extra(self, cover: Entry, extra: Decimal | None) -> None:
        if extra is None:
            self.unknown_extras += 1
        else:
            _add(self.extra, cover.cost.currency, extra)

    def closed(self, contract: str, owner: str) -> Masked:
        return Masked(
            contract,
            owner,
            self.requests,
            self.first,
            self.last,
            tuple(request_id for _, request_id in self.latest),
            tuple(sorted(self.covers)),
            tuple(sorted(self.extra.items())),
            self.unknown_extras,
            tuple(sorted(self.exposure.items())),
            self.unknown_exposures,
            self.held,
        )


def _add(sums: dict[str, Decimal], currency: str, amount: Decimal) -> None:
    sums[currency] = sums.get(currency, Decimal(0)) + amount
