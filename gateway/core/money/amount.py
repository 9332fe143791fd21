"""Exact money: ``Decimal`` amounts inside, whole nano-units (1e-9 of a currency unit) in the ledger.

Nano-units make sums exact in any database: a price per million tokens with at most three decimals is a whole number of
nano-units per token, and 64 bits hold nine billion currency units.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

NANOS_PER_UNIT = 1_000_000_000


class Basis(StrEnum):
    """How a cost became known."""

    REPORTED = "reported"
    COMPUTED = "computed"
    ESTIMATED = "estimated"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Cost:
    """An amount in a currency (ISO 4217) and how it is known. ``amount`` is ``None`` exactly when the basis is unknown."""

    amount: Decimal | None
    currency: str
    basis: Basis

    def __post_init__(self) -> None:
        if (self.amount is None) != (self.basis is Basis.UNKNOWN):
            raise ValueError("a cost has no amount exactly when its basis is unknown")

    @property
    def text(self) -> str:
        """The amount as a decimal string, ``unknown`` where there is none."""
        return "unknown" if self.amount is None else amount_text(self.amount)


def unknown(currency: str) -> Cost:
    """A cost that could not be computed: never zero."""
    return Cost(None, currency, Basis.UNKNOWN)


def nothing(currency: str) -> Cost:
    """The cost of what surely was not billed."""
    return Cost(Decimal(0), currency, Basis.COMPUTED)


def together(first: Cost, *others: Cost) -> Cost:
    """The sum, in the first one's currency, which all must have; unknown where any is. Known in two ways, it is computed."""
    amounts = [it.amount for it in (first, *others) if it.amount is not None]
    if len(amounts) <= len(others):
        return unknown(first.currency)
    bases = {it.basis for it in (first, *others)}
    return Cost(sum(amounts, Decimal(0)), first.currency, first.basis if len(bases) == 1 else Basis.COMPUTED)


def to_nanos(amount: Decimal) -> int:
    """``amount`` in whole nano-units; ``ValueError`` where that would round."""
    nanos = amount * NANOS_PER_UNIT
    if nanos != nanos.to_integral_value():
        raise ValueError(f"{amount} is finer than one nano-unit and cannot be booked exactly")
    return int(nanos)


def from_nanos(nanos: int) -> Decimal:
    """The exact amount that ``nanos`` stands for."""
    return Decimal(nanos).scaleb(-9)


def amount_text(amount: Decimal) -> str:
    """Plain decimal notation without needless zeros, at least two decimals: ``0.21072``, ``3.00``."""
    whole, _, fraction = f"{amount:f}".partition(".")
    return f"{whole}.{fraction.rstrip('0').ljust(2, '0')}"
