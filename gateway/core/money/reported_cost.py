"""What a provider says that a delivery has cost. It bills what it says, so its word goes before the price list."""

from collections.abc import Mapping
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from gateway.core.money.amount import Basis, Cost
from gateway.core.money.pricing import Delivery, PriceList, price

# A response that costs more is a provider's mistake; the bound keeps every cost within the ledger's integers.
AMOUNT_MAX = Decimal(1_000_000)
_NANO = Decimal("1e-9")


def charged(delivery: Delivery, price_list: PriceList, upstream_model: str, on: date, *, reports_cost: str) -> Cost:
    """What its provider has reported, where that is in the list's currency; otherwise what the list says.

    ``reports_cost`` is the currency in which the provider is declared to report, empty where it is not.
    """
    if delivery.reported is not None and reports_cost == price_list.currency:
        return Cost(delivery.reported, price_list.currency, Basis.REPORTED)
    return price(delivery, price_list, upstream_model, on)


def reported_amount(usage: object) -> Decimal | None:
    """The ``cost`` of an answer's ``usage``, in whichever currency its provider reports; ``None`` where it says nothing usable.

    Only an exact number counts: a ``Decimal`` or an ``int``, never a ``float``. The ledger holds whole nano-units, so what is
    finer is rounded to the nearest, half of one up. With ``is_byok`` (OpenRouter: the key of somebody else's account has been
    used) the cost is only the reseller's own part, mostly 0, and another party bills the rest; public copies of its
    documentation, read 2026-11-24.
    """
    if not isinstance(usage, Mapping) or usage.get("is_byok"):
        return None
    cost = usage.get("cost")
    if isinstance(cost, bool) or not isinstance(cost, Decimal | int) or not 0 <= cost <= AMOUNT_MAX:
        return None
    return Decimal(cost).quantize(_NANO, ROUND_HALF_UP)
