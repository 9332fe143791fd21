"""Who owns a failure, what became of an attempt, and what is said of both: the values that everything else names."""

from dataclasses import dataclass
from enum import StrEnum


class Owner(StrEnum):
    """The closed set of those who can own a blocked request; ``unknown`` is alarmed on."""

    CALLER = "caller"
    APP_POLICY = "app_policy"
    REQUEST_SHAPE = "request_shape"
    MODEL_PLACEMENT = "model_placement"
    ACCOUNT = "account"
    VERIFICATION = "verification"
    RATE_LIMIT = "rate_limit"
    MODERATION = "moderation"
    PROVIDER = "provider"
    ROUTE = "route"
    GATEWAY = "gateway"
    UNKNOWN = "unknown"


class Outcome(StrEnum):
    """What became of an attempt. ``ambiguous``: it may have been billed and we cannot know."""

    NOT_SENT = "not_sent"
    REJECTED = "rejected"
    COMPLETED = "completed"
    AMBIGUOUS = "ambiguous"


class Stage(StrEnum):
    """How far an attempt came: no room here, no connection, no answer, an answer with an error status, a faulty success."""

    ROOM = "room"
    CONNECT = "connect"
    ANSWER = "answer"
    STATUS = "status"
    BODY = "body"


class Billed(StrEnum):
    """Whether money was spent on an attempt, as far as anybody can know."""

    NO = "no"
    YES = "yes"
    UNKNOWN = "unknown"


class Confidence(StrEnum):
    """How sure the owner is: named by a code or by what happened, by a text, or by the status alone."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Owner, the rule that found it and how surely, what to check first, when to stop, what it means for money and retries."""

    owner: Owner
    rule: str
    first_check: str
    stop_rule: str
    outcome: Outcome
    retryable: bool
    confidence: Confidence = Confidence.HIGH

    @property
    def billed(self) -> Billed:
        """What the outcome says of money."""
        return _BILLED[self.outcome]


_BILLED = {
    Outcome.NOT_SENT: Billed.NO,
    Outcome.REJECTED: Billed.NO,
    Outcome.COMPLETED: Billed.YES,
    Outcome.AMBIGUOUS: Billed.UNKNOWN,
}


MAY_BE_BILLED = "Do not send it again before the bill is known: a second image may be paid for."


class Refusal(Exception):
    """The gateway's own error: nothing was sent to a provider. Carries the OpenAI error's members and the diagnosis.

    ``retry_after_s`` counts where it is ``retryable``. ``original_id`` is the earlier request that it is refused for, if any.
    """

    def __init__(
        self,
        *,
        status: int,
        type: str,
        code: str,
        param: str | None,
        message: str,
        owner: Owner,
        rule: str,
        first_check: str,
        stop_rule: str,
        retryable: bool = False,
        retry_after_s: float = 1.0,
        original_id: str = "",
    ) -> None:
        super().__init__(message)
        self.retry_after_s, self.original_id = retry_after_s, original_id
        self.status, self.type, self.code, self.param, self.message = status, type, code, param, message
        self.diagnosis = Diagnosis(owner, rule, first_check, stop_rule, Outcome.NOT_SENT, retryable)


def shape_refusal(code: str, message: str, *, param: str | None = None, status: int = 400) -> Refusal:
    """The refusal of a request whose form is wrong; ``message`` names the field, the rule and the fix."""
    return Refusal(
        status=status,
        type="invalid_request_error",
        code=code,
        param=param,
        message=message,
        owner=Owner.REQUEST_SHAPE,
        rule=f"shape.{code}",
        first_check="Compare the request with the Images API reference.",
        stop_rule="Do not send it again unchanged: it will be refused again.",
    )
