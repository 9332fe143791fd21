"""Exchange rates as they are written: what a unit of one currency was worth in another, by day, with a source."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from gateway.config.schema.field import Amount, Currency, Day, Prose, mistake
from gateway.config.schema.written import Written


def _above_zero(value: Decimal) -> Decimal:
    if not value:
        raise mistake("is zero", "Write how many units of quote one unit of base is worth.")
    return value


class Rate(Written):
    """The rate of one day."""

    on: Day
    """The day that it is of, in UTC."""
    rate: Annotated[Amount, AfterValidator(_above_zero)]
    """How many units of quote one unit of base is worth; at most 9 decimals."""


class ExchangeRates(Written):
    """What one unit of base was worth in quote, by day; it serves both directions, and reports only."""

    base: Currency
    """The currency of which one unit is valued, by ISO 4217."""
    quote: Currency
    """The currency in which it is valued, by ISO 4217."""
    source: Prose
    """Where the rates were read."""
    days_max: Annotated[int, Field(ge=0, le=366)] = 7
    """For how many days after its own a rate holds, where no later one is there: banks publish none at weekends and holidays."""
    rates: Annotated[tuple[Rate, ...], Field(min_length=1, max_length=10_000)]
    """The rates, one a day; at most 10000."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.base == self.quote:
            raise mistake("values a currency in itself", "Write two currencies.")
        seen = set[date]()
        for rate in self.rates:
            if rate.on in seen:
                raise mistake(f"has two rates of {rate.on}", "Keep one.")
            seen.add(rate.on)
        return self
