"""What the provider charged against what was booked. Currencies are never added together."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from gateway.core.finance.reconciliation.charge import ProviderCharge
from gateway.core.finance.reconciliation.finding import Finding, Reconciliation, Result, Terms
from gateway.core.finance.reconciliation.month import Reconciling
from gateway.core.finance.table import Column, Form, row_of
from gateway.core.ledger.adjustment import Adjustment
from gateway.core.ledger.balance import balance_of
from gateway.core.ledger.entry import Entry
from gateway.core.money.amount import amount_text
from gateway.reports.document import Document, plain

SIDES = ("booked", "charged", "difference")
Totals = tuple[int, Decimal, Decimal, Decimal]


def _column(name: str, form: Form = Form.TEXT) -> Column[Finding]:
    return Column(name, form, lambda it: getattr(it, name))


COLUMNS: tuple[Column[Finding], ...] = (
    Column("day", Form.TEXT, lambda it: it.day.isoformat()),
    _column("line"),
    _column("request_id"),
    Column("result", Form.TEXT, lambda it: it.result.value),
    _column("currency"),
    *(_column(name, Form.AMOUNT) for name in SIDES),
    *(_column(name, Form.COUNT) for name in ("requests", "requests_charged", "images", "images_charged")),
    _column("note"),
)


@dataclass(frozen=True, slots=True)
class DeliveredFile:
    """A provider's file as a record names it: ``sha256`` is of its ``bytes``, ``lines`` are those that charge something."""

    name: str
    sha256: str
    bytes: int
    format: str
    lines: int


def reconciled(
    lines: Iterable[tuple[date | ProviderCharge, str]], attempts: Iterable[Sequence[Entry]], terms: Terms, contract: str
) -> tuple[Reconciliation, int]:
    """The provider's lines first, then the ledger's attempts; and how many of those are under the contract (id).

    A line is a charge or a day that a file speaks of, each with the file's SHA-256. Raises ``ValueError`` where the entries of
    an attempt contradict each other.
    """
    reconciling, known = Reconciling(terms), 0
    for it, sha256 in lines:
        if isinstance(it, ProviderCharge):
            reconciling.charge(it)
        else:
            reconciling.covers(it, sha256)
    for entries in attempts:
        if entries[0].attribution.contract == contract:
            known += 1
            reconciling.attempt(balance_of(entries))
    return reconciling.conclude(), known


def reconciliation_document(found: Reconciliation, terms: Terms, contract: str, files: Sequence[DeliveredFile]) -> Document:
    """Everything; amounts are decimal strings."""
    tolerance = terms.tolerance
    return {
        "contract": contract,
        "since": terms.begin.isoformat(),
        "until": terms.end.isoformat(),
        "agrees": found.agrees,
        "days_by": found.days_by,
        "tolerance": {
            "absolute": {key: amount_text(it) for key, it in tolerance.absolute.items()},
            "relative": {key: str(it) for key, it in tolerance.relative.items()},
        },
        "files": plain(files),
        "totals": [
            {"currency": currency, "result": result.value, "findings": count}
            | dict(zip(SIDES, map(amount_text, sums), strict=True))
            for (currency, result), (count, *sums) in totals_of(found)
        ],
        "findings": [
            {column.name: _cell(cell) for column, cell in zip(COLUMNS, row_of(COLUMNS, it), strict=True)} for it in found.findings
        ],
        "resolutions": [adjustment_document(it.adjustment) for it in found.resolutions],
        "left_out": [
            {"why": it.why, "currency": it.currency, "lines": it.lines, "amount": amount_text(it.amount)} for it in found.left_out
        ],
    }


def adjustment_document(it: Adjustment) -> Document:
    """As the admin plane takes it, too."""
    return {
        "request_id": it.request_id,
        "attempt": it.attempt,
        "amount": amount_text(it.amount),
        "currency": it.currency,
        "basis": it.basis.value,
        "reference": it.reference,
        "reason": it.reason,
    }


def totals_of(found: Reconciliation) -> list[tuple[tuple[str, Result], Totals]]:
    """By currency and result: how many findings, and their sums by ``SIDES``."""
    sums: defaultdict[tuple[str, Result], Totals] = defaultdict(lambda: (0, Decimal(0), Decimal(0), Decimal(0)))
    for it in found.findings:
        count, booked, charged, difference = sums[it.currency, it.result]
        sums[it.currency, it.result] = (count + 1, booked + it.booked, charged + it.charged, difference + it.difference)
    return sorted(sums.items(), key=lambda it: (it[0][0], list(Result).index(it[0][1])))


def _cell(cell: object) -> object:
    return amount_text(cell) if isinstance(cell, Decimal) else cell
