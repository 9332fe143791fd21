"""One export from the first attempt to the last, without knowing what a command is."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from gateway.cli.finance.export.csv_file import CsvRows
from gateway.cli.finance.export.tally import Tally
from gateway.cli.finance.export.target import ExportFailed, replaced, standard_output
from gateway.core.finance.attempt_table import ATTEMPT_COLUMNS
from gateway.core.finance.focus import FOCUS_COLUMNS, TAG_PREFIX
from gateway.core.finance.focus_charge import BillingFacts, charges_of
from gateway.core.finance.table import Column, Form, Row, row_of
from gateway.core.ledger.balance import Balance, State, balance_of
from gateway.core.ledger.entry import Entry

PARQUET = ".parquet"


@dataclass(frozen=True, slots=True)
class Scope:
    """Which attempts: begun in ``[begin, end)``, under ``contract`` or under any; ``configured`` are the contracts of today."""

    begin: datetime | None
    end: datetime | None
    contract: str | None
    configured: frozenset[str]


class _Rows(Protocol):
    def write(self, row: Row) -> None: ...
    def close(self) -> None: ...


def export_attempts(attempts: Iterable[Sequence[Entry]], scope: Scope, out: Path | None, *, parquet: bool) -> Tally:
    """One row an attempt, to the file or to standard output; raises ``ExportFailed``."""
    tally = Tally()
    with _writing(out, ATTEMPT_COLUMNS, parquet=parquet) as rows:
        for it in _balances(attempts, scope):
            rows.write(row_of(ATTEMPT_COLUMNS, it))
            tally.add(it, 1)
    return tally


def export_focus(
    attempts: Iterable[Sequence[Entry]], scope: Scope, out: Path | None, *, version: str, facts: BillingFacts, at: datetime
) -> Tally:
    """The charges of each attempt, to the file or to standard output; raises ``ExportFailed``.

    Beside a file go ``FILE.left-out.csv``, the attempts that are no charge or none of a known amount, and
    ``FILE.metadata.json``; the file itself appears last.
    """
    tally, columns = Tally(), FOCUS_COLUMNS[version]
    parquet = out is not None and out.suffix == PARQUET
    with ExitStack() as files:
        rows = files.enter_context(_writing(out, columns, parquet=parquet))
        left_out = files.enter_context(_beside(out))
        for it in _balances(attempts, scope):
            charges = tuple(charges_of(it, facts))
            for charge in charges:
                rows.write(row_of(columns, charge))
            if left_out is not None and not charges and it.state is not State.VOID:
                left_out.write(row_of(ATTEMPT_COLUMNS, it))
            tally.add(it, len(charges))
        if out is not None:
            metadata = files.enter_context(replaced(_named(out, "metadata.json")))
            metadata.write((json.dumps(_metadata(version, scope, tally, at), indent=2) + "\n").encode())
    return tally


def _balances(attempts: Iterable[Sequence[Entry]], scope: Scope) -> Iterator[Balance]:
    """A contract that is configured no more still has its attempts; one that neither knows is a slip of the pen."""
    known = scope.contract is None or scope.contract in scope.configured
    for entries in attempts:
        if scope.contract is None or entries[0].attribution.contract == scope.contract:
            known = True
            yield _balance(entries)
    if not known:
        raise ExportFailed(
            f"Neither the configuration nor the ledger's period has a contract '{scope.contract}'. Configured are: "
            f"{', '.join(sorted(scope.configured))}."
        )


def _balance(entries: Sequence[Entry]) -> Balance:
    try:
        return balance_of(entries)
    except ValueError as error:
        raise ExportFailed(f"The ledger contradicts itself. {error} Nothing was written.") from error


@contextmanager
def _writing(out: Path | None, columns: Sequence[Column[Any]], *, parquet: bool) -> Iterator[_Rows]:
    with standard_output() if out is None else replaced(out) as stream:
        rows = _parquet(stream, columns) if parquet else CsvRows(stream, columns)
        with _closed(rows):
            yield rows


@contextmanager
def _beside(out: Path | None) -> Iterator[CsvRows | None]:
    if out is None:
        yield None
        return
    with replaced(_named(out, "left-out.csv")) as stream:
        rows = CsvRows(stream, ATTEMPT_COLUMNS)
        with _closed(rows):
            yield rows


@contextmanager
def _closed(rows: _Rows) -> Iterator[None]:
    """Also after a failure, for a forgotten writer would close the stream; what stopped the export comes first."""
    try:
        yield
    except BaseException:
        with suppress(OSError):
            rows.close()
        raise
    rows.close()


def _parquet(stream: BinaryIO, columns: Sequence[Column[Any]]) -> _Rows:
    try:
        module = import_module("gateway.cli.finance.export.parquet_file")
    except ModuleNotFoundError as missing:
        if missing.name != "pyarrow":
            raise
        raise ExportFailed("Parquet needs pyarrow. Install the extra 'export': pip install 'image-gateway[export]'") from missing
    rows: _Rows = module.ParquetRows(stream, columns)
    return rows


def _named(out: Path, suffix: str) -> Path:
    return out.with_name(f"{out.name}.{suffix}")


_TYPES: Mapping[Form, Mapping[str, object]] = {
    Form.TEXT: {"DataType": "String"},
    Form.JSON: {"DataType": "JSON"},
    Form.AMOUNT: {"DataType": "Decimal", "NumericPrecision": 38, "NumberScale": 9},
    Form.COUNT: {"DataType": "Integer"},
    Form.MOMENT: {"DataType": "Date/Time"},
    Form.SECOND: {"DataType": "Date/Time"},
}


def _metadata(version: str, scope: Scope, tally: Tally, at: datetime) -> dict[str, object]:
    """What a reader must know of the file, by the names of FOCUS's metadata where it has them."""
    return {
        "FocusDataset": "CostAndUsage",
        "FocusVersion": version,
        "DataGenerator": "image-gateway",
        "CreationDate": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "ChargePeriodStart": None if scope.begin is None else scope.begin.isoformat(),
        "ChargePeriodEnd": None if scope.end is None else scope.end.isoformat(),
        "Contract": scope.contract,
        "CorrectionHandling": {
            "DeliveryMechanism": "Append-only",
            "CorrectionStyle": "Accounting-style",
            "RowIdentifier": "x_RowId",
            "InvoicedFrom": "the end of the calendar month (UTC) in which the attempt began",
        },
        "ProviderTagPrefixes": [TAG_PREFIX],
        "ColumnDefinition": [{"ColumnName": it.name} | dict(_TYPES[it.form]) for it in FOCUS_COLUMNS[version]],
        **tally.document(),
    }
