"""What a provider charged against what the gateway booked: the findings of a reconciliation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum

from gateway.core.ledger.adjustment import Adjustment
from gateway.core.money.amount import Basis, amount_text

REFERENCE_PREFIX = "reconcile:"


class Result(StrEnum):
    """``matched`` and ``rounding`` are agreement. ``ambiguous``: the attempt may have been billed, and the file may tell."""

    MATCHED = "matched"
    ROUNDING = "rounding"
    PRICE_VARIANCE = "price variance"
    GATEWAY_ONLY = "gateway-only"
    PROVIDER_ONLY = "provider-only"
    AMBIGUOUS = "ambiguous"


AGREEING = frozenset({Result.MATCHED, Result.ROUNDING})


@dataclass(frozen=True, slots=True)
class Tolerance:
    """By currency, the largest difference that counts as none: an amount, and a share of what was charged (0.005 = 0.5 %)."""

    absolute: Mapping[str, Decimal] = field(default_factory=dict)
    relative: Mapping[str, Decimal] = field(default_factory=dict)

    def holds(self, currency: str, difference: Decimal, charged: Decimal) -> bool:
        """Whether the larger of the two bounds covers the difference; both are zero where nobody named them."""
        share = self.relative.get(currency, Decimal(0)) * abs(charged)
        return abs(difference) <= max(self.absolute.get(currency, Decimal(0)), share)


@dataclass(frozen=True, slots=True)
class Terms:
    """What is reconciled: the days ``[begin, end)`` in UTC, and how.

    ``accounts``: only lines of one of these count, all where there is none. ``keys``: what the gateway calls with, so that usage
    under any other is not its own; empty where nobody said. Both are in lower case, for Azure writes ids in several. ``models``:
    (glob, upstream model) pairs.
    """

    begin: date
    end: date
    tolerance: Tolerance = field(default_factory=Tolerance)
    accounts: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()
    models: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Resolution:
    """What an attempt turns out to have cost, or what was given back of it: ``amount`` is to be added to its booked cost.

    ``exact``: the file names this attempt; else it says what several cost together, or what is left over.
    """

    request_id: str
    attempt: int
    amount: Decimal
    currency: str
    exact: bool
    source: str
    reason: str

    @property
    def adjustment(self) -> Adjustment:
        """To be booked; the same file books it once."""
        basis = Basis.REPORTED if self.exact else Basis.COMPUTED
        reference = f"{REFERENCE_PREFIX}{self.source}"
        return Adjustment(self.request_id, self.attempt, self.amount, self.currency, basis, reference, self.reason)


@dataclass(frozen=True, slots=True)
class Finding:
    """One day and line. ``difference`` is charged less booked; the differences of all findings add up to that of the totals.

    ``requests`` and ``images`` count what was booked (requests of ambiguous ones: what is in question), ``*_charged`` what the
    provider counts, ``None`` where it does not.
    """

    day: date
    line: str
    currency: str
    result: Result
    booked: Decimal = Decimal(0)
    charged: Decimal = Decimal(0)
    requests: int = 0
    requests_charged: int | None = None
    images: int = 0
    images_charged: int | None = None
    request_id: str = ""
    note: str = ""

    @property
    def difference(self) -> Decimal:
        """What the provider charged beyond what is booked."""
        return self.charged - self.booked


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Lines of the files that were not compared, and why."""

    why: str
    currency: str
    lines: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """``findings`` by day and line; ``days_by`` says on which day an attempt was counted: that on which it began, or ended."""

    findings: tuple[Finding, ...]
    resolutions: tuple[Resolution, ...]
    left_out: tuple[LeftOut, ...]
    days_by: str

    @property
    def agrees(self) -> bool:
        """Nothing differs by more than rounding and the tolerance, and no lost answer is undecided or unbooked."""
        return all(it.result in AGREEING for it in self.findings)


def reason_of(charged: Decimal, currency: str, day: date, what: str) -> str:
    """The sentence that an adjustment carries."""
    return f"The provider's file for {day} {what}: {amount_text(charged)} {currency}."
