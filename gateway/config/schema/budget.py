"""A budget as it is written: how much an app, a team or a contract may spend in a period."""

from decimal import Decimal
from typing import Annotated, Self

from pydantic import Field, model_validator

from gateway.config.schema.field import Amount, Currency, Prose, mistake
from gateway.config.schema.written import Written
from gateway.core.budget import Period, Scope
from gateway.core.contract.contract import OnUnavailable


class Budget(Written):
    """How much one app, team or contract may spend in a period (UTC); '*' gives each of them the amount for itself."""

    app: Prose | None = None
    """The app's id, or '*'; exactly one of app, team and contract."""
    team: Prose | None = None
    """The team, as apps name it, or '*'."""
    contract: Prose | None = None
    """The contract's id, or '*'. Where it is used up, other contracts serve, as if its routes were held."""
    period: Annotated[Period, Field(strict=False)] = Period.MONTH
    """When it begins anew: each 'month' or 'day', or never: 'total'."""
    amount: Annotated[Amount, Field(gt=0, le=1_000_000)]
    """How much, in units of the currency."""
    currency: Currency
    """That of the price lists it is spent by; nothing is converted."""
    soft_at: Annotated[Decimal, Field(gt=0, le=1, strict=False)] = Decimal("0.8")
    """From which share on answers carry x-gateway-budget."""
    hard: bool = True
    """Whether requests that may exceed it are refused (402); false: it only warns."""
    unknown_estimate: Annotated[Amount, Field(gt=0, le=1_000_000)] | None = None
    """What is held for a request whose cost cannot be estimated; absent: a hard budget refuses it (402)."""
    on_unavailable: Annotated[OnUnavailable, Field(strict=False)] = OnUnavailable.FAIL_CLOSED
    """Where Redis cannot be asked: 'fail_closed' refuses (503) what a hard budget has to count, 'fail_open' lets it pass."""

    @model_validator(mode="after")
    def _one_owner(self) -> Self:
        if len(self._owners) != 1:
            raise mistake(
                "needs exactly one of app, team and contract", "Write app: ID, team: NAME or contract: ID; '*' means each."
            )
        return self

    @property
    def owner(self) -> tuple[Scope, str]:
        """Whose it is."""
        [found] = self._owners
        return found

    @property
    def _owners(self) -> list[tuple[Scope, str]]:
        written = {Scope.APP: self.app, Scope.TEAM: self.team, Scope.CONTRACT: self.contract}
        return [(scope, name) for scope, name in written.items() if name is not None]
