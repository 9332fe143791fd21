"""A sheet as CSV: UTF-8, commas, one header line, LF after each line; safe to open in a spreadsheet."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, BinaryIO

from gateway.core.finance.table import Column, Form, Row
from gateway.core.money.amount import amount_text

# A spreadsheet takes a text that begins so for a formula, or strips what is before one. Source: OWASP, CSV Injection.
_FORMULA = ("=", "+", "-", "@", "\t", "\n", "＝", "＋", "－", "＠")


def safe(text: str) -> str:
    """The text as no spreadsheet calculates it: with an apostrophe before what would begin a formula.

    Every line break within it becomes a line feed: a lone carriage return would be written without quotes and end the row.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return f"'{text}" if text.startswith(_FORMULA) else text


class CsvRows:
    """Writes rows to ``stream`` as they come. An empty cell is a value that is not there; amounts have at least two decimals."""

    def __init__(self, stream: BinaryIO, columns: Sequence[Column[Any]]) -> None:
        self._text = io.TextIOWrapper(stream, encoding="utf-8", newline="", write_through=False)
        self._writer = csv.writer(self._text, lineterminator="\n")
        self._forms = [_TEXTS[column.form] for column in columns]
        self._writer.writerow([column.name for column in columns])

    def write(self, row: Row) -> None:
        """One row, its cells in the order of the columns."""
        self._writer.writerow([None if cell is None else text(cell) for text, cell in zip(self._forms, row, strict=True)])

    def close(self) -> None:
        """Hand over what is still held back; ``stream`` stays open."""
        self._text.flush()
        self._text.detach()


def _amount(cell: Decimal) -> str:
    return amount_text(cell)


def _moment(cell: datetime) -> str:
    return f"{cell.isoformat(timespec='microseconds')[:26]}Z"


def _second(cell: datetime) -> str:
    return f"{cell.isoformat(timespec='seconds')[:19]}Z"


_TEXTS: Mapping[Form, Callable[[Any], str]] = {
    Form.TEXT: lambda cell: safe(str(cell)),
    Form.JSON: str,  # begins with a brace or a bracket
    Form.AMOUNT: _amount,
    Form.COUNT: str,
    Form.MOMENT: _moment,
    Form.SECOND: _second,
}
