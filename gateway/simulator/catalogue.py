"""The models that the simulator knows, as data.

Names, qualities, sizes and token factors: OpenAI's Images API reference and image guide as of 2026-11-23; the factors are those
of OpenAI's own calculator, the table of the older models is the guide's. ``released_on`` is the date in the snapshot's name where
there is one, otherwise the month of the announcement. Absent on purpose: gpt-image-2.6 (no token formula is published),
gpt-image-1 (shut down 2026-10-23), dall-e-2 and dall-e-3 (retired 2026-05-12).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class InputFidelity(StrEnum):
    """What becomes of ``input_fidelity`` on an edit."""

    ACCEPTED = "accepted"
    UNSUPPORTED = "unsupported"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Model:
    """``factors`` (quality to token factor) and free sizes, or ``table`` (size, then quality, to tokens) and only those sizes.

    ``edit_extras`` and ``extras`` are parameters beyond those that every model has.
    """

    id: str
    released_on: date
    qualities: tuple[str, ...]
    factors: Mapping[str, int] | None = None
    table: Mapping[str, Mapping[str, int]] | None = None
    transparent_in_preview: bool = False
    input_fidelity: InputFidelity = InputFidelity.UNKNOWN
    extras: frozenset[str] = frozenset()
    edit_extras: frozenset[str] = frozenset()


_THREE = ("low", "medium", "high")
_FIVE = ("low", "medium", "high", "xhigh", "max")
_FACTORS_2 = {"low": 16, "medium": 48, "high": 96}
_FACTORS_2_5 = {"low": 16, "medium": 24, "high": 48, "xhigh": 64, "max": 96}
_TABLE_1 = {
    "1024x1024": {"low": 272, "medium": 1056, "high": 4160},
    "1024x1536": {"low": 408, "medium": 1584, "high": 6240},
    "1536x1024": {"low": 400, "medium": 1568, "high": 6208},
}


def _second(id: str) -> Model:
    fidelity = InputFidelity.UNSUPPORTED
    return Model(id, date(2026, 4, 21), _THREE, _FACTORS_2, transparent_in_preview=True, input_fidelity=fidelity)


def _second_and_half(id: str) -> Model:
    extras, edit_extras = frozenset({"complexity"}), frozenset({"markup"})
    return Model(
        id,
        date(2026, 9, 8),
        _FIVE,
        _FACTORS_2_5,
        input_fidelity=InputFidelity.UNSUPPORTED,
        extras=extras,
        edit_extras=edit_extras,
    )


_MODELS = (
    _second("gpt-image-2"),
    _second("gpt-image-2-2026-04-21"),
    _second_and_half("gpt-image-2.5-sunburst"),
    _second_and_half("gpt-image-2.5-sunburst-2026-09-08"),
    _second_and_half("gpt-image-2.5-flare"),
    _second_and_half("gpt-image-2.5-flare-2026-09-08"),
    Model("gpt-image-1.5", date(2025, 12, 1), _THREE, table=_TABLE_1, input_fidelity=InputFidelity.ACCEPTED),
    Model("chatgpt-image-latest", date(2025, 12, 1), _THREE, table=_TABLE_1, input_fidelity=InputFidelity.ACCEPTED),
    Model("gpt-image-1-mini", date(2025, 10, 1), _THREE, table=_TABLE_1),
)
MODELS: Mapping[str, Model] = {model.id: model for model in _MODELS}
