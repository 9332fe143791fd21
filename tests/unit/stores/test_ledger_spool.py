"""A ledger that cannot be written, and the spool that waits for it: in order, once, bounded, and nothing lost."""

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from gateway.core.ledger.entry import Entry, Kind
from gateway.ports import EntryRefused, LedgerUnavailable
from gateway.stores.ledger import group_writer
from gateway.stores.ledger.spool import LedgerSpool
from gateway.stores.ledger.spooled import SpoolingLedger
from gateway.stores.ledger.sqlite.books import SqliteBooks
from gateway.stores.ledger.sqlite.ledger import SqliteLedger
from tests.contract.ledger_samples import NOON, Clock, entry

ROOMY = 1024 * 1024


class Bench:
    """A ledger with a spool in a folder; ``down`` while another program holds the ledger's file locked."""

    def __init__(self, folder: Path) -> None:
        self.path, self.spool_path = folder / "ledger.db", folder / "ledger-spool.jsonl"

    @contextmanager
    def opened(self, bytes_max: int = ROOMY) -> Iterator[SpoolingLedger]:
        ledger = SqliteLedger(self.path, "normal", Clock(), lock_wait_s_max=0.01)
        spooling = SpoolingLedger(ledger, LedgerSpool(self.spool_path, bytes_max), lambda: NOON)
        with closing(spooling):
            spooling.open()
            yield spooling

    @contextmanager
    def down(self) -> Iterator[None]:
        with closing(sqlite3.connect(self.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield

    def kinds(self, *request_ids: str) -> list[list[str]]:
        books = SqliteBooks(self.path)
        return [[it.kind.value for it in books.request(request_id)] for request_id in request_ids]

    def lines(self) -> int:
        return self.spool_path.read_bytes().count(b"\n") if self.spool_path.exists() else 0


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def pair(request_id: str) -> tuple[Entry, Entry]:
    return entry(Kind.RESERVE, request_id), entry(Kind.SETTLE, request_id)


async def test_what_may_be_spooled_waits_and_follows(bench: Bench) -> None:
    """Attempts are booked in the spool while the ledger is down, and in the ledger once it is back; the others are refused."""
    with bench.opened() as ledger:
        before, after = pair("req_across")
        await ledger.append(before, spool=True)
        assert bench.lines() == 0
        with bench.down():
            with pytest.raises(LedgerUnavailable):
                await ledger.append(entry(Kind.RESERVE, "req_strict"))
            await ledger.append(after, spool=True)
            for each in pair("req_within"):
                await ledger.append(each, spool=True)
            assert (ledger.failing, ledger.waiting, bench.lines()) == (True, 3, 3)
            with pytest.raises(LedgerUnavailable):
                await ledger.drain()
        assert await ledger.drain() == 3
        assert (ledger.failing, ledger.waiting, bench.lines()) == (False, 0, 0)
        await ledger.append(*pair("req_after"), spool=True)
        assert (ledger.waiting, bench.lines()) == (0, 0)
    assert bench.kinds("req_across", "req_within", "req_after", "req_strict") == [["reserve", "settle"]] * 3 + [[]]


async def test_order_is_kept_while_anything_waits(bench: Bench) -> None:
    """What comes when the ledger is back already stands behind what waits, and is booked after it."""
    with bench.opened() as ledger:
        first, last = pair("req_1")
        with bench.down():
            await ledger.append(first, spool=True)
        await ledger.append(last, spool=True)
        assert bench.kinds("req_1") == [[]]
        assert await ledger.drain() == 2
    assert bench.kinds("req_1") == [["reserve", "settle"]]


async def test_many_at_once_are_all_booked_once(bench: Bench) -> None:
    """Also while the spool is drained meanwhile, again and again."""
    with bench.opened() as ledger:

        async def serve(number: int) -> None:
            for each in pair(f"req_{number}"):
                await ledger.append(each, spool=True)

        async def drain() -> None:
            while True:
                await asyncio.sleep(0)
                with suppress(LedgerUnavailable):
                    await ledger.drain()

        draining = asyncio.create_task(drain())
        with bench.down():
            await asyncio.gather(*(serve(number) for number in range(200)))
        await asyncio.gather(*(serve(number) for number in range(200, 400)))
        async with asyncio.timeout(10):
            while ledger.waiting:
                await asyncio.sleep(0.01)
        draining.cancel()
    assert bench.kinds(*(f"req_{number}" for number in range(400))) == [["reserve", "settle"]] * 400
    assert bench.lines() == 0


async def test_a_full_spool_takes_no_new_attempt_but_closes_those_it_has(bench: Bench) -> None:
    """The refusal names the bound and the ways out."""
    with bench.opened(bytes_max=1_500) as ledger, bench.down():
        await ledger.append(entry(Kind.RESERVE, "req_1"), spool=True)
        await ledger.append(entry(Kind.RESERVE, "req_2"), spool=True)
        assert not ledger.room
        with pytest.raises(LedgerUnavailable, match=r"is full: 1500 bytes .* raise ledger\.spool_bytes_max"):
            await ledger.append(entry(Kind.RESERVE, "req_3"), spool=True)
        await ledger.append(entry(Kind.SETTLE, "req_1"), spool=True)
        assert ledger.waiting == 3


async def test_who_leaves_takes_nothing_back(bench: Bench) -> None:
    """An entry that the ledger refuses after its caller has left is spooled all the same."""
    with bench.opened() as ledger, bench.down():
        leaving = asyncio.ensure_future(ledger.append(entry(Kind.RESERVE, "req_left"), spool=True))
        await asyncio.sleep(0)
        leaving.cancel()
        async with asyncio.timeout(10):
            while not ledger.waiting:
                await asyncio.sleep(0.01)


async def test_the_next_process_books_what_was_left(bench: Bench) -> None:
    """Before it looks for orphans; an attempt that is open in the spool is expired, and half a line is nothing."""
    with bench.opened() as ledger:
        before, after = pair("req_across")
        await ledger.append(before, entry(Kind.RESERVE, "req_orphan"), spool=True)
        with bench.down():
            await ledger.append(after, spool=True)
            await ledger.append(entry(Kind.RESERVE, "req_open"), spool=True)
            await ledger.append(*pair("req_whole"), spool=True)
    with bench.spool_path.open("ab") as spool:
        spool.write(b'{"kind":"settle","attribution":{"request_id":"req_open"')
    with bench.opened() as ledger:
        assert (ledger.waiting, bench.lines()) == (0, 0)
    closed = ["reserve", "settle"]
    assert bench.kinds("req_across", "req_whole", "req_orphan", "req_open") == [closed, closed, *[["reserve", "expire"]] * 2]


@pytest.mark.parametrize("at_start", [True, False])
async def test_what_the_ledger_refuses_for_good_stands_aside(bench: Bench, at_start: bool) -> None:
    """It is kept with what it says, counted, and holds nothing else up."""
    with bench.opened() as ledger:
        first, _ = pair("req_closed")
        await ledger.append(first, entry(Kind.VOID, "req_closed"))
        with bench.down():
            await ledger.append(entry(Kind.SETTLE, "req_closed"), spool=True)
            await ledger.append(*pair("req_good"), spool=True)
        if not at_start:
            assert await ledger.drain() == 2
            assert (ledger.refused, ledger.waiting) == (1, 0)
    with bench.opened() as ledger:
        assert ledger.waiting == 0
    with bench.opened() as ledger:
        assert ledger.refused == 1
    [aside] = bench.spool_path.with_suffix(".refused.jsonl").read_text().splitlines()
    kept = json.loads(aside)
    assert (kept["entry"]["kind"], "req_closed.1.settle" in kept["refused"]) == ("settle", True)
    assert bench.kinds("req_closed", "req_good") == [["reserve", "void"], ["reserve", "settle"]]


async def test_a_line_that_is_no_entry_stands_aside(bench: Bench) -> None:
    """A file that somebody has edited does not keep the gateway from starting."""
    with bench.opened() as ledger, bench.down():
        await ledger.append(*pair("req_1"), spool=True)
    bench.spool_path.write_bytes(b"not an entry\n" + bench.spool_path.read_bytes())
    with bench.opened() as ledger:
        assert (ledger.refused, ledger.waiting) == (1, 0)
    aside = json.loads(bench.spool_path.with_suffix(".refused.jsonl").read_text())
    assert aside == {"refused": "it is not an entry", "entry": "not an entry"}
    assert bench.kinds("req_1") == [["reserve", "settle"]]


async def test_a_contradiction_is_no_reason_to_spool(bench: Bench) -> None:
    """The caller learns of it at once, as it does without a spool."""
    with bench.opened() as ledger:
        with pytest.raises(EntryRefused):
            await ledger.append(entry(Kind.SETTLE, "req_unknown"), spool=True)
        with pytest.raises(EntryRefused, match="more than the ledger can hold"):
            await ledger.append(entry(Kind.RESERVE, "req_rich", "1" + "0" * 20), spool=True)
        assert (ledger.waiting, ledger.failing) == (0, False)


async def test_a_spool_has_one_gateway(bench: Bench) -> None:
    """Another one that finds it in use does not start over it."""
    with bench.opened() as ledger, bench.down():
        await ledger.append(*pair("req_1"), spool=True)
        with pytest.raises(LedgerUnavailable, match="is another gateway's"):
            LedgerSpool(bench.spool_path, ROOMY).open()
        assert oct(bench.spool_path.stat().st_mode & 0o777) == "0o600"


async def test_a_spool_that_cannot_be_opened_says_so(bench: Bench) -> None:
    """Where neither the ledger nor the spool takes the entry, nothing is sent."""
    with bench.opened() as ledger, bench.down():
        bench.spool_path.mkdir()
        with pytest.raises(LedgerUnavailable, match="cannot be opened"):
            await ledger.append(entry(Kind.RESERVE, "req_1"), spool=True)


@pytest.mark.parametrize("idle", [False, True])
async def test_a_spool_that_is_removed_is_made_anew_with_all_that_waits(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, idle: bool
) -> None:
    """Before another entry goes on, or by itself: what waits is not lost with the process."""
    monkeypatch.setattr(group_writer, "IDLE_S", 0.02 if idle else 600.0)
    with bench.opened() as ledger, bench.down():
        await ledger.append(entry(Kind.RESERVE, "req_0"), spool=True)
        for number in range(1, 4):
            bench.spool_path.unlink()
            if idle:
                async with asyncio.timeout(10):
                    while bench.lines() < number:
                        await asyncio.sleep(0.005)
            await ledger.append(entry(Kind.RESERVE, f"req_{number}"), spool=True)
            assert (bench.lines(), ledger.waiting) == (number + 1, number + 1)
        with pytest.raises(LedgerUnavailable, match="is another gateway's"):
            LedgerSpool(bench.spool_path, ROOMY).open()
    with bench.opened():
        assert bench.kinds(*(f"req_{number}" for number in range(4))) == [["reserve", "expire"]] * 4
        assert bench.lines() == 0
