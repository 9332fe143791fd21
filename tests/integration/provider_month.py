"""A month as the gateway booked it and as a provider charged it, with differences planted, in every form a provider delivers."""

import csv
import io
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from gateway.core.ledger.entry import Entry, Kind
from tests.contract.ledger_samples import entry

MODEL, KEY, LEAKED = "gpt-image-2", "key_Gateway", "key_forgotten"
LOST = ("req_lost_1", "req_lost_2", "req_lost_3")
SPARED = "req_spared"
_BOOKED = {"contract": "direct", "upstream_model": MODEL, "price_list": "tokens"}
_AZURE = """
" InvoiceSectionName AccountName AccountOwnerId SubscriptionId SubscriptionName ResourceGroup ResourceLocation Date
ProductName MeterCategory MeterSubCategory MeterId MeterName MeterRegion UnitOfMeasure Quantity EffectivePrice
CostInBillingCurrency CostCenter ConsumedService ResourceId Tags OfferId AdditionalInfo ServiceInfo1 ServiceInfo2
ResourceName ReservationId ReservationName UnitPrice ProductOrderId ProductOrderName Term PublisherType PublisherName
ChargeType Frequency PricingModel AvailabilityZone BillingAccountId BillingAccountName BillingCurrencyCode
"""


@dataclass(frozen=True)
class Charged:
    """One request as the provider charged it, or a refund."""

    day: date
    amount: Decimal
    request_id: str
    key: str = KEY
    refund: bool = False


def booked() -> Iterator[Entry]:
    """Two requests a day at 0.21, one more over midnight; three lost answers that were charged, one that was not."""
    for day in range(1, 31):
        for number in (1, 2):
            yield from _attempt(f"req_{day:02}_{number}", _at(day, 9 + number), Kind.SETTLE)
    yield from _attempt("req_midnight", datetime(2026, 9, 30, 23, 59, 58, tzinfo=UTC), Kind.SETTLE)
    for name, day in zip((*LOST, SPARED), (3, 5, 5, 7), strict=True):
        yield from _attempt(name, _at(day, 15), Kind.EXPIRE)
    yield from _attempt("req_void", _at(8, 15), Kind.VOID)


def charged(leaked_key: str = KEY) -> list[Charged]:
    """The price is 1.1 times as high from the 16th; four requests on the 10th are not the gateway's; one is refunded."""
    found = [
        Charged(date(2026, 9, day), Decimal("0.21") if day < 16 else Decimal("0.231"), f"up_req_{day:02}_{number}")
        for day in range(1, 31)
        for number in (1, 2)
    ]
    found = [replace(it, day=it.day.replace(month=10)) for it in found]
    found.append(Charged(date(2026, 10, 1), Decimal("0.21"), "up_req_midnight"))
    found += [Charged(date(2026, 10, day), Decimal("0.21"), f"srv_{day}_{number}") for number, day in enumerate((3, 5, 5))]
    found += [Charged(date(2026, 10, 10), Decimal("0.21"), f"leak_{number}", leaked_key) for number in range(4)]
    found.append(Charged(date(2026, 10, 20), Decimal("-0.21"), "up_req_02_1", refund=True))
    return sorted(found, key=lambda it: it.day)


def openai_pages(folder: Path, lines: Sequence[Charged]) -> list[Path]:
    """Costs by line item and key in pages of 20 days, usage by model and key in one; each a file, as curl stores it."""
    costs, usage = list[object](), list[object]()
    for number in range(31):
        day = date(2026, 10, 1) + timedelta(days=number)
        begin = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
        bucket = {"object": "bucket", "start_time": begin, "end_time": begin + 86_400}
        of_key = defaultdict[str, list[Charged]](list)
        for it in lines:
            if it.day == day and not it.refund:
                of_key[it.key].append(it)
        amounts, counts = list[object](), list[object]()
        for key, those in of_key.items():
            names = {"project_id": "proj_fake", "api_key_id": key}
            whole = sum(it.amount for it in those)
            for item, amount in (
                (f"{MODEL}-2026-04-21 image, output", whole - 1 / Decimal(100)),
                (f"{MODEL}-2026-04-21 text, input", "0.01"),
            ):
                value = {"value": float(amount), "currency": "usd"}
                result = "organization.costs.result"
                amounts.append({"object": result, "amount": value, "line_item": item, "quantity": None} | names)
            one = {"object": "organization.usage.images.result", "images": len(those), "num_model_requests": len(those)}
            counts.append(one | {"model": f"{MODEL}-2026-04-21", "size": None, "source": None, "user_id": None} | names)
        for it in lines:
            if it.day == day and it.refund:
                value = {"value": float(it.amount), "currency": "usd"}
                credit = {"object": "organization.costs.result", "amount": value, "line_item": "credit", "quantity": None}
                amounts.append(credit | {"project_id": "proj_fake", "api_key_id": None})
        costs.append(bucket | {"results": amounts})
        usage.append(bucket | {"results": counts})
    pages = [
        {"object": "page", "data": costs[:20], "has_more": True, "next_page": "page_2"},
        {"object": "page", "data": costs[20:], "has_more": False, "next_page": None},
        {"object": "page", "data": usage, "has_more": False, "next_page": None},
    ]
    return [_written(folder / f"page{number}.json", json.dumps(page, indent=1)) for number, page in enumerate(pages)]


def azure_export(folder: Path, lines: Sequence[Charged]) -> list[Path]:
    """Actual cost: one line a day, resource and meter; other services of the subscription beside it."""
    header = _AZURE.split()
    sums = defaultdict[tuple[date, str, bool], Decimal](Decimal)
    for it in lines:
        sums[it.day, it.key, it.refund] += it.amount
    rows = [
        {
            "SubscriptionId": "00000000-fake",
            "ResourceGroup": "rg-images",
            "Date": f"{day:%m/%d/%Y}",
            "MeterCategory": "Foundry Models",
            "MeterName": "gpt image 2 Img Out glbl Tokens",
            "UnitOfMeasure": "1K",
            "CostInBillingCurrency": f"{amount}",
            "ConsumedService": "Microsoft.CognitiveServices",
            "ResourceId": key,
            "ChargeType": "Refund" if refund else "Usage",
            "BillingCurrencyCode": "USD",
        }
        for (day, key, refund), amount in sums.items()
    ]
    machine = {
        "SubscriptionId": "00000000-fake",
        "ConsumedService": "Microsoft.Compute",
        "ResourceId": "/vm",
        "BillingCurrencyCode": "USD",
    }
    rows.append(machine | {"Date": "10/04/2026", "CostInBillingCurrency": "7.77", "MeterName": "D2s v5"})
    return [_table(folder / "actual.csv", header, rows, bom="\ufeff")]


def focus_file(folder: Path, lines: Sequence[Charged]) -> list[Path]:
    """FOCUS 1.2, one row a request, with the provider's own column for its id."""
    header = ["BilledCost", "BillingCurrency", "ChargeCategory", "ChargeClass", "ChargePeriodStart", "ConsumedQuantity"]
    header += ["ConsumedUnit", "SkuId", "SubAccountId", "x_RequestId"]
    rows = [
        {
            "BilledCost": f"{it.amount}",
            "BillingCurrency": "USD",
            "ChargeCategory": "Credit" if it.refund else "Usage",
            "ChargePeriodStart": f"{it.day}T12:00:00Z",
            "ConsumedQuantity": "" if it.refund else "1.0",
            "ConsumedUnit": "" if it.refund else "Images",
            "SkuId": MODEL,
            "SubAccountId": "acc_fake",
            "x_RequestId": it.request_id,
        }
        for it in lines
    ]
    return [_table(folder / "focus.csv", header, rows)]


def own_table(folder: Path, lines: Sequence[Charged]) -> list[Path]:
    """A reseller's list: German days, decimal commas, semicolons; with its mapping."""
    header = ["Datum", "Modell", "Betrag", "Bilder", "Vorgang", "Art"]
    rows = [
        {
            "Datum": f"{it.day:%d.%m.%Y}",
            "Modell": "Bild XL",
            "Betrag": f"{it.amount}".replace(".", ","),
            "Bilder": "" if it.refund else "1",
            "Vorgang": it.request_id,
            "Art": "Gutschrift" if it.refund else "Nutzung",
        }
        for it in lines
    ]
    return [_table(folder / "reseller.csv", header, rows, delimiter=";")]


MAPPING = """
columns: {day: Datum, amount: Betrag, model: Modell, images: Bilder, request_id: Vorgang, category: Art}
day_format: "%d.%m.%Y"
decimal_mark: ","
delimiter: ";"
currency_code: USD
credits: [Gutschrift]
models: {"bild xl*": gpt-image-2}
"""


def _attempt(name: str, begun: datetime, closing: Kind) -> Iterator[Entry]:
    yield entry(Kind.RESERVE, name, "0.21", at=begun, **_BOOKED)
    amount = "0" if closing is Kind.VOID else "0.21"
    ended = entry(closing, name, amount, at=begun + timedelta(seconds=12), **(_BOOKED | {"begun_at": begun}))
    yield replace(ended, upstream_request_id=f"up_{name}" if closing is Kind.SETTLE else "")


def _at(day: int, hour: int) -> datetime:
    return datetime(2026, 10, day, hour, tzinfo=UTC)


def _table(path: Path, header: Sequence[str], rows: Sequence[dict[str, str]], *, delimiter: str = ",", bom: str = "") -> Path:
    text = io.StringIO()
    writer = csv.DictWriter(text, header, restval="", delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return _written(path, bom + text.getvalue())


def _written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8", newline="")
    return path
