"""The tag: what headers and body say of the contract."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from gateway.core.diagnosis.facts import Facts
from gateway.core.diagnosis.rules import diagnose
from gateway.core.money.amount import Basis, Cost, unknown
from gateway.core.money.pricing import Delivery
from gateway.core.outcome import Owner, Stage
from gateway.core.secret import Secret
from gateway.core.snapshot import Retirement
from gateway.core.tag import Fallback, Tag
from tests.unit.core.samples import CONTRACT, PROVIDER, ROUTE


def texts(tag: Tag) -> dict[str, str]:
    """The headers as a client sees them."""
    return {name.decode(): value.decode("ascii") for name, value in tag.headers()}


COST = Cost(Decimal("0.00595"), "USD", Basis.COMPUTED)


def test_a_served_response_names_its_contract_in_the_headers() -> None:
    """All names of the design, with the values of the route's contract."""
    assert texts(Tag("gw_1", 1, ROUTE, COST)) == {
        "x-gateway-request-id": "gw_1",
        "x-gateway-contract": "openai-direct@2026-10-01",
        "x-gateway-route": "direct",
        "x-gateway-provider": "openai",
        "x-gateway-model": "gpt-image-2",
        "x-gateway-billing-owner": "OpenAI",
        "x-gateway-limits-owner": "OpenAI",
        "x-gateway-support-owner": "OpenAI",
        "x-gateway-attempts": "1",
        "x-gateway-cost": "0.00595",
        "x-gateway-currency": "USD",
        "x-gateway-cost-basis": "computed",
    }


def test_a_model_that_retires_is_announced() -> None:
    """Since when by RFC 9745, until when by RFC 8594; the first only where somebody has written it down."""
    known = Retirement(date(2026, 12, 1), "", "a page", announced_on=date(2026, 6, 2))
    found = texts(Tag("gw_1", 1, replace(ROUTE, retirement=known)))
    assert (found["deprecation"], found["sunset"]) == ("@1780358400", "Tue, 01 Dec 2026 00:00:00 GMT")
    found = texts(Tag("gw_1", 1, replace(ROUTE, retirement=replace(known, announced_on=None))))
    assert ("deprecation" in found, found["sunset"]) == (False, "Tue, 01 Dec 2026 00:00:00 GMT")
    assert "sunset" not in texts(Tag("gw_1", 1, ROUTE))


def test_without_a_contract_the_tag_says_none() -> None:
    """An error before any route still says so."""
    headers = texts(Tag("gw_1"))
    assert headers.keys() == texts(Tag("gw_1", 1, ROUTE, COST)).keys()
    assert headers["x-gateway-contract"] == headers["x-gateway-route"] == headers["x-gateway-billing-owner"] == "none"
    assert (headers["x-gateway-attempts"], headers["x-gateway-cost"], headers["x-gateway-cost-basis"]) == (
        "0",
        "0.00",
        "computed",
    )
    assert Tag("gw_1").member()["contract"] == "none"


@pytest.mark.parametrize(("stage", "retry"), [(Stage.CONNECT, "true"), (Stage.ANSWER, "false")])
def test_an_error_names_owner_and_whether_to_retry(stage: Stage, retry: str) -> None:
    """SDKs obey ``x-should-retry``; people read the member."""
    tag = Tag("gw_1", 1, ROUTE, unknown("USD"), diagnose(Facts(stage)))
    headers = texts(tag)
    assert (headers["x-gateway-owner"], headers["x-should-retry"], headers["x-gateway-cost"]) == ("provider", retry, "unknown")
    member = tag.member()
    assert member["cost"] is None
    assert {"owner", "rule", "first_check", "stop_rule", "outcome"} <= member.keys()


def test_a_fallback_names_the_contract_that_did_not_serve_and_whose_failure_it_was() -> None:
    """In the headers and in the member."""
    tag = Tag("gw_1", 2, ROUTE, COST, fallback=Fallback("reseller", Owner.RATE_LIMIT))
    assert texts(tag)["x-gateway-fallback"] == "from=reseller; owner=rate_limit"
    assert tag.member()["fallback"] == {"from": "reseller", "owner": "rate_limit"}


def test_the_member_says_what_was_delivered() -> None:
    """Images and size as counted, cost as a string."""
    member = Tag("gw_1", 1, ROUTE, COST).member(Delivery(2, "1024x1024", "low", None))
    assert (member["images"], member["size"], member["cost"]) == (2, "1024x1024", "0.00595")
    assert "discrepancies" not in member


def test_the_member_says_where_the_delivery_differs() -> None:
    """One sentence each."""
    found = ["size: asked 2048x2048, delivered 1024x1024"]
    assert Tag("gw_1", 1, ROUTE, COST).member(Delivery(1, "", "", None), found)["discrepancies"] == found


def test_neither_headers_nor_member_show_the_provider_s_address_or_key() -> None:
    """The route's name is public, what is behind it is not."""
    tag = Tag("gw_1", 1, ROUTE, COST)
    shown = repr(tag.headers()) + repr(tag.member())
    assert PROVIDER.base_url not in shown
    assert PROVIDER.credential.reveal() not in shown


def test_names_outside_ascii_cannot_break_a_header() -> None:
    """Owners may be called anything; a header is one line of ASCII."""
    contract = replace(CONTRACT, billing=replace(CONTRACT.billing, owner="Bücher\r\nx-evil: 1"))
    value = texts(Tag("gw_1", 1, replace(ROUTE, contract=contract)))["x-gateway-billing-owner"]
    assert value.isascii()
    assert "\n" not in value
    assert "\r" not in value


def test_a_secret_does_not_print() -> None:
    """Neither ``str`` nor ``repr`` shows it."""
    secret = Secret("sk-fake-not-a-secret")
    assert "fake" not in f"{secret} {secret!r}"
    assert secret.reveal() == "sk-fake-not-a-secret"


def test_the_member_says_where_the_evidence_is_only_where_there_is_some() -> None:
    """A path on the same host, for the app's own key."""
    assert "evidence" not in Tag("gw_1", 1, ROUTE, COST).member()
    assert Tag("gw_1", 1, ROUTE, COST, evidence=True).member()["evidence"] == "/v1/gateway/requests/gw_1/evidence"


def test_a_repeated_request_names_the_one_it_repeats() -> None:
    """In a header and in the member; any other says nothing of it."""
    tag = Tag("gw_2", original_id="gw_1")
    assert dict(tag.headers())[b"x-gateway-original-request-id"] == b"gw_1"
    assert tag.member()["original_request_id"] == "gw_1"
    assert b"x-gateway-original-request-id" not in dict(Tag("gw_2").headers())


def test_a_budget_that_is_nearly_used_up_is_named() -> None:
    """In a header, of any answer that a budget has paid for; any other says nothing of it."""
    tag = Tag("gw_1", budget="web; used=16.00; amount=20.00; currency=USD")
    assert dict(tag.headers())[b"x-gateway-budget"] == b"web; used=16.00; amount=20.00; currency=USD"
    assert b"x-gateway-budget" not in dict(Tag("gw_1").headers())
