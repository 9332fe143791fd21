"""What readiness walks have found: kept through a restart, in force at once, and never believed where it cannot be read."""

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from gateway.core.money.amount import Basis, Cost, unknown
from gateway.core.outcome import Owner
from gateway.core.readiness.path import Step, StepState, Verdict, Walk, passed, subject_of
from gateway.core.routing.eligibility import Reason
from gateway.core.snapshot import Snapshot
from gateway.engine.routes.readiness_results import ReadinessUnavailable, ReadyResults, walk_report
from gateway.reports.operations.routes import readiness_document
from tests.unit.core.samples import MODEL, NOW, ROUTE, snapshot

ROUTES = tuple(replace(ROUTE, id=name, require_ready=True, ready_days_max=10) for name in ("direct", "other"))
SNAPSHOT = snapshot(replace(MODEL, routes=ROUTES))
COST = Cost(Decimal("0.0048"), "USD", Basis.COMPUTED)
STOP = Step("size", StepState.STOPPED, "too large", Owner.PROVIDER, "look", "wait", unknown("USD"))
PASSED = Walk("direct", subject_of(ROUTE), NOW, True, (passed("minimal", "it works", COST),), "gw_ready_1", COST)
STOPPED = replace(PASSED, at=NOW + timedelta(hours=1), steps=(*PASSED.steps, STOP))


class World:
    """The configuration in force, the time, and what was warned of."""

    def __init__(self, path: Path) -> None:
        self.path, self.now, self.snapshot = path, NOW, SNAPSHOT
        self.warnings: list[str] = []

    def results(self) -> ReadyResults:
        """As a gateway that starts now has them."""
        return ReadyResults(self.path, self._in_force, lambda: self.now, self.warnings.append)

    def _in_force(self) -> Snapshot:
        return self.snapshot


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "history" / "readiness.json")


async def test_routes_that_require_readiness_are_held_until_a_walk_passes(world: World) -> None:
    """Each on its own, and again once a walk has stopped."""
    results = world.results()
    assert set(results.suspensions()) == {"direct", "other"}
    await results.keep(PASSED)
    assert set(results.suspensions()) == {"other"}
    assert results.verdicts() == {"direct": Verdict.READY, "other": Verdict.UNPROVEN}
    await results.keep(STOPPED)
    assert [suspension.reason for suspension in results.suspensions()["direct"]] == [Reason.NOT_READY]


async def test_a_proof_ends_by_itself(world: World) -> None:
    """After its last day, without anybody doing anything."""
    results = world.results()
    await results.keep(PASSED)
    world.now = NOW + timedelta(days=10)
    assert "direct" not in results.suspensions()
    world.now += timedelta(seconds=1)
    assert "direct" in results.suspensions()


async def test_a_new_configuration_counts_at_once(world: World) -> None:
    """A route that requires readiness no longer is free; another model under its id must be proven anew."""
    results = world.results()
    await results.keep(PASSED)
    world.snapshot = snapshot(
        replace(MODEL, routes=(replace(ROUTES[0], upstream_model="gpt-image-3"), replace(ROUTES[1], require_ready=False)))
    )
    assert set(results.suspensions()) == {"direct"}


async def test_a_restart_keeps_all_of_it(world: World) -> None:
    """Steps, costs and proof, in a file for its owner's eyes."""
    results = world.results()
    await results.keep(PASSED)
    await results.keep(STOPPED)
    again = world.results()
    assert dict(again.known()) == dict(results.known())
    assert again.known()["direct"].walk == STOPPED
    assert (world.path.stat().st_mode & 0o777) == 0o600
    assert not world.warnings


async def test_results_of_routes_that_are_gone_are_let_go(world: World) -> None:
    """The file does not grow for ever."""
    results = world.results()
    await results.keep(replace(PASSED, route="other"))
    world.snapshot = snapshot(replace(MODEL, routes=ROUTES[:1]))
    await results.keep(PASSED)
    assert set(world.results().known()) == {"direct"}


FAULTY = {"walk": walk_report(PASSED) | {"at": "2026-11-23T12:00:00"}, "proof": None}


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"routes": []}', '{"routes": {"a": 7}}', json.dumps({"routes": {"direct": FAULTY}})]
)
def test_a_faulty_file_proves_nothing(world: World, content: str) -> None:
    """Its routes are held, and somebody is told."""
    world.path.parent.mkdir()
    world.path.write_text(content)
    assert set(world.results().suspensions()) == {"direct", "other"}
    assert "readiness.json" in world.warnings[0]


async def test_what_cannot_be_written_does_not_count(tmp_path: Path) -> None:
    """It is said, with where the money stands."""
    (tmp_path / "file").write_text("")
    results = World(tmp_path / "file" / "readiness.json").results()
    with pytest.raises(ReadinessUnavailable, match="in the ledger"):
        await results.keep(PASSED)
    assert "direct" in results.suspensions()


async def test_a_route_is_told_in_one_line(world: World) -> None:
    """How ready it is, and why."""
    results = world.results()
    await results.keep(PASSED)
    await results.keep(STOPPED)
    known = results.known().get("direct")
    assert readiness_document(ROUTES[0], known, NOW) == {
        "verdict": "not_ready",
        "required": True,
        "walked_at": STOPPED.at.isoformat(),
        "stopped_at": "size",
        "owner": "provider",
        "proven_at": None,
    }
    assert readiness_document(ROUTES[1], None, NOW)["verdict"] == "unproven"
