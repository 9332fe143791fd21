"""How long finance waits: `python -m bench.spend_time --entries 10000000`, over a year of entries in SQLite and PostgreSQL.

The ledgers are made anew, of what one gateway could have written: 8 contracts, 12 teams of 2 apps, 2 models an app, 3 sizes, 3
qualities; 2 % of the attempts ambiguous, 3 % void, 1 in 500 corrected later. Each report is asked for five times, the median
counts; what is read from kept sums is compared with what is read from all entries.
"""

import argparse
import asyncio
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from gateway.core.finance.spend import Dimension, SpendQuery, Tag
from gateway.core.ledger.entry import Kind
from gateway.ports import Books, Rollups
from gateway.stores.ledger.postgres.books import PostgresBooks
from gateway.stores.ledger.postgres.ledger import PostgresLedger
from gateway.stores.ledger.postgres.rollups import PostgresRollups
from gateway.stores.ledger.sqlite.books import SqliteBooks
from gateway.stores.ledger.sqlite.ledger import SqliteLedger
from gateway.stores.ledger.sqlite.rollups import SqliteRollups
from tests.contract.ledger_samples import entry
from tests.real_postgres import some_postgres

YEAR_S = 365 * 86_400
BEGIN, END = datetime(2025, 11, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
REPORTS = {
    "a month by contract, team": SpendQuery((Dimension.CONTRACT, Dimension.TEAM), datetime(2026, 10, 1, tzinfo=UTC), END),
    "the year by month, contract, team": SpendQuery((Dimension.MONTH, Dimension.CONTRACT, Dimension.TEAM)),
    "the year by provider, model, size, quality": SpendQuery(
        (Dimension.PROVIDER, Dimension.MODEL, Dimension.SIZE, Dimension.QUALITY)
    ),
    "a month by a free tag (no sums are kept)": SpendQuery((Tag("campaign"),), datetime(2026, 10, 1, tzinfo=UTC), END),
}
# The guards of PostgreSQL's tables are made for groups of bookings, not for more.
BATCHES = {"sqlite": 100_000, "postgres": 2_000}
# From the first attempt's two rows: number n of `attempts`.
COPY = """
INSERT INTO entry ({columns})
SELECT {values}
FROM ({numbers}) AS made JOIN entry AS one ON one.event_id = 'req_first.1.{like}'
WHERE {which}
"""
CHANGED = {
    "request_id": "'req_' || n",
    "contract": "'contract-' || (n * 7 % 24 % 8)",
    "app": "'app-' || (n * 7 % 24)",
    "team": "'team-' || (n * 7 % 24 / 2)",
    "model": "'model-' || (n * 7 % 24 % 3 + n % 2)",
    "size": "CASE WHEN n % 10 < 7 THEN '1024x1024' WHEN n % 10 < 9 THEN '1536x1024' ELSE '1024x1536' END",
    "quality": "CASE WHEN n % 9 < 6 THEN 'high' WHEN n % 9 < 8 THEN 'medium' ELSE 'low' END",
    "begun_at": "one.begun_at + n * {step}",
    "occurred_at": "one.begun_at + n * {step}",
}
KINDS = "CASE WHEN n % 100 < 95 THEN 'settle' WHEN n % 100 < 98 THEN 'void' ELSE 'expire' END"
CLOSED = {
    "kind": KINDS,
    "outcome": "CASE WHEN n % 100 < 95 THEN 'completed' WHEN n % 100 < 98 THEN 'rejected' ELSE 'ambiguous' END",
    "event_id": f"'req_' || n || '.1.' || {KINDS}",
    "images": "CASE WHEN n % 100 < 95 THEN 1 ELSE 0 END",
    "amount_nanos": "CASE WHEN n % 100 < 95 THEN 52680000 WHEN n % 100 < 98 THEN 0 ELSE 210000000 END",
}
ADJUSTED = {
    "kind": "'adjust'",
    "reference": "'invoice'",
    "event_id": "'req_' || n || '.1.adjust.invoice'",
    "amount_nanos": "-1000000",
    "outcome": "NULL",
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--entries", type=int, default=10_000_000)
    options.add_argument("--only", choices=("sqlite", "postgres"))
    found = options.parse_args()
    attempts = found.entries * 1000 // 2002
    print("| database | report | from kept sums, ms | from all entries, ms | ratio |\n|---|---|---|---|---|", flush=True)
    for name, made in (("sqlite", sqlite_ledger), ("postgres", postgres_ledger)):
        if found.only in (None, name):
            with made(attempts) as (books, rollups):
                measure(name, books, rollups)


def measure(name: str, books: Books, rollups: Rollups) -> None:
    began, days = time.perf_counter(), 0
    while rollups.roll_up_a_day():
        days += 1
    print(f"{name}: {days} days were summed in {time.perf_counter() - began:.0f} s", flush=True)
    for title, query in REPORTS.items():
        summed = timed(lambda query=query: books.spend(query), 5)
        read = timed(lambda query=query: books.spend(query, kept_sums=False), 1)
        assert summed[1] == read[1], "kept sums and entries disagree"
        print(f"| {name} | {title} | {summed[0]:,.0f} | {read[0]:,.0f} | {read[0] / summed[0]:.0f} × |", flush=True)


def timed(ask: Callable[[], object], times: int) -> tuple[float, object]:
    took = []
    for _ in range(times):
        began = time.perf_counter()
        answer = ask()
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took), answer


@contextmanager
def sqlite_ledger(attempts: int) -> Iterator[tuple[Books, Rollups]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.sqlite"
        first(SqliteLedger(path, "normal", lambda: BEGIN))
        began = time.perf_counter()
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous = off")
            columns = [row[1] for row in connection.execute("PRAGMA table_info(entry)") if row[1] != "seq"]
            numbers = (
                "WITH RECURSIVE up(n) AS (SELECT {since} UNION ALL SELECT n + 1 FROM up WHERE n + 1 < {until}) SELECT n FROM up"
            )
            for sql in statements(columns, attempts, numbers, BATCHES["sqlite"]):
                connection.execute(sql)
        told("sqlite", path.stat().st_size, time.perf_counter() - began)
        yield SqliteBooks(path), SqliteRollups(path, lambda: END.replace(day=2))


@contextmanager
def postgres_ledger(attempts: int) -> Iterator[tuple[Books, Rollups]]:
    with some_postgres() as server:
        url = server.database()
        first(PostgresLedger(url, lambda: BEGIN))
        began = time.perf_counter()
        with closing(psycopg.connect(url, autocommit=True)) as connection:
            months(connection)
            asked = "SELECT column_name FROM information_schema.columns WHERE table_name = 'entry' ORDER BY ordinal_position"
            columns = [name for (name,) in connection.execute(asked) if name != "seq"]
            numbers = "SELECT n FROM generate_series({since}::bigint, {until} - 1) AS n"
            for sql in statements(columns, attempts, numbers, BATCHES["postgres"]):
                connection.execute(sql)
            connection.execute("VACUUM ANALYZE entry")
            size = connection.execute("SELECT pg_database_size(current_database())").fetchone()
        told("postgres", size[0] if size else 0, time.perf_counter() - began)
        yield PostgresBooks(url), PostgresRollups(url, lambda: END.replace(day=2))


def months(connection: psycopg.Connection) -> None:
    """The year's: a ledger makes only those to come, and the first two rows stand in the rest."""
    for number in range(12):
        begin, end = (datetime(2025 + (10 + it) // 12, (10 + it) % 12 + 1, 1, tzinfo=UTC) for it in (number, number + 1))
        name, bounds = f"entry_{begin:%Y_%m}", [int(it.timestamp()) * 1_000_000 for it in (begin, end)]
        connection.execute(f"DROP TABLE IF EXISTS {name}")
        connection.execute(f"CREATE TABLE {name} PARTITION OF entry FOR VALUES FROM ({bounds[0]}) TO ({bounds[1]})")
        connection.execute(f"SELECT guard_entries('{name}'::regclass)")


def first(ledger: SqliteLedger | PostgresLedger) -> None:
    """What all others are copied from; a microsecond before the year, so that it stands in no month of it."""
    ledger.open()
    at = BEGIN.replace(year=2024)
    reserve = entry(Kind.RESERVE, "req_first", at=at)

    async def write() -> None:
        await ledger.append(reserve, entry(Kind.SETTLE, "req_first", "0.05268", at=at))

    asyncio.run(write())
    ledger.close()


def statements(columns: list[str], attempts: int, numbers: str, batch: int) -> Iterator[str]:
    step = YEAR_S * 1_000_000 // attempts
    year = {name: value.format(step=step) for name, value in CHANGED.items()}
    offset = int((BEGIN - BEGIN.replace(year=2024)).total_seconds()) * 1_000_000
    year["begun_at"] = year["occurred_at"] = f"one.begun_at + {offset} + n * {step}"
    reserved = year | {"event_id": "'req_' || n || '.1.reserve'"}
    for since in range(0, attempts, batch):
        made = numbers.format(since=since, until=min(since + batch, attempts))
        for values, like, which in (
            (reserved, "reserve", "TRUE"),
            (year | CLOSED, "settle", "TRUE"),
            (year | ADJUSTED, "settle", "n % 500 = 7"),
        ):
            kept = ", ".join(values.get(name, f"one.{name}") for name in columns)
            yield COPY.format(columns=", ".join(columns), values=kept, numbers=made, like=like, which=which)


def told(name: str, size: int, seconds: float) -> None:
    print(f"{name}: {size / 2**30:.1f} GiB were written in {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main()
