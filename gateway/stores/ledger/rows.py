"""An entry as a row of the ledger's table, and back."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from gateway.core.ledger.entry import Attribution, Entry, Kind
from gateway.core.money.amount import Basis, Cost, from_nanos, to_nanos
from gateway.core.money.tokens import Usage
from gateway.core.outcome import Outcome
from gateway.ports import EntryRefused

INTEGER_MAX = 2**63 - 1
Row = tuple[str | int | None, ...]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NO_USAGE = (None, None, None, None, None, None)


class Columns(Protocol):
    """A row as it is read, by column."""

    def keys(self) -> Iterable[str]:
        """The columns' names."""
        ...

    def __getitem__(self, name: str, /) -> Any:
        """The value; texts as ``str``, numbers as ``int``."""
        ...


def rows_of(entries: Sequence[Entry], ledger: str) -> tuple[Row, ...]:
    """All of them; raises ``EntryRefused`` where one cannot be booked exactly. ``ledger`` says which, for people."""
    try:
        return tuple(row_of(entry) for entry in entries)
    except ValueError as error:
        events = ", ".join(entry.event_id for entry in entries)
        raise EntryRefused(f"The ledger {ledger} cannot book {events}: {error}. Check the contract's price list.") from error


def row_of(entry: Entry) -> Row:
    """The columns in the order of ``sql/insert.sql``, without ``recorded_at``.

    Raises ``ValueError`` where the amount cannot be booked exactly: finer than a nano-unit, or above 64 bits of them.
    """
    booked, cost, usage = entry.attribution, entry.cost, entry.usage
    nanos = None if cost.amount is None else to_nanos(cost.amount)
    if nanos is not None and abs(nanos) > INTEGER_MAX:
        raise ValueError(f"{cost.text} {cost.currency} is more than the ledger can hold")
    return (
        entry.event_id,
        entry.kind.value,
        booked.request_id,
        booked.attempt,
        microseconds_of(entry.occurred_at),
        booked.app,
        booked.team,
        booked.cost_centre,
        booked.model,
        booked.route,
        booked.provider,
        booked.upstream_model,
        booked.contract,
        booked.contract_revision,
        booked.billing_owner,
        booked.invoice_issuer,
        booked.price_list,
        booked.config_revision,
        booked.operation,
        json.dumps(dict(booked.tags), ensure_ascii=False) if booked.tags else "{}",
        microseconds_of(booked.begun_at),
        nanos,
        cost.currency,
        cost.basis.value,
        entry.images,
        entry.size,
        entry.quality,
        *(_NO_USAGE if usage is None else _counts(usage)),
        None if entry.outcome is None else entry.outcome.value,
        entry.owner,
        entry.upstream_request_id,
        json.dumps(entry.discrepancies, ensure_ascii=False) if entry.discrepancies else "[]",
        json.dumps(entry.images_sha256) if entry.images_sha256 else "[]",
        entry.reference,
        entry.reason,
    )


def entry_of(row: Columns) -> Entry:
    """The entry that ``row_of`` turned into this row."""
    nanos = row["amount_nanos"]
    attribution = Attribution(
        request_id=row["request_id"],
        attempt=row["attempt"],
        app=row["app"],
        team=row["team"],
        cost_centre=row["cost_centre"],
        model=row["model"],
        route=row["route"],
        provider=row["provider"],
        upstream_model=row["upstream_model"],
        contract=row["contract"],
        contract_revision=row["contract_revision"],
        billing_owner=row["billing_owner"],
        invoice_issuer=row["invoice_issuer"],
        price_list=row["price_list"],
        config_revision=row["config_revision"],
        operation=row["operation"],
        tags=tuple(json.loads(row["tags"]).items()),
        begun_at=moment_of(row["begun_at"]),
    )
    return Entry(
        kind=Kind(row["kind"]),
        attribution=attribution,
        occurred_at=moment_of(row["occurred_at"]),
        cost=Cost(None if nanos is None else from_nanos(nanos), row["currency"], Basis(row["basis"])),
        images=row["images"],
        size=row["size"],
        quality=row["quality"],
        usage=_usage_of(row),
        outcome=None if row["outcome"] is None else Outcome(row["outcome"]),
        owner=row["owner"],
        upstream_request_id=row["upstream_request_id"],
        discrepancies=tuple(json.loads(row["discrepancies"])),
        images_sha256=tuple(json.loads(row["images_sha256"])),
        reference=row["reference"],
        reason=row["reason"],
    )


def microseconds_of(moment: datetime) -> int:
    """Whole microseconds since 1970 UTC of an aware moment."""
    return (moment - _EPOCH) // _MICROSECOND


def moment_of(microseconds: int) -> datetime:
    """The aware moment in UTC that ``microseconds_of`` has made this of."""
    return _EPOCH + microseconds * _MICROSECOND


def _counts(usage: Usage) -> tuple[int, ...]:
    return (usage.text_in, usage.image_in, usage.cached_text_in, usage.cached_image_in, usage.image_out, usage.text_out)


def _usage_of(row: Columns) -> Usage | None:
    if row["text_in"] is None:
        return None
    return Usage(
        text_in=row["text_in"],
        image_in=row["image_in"],
        cached_text_in=row["cached_text_in"],
        cached_image_in=row["cached_image_in"],
        image_out=row["image_out"],
        text_out=row["text_out"],
    )
