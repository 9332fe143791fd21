"""What operators switch by hand: in force at once, for a while, through a restart."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.core.routing.eligibility import Reason
from gateway.engine.routes.overrides import OVERRIDE_S_MAX, OVERRIDES_MAX, Overrides, OverridesUnavailable, Standing
from tests.unit.core.samples import NOW


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self):
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def overrides(tmp_path: Path, clock: Clock) -> Overrides:
    return Overrides(tmp_path / "history" / "overrides.json", clock)


@pytest.mark.parametrize("state", list(Standing))
async def test_a_route_taken_out_is_held(overrides: Overrides, state: Standing) -> None:
    """Draining and disabled both keep new requests away; callers learn neither who nor why."""
    assert not overrides.suspensions()
    put = await overrides.put("direct", state, 60, "ada", "the secret reason")
    (suspension,) = overrides.suspensions()["direct"]
    assert (suspension.reason, suspension.until) == (Reason.OVERRIDE, put.until)
    assert state in suspension.what
    assert "secret" not in suspension.what
    assert "ada" not in suspension.what


async def test_it_ends_by_itself(overrides: Overrides, clock: Clock) -> None:
    """At its time and not before, each on its own."""
    await overrides.put("short", Standing.DRAINING, 60, "ada", "a")
    await overrides.put("long", Standing.DRAINING, 600, "ada", "b")
    clock.now = NOW + timedelta(seconds=59)
    assert set(overrides.suspensions()) == {"short", "long"}
    clock.now = NOW + timedelta(seconds=60)
    assert set(overrides.suspensions()) == set(overrides.in_force()) == {"long"}
    clock.now = NOW + timedelta(seconds=600)
    assert not overrides.suspensions()


async def test_lifting_ends_it_at_once(overrides: Overrides) -> None:
    """And says whether there was one."""
    await overrides.put("direct", Standing.DISABLED, 60, "ada", "a")
    lifted = await overrides.lift("direct")
    assert lifted is not None
    assert lifted.who == "ada"
    assert not overrides.suspensions()
    assert await overrides.lift("direct") is None


async def test_a_later_one_takes_the_earlier_one_s_place(overrides: Overrides) -> None:
    """A route has one override."""
    await overrides.put("direct", Standing.DRAINING, 60, "ada", "a")
    await overrides.put("direct", Standing.DISABLED, 600, "bob", "b")
    (kept,) = overrides.in_force().values()
    assert (kept.state, kept.who) == (Standing.DISABLED, "bob")


async def test_a_restart_keeps_them(tmp_path: Path, clock: Clock) -> None:
    """Those that have not ended meanwhile."""
    path = tmp_path / "overrides.json"
    first = Overrides(path, clock)
    await first.put("short", Standing.DRAINING, 60, "ada", "a")
    await first.put("long", Standing.DISABLED, 600, "ada", "why not")
    clock.now = NOW + timedelta(seconds=100)
    assert Overrides(path, clock).in_force() == {"long": first.in_force()["long"]}
    assert (path.stat().st_mode & 0o777) == 0o600


async def test_a_clock_that_was_set_back_prolongs_nothing(tmp_path: Path, clock: Clock) -> None:
    """A restarted gateway keeps no override for longer than one may last."""
    path = tmp_path / "overrides.json"
    await Overrides(path, clock).put("direct", Standing.DRAINING, OVERRIDE_S_MAX, "ada", "a")
    clock.now = NOW - timedelta(days=365)
    (kept,) = Overrides(path, clock).in_force().values()
    assert kept.until == clock.now + timedelta(seconds=OVERRIDE_S_MAX)


@pytest.mark.parametrize("for_s", [0, -1, OVERRIDE_S_MAX + 1, float("nan"), float("inf")])
async def test_it_lasts_at_most_seven_days(overrides: Overrides, for_s: float) -> None:
    """What is to last longer belongs into the file."""
    with pytest.raises(ValueError, match="604800"):
        await overrides.put("direct", Standing.DRAINING, for_s, "ada", "a")


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "{}", '{"overrides": [{}]}', '{"overrides": [7]}', "\x00", '{"overrides": null}']
    + [
        json.dumps({"overrides": [{"route": "r", "state": "gone", "since": s, "until": s, "who": "a", "why": "b"}]})
        for s in ("2026-11-23T12:00:00+00:00", "2026-11-23T12:00:00", "never")
    ],
)
def test_a_faulty_file_is_refused(tmp_path: Path, clock: Clock, content: str) -> None:
    """A route that was taken out does not come back unseen."""
    path = tmp_path / "overrides.json"
    path.write_text(content)
    with pytest.raises(OverridesUnavailable, match=r"overrides\.json"):
        Overrides(path, clock)


async def test_what_cannot_be_written_does_not_take_effect(tmp_path: Path, clock: Clock) -> None:
    """Neither setting nor lifting."""
    (tmp_path / "file").write_text("")
    overrides = Overrides(tmp_path / "file" / "overrides.json", clock)
    with pytest.raises(OverridesUnavailable, match="cannot be written"):
        await overrides.put("direct", Standing.DRAINING, 60, "ada", "a")
    assert not overrides.suspensions()


async def test_their_number_is_bounded(tmp_path: Path, clock: Clock) -> None:
    """Ended ones do not count."""
    path, until = tmp_path / "overrides.json", (NOW + timedelta(seconds=60)).isoformat()
    one = {"state": "draining", "since": NOW.isoformat(), "until": until, "who": "ada", "why": "a"}
    path.write_text(json.dumps({"overrides": [one | {"route": f"r{number}"} for number in range(OVERRIDES_MAX)]}))
    overrides = Overrides(path, clock)
    with pytest.raises(OverridesUnavailable, match=str(OVERRIDES_MAX)):
        await overrides.put("direct", Standing.DRAINING, 60, "ada", "a")
    clock.now = NOW + timedelta(seconds=61)
    await overrides.put("direct", Standing.DRAINING, 60, "ada", "a")
    assert set(overrides.suspensions()) == {"direct"}


async def test_concurrent_orders_lose_nothing(tmp_path: Path, clock: Clock, overrides: Overrides) -> None:
    """Each of many at once is in force and on disk."""
    await asyncio.gather(*(overrides.put(f"r{number}", Standing.DRAINING, 60, "ada", "a") for number in range(20)))
    again = Overrides(tmp_path / "history" / "overrides.json", clock)
    assert set(overrides.suspensions()) == set(again.suspensions()) == {f"r{number}" for number in range(20)}
