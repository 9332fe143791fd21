"""Diagnoses of what happened here and not at a provider: they need no rule."""

from gateway.core.outcome import MAY_BE_BILLED, Diagnosis, Outcome, Owner


def client_left() -> Diagnosis:
    """The app's policy is to break a call off when its client leaves: the provider may have made and billed the image."""
    return Diagnosis(
        Owner.CALLER,
        "caller.left",
        "Did the client give up too early? Image jobs take up to 300 s.",
        MAY_BE_BILLED,
        Outcome.AMBIGUOUS,
        retryable=False,
    )


def limit_used_up(*, ever: bool) -> Diagnosis:
    """A recorded limit of the contract has no room; ``ever``: whether a request of this size can fit into it at all."""
    return Diagnosis(
        Owner.RATE_LIMIT,
        "rate_limit.contract",
        "Compare the limits recorded in the contract with the provider's limits page.",
        "Wait for retry-after; reduce concurrency before asking for a higher limit." if ever else "Ask for fewer images at once.",
        Outcome.NOT_SENT,
        retryable=ever,
    )


def limits_unknown() -> Diagnosis:
    """The counters of the contract's limits cannot be asked, and the contract says that nothing is sent then."""
    return Diagnosis(
        Owner.GATEWAY,
        "gateway.limits_unavailable",
        "Ops: can the gateway reach the Redis at state.redis_url?",
        "Nothing was sent, nothing was billed: the request may be sent again.",
        Outcome.NOT_SENT,
        retryable=True,
    )
