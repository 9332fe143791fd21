"""Reading a ledger in PostgreSQL, as a role that may do nothing else, beside any number of gateways that write."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from decimal import Decimal
from itertools import groupby

import psycopg
from psycopg.rows import DictRow

from gateway.core.budget import Account
from gateway.core.finance.spend import SpendQuery, SpendRow
from gateway.core.ledger.entry import Entry, ReplayEntry, in_order
from gateway.core.ledger.request_query import EVERY_REQUEST, RequestQuery
from gateway.core.money.amount import from_nanos, to_nanos
from gateway.ports import LedgerUnavailable
from gateway.stores.ledger.book_rows import covered_of, period_of, replays_asked
from gateway.stores.ledger.postgres.connection import Connection, check_version, connect, failure_text
from gateway.stores.ledger.rows import entry_of
from gateway.stores.ledger.searching import found_attempts
from gateway.stores.ledger.spending import Dialect, Spending
from gateway.stores.ledger.sqlite.replays import saving_of_row
from gateway.stores.statements import postgres_statement

_REQUESTS, _REQUEST, _COVERED, _STOOD_IN, _ATTEMPTS, _SPENT, _REPLAY, _REPLAYS_OF = map(
    postgres_statement, ("requests", "request", "covered", "stood_in", "attempts", "spent", "saving", "replays_of")
)
DIALECT = Dialect(
    day="to_char(to_timestamp(day * 86400), 'YYYY-MM-DD')",
    month="to_char(to_timestamp(day * 86400), 'YYYY-MM')",
    tag="coalesce(tags::jsonb ->> {name}, '')",
    parameter="%({name})s::text",
)
SPENDING = Spending(DIALECT, postgres_statement)
_AT_ONE_MOMENT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"
_ROWS_A_FETCH = 1_000


class PostgresBooks:
    """Implements ``ports.Books``. Each call sees the ledger as it is at that moment; nothing stays open behind it."""

    def __init__(self, url: str) -> None:
        self._url = url

    def spend(self, query: SpendQuery, *, kept_sums: bool = True) -> Sequence[SpendRow]:
        """See ``ports.Books``; raises ``LedgerUnavailable``."""
        with self._reading() as connection:
            connection.execute(_AT_ONE_MOMENT)
            return SPENDING.rows(query, connection.execute, kept_sums=kept_sums)

    def spent(self, account: Account) -> Decimal:
        """See ``ports.Books``; raises ``LedgerUnavailable``."""
        budget = account.budget
        # A scope is the name of its column: only names from that closed set enter the statement.
        asked: dict[str, int | str] = {
            "subject": account.subject,
            "currency": budget.currency,
            "unknown": to_nanos(budget.unknown),
        }
        asked["since"] = period_of(account.since, None)["since"]
        [row] = self._rows(_SPENT.format(column=budget.scope.value), asked)
        return from_nanos(int(row["nanos"]))

    def requests(self, limit: int, query: RequestQuery = EVERY_REQUEST) -> Sequence[Entry]:
        """See ``ports.Books``; raises ``LedgerUnavailable``."""
        return found_attempts(_REQUESTS, DIALECT, query, limit, self._rows)

    def request(self, request_id: str) -> Sequence[Entry]:
        """All entries of one request, in the order they were written; raises ``LedgerUnavailable``."""
        return [entry_of(row) for row in self._rows(_REQUEST, {"request_id": request_id})]

    def replay(self, request_id: str) -> ReplayEntry | None:
        """See ``ports.Books``; raises ``LedgerUnavailable``."""
        found = [saving_of_row(row) for row in self._rows(_REPLAY, {"request_id": request_id})]
        return found[0] if found else None

    def replays_of(self, original_id: str, since: datetime) -> Sequence[ReplayEntry]:
        """See ``ports.Books``; raises ``LedgerUnavailable``."""
        return [saving_of_row(row) for row in self._rows(_REPLAYS_OF, replays_asked(original_id, since))]

    def covered(self, since: datetime | None, until: datetime | None) -> Iterator[tuple[Entry, Entry]]:
        """Failures that another contract covered, each with its cover; raises ``LedgerUnavailable`` as it goes."""
        return covered_of(map(entry_of, self._rows(_COVERED, period_of(since, until))))

    def stood_in(self, since: datetime | None, until: datetime | None) -> Iterator[Entry]:
        """Deliveries in the place of a held route; raises ``LedgerUnavailable`` as it goes."""
        return map(entry_of, self._rows(_STOOD_IN, period_of(since, until)))

    def attempts(self, since: datetime | None, until: datetime | None) -> Iterator[tuple[Entry, ...]]:
        """All entries of each attempt begun in the period; raises ``LedgerUnavailable`` as it goes."""
        entries = map(entry_of, self._rows(_ATTEMPTS, period_of(since, until)))
        for _, group in groupby(entries, key=lambda it: (it.attribution.request_id, it.attribution.attempt)):
            yield in_order(group)

    def _rows(self, sql: str, parameters: Mapping[str, int | str]) -> Iterator[DictRow]:
        """A server's cursor: memory does not depend on how many there are."""
        with self._reading() as connection, connection.cursor(name="books") as cursor:
            cursor.itersize = _ROWS_A_FETCH
            yield from cursor.execute(sql, parameters)

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        """In a transaction."""
        try:
            with closing(connect(self._url, read_only=True)) as connection:
                check_version(connection, self._url)
                with connection.transaction():
                    yield connection
        except psycopg.Error as error:
            raise LedgerUnavailable(failure_text(self._url, "read", error)) from error
