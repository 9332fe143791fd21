"""Room for calls behind litellm: what they may come to is held before they begin, and given back whatever becomes of them."""

from contextlib import ExitStack, suppress
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.core.contract.bridged import CALLS_MAX, COPIES
from gateway.core.outcome import Outcome, Owner, Refusal
from gateway.engine.admission import Admission
from gateway.engine.capacity import BridgedCapacity
from tests.unit.core.samples import PROVIDER, ROUTE

BRIDGED = replace(ROUTE, provider=replace(PROVIDER, dialect="litellm"), upstream_model="stability/stable-image-core")
ANSWER = 1000
SHARE = 0.75


def call(body: Any, app: str = "one") -> Any:
    """As far as room is concerned."""
    return SimpleNamespace(body=SimpleNamespace(for_upstream=lambda model: body), app=SimpleNamespace(id=app))


def test_a_bridged_call_holds_its_request_and_its_answer_as_often_as_they_stand_in_memory() -> None:
    """Also where it fails; a call that is relayed holds nothing."""
    admission = Admission(10, 100_000, SHARE)
    room = BridgedCapacity(admission, ANSWER)
    with suppress(RuntimeError), room(call(SimpleNamespace(length=500)), BRIDGED):
        assert admission.bytes.taken == COPIES * (500 + ANSWER)
        raise RuntimeError
    with room(call(b"x" * 10), ROUTE):
        assert admission.bytes.taken == 0


@pytest.mark.parametrize(("bytes_max", "fit"), [(10**9, CALLS_MAX), (3 * COPIES * ANSWER, 3)])
def test_what_has_no_room_is_the_gateway_s_own_refusal(bytes_max: int, fit: int) -> None:
    """Of calls as of bytes; what ends makes room."""
    room = BridgedCapacity(Admission(10_000, bytes_max, SHARE), ANSWER)
    with ExitStack() as held:
        for app in range(fit):
            held.enter_context(room(call(b"", str(app)), BRIDGED))
        with pytest.raises(Refusal) as refused, room(call(b"", "new"), BRIDGED):
            pass
        assert (refused.value.status, refused.value.diagnosis.owner) == (503, Owner.GATEWAY)
        assert refused.value.diagnosis.outcome is Outcome.NOT_SENT
    with room(call(b""), BRIDGED):
        pass


def test_one_app_leaves_room_for_the_others() -> None:
    """However many calls it makes."""
    room = BridgedCapacity(Admission(10_000, 10**9, SHARE), ANSWER)
    with ExitStack() as held:
        for _ in range(int(CALLS_MAX * SHARE)):
            held.enter_context(room(call(b""), BRIDGED))
        with pytest.raises(Refusal) as refused, room(call(b""), BRIDGED):
            pass
        assert (refused.value.status, refused.value.diagnosis.owner) == (429, Owner.APP_POLICY)
        with room(call(b"", "other"), BRIDGED):
            pass
