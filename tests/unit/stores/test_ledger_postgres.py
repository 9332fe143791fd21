"""What the ledger in PostgreSQL promises on top of the contract: many gateways, lost connections, roles, months, versions."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gateway.core.finance.spend import Dimension, SpendQuery
from gateway.core.ledger.chain import Root, Verification
from gateway.core.ledger.entry import Kind
from gateway.ports import EntryRefused, LedgerUnavailable
from gateway.signing import Signer, key_set, new_key, verified
from gateway.stores.ledger.postgres.books import PostgresBooks
from gateway.stores.ledger.postgres.ledger import PostgresLedger
from gateway.stores.ledger.postgres.verify import verify_postgres
from tests.contract.ledger_samples import NOON, Clock, entry
from tests.real_postgres import RealPostgres, real_postgres

ROOT = Path(__file__).parents[3]
OPEN_THEN_WAIT = """
import asyncio, sys
from gateway.core.ledger.entry import Kind
from gateway.stores.ledger.postgres.ledger import PostgresLedger
from tests.contract.ledger_samples import Clock, entry

async def main():
    ledger = PostgresLedger(sys.argv[1], Clock())
    ledger.open()
    for number in range(5):
        await ledger.append(entry(Kind.RESERVE, f"req_{number}"), entry(Kind.RESERVE, f"req_open_{number}"))
        await ledger.append(entry(Kind.SETTLE, f"req_{number}"))
    print("open", flush=True)
    sys.stdin.read()

asyncio.run(main())
"""


@pytest.fixture
def url(postgres: RealPostgres) -> str:
    """A database of the test's own, with the tables."""
    return postgres.database()


@contextmanager
def opened(url: str, clock: Any = None) -> Iterator[PostgresLedger]:
    ledger = PostgresLedger(url, clock or Clock())
    with closing(ledger):
        ledger.open()
        yield ledger


def sql(url: str, text: str) -> list[tuple[Any, ...]]:
    """As whoever owns the database."""
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(text)  # type: ignore[call-overload]
        return cursor.fetchall() if cursor.description else []


def columns_of(url: str) -> str:
    """Of the entries, in their order."""
    found = sql(url, "SELECT attname FROM pg_attribute WHERE attrelid = 'entry'::regclass AND attnum > 0 ORDER BY attnum")
    return ", ".join(row[0] for row in found)


def killed_later(url: str) -> subprocess.Popen[str]:
    """A gateway that has five attempts open."""
    command = [sys.executable, "-c", OPEN_THEN_WAIT, url]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert child.stdout is not None
    assert child.stdout.readline() == "open\n"
    return child


def checked(url: str) -> Verification:
    return verify_postgres(url, lambda root, signature: "", lambda done, total: None)


async def test_what_a_killed_gateway_left_open_is_expired_and_what_a_living_one_has_open_is_not(url: str) -> None:
    """At the start of another, and by the sweeper of one that runs; and the chain that was broken off is whole."""
    child = killed_later(url)
    with opened(url) as living:
        assert await living.expire_orphans() == 0
        await living.append(entry(Kind.RESERVE, "req_living"))
        child.kill()
        child.communicate()
        while not (expired := await living.expire_orphans()):
            await asyncio.sleep(0.05)
        assert expired == 5
        with opened(url):
            books = PostgresBooks(url)
            assert [it.kind for it in books.request("req_living")] == [Kind.RESERVE]
            assert [it.kind for it in books.request("req_open_3")] == [Kind.RESERVE, Kind.EXPIRE]
        await living.append(entry(Kind.SETTLE, "req_living"))
    found = checked(url)
    assert (found.faults, found.rows) == ([], 15 + 5 + 2)


async def test_gateways_write_side_by_side_and_each_has_its_chain(url: str) -> None:
    """Also the same entry at the same time: it is booked once, and neither is refused."""
    clock = Clock()
    with opened(url, clock) as one, opened(url, clock) as two:
        for number in range(20):
            pair = [it.append(entry(Kind.RESERVE, f"req_{number}"), entry(Kind.SETTLE, f"req_{number}")) for it in (one, two)]
            await asyncio.gather(*pair)
        [row] = PostgresBooks(url).spend(SpendQuery((Dimension.CONTRACT,)))
    assert (row.sums.requests, row.sums.images) == (20, 20)
    assert (checked(url).faults, checked(url).rows) == ([], 40)


async def test_a_lost_connection_is_made_anew_and_its_caller_hears_nothing_of_it(url: str) -> None:
    """The lock is held again before anything is written; the chain goes on."""
    with opened(url) as ledger:
        await ledger.append(entry(Kind.RESERVE))
        sql(url, "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()")
        await ledger.append(entry(Kind.SETTLE))
        assert sql(url, "SELECT count(*) FROM living_writer") == [(1,)]
        assert not ledger.failing
    assert [it.kind for it in PostgresBooks(url).request("req_1")] == [Kind.RESERVE, Kind.SETTLE]
    assert checked(url).faults == []


async def test_a_server_that_is_down_fails_its_callers_until_it_is_back() -> None:
    """With what to do, without the password; the gateway notices both by itself."""
    with real_postgres() as (postgres, server):
        url = postgres.database().replace("postgres@", "postgres:fake-secret@")
        with opened(url) as ledger:
            await ledger.append(entry(Kind.RESERVE))
            server.stop()
            with pytest.raises(LedgerUnavailable, match="Check that it runs") as raised:
                await ledger.append(entry(Kind.SETTLE))
            assert "fake-secret" not in str(raised.value)
            assert ledger.failing
            with pytest.raises(LedgerUnavailable, match="cannot be opened"):
                PostgresBooks(url).requests(1)
            server.start()
            async with asyncio.timeout(20):
                while ledger.failing:
                    await asyncio.sleep(0.05)
            await ledger.append(entry(Kind.SETTLE))
        assert checked(url).faults == []


async def test_tables_that_take_rows_again_are_noticed_without_a_write(url: str) -> None:
    """A database that answers and takes no rows keeps the gateway out of service for just so long; nothing of it is booked."""
    with opened(url) as ledger:
        await ledger.append(entry(Kind.RESERVE))
        sql(url, "ALTER TABLE entry RENAME TO moved")
        with pytest.raises(LedgerUnavailable, match="cannot be written"):
            await ledger.append(entry(Kind.SETTLE))
        assert isinstance(ledger._session.alive(), LedgerUnavailable)
        sql(url, "ALTER TABLE moved RENAME TO entry")
        async with asyncio.timeout(20):
            while ledger.failing:
                await asyncio.sleep(0.05)
        assert [it.kind for it in PostgresBooks(url).request("req_1")] == [Kind.RESERVE]
        await ledger.append(entry(Kind.SETTLE))
    assert checked(url).faults == []


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("UPDATE entry SET amount_nanos = 1 WHERE event_id = 'req_2.1.reserve'", "it was changed"),
        ("UPDATE entry SET recorded_at = recorded_at + 1 WHERE event_id = 'req_2.1.reserve'", "it was changed"),
        ("UPDATE entry SET writer = 'other' WHERE event_id = 'req_2.1.reserve'", "it was changed"),
        ("UPDATE entry SET chain = NULL, writer = '' WHERE event_id = 'req_2.1.reserve'", "put in afterwards"),
        ("DELETE FROM entry WHERE event_id = 'req_1.1.reserve'", "taken out"),
        ("DELETE FROM entry WHERE seq > 4", "some were removed"),
        ("DELETE FROM entry WHERE writer = (SELECT min(writer) FROM entry)", "some were removed"),
        ("DELETE FROM root WHERE number = 1", "does not follow the one before it"),
        (
            "DELETE FROM entry WHERE writer = (SELECT writer FROM root WHERE number = 1); DELETE FROM root WHERE number = 1",
            "does not follow the one before it",
        ),
    ],
)
async def test_what_was_done_to_it_is_found(url: str, change: str, what: str) -> None:
    """Also where a writer was taken away with all that it wrote."""
    for run in range(2):
        with opened(url) as ledger:
            for number in range(3 * run, 3 * run + 3):
                await ledger.append(entry(Kind.RESERVE, f"req_{number}"))
    assert checked(url).faults == []
    sql(url, f"SET session_replication_role = replica; {change}")
    assert any(what in fault.what for fault in checked(url).faults)


async def test_each_day_and_each_run_has_a_signed_root(url: str) -> None:
    """It holds under the published key."""
    signer, found = Signer(new_key()), list[tuple[str, int]]()

    class Days:
        now = NOON

        def __call__(self) -> datetime:
            return self.now

    clock = Days()
    for _ in range(2):
        ledger = PostgresLedger(url, clock, sign=partial(signer.sign, kind="ledger-root"))
        with closing(ledger):
            ledger.open()
            for _ in range(2):
                await ledger.append(entry(Kind.RESERVE, f"req_{clock.now:%d}"))
                clock.now += timedelta(days=1)

    def check(root: Root, signature: str) -> str:
        found.append((root.day.isoformat(), root.rows))
        return "" if verified(signature, key_set([signer.public]), "ledger-root") == root.claims else "wrong"

    assert verify_postgres(url, check, lambda done, total: None).faults == []
    assert found == [("2026-10-01", 1), ("2026-10-02", 2), ("2026-10-03", 3), ("2026-10-04", 4)]


async def test_what_cannot_be_a_text_fails_its_caller_only(url: str) -> None:
    """PostgreSQL knows no NUL in a text."""
    with opened(url) as ledger:
        bad, good = ledger.append(entry(Kind.RESERVE, app="a\0b")), ledger.append(entry(Kind.RESERVE, "req_2"))
        results = await asyncio.gather(bad, good, return_exceptions=True)
    assert [type(it) for it in results] == [EntryRefused, type(None)]


def test_a_url_that_is_none_does_not_show_its_password() -> None:
    """Whatever the client library says of it."""
    with pytest.raises(LedgerUnavailable, match=r"ledger\.url is not a URL") as raised:
        PostgresLedger("postgresql://user:fake-secret@[host/db", Clock()).open()
    assert "fake-secret" not in str(raised.value)
