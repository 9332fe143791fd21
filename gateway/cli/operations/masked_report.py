"""Masked failures on paper: as a table for people, as JSON for programs. Currencies are never added together."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gateway.cli.terminal.period import period_text
from gateway.core.evidence.bundle import evidence_path
from gateway.core.ledger.masked import Masked, Sums
from gateway.core.money.amount import amount_text


@dataclass(frozen=True, slots=True)
class MaskedReport:
    """The failures in ``[since, until)``; ``None`` where that end is open."""

    since: datetime | None
    until: datetime | None
    rows: tuple[Masked, ...]


def masked_json(report: MaskedReport) -> str:
    """``{"since", "until", "masked": […]}``; amounts are decimal strings, an ``extra`` below zero is money saved."""
    document = {
        "since": None if report.since is None else report.since.isoformat(),
        "until": None if report.until is None else report.until.isoformat(),
        "masked": [_values(row) for row in report.rows],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def masked_table(report: MaskedReport) -> RenderableType:
    """One row a contract and owner, then the command that prints the latest evidence of each."""
    period = period_text(report.since, report.until)
    if not report.rows:
        return Text(f"No failure was covered by another contract{period}.")
    table = Table(title=f"Failures that another contract covered{period}", title_justify="left")
    for name in ("contract", "owner"):
        table.add_column(name, overflow="fold")
    for name in ("requests", "held"):
        table.add_column(name, justify="right")
    for name in ("first", "last", "covered by"):
        table.add_column(name, overflow="fold")
    for name in ("cost extra", "may be billed too"):
        table.add_column(name, justify="right", overflow="fold")
    for row in report.rows:
        table.add_row(
            Text(row.contract),
            Text(row.owner),
            str(row.requests),
            str(row.held),
            f"{row.first:%Y-%m-%d %H:%M:%S}",
            f"{row.last:%Y-%m-%d %H:%M:%S}",
            Text(", ".join(row.covers)),
            _cell(row.extra, row.unknown_extras, signed=True),
            _cell(row.exposure, row.unknown_exposures),
        )
    latest = [Text(f"{row.contract}, {row.owner}: gateway evidence {row.latest[0]}") for row in report.rows]
    return Group(table, Text("The latest of each:"), *latest)


def _values(row: Masked) -> dict[str, Any]:
    return {
        "contract": row.contract,
        "owner": row.owner,
        "requests": row.requests,
        "held": row.held,
        "first": _time(row.first),
        "last": _time(row.last),
        "covered_by": list(row.covers),
        "extra": _amounts(row.extra),
        "unknown_extras": row.unknown_extras,
        "exposure": _amounts(row.exposure),
        "unknown_exposures": row.unknown_exposures,
        "evidence": [{"request_id": request_id, "path": evidence_path(request_id)} for request_id in row.latest],
    }


def _amounts(sums: Sums) -> list[dict[str, str]]:
    return [{"amount": amount_text(amount), "currency": currency} for currency, amount in sums]


def _cell(sums: Sums, unknowns: int, *, signed: bool = False) -> str:
    """A line a currency, and how many are in none of the sums; a dash where there is nothing to tell."""
    lines = [f"{'+' if signed and amount > 0 else ''}{amount_text(amount)} {currency}" for currency, amount in sums]
    if unknowns:
        lines.append(f"{unknowns} unknown")
    return "\n".join(lines) or "–"


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
