"""What to do next with a request: the only place that decides on a retry, a wait or a fallback."""

from dataclasses import dataclass

from gateway.core.contract.contract import OnAmbiguous
from gateway.core.outcome import Diagnosis, Outcome
from gateway.core.routing.choice import Candidate
from gateway.core.routing.consent import unmoved, unreceivable
from gateway.core.routing.plan import Plan

# How long after the first attempt another may begin where no policy says so: image jobs take up to 300 s.
DEADLINE_S = 300.0


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt that has ended without a delivery, and why. Times are seconds since the request came in.

    ``blocked``: a limit of the contract was used up, so no call was made. ``retry_after_s`` is when to try again, as the
    provider or the limit says. ``head_sent``: the answer's head has left, and with it this attempt's contract.
    ``jitter`` is drawn once, from 0 to 1.
    """

    candidate: Candidate
    diagnosis: Diagnosis
    began_s: float
    ended_s: float
    retry_after_s: float | None = None
    head_sent: bool = False
    blocked: bool = False
    jitter: float = 1.0


@dataclass(frozen=True, slots=True)
class Moment:
    """When the step is asked for, in seconds since the request came in, and whether the process has retries to spare."""

    elapsed_s: float
    retry_allowed: bool = True


@dataclass(frozen=True, slots=True)
class Try:
    """Send the request to this candidate."""

    candidate: Candidate


@dataclass(frozen=True, slots=True)
class Wait:
    """Ask again at ``until_s``, in seconds since the request came in."""

    until_s: float


@dataclass(frozen=True, slots=True)
class Stop:
    """No further attempt: the last one's diagnosis is the answer. ``why`` says what forbids another."""

    diagnosis: Diagnosis
    why: str


def next_step(plan: Plan, attempts: tuple[Attempt, ...], moment: Moment) -> Try | Wait | Stop:
    """The first candidate; after a failure the same route again where that is safe and soon, else another that may receive it."""
    if not attempts:
        return Try(plan.candidates[0])
    last = attempts[-1]
    if final := _final(last):
        return Stop(last.diagnosis, final)
    again_s = _again_at(plan, attempts, moment)
    if again_s is not None:
        return Try(last.candidate) if moment.elapsed_s >= again_s else Wait(again_s)
    other = _other(plan, attempts, moment)
    return other if isinstance(other, Try) else Stop(last.diagnosis, other)


def _final(last: Attempt) -> str:
    """Why nothing may follow, whatever the policies say; empty where something may."""
    if last.head_sent:
        return "the answer has begun"
    if last.diagnosis.outcome is Outcome.COMPLETED:
        return "it was completed"
    accepted = last.candidate.route.contract.failure.on_ambiguous is OnAmbiguous.RETRY
    if last.diagnosis.outcome is Outcome.AMBIGUOUS and not accepted:
        return "it may have been billed, and the contract accepts no second image"
    return ""


def _again_at(plan: Plan, attempts: tuple[Attempt, ...], moment: Moment) -> float | None:
    """When the last attempt's route is tried again; ``None`` where it is not."""
    last = attempts[-1]
    again_s = _free_again_at(attempts) if last.blocked else _retry_at(plan, attempts, moment)
    return None if again_s is None or again_s > _deadline_s(plan) else again_s


def _free_again_at(attempts: tuple[Attempt, ...]) -> float | None:
    """A contract's limit is waited for as long as the contract says, counted from when the wait began."""
    last = attempts[-1]
    if last.retry_after_s is None:
        return None
    begun_s = last.began_s
    for earlier in reversed(attempts[:-1]):
        if not earlier.blocked or earlier.candidate.route is not last.candidate.route:
            break
        begun_s = earlier.began_s
    until_s = last.ended_s + last.retry_after_s
    return until_s if until_s - begun_s <= last.candidate.route.contract.limits.queue_s else None


def _retry_at(plan: Plan, attempts: tuple[Attempt, ...], moment: Moment) -> float | None:
    last, policy = attempts[-1], plan.model.retries
    tried = sum(it.candidate.route is last.candidate.route for it in attempts if not it.blocked)
    repeatable = last.diagnosis.retryable or last.diagnosis.outcome is Outcome.AMBIGUOUS
    if not repeatable or tried > policy.times_max or not moment.retry_allowed or _calls(attempts) >= _calls_max(plan):
        return None
    backoff_s = last.jitter * policy.backoff_s * 2 ** (tried - 1)
    wait_s = backoff_s if last.retry_after_s is None else last.retry_after_s
    return last.ended_s + wait_s if wait_s <= policy.wait_s_max else None


def _other(plan: Plan, attempts: tuple[Attempt, ...], moment: Moment) -> Try | str:
    """Another route, or why there is none."""
    last, policy = attempts[-1], plan.model.fallback
    why = unmoved(plan.model, last.diagnosis.owner)
    if policy is None or why:
        return why
    if _calls(attempts) >= policy.attempts_max:
        return f"{policy.attempts_max} attempts have been made"
    if moment.elapsed_s >= policy.deadline_s:
        return f"{policy.deadline_s:g} s have passed"
    took_s = last.ended_s - last.began_s
    if not last.blocked and policy.failed_within_s is not None and took_s > policy.failed_within_s:
        return f"it took longer than {policy.failed_within_s:g} s to fail"
    tried, why = {it.candidate.route.id for it in attempts}, "no other route is eligible"
    for candidate in plan.candidates:
        if candidate.route.id not in tried:
            why = unreceivable(plan.model, plan.app, plan.preferred.contract, candidate.route.contract)
            if not why:
                return Try(candidate)
    return why


def _calls(attempts: tuple[Attempt, ...]) -> int:
    return sum(not it.blocked for it in attempts)


def _calls_max(plan: Plan) -> int:
    return plan.model.fallback.attempts_max if plan.model.fallback else 1 + plan.model.retries.times_max


def _deadline_s(plan: Plan) -> float:
    return plan.model.fallback.deadline_s if plan.model.fallback else DEADLINE_S
