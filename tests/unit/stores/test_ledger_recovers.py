"""A ledger whose disk, lock or files fail while the gateway runs: it says so by itself, and goes on by itself once it can."""

import asyncio
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.core.ledger.entry import Kind
from gateway.ports import LedgerUnavailable
from gateway.stores.ledger import group_writer
from gateway.stores.ledger.sqlite import files
from gateway.stores.ledger.sqlite.books import SqliteBooks
from gateway.stores.ledger.sqlite.ledger import SqliteLedger
from gateway.stores.ledger.sqlite.verify import verify_ledger
from tests.contract.ledger_samples import Clock, entry
from tests.unit.relay.test_spool import file_size_limited

_SECOND_GATEWAY = """
import sys
from pathlib import Path
from gateway.stores.ledger.sqlite.ledger import SqliteLedger
from tests.contract.ledger_samples import Clock
ledger = SqliteLedger(Path(sys.argv[1]), "normal", Clock())
ledger.open()
print("open", flush=True)
sys.stdin.read()
ledger.close()
"""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """It looks at its files each time, and asks itself often."""
    monkeypatch.setattr(group_writer, "IDLE_S", 0.02)
    monkeypatch.setattr(files, "LOOKED_EVERY_S", 0.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "books" / "ledger.db"


def opened(path: Path) -> SqliteLedger:
    ledger = SqliteLedger(path, "full", Clock(), lock_wait_s_max=0.01)
    ledger.open()
    return ledger


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


def booked(path: Path) -> list[str]:
    return sorted(each.attribution.request_id for each in SqliteBooks(path).requests(99))


def sound(path: Path) -> bool:
    return verify_ledger(path, lambda *_: "", lambda *_: None).faults == []


def trials(ledger: SqliteLedger) -> list[str]:
    """What it does by itself, as it does it."""
    found: list[str] = []
    assert ledger._connection is not None
    ledger._connection.set_trace_callback(lambda sql: found.append(sql) if "SAVEPOINT trial" in sql else None)
    return found


async def test_a_foreign_lock_that_is_gone_is_noticed_without_a_write(path: Path) -> None:
    """Not ready while another program holds the file, ready again once it lets go; the log tells of both, once."""
    with capture_logs() as logs, closing(opened(path)) as ledger, closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerUnavailable, match="locked"):
            await ledger.append(entry(Kind.RESERVE, "req_1"))
        assert ledger.failing
        other.execute("ROLLBACK")
        await until(lambda: not ledger.failing)
        assert booked(path) == []
        await ledger.append(entry(Kind.RESERVE, "req_2"))
    assert [it["log_level"] for it in logs] == ["error", "warning"]
    assert "locked" in logs[0]["problem"]
    assert (booked(path), sound(path)) == (["req_2"], True)


async def test_a_disk_with_room_again_is_noticed_without_a_write(path: Path) -> None:
    """Not ready as long as a request's rows would not fit, even where a few bytes would; what was tried leaves no trace."""
    with closing(opened(path)) as ledger:
        await ledger.append(entry(Kind.RESERVE, "req_1"))
        tried = trials(ledger)
        # There is room for a page of the write-ahead log, and not for the pages of a row.
        with file_size_limited(path.with_name("ledger.db-wal").stat().st_size + 2 * 4_200):
            with pytest.raises(LedgerUnavailable, match="disk"):
                await ledger.append(entry(Kind.RESERVE, "req_2"))
            await until(lambda: len(tried) > 5)
            assert ledger.failing
        await until(lambda: not ledger.failing)
        assert booked(path) == ["req_1"]
        await ledger.append(entry(Kind.SETTLE, "req_1"))
    assert (booked(path), sound(path)) == (["req_1"], True)


async def test_an_idle_ledger_writes_nothing(path: Path) -> None:
    """As long as nothing has failed, looking whether all is well costs the disk nothing."""
    asked: list[None] = []
    with closing(opened(path)) as ledger:
        await ledger.append(entry(Kind.RESERVE, "req_1"))
        tried, log = trials(ledger), path.with_name("ledger.db-wal")
        before, check = log.stat().st_mtime_ns, ledger._files.check
        ledger._files.check = lambda: asked.append(None) or check()  # type: ignore[func-returns-value, method-assign]
        await until(lambda: len(asked) > 5)
        assert (tried, log.stat().st_mtime_ns) == ([], before)


@pytest.mark.parametrize("moved", ["ledger.db", ""])
async def test_a_ledger_that_is_moved_away_is_noticed(path: Path, tmp_path: Path, moved: str) -> None:
    """Nothing is booked where nobody would find it, and the log says what to do; once the same file is back, all goes on."""
    original, away = path.parent / moved, tmp_path / "away"
    with capture_logs() as logs, closing(opened(path)) as ledger:
        await ledger.append(entry(Kind.RESERVE, "req_1"))
        original.rename(away)
        await until(lambda: ledger.failing)
        with pytest.raises(LedgerUnavailable, match="moved, removed or replaced"):
            await ledger.append(entry(Kind.RESERVE, "req_2"))
        assert "Put that same file back" in logs[-1]["problem"]
        away.rename(original)
        await until(lambda: not ledger.failing)
        await ledger.append(entry(Kind.SETTLE, "req_1"))
    assert (booked(path), sound(path)) == (["req_1"], True)


async def test_a_copy_in_its_place_is_not_the_ledger(path: Path) -> None:
    """Entries would go on into the file without a name."""
    with closing(opened(path)) as ledger:
        await ledger.append(entry(Kind.RESERVE, "req_1"))
        shutil.copy(path, path.with_name("copy"))
        path.with_name("copy").replace(path)
        await until(lambda: ledger.failing)
        with pytest.raises(LedgerUnavailable, match="replaced while it ran"):
            await ledger.append(entry(Kind.RESERVE, "req_2"))


@pytest.mark.parametrize("endings", [("-wal",), ("-shm",), ("-wal", "-shm")])
@pytest.mark.parametrize("read", [False, True])
async def test_a_removed_log_costs_no_entry(path: Path, endings: tuple[str, ...], read: bool) -> None:
    """The gateway holds it open, has all of it in the ledger before it takes another entry, and says so."""
    with capture_logs() as logs, closing(opened(path)) as ledger:
        await ledger.append(*(entry(Kind.RESERVE, f"req_{number}") for number in range(3)))
        for ending in endings:
            path.with_name(path.name + ending).unlink()
        if read:
            # For the moment, a reader may find less than a whole ledger.
            with suppress(LedgerUnavailable):
                booked(path)
        await until(lambda: bool(logs))
        await ledger.append(entry(Kind.RESERVE, "req_3"))
        shutil.copytree(path.parent, path.parent.with_name("as_after_kill_9"))
        assert [it["event"] for it in logs] == ["ledger log"]
    for end in (path, path.parent.with_name("as_after_kill_9") / path.name):
        assert (booked(end), sound(end)) == ([f"req_{number}" for number in range(4)], True)


async def test_a_removed_lock_is_taken_anew(path: Path) -> None:
    """Before a second gateway comes; the log tells of it."""
    lock = path.with_name("ledger.db.lock")
    with capture_logs() as logs, closing(opened(path)) as ledger:
        lock.unlink()
        await until(lock.exists)
        await ledger.append(entry(Kind.RESERVE, "req_1"))
        with pytest.raises(LedgerUnavailable, match="another gateway already writes"):
            opened(path)
    assert any("lock was removed" in it.get("problem", "") for it in logs)


async def test_two_gateways_never_write_in_turns(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a second one came in past a removed lock, the first one books nothing until that has ended; the chain stays whole."""
    monkeypatch.setattr(group_writer, "IDLE_S", 600.0)
    with closing(opened(path)) as ledger:
        await ledger.append(entry(Kind.RESERVE, "req_1"))
        path.with_name("ledger.db.lock").unlink()
        command = [sys.executable, "-c", _SECOND_GATEWAY, str(path)]
        second = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: ASYNC220 - it is brief
        try:
            assert second.stdout is not None
            assert second.stdout.readline() == "open\n"
            with pytest.raises(LedgerUnavailable, match="another gateway already writes"):
                await ledger.append(entry(Kind.RESERVE, "req_2"))
        finally:
            second.communicate()
        await ledger.append(entry(Kind.RESERVE, "req_3"))
    assert (booked(path), sound(path)) == (["req_1", "req_3"], True)
