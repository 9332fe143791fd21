"""What to do next with a request: the only place that decides on another attempt."""

from dataclasses import dataclass

from gateway.core.diagnosis import Diagnosis
from gateway.core.routing import Candidate, Plan


@dataclass(frozen=True, slots=True)
class Attempt:
    """One upstream call that has ended without a delivery, and why."""

    candidate: Candidate
    diagnosis: Diagnosis


@dataclass(frozen=True, slots=True)
class Try:
    """Send the request to this candidate."""

    candidate: Candidate


@dataclass(frozen=True, slots=True)
class Stop:
    """No further attempt: the last one's diagnosis is the answer."""

    diagnosis: Diagnosis


def next_step(plan: Plan, attempts: tuple[Attempt, ...]) -> Try | Stop:
    """One attempt a request: a second one may change the contract (law 5), and no policy here permits that yet."""
    return Stop(attempts[-1].diagnosis) if attempts else Try(plan.candidates[0])
