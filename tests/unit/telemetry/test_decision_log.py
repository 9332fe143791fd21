"""Routing decisions on disk: bounded, readable after a crash, lost rather than in the way."""

from dataclasses import replace
from pathlib import Path

import pytest

from gateway.core.routing.decision import Decision, decision_of
from gateway.core.routing.eligibility import Conditions
from gateway.core.routing.plan import plan
from gateway.telemetry.decision_log import DecisionLog, decisions
from tests.unit.core.samples import APP, MODEL, NOW, REQUEST, snapshot

CONDITIONS = Conditions(NOW)
DECISION = decision_of(REQUEST, APP, "abc123", CONDITIONS, plan(REQUEST, APP, snapshot(MODEL), CONDITIONS))


def numbered(number: int) -> Decision:
    return replace(DECISION, draw=number)


async def noted(log: DecisionLog, *numbers: int) -> None:
    for number in numbers:
        log.note(numbered(number))
    log.flush()


async def test_what_was_noted_is_read_again_oldest_first(tmp_path: Path) -> None:
    """Every member of it, and over restarts."""
    path = tmp_path / "kept" / "decisions.jsonl"
    await noted(DecisionLog(path, 100), 1, 2)
    await noted(DecisionLog(path, 100), 3)
    assert decisions(path, 10) == (numbered(1), numbered(2), numbered(3))
    assert decisions(path, 2) == (numbered(2), numbered(3))


async def test_old_decisions_go_and_the_latest_half_at_least_stays(tmp_path: Path) -> None:
    """The disk holds no more than was configured."""
    path, log = tmp_path / "decisions.jsonl", DecisionLog(tmp_path / "decisions.jsonl", 10)
    for number in range(57):
        await noted(log, number)
    kept = [decision.draw for decision in decisions(path, 1_000)]
    assert 5 <= len(kept) <= 10
    assert kept == list(range(57 - len(kept), 57))


async def test_none_are_kept_where_none_are_wanted(tmp_path: Path) -> None:
    """No file appears."""
    await noted(DecisionLog(tmp_path / "decisions.jsonl", 0), 1)
    assert not (tmp_path / "decisions.jsonl").exists()


async def test_a_line_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    """A crash in the middle of a line costs that line only."""
    path = tmp_path / "decisions.jsonl"
    await noted(DecisionLog(path, 100), 1)
    with path.open("ab") as file:
        file.write(b'{"at": "20')
    await noted(DecisionLog(path, 100), 2)
    assert decisions(path, 10) == (numbered(1), numbered(2))


async def test_a_folder_that_cannot_be_written_costs_decisions_and_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are counted; once there is room again, the next ones are kept."""
    (tmp_path / "taken").write_text("")
    log = DecisionLog(tmp_path / "taken" / "decisions.jsonl", 100)
    await noted(log, 1, 2)
    assert log.lost == 2
    (tmp_path / "taken").unlink()
    await noted(log, 3)
    assert [it.draw for it in decisions(tmp_path / "taken" / "decisions.jsonl", 10)] == [3]
    assert "decisions are not kept" in capsys.readouterr().out


def test_nothing_recorded_is_no_error(tmp_path: Path) -> None:
    """A gateway that has just been installed has none."""
    assert decisions(tmp_path / "decisions.jsonl", 10) == ()
