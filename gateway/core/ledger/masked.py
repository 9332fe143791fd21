"""Failures that a fallback has covered: callers get their images, nobody complains, and the first contract stays broken."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import groupby

from gateway.core.ledger.entry import Entry, Kind
from gateway.core.money.pricing import Delivery, PriceList, price

LATEST_MAX = 3
Covered = tuple[Entry, Entry]
Sums = tuple[tuple[str, Decimal], ...]


@dataclass(frozen=True, slots=True)
class Masked:
    """What others delivered in place of one contract, where one owner is to blame; each request counts once.

    ``first`` and ``last`` are when an attempt under the contract failed, ``latest`` the ids of the latest requests, newest
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


def masked(covered: Iterable[Covered], price_lists: Mapping[str, PriceList]) -> tuple[Masked, ...]:
    """By contract and owner, in their order. ``covered`` is what ``ports.Books.covered`` returns, ``price_lists`` are by id.

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
            groups[contract, failed.owner].add_extra(failed, cover, price_lists)
    return tuple(group.closed(*key) for key, group in sorted(groups.items()))


def extra_cost(failed: Entry, cover: Entry, price_lists: Mapping[str, PriceList]) -> Decimal | None:
    """In the cover's currency; ``None`` where one of the two prices is not known, or they are in different currencies."""
    instead_of = failed.attribution
    price_list = price_lists.get(instead_of.price_list)
    if cover.cost.amount is None or price_list is None or price_list.currency != cover.cost.currency:
        return None
    delivery = Delivery(cover.images, cover.size, cover.quality, cover.usage)
    would_be = price(delivery, price_list, instead_of.upstream_model, failed.occurred_at.date())
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

    def add_extra(self, failed: Entry, cover: Entry, price_lists: Mapping[str, PriceList]) -> None:
        extra = extra_cost(failed, cover, price_lists)
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
        )


def _add(sums: dict[str, Decimal], currency: str, amount: Decimal) -> None:
    sums[currency] = sums.get(currency, Decimal(0)) + amount
