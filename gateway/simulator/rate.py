"""A limit of images a minute: a bucket that refills steadily."""

import math
from collections.abc import Callable

from gateway.simulator.refusal import Refusal

WINDOW_S = 60


class ImageRate:
    """Starts full. ``clock`` gives seconds that never run backwards."""

    def __init__(self, per_minute: int, clock: Callable[[], float]) -> None:
        self.per_minute = per_minute
        self._clock = clock
        self._available = float(per_minute)
        self._filled_at_s = clock()

    def take(self, images: int, model: str, organization: str) -> None:
        """Take that many images from the minute; raises ``Refusal`` (429) where they are not there."""
        now_s = self._clock()
        refilled = (now_s - self._filled_at_s) * self.per_minute / WINDOW_S
        self._available = min(float(self.per_minute), self._available + refilled)
        self._filled_at_s = now_s
        if images > self._available:
            raise self._refusal(images, model, organization)
        self._available -= images

    @property
    def remaining(self) -> int:
        """Whole images left when last taken from."""
        return math.floor(self._available)

    def _refusal(self, images: int, model: str, organization: str) -> Refusal:
        used = self.per_minute - math.floor(self._available)
        possible = images <= self.per_minute
        wait_s = (images - self._available) * WINDOW_S / self.per_minute if possible else float(WINDOW_S)
        wait_ms = max(1, math.ceil(wait_s * 1000))
        counts = f"Limit {self.per_minute}, Used {used}, Requested {images}" if possible else self._never(images)
        advice = f" Please try again in {duration(wait_ms)}." if possible else ""
        message = (
            f"Rate limit reached for {model} (for limit gpt-image) in organization {organization} on input-images per min: "
            f"{counts}.{advice} Visit https://platform.openai.com/account/rate-limits to learn more."
        )
        headers = {"retry-after": str(math.ceil(wait_ms / 1000)), "retry-after-ms": str(wait_ms)}
        return Refusal(message, status=429, type="input-images", code="rate_limit_exceeded", headers=headers)

    def _never(self, images: int) -> str:
        return f"Limit {self.per_minute}, Requested {images}"


def duration(wait_ms: int) -> str:
    """As OpenAI writes it: ``120ms``, ``12s``, ``58.891s``."""
    return f"{wait_ms}ms" if wait_ms < 1000 else f"{wait_ms / 1000:g}s"
