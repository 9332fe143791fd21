"""What a provider's headers say of its limits: how much a minute, how much of it is left, and when to come back.

Names and forms of the headers: OpenAI's guide to rate limits, read 2026-11-23. All of them may be absent, and any may be wrong.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from gateway.core.contract.contract import RecordedLimit

WAIT_S_MAX = 3600.0
LIMIT_MAX = 1_000_000_000
# A limit that was lowered below what requests ask for would never be seen again: what was last seen so long ago is not believed.
BELIEVED_S = 300.0
LASTING_ANSWERS_MIN = 5
LASTING_S_MIN = 60.0

_DIMENSIONS = {
    "requests": "requests_per_minute",
    "tokens": "tokens_per_minute",
    "images": "images_per_minute",
    "input-images": "images_per_minute",
}
# Dimension, and the names of the headers that say its limit, what remains of it and when it resets.
_HEADERS = tuple(
    (dimension, f"x-ratelimit-limit-{name}", f"x-ratelimit-remaining-{name}", f"x-ratelimit-reset-{name}")
    for name, dimension in _DIMENSIONS.items()
)
_COUNT = re.compile(r"[0-9]{1,10}")
_SECONDS = re.compile(r"[0-9]{1,10}(\.[0-9]{0,10})?")
# Go writes 58.891s, 6m0s, 1h0m0s and 120ms; its units below are nothing to wait for.
_DURATION = re.compile(r"(?:([0-9]{1,6})h)?(?:([0-9]{1,6})m)?(?:([0-9]{1,6}(?:\.[0-9]{1,9})?)(m?)s)?")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_HTTP_DATE = re.compile(
    rf"[A-Z][a-z]{{2}}, ([0-9]{{2}}) ({'|'.join(_MONTHS)}) ([0-9]{{4}}) ([0-9]{{2}}):([0-9]{{2}}):([0-9]{{2}}) GMT"
)


@dataclass(frozen=True, slots=True)
class Observed:
    """One dimension in one answer. ``limit`` is at least 1: a limit of 0 says nothing of a rate. ``None``: not said.

    ``reset_s`` is when the limit is unused again, in seconds, at most ``WAIT_S_MAX``.
    """

    dimension: str
    limit: int | None
    remaining: int | None
    reset_s: float | None


@dataclass(frozen=True, slots=True)
class Sighting:
    """The same limit in so many answers in a row, the first and the last of them when, against what was recorded then."""

    limit: int
    recorded: int | None
    answers: int
    first: datetime
    last: datetime

    @property
    def lasting(self) -> bool:
        """Whether the headers have said for long enough what the contract does not."""
        spanned_s = (self.last - self.first).total_seconds()
        return self.limit != self.recorded and self.answers >= LASTING_ANSWERS_MIN and spanned_s >= LASTING_S_MIN


@dataclass(frozen=True, slots=True)
class Reading:
    """A limit as recorded in a contract and as its provider's headers say it. ``differs``: they have for a while."""

    contract: str
    model: str
    dimension: str
    recorded: int | None
    recorded_on: date | None
    observed: int | None
    differs: bool

    @property
    def sentence(self) -> str:
        """The difference in words, for those who keep the contract."""
        counted = self.dimension.replace("_", " ")
        recorded = f"the dashboard was recorded as {self.recorded} {counted} on {self.recorded_on}"
        said = f"no {counted} were recorded" if self.recorded is None else recorded
        return f"{self.contract}, {self.model}: {said}, the headers say {self.observed}"


def observed_limits(headers: Mapping[str, str]) -> tuple[Observed, ...]:
    """What the ``x-ratelimit-*`` headers, by lower-case name, say; nothing of a dimension without any that can be read."""
    found = (
        Observed(dimension, _count(headers.get(limit)) or None, _count(headers.get(remaining)), _duration_s(headers.get(reset)))
        for dimension, limit, remaining, reset in _HEADERS
    )
    return tuple(it for it in found if (it.limit, it.remaining, it.reset_s) != (None, None, None))


def exhausted_s(observed: Iterable[Observed]) -> float | None:
    """How long nothing is left, in seconds; ``None`` where something is, or where nobody says how long."""
    waits = [it.reset_s for it in observed if it.remaining == 0 and it.reset_s]
    return max(waits, default=None)


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """How long the provider asks to be left alone, in seconds, at most ``WAIT_S_MAX``; ``None`` where it does not.

    ``retry-after-ms`` comes first, as in OpenAI's SDKs; ``retry-after`` is seconds or an HTTP date (RFC 9110, 10.2.3).
    """
    wait_ms = _seconds(headers.get("retry-after-ms", ""))
    if wait_ms:
        return min(wait_ms / 1000, WAIT_S_MAX)
    text = headers.get("retry-after", "")
    wait_s = _seconds(text)
    if wait_s is None:
        at = _http_date(text)
        wait_s = (at - now).total_seconds() if at else 0.0
    return min(wait_s, WAIT_S_MAX) if wait_s > 0 else None


def seen(sighting: Sighting | None, limit: int, recorded: int | None, now: datetime) -> Sighting:
    """The same once more, or another limit, or against another record, for the first time."""
    if sighting is None or (sighting.limit, sighting.recorded) != (limit, recorded):
        return Sighting(limit, recorded, 1, now, now)
    return replace(sighting, answers=sighting.answers + 1, first=min(sighting.first, now), last=now)


def corrected(recorded: RecordedLimit, sighting: Sighting | None, now: datetime) -> RecordedLimit:
    """The recorded limit, or the one last seen in headers where that is lower and not older than ``BELIEVED_S``."""
    if sighting is None or sighting.limit >= recorded.value or abs((now - sighting.last).total_seconds()) > BELIEVED_S:
        return recorded
    return replace(recorded, value=sighting.limit)


def _count(text: str | None) -> int | None:
    return min(int(text), LIMIT_MAX) if text and _COUNT.fullmatch(text) else None


def _seconds(text: str) -> float | None:
    return float(text) if _SECONDS.fullmatch(text) else None


def _duration_s(text: str | None) -> float | None:
    found = _DURATION.fullmatch(text) if text else None
    if found is None:
        return None
    hours, minutes, number, milli = found.groups()
    seconds = float(number or 0) / (1000 if milli else 1)
    return min(int(hours or 0) * 3600 + int(minutes or 0) * 60 + seconds, WAIT_S_MAX)


def _http_date(text: str) -> datetime | None:
    found = _HTTP_DATE.fullmatch(text)
    if found is None:
        return None
    day, month, year, hour, minute, second = found.groups()
    try:
        return datetime(int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second), tzinfo=UTC)
    except ValueError:
        return None
