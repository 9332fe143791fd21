"""Budgets: how much an app, a team or a contract may spend in a period, and whose money a request is."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum

from gateway.core.contract.contract import OnUnavailable
from gateway.core.money.amount import amount_text, from_nanos, to_nanos
from gateway.core.money.month import month_of
from gateway.core.outcome import Owner, Refusal

ANY = "*"


class Scope(StrEnum):
    """Whose money a budget is; the values are columns of the ledger."""

    APP = "app"
    TEAM = "team"
    CONTRACT = "contract"


class Period(StrEnum):
    """How long a budget counts before it begins anew, in UTC. ``total`` never does."""

    DAY = "day"
    MONTH = "month"
    TOTAL = "total"


@dataclass(frozen=True, slots=True)
class Budget:
    """``subject`` is the id of one app, team or contract, or ``*``: then each of them has the amount for itself.

    ``soft_at`` is the share of the amount from which callers are warned; a budget that is not ``hard`` does no more than that.
    ``unknown_estimate`` is held for a request whose cost nobody can tell beforehand; ``None``: a hard budget refuses it.
    """

    id: str
    scope: Scope
    subject: str
    period: Period
    amount: Decimal
    currency: str
    soft_at: Decimal
    hard: bool
    on_unavailable: OnUnavailable
    unknown_estimate: Decimal | None = None

    @property
    def unknown(self) -> Decimal:
        """What counts for an attempt whose cost and estimate are unknown."""
        return self.unknown_estimate or Decimal(0)


@dataclass(frozen=True, slots=True)
class Account:
    """One subject's budget in one period, ``[since, until)``; ``None`` where it has no end."""

    budget: Budget
    subject: str
    since: datetime | None
    until: datetime | None

    @property
    def key(self) -> str:
        """A name that no other subject, period or currency has."""
        budget = self.budget
        begin = f"{self.since:%Y-%m-%d}" if self.since else "ever"
        return f"{budget.id}/{budget.scope}:{self.subject}/{budget.period}:{begin}/{budget.currency}"

    @property
    def limit_nanos(self) -> int:
        """The amount in nano-units."""
        return to_nanos(self.budget.amount)

    def soft(self, used_nanos: int) -> bool:
        """Whether so much use is worth a warning."""
        return used_nanos >= self.limit_nanos * self.budget.soft_at

    @property
    def shared(self) -> bool:
        """Whether others use it up, too, of whose money a caller learns nothing."""
        return self.budget.scope is Scope.CONTRACT

    def warning(self, used_nanos: int) -> str:
        """What the caller is told in a header; of a contract's budget only that little is left."""
        budget = self.budget
        used = (
            "scope=contract"
            if self.shared
            else f"used={amount_text(from_nanos(used_nanos))}; amount={amount_text(budget.amount)}; currency={budget.currency}"
        )
        return f"{budget.id}; {used}" + (f"; resets={self.until:%Y-%m-%d}" if self.until else "")


def account_of(budget: Budget, subject: str, now: datetime) -> Account:
    """The subject's account at that moment (aware, in UTC)."""
    since: datetime | None = None
    until: datetime | None = None
    if budget.period is Period.MONTH:
        since, until = month_of(now)
    elif budget.period is Period.DAY:
        since = datetime.combine(now.date(), time(), UTC)
        until = since + timedelta(days=1)
    return Account(budget, subject, since, until)


def accounts_of(budgets: Iterable[Budget], subjects: Mapping[Scope, str], currency: str, now: datetime) -> Iterator[Account]:
    """All accounts that a request of that app, team and contract is paid from in that currency."""
    for budget in budgets:
        subject = subjects[budget.scope]
        if budget.currency == currency and budget.subject in (ANY, subject):
            yield account_of(budget, subject, now)


def held_unknown(accounts: Iterable[Account], model: str) -> Decimal:
    """What is held for a request of unknown cost: the most that one of its budgets says. Raises ``Refusal`` where none may be."""
    most = Decimal(0)
    for budget in (it.budget for it in accounts):
        if budget.hard and budget.unknown_estimate is None:
            raise unbounded(budget, model)
        most = max(most, budget.unknown)
    return most


def accounts_in(
    budgets: Iterable[Budget], teams: Mapping[str, str], contracts: Iterable[str], now: datetime
) -> Iterator[Account]:
    """All accounts that there are at that moment; ``teams`` by app."""
    subjects = {Scope.APP: set(teams), Scope.TEAM: set(teams.values()), Scope.CONTRACT: set(contracts)}
    for budget in budgets:
        for subject in sorted(subjects[budget.scope]):
            if budget.subject in (ANY, subject):
                yield account_of(budget, subject, now)


def spent(account: Account, used_nanos: int, estimate_nanos: int) -> Refusal:
    """402: the most that the request can cost does not fit into what is left. The sums of a contract's are for operators."""
    budget = account.budget
    left = amount_text(max(from_nanos(account.limit_nanos - used_nanos), Decimal(0)))
    of = f"{budget.scope} '{account.subject}'"
    cost = amount_text(from_nanos(estimate_nanos))
    has = f"has {left} of {amount_text(budget.amount)} {budget.currency} left for the {budget.period}"
    if account.shared:
        has = "has no room for it"
    resets = f"It begins anew on {account.until:%Y-%m-%d} (UTC)" if account.until else "It does not begin anew"
    return Refusal(
        status=402,
        type="insufficient_quota",
        code="budget_exceeded",
        param=None,
        message=f"The budget '{budget.id}' of the {of} {has}, and this request may cost {cost} {budget.currency}. "
        f"Nothing was sent. {resets}; ask whoever owns the budget to raise it, or for a cheaper image.",
        owner=Owner.APP_POLICY,
        rule="app_policy.budget",
        first_check=f"What has the {of} spent? gateway budgets",
        stop_rule="Do not send it again before the budget is raised or begins anew: it will be refused again.",
    )


def unbounded(budget: Budget, model: str) -> Refusal:
    """402: nobody can tell whether the request fits into what is left of a hard budget."""
    return Refusal(
        status=402,
        type="insufficient_quota",
        code="unknown_estimate",
        param="model",
        message=f"What this request for '{model}' can cost at most is not known, so it cannot be held against the hard budget "
        f"'{budget.id}'. Nothing was sent. Ask for a size and quality that has a price; or ops: complete the price list, or "
        f"write budgets.{budget.id}.unknown_estimate, the amount to hold for such requests.",
        owner=Owner.APP_POLICY,
        rule="app_policy.unknown_estimate",
        first_check="What is missing from the price list? gateway check names it; gateway explain shows the request's estimate.",
        stop_rule="Do not send it again before the price list or the budget says what to hold: it will be refused again.",
    )


def without_price(model: str) -> Refusal:
    """The app's policy refuses what nobody can tell the cost of."""
    return Refusal(
        status=402,
        type="insufficient_quota",
        code="unknown_price",
        param="model",
        message=f"What this request for '{model}' would cost is not known: the price list has no answer, and the app's policy "
        "refuses such requests (unknown_price: refuse). Nothing was sent. Ask for a size and quality that has a price.",
        owner=Owner.APP_POLICY,
        rule="app_policy.unknown_price",
        first_check="Has the route's price list a price for this model, size and quality on this day? gateway explain",
        stop_rule="Do not send it again before the price is recorded.",
    )


def uncounted() -> Refusal:
    """503: a hard budget cannot be looked up now."""
    return Refusal(
        status=503,
        type="server_error",
        code="budgets_unavailable",
        param=None,
        message="A budget of this request cannot be looked up now, so nothing was sent. Try again shortly.",
        owner=Owner.GATEWAY,
        rule="gateway.budgets_unavailable",
        first_check="Ops: can the gateway reach the Redis at state.redis_url?",
        stop_rule="Nothing was sent, nothing was billed: the request may be sent again.",
        retryable=True,
    )
