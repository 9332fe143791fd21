"""What a period would have cost by another price list. Currencies are never added together."""

from dataclasses import dataclass
from datetime import datetime

from gateway.core.finance.repricing import revision_of
from gateway.core.finance.repricing_tally import Change, Converted, Remainder, RepricingTally
from gateway.core.money.amount import amount_text
from gateway.core.money.pricing import PriceList
from gateway.reports.document import Document, plain


@dataclass(frozen=True, slots=True)
class RepriceReport:
    """The attempts begun in ``[begin, end)`` under ``contracts``, by that list."""

    tally: RepricingTally
    price_list: PriceList
    contracts: tuple[str, ...]
    begin: datetime
    end: datetime
    converted: Converted | None


@dataclass(frozen=True, slots=True)
class Booked:
    """What was done: adjustments booked now, and such as had been before."""

    booked: int
    repeated: int


def reprice_document(report: RepriceReport, booked: Booked | None) -> Document:
    """Amounts are decimal strings; ``booked`` is ``None`` where nothing was ordered to be booked."""
    tally = report.tally
    return {
        "list": report.price_list.id,
        "revision": revision_of(report.price_list),
        "since": report.begin.isoformat(),
        "until": report.end.isoformat(),
        "contracts": sorted(report.contracts),
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
