"""What is known of a failed attempt: what the rules look at."""

from dataclasses import dataclass, field

from gateway.core.contract.contract import VerificationState
from gateway.core.diagnosis.provider_error import ProviderError
from gateway.core.outcome import Stage


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a failed attempt. ``status`` is the answer's own, 0 without one; ``error`` is what the provider said.

    ``delivering``: image data had arrived before the error, so that something was made. ``verification`` and ``usage_tier`` are
    what the contract has recorded of its account. ``links`` are those in the request, ``None`` where it is not known.
    """

    stage: Stage
    status: int = 0
    error: ProviderError = field(default_factory=ProviderError)
    delivering: bool = False
    verification: VerificationState = VerificationState.UNKNOWN
    usage_tier: str = ""
    links: frozenset[str] | None = None
