"""Faults on demand: which requests they strike, and what is wrong with a faulty fault."""

import json
from typing import Any

import pytest

from gateway.simulator.faults import FAULTS_MAX, FaultBook
from gateway.simulator.refusal import Refusal


def book(*faults: dict[str, Any]) -> FaultBook:
    """A book with these faults."""
    found = FaultBook()
    for fault in faults:
        found.add(json.dumps(fault).encode())
    return found


def test_without_faults_nothing_strikes() -> None:
    """The usual case."""
    strike = FaultBook().strike()
    assert (strike.kind, strike.latency_ms, strike.limits) == ("", 0, ())


def test_times_counts_down_and_the_fault_is_gone() -> None:
    """The next K requests, then none."""
    faults = book({"kind": "hang", "times": 2})
    assert [faults.strike().kind for _ in range(3)] == ["hang", "hang", ""]
    assert faults.listed() == []


@pytest.mark.parametrize(("share", "struck"), [(1.0, "11111111"), (0.5, "01010101"), (0.25, "00010001"), (0.3, "00010010")])
def test_a_share_strikes_evenly_and_always_the_same(share: float, struck: str) -> None:
    """Every 1/share-th request."""
    faults = book({"kind": "hang", "share": share})
    assert "".join("1" if faults.strike().kind else "0" for _ in range(8)) == struck


def test_a_fault_stands_until_it_is_cleared() -> None:
    """Neither times nor share: every request."""
    faults = book({"kind": "truncate"})
    assert {faults.strike().kind for _ in range(5)} == {"truncate"}
    faults.clear()
    assert faults.strike().kind == ""


def test_latencies_add_up_and_the_first_other_fault_wins() -> None:
    """The outranked fault keeps its times for later."""
    faults = book(
        {"kind": "latency", "ms": 5},
        {"kind": "hang", "times": 1},
        {"kind": "truncate", "times": 1},
        {"kind": "latency", "ms": 7},
    )
    strikes = [faults.strike() for _ in range(3)]
    assert [(strike.kind, strike.latency_ms) for strike in strikes] == [("hang", 12), ("truncate", 12), ("", 12)]


@pytest.mark.parametrize(
    ("specification", "param"),
    [
        ("[]", "kind"),
        ("{", "kind"),
        ("{}", "kind"),
        ('{"kind": "flood"}', "kind"),
        ('{"kind": "status"}', "status"),
        ('{"kind": "status", "status": 200}', "status"),
        ('{"kind": "status", "status": 500, "error": {"colour": 1}}', "error.colour"),
        ('{"kind": "status", "status": 500, "headers": {"retry-after": 1}}', "headers.retry-after"),
        ('{"kind": "status", "status": 500, "headers": {"x-a": "1\\n"}}', "headers.x-a"),
        ('{"kind": "status", "status": 500, "headers": {"x a": "1"}}', "headers.x a.[key]"),
        ('{"kind": "hang", "times": 0}', "times"),
        ('{"kind": "hang", "share": 1.5}', "share"),
        ('{"kind": "hang", "ms": 5}', "ms"),
        ('{"kind": "latency", "ms": -1}', "ms"),
        ('{"kind": "rate_limit"}', "per_minute"),
        ('{"kind": "fewer_images", "images": 0}', "images"),
    ],
)
def test_a_faulty_fault_names_the_field(specification: str, param: str) -> None:
    """400, and nothing is active."""
    faults = FaultBook()
    with pytest.raises(Refusal) as caught:
        faults.add(specification.encode())
    assert (caught.value.status, caught.value.body["error"]["param"]) == (400, param)
    assert faults.listed() == []


def test_the_number_of_faults_is_bounded() -> None:
    """One more is refused."""
    faults = book(*[{"kind": "hang"}] * FAULTS_MAX)
    with pytest.raises(Refusal, match="at most"):
        faults.add(b'{"kind": "hang"}')


def test_a_rate_limit_refills_steadily() -> None:
    """Five a minute: the sixth waits twelve seconds; what could never fit is told so."""
    now_s = 100.0
    faults = FaultBook(lambda: now_s)
    faults.add(b'{"kind": "rate_limit", "per_minute": 5}')

    def take(images: int) -> dict[str, Any] | None:
        try:
            faults.strike().limits[0].take(images, "gpt-image-2", "org-x")
        except Refusal as refusal:
            return {"status": refusal.status, **refusal.body["error"], **refusal.headers}
        return None

    assert [take(4), take(1)] == [None, None]
    refused = take(1)
    assert refused is not None
    assert refused["message"].startswith(
        "Rate limit reached for gpt-image-2 (for limit gpt-image) in organization org-x on input-images per min: "
        "Limit 5, Used 5, Requested 1. Please try again in 12s."
    )
    assert (refused["status"], refused["type"], refused["code"]) == (429, "input-images", "rate_limit_exceeded")
    assert (refused["retry-after"], refused["retry-after-ms"]) == ("12", "12000")
    now_s += 11.5
    assert take(1) is not None
    now_s += 0.5
    assert take(1) is None
    assert "Limit 5, Requested 6." in (take(6) or {})["message"]
