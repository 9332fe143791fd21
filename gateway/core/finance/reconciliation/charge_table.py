"""Tables of a provider's charges: which column is what, in Azure's exports, in FOCUS, and in a table that somebody describes.

Sources: Azure "Cost and usage details" schemas, EA 2024-08-01 and MCA 2023-12-01-preview (learn.microsoft.com, 2026-11-23), whose
headers differ in capitals only; FOCUS 1.2 (focus.finops.org, 2025-05-29).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from gateway.core.finance.reconciliation.charge import ProviderCharge, amount_of

_ISO = ""


@dataclass(frozen=True, slots=True)
class Columns:
    """Names of columns, whatever their capitals; of several, the first that the table has and that is not empty.

    ``day_formats`` are those of ``strptime``, an empty one is ISO 8601. A line is a credit where ``category`` is one of
    ``credits``, or where its amount is negative. ``quantity`` counts images or requests where ``unit`` says so. ``only``: lines
    where that column has another value are left out unless accounts were named.
    """

    day: tuple[str, ...]
    amount: tuple[str, ...]
    currency: tuple[str, ...] = ()
    model: tuple[str, ...] = ()
    request_id: tuple[str, ...] = ()
    requests: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    quantity: tuple[str, ...] = ()
    unit: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    account: tuple[str, ...] = ()
    category: tuple[str, ...] = ()
    credits: frozenset[str] = frozenset()
    day_formats: tuple[str, ...] = (_ISO,)
    decimal_mark: str = "."
    currency_code: str = ""
    only: tuple[str, str] = ("", "")


AZURE = Columns(
    day=("Date",),
    amount=("CostInBillingCurrency",),
    currency=("BillingCurrencyCode", "BillingCurrency"),
    model=("MeterName", "ProductName"),
    key=("ResourceId",),
    account=("SubscriptionId", "SubscriptionName", "ResourceGroup"),
    category=("ChargeType",),
    credits=frozenset({"refund"}),
    day_formats=("%m/%d/%Y", _ISO),
    only=("ConsumedService", "microsoft.cognitiveservices"),
)
FOCUS = Columns(
    day=("ChargePeriodStart",),
    amount=("BilledCost",),
    currency=("BillingCurrency",),
    model=("SkuId", "SkuMeter", "ChargeDescription"),
    request_id=("x_RequestId", "x_GatewayRequestId"),
    images=("x_Images",),
    quantity=("ConsumedQuantity",),
    unit=("ConsumedUnit",),
    key=("ResourceId",),
    account=("SubAccountId", "SubAccountName", "BillingAccountId", "BillingAccountName"),
    category=("ChargeCategory",),
    credits=frozenset({"credit", "adjustment"}),
)


def columns_of(header: Sequence[str]) -> Columns:
    """Those of the format that the header is of; ``ValueError`` where somebody must describe it."""
    there = {it.strip().lower() for it in header}
    if {"billedcost", "chargeperiodstart", "billingcurrency"} <= there:
        return FOCUS
    if {"date", "costinbillingcurrency"} <= there:
        return AZURE
    raise ValueError(f"its columns are of no known format: {', '.join(header)[:300]}. Say which is what with --mapping FILE.")


def reader_of(columns: Columns, header: Sequence[str]) -> Callable[[Sequence[str], str], ProviderCharge | None]:
    """Reads rows (and the SHA-256 of their file) of a table with that header; ``None`` for a row that is not about models.

    Raises ``ValueError``, also in the reader: it says which column.
    """
    places = {it.strip().lower(): place for place, it in enumerate(header)}
    for needed in (columns.day, columns.amount):
        if not any(name.lower() in places for name in needed):
            raise ValueError(f"it has no column '{needed[0]}'. It has: {', '.join(header)[:400]}.")
    if not columns.currency_code and not any(name.lower() in places for name in columns.currency):
        raise ValueError("no column says the currency. Name it in the mapping: columns.currency, or currency_code.")

    def cell(row: Sequence[str], names: Sequence[str]) -> str:
        found = (row[places[name.lower()]].strip() for name in names if name.lower() in places)
        return next(filter(None, found), "")

    def read(row: Sequence[str], source: str) -> ProviderCharge | None:
        if len(row) != len(header):
            raise ValueError(f"it has {len(row)} cells, the header has {len(header)}.")
        name, value = columns.only
        if name.lower() in places and cell(row, (name,)).lower() != value:
            return None
        return _charge(columns, lambda names: cell(row, names), source)

    return read


def _charge(columns: Columns, cell: Callable[[Sequence[str]], str], source: str) -> ProviderCharge:
    amount, decimals = amount_of(_plain(cell(columns.amount), columns.decimal_mark))
    counts = _counts(columns, cell)
    return ProviderCharge(
        day=_day(cell(columns.day), columns.day_formats),
        name=cell(columns.model),
        currency=_currency(cell(columns.currency) or columns.currency_code),
        amount=amount,
        decimals=decimals,
        source=source,
        requests=counts.get("requests"),
        images=counts.get("images"),
        request_id=cell(columns.request_id),
        key=cell(columns.key),
        accounts=tuple(filter(None, (cell((name,)) for name in columns.account))),
        credit=amount < 0 or cell(columns.category).lower() in columns.credits,
    )


def _counts(columns: Columns, cell: Callable[[Sequence[str]], str]) -> Mapping[str, int]:
    found = {"requests": cell(columns.requests), "images": cell(columns.images)}
    unit = cell(columns.unit).lower()
    if unit in found and not found[unit]:
        found[unit] = cell(columns.quantity)
    return {what: _count(text, columns.decimal_mark) for what, text in found.items() if text}


def _count(text: str, mark: str) -> int:
    count, _ = amount_of(_plain(text, mark))
    if count != count.to_integral_value():
        raise ValueError(f"'{text[:40]}' is no count.")
    return int(count)


def _plain(text: str, mark: str) -> str:
    return text if mark == "." else text.replace(".", " ").replace(mark, ".")


def _currency(text: str) -> str:
    if len(text) != 3 or not text.isascii() or not text.isalpha():
        raise ValueError(f"'{text[:20]}' is no currency: three letters by ISO 4217.")
    return text.upper()


def _day(text: str, formats: Sequence[str]) -> date:
    for form in formats:
        try:
            found = datetime.fromisoformat(text) if form == _ISO else datetime.strptime(text, form)  # noqa: DTZ007 -- see below
        except ValueError:
            continue
        # A day without a time zone is the provider's UTC day.
        return found.date() if found.tzinfo is None else found.astimezone(UTC).date()
    wanted = " or ".join(form or "2026-10-31" for form in formats)
    raise ValueError(f"'{text[:40]}' is no day: it must be written as {wanted}.")
