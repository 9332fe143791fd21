"""Room that apps share: one cannot take it from the others."""

from contextlib import suppress

import pytest

from gateway.core.outcome import Owner, Refusal
from gateway.engine.admission import Admission, Pool


def pool(size: int = 100, share: float = 0.75) -> Pool:
    return Pool("requests_in_flight", "requests", size, share)


def filled(room: Pool, app: str) -> int:
    """How much an app gets that takes all it can, one by one."""
    for count in range(room.size + 1):
        try:
            room.take(app, 1)
        except Refusal:
            return count
    raise AssertionError("there is no end")


def test_alone_an_app_has_most_of_it_and_the_next_one_finds_room() -> None:
    """Also where several take what they can."""
    room = pool(10_000)
    assert [filled(room, f"app-{number}") for number in range(6)] == [7_500, 1_875, 468, 117, 30, 7]
    room.take("new", 1)


def test_whoever_is_over_its_share_is_told_by_name() -> None:
    """With a 429 of its own; a pool that is full is the gateway's 503."""
    room = pool(4)
    filled(room, "greedy")
    with pytest.raises(Refusal, match="'greedy'") as refused:
        room.take("greedy", 1)
    assert (refused.value.status, refused.value.code, refused.value.diagnosis.owner) == (
        429,
        "app_share_exceeded",
        Owner.APP_POLICY,
    )
    assert refused.value.diagnosis.retryable
    room.take("other", 1)
    with pytest.raises(Refusal) as refused:
        room.take("third", 1)
    assert (refused.value.status, refused.value.code, refused.value.diagnosis.owner) == (503, "requests_in_flight", Owner.GATEWAY)


def test_the_only_request_of_an_app_may_take_all_that_is_free() -> None:
    """Otherwise a body that is allowed could never be sent."""
    admission = Admission(10, 1000, 0.75)
    with admission.enter("a") as first:
        first.check(1000)
        first.hold(600)
        first.hold(1000)
        assert admission.bytes.taken == 1000
    with admission.enter("a") as first, admission.enter("a") as second:
        first.hold(600)
        with pytest.raises(Refusal) as refused:
            second.hold(200)
        assert refused.value.code == "app_share_exceeded"


def test_what_was_held_is_given_back() -> None:
    """Of requests and of bytes, whatever became of the request."""
    admission = Admission(10, 1000, 0.5)
    for _ in range(20):
        with suppress(RuntimeError), admission.enter("a") as lease:
            lease.hold(10)
            lease.hold(400)
            raise RuntimeError
    assert (admission.requests.taken, admission.bytes.taken) == (0, 0)
