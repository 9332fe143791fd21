"""The sums of a repricing, by contract, model and currency: what a dry run shows. Memory grows with these and with days only."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from gateway.core.finance.repricing import Left, Repriced, Unpriced
from gateway.core.money.exchange import ExchangeRates, convert

Group = tuple[str, str, str]
"""Contract, upstream model, currency."""


@dataclass(slots=True)
class Change:
    """What the list says about the attempts of one group; ``old`` has no part for those whose cost was ``unknown``."""

    attempts: int = 0
    changed: int = 0
    unknown: int = 0
    old: Decimal = Decimal(0)
    difference: Decimal = Decimal(0)

    @property
    def new(self) -> Decimal:
        """What will be booked."""
        return self.old + self.difference

    def add(self, found: Repriced) -> None:
        """One attempt."""
        self.attempts += 1
        self.changed += found.adjustment is not None
        self.unknown += found.booked is None
        self.old += found.booked or Decimal(0)
        self.difference += found.difference


@dataclass(slots=True)
class Remainder:
    """Attempts of one group that stay as they are, for one reason; ``unknown`` of them have no booked cost."""

    attempts: int = 0
    unknown: int = 0
    booked: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Converted:
    """All differences in one currency. ``amount`` is ``None`` where ``missing`` days (by currency) have no rate."""

    currency: str
    amount: Decimal | None
    tables: tuple[str, ...]
    missing: tuple[tuple[str, date], ...]


@dataclass(slots=True)
class RepricingTally:
    """``changes`` and ``left``, in the order in which they were first met."""

    changes: dict[Group, Change] = field(default_factory=dict)
    left: dict[tuple[Group, Left], Remainder] = field(default_factory=dict)
    _days: dict[tuple[str, date], Decimal] = field(default_factory=dict)

    def add(self, found: Repriced | Unpriced) -> None:
        """One attempt."""
        group = (found.contract, found.upstream_model, found.currency)
        if isinstance(found, Repriced):
            self.changes.setdefault(group, Change()).add(found)
            if found.adjustment is not None:
                key = (found.currency, found.day)
                self._days[key] = self._days.get(key, Decimal(0)) + found.difference
            return
        remainder = self.left.setdefault((group, found.why), Remainder())
        remainder.attempts += 1
        remainder.unknown += found.booked is None
        remainder.booked += found.booked or Decimal(0)

    @property
    def adjustments(self) -> int:
        """How many are to be booked."""
        return sum(it.changed for it in self.changes.values())

    def totals(self) -> dict[str, Change]:
        """By currency, in its order."""
        found: dict[str, Change] = {}
        for (_, _, currency), it in self.changes.items():
            total = found.setdefault(currency, Change())
            total.attempts += it.attempts
            total.changed += it.changed
            total.unknown += it.unknown
            total.old += it.old
            total.difference += it.difference
        return dict(sorted(found.items()))

    def converted(self, currency: str, tables: Iterable[ExchangeRates]) -> Converted:
        """The differences in ``currency``, each day and currency by the rate of its day; never by a guess."""
        known, total, used, missing = tuple(tables), Decimal(0), dict[str, None](), list[tuple[str, date]]()
        for (source, day), amount in sorted(self._days.items()):
            conversion = convert(amount, source, currency, day, known)
            if conversion is None:
                missing.append((source, day))
                continue
            total += conversion.amount
            if conversion.table:
                used[conversion.table] = None
        return Converted(currency, None if missing else total, tuple(used), tuple(missing))
