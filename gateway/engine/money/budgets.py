"""Keeps budgets: the most that an attempt can cost is taken before it, and what it did not cost is given back after it."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self
from weakref import WeakValueDictionary

from gateway.core.budget import Account, Budget, Scope, accounts_of, held_unknown, spent, uncounted, without_price
from gateway.core.contract.contract import OnUnavailable
from gateway.core.ledger.balance import counted
from gateway.core.money.amount import Cost, nothing, to_nanos
from gateway.core.outcome import Refusal
from gateway.core.routing.choice import Candidate
from gateway.core.routing.eligibility import Conditions, Reason, Suspension
from gateway.engine.call import Call
from gateway.engine.money.adjusting import Correction
from gateway.ports import Books, BudgetCounters, LedgerUnavailable, Stake, StateUnavailable

# A counter outlives its period by more than a job takes.
KEPT_AFTER_S = 86_400
# Between a seed and the hold that needs it, a counter may be lost again; not often.
SEEDS_MAX = 8


class ContractSpent(Exception):
    """A contract's budget has no room for the request: another contract may have. ``refusal`` is for where none has."""

    def __init__(self, account: Account, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.account, self.refusal = account, refusal


class BudgetWatch(Protocol):
    """Who is told of the accounts, in nano-units."""

    def budget_used(self, account: Account, used_nanos: int) -> None:
        """So much is used now, holds included."""
        ...

    def budget_refused(self, account: Account) -> None:
        """A request did not fit."""
        ...

    def state_failed(self, limits: str, policy: OnUnavailable) -> None:
        """The counters could not be asked."""
        ...


@dataclass(slots=True)
class Holding:
    """What one attempt has taken: ``held_nanos`` from each account. ``warning`` is for the caller, empty where there is none.

    Once it is ``booked``, the ledger has a reserve, and only what closes that gives back. Leaving its ``async with`` before gives
    back all.
    """

    _keeper: "BudgetKeeper"
    accounts: tuple[Account, ...] = ()
    held_nanos: int = 0
    warning: str = ""
    booked: bool = False
    _settled: bool = False

    async def settle(self, cost: Cost) -> None:
        """Give back what the attempt did not cost, or take what it cost beyond; an unknown cost keeps all that is held."""
        if self._settled or not self.accounts or cost.amount is None:
            return
        self._settled = True
        await self._keeper.give_back(self.accounts, self.held_nanos - to_nanos(cost.amount))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if not self.booked and self.accounts:
            await self.settle(nothing(self.accounts[0].budget.currency))


class BudgetKeeper:
    """``counters`` are shared by all replicas or this process's own; one that is missing is filled from ``books``."""

    def __init__(self, counters: BudgetCounters, books: Books, watch: BudgetWatch, clock: Callable[[], datetime]) -> None:
        self._counters, self._books, self._watch, self._clock = counters, books, watch, clock
        self._seeding: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        # What could not be given back yet, in nano-units by account.
        self._owed: dict[Account, int] = {}

    async def hold(self, call: Call, candidate: Candidate) -> Holding:
        """Take the estimate from all accounts, or from none.

        Raises ``Refusal`` (402, 503), ``ContractSpent``, and ``LedgerUnavailable`` where a counter cannot be filled.
        """
        estimate = candidate.estimate
        if estimate.amount is None and call.app.refuses_unknown_price:
            raise without_price(call.request.model)
        budgets = call.snapshot.budgets
        if not budgets:
            return Holding(self)
        subjects = {Scope.APP: call.app.id, Scope.TEAM: call.app.team, Scope.CONTRACT: candidate.route.contract.id}
        accounts = tuple(accounts_of(budgets, subjects, estimate.currency, self._clock()))
        if not accounts:
            return Holding(self)
        # At least the smallest unit, so that a budget that is used up refuses also what may cost nothing.
        nanos = max(to_nanos(held_unknown(accounts, call.request.model) if estimate.amount is None else estimate.amount), 1)
        try:
            used = await self._held(accounts, nanos)
        except StateUnavailable as unavailable:
            self._pass_or_refuse(accounts, unavailable)
            return Holding(self)
        self._tell(accounts, used)
        warnings = [account.warning(total) for account, total in zip(accounts, used, strict=True) if account.soft(total)]
        return Holding(self, accounts, nanos, warnings[0] if warnings else "")

    async def give_back(self, accounts: tuple[Account, ...], nanos: int) -> None:
        """Never raises: what cannot be given back now is given back with the next."""
        for account in accounts:
            self._owed[account] = self._owed.get(account, 0) + nanos
        await self._pay_owed()

    async def correct(self, budgets: Sequence[Budget], corrections: Sequence[Correction]) -> None:
        """Count what adjustments have changed; never raises, see ``owes``."""
        for it in corrections:
            booked = it.before[0].attribution
            subjects = {Scope.APP: booked.app, Scope.TEAM: booked.team, Scope.CONTRACT: booked.contract}
            for account in accounts_of(budgets, subjects, it.before[0].cost.currency, booked.begun_at):
                unknown = account.budget.unknown
                less = counted(it.before, unknown) - counted((*it.before, it.adjustment), unknown)
                self._owed[account] = self._owed.get(account, 0) + to_nanos(less)
        await self._pay_owed()

    @property
    def owes(self) -> bool:
        """Whether counters could not be corrected yet."""
        return bool(self._owed)

    async def look(self, accounts: Iterable[Account]) -> None:
        """Tell what is used of each by the ledger, so that it is known before anybody asks."""
        for account in accounts:
            with suppress(LedgerUnavailable):
                used = await asyncio.to_thread(self._books.spent, account)
                self._watch.budget_used(account, to_nanos(used))

    async def _pay_owed(self) -> None:
        for account in list(self._owed):
            owed = self._owed.pop(account)
            try:
                used = await self._counters.add(account.key, -owed)
            except StateUnavailable:
                self._owed[account] = self._owed.get(account, 0) + owed
                self._watch.state_failed("budget", account.budget.on_unavailable)
                return
            if used is not None:
                self._watch.budget_used(account, used)

    async def _held(self, accounts: tuple[Account, ...], nanos: int) -> tuple[int, ...]:
        """What is used of each afterwards."""
        stakes = [Stake(it.key, it.limit_nanos if it.budget.hard else None) for it in accounts]
        for _ in range(SEEDS_MAX):
            taken = await self._counters.hold(stakes, nanos)
            missing = [account for account, total in zip(accounts, taken.used_nanos, strict=True) if total is None]
            if not missing:
                used = tuple(total for total in taken.used_nanos if total is not None)
                if taken.refused is not None:
                    self._tell(accounts, used)
                    raise self._refused(accounts[taken.refused], used[taken.refused], nanos)
                return used
            for account in missing:
                await self._seed(account)
        raise StateUnavailable("the budgets' counters do not stay")

    def _refused(self, account: Account, used_nanos: int, nanos: int) -> Exception:
        self._watch.budget_refused(account)
        refusal = spent(account, used_nanos, nanos)
        return ContractSpent(account, refusal) if account.budget.scope is Scope.CONTRACT else refusal

    async def _seed(self, account: Account) -> None:
        """From the ledger: what is booked, and what is or may still be to pay. One at a time; the first one counts."""
        async with self._seeding.setdefault(account.key, asyncio.Lock()):
            used = await asyncio.to_thread(self._books.spent, account)
            until = account.until
            lifetime_s = None if until is None else (until - self._clock()).total_seconds() + KEPT_AFTER_S
            await self._counters.seed(account.key, to_nanos(used), lifetime_s)

    def _tell(self, accounts: tuple[Account, ...], used: tuple[int, ...]) -> None:
        for account, total in zip(accounts, used, strict=True):
            self._watch.budget_used(account, total)

    def _pass_or_refuse(self, accounts: tuple[Account, ...], unavailable: StateUnavailable) -> None:
        closed = [it for it in accounts if it.budget.hard and it.budget.on_unavailable is OnUnavailable.FAIL_CLOSED]
        policy = OnUnavailable.FAIL_CLOSED if closed else OnUnavailable.FAIL_OPEN
        self._watch.state_failed("budget", policy)
        if closed:
            raise uncounted() from unavailable


def without_spent(conditions: Conditions, call: Call, spent: Mapping[str, ContractSpent]) -> Conditions:
    """As if the routes of the contracts with a spent budget were suspended."""
    if not spent:
        return conditions
    suspensions = dict(conditions.suspensions)
    for route in call.snapshot.routes.values():
        if (found := spent.get(route.contract.id)) is not None:
            what = f"the budget '{found.account.budget.id}' of its contract has no room for the request"
            suspension = Suspension(Reason.BUDGET, found.account.until, what)
            suspensions[route.id] = (*suspensions.get(route.id, ()), suspension)
    return replace(conditions, suspensions=suspensions)
