"""The contract: one commercial and operational agreement under which images are made."""

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from gateway.core.contract.data_policy import Handling


class OnAmbiguous(StrEnum):
    """What happens after an attempt that may have been billed."""

    FAIL = "fail"
    RETRY = "retry"


class OnLedgerUnavailable(StrEnum):
    """What becomes of a request while the ledger cannot be written: it is refused, or its entries wait in a local file."""

    REJECT = "reject"
    SPOOL = "spool"


class OnUnavailable(StrEnum):
    """What becomes of a request whose limits cannot be looked up: it passes, or it is refused."""

    FAIL_OPEN = "fail_open"
    FAIL_CLOSED = "fail_closed"


class VerificationState(StrEnum):
    """Whether the account has passed the provider's organization verification."""

    VERIFIED = "verified"
    UNVERIFIED = "unverified"
    NOT_REQUIRED = "not_required"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Billing:
    """Who is paid: ``owner`` bills, ``invoice_issuer`` sends the invoice, both under ``account``."""

    owner: str
    account: str
    invoice_issuer: str
    currency: str
    terms: str


@dataclass(frozen=True, slots=True)
class RecordedLimit:
    """One line of the provider's dashboard, as a person read it: ``value`` per minute of ``dimension`` for ``model``."""

    model: str
    dimension: str
    value: int
    recorded_on: date
    source: str


@dataclass(frozen=True, slots=True)
class Limits:
    """Who limits, under which usage tier, and what the dashboard said.

    A request that finds a recorded limit used up waits for at most ``queue_s`` before it goes elsewhere or is refused.
    """

    owner: str
    usage_tier: str
    recorded: tuple[RecordedLimit, ...]
    queue_s: float = 0.0
    on_unavailable: OnUnavailable = OnUnavailable.FAIL_OPEN


@dataclass(frozen=True, slots=True)
class Verification:
    """Organization verification as recorded on a date."""

    state: VerificationState
    recorded_on: date | None


@dataclass(frozen=True, slots=True)
class Support:
    """Who answers a ticket, and where."""

    owner: str
    contact: str


@dataclass(frozen=True, slots=True)
class FailureTerms:
    """Who retries, who refunds, and what an ambiguous outcome and a ledger that cannot be written lead to."""

    retries: str
    refunds: str
    on_ambiguous: OnAmbiguous
    ledger_unavailable: OnLedgerUnavailable = OnLedgerUnavailable.REJECT


@dataclass(frozen=True, slots=True)
class DataTerms:
    """What happens to uploaded reference images and generated files. ``handling`` is what of it a policy can compare."""

    reference_images: str
    outputs: str
    training: str
    retention: str
    region: str
    handling: Handling = field(default_factory=Handling)


@dataclass(frozen=True, slots=True)
class ModelMapping:
    """Whether the provider names the model clearly, and how the mapping can be verified."""

    statement: str
    verifiable: bool


@dataclass(frozen=True, slots=True)
class Contract:
    """See the module. ``revision`` names this text of it; ``effective_to`` is exclusive, ``None`` means open."""

    id: str
    revision: str
    effective_from: date
    effective_to: date | None
    billing: Billing
    limits: Limits
    verification: Verification
    support: Support
    failure: FailureTerms
    data: DataTerms
    model_mapping: ModelMapping
    price_list: str

    @property
    def spools(self) -> bool:
        """Whether its attempts may be booked in a spool first."""
        return self.failure.ledger_unavailable is OnLedgerUnavailable.SPOOL

    @property
    def reference(self) -> str:
        """``id@revision``, as tags and ledger entries carry it."""
        return f"{self.id}@{self.revision}"

    def effective(self, on: date) -> bool:
        """Whether the contract is in force on that UTC day."""
        return self.effective_from <= on and (self.effective_to is None or on < self.effective_to)
