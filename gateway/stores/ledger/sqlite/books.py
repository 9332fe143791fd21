"""Reading a ledger file, whether or not a gateway writes to it at the time."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from pathlib import Path

from gateway.core.budget import Account
from gateway.core.finance.spend import SpendQuery, SpendRow
from gateway.core.ledger.entry import Entry, ReplayEntry, in_order
from gateway.core.ledger.request_query import EVERY_REQUEST, RequestQuery
from gateway.core.money.amount import from_nanos, to_nanos
from gateway.ports import LedgerUnavailable
from gateway.stores.ledger.book_rows import covered_of, period_of, replays_asked
from gateway.stores.ledger.rows import entry_of
from gateway.stores.ledger.searching import found_attempts
from gateway.stores.ledger.spending import Dialect, Spending
from gateway.stores.ledger.sqlite.failure import failure_text
from gateway.stores.ledger.sqlite.replays import saving_of_row
from gateway.stores.ledger.sqlite.schema import check_version
from gateway.stores.statements import statement

_REQUESTS, _REQUEST, _COVERED, _STOOD_IN, _ATTEMPTS, _SPENT, _REPLAY, _REPLAYS_OF = map(
    statement, ("requests", "request", "covered", "stood_in", "attempts", "spent", "saving", "replays_of")
)
DIALECT = Dialect(
    day="date(day * 86400, 'unixepoch')",
    month="strftime('%Y-%m', day * 86400, 'unixepoch')",
    tag="coalesce((SELECT value FROM json_each(tags) WHERE key = {name}), '')",
    parameter=":{name}",
)
SPENDING = Spending(DIALECT, statement)
_LOCK_WAIT_S_MAX = 5.0


class SqliteBooks:
    """Implements ``ports.Books``. Each call sees the ledger as it is at that moment; nothing stays open behind it."""

    def __init__(self, path: Path) -> None:
        self._path = path.resolve()

    def spend(self, query: SpendQuery, *, kept_sums: bool = True) -> Sequence[SpendRow]:
        """See ``ports.Books``; raises ``LedgerUnavailable``."""
        with self._reading() as connection:
            connection.execute("BEGIN")
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
        return from_nanos(row["nanos"])

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

    def _rows(self, sql: str, parameters: Mapping[str, int | str]) -> Iterator[sqlite3.Row]:
        with self._reading() as connection:
            yield from connection.execute(sql, parameters)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        try:
            self._path.stat()
        except (FileNotFoundError, NotADirectoryError):
            raise LedgerUnavailable(
                f"There is no ledger at {self._path} yet. Start the gateway first (`gateway serve`): it creates the file. "
                "If it runs already, use the same configuration and the same working directory as it does."
            ) from None
        except OSError as error:
            raise LedgerUnavailable(
                f"The ledger {self._path} cannot be read: {error.strerror}. Read it as a user who may enter its folder."
            ) from error
        try:
            with closing(sqlite3.connect(f"{self._path.as_uri()}?mode=ro", uri=True, timeout=_LOCK_WAIT_S_MAX)) as connection:
                connection.row_factory = sqlite3.Row
                check_version(connection, self._path)
                yield connection
        except sqlite3.Error as error:
            raise LedgerUnavailable(failure_text(self._path, "read", error)) from error
