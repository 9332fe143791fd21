"""A sheet: named, typed columns and rows of plain values, before anybody decides on a file format."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Generic, TypeVar

Cell = str | int | Decimal | datetime | None
Row = Sequence[Cell]
T = TypeVar("T")


class Form(StrEnum):
    """What a column holds. ``json`` is text as well; a ``moment`` has microseconds, a ``second`` has none, both are in UTC."""

    TEXT = "text"
    JSON = "json"
    AMOUNT = "amount"
    COUNT = "count"
    MOMENT = "moment"
    SECOND = "second"


@dataclass(frozen=True, slots=True)
class Column(Generic[T]):
    """``read`` takes the cell from whatever a row is made of; ``None`` is an empty cell, which is not zero."""

    name: str
    form: Form
    read: Callable[[T], Cell]


def row_of(columns: Sequence[Column[T]], it: T) -> Row:
    """The cells, in the order of the columns."""
    return [column.read(it) for column in columns]
