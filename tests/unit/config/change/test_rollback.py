"""A rollback puts an earlier configuration's files back as they were, or changes nothing."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.config.change.history import History, Revision
from gateway.config.change.rehearsal import RollbackRefused
from gateway.config.change.rollback import Rollback, RolledBack
from gateway.config.load import Loaded
from gateway.ports import AuditUnavailable
from tests.unit.config.samples import AuditInMemory, loaded, with_second_route

AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
EDIT = ("team: shop", "team: bazaar")


class Place:
    """A configuration of two files in force, kept in a history."""

    def __init__(self, folder: Path) -> None:
        self.config, self.aside = folder / "config", folder / "kept" / "set-aside"
        self.config.mkdir()
        self.main, self.second, self.key = (self.config / name for name in ("gateway.yaml", "second.yaml", "fake.key"))
        self.history, self.request_trace = History(folder / "kept", 10), AuditInMemory()
        with_second_route(self.config)
        self.first = self.keep()

    def keep(self) -> Revision:
        return self.history.record(loaded(self.main), who="gateway", why="edited", changes=(), at=AT)

    def edit(self, *changes: tuple[str, str]) -> Loaded:
        return loaded(with_second_route(self.config, *changes))

    def roll_back(self, to: Revision | None = None) -> RolledBack:
        rollback = Rollback(self.main, {}, self.history, self.request_trace, self.aside)
        return rollback.to(to or self.first, who="ada", why="images were wrong", at=AT)

    def files(self) -> dict[str, bytes]:
        """All that stands in the configuration's folder."""
        return {str(it.relative_to(self.config)): it.read_bytes() for it in sorted(self.config.rglob("*")) if it.is_file()}

    def set_aside(self) -> dict[str, bytes]:
        return {str(it.relative_to(self.aside.parent)): it.read_bytes() for it in self.aside.rglob("*") if it.is_file()}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_the_files_are_put_back_as_they_were(place: Place) -> None:
    """Main file and include, byte for byte, and the change is told, kept and audited with who and why."""
    before = place.files()
    was = place.edit(EDIT, ("per_request: 0.4", "per_request: 0.6")).snapshot.revision
    done = place.roll_back()
    assert place.files() == before
    assert (done.revision, done.was, done.written, done.moved) == (place.first.id, was, ("second.yaml", "gateway.yaml"), ())
    assert [it.text for it in done.changes if it.subject == "app shop"] == ["team changes from bazaar to shop"]
    assert loaded(place.main).snapshot.revision == place.first.id
    back, replaced, first = place.history.revisions()
    assert (back.id, back.who, back.why, back.changes) == (place.first.id, "ada", "rollback: images were wrong", done.changes)
    assert (replaced.id, replaced.why) == (was, "what a rollback replaced")
    assert first == place.first
    ((who, what, why, details),) = place.request_trace.entries
    assert (who, what, why) == ("ada", "config.rollback", "images were wrong")
    assert (details["revision"], details["before"]) == (place.first.id, was)
    assert details["changes"] == [str(it) for it in done.changes]


def test_what_was_replaced_is_set_aside(place: Place) -> None:
    """For the owner's eyes only, also where it was not valid and is in no history."""
    place.main.write_text("apps: [\n")
    done = place.roll_back()
    assert (done.was, done.changes) == (None, ())
    assert done.set_aside is not None
    assert (done.set_aside / "gateway.yaml").read_text() == "apps: [\n"
    assert (done.set_aside / "gateway.yaml").stat().st_mode & 0o777 == 0o600
    assert loaded(place.main).snapshot.revision == place.first.id


def test_only_what_differs_is_written(place: Place) -> None:
    """A file that is the same keeps its time, owner and mode; one that is written keeps its mode."""
    place.edit(EDIT)
    place.main.chmod(0o640)
    same = place.second.stat()
    done = place.roll_back()
    assert done.written == ("gateway.yaml",)
    assert (place.second.stat().st_ino, place.second.stat().st_mtime_ns) == (same.st_ino, same.st_mtime_ns)
    assert place.main.stat().st_mode & 0o777 == 0o640


def test_the_same_files_are_left_alone(place: Place) -> None:
    """Nothing is written, kept or audited."""
    done = place.roll_back()
    assert (done.written, done.moved, done.set_aside, done.changes) == ((), (), None, ())
    assert not place.request_trace.entries
    assert len(place.history.revisions()) == 1


def test_keys_are_never_copied(place: Place) -> None:
    """Today's key stays where it is; no copy of it is anywhere."""
    place.edit(EDIT)
    place.key.write_text("sk-fake-rotated-today\n")
    place.roll_back()
    assert place.key.read_text() == "sk-fake-rotated-today\n"
    assert b"sk-fake" not in b"".join(place.set_aside().values())
    kept = place.aside.parent.glob("*.json")
    assert "sk-fake" not in "".join(it.read_text() for it in kept)
    assert "sk-fake" not in repr(place.request_trace.entries)


def test_a_file_that_an_included_folder_has_now_is_moved_away(place: Place) -> None:
    """Else the folder would hold more than it did; what nothing reads any more stays."""
    parts = place.config / "parts"
    parts.mkdir()
    place.second.rename(parts / "second.yaml")
    place.main.write_text(place.main.read_text().replace("include: [second.yaml]", "include: [parts]"))
    with_folder = place.keep()
    (parts / "third.yaml").write_text("logging: {level: debug}\n")
    (place.config / "unrelated.yaml").write_text("x: y\n")
    done = place.roll_back(with_folder)
    assert (done.written, done.moved) == ((), ("parts/third.yaml",))
    assert not (parts / "third.yaml").exists()
    assert done.set_aside is not None
    assert (done.set_aside / "parts" / "third.yaml").read_text() == "logging: {level: debug}\n"
    done = place.roll_back()
    assert done.written == ("second.yaml", "gateway.yaml")
    assert done.moved == ()
    assert (parts / "second.yaml").exists()
    assert (place.config / "unrelated.yaml").exists()
    assert loaded(place.main).snapshot.revision == place.first.id


def test_a_removed_include_comes_back(place: Place) -> None:
    """With its folder."""
    parts = place.config / "parts"
    parts.mkdir()
    place.second.rename(parts / "second.yaml")
    place.main.write_text(place.main.read_text().replace("include: [second.yaml]", "include: [parts]"))
    with_folder = place.keep()
    (parts / "second.yaml").unlink()
    parts.rmdir()
    done = place.roll_back(with_folder)
    assert done.written == ("parts/second.yaml",)
    assert loaded(place.main).snapshot.revision == with_folder.id


def test_links_stay_links(place: Place, tmp_path: Path) -> None:
    """What they lead to is replaced."""
    real = tmp_path / "elsewhere.yaml"
    place.main.rename(real)
    place.main.symlink_to(real)
    text = real.read_bytes()
    real.write_bytes(text.replace(b"team: shop", b"team: bazaar"))
    place.roll_back()
    assert place.main.is_symlink()
    assert real.read_bytes() == text


def test_a_revision_that_is_no_longer_valid_is_refused(place: Place) -> None:
    """With its problems at their places in the files as they would stand; nothing is changed, kept or audited."""
    renamed = place.config / "renamed.key"
    place.key.rename(renamed)
    place.main.write_text(place.main.read_text().replace("fake.key", "renamed.key"))
    before, kept = place.files(), place.history.revisions()
    with pytest.raises(RollbackRefused, match="no longer valid, so nothing was changed") as refused:
        place.roll_back()
    (problem,) = refused.value.problems
    assert (problem.file, problem.path) == (str(place.main), "providers.openai.credential.file")
    assert "gateway-rollback" not in str(refused.value)
    assert place.files() == before
    assert place.history.revisions() == kept
    assert not place.request_trace.entries


def test_a_revision_of_another_main_file_is_refused(place: Place) -> None:
    """With the option that names it."""
    other = place.config / "other.yaml"
    place.main.rename(other)
    with pytest.raises(RollbackRefused, match=r"was read from gateway\.yaml, not from other\.yaml.*--config"):
        Rollback(other, {}, place.history, place.request_trace, place.aside).to(place.first, who="ada", why="x", at=AT)


def test_a_file_that_is_included_by_an_absolute_path_must_be_as_it_was(place: Place, tmp_path: Path) -> None:
    """It cannot be tried before it is put there."""
    shared = tmp_path / "shared.yaml"
    shared.write_text("logging: {level: info}\n")
    place.main.write_text(place.main.read_text().replace("[second.yaml]", f"[second.yaml, {shared}]"))
    absolute = place.keep()
    place.main.write_text(place.main.read_text().replace("team: shop", "team: bazaar"))
    assert place.roll_back(absolute).written == ("gateway.yaml",)
    shared.write_text("logging: {level: debug}\n")
    with pytest.raises(RollbackRefused, match=r"shared\.yaml has changed and is included by its absolute path"):
        place.roll_back(absolute)
    assert shared.read_text() == "logging: {level: debug}\n"


def test_a_file_that_only_today_s_configuration_reads_stays(place: Place, tmp_path: Path) -> None:
    """Others may read it too."""
    shared = tmp_path / "shared.yaml"
    shared.write_text("logging: {level: info}\n")
    place.main.write_text(place.main.read_text().replace("[second.yaml]", f"[second.yaml, {shared}]"))
    done = place.roll_back()
    assert (done.written, done.moved) == (("gateway.yaml",), ())
    assert shared.exists()


def test_files_that_cannot_be_written_stay_as_they_are(place: Place) -> None:
    """All of them: the first that could is not replaced either. The audit log has the attempt and its end."""
    place.edit(EDIT, ("per_request: 0.4", "per_request: 0.6"))
    # Where the new main file would be made; also root cannot write a folder.
    (place.config / ".gateway.yaml.tmp").mkdir()
    before = place.files()
    with pytest.raises(RollbackRefused, match=r"cannot be written: .* Nothing was changed"):
        place.roll_back()
    assert place.files() == before
    assert not list(place.config.glob(".second*"))
    assert [entry[1] for entry in place.request_trace.entries] == ["config.rollback", "config.rollback_refused"]


def test_what_cannot_be_audited_is_not_done(place: Place) -> None:
    """Nothing changes that nobody could find again."""
    place.edit(EDIT)
    place.request_trace.failing = True
    before = place.files()
    with pytest.raises(AuditUnavailable):
        place.roll_back()
    assert place.files() == before


def test_nothing_is_left_beside_the_files(place: Place) -> None:
    """No temporary file, in either folder."""
    place.edit(EDIT)
    place.roll_back()
    assert sorted(place.files()) == ["fake.key", "gateway.yaml", "second.yaml"]
    assert not list(place.aside.parent.rglob("*.tmp"))


def test_a_rollback_can_be_rolled_back(place: Place) -> None:
    """What it replaced is in the history."""
    was = place.edit(EDIT)
    place.roll_back()
    place.roll_back(place.history.find(was.snapshot.revision))
    assert loaded(place.main).snapshot.revision == was.snapshot.revision


def test_it_is_in_the_history_before_the_files_are_there(place: Place) -> None:
    """A running gateway notices at once, and whoever records the revision first says why."""
    place.edit(EDIT)
    edited, seen = place.main.read_bytes(), list[tuple[str, bool]]()

    class Watched(History):
        def keep(self, revision: Revision) -> Revision:
            seen.append((revision.why, place.main.read_bytes() == edited))
            return super().keep(revision)

    place.history = Watched(place.history.folder, 10)
    place.roll_back()
    assert seen[-1] == ("rollback: images were wrong", True)
    assert place.main.read_bytes() != edited
