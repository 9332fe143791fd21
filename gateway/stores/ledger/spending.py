"""A query for spend as statements, and their rows as sums: the same for every database."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.core.finance.spend import (
    AMOUNTS,
    MEASURES,
    Dimension,
    Key,
    SpendQuery,
    SpendRow,
    Sums,
    Tag,
    day_numbered,
    merged,
    week_of,
)
from gateway.core.ledger.rollup import parts_of
from gateway.core.money.amount import from_nanos
from gateway.stores.ledger.book_rows import period_of
from gateway.stores.ledger.rollup import FRESH
from gateway.stores.ledger.rows import Columns

# The Monday of its week; 1970 began on a Thursday.
_WEEK = "(day + 3) / 7 * 7 - 3"

Read = Callable[[str, Mapping[str, int | str]], Iterable[Columns]]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one database says it: ``day`` and ``month`` as text, from a number of days; the tag that ``name`` is; a parameter."""

    day: str
    month: str
    tag: str
    parameter: str


class Spending:
    """The three statements of one database, by their texts: of entries, of kept sums, of replays."""

    def __init__(self, dialect: Dialect, statement: Callable[[str], str]) -> None:
        self._dialect = dialect
        self._spend, self._rolled, self._saved = map(statement, ("spend", "rolled", "saved"))

    def rows(self, query: SpendQuery, read: Read, *, kept_sums: bool = True) -> Sequence[SpendRow]:
        """See ``ports.Books.spend``; ``read`` runs a statement, and all of them must see the ledger as at one moment.

        Kept sums know no tags: those are always read from the entries.
        """
        asked = _Asked(query, self._dialect)
        period = period_of(query.since, query.until)
        days = [row["day"] for row in read(FRESH, {})] if kept_sums and not asked.tagged else []
        parts = parts_of(period["since"], period["until"], days)
        found: list[SpendRow] = []
        for since, until in parts.gaps:
            found += asked.rows(read, self._spend, {"since": since, "until": until})
        if days:
            found += asked.rows(read, self._rolled, {"first_day": parts.first_day, "last_day": parts.last_day})
        found += asked.rows(read, self._saved, period)
        return merged(found)


class _Asked:
    """What is put into a statement for one query."""

    def __init__(self, query: SpendQuery, dialect: Dialect) -> None:
        self._query, self._dialect = query, dialect
        self._parameters: dict[str, int | str] = {}
        self.tagged = any(isinstance(key, Tag) for key in (*query.by, *query.only))
        self._keys = "".join(f"{self._expression(key)} AS key_{at}, " for at, key in enumerate(query.by))
        self._groups = ", ".join(str(at) for at in range(1, len(query.by) + 2))
        self._only = "".join(
            f" AND {self._expression(key)} IN ({', '.join(map(self._parameter, sorted(values)))})"
            for key, values in query.only.items()
        )

    def rows(self, read: Read, sql: str, parameters: Mapping[str, int]) -> Iterator[SpendRow]:
        statement = sql.format(keys=self._keys, groups=self._groups, only=self._only)
        for row in read(statement, {**parameters, **self._parameters}):
            keys = tuple(_named(key, row[f"key_{at}"]) for at, key in enumerate(self._query.by))
            yield SpendRow(keys, row["currency"], sums_of(row))

    def _expression(self, key: Key) -> str:
        """A dimension's value is the name of its column: only names from that closed set enter the statement."""
        if isinstance(key, Tag):
            return self._dialect.tag.format(name=self._parameter(key.name))
        own = {Dimension.DAY: self._dialect.day, Dimension.WEEK: _WEEK, Dimension.MONTH: self._dialect.month}
        return own.get(key, key.value)

    def _parameter(self, value: str) -> str:
        name = f"asked_{len(self._parameters)}"
        self._parameters[name] = value
        return self._dialect.parameter.format(name=name)


def sums_of(row: Columns) -> Sums:
    """Of a row that has some of the measures as its columns; what it has not is nothing."""
    found: dict[str, Any] = {}
    for name in set(row.keys()).intersection(MEASURES):
        found[name] = from_nanos(int(row[name])) if name in AMOUNTS else int(row[name])
    return Sums(**found)


def _named(key: Key, value: str | int) -> str:
    return week_of(day_numbered(int(value))) if key is Dimension.WEEK else str(value)
