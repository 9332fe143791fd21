"""Whether a request is the same as an earlier one: then it joins that one, or gets its answer again, and nothing is paid twice.

What is known of earlier requests are claims under a name: of an idempotency key there is one, of a body without a key there may
be several, because the same body may well be sent twice on purpose. A retry belongs to just one of those.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from gateway.core.idempotency.refusals import key_reused, outcome_unknown, result_not_kept
from gateway.core.outcome import Outcome

CLAIMS_A_NAME_MAX = 64
FOLLOWERS_MAX = 64
# How long an SDK may wait before it repeats what it was told to repeat: at most 120 s (openai-python 3.54, 2026-11-23).
RETRY_AWAITED_S = 120


class Duplicates(StrEnum):
    """Which requests without a key count as repetitions: none, retries of the official SDKs, or all that are identical."""

    OFF = "off"
    RETRIES = "retries"
    IDENTICAL = "identical"


class Standing(StrEnum):
    """``finished``: it was answered. ``ambiguous``: it may have been billed. ``released``: it failed and surely cost nothing."""

    RUNNING = "running"
    FINISHED = "finished"
    AMBIGUOUS = "ambiguous"
    RELEASED = "released"


@dataclass(frozen=True, slots=True)
class Claim:
    """One request under a name. ``replica`` is the process that runs it, ``at_s`` when its standing last changed (epoch).

    ``kept``: its result can be given again. ``left``: its client had gone before the answer was complete. ``followers`` are
    the requests that wait for its result, or have got it.
    """

    request_id: str
    fingerprint: str
    replica: str
    at_s: int
    standing: Standing = Standing.RUNNING
    kept: bool = False
    left: bool = False
    followers: tuple[str, ...] = ()


Claimed = tuple[Claim, ...]


class Look(StrEnum):
    """Where the earlier request is looked for: under the key, among the bodies as a retry's original, as any, or nowhere."""

    KEY = "key"
    RETRY = "retry"
    IDENTICAL = "identical"
    NOWHERE = "nowhere"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that may be a repetition. ``follows`` is the request that it has joined before, if it has."""

    request_id: str
    fingerprint: str
    look: Look
    replica: str
    follows: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """The moment (epoch), for how long a claim counts, which requests' processes are gone, and which requests' clients are."""

    now_s: int
    lifetime_s: int
    lost: frozenset[str] = frozenset()
    left: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Run:
    """Nothing like it is known: send it. ``claims`` are to stand under the name from now on, here as in the others."""

    claims: Claimed


@dataclass(frozen=True, slots=True)
class Join:
    """That request is in flight: wait for its end."""

    request_id: str
    claims: Claimed


@dataclass(frozen=True, slots=True)
class Replay:
    """That request has been answered: answer alike."""

    request_id: str
    claims: Claimed


Decision = Run | Join | Replay


def decide(found: Claimed, asked: Asked, known: Known) -> Decision:
    """What to do with a request, given the claims ``found`` under its name; raises ``Refusal`` (422, 409)."""
    claims = _current(found, known)
    earlier = _earlier(claims, asked, known.left)
    if earlier is None or earlier.standing is Standing.RELEASED:
        others = () if asked.look is Look.KEY else tuple(it for it in claims if it is not earlier)
        own = Claim(asked.request_id, asked.fingerprint, asked.replica, known.now_s)
        return Run((*_with_room(others), own))
    if earlier.fingerprint != asked.fingerprint:
        raise key_reused(earlier.request_id)
    if earlier.standing is Standing.AMBIGUOUS:
        raise outcome_unknown(earlier.request_id)
    followed = _changed(claims, earlier.request_id, followers=_followers(earlier, asked.request_id))
    if earlier.standing is Standing.RUNNING:
        return Join(earlier.request_id, followed)
    if not earlier.kept:
        raise result_not_kept(earlier.request_id)
    return Replay(earlier.request_id, followed)


@dataclass(frozen=True, slots=True)
class End:
    """How a request ended. ``awaited``: its client may send it again, because it was told so or because it had ``left``."""

    standing: Standing
    at_s: int
    kept: bool
    left: bool
    awaited: bool


def standing_of(failures: Iterable[Outcome], *, answered: bool) -> Standing:
    """What a request's failed attempts and its end say of its money."""
    if answered:
        return Standing.FINISHED
    paid = any(outcome in (Outcome.AMBIGUOUS, Outcome.COMPLETED) for outcome in failures)
    return Standing.AMBIGUOUS if paid else Standing.RELEASED


def ended(found: Claimed, request_id: str, look: Look, end: End) -> Claimed:
    """The claims once that request has ended. What cost nothing is forgotten, unless the body's own retry is to be told apart."""
    if end.standing is Standing.RELEASED and (look is Look.KEY or not end.awaited):
        return tuple(claim for claim in found if claim.request_id != request_id)
    return tuple(
        replace(claim, standing=end.standing, at_s=end.at_s, kept=end.kept, left=end.left)
        if claim.request_id == request_id
        else claim
        for claim in found
    )


def unfollowed(found: Claimed, request_id: str, follower: str) -> Claimed:
    """The claims once ``follower`` has gone without the result: its own retry may follow in its place."""
    return tuple(
        replace(claim, followers=tuple(it for it in claim.followers if it != follower))
        if claim.request_id == request_id
        else claim
        for claim in found
    )


def _current(found: Claimed, known: Known) -> Claimed:
    """Those that still count. What ran in a process that is gone may have been billed."""
    claims = (
        replace(claim, standing=Standing.AMBIGUOUS, left=True)
        if claim.standing is Standing.RUNNING and claim.request_id in known.lost
        else claim
        for claim in found
    )
    return tuple(claim for claim in claims if not _lapsed(claim, known))


def _lapsed(claim: Claim, known: Known) -> bool:
    lifetime_s = min(known.lifetime_s, RETRY_AWAITED_S) if claim.standing is Standing.RELEASED else known.lifetime_s
    return claim.standing is not Standing.RUNNING and known.now_s - claim.at_s > lifetime_s


def _earlier(claims: Claimed, asked: Asked, left: frozenset[str]) -> Claim | None:
    """The request that this one repeats."""
    for claim in claims:
        if claim.request_id == asked.follows and claim.standing is not Standing.RELEASED:
            return claim
    if asked.look is Look.KEY:
        return claims[0] if claims else None
    unreleased = [claim for claim in claims if claim.standing is not Standing.RELEASED]
    if asked.look is Look.IDENTICAL:
        return unreleased[-1] if unreleased else None
    return _original(claims, unreleased, left) if asked.look is Look.RETRY else None


def _original(claims: Claimed, unreleased: list[Claim], left: frozenset[str]) -> Claim | None:
    """Of several requests with this body, the one whose retry this most likely is.

    First one whose client has gone and whose retry has not come yet. Then one whose client was told that it may try again.
    Then one that only seems to be well, for networks lose answers unseen; then one whose client was told not to try again.
    Only then one whose retry has come already.
    """
    alone = sorted((claim for claim in unreleased if not claim.followers), key=lambda claim: claim.standing is Standing.AMBIGUOUS)
    for claim in alone:
        if claim.left or claim.request_id in left:
            return claim
    told = [claim for claim in claims if claim.standing is Standing.RELEASED]
    return next(iter((*told, *alone, *reversed(unreleased))), None)


def _followers(claim: Claim, follower: str) -> tuple[str, ...]:
    return claim.followers if follower in claim.followers else (*claim.followers[1 - FOLLOWERS_MAX :], follower)


def _changed(claims: Claimed, request_id: str, *, followers: tuple[str, ...]) -> Claimed:
    return tuple(replace(claim, followers=followers) if claim.request_id == request_id else claim for claim in claims)


def _with_room(claims: Claimed) -> Claimed:
    """With room for one more: the oldest that has ended makes it, else the oldest."""
    if len(claims) < CLAIMS_A_NAME_MAX:
        return claims
    oldest = next((claim for claim in claims if claim.standing is not Standing.RUNNING), claims[0])
    return tuple(claim for claim in claims if claim is not oldest)
