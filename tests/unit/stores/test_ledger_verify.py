"""A ledger file that somebody has worked on: what was done is found, and named."""

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from gateway.core.ledger.chain import Root, Verification
from gateway.core.ledger.entry import Kind
from gateway.ports import LedgerUnavailable
from gateway.signing import Signer, key_set, new_key, published, verified
from gateway.stores.ledger.sqlite.ledger import SqliteLedger
from gateway.stores.ledger.sqlite.verify import verify_ledger
from tests.contract.ledger_samples import NOON, entry
from tests.unit.stores.test_ledger_sqlite import ENDLESS, ROOT

TRIGGERS = "DROP TRIGGER entry_is_never_changed; DROP TRIGGER entry_is_never_removed; DROP TRIGGER root_is_never_removed;"


class Clock:
    """Stands until it is set."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


def unchecked(root: Root, signature: str) -> str:
    return ""


def checked(path: Path) -> Verification:
    return verify_ledger(path, unchecked, lambda done, total: None)


def said(path: Path) -> list[tuple[int, str]]:
    return [(fault.seq, fault.what) for fault in checked(path).faults]


async def written(path: Path, clock: Clock, days: int = 2, requests: int = 5) -> None:
    """So many requests a day, two rows each."""
    ledger = SqliteLedger(path, "normal", clock)
    ledger.open()
    with closing(ledger):
        for day in range(days):
            clock.now = NOON + timedelta(days=day)
            for number in range(requests):
                await ledger.append(entry(Kind.RESERVE, f"req_{day}_{number}"))
                await ledger.append(entry(Kind.SETTLE, f"req_{day}_{number}"))


def tamper(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(TRIGGERS + script)


async def test_what_the_gateway_wrote_is_unbroken(tmp_path: Path) -> None:
    """Over days, restarts, repeated and refused entries, and many callers at once."""
    path, clock = tmp_path / "ledger.db", Clock()
    await written(path, clock)
    with closing(SqliteLedger(path, "normal", clock)) as ledger:
        ledger.open()
        await ledger.append(entry(Kind.RESERVE, "req_0_0"), entry(Kind.RESERVE, "req_new"), entry(Kind.RESERVE, "req_new"))
        with pytest.raises(LedgerUnavailable):
            await ledger.append(entry(Kind.VOID, "req_0_0"))
        outcomes = await asyncio.gather(
            *(ledger.append(entry(Kind.RESERVE if number % 7 else Kind.VOID, f"req_many_{number}")) for number in range(100)),
            return_exceptions=True,
        )
        assert sum(isinstance(outcome, LedgerUnavailable) for outcome in outcomes) == 15
    found = checked(path)
    assert (found.faults, found.unchained, found.rows) == ([], 0, 20 + 1 + 85)
    with closing(SqliteLedger(path, "normal", clock)) as ledger:
        assert ledger.open() == 86
    assert checked(path).faults == []


@pytest.mark.parametrize(
    ("script", "seq", "what"),
    [
        ("UPDATE entry SET amount_nanos = 1 WHERE seq = 4", 4, "it was changed"),
        ("UPDATE entry SET recorded_at = recorded_at + 1 WHERE seq = 4", 4, "it was changed"),
        ("UPDATE entry SET team = 'other' WHERE seq = 1", 1, "it was changed"),
        ("DELETE FROM entry WHERE seq = 4", 5, "1 rows before it are missing"),
        ("DELETE FROM entry WHERE seq BETWEEN 1 AND 3", 4, "3 rows before it are missing"),
        ("DELETE FROM entry WHERE seq > 18", 20, "there are 18: some were removed"),
        ("DELETE FROM entry WHERE seq > 10", 20, "there are 10: some were removed"),
        ("UPDATE entry SET chain = zeroblob(32) WHERE seq = 4", 4, "it was changed"),
        ("UPDATE entry SET chain = NULL WHERE seq = 4", 4, "put in afterwards"),
        ("DELETE FROM root WHERE rows = 10", 20, "does not follow the one before it"),
    ],
)
async def test_what_was_done_to_it_is_found(tmp_path: Path, script: str, seq: int, what: str) -> None:
    """With the row, or the root, at which it shows first."""
    path = tmp_path / "ledger.db"
    await written(path, Clock())
    assert said(path) == []
    tamper(path, script)
    first_seq, first = said(path)[0]
    assert first_seq == seq
    assert what in first


async def test_a_row_put_in_at_the_end_is_found(tmp_path: Path) -> None:
    """Whoever does not write it through the gateway does not know the hash before it, or gives none."""
    path = tmp_path / "ledger.db"
    await written(path, Clock())
    columns = "kind, attempt, occurred_at, app, team, cost_centre, model, route, provider, upstream_model, contract"
    columns += ", contract_revision, billing_owner, invoice_issuer, price_list, config_revision, operation, tags, begun_at"
    columns += ", amount_nanos, currency, basis, images, size, quality, owner, upstream_request_id, recorded_at, writer, chain"
    forged = f"INSERT INTO entry (event_id, request_id, {columns}) SELECT 'forged.1.reserve', 'forged', {columns} FROM entry"
    tamper(path, f"{forged} WHERE seq = 1")
    assert [seq for seq, _ in said(path)] == [21]


def test_a_process_that_was_killed_leaves_an_unbroken_chain(tmp_path: Path) -> None:
    """And the next one goes on with it."""
    path = tmp_path / "ledger.db"
    with subprocess.Popen(
        [sys.executable, "-c", ENDLESS, str(path), "normal"], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as child:
        assert child.stdout is not None
        for _ in range(100):
            child.stdout.readline()
        child.kill()
    assert checked(path).faults == []
    with closing(SqliteLedger(path, "normal", Clock())) as ledger:
        assert ledger.open() > 0
    assert checked(path).faults == []


async def test_every_day_has_a_signed_root(tmp_path: Path) -> None:
    """It holds under the published key and no other."""
    path, clock, signer = tmp_path / "ledger.db", Clock(), Signer(new_key())
    with closing(SqliteLedger(path, "normal", clock, sign=partial(signer.sign, kind="ledger-root"))) as ledger:
        ledger.open()
        for day in range(3):
            clock.now = NOON + timedelta(days=day)
            await ledger.append(entry(Kind.RESERVE, f"req_{day}"))
    roots: list[tuple[Root, Mapping[str, object]]] = []

    def check(root: Root, signature: str) -> str:
        roots.append((root, verified(signature, key_set([signer.public]), "ledger-root")))
        return "wrong" if root.rows == 2 else ""

    found = verify_ledger(path, check, lambda done, total: None)
    assert [(root.day.day, root.rows) for root, _ in roots] == [(1, 1), (2, 2), (3, 3)]
    assert all(claims == root.claims for root, claims in roots)
    assert [fault.what for fault in found.faults] == ["the root of 2026-10-02: wrong"]
    assert published(new_key()) != signer.public
