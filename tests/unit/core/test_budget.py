"""Whose money a request is, for how long a budget counts, and what is said where it is used up."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from gateway.core.budget import (
    Account,
    Budget,
    Period,
    Scope,
    account_of,
    accounts_in,
    accounts_of,
    held_unknown,
    spent,
    uncounted,
    without_price,
)
from gateway.core.contract.contract import OnUnavailable
from gateway.core.outcome import Refusal

NOW = datetime(2026, 12, 31, 23, 59, tzinfo=UTC)
BUDGET = Budget(
    "web", Scope.TEAM, "web", Period.MONTH, Decimal(20), "USD", Decimal("0.8"), hard=True, on_unavailable=OnUnavailable.FAIL_OPEN
)
SUBJECTS = {Scope.APP: "shop", Scope.TEAM: "web", Scope.CONTRACT: "direct"}


@pytest.mark.parametrize(
    ("period", "since", "until"),
    [
        (Period.DAY, datetime(2026, 12, 31, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
        (Period.MONTH, datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
        (Period.TOTAL, None, None),
    ],
)
def test_a_period_begins_anew_in_utc(period: Period, since: datetime | None, until: datetime | None) -> None:
    """A day and a month end where the next begins, a total never."""
    account = account_of(replace(BUDGET, period=period), "web", NOW)
    assert (account.since, account.until) == (since, until)


def test_each_subject_period_and_currency_is_counted_by_itself() -> None:
    """No two of them share a counter."""
    later = datetime(2027, 1, 1, tzinfo=UTC)
    accounts = [
        account_of(BUDGET, "web", NOW),
        account_of(BUDGET, "press", NOW),
        account_of(BUDGET, "web", later),
        account_of(replace(BUDGET, currency="EUR"), "web", NOW),
        account_of(replace(BUDGET, scope=Scope.APP), "web", NOW),
        account_of(replace(BUDGET, period=Period.TOTAL), "web", NOW),
    ]
    assert len({account.key for account in accounts}) == len(accounts)


def test_a_request_is_paid_from_every_budget_that_is_its_own() -> None:
    """Of its app, its team and its contract, by name or as one of all; no other."""
    budgets = [
        BUDGET,
        replace(BUDGET, id="other", subject="press"),
        replace(BUDGET, id="each", scope=Scope.APP, subject="*"),
        replace(BUDGET, id="contract", scope=Scope.CONTRACT, subject="direct"),
    ]
    found = [(it.budget.id, it.subject) for it in accounts_of(budgets, SUBJECTS, "USD", NOW)]
    assert found == [("web", "web"), ("each", "shop"), ("contract", "direct")]
    euros = [replace(BUDGET, id="euros", currency="EUR"), BUDGET]
    assert [it.budget.id for it in accounts_of(euros, SUBJECTS, "EUR", NOW)] == ["euros"]
    listed = accounts_in(budgets, {"shop": "web", "news": "press"}, ["direct", "reseller"], NOW)
    assert [(it.budget.id, it.subject) for it in listed] == [
        ("web", "web"),
        ("other", "press"),
        ("each", "news"),
        ("each", "shop"),
        ("contract", "direct"),
    ]


@pytest.mark.parametrize(("used", "soft"), [(15_999_999_999, False), (16_000_000_000, True), (30_000_000_000, True)])
def test_a_warning_comes_at_the_share_exactly(used: int, soft: bool) -> None:
    """Not a nano-unit earlier."""
    assert account_of(BUDGET, "web", NOW).soft(used) is soft


@pytest.mark.parametrize(
    ("account", "resets"),
    [
        (account_of(BUDGET, "web", NOW), "It begins anew on 2027-01-01 (UTC)"),
        (account_of(replace(BUDGET, period=Period.TOTAL), "web", NOW), "It does not begin anew"),
    ],
)
def test_a_refusal_says_what_is_left_and_until_when(account: Account, resets: str) -> None:
    """402 that no SDK repeats; what is left is never below zero."""
    refusal = spent(account, 19_750_000_000, 500_000_000)
    for said in ("'web' of the team 'web'", "0.25 of 20.00 USD", "may cost 0.50", resets):
        assert said in refusal.message
    assert (refusal.status, refusal.diagnosis.owner, refusal.diagnosis.retryable) == (402, "app_policy", False)
    assert "0.00 of 20.00" in spent(account, 21_000_000_000, 1).message
    warning = account.warning(16_000_000_000)
    assert warning.startswith("web; used=16.00; amount=20.00; currency=USD")
    assert ("resets=" in warning) is (account.until is not None)


def test_of_a_contract_s_budget_a_caller_learns_no_sum() -> None:
    """It would be what all other apps have spent; that it has no room, and until when, it learns."""
    account = account_of(replace(BUDGET, scope=Scope.CONTRACT, subject="atlas"), "atlas", NOW)
    refusal, warning = spent(account, 19_750_000_000, 500_000_000), account.warning(16_000_000_000)
    assert "may cost 0.50 USD" in refusal.message
    assert "begins anew on 2027-01-01" in refusal.message
    assert warning.startswith("web; scope=contract; resets=")
    for said in (refusal.message, refusal.diagnosis.first_check, warning):
        assert not any(sum_ in said for sum_ in ("0.25", "19.75", "20.00", "16.00", "4.00"))


def test_what_cannot_be_told_is_refused_by_its_owner() -> None:
    """Without a price by the app's policy, without counters by the gateway: that may be sent again."""
    assert (without_price("m").status, without_price("m").diagnosis.owner) == (402, "app_policy")
    assert (uncounted().status, uncounted().diagnosis.retryable) == (503, True)


def test_what_nobody_can_estimate_is_held_as_the_budget_says_or_refused() -> None:
    """A hard budget that says nothing refuses; of several that say something the most counts."""
    hard, soft = account_of(BUDGET, "web", NOW), account_of(replace(BUDGET, hard=False), "web", NOW)
    with pytest.raises(Refusal, match=r"hard budget 'web'.*budgets\.web\.unknown_estimate") as caught:
        held_unknown([soft, hard], "gpt-image-2")
    assert (caught.value.status, caught.value.code, caught.value.diagnosis.retryable) == (402, "unknown_estimate", False)
    bounded = [account_of(replace(BUDGET, unknown_estimate=Decimal(it)), "web", NOW) for it in ("0.2", "0.5")]
    assert held_unknown(bounded, "gpt-image-2") == Decimal("0.5")
    assert held_unknown([soft], "gpt-image-2") == 0
