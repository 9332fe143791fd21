"""Reloading: all of a new configuration takes effect, or nothing does."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from gateway.config.change.current import Current
from gateway.config.change.history import History
from gateway.config.change.reload import Reloader, Result
from gateway.config.change.watched_paths import places_of
from gateway.config.load import Loaded
from gateway.config.problem import ConfigInvalid
from gateway.telemetry.config_metrics import ConfigMetrics
from tests.unit.config.samples import AuditInMemory, base, loaded
from tests.unit.core.samples import NOW

CHANGED = ("team: shop", "team: bazaar")


class Bench:
    """A reloader over files that a test edits."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        first = loaded(base(folder))
        self.current, self.request_trace, self.registry = Current(first.snapshot), AuditInMemory(), CollectorRegistry()
        self.history = History(folder / "history", 10)
        self.applied: list[tuple[str, str]] = []
        self.load: Callable[[], Loaded] = lambda: loaded(folder / "gateway.yaml")
        self.reloader = Reloader(
            first,
            self.current,
            load=lambda: self.load(),  # noqa: PLW0108 -- tests replace it
            history=self.history,
            audit=self.request_trace,
            applied=lambda old, new: self.applied.append((old.snapshot.revision, new.snapshot.revision)),
            metrics=ConfigMetrics(self.registry, first.snapshot.revision),
            clock=lambda: NOW,
        )

    def metric(self, line: str) -> bool:
        return f"{line}\n" in generate_latest(self.registry).decode()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


async def test_an_edit_takes_effect_whole(bench: Bench) -> None:
    """Snapshot, metrics, history and audit log all tell of the same revision, with who, why and what differs."""
    before = bench.current.snapshot
    base(bench.folder, CHANGED)
    ended = await bench.reloader.reload("ada", "a new team")
    after = bench.current.snapshot
    assert (ended.result, ended.revision) == (Result.APPLIED, after.revision)
    assert after.revision != before.revision
    assert any("bazaar" in change for change in ended.changes)
    assert bench.applied == [(before.revision, after.revision)]
    (latest,) = bench.history.revisions()
    assert (latest.id, latest.who, latest.why) == (after.revision, "ada", "a new team")
    ((who, what, why, details),) = bench.request_trace.entries
    assert (who, what, why, details["revision"]) == ("ada", "config.applied", "a new team", after.revision)
    assert bench.metric(f'gateway_config_info{{revision="{after.revision}"}} 1.0')
    assert not bench.metric(f'gateway_config_info{{revision="{before.revision}"}} 1.0')
    assert bench.metric('gateway_config_reloads_total{result="applied"} 1.0')


async def test_a_bad_file_changes_nothing(bench: Bench) -> None:
    """Its problems are kept with their places; the same snapshot object stays in force."""
    before = bench.current.snapshot
    base(bench.folder, ("contract: direct", "contract: drect"))
    ended = await bench.reloader.reload("ada", "oops")
    assert (ended.result, ended.revision) == (Result.REFUSED, before.revision)
    assert [(it.path, it.line > 0) for it in ended.problems] == [("routes.openai-route.contract", True)]
    assert bench.reloader.last is ended
    assert bench.current.snapshot is before
    assert not bench.history.revisions()
    assert [entry[1] for entry in bench.request_trace.entries] == ["config.refused"]
    assert bench.metric('gateway_config_reloads_total{result="refused"} 1.0')
    assert bench.metric("gateway_config_last_reload_success 0.0")
    assert bench.metric(f'gateway_config_info{{revision="{before.revision}"}} 1.0')


async def test_a_file_that_is_mended_is_valid_again(bench: Bench) -> None:
    """Also where it is mended to what is in force."""
    base(bench.folder, ("contract: direct", "contract: drect"))
    await bench.reloader.reload("ada", "oops")
    base(bench.folder)
    ended = await bench.reloader.reload("ada", "mended")
    assert (ended.result, ended.problems) == (Result.UNCHANGED, ())
    assert bench.metric("gateway_config_last_reload_success 1.0")


async def test_the_same_content_is_unchanged(bench: Bench) -> None:
    """A comment moves nothing, and is no entry in the audit log."""
    before = bench.current.snapshot
    base(bench.folder, more="# a comment\n")
    assert (await bench.reloader.reload("ada", "a comment")).result is Result.UNCHANGED
    assert bench.current.snapshot is before
    assert not bench.request_trace.entries


async def test_an_order_is_answered_with_its_edit_although_the_watch_was_faster(bench: Bench) -> None:
    """It took effect once; the audit log has who wanted it and why. The next order finds nothing new."""
    base(bench.folder, CHANGED)
    noticed = await bench.reloader.reload("gateway", "the files changed")
    assert (await bench.reloader.reload("gateway", "the files changed")).result is Result.UNCHANGED
    ordered = await bench.reloader.reload("ada", "a new team")
    assert (ordered.result, ordered.who, ordered.why) == (Result.APPLIED, "ada", "a new team")
    assert (ordered.at, ordered.revision, ordered.changes) == (noticed.at, noticed.revision, noticed.changes)
    assert [entry[:3] for entry in bench.request_trace.entries] == [
        ("gateway", "config.applied", "the files changed"),
        ("ada", "config.claimed", "a new team"),
    ]
    assert len(bench.applied) == 1
    assert bench.metric('gateway_config_reloads_total{result="applied"} 1.0')
    assert (await bench.reloader.reload("ada", "again")).result is Result.UNCHANGED


async def test_another_key_takes_effect_under_the_same_revision(bench: Bench) -> None:
    """The revision names where a key is found; nobody is shown what it is."""
    before = bench.current.snapshot
    (bench.folder / "fake.key").write_text("sk-fake-rotated\n")
    ended = await bench.reloader.reload("ada", "rotated")
    assert (ended.result, ended.revision) == (Result.APPLIED, before.revision)
    assert bench.current.snapshot.providers["openai"].credential.reveal() == "sk-fake-rotated"
    ((_, _, _, details),) = bench.request_trace.entries
    assert list(ended.changes) == list(details["changes"]) == ["provider openai: has another key"]
    assert "sk-fake" not in repr((ended, bench.request_trace.entries))


async def test_another_key_of_an_app_is_audited_by_its_fingerprint(bench: Bench) -> None:
    """Who added or removed a key is found; the whole hash stands in the configuration only."""
    base(bench.folder, ("sha256: " + "a" * 64, "sha256: " + "b" * 64))
    ended = await bench.reloader.reload("ada", "rotated")
    ((_, what, why, details),) = bench.request_trace.entries
    assert (ended.result, what, why) == (Result.APPLIED, "config.applied", "rotated")
    assert list(details["changes"]) == [
        "app shop: may call with a further key: sha256 bbbbbbbbbbbb…",
        "app shop: can no longer call with the key: sha256 aaaaaaaaaaaa…",
    ]
    assert "a" * 13 not in repr(bench.request_trace.entries)


async def test_the_same_refusal_is_told_once(bench: Bench) -> None:
    """The watch may read the files again; somebody who asks for it is answered and recorded each time."""
    base(bench.folder, ("contract: direct", "contract: drect"))
    for who in ("gateway", "gateway", "ada", "ada"):
        assert (await bench.reloader.reload(who, "again")).result is Result.REFUSED
    assert [entry[0] for entry in bench.request_trace.entries] == ["gateway", "ada", "ada"]
    base(bench.folder)
    await bench.reloader.reload("gateway", "mended")
    base(bench.folder, ("contract: direct", "contract: drect"))
    await bench.reloader.reload("gateway", "again")
    assert [entry[0] for entry in bench.request_trace.entries] == ["gateway", "ada", "ada", "gateway"]


async def test_settings_that_need_a_restart_are_named(bench: Bench) -> None:
    """As long as the process has others, whatever was reloaded in between."""
    base(bench.folder, more="server: {port: 8099}\nlogging: {level: debug}\n")
    first = await bench.reloader.reload("ada", "a")
    base(bench.folder, CHANGED, more="server: {port: 8099}\n")
    second = await bench.reloader.reload("ada", "b")
    assert first.restart_needed == ("server.port", "logging.level")
    assert second.restart_needed == ("server.port",)


async def test_what_cannot_be_recorded_does_not_take_effect(bench: Bench) -> None:
    """Nothing changes that nobody could find again."""
    before = bench.current.snapshot
    bench.request_trace.failing = True
    base(bench.folder, CHANGED)
    ended = await bench.reloader.reload("ada", "a")
    assert ended.result is Result.REFUSED
    assert "audit log is full" in ended.problems[0].what
    assert bench.current.snapshot is before
    bench.request_trace.failing = False
    assert (await bench.reloader.reload("ada", "again")).result is Result.APPLIED


async def test_a_fault_while_reading_changes_nothing(bench: Bench) -> None:
    """A running gateway outlives its own mistakes; their text may hold anything and is not shown."""
    before = bench.current.snapshot

    def broken() -> Loaded:
        raise KeyError("sk-fake-not-a-secret")

    bench.load = broken
    ended = await bench.reloader.reload("ada", "a")
    assert (ended.result, bench.current.snapshot) == (Result.REFUSED, before)
    assert "KeyError" in ended.problems[0].what
    assert "sk-fake" not in repr(ended)


async def test_one_reload_at_a_time(bench: Bench) -> None:
    """Files are read again only once what was read before has taken effect."""
    reading, most, guard = 0, 0, threading.Lock()

    def load() -> Loaded:
        nonlocal reading, most
        with guard:
            reading += 1
            most = max(most, reading)
        try:
            return loaded(bench.folder / "gateway.yaml")
        finally:
            with guard:
                reading -= 1

    bench.load = load
    await asyncio.gather(*(bench.reloader.reload("ada", str(number)) for number in range(5)))
    assert most == 1


async def test_the_loop_goes_on_while_files_are_read(bench: Bench) -> None:
    """Requests do not wait for YAML."""
    released = threading.Event()

    def slow() -> Loaded:
        assert released.wait(10)
        return loaded(bench.folder / "gateway.yaml")

    bench.load = slow
    reloading = asyncio.create_task(bench.reloader.reload("ada", "a"))
    await asyncio.sleep(0)
    released.set()
    assert (await reloading).result is Result.UNCHANGED


async def test_a_refused_file_is_still_looked_at(bench: Bench) -> None:
    """What would mend it may lie where the configuration in force never looked."""
    base(bench.folder, more="include: [later]\n")
    assert (await bench.reloader.reload("ada", "a")).result is Result.REFUSED
    assert bench.folder / "later" in set(bench.reloader.looked_at())
    assert bench.folder / "gateway.yaml" in set(bench.reloader.looked_at())


def test_the_start_is_recorded_once(bench: Bench) -> None:
    """A restart with the latest revision that is kept adds nothing."""
    bench.reloader.record_start()
    bench.reloader.record_start()
    assert [it.id for it in bench.history.revisions()] == [bench.current.snapshot.revision]
    assert [entry[1] for entry in bench.request_trace.entries] == ["config.started"]


def test_a_damaged_history_keeps_nobody_from_starting(bench: Bench) -> None:
    """What was damaged is reported to whoever asks for it."""
    bench.reloader.record_start()
    (kept,) = (bench.folder / "history").glob("*.json")
    kept.write_text("{")
    bench.reloader.record_start()
    assert [entry[1] for entry in bench.request_trace.entries] == ["config.started"]


def test_all_paths_of_a_configuration_are_looked_at(tmp_path: Path) -> None:
    """Main file, includes, patterns and keys, of a valid one and of one that is not."""
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "a.yaml").write_text("logging: {level: info}\n")
    more = "include: [parts, 'other-*.yaml']\n"
    (tmp_path / "other-1.yaml").write_text("admin: {port: 0}\n")
    expected = {tmp_path / name for name in ("gateway.yaml", "parts", "parts/a.yaml", "other-*.yaml", "other-1.yaml", "fake.key")}
    assert set(loaded(base(tmp_path, more=more)).looked_at) == expected
    with pytest.raises(ConfigInvalid) as invalid:
        loaded(base(tmp_path, ("contract: direct", "contract: drect"), more=more))
    assert set(invalid.value.looked_at) == expected


def test_every_symbolic_link_on_the_way_is_a_place(tmp_path: Path) -> None:
    """As Kubernetes mounts a ConfigMap: the file is a link through a link that is swapped."""
    folder = tmp_path.resolve() / "mount"
    (folder / "..1").mkdir(parents=True)
    (folder / "..1" / "gateway.yaml").write_text("")
    (folder / "..data").symlink_to("..1")
    (folder / "gateway.yaml").symlink_to("..data/gateway.yaml")
    places = places_of([folder / "gateway.yaml"])
    assert {str(folder), str(folder / "..1")} <= set(places.paths)
    assert places.concerns(str(folder / "..data"))
    assert places.concerns(str(folder / "..1" / "gateway.yaml"))
    assert not places.concerns(str(folder / "ledger.sqlite"))
    (folder / "..2").mkdir()
    (folder / "..data.new").symlink_to("..2")
    (folder / "..data.new").replace(folder / "..data")
    assert places_of([folder / "gateway.yaml"]) != places


def test_new_files_in_included_folders_and_patterns_are_noticed(tmp_path: Path) -> None:
    """Only those that an include would read."""
    folder = tmp_path.resolve()
    (folder / "parts").mkdir()
    places = places_of([folder / "parts", folder / "more-*.yaml", folder / "absent" / "a.key"])
    assert places.concerns(str(folder / "parts" / "new.yaml"))
    assert not places.concerns(str(folder / "parts" / "new.txt"))
    assert places.concerns(str(folder / "more-2.yaml"))
    assert places.concerns(str(folder / "absent"))


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    """A configuration that cannot be read does not stop the watch."""
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert str(tmp_path.resolve()) in places_of([tmp_path / "a" / "gateway.yaml"]).paths
