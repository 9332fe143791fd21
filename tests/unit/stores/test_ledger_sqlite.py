"""What the SQLite ledger promises on top of the contract: crash safety, group commit, locks and messages."""

import asyncio
import contextlib
import shutil
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from gateway.core.finance.spend import Dimension, SpendQuery
from gateway.core.ledger.entry import Kind
from gateway.ports import LedgerUnavailable
from gateway.stores.ledger.sqlite.books import SqliteBooks
from gateway.stores.ledger.sqlite.ledger import SqliteLedger
from gateway.stores.ledger.sqlite.rollups import SqliteRollups
from gateway.stores.ledger.sqlite.verify import verify_ledger
from tests.contract.ledger_samples import NOON, Clock, entry

ROOT = Path(__file__).parents[3]
# Appends until it is killed, and names each request on standard output only after its append has returned.
ENDLESS = """
import asyncio, sys
from pathlib import Path
from gateway.core.ledger.entry import Kind
from gateway.stores.ledger.sqlite.ledger import SqliteLedger
from tests.contract.ledger_samples import Clock, entry

async def main():
    ledger = SqliteLedger(Path(sys.argv[1]), sys.argv[2], Clock())
    ledger.open()
    async def worker(worker):
        for number in range(1_000_000):
            request_id = f"req_{worker}_{number}"
            await ledger.append(entry(Kind.RESERVE, request_id))
            print(request_id, flush=True)
            if number % 2:
                await ledger.append(entry(Kind.SETTLE, request_id))
    await asyncio.gather(*(worker(number) for number in range(8)))

asyncio.run(main())
"""


def opened(path: Path, **settings: float) -> SqliteLedger:
    ledger = SqliteLedger(path, "normal", Clock(), **settings)
    ledger.open()
    return ledger


@pytest.mark.parametrize("synchronous", ["full", "normal"])
def test_what_was_acknowledged_survives_kill_9(tmp_path: Path, synchronous: str) -> None:
    """Every append that returned before SIGKILL is in the file, and what was left open is expired, neither more nor less."""
    path = tmp_path / "ledger.db"
    command = [sys.executable, "-c", ENDLESS, str(path), synchronous]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as child:
        assert child.stdout is not None
        acknowledged = [child.stdout.readline().strip() for _ in range(300)]
        child.kill()
        # The last line may be torn by the kill.
        acknowledged += [line.strip() for line in child.stdout if line.endswith("\n")]
    with closing(SqliteLedger(path, "normal", Clock())) as ledger:
        expired = ledger.open()
        books = SqliteBooks(path)
        latest = {each.attribution.request_id: each.kind for each in books.requests(1_000_000)}
    assert set(acknowledged) <= set(latest)
    assert Kind.RESERVE not in latest.values()
    assert expired == sum(kind is Kind.EXPIRE for kind in latest.values()) > 0


async def test_entries_that_wait_are_committed_as_one_group(tmp_path: Path) -> None:
    """Many concurrent appends need few transactions: each transaction has one recording time."""
    path = tmp_path / "ledger.db"
    with closing(opened(path)) as ledger:
        await asyncio.gather(*(ledger.append(entry(Kind.RESERVE, f"req_{number}")) for number in range(500)))
    with closing(sqlite3.connect(path)) as connection:
        entries, transactions = connection.execute("SELECT count(*), count(DISTINCT recorded_at) FROM entry").fetchone()
    assert entries == 500
    assert transactions <= 50


@pytest.mark.parametrize("change", ["UPDATE entry SET amount_nanos = 0", "DELETE FROM entry"])
async def test_a_row_is_never_changed_or_removed(tmp_path: Path, change: str) -> None:
    """The file itself refuses, whoever opens it."""
    path = tmp_path / "ledger.db"
    with closing(opened(path)) as ledger:
        await ledger.append(entry(Kind.RESERVE))
    with closing(sqlite3.connect(path)) as connection, pytest.raises(sqlite3.IntegrityError, match="a ledger entry is never"):
        connection.execute(change)


@pytest.mark.parametrize(
    ("columns", "rule"),
    [
        ({}, "UNIQUE constraint failed: entry.event_id"),
        ({"event_id": "req_2.1.reserve"}, "event_id = "),
        ({"attempt": 0, "event_id": "req_1.0.reserve"}, "attempt >= 1"),
        ({"kind": "refund", "event_id": "req_1.1.refund"}, "CASE kind"),
        ({"outcome": "completed"}, "CASE kind"),
        ({"amount_nanos": None}, "basis = 'unknown'"),
        ({"basis": "unknown"}, "basis = 'unknown'"),
        ({"basis": "guessed"}, "basis IN"),
        ({"amount_nanos": -1}, "amount_nanos >= 0"),
        ({"amount_nanos": 0.5}, "cannot store REAL value in INTEGER column"),
        ({"images": -1}, "images >= 0"),
        ({"text_in": -1}, "text_in >= 0"),
    ],
    ids=str,
)
async def test_the_file_refuses_what_cannot_be_true(tmp_path: Path, columns: dict[str, object], rule: str) -> None:
    """A program that bypasses the gateway cannot book a fraction, a negative, or an amount without a basis."""
    path = tmp_path / "ledger.db"
    with closing(opened(path)) as ledger:
        await ledger.append(entry(Kind.RESERVE))
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        row = dict(connection.execute("SELECT * FROM entry").fetchone()) | {"seq": None} | columns
        with pytest.raises(sqlite3.IntegrityError, match=rule):
            connection.execute(f"INSERT INTO entry VALUES ({', '.join('?' * len(row))})", tuple(row.values()))


def test_only_one_gateway_writes(tmp_path: Path) -> None:
    """A second gateway is refused with the first one's process id, also by another spelling of the path, until that one ends."""
    path = tmp_path / "ledger.db"
    with closing(opened(path)):
        alias = tmp_path / "alias"
        alias.symlink_to(tmp_path)
        with pytest.raises(LedgerUnavailable, match=r"another gateway already writes to .*ledger\.db \(process \d+\)"):
            opened(alias / "ledger.db")
    opened(path).close()


def test_an_unwritable_place_is_named(tmp_path: Path) -> None:
    """The message says which path is at fault and what to do, and a later attempt at a mended path works."""
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(LedgerUnavailable, match=r"file/ledger\.db cannot be opened: .*Make its folder writable"):
        opened(tmp_path / "file" / "ledger.db")
    (tmp_path / "ledger.db").mkdir()
    with pytest.raises(LedgerUnavailable, match=r"ledger\.db cannot be opened: .*path names a file"):
        opened(tmp_path / "ledger.db")
    (tmp_path / "ledger.db").rmdir()
    opened(tmp_path / "ledger.db").close()


def test_a_file_that_is_no_ledger_is_left_alone(tmp_path: Path) -> None:
    """Neither another kind of file nor another program's database is taken over."""
    text, other = tmp_path / "notes.txt", tmp_path / "other.db"
    text.write_text("These are my notes. " * 100)
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE theirs (id)")
    with pytest.raises(LedgerUnavailable, match="not a SQLite database"):
        opened(text)
    with pytest.raises(LedgerUnavailable, match="but not a ledger"):
        opened(other)
    with pytest.raises(LedgerUnavailable, match="but not a ledger"):
        SqliteBooks(other).requests(1)
    assert text.read_text().startswith("These are my notes.")


def test_a_newer_ledger_is_not_touched(tmp_path: Path) -> None:
    """After a downgrade the gateway says so, instead of writing rows that the newer one would misread."""
    path = tmp_path / "ledger.db"
    opened(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 6")
    with pytest.raises(LedgerUnavailable, match="written by a newer gateway: its tables have version 6, this gateway knows 5"):
        opened(path)
    with pytest.raises(LedgerUnavailable, match="written by a newer gateway"):
        SqliteBooks(path).requests(1)


async def older(path: Path, version: int) -> None:
    """A ledger as a gateway of that version would have left it, with a delivered and an open attempt."""
    newer = path.with_name("newer.db")
    with closing(opened(newer)) as ledger:
        await ledger.append(entry(Kind.RESERVE), entry(Kind.SETTLE, at=NOON + timedelta(seconds=9), begun_at=NOON))
        await ledger.append(entry(Kind.RESERVE, "req_open"))
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((ROOT / "tests/data/ledger_2.sql").read_text())
        columns = ", ".join(row[1] for row in connection.execute("PRAGMA table_info(entry)"))
        connection.execute(f"ATTACH '{newer}' AS newer")
        connection.execute(f"INSERT INTO entry ({columns}) SELECT {columns} FROM newer.entry ORDER BY seq")
        connection.commit()
        if version == 1:
            connection.execute("ALTER TABLE entry DROP COLUMN discrepancies")
            connection.execute("CREATE INDEX entry_request ON entry (request_id)")
        connection.execute(f"PRAGMA user_version = {version}")


@pytest.mark.parametrize("version", [1, 2])
async def test_an_older_ledger_is_upgraded_in_place(tmp_path: Path, version: int) -> None:
    """Its entries stay as they are, new ones can be written; until a gateway has opened it, readers say what to do."""
    path = tmp_path / "ledger.db"
    await older(path, version)
    with pytest.raises(LedgerUnavailable, match="written by an older gateway"):
        SqliteBooks(path).requests(1)
    with closing(SqliteLedger(path, "normal", Clock())) as ledger:
        assert ledger.open() == 1
        await ledger.append(entry(Kind.RESERVE, "req_2"), entry(Kind.SETTLE, "req_2"), entry(Kind.ADJUST, "req_2", "-0.01"))
        with pytest.raises(LedgerUnavailable, match="UNIQUE"):
            await ledger.append(entry(Kind.VOID))
    then = {"invoice_issuer": "OpenAI", "begun_at": NOON}  # who bills: it was not recorded who issues the invoice
    books = SqliteBooks(path)
    assert list(books.request("req_1")) == [
        entry(Kind.RESERVE, **then),
        entry(Kind.SETTLE, at=NOON + timedelta(seconds=9), **then),
    ]
    assert [each.kind for each in books.request("req_open")] == [Kind.RESERVE, Kind.EXPIRE]
    assert [each.kind for each in books.request("req_2")] == [Kind.RESERVE, Kind.SETTLE, Kind.ADJUST]
    with closing(sqlite3.connect(path)) as connection, pytest.raises(sqlite3.IntegrityError, match="never"):
        connection.execute("DELETE FROM entry")


async def test_a_ledger_without_kept_sums_is_given_them(tmp_path: Path) -> None:
    """Version 3 had none; its entries, its chain and what was open stay as they are."""
    path = tmp_path / "ledger.db"
    with closing(opened(path)) as ledger:
        await ledger.append(entry(Kind.RESERVE), entry(Kind.SETTLE), entry(Kind.RESERVE, "req_open"))
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "DROP TRIGGER entry_makes_its_day_stale; DROP TABLE rollup; DROP TABLE rolled_day; DROP INDEX entry_held"
        )
        connection.execute("PRAGMA user_version = 3")
    with closing(opened(path)) as ledger:
        await ledger.append(entry(Kind.ADJUST, amount="0.01"))
    rollups = SqliteRollups(path, lambda: NOON + timedelta(days=2))
    assert [rollups.roll_up_a_day(), rollups.roll_up_a_day()] == [True, False]
    [row] = SqliteBooks(path).spend(SpendQuery((Dimension.CONTRACT,)))
    assert (row.sums.cost, row.sums.exposure) == (Decimal("0.22"), Decimal("0.21"))
    assert verify_ledger(path, lambda *_: "", lambda *_: None).faults == []


async def test_a_failed_commit_fails_its_callers_only(tmp_path: Path) -> None:
    """While another program holds the file locked, appends fail with that reason; once it lets go, they work again."""
    path = tmp_path / "ledger.db"
    with closing(opened(path, lock_wait_s_max=0.01)) as ledger, closing(sqlite3.connect(path, isolation_level=None)) as other:
        await ledger.append(entry(Kind.RESERVE, "req_before"))
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerUnavailable, match="cannot be written: another program holds it locked"):
            await ledger.append(entry(Kind.RESERVE, "req_during"))
        other.execute("ROLLBACK")
        await ledger.append(entry(Kind.RESERVE, "req_after"))
        assert [each.attribution.request_id for each in SqliteBooks(path).requests(9)] == ["req_after", "req_before"]


async def test_a_full_disk_is_named_and_does_not_end_the_writer(tmp_path: Path) -> None:
    """The callers learn that the disk is full, nothing of theirs is half written, and writing goes on when there is room."""
    path = tmp_path / "ledger.db"
    with closing(opened(path)) as ledger:
        connection = ledger._connection
        assert connection is not None
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 1}")
        entries = [entry(Kind.RESERVE, f"req_{number}") for number in range(500)]
        with pytest.raises(LedgerUnavailable, match="cannot be written: the disk is full"):
            await ledger.append(*entries)
        assert list(SqliteBooks(path).requests(1_000)) == []
        connection.execute(f"PRAGMA max_page_count = {2**30}")
        await ledger.append(*entries)
        assert len(SqliteBooks(path).requests(1_000)) == 500


async def test_the_queue_is_bounded_and_its_lag_visible(tmp_path: Path) -> None:
    """When the disk stalls, the age of the oldest entry shows, and callers beyond the bound fail at once, not in the end."""
    path = tmp_path / "ledger.db"
    with closing(opened(path, queue_batches_max=2)) as ledger, closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        writing = asyncio.ensure_future(ledger.append(entry(Kind.RESERVE, "req_writing")))
        async with asyncio.timeout(10):
            while ledger.lag_s == 0:
                await asyncio.sleep(0)
        waiting = [asyncio.ensure_future(ledger.append(entry(Kind.RESERVE, f"req_{number}"))) for number in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(LedgerUnavailable, match="queue is full"):
            await ledger.append(entry(Kind.RESERVE, "req_too_many"))
        assert ledger.lag_s > 0
        other.execute("ROLLBACK")
        await asyncio.gather(writing, *waiting)
        assert len(SqliteBooks(path).requests(9)) == 3


async def test_closing_writes_what_waits(tmp_path: Path) -> None:
    """A shutdown loses nothing: what was handed over is written, later entries are refused, and no log file stays behind."""
    path = tmp_path / "ledger.db"
    ledger = opened(path)
    waiting = [asyncio.ensure_future(ledger.append(entry(Kind.RESERVE, f"req_{number}"))) for number in range(50)]
    await asyncio.sleep(0)
    ledger.close()
    ledger.close()
    await asyncio.gather(*waiting)
    with pytest.raises(LedgerUnavailable, match="closed"):
        await ledger.append(entry(Kind.RESERVE, "req_late"))
    assert len(SqliteBooks(path).requests(99)) == 50
    assert not (tmp_path / "ledger.db-wal").exists() or (tmp_path / "ledger.db-wal").stat().st_size == 0


async def test_an_event_loop_that_ended_does_not_stop_the_others(tmp_path: Path) -> None:
    """Entries may come from several event loops; one that is gone when its entries are written harms nobody."""
    path = tmp_path / "ledger.db"
    with closing(opened(path)) as ledger, closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        async def leave() -> None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ledger.append(entry(Kind.RESERVE, "req_gone")), timeout=0.01)

        brief = threading.Thread(target=lambda: asyncio.run(leave()))
        brief.start()
        brief.join()
        other.execute("ROLLBACK")
        await ledger.append(entry(Kind.RESERVE, "req_here"))
        assert {each.attribution.request_id for each in SqliteBooks(path).requests(9)} == {"req_gone", "req_here"}


async def test_a_ledger_that_was_not_opened_says_so(tmp_path: Path) -> None:
    """Nothing is swallowed by a ledger that does not write."""
    ledger = SqliteLedger(tmp_path / "ledger.db", "full", Clock())
    with pytest.raises(LedgerUnavailable, match="not open"):
        await ledger.append(entry(Kind.RESERVE))
    assert ledger.lag_s == 0
    ledger.close()


async def test_finance_reads_while_the_gateway_writes(tmp_path: Path) -> None:
    """A reader sees whole transactions at any time, keeps no writer waiting, and cannot write."""
    path = tmp_path / "ledger.db"
    with closing(opened(path)) as ledger:
        books = SqliteBooks(path)
        seen = [0]
        for number in range(20):
            await asyncio.gather(
                *(
                    ledger.append(entry(Kind.RESERVE, f"req_{number}_{each}"), entry(Kind.VOID, f"req_{number}_{each}"))
                    for each in range(10)
                )
            )
            [row] = await asyncio.to_thread(books.spend, SpendQuery((Dimension.CONTRACT,)))
            seen.append(row.sums.requests)
        assert seen == [10 * number for number in range(21)]


async def test_the_books_open_after_the_gateway_has_gone(tmp_path: Path) -> None:
    """A ledger file that was closed, or copied elsewhere without its lock and log, can be read."""
    path, copy = tmp_path / "ledger.db", tmp_path / "elsewhere" / "october.db"
    with closing(opened(path)) as ledger:
        await ledger.append(entry(Kind.RESERVE))
    copy.parent.mkdir()
    shutil.copy(path, copy)
    for file in (path, copy):
        assert len(SqliteBooks(file).request("req_1")) == 1


def test_books_without_a_ledger_say_how_to_get_one(tmp_path: Path) -> None:
    """Who asks too early is told to start the gateway, and no empty file is made."""
    path = tmp_path / "nowhere" / "ledger.db"
    with pytest.raises(LedgerUnavailable, match=r"no ledger at .*nowhere/ledger\.db yet\. Start the gateway first"):
        SqliteBooks(path).requests(1)
    assert not path.parent.exists()


def test_odd_characters_in_a_path_are_just_a_path(tmp_path: Path) -> None:
    """A path is not an URL: question marks, percent signs and hashes in it mean themselves."""
    path = tmp_path / "what? 100% #1" / "ledger.db"
    opened(path).close()
    assert list(SqliteBooks(path).requests(1)) == []


def test_a_damaged_file_is_reported_to_its_reader(tmp_path: Path) -> None:
    """A file that is not a database is named as such instead of showing empty books."""
    path = tmp_path / "ledger.db"
    path.write_bytes(b"\x00garbage" * 1_000)
    with pytest.raises(LedgerUnavailable, match=r"cannot be read: the file is not a SQLite database"):
        SqliteBooks(path).request("req_1")
