"""What an export has in it, counted as it is written. Currencies are never added together."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from gateway.core.ledger.balance import Balance, State
from gateway.core.money.amount import amount_text


def _sums() -> defaultdict[str, Decimal]:
    return defaultdict(Decimal)


@dataclass(slots=True)
class Tally:
    """``cost`` and ``exposure`` by currency, as far as they are known; attempts of unknown amounts are counted beside."""

    attempts: int = 0
    rows: int = 0
    voids: int = 0
    exposed: int = 0
    unknown_costs: int = 0
    unknown_exposures: int = 0
    cost: defaultdict[str, Decimal] = field(default_factory=_sums)
    exposure: defaultdict[str, Decimal] = field(default_factory=_sums)

    def add(self, it: Balance, rows: int) -> None:
        """Count one attempt that became so many rows."""
        self.attempts += 1
        self.rows += rows
        self.voids += it.state is State.VOID
        self.exposed += it.state in (State.OPEN, State.EXPOSED)
        self.unknown_costs += it.cost_unknown
        self.unknown_exposures += it.exposure_unknown
        if it.cost is not None and it.state is State.SETTLED:
            self.cost[it.currency] += it.cost
        if it.exposure is not None:
            self.exposure[it.currency] += it.exposure

    def document(self) -> dict[str, object]:
        """For programs; amounts are decimal texts."""
        return {
            "Attempts": self.attempts,
            "Rows": self.rows,
            "Totals": _texts(self.cost, "BilledCost"),
            "LeftOut": {
                "Void": self.voids,
                "UnknownCost": self.unknown_costs,
                "Exposed": self.exposed,
                "Exposure": _texts(self.exposure, "Exposure"),
                "ExposedAtUnknownAmount": self.unknown_exposures,
            },
        }

    def lines(self) -> Iterator[str]:
        """For people: what was written, and what nobody should overlook."""
        yield f"{_counted(self.attempts, 'attempt')}, {_counted(self.rows, 'row')}; cost {_money(self.cost)}"
        if self.exposed:
            unknown = f", {self.unknown_exposures} of them at an unknown amount" if self.unknown_exposures else ""
            yield f"{_counted(self.exposed, 'attempt')} may still be billed: {_money(self.exposure)}{unknown}; not in the cost"
        if self.unknown_costs:
            yield f"Warning: the cost of {_counted(self.unknown_costs, 'attempt')} is unknown and in no sum; check the lists"


def _texts(sums: Mapping[str, Decimal], name: str) -> list[dict[str, str]]:
    return [{"BillingCurrency": currency, name: amount_text(amount)} for currency, amount in sorted(sums.items())]


def _money(sums: Mapping[str, Decimal]) -> str:
    return ", ".join(f"{amount_text(amount)} {currency}" for currency, amount in sorted(sums.items())) or "nothing"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
