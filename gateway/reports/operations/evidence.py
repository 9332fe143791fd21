"""What is kept of a request, cut for its audience."""

from gateway.core.evidence.bundle import Audience, Evidence, called_contracts, for_audience


class OtherContract(Exception):
    """The request has no attempt under the contract that was named; ``called`` are the ids of those that it has."""

    def __init__(self, called: tuple[str, ...]) -> None:
        super().__init__(f"Attempts were made under {', '.join(called) or 'none'}.")
        self.called = called


def evidence_for(evidence: Evidence, audience: Audience, contract: str = "") -> Evidence:
    """What that audience may see; for a provider about ``contract`` (an id), else the first that failed.

    Raises ``OtherContract``.
    """
    if contract and contract not in (called := called_contracts(evidence)):
        raise OtherContract(called)
    return for_audience(evidence, audience, contract)
