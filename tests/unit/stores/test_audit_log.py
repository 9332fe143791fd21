"""The audit log: whatever happens to its file is seen, and nothing keeps the next entry from being written."""

import json
import shutil
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from gateway.ports import AuditTrail, AuditUnavailable
from gateway.stores.audit_log import GENESIS, LINE_BYTES_MAX, AuditBroken, AuditLog, latest, verify

AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def written(folder: Path, entries: int = 5) -> Path:
    """A log with so many entries."""
    path = folder / "history" / "audit.jsonl"
    trail: AuditTrail = AuditLog(path)
    for number in range(entries):
        trail.append("alice", "config.reload", f"reason {number}", {"number": number}, AT)
    return path


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def fault_of(path: Path) -> AuditBroken:
    with pytest.raises(AuditBroken) as broken:
        verify(path)
    return broken.value


def test_entries_are_chained_from_the_first_to_the_head(tmp_path: Path) -> None:
    """Each names the hash of the one before, and the last is the head."""
    path = written(tmp_path)
    entries = latest(path, 100)
    assert [entry["seq"] for entry in entries] == [1, 2, 3, 4, 5]
    assert [entry["previous"] for entry in entries] == [GENESIS, *(entry["hash"] for entry in entries[:-1])]
    found = verify(path)
    assert (found.entries, found.head) == (5, entries[-1]["hash"])
    assert [entry["seq"] for entry in latest(path, 2)] == [4, 5]
    assert entries[0]["at"] == "2026-11-23T12:00:00.000000+00:00"


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    """Folder 0700, files 0600."""
    path = written(tmp_path, 1)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}


def test_nothing_written_yet_is_unbroken(tmp_path: Path) -> None:
    """No file, no entries, no fault."""
    assert verify(tmp_path / "audit.jsonl").entries == 0
    assert latest(tmp_path / "audit.jsonl", 5) == ()


@pytest.mark.parametrize("member", ["at", "who", "what", "why", "details"])
def test_a_changed_member_is_found(tmp_path: Path, member: str) -> None:
    """At its line, whichever member it is."""
    path = written(tmp_path)
    lines = lines_of(path)
    entry = json.loads(lines[2])
    entry[member] = {} if member == "details" else "someone else"
    lines[2] = json.dumps(entry, sort_keys=True, separators=(",", ":")).encode() + b"\n"
    path.write_bytes(b"".join(lines))
    fault = fault_of(path)
    assert (fault.line, "was changed" in fault.what) == (3, True)


@pytest.mark.parametrize("index", range(5))
def test_every_single_byte_counts(tmp_path: Path, index: int) -> None:
    """A byte changed anywhere in a line is found at that line."""
    path = written(tmp_path)
    lines = lines_of(path)
    whole = b"".join(lines)
    begin = sum(map(len, lines[:index]))
    for place in range(begin, begin + len(lines[index]) - 1, 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert fault_of(path).line == index + 1


@pytest.mark.parametrize("index", range(4))
def test_a_removed_line_is_found(tmp_path: Path, index: int) -> None:
    """Where it was, with the number of the entry that is missing."""
    path = written(tmp_path)
    lines = lines_of(path)
    del lines[index]
    path.write_bytes(b"".join(lines))
    fault = fault_of(path)
    assert (fault.line, f"entries {index + 1} to {index + 1} are missing" in fault.what) == (index + 1, True)


def test_inserted_and_reordered_lines_are_found(tmp_path: Path) -> None:
    """A line twice, and two that changed places."""
    path = written(tmp_path)
    first, second, third, *more = lines_of(path)
    path.write_bytes(b"".join([first, second, second, third, *more]))
    assert (fault_of(path).line, "inserted" in fault_of(path).what) == (3, True)
    path.write_bytes(b"".join([first, third, second, *more]))
    assert fault_of(path).line == 2


def test_a_forged_entry_with_a_right_hash_is_found(tmp_path: Path) -> None:
    """Its hash is right, but the next line does not follow it; as the last line, the head file knows another."""
    (tmp_path / "other").mkdir()
    path, other = written(tmp_path), tmp_path / "other" / "audit.jsonl"
    forger = AuditLog(other)
    for number in range(5):
        forger.append("mallory", "config.reload", f"reason {number}", {"number": number}, AT)
    mine, forged = lines_of(path), lines_of(other)
    path.write_bytes(b"".join([forged[0], *mine[1:]]))
    assert (fault_of(path).line, "does not follow" in fault_of(path).what) == (2, True)
    path.write_bytes(b"".join(forged))
    assert (fault_of(path).line, "head file" in fault_of(path).what) == (5, True)


@pytest.mark.parametrize("kept", [0, 1, 4])
def test_a_cut_off_end_is_found_and_stays_to_be_seen(tmp_path: Path, kept: int) -> None:
    """Whole lines removed at the end; later entries do not cover it up."""
    path = written(tmp_path)
    path.write_bytes(b"".join(lines_of(path)[:kept]))
    fault = fault_of(path)
    assert (fault.line, "cut off" in fault.what) == (kept + 1, True)
    AuditLog(path).append("bob", "config.reload", "later", {}, AT)
    assert latest(path, 1)[0]["seq"] == 6
    assert f"entries {kept + 1} to 5 are missing" in fault_of(path).what


def test_a_removed_log_is_found(tmp_path: Path) -> None:
    """Its head file knows of it."""
    path = written(tmp_path)
    path.unlink()
    assert "the log is gone" in fault_of(path).what


def test_a_log_that_is_removed_under_a_running_gateway_leaves_a_gap(tmp_path: Path) -> None:
    """With its head too: the next entry makes both anew, and what is missing stays to be seen."""
    path = tmp_path / "history" / "audit.jsonl"
    trail = AuditLog(path)
    for number in range(3):
        trail.append("alice", "config.reload", f"reason {number}", {}, AT)
    shutil.rmtree(path.parent)
    trail.append("bob", "config.reload", "later", {}, AT)
    assert [(it["seq"], it["what"]) for it in latest(path, 9)] == [(4, "audit.entries_missing"), (5, "config.reload")]
    assert latest(path, 9)[0]["details"] == {"first": 1, "last": 3}
    assert "entries 1 to 3 are missing" in fault_of(path).what


def test_a_removed_head_file_is_found(tmp_path: Path) -> None:
    """At once by verification, and for ever by an entry that the next one brings along."""
    path = written(tmp_path)
    path.with_name("audit.jsonl.head").unlink()
    assert "head file" in fault_of(path).what
    AuditLog(path).append("bob", "config.reload", "later", {}, AT)
    assert verify(path).entries == 7
    assert [entry["what"] for entry in latest(path, 2)] == ["audit.head_missing", "config.reload"]


def test_a_torn_last_line_is_told_from_a_cut_off_one(tmp_path: Path) -> None:
    """After a crash in the middle of a write the next entry goes on, and what was torn is kept beside the log."""
    path = written(tmp_path)
    with path.open("ab") as log:
        log.write(b'{"at":"2026-11-2')
    fault = fault_of(path)
    assert (fault.line, "torn" in fault.what) == (6, True)
    AuditLog(path).append("bob", "config.reload", "after the crash", {}, AT)
    assert verify(path).entries == 7
    assert [entry["what"] for entry in latest(path, 2)] == ["audit.torn_line", "config.reload"]
    assert latest(path, 2)[0]["details"] == {"bytes": 16, "moved_to": "audit.jsonl.torn"}
    assert path.with_name("audit.jsonl.torn").read_bytes() == b'{"at":"2026-11-2\n'


def test_a_last_line_cut_in_its_middle_is_no_crash(tmp_path: Path) -> None:
    """The head file knows that it was whole, also after the next entry."""
    path = written(tmp_path)
    path.write_bytes(path.read_bytes()[:-10])
    assert "cut off inside entry 5" in fault_of(path).what
    AuditLog(path).append("bob", "config.reload", "later", {}, AT)
    assert "entries 5 to 5 are missing" in fault_of(path).what


def test_a_crash_before_the_head_is_written_is_no_fault(tmp_path: Path) -> None:
    """The log may be one entry ahead of its head file."""
    path = written(tmp_path, 4)
    head = path.with_name("audit.jsonl.head")
    before = head.read_bytes()
    written(tmp_path, 1)
    head.write_bytes(before)
    assert verify(path).entries == 5
    AuditLog(path).append("bob", "config.reload", "later", {}, AT)
    assert verify(path).entries == 6


def test_several_processes_append_to_one_chain(tmp_path: Path) -> None:
    """Nothing is lost, and nothing is written over."""
    path = tmp_path / "audit.jsonl"
    code = (
        "import sys; from datetime import UTC, datetime; from pathlib import Path\n"
        "from gateway.stores.audit_log import AuditLog\n"
        "for i in range(20): AuditLog(Path(sys.argv[1])).append(sys.argv[2], 'x', '', {}, datetime.now(UTC))"
    )
    processes = [subprocess.Popen([sys.executable, "-c", code, str(path), name]) for name in "abc"]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert verify(path).entries == 60
    assert sorted(entry["who"] for entry in latest(path, 60)) == sorted("abc" * 20)


def test_a_line_is_bounded(tmp_path: Path) -> None:
    """Long texts and details are cut, and say so."""
    path = tmp_path / "audit.jsonl"
    AuditLog(path).append("a b " * 2_500, "y", "\x00" * 10_000, {"changes": ["é" * 1_000] * 1_000}, AT)
    assert verify(path).entries == 1
    assert path.stat().st_size < LINE_BYTES_MAX
    (entry,) = latest(path, 1)
    assert entry["who"].endswith("…")
    assert entry["details"]["cut"] is True
    assert entry["details"]["bytes"] > 1_000_000


def test_a_line_that_is_too_long_is_refused_without_reading_it_whole(tmp_path: Path) -> None:
    """The gateway never wrote it."""
    path = written(tmp_path, 1)
    with path.open("ab") as log:
        log.write(b"x" * (2 * LINE_BYTES_MAX) + b"\n")
    assert (fault_of(path).line, "longer than" in fault_of(path).what) == (2, True)


def test_secrets_are_masked_and_any_value_has_a_form(tmp_path: Path) -> None:
    """Keys never reach the log; dates, sets, numbers and lone surrogates do, in some form."""
    path = tmp_path / "audit.jsonl"
    details = {"key": "sk-fake-CANARY", "deep": [{"of": {"igw_fake_CANARY"}}], "on": AT.date(), "odd": "\ud800", "half": 0.5}
    AuditLog(path).append("bearer CANARY", "key.change", "\u2028line\n", details, AT.astimezone(timezone(timedelta(hours=2))))
    assert verify(path).entries == 1
    assert b"CANARY" not in path.read_bytes()
    (entry,) = latest(path, 1)
    assert entry["at"] == "2026-11-23T12:00:00.000000+00:00"
    assert entry["details"]["on"] == "2026-11-23"
    assert entry["why"] == "\u2028line\n"


def test_a_log_that_cannot_be_written_says_what_to_do(tmp_path: Path) -> None:
    """As one error, with the file's name."""
    (tmp_path / "history").write_text("a file where the folder should be")
    with pytest.raises(AuditUnavailable, match=r"audit\.jsonl cannot be written: .*folder"):
        AuditLog(tmp_path / "history" / "audit.jsonl").append("a", "b", "c", {}, AT)
