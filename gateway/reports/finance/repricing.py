"""What a period would have cost by another price list. Currencies are never added together."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.core.finance.repricing import Repriced, Unpriced, reprice, revision_of
from gateway.core.finance.repricing_tally import Change, Converted, Remainder, RepricingTally
from gateway.core.ledger.entry import Entry
from gateway.core.money.amount import amount_text
from gateway.core.money.exchange import ExchangeRates
from gateway.core.money.pricing import PriceList
from gateway.reports.document import Document, plain


@dataclass(frozen=True, slots=True)
class RepriceOrder:
    """The attempts begun in ``[begin, end)`` under these contracts (ids), each with the newest list of its series."""

    price_list: PriceList
    contracts: Mapping[str, PriceList]
    begin: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class RepriceReport:
    """What became of the attempts by the order's list; ``converted`` is the difference in one currency."""

    order: RepriceOrder
    tally: RepricingTally
    converted: Converted | None


@dataclass(frozen=True, slots=True)
class Booked:
    """What was done: adjustments booked now, and such as had been before."""

    booked: int
    repeated: int


def repriced(attempts: Iterable[Sequence[Entry]], order: RepriceOrder) -> Iterator[Repriced | Unpriced]:
    """One after the other; ``attempts`` are those of the period, under any contract."""
    for entries in attempts:
        series = order.contracts.get(entries[0].attribution.contract)
        if series is not None and (result := reprice(entries, order.price_list, series)) is not None:
            yield result


def reprice_report(
    results: Iterable[Repriced | Unpriced], order: RepriceOrder, currency: str | None, rates: Iterable[ExchangeRates]
) -> RepriceReport:
    """With a ``currency`` the difference is also there in it, by the ``rates`` of each day."""
    tally = RepricingTally()
    for result in results:
        tally.add(result)
    return RepriceReport(order, tally, None if currency is None else tally.converted(currency, rates))


def reprice_document(report: RepriceReport, booked: Booked | None) -> Document:
    """Amounts are decimal strings; ``booked`` is ``None`` where nothing was ordered to be booked."""
    tally, order = report.tally, report.order
    return {
        "list": order.price_list.id,
        "revision": revision_of(order.price_list),
        "since": order.begin.isoformat(),
        "until": order.end.isoformat(),
        "contracts": sorted(order.contracts),
        "rows": [_keys(group) | _change(it) for group, it in sorted(tally.changes.items())],
        "totals": [{"currency": currency} | _change(it) for currency, it in tally.totals().items()],
        "left": [_keys(group) | {"why": why.value} | _remainder(it) for (group, why), it in sorted(tally.left.items())],
        "in": None if report.converted is None else _converted(report.converted),
        "booked": plain(booked),
    }


def _keys(group: tuple[str, str, str]) -> Document:
    return dict(zip(("contract", "model", "currency"), group, strict=True))


def _change(it: Change) -> Document:
    sums = {name: amount_text(getattr(it, name)) for name in ("old", "new", "difference")}
    return {"attempts": it.attempts, "to_book": it.changed, "unknown_before": it.unknown} | sums


def _remainder(it: Remainder) -> Document:
    return {"attempts": it.attempts, "booked": amount_text(it.booked), "not_booked": it.unknown}


def _converted(found: Converted) -> Document:
    return {
        "currency": found.currency,
        "difference": None if found.amount is None else amount_text(found.amount),
        "tables": list(found.tables),
        "missing": [{"currency": currency, "day": day.isoformat()} for currency, day in found.missing],
    }
