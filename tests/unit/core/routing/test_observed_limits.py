"""Rate-limit headers: what is read of them, what is not believed, and when they correct what people recorded."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.contract.contract import RecordedLimit
from gateway.core.routing.observed_limits import (
    BELIEVED_S,
    LIMIT_MAX,
    WAIT_S_MAX,
    Observed,
    Reading,
    Sighting,
    corrected,
    exhausted_s,
    observed_limits,
    retry_after_s,
    seen,
)
from tests.unit.core.samples import NOW

IMAGES = "images_per_minute"
RECORDED = RecordedLimit("gpt-image-2", IMAGES, 50, date(2026, 11, 23), "dashboard")


def test_all_dimensions_are_read() -> None:
    """Requests, tokens, images and input images, the last two being the same."""
    headers = {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "59",
        "x-ratelimit-reset-requests": "1s",
        "x-ratelimit-limit-tokens": "150000",
        "x-ratelimit-remaining-tokens": "149984",
        "x-ratelimit-reset-tokens": "6m0s",
        "x-ratelimit-limit-images": "20",
        "x-ratelimit-remaining-images": "0",
        "x-ratelimit-reset-images": "58.891s",
        "x-ratelimit-limit-input-images": "250",
        "x-ratelimit-remaining-input-images": "249",
        "x-ratelimit-reset-input-images": "240ms",
        "x-request-id": "req_1",
    }
    assert observed_limits(headers) == (
        Observed("requests_per_minute", 60, 59, 1.0),
        Observed("tokens_per_minute", 150_000, 149_984, 360.0),
        Observed(IMAGES, 20, 0, 58.891),
        Observed(IMAGES, 250, 249, 0.24),
    )


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("limit", "20", (20, None, None)),
        ("limit", "9999999999", (LIMIT_MAX, None, None)),
        ("limit", "0", None),
        ("remaining", "0", (None, 0, None)),
        *[("limit", text, None) for text in ("", "-1", "1.5", "1e9", " 20", "20, 20", "٢٠", "unlimited", "9" * 5000)],
        ("reset", "0s", (None, None, 0.0)),
        ("reset", "1h0m30.5s", (None, None, 3600.0)),
        ("reset", "59m59s", (None, None, 3599.0)),
        ("reset", "120ms", (None, None, 0.12)),
        ("reset", "999999h999999m999999s", (None, None, WAIT_S_MAX)),
        *[("reset", text, None) for text in ("", "10", "-1s", "12µs", "1s1m", "s", "1.s", "1 s", "1s\n", "9" * 5000 + "s")],
    ],
)
def test_one_header_says_what_it_says(name: str, text: str, found: tuple[object, ...] | None) -> None:
    """What cannot be read is as if it were absent; what is too large is cut."""
    expected = () if found is None else (Observed("requests_per_minute", *found),)  # type: ignore[arg-type]  # by position
    assert observed_limits({f"x-ratelimit-{name}-requests": text}) == expected


@given(st.dictionaries(st.sampled_from(["limit", "remaining", "reset"]), st.text(max_size=200)), st.text(max_size=200))
def test_any_text_is_survived(texts: dict[str, str], wait: str) -> None:
    """Whatever the headers hold, what is read lies within its bounds."""
    for it in observed_limits({f"x-ratelimit-{name}-images": text for name, text in texts.items()}):
        assert it.limit is None or 1 <= it.limit <= LIMIT_MAX
        assert it.remaining is None or 0 <= it.remaining <= LIMIT_MAX
        assert it.reset_s is None or 0 <= it.reset_s <= WAIT_S_MAX
    for name in ("retry-after", "retry-after-ms"):
        wait_s = retry_after_s({name: wait}, NOW)
        assert wait_s is None or 0 < wait_s <= WAIT_S_MAX


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "0"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "9999999"}, WAIT_S_MAX),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "1" * 400}, None),
        ({"retry-after-ms": "1500", "retry-after": "7"}, 1.5),
        ({"retry-after-ms": "99999999"}, WAIT_S_MAX),
        ({"retry-after-ms": "0", "retry-after": "7"}, 7.0),
        ({"retry-after-ms": "soon", "retry-after": "7"}, 7.0),
        ({"retry-after": "Mon, 23 Nov 2026 12:00:20 GMT"}, 20.0),
        ({"retry-after": "Mon, 23 Nov 2026 11:59:59 GMT"}, None),
        ({"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT"}, WAIT_S_MAX),
        ({"retry-after": "Mon, 31 Feb 2026 12:00:00 GMT"}, None),
        ({"retry-after": "Mon, 23 Nov 2026 24:00:00 GMT"}, None),
        ({"retry-after": "Mon, 23 Nov 2026 12:00:20 CET"}, None),
    ],
)
def test_when_to_come_back(headers: dict[str, str], wait_s: float | None) -> None:
    """Milliseconds before seconds or a date; a wait of nothing is none, and none is longer than an hour."""
    assert retry_after_s(headers, NOW) == wait_s


@pytest.mark.parametrize(
    ("observed", "wait_s"),
    [
        ((), None),
        ((Observed(IMAGES, 5, 0, 12.0),), 12.0),
        ((Observed(IMAGES, 5, 0, None),), None),
        ((Observed(IMAGES, 5, 0, 0.0),), None),
        ((Observed(IMAGES, 5, 1, 12.0),), None),
        ((Observed(IMAGES, 5, None, 12.0),), None),
        ((Observed(IMAGES, 5, 0, 12.0), Observed("tokens_per_minute", 5, 0, 20.0)), 20.0),
    ],
)
def test_a_limit_is_exhausted_until_its_reset(observed: tuple[Observed, ...], wait_s: float | None) -> None:
    """Where several are, until the last of them is free."""
    assert exhausted_s(observed) == wait_s


@pytest.mark.parametrize(
    ("limit", "age_s", "value"),
    [(20, 0, 20), (20, BELIEVED_S, 20), (20, BELIEVED_S + 1, 50), (20, -BELIEVED_S - 1, 50), (50, 0, 50), (80, 0, 50)],
)
def test_headers_correct_a_limit_downwards_only(limit: int, age_s: float, value: int) -> None:
    """And only while they are fresh, so that a wrong one heals by itself."""
    sighting = seen(None, limit, 50, NOW)
    found = corrected(RECORDED, sighting, NOW + timedelta(seconds=age_s))
    assert (found.value, found.model, found.dimension) == (value, "gpt-image-2", IMAGES)


def test_without_headers_the_record_counts() -> None:
    """What was never observed stays as it is."""
    assert corrected(RECORDED, None, NOW) is RECORDED


@pytest.mark.parametrize(
    ("sightings", "lasting"),
    [
        ([(20, 50, 0), (20, 50, 15), (20, 50, 30), (20, 50, 45), (20, 50, 60)], True),
        ([(20, 50, 0), (20, 50, 15), (20, 50, 30), (20, 50, 45), (20, 50, 59)], False),
        ([(20, 50, 0), (20, 50, 15), (20, 50, 30), (20, 50, 60)], False),
        ([(20, 50, 0), (20, 50, 15), (21, 50, 30), (20, 50, 45), (20, 50, 60), (20, 50, 75), (20, 50, 90)], False),
        ([(20, 50, 0), (20, 50, 15), (20, 30, 30), (20, 30, 45), (20, 30, 60)], False),
        ([(50, 50, second) for second in range(0, 600, 10)], False),
        ([(20, None, second) for second in range(0, 75, 15)], True),
        ([(80, 50, second) for second in range(0, 75, 15)], True),
        ([(20, 50, 0), (20, 50, -3600), (20, 50, -3590), (20, 50, -3580), (20, 50, -3540)], True),
    ],
)
def test_a_difference_lasts_after_five_answers_in_a_minute(sightings: list[tuple[int, int | None, float]], lasting: bool) -> None:
    """The same limit each time, against the same record; upwards counts as well as downwards."""
    found: Sighting | None = None
    for limit, recorded, second in sightings:
        found = seen(found, limit, recorded, NOW + timedelta(seconds=second))
    assert found is not None
    assert found.lasting is lasting


def test_a_difference_is_a_sentence() -> None:
    """It names contract, model, what was recorded when, and what the headers say."""
    differs = Reading("openai-direct", "gpt-image-2", IMAGES, 50, date(2026, 11, 23), 20, differs=True)
    assert differs.sentence == (
        "openai-direct, gpt-image-2: the dashboard was recorded as 50 images per minute on 2026-11-23, the headers say 20"
    )
    unrecorded = Reading("openai-direct", "gpt-image-2", "tokens_per_minute", None, None, 20, differs=True)
    assert unrecorded.sentence == "openai-direct, gpt-image-2: no tokens per minute were recorded, the headers say 20"
