"""Which contracts fail while another one covers them. Currencies are never added together."""

from dataclasses import dataclass
from datetime import datetime

from gateway.core.evidence.bundle import evidence_path
from gateway.core.ledger.masked import Masked, Sums, masked
from gateway.core.money.amount import amount_text
from gateway.core.snapshot import Snapshot
from gateway.ports import Books
from gateway.reports.document import Document, moment, plain


@dataclass(frozen=True, slots=True)
class MaskedReport:
    """What was covered in ``[since, until)``; ``None`` where that end is open."""

    since: datetime | None
    until: datetime | None
    rows: tuple[Masked, ...]


def masked_report(books: Books, snapshot: Snapshot, since: datetime | None, until: datetime | None) -> MaskedReport:
    """With the prices and routes of that configuration; raises ``LedgerUnavailable``."""
    covered, stood_in = books.covered(since, until), books.stood_in(since, until)
    return MaskedReport(since, until, masked(covered, snapshot.price_lists, stood_in, snapshot.routes))


def masked_document(report: MaskedReport) -> Document:
    """``{"since", "until", "masked": […]}``; amounts are decimal strings, an ``extra`` below zero is money saved."""
    return {"since": plain(report.since), "until": plain(report.until), "masked": [_row(row) for row in report.rows]}


def _row(row: Masked) -> Document:
    return {
        "contract": row.contract,
        "owner": row.owner,
        "requests": row.requests,
        "held": row.held,
        "first": moment(row.first),
        "last": moment(row.last),
        "covered_by": list(row.covers),
        "extra": _amounts(row.extra),
        "unknown_extras": row.unknown_extras,
        "exposure": _amounts(row.exposure),
        "unknown_exposures": row.unknown_exposures,
        "evidence": [{"request_id": request_id, "path": evidence_path(request_id)} for request_id in row.latest],
    }


def _amounts(sums: Sums) -> list[Document]:
    return [{"amount": amount_text(amount), "currency": currency} for currency, amount in sums]
