"""What finance asks of the ledger, and what it is told."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum


class Dimension(StrEnum):
    """By what spend can be grouped."""

    CONTRACT = "contract"
    TEAM = "team"
    APP = "app"
    PROVIDER = "provider"
    MODEL = "model"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class SpendQuery:
    """Group by these dimensions, over attempts that began in ``[since, until)``; ``None`` leaves that end open."""

    by: tuple[Dimension, ...]
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class SpendRow:
    """One group in one currency. ``cost`` is settled money; ``exposure`` may still be billed (open or ambiguous).

    ``unknown_costs`` and ``unknown_exposures`` count the attempts whose amount nobody knows: they are in neither sum.
    """

    keys: tuple[str, ...]
    currency: str
    requests: int
    images: int
    cost: Decimal
    exposure: Decimal
    unknown_costs: int
    unknown_exposures: int
