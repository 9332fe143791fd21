"""The file of evidence: what is kept can be read, what is too old or too much goes, and trouble costs no request anything."""

import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.evidence.bundle import Evidence
from gateway.ports import EvidenceStore, EvidenceUnavailable
from gateway.stores import evidence
from gateway.stores.evidence import SqliteEvidence, surplus
from gateway.stores.evidence_file import EvidenceFile
from tests.unit.core.evidence.test_bundle import EVIDENCE
from tests.unit.core.samples import NOW

DAYS_MAX = 14
Opened = Callable[..., SqliteEvidence]


class Clock:
    """Stands until it is set."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def lost() -> list[int]:
    """How many were lost, each time."""
    return []


@pytest.fixture
def clock() -> Clock:
    """It can be set."""
    return Clock()


@pytest.fixture
def opened(tmp_path: Path, lost: list[int], clock: Clock) -> Iterator[Opened]:
    """Open a store in the test's folder; it is closed in the end."""
    shelves = []

    def open_(path: Path = tmp_path / "evidence.sqlite", requests_max: int = 100) -> SqliteEvidence:
        store = SqliteEvidence(path, DAYS_MAX, requests_max, lost=lost.append, clock=clock)
        store.open()
        shelves.append(store)
        return store

    yield open_
    for store in shelves:
        store.close()


def numbered(number: int, app: str = "shop") -> Evidence:
    assert EVIDENCE.asked is not None
    return replace(EVIDENCE, request_id=f"gw_{number}", asked=replace(EVIDENCE.asked, app=app))


def kept(store: EvidenceStore, *ids: int) -> list[int]:
    return [number for number in ids if store.find(f"gw_{number}") is not None]


def test_what_is_put_is_found_whole(opened: Opened, lost: list[int]) -> None:
    """Every member of it, also of another process that reads the file."""
    store = opened()
    store.put(lambda: EVIDENCE)
    assert store.find(EVIDENCE.request_id) == EVIDENCE
    assert store.find("gw_of_nobody") is None
    assert (store.failing, lost) == (False, [])


def test_what_was_put_is_written_when_it_closes(opened: Opened, tmp_path: Path, clock: Clock) -> None:
    """A gateway that stops loses none; only its owner can read the file."""
    store = opened()
    store.put(lambda: EVIDENCE)
    store.close()
    path = tmp_path / "evidence.sqlite"
    assert EvidenceFile(path, DAYS_MAX, clock).find(EVIDENCE.request_id) == EVIDENCE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_where_nothing_was_kept_nothing_is_found(tmp_path: Path, clock: Clock) -> None:
    """There need not be a file."""
    assert EvidenceFile(tmp_path / "evidence.sqlite", DAYS_MAX, clock).find("gw_1") is None


def test_only_the_latest_requests_are_kept(opened: Opened) -> None:
    """No more than the configuration says."""
    store = opened(requests_max=3)
    for number in range(5):
        store.put(lambda number=number: numbered(number))  # type: ignore[misc]
    assert kept(store, *range(5)) == [2, 3, 4]


def test_what_is_too_old_is_neither_found_nor_kept(opened: Opened, tmp_path: Path, clock: Clock) -> None:
    """It cannot be read from the day on, and is deleted with the next write."""
    store = opened()
    store.put(lambda: EVIDENCE)
    assert store.find(EVIDENCE.request_id) is not None
    clock.now = NOW + timedelta(days=DAYS_MAX, seconds=1)
    assert store.find(EVIDENCE.request_id) is None
    store.flush()
    with closing(sqlite3.connect(tmp_path / "evidence.sqlite")) as connection:
        assert connection.execute("SELECT count(*) FROM evidence").fetchone() == (0,)


def test_no_app_pushes_out_what_is_kept_of_the_others(opened: Opened) -> None:
    """Of whichever has most the oldest goes, also in a file that was begun before."""
    store = opened(requests_max=10)
    for number in range(1, 5):
        store.put(lambda number=number: numbered(number, "quiet"))  # type: ignore[misc]
    for number in range(100, 600):
        store.put(lambda number=number: numbered(number, "loud"))  # type: ignore[misc]
        if number % 100 == 0:
            store.flush()
    assert kept(store, *range(1, 5)) == [1, 2, 3, 4]
    assert kept(store, *range(100, 600)) == [594, 595, 596, 597, 598, 599]


@given(st.dictionaries(st.text(max_size=2), st.integers(1, 50), min_size=1, max_size=6), st.integers(1, 100))
def test_what_goes_is_the_least_and_of_those_who_have_most(apps: dict[str, int], most: int) -> None:
    """Nothing while all fits; then whoever loses has no less left than any other, and hardly a place is wasted."""
    goes = surplus(apps, most)
    left = {app: count - goes.get(app, 0) for app, count in apps.items()}
    assert sum(left.values()) <= most
    assert not goes or sum(left.values()) > most - len(apps)
    assert all(left[app] >= max(left.values()) for app in goes)


def test_one_that_cannot_be_made_costs_the_others_nothing(opened: Opened, lost: list[int]) -> None:
    """It alone is lost, and counted."""

    def broken() -> Evidence:
        raise ValueError("a fault of one request")

    store = opened()
    for make in (lambda: numbered(1), broken, lambda: numbered(2)):
        store.put(make)
    assert kept(store, 1, 2) == [1, 2]
    assert lost == [1]


def test_what_cannot_be_gathered_is_lost_and_does_not_wait(
    tmp_path: Path, lost: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer that does not keep up holds no request."""
    monkeypatch.setattr(evidence, "GATHERED_MAX", 2)
    store = SqliteEvidence(tmp_path / "evidence.sqlite", DAYS_MAX, 100, lost=lost.append, clock=lambda: NOW)
    for number in range(5):
        store.put(lambda number=number: numbered(number))  # type: ignore[misc]
    assert lost == [1, 1, 1]
    assert kept(store, *range(5)) == [0, 1]
    store.close()


@pytest.mark.parametrize("damage", [b"this is no database" * 500, b""])
def test_a_damaged_file_is_set_aside(opened: Opened, tmp_path: Path, lost: list[int], damage: bytes) -> None:
    """Another one is begun; an empty one is as good as none."""
    path = tmp_path / "evidence.sqlite"
    path.write_bytes(damage)
    store = opened(path)
    store.put(lambda: EVIDENCE)
    assert store.find(EVIDENCE.request_id) == EVIDENCE
    assert (tmp_path / "evidence.sqlite.damaged").exists() is bool(damage)
    assert sum(lost) == 0


def test_a_file_that_is_deleted_meanwhile_is_begun_anew(opened: Opened, tmp_path: Path) -> None:
    """Evidence may be thrown away at any time."""
    store = opened()
    store.put(lambda: numbered(1))
    assert kept(store, 1) == [1]
    for path in tmp_path.iterdir():
        path.unlink()
    store.put(lambda: numbered(2))
    assert kept(store, 1, 2) == [2]


def test_a_folder_that_cannot_be_used_is_counted_and_mended(opened: Opened, tmp_path: Path, lost: list[int]) -> None:
    """While it lasts, requests lose their evidence; afterwards it is kept again."""
    blocked = tmp_path / "folder"
    blocked.write_text("a file, where the folder should be")
    store = opened(blocked / "evidence.sqlite")
    store.put(lambda: numbered(1))
    store.flush()
    assert (store.failing, sum(lost)) == (True, 1)
    blocked.unlink()
    store.put(lambda: numbered(2))
    assert kept(store, 2) == [2]
    assert not store.failing


def test_what_another_version_wrote_is_left_alone(opened: Opened, tmp_path: Path, lost: list[int], clock: Clock) -> None:
    """A newer table is not written into, and a row that cannot be read is said so."""
    path = tmp_path / "evidence.sqlite"
    store = opened()
    store.put(lambda: EVIDENCE)
    store.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE evidence SET document = ?", (b'{"request_id": 1}',))
        connection.execute("PRAGMA user_version = 99")
        connection.commit()
    with pytest.raises(EvidenceUnavailable, match="another version"):
        EvidenceFile(path, DAYS_MAX, clock).find(EVIDENCE.request_id)
    later = opened()
    later.put(lambda: numbered(2))
    later.flush()
    assert (later.failing, sum(lost)) == (True, 1)


def test_a_file_that_cannot_be_read_is_said_so(tmp_path: Path, clock: Clock) -> None:
    """With what to do."""
    path = tmp_path / "evidence.sqlite"
    path.write_bytes(b"this is no database" * 500)
    with pytest.raises(EvidenceUnavailable, match="damaged"):
        EvidenceFile(path, DAYS_MAX, clock).find("gw_1")
