"""What finance asks of the ledger, and what it is told."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from gateway.core.money.tokens import Usage

_EPOCH = date(1970, 1, 1)


class Dimension(StrEnum):
    """By what spend can be grouped; a free tag is a dimension, too (``Tag``).

    Size and quality are what was delivered, else what was asked for. A week begins on Monday and is named as ISO 8601 does.
    """

    CONTRACT = "contract"
    TEAM = "team"
    APP = "app"
    COST_CENTRE = "cost_centre"
    PROVIDER = "provider"
    BILLING_OWNER = "billing_owner"
    INVOICE_ISSUER = "invoice_issuer"
    MODEL = "model"
    SIZE = "size"
    QUALITY = "quality"
    OUTCOME = "outcome"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"

    @property
    def of_time(self) -> bool:
        """Whether it says when, in UTC."""
        return self in _OF_TIME


_OF_TIME = frozenset({Dimension.DAY, Dimension.WEEK, Dimension.MONTH})


@dataclass(frozen=True, slots=True)
class Tag:
    """One free tag as a dimension; what has no such tag is in the group with the empty name."""

    name: str

    @property
    def value(self) -> str:
        """As it is asked for."""
        return f"tag:{self.name}"

    @property
    def of_time(self) -> bool:
        """Never."""
        return False


Key = Dimension | Tag


@dataclass(frozen=True, slots=True)
class SpendQuery:
    """Group by these, over attempts that began in ``[since, until)``; ``None`` leaves that end open.

    ``only`` restricts what is counted: of each key to those values.
    """

    by: tuple[Key, ...]
    since: datetime | None = None
    until: datetime | None = None
    only: Mapping[Key, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sums:
    """What adds up, over attempts and over groups; amounts are in one currency.

    ``cost`` is settled money, ``exposure`` may still be billed (open or ambiguous). ``unknown_costs`` and ``unknown_exposures``
    count the attempts whose amount nobody knows: they are in neither sum. A request counts where its first attempt does.
    ``priced_images`` are those of known cost. ``metered`` attempts have reported their tokens, which are in the classes of
    ``Usage``. Three sums say what part of ``cost`` may have been in vain: ``undelivered`` brought no image, ``fallbacks`` are
    second and later attempts, ``discrepant`` deliveries differ from their requests; one attempt may be in several.
    ``repeats`` are requests that got an earlier one's result, and ``saved`` is what that had cost, so far as it is known.
    """

    attempts: int = 0
    requests: int = 0
    images: int = 0
    priced_images: int = 0
    cost: Decimal = Decimal(0)
    exposure: Decimal = Decimal(0)
    unknown_costs: int = 0
    unknown_exposures: int = 0
    undelivered: Decimal = Decimal(0)
    fallbacks: Decimal = Decimal(0)
    discrepant: Decimal = Decimal(0)
    metered: int = 0
    text_in: int = 0
    image_in: int = 0
    cached_text_in: int = 0
    cached_image_in: int = 0
    image_out: int = 0
    text_out: int = 0
    repeats: int = 0
    saved: Decimal = Decimal(0)
    unknown_savings: int = 0

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(*(getattr(self, name) + getattr(other, name) for name in MEASURES))

    @property
    def cost_per_image(self) -> Decimal | None:
        """Exact or rounded to 28 digits; ``None`` where no image of known cost was delivered."""
        return self.cost / self.priced_images if self.priced_images else None


MEASURES = tuple(it.name for it in fields(Sums))
AMOUNTS = tuple(it.name for it in fields(Sums) if it.type is Decimal)
TOKENS = tuple(Usage.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class SpendRow:
    """One group in one currency: its keys in the order of the query, and its sums."""

    keys: tuple[str, ...]
    currency: str
    sums: Sums


def merged(rows: Iterable[SpendRow]) -> tuple[SpendRow, ...]:
    """One row a group and currency, ordered by the keys: rows of the same group and currency are added."""
    found: dict[tuple[tuple[str, ...], str], Sums] = {}
    for row in rows:
        group = row.keys, row.currency
        found[group] = found[group] + row.sums if group in found else row.sums
    return tuple(SpendRow(keys, currency, sums) for (keys, currency), sums in sorted(found.items(), key=lambda it: it[0]))


def week_of(monday: date) -> str:
    """The ISO 8601 name of the week that begins on that day, such as ``2026-W40``."""
    year, week, _ = monday.isocalendar()
    return f"{year}-W{week:02}"


def day_numbered(number: int) -> date:
    """The UTC day so many days after 1970-01-01."""
    return _EPOCH + timedelta(days=number)
