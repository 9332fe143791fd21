"""FOCUS cost and usage rows: the columns of each version of the specification, and how a charge fills them.

Source: focus.finops.org/focus-specification, versions 1.2 (2025-05-29) and 1.4 (2026-06-04). The columns of FOCUS come first,
in the order of their names; what FOCUS does not know follows, each name with the prefix ``x_`` that it demands.
"""

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

from gateway.core.finance.focus_charge import Charge, Step
from gateway.core.finance.table import Cell, Column, Form
from gateway.core.money.amount import amount_text
from gateway.core.money.tokens import Usage

TAG_PREFIX = "gateway/"
_SECOND = timedelta(seconds=1)
_STEPS = {Step.REVERSAL: "reversed", Step.CORRECTED: "corrected"}
_Read = Callable[[Charge], Cell]


def _text(name: str, read: _Read) -> Column[Charge]:
    return Column(name, Form.TEXT, read)


def _json(name: str, read: _Read) -> Column[Charge]:
    return Column(name, Form.JSON, read)


def _amount(name: str, read: _Read) -> Column[Charge]:
    return Column(name, Form.AMOUNT, read)


def _second(name: str, read: _Read) -> Column[Charge]:
    return Column(name, Form.SECOND, read)


def _count(name: str, read: _Read) -> Column[Charge]:
    return Column(name, Form.COUNT, read)


def _fixed(name: str, value: str) -> Column[Charge]:
    return _text(name, lambda _: value)


def _booked(name: str, member: str) -> Column[Charge]:
    """A text of the attribution; an empty one is no value."""
    return _text(name, lambda it: getattr(it.attempt.attribution, member) or None)


def _tokens(name: str, member: str) -> Column[Charge]:
    return _count(name, lambda it: None if it.attempt.usage is None else it.sign * getattr(it.attempt.usage, member))


def _description(it: Charge) -> str:
    booked, entry = it.attempt.attribution, it.attempt
    images = f"{entry.images} x {entry.size} {entry.quality}" if entry.images else "no known delivery"
    what = f"{booked.upstream_model} {booked.operation}, {images}"
    return what if it.step is Step.CHARGE else f"{what}; {_STEPS[it.step]}: {it.reason}"


def _contract_applied(it: Charge) -> str:
    """The agreement in force is the revision of the contract: it stands for FOCUS's commitment. The cost is a decimal number."""
    contract, revision = it.attempt.attribution.contract, it.attempt.attribution.contract_revision
    ids = f'"ContractId": {json.dumps(contract)}, "ContractCommitmentId": {json.dumps(f"{contract}@{revision}")}'
    return f'{{"Elements": [{{{ids}, "ContractCommitmentAppliedCost": {amount_text(it.amount)}}}]}}'


def _tags(it: Charge) -> str:
    """The app's own tags as they were sent; whom the gateway books to under its prefix, which no free tag can have."""
    booked = it.attempt.attribution
    ours = {"app": booked.app, "team": booked.team, "cost_centre": booked.cost_centre}
    return json.dumps(dict(booked.tags) | {TAG_PREFIX + key: value for key, value in ours.items()}, ensure_ascii=False)


def _sku_price(it: Charge) -> str:
    booked, entry = it.attempt.attribution, it.attempt
    return f"{booked.price_list}/{booked.upstream_model}/{booked.operation}/{entry.size}/{entry.quality}"


def _sku_details(it: Charge) -> str:
    return json.dumps(
        {"x_Operation": it.attempt.attribution.operation, "x_Quality": it.attempt.quality, "x_Size": it.attempt.size}
    )


def _cost(it: Charge) -> Cell:
    return it.amount


def _begun(it: Charge) -> datetime:
    """The second in which the attempt began stands for its time: so it lies within one month, however long the images took."""
    return it.attempt.attribution.begun_at.replace(microsecond=0)


_ALWAYS = (
    _amount("BilledCost", _cost),
    _text("BillingAccountId", lambda it: it.account),
    _text("BillingAccountName", lambda it: it.account),
    _text("BillingCurrency", lambda it: it.attempt.cost.currency),
    _second("BillingPeriodEnd", lambda it: it.period[1]),
    _second("BillingPeriodStart", lambda it: it.period[0]),
    _fixed("ChargeCategory", "Usage"),
    _text("ChargeClass", lambda it: "Correction" if it.late else None),
    _text("ChargeDescription", _description),
    _fixed("ChargeFrequency", "Usage-Based"),
    _second("ChargePeriodEnd", lambda it: _begun(it) + _SECOND),
    _second("ChargePeriodStart", _begun),
    _amount("ConsumedQuantity", lambda it: it.quantity.consumed),
    _text("ConsumedUnit", lambda it: it.quantity.consumed_unit),
    _amount("ContractedCost", _cost),
    _amount("EffectiveCost", _cost),
    _text("InvoiceId", lambda _: None),  # the ledger knows who sends the invoice, and no invoice
    _booked("InvoiceIssuerName", "invoice_issuer"),
    _amount("ListCost", _cost),
    _fixed("PricingCategory", "Standard"),
    _amount("PricingQuantity", lambda it: it.quantity.priced),
    _text("PricingUnit", lambda it: it.quantity.priced_unit),
    _fixed("ServiceCategory", "AI and Machine Learning"),
    _fixed("ServiceName", "Image Generation"),
    _fixed("ServiceSubcategory", "Generative AI"),
    _booked("SkuId", "upstream_model"),
    _text("SkuMeter", lambda it: f"Image {it.attempt.attribution.operation.title()}"),
    _json("SkuPriceDetails", _sku_details),
    _text("SkuPriceId", _sku_price),
    _json("Tags", _tags),
)
# Who sells is who bills: a reseller's success proves nothing about an account of ours behind it.
_SINCE_1_3 = (
    _json("ContractApplied", _contract_applied),
    _booked("HostProviderName", "billing_owner"),
    _booked("ServiceProviderName", "billing_owner"),
)
_BEFORE_1_4 = (_booked("ProviderName", "billing_owner"), _booked("PublisherName", "billing_owner"))
_OURS = (
    _text("x_RowId", lambda it: it.row_id),
    _text("x_CorrectedRowId", lambda it: it.corrects or None),
    _text("x_CorrectionReason", lambda it: it.reason or None),
    _booked("x_GatewayRequestId", "request_id"),
    _count("x_GatewayAttempt", lambda it: it.attempt.attribution.attempt),
    _text("x_UpstreamRequestId", lambda it: it.attempt.upstream_request_id or None),
    _booked("x_Contract", "contract"),
    _booked("x_ContractRevision", "contract_revision"),
    _booked("x_BillingOwner", "billing_owner"),
    _booked("x_PriceList", "price_list"),
    _booked("x_ConfigRevision", "config_revision"),
    _booked("x_App", "app"),
    _booked("x_Team", "team"),
    _booked("x_CostCentre", "cost_centre"),
    _booked("x_Model", "model"),
    _booked("x_Route", "route"),
    _booked("x_Provider", "provider"),
    _text("x_Outcome", lambda it: None if it.attempt.outcome is None else it.attempt.outcome.value),
    _text("x_CostBasis", lambda it: it.basis.value),
    _count("x_Images", lambda it: it.sign * it.attempt.images),
    *(_tokens(f"x_Tokens{member.title().replace('_', '')}", member) for member in Usage.__dataclass_fields__),
)


def _ordered(*groups: tuple[Column[Charge], ...]) -> tuple[Column[Charge], ...]:
    return (*sorted((column for group in groups for column in group), key=lambda it: it.name), *_OURS)


FOCUS_COLUMNS: Mapping[str, tuple[Column[Charge], ...]] = MappingProxyType(
    {"1.2": _ordered(_ALWAYS, _BEFORE_1_4), "1.4": _ordered(_ALWAYS, _SINCE_1_3)}
)
