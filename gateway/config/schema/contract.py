"""A contract as it is written: who bills, who limits, who supports, what failure costs, what happens to the data."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from gateway.config.schema.field import Currency, Day, Id, Line, Name, Prose, Revision, Seconds, mistake
from gateway.config.schema.written import InForce, Written
from gateway.core.contract.contract import OnAmbiguous, OnLedgerUnavailable, OnUnavailable, VerificationState


class BillingTerms(Written):
    """Who is paid, by whom the invoice is sent, and in what currency."""

    owner: Line
    """Who bills for the images: the party that finance pays."""
    account: Line
    """The account at that party under which the images are billed."""
    invoice_issuer: Line
    """The name on the invoice."""
    currency: Currency
    """Currency of the invoice, by ISO 4217."""
    terms: Prose
    """Payment terms, such as prepaid credit or monthly in arrears."""


class RecordedLimit(Written):
    """One line of the provider's limits page as a person read it."""

    model: Name
    """The model that the limit is for, as the provider names it."""
    dimension: Literal["requests_per_minute", "images_per_minute", "tokens_per_minute"]
    """What is counted."""
    value: Annotated[int, Field(ge=1, le=1_000_000_000)]
    """How many of it a minute; at least 1, because a limit of 0 means that the model is not available at all."""
    recorded_on: Day
    """The day on which it was read."""
    source: Prose
    """Where it was read."""


class LimitTerms(Written):
    """Who limits the rate, and what the limits page said."""

    owner: Line
    """Who sets the rate limits; 'unknown' is allowed and warned of."""
    usage_tier: Line
    """The account's usage tier; 'unknown' is allowed and warned of."""
    recorded: tuple[RecordedLimit, ...]
    """The limits as read from the provider's page; an empty list means that none was recorded."""
    queue_s: Annotated[Seconds, Field(ge=0, le=120)] = 0.0
    """How long a request waits, in seconds, where a recorded limit is used up, before it goes elsewhere or is refused."""
    on_unavailable: Annotated[OnUnavailable, Field(strict=False)] = OnUnavailable.FAIL_OPEN
    """Where Redis cannot be asked: 'fail_open' sends the request, 'fail_closed' counts the limit as used up."""


class VerificationTerms(Written):
    """Whether the account has passed the provider's organization verification."""

    state: Annotated[VerificationState, Field(strict=False)]
    """What the provider's console said."""
    recorded_on: Annotated[Day | None, Field(validate_default=True)] = None
    """The day on which it was read; needed where the state is verified or unverified."""

    @field_validator("recorded_on")
    @classmethod
    def _dated_where_known(cls, value: date | None, info: ValidationInfo) -> date | None:
        state = info.data.get("state")
        if value is None and state in (VerificationState.VERIFIED, VerificationState.UNVERIFIED):
            raise mistake("is missing", "Write the day on which the state was read.")
        return value


class SupportTerms(Written):
    """Who answers a ticket."""

    owner: Line
    """Who supports the images made under this contract."""
    contact: Line
    """Where a ticket goes: an address, a URL or a channel."""


class FailureTerms(Written):
    """What a failed request leads to."""

    retries: Prose
    """Who may send a request again, and when."""
    refunds: Prose
    """Who refunds what: failed requests, unusable images."""
    on_ambiguous: Annotated[OnAmbiguous, Field(strict=False)]
    """After an attempt that may have been billed: 'fail' stops, 'retry' accepts that both may be paid for."""
    ledger_unavailable: Annotated[OnLedgerUnavailable, Field(strict=False)] = OnLedgerUnavailable.REJECT
    """While the ledger cannot be written: 'reject' sends nothing, 'spool' books in a file beside it until it can be written."""


class SubjectTerms(Written):
    """How the provider handles one kind of data; what is absent satisfies no app's data policy."""

    training: bool | None = None
    """Whether it is used for training."""
    retention_days: Annotated[int, Field(ge=0, le=36_500)] | None = None
    """It is deleted within so many days."""
    regions: Annotated[tuple[Line, ...], Field(min_length=1, max_length=100)] | None = None
    """It stays in these regions, such as eu."""


class Handling(Written):
    """The terms that apps' data policies are compared with."""

    prompts: SubjectTerms = SubjectTerms()
    """Of prompts."""
    reference_images: SubjectTerms = SubjectTerms()
    """Of uploaded reference images."""
    outputs: SubjectTerms = SubjectTerms()
    """Of generated images."""


class DataTerms(Written):
    """What happens to uploaded reference images and generated files; 'unknown' is allowed everywhere and warned of."""

    reference_images: Prose
    """What the provider does with uploaded reference images."""
    outputs: Prose
    """Who owns the generated images and where they are kept."""
    training: Prose
    """Whether either is used for training."""
    retention: Prose
    """How long either is kept."""
    region: Prose
    """Where either is processed."""
    handling: Handling = Handling()
    """The same in a form that apps' data policies can be compared with; absent satisfies none."""


class ModelMapping(Written):
    """Whether the provider names its model clearly."""

    statement: Prose
    """Which model the provider says it serves under which name."""
    verifiable: bool
    """Whether the response lets us verify that."""


class Contract(InForce):
    """One commercial and operational agreement under which images are made."""

    revision: Revision
    """Names this text of the contract, best by its date; tags and ledger rows carry id@revision."""
    billing: BillingTerms
    """Who is paid."""
    limits: LimitTerms
    """Who limits the rate."""
    verification: VerificationTerms
    """Whether the account is verified."""
    support: SupportTerms
    """Who answers a ticket."""
    failure: FailureTerms
    """What a failed request leads to."""
    data: DataTerms
    """What happens to images."""
    model_mapping: ModelMapping
    """Which model stands behind the name."""
    price_list: Id
    """Id of the price list by which its images are paid."""
