"""The history: what was in force can be had again as it was, however long ago, as far back as it is kept."""

import json
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from gateway.config.change.difference import Change
from gateway.config.change.history import History, HistoryUnusable, Revision, history_folder
from gateway.config.load import Loaded
from gateway.config.source.document import read_tree
from tests.unit.config.samples import ROOT, base, loaded, with_second_route

AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def team(folder: Path, name: str) -> Loaded:
    """A configuration that differs from others in its team."""
    return loaded(base(folder, ("team: shop", f"team: {name}")))


def recorded(history: History, configuration: Loaded, at: datetime = AT) -> Revision:
    return history.record(configuration, who="ada", why="a new team", changes=(), at=at)


def files_of(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.json"))


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "kept" / "history", 3)


def test_a_revision_is_kept_byte_for_byte(tmp_path: Path, history: History) -> None:
    """Main file first, includes beside it: with their comments, line ends and letters, and never a provider's key."""
    path = with_second_route(tmp_path)
    path.write_bytes(b"\xef\xbb\xbf# \xc3\xbcber alles\r\n" + path.read_bytes().replace(b"\n", b"\r\n"))
    kept = recorded(history, loaded(path))
    assert list(kept.files) == ["gateway.yaml", "second.yaml"]
    assert kept.main == "gateway.yaml"
    assert {name: (tmp_path / name).read_bytes() for name in kept.files} == kept.files
    (found,) = history.revisions()
    assert found == kept
    assert found.files == kept.files
    assert "sk-fake" not in files_of(tmp_path / "kept" / "history")[0].read_text()


def test_who_when_why_and_what_are_kept(tmp_path: Path, history: History) -> None:
    """The time in UTC, whatever zone it was told in."""
    changes = (Change("app shop", "team changes from shop to bazaar", "setting"),)
    at = datetime(2026, 11, 23, 13, 0, 0, 250, tzinfo=timezone(timedelta(hours=1)))
    history.record(team(tmp_path, "bazaar"), who="ada", why="a new team", changes=changes, at=at)
    (kept,) = history.revisions()
    assert (kept.who, kept.why, kept.changes) == ("ada", "a new team", changes)
    assert kept.at == at
    assert kept.at.utcoffset() == timedelta()


def test_variables_stay_as_they_are_written(tmp_path: Path, history: History) -> None:
    """What the environment says is not the configuration's to keep."""
    path = base(tmp_path, ("team: shop", "team: ${TEAM}"))
    kept = recorded(history, loaded(path, TEAM="from-outside"))
    assert b"${TEAM}" in kept.files["gateway.yaml"]
    assert "from-outside" not in files_of(tmp_path / "kept" / "history")[0].read_text()


def test_only_the_owner_can_read_it(tmp_path: Path, history: History) -> None:
    """The folder that it makes, and the files."""
    recorded(history, team(tmp_path, "one"))
    folder = tmp_path / "kept" / "history"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in files_of(folder)} == {0o600}


def test_the_folder_of_others_stays_as_it_is(tmp_path: Path, history: History) -> None:
    """A volume that was mounted for a group stays the group's."""
    folder = tmp_path / "kept" / "history"
    folder.mkdir(parents=True)
    folder.chmod(0o770)
    recorded(history, team(tmp_path, "one"))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o770


def test_the_oldest_goes_first(tmp_path: Path, history: History) -> None:
    """By their order, not by the clock: it may have been set back."""
    made = [recorded(history, team(tmp_path, f"team-{day}"), AT - timedelta(days=day)).id for day in range(5)]
    assert [it.id for it in history.revisions()] == made[:1:-1]
    assert history.latest_id() == made[-1]
    assert len(files_of(tmp_path / "kept" / "history")) == 3


def test_the_same_content_is_kept_once(tmp_path: Path, history: History) -> None:
    """In a row; what comes back later is a revision of its own."""
    first = recorded(history, team(tmp_path, "one"))
    again = recorded(history, team(tmp_path, "one"), AT + timedelta(hours=1))
    assert again == first
    assert len(history.revisions()) == 1
    recorded(history, team(tmp_path, "two"))
    recorded(history, team(tmp_path, "one"), AT + timedelta(hours=2))
    assert [it.id == first.id for it in history.revisions()] == [True, False, True]
    assert history.find(first.id).at == AT + timedelta(hours=2)


def test_a_comment_makes_another_file_of_the_same_revision(tmp_path: Path, history: History) -> None:
    """The id names what it says; the latest wording is found by it."""
    first = recorded(history, loaded(base(tmp_path)))
    second = recorded(history, loaded(base(tmp_path, more="# a comment\n")))
    assert (first.id, first.sha256 == second.sha256) == (second.id, False)
    assert history.find(first.id).files == second.files


def test_a_revision_is_found_by_the_beginning_of_its_id(tmp_path: Path, history: History) -> None:
    """Of at least four characters; what is unknown or too short is said."""
    kept = recorded(history, team(tmp_path, "one"))
    assert history.find(kept.id[:4]) == kept
    for unknown in (kept.id[:3], "", "ffffffffffff", "../" + kept.id):
        with pytest.raises(HistoryUnusable, match="has no revision"):
            history.find(unknown)


def test_an_id_that_is_ambiguous_is_refused(tmp_path: Path, history: History) -> None:
    """With all that it can be."""
    kept = recorded(history, team(tmp_path, "one"))
    other = kept.id[:6] + ("0" if kept.id[6] != "0" else "1") + kept.id[7:]
    (path,) = files_of(tmp_path / "kept" / "history")
    path.with_name(f"00000002-{other}.json").write_bytes(path.read_bytes())
    with pytest.raises(HistoryUnusable, match="can be each of") as refused:
        history.find(kept.id[:6])
    assert kept.id in str(refused.value)
    assert other in str(refused.value)


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"files": []}', "[" * 100_000])
def test_a_damaged_file_is_named_and_keeps_nothing_from_being_kept(tmp_path: Path, history: History, content: str) -> None:
    """What cannot be read is not put in place of a configuration."""
    damaged = recorded(history, team(tmp_path, "one"))
    (path,) = files_of(tmp_path / "kept" / "history")
    path.write_text(content)
    with pytest.raises(HistoryUnusable, match="is not a kept revision") as refused:
        history.find(damaged.id)
    assert str(path) in str(refused.value)
    assert history.latest_id() == damaged.id
    kept = recorded(history, team(tmp_path, "two"))
    assert history.find(kept.id) == kept


@pytest.mark.parametrize(
    ("member", "value"),
    [("files", {"gateway.yaml": "apps: {}\n"}), ("sha256", "0" * 64), ("main", "other.yaml"), ("files", {})],
)
def test_a_changed_file_does_not_pass_for_what_was_kept(tmp_path: Path, history: History, member: str, value: object) -> None:
    """Its hash is over names and contents."""
    kept = recorded(history, team(tmp_path, "one"))
    (path,) = files_of(tmp_path / "kept" / "history")
    path.write_text(json.dumps(json.loads(path.read_text()) | {member: value}))
    with pytest.raises(HistoryUnusable, match="do not match its hash"):
        history.find(kept.id)


def test_a_history_that_cannot_be_written_says_what_to_do(tmp_path: Path) -> None:
    """As one error, with the folder's name."""
    (tmp_path / "history").write_text("a file where the folder should be")
    with pytest.raises(HistoryUnusable, match=r"history cannot be written: .* belongs to the gateway's user"):
        recorded(History(tmp_path / "history", 3), team(tmp_path, "one"))


def test_an_absent_history_is_empty(history: History) -> None:
    """Before the first configuration is in force."""
    assert history.revisions() == ()
    assert history.latest_id() is None


def test_several_processes_keep_one_history(tmp_path: Path) -> None:
    """Each revision has a number of its own, and none is lost."""
    code = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from gateway.config.change.history import History
from tests.unit.config.samples import base, loaded

folder, who = Path(sys.argv[1]), sys.argv[2]
(folder / who).mkdir()
history = History(folder / "history", 100)
for number in range(8):
    configuration = loaded(base(folder / who, ("team: shop", f"team: {who}-{number}")))
    history.record(configuration, who=who, why="at once", changes=(), at=datetime.now(UTC))
"""
    writers = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), who], cwd=ROOT) for who in ("one", "two")]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    kept = History(tmp_path / "history", 100).revisions()
    assert sorted(it.who for it in kept) == ["one"] * 8 + ["two"] * 8
    numbers = [int(path.name.partition("-")[0]) for path in files_of(tmp_path / "history")]
    assert sorted(numbers) == list(range(1, 17))


@pytest.mark.parametrize(
    ("more", "folder"),
    [
        ("", "var/history"),
        ("ledger: {path: /srv/money/ledger.sqlite}\n", "/srv/money/history"),
        ("ledger: {path: /srv/money/ledger.sqlite}\nhistory: {folder: /srv/kept}\n", "/srv/kept"),
    ],
)
def test_the_folder_is_known_of_an_invalid_configuration_too(tmp_path: Path, more: str, folder: str) -> None:
    """A way back is needed most where the files are broken; it is the one that a valid configuration has."""
    assert loaded(base(tmp_path, more=more)).settings.history.folder == Path(folder)
    path = base(tmp_path, ("contract: direct", "contract: drect"), more=more)
    assert history_folder(read_tree(path, {})) == Path(folder)


def test_a_folder_that_nothing_tells_is_not_guessed(tmp_path: Path) -> None:
    """Another history than the gateway's would look empty."""
    path = base(tmp_path, more="ledger: {path: [\n")
    with pytest.raises(HistoryUnusable, match=r"Nothing says where the history is: .*gateway\.yaml .* --history"):
        history_folder(read_tree(path, {}))
