"""Evidence from what was noted while a request ran: gathered on the loop, made and written beside it."""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial

from gateway.core.evidence.bundle import (
    Asked,
    AttemptEvidence,
    Audience,
    Decided,
    DropEvidence,
    Ended,
    ErrorText,
    Evidence,
    amount_of,
    candidacy_of,
    terms_of,
)
from gateway.core.outcome import Outcome, Refusal
from gateway.core.redaction.prompts import without_prompt
from gateway.core.redaction.provider_settings import ours_at
from gateway.core.redaction.secrets import redact, redact_foreign
from gateway.core.request.images import ENDPOINTS
from gateway.core.routing.eligibility import Conditions
from gateway.core.routing.placement import NAME_CHARS_SHOWN
from gateway.core.routing.plan import Plan, survey
from gateway.core.snapshot import ProviderSettings
from gateway.core.tag import NONE
from gateway.engine.attempt_trace import AttemptTrace, Keep, RequestTrace
from gateway.engine.call import Call, Progress
from gateway.ports import EvidenceStore

HEADER_CHARS_MAX = 200
HEADERS_MAX = 24
ROUTES_MAX = 64
# Names under which providers and what stands before them send a request's id, each by its own documentation.
REQUEST_ID_HEADERS = (
    "x-request-id",
    "request-id",
    "apim-request-id",
    "x-ms-request-id",
    "x-amzn-requestid",
    "x-fal-request-id",
    "cf-ray",
)
_SAID_HEADERS = ("retry-after", "retry-after-ms", "openai-processing-ms", "openai-version")
_LIMIT_HEADERS = "x-ratelimit-"


class EvidenceKeeping:
    """Decides of which requests evidence is kept, and hands it to the store once they have ended."""

    def __init__(self, keep: Keep, store: EvidenceStore) -> None:
        self._keep, self.store = keep, store

    def begin(self, call: Call, conditions: Conditions, found: Plan | Refusal) -> RequestTrace:
        """The trace of a request that has a plan, or a refusal in its place."""
        return _request_trace(call, conditions, found, self._keep, linked=not self.store.failing)

    def end(self, progress: Progress, status: int) -> None:
        """The request has ended with that status (0: none was sent). What is not kept is forgotten."""
        request_trace = progress.request_trace
        if request_trace is None or not request_trace.kept(failed=progress.blemished):
            return
        for trace in request_trace.traces:
            trace.headers = _picked(trace.headers)
        self.store.put(partial(evidence_of, request_trace, _ended(progress, status)))


def untraced(call: Call, conditions: Conditions, found: Plan | Refusal) -> RequestTrace:
    """A trace that leads nowhere."""
    return _request_trace(call, conditions, found, Keep.NOTHING, linked=False)


def _request_trace(call: Call, conditions: Conditions, found: Plan | Refusal, keep: Keep, *, linked: bool) -> RequestTrace:
    return RequestTrace(
        call.request_id,
        call.received_at,
        call.app,
        call.snapshot,
        call.request,
        call.prompt,
        conditions,
        found,
        keep,
        linked,
    )


def evidence_of(request_trace: RequestTrace, ended: Ended) -> Evidence:
    """All of it, for operators. It may take a while: not for the loop."""
    return Evidence(
        request_id=request_trace.request_id,
        at=request_trace.received_at,
        audience=Audience.OPS,
        attempts=tuple(_attempt(number, trace, request_trace) for number, trace in enumerate(request_trace.traces, 1)),
        revision=request_trace.snapshot.revision,
        asked=_asked(request_trace),
        decided=_decided(request_trace),
        ended=ended,
    )


def _ended(progress: Progress, status: int) -> Ended:
    fallback, route = progress.fallback, progress.route
    return Ended(
        status=status,
        contract=NONE if route is None else route.contract.reference,
        attempts=progress.attempts,
        images=progress.images,
        diagnosis=progress.diagnosis,
        fallback_from="" if fallback is None else fallback.contract,
        discrepancies=tuple(map(str, progress.discrepancies)),
        cost=amount_of(progress.cost),
    )


def _asked(request_trace: RequestTrace) -> Asked:
    request = request_trace.request
    return Asked(
        app=request_trace.app.id,
        model=_name(request.model, request_trace.prompt),
        path=f"/v1/{ENDPOINTS[request.operation]}",
        operation=request.operation.value,
        size=request.size,
        quality=request.quality,
        n=request.n,
        stream=request.stream,
        references=request.references,
    )


def _decided(request_trace: RequestTrace) -> Decided:
    """A refusal does not say what was against each route: the plan is looked at once more, without choosing."""
    found = request_trace.found
    if isinstance(found, Refusal):
        try:
            found = survey(request_trace.request, request_trace.app, request_trace.snapshot, request_trace.conditions)
        except Refusal:
            return Decided((), ())
    return Decided(
        tuple(candidacy_of(it.route) for it in found.candidates[:ROUTES_MAX]),
        tuple(
            DropEvidence(it.route.id, it.reason.value, it.owner, _name(it.what, request_trace.prompt), it.remedy)
            for it in found.dropped[:ROUTES_MAX]
        ),
    )


def _attempt(number: int, trace: AttemptTrace, request_trace: RequestTrace) -> AttemptEvidence:
    route, settings = trace.candidate.route, trace.candidate.route.provider
    ids = {name: trace.headers[name] for name in REQUEST_ID_HEADERS if name in trace.headers}
    said = {name: value for name, value in trace.headers.items() if name not in ids}
    ended_s, clean = trace.ended_s, partial(_clean, settings=settings, prompt=request_trace.prompt)
    return AttemptEvidence(
        number=number,
        at=request_trace.received_at + timedelta(seconds=trace.began_s),
        route=route.id,
        provider=settings.id,
        upstream_model=route.upstream_model,
        endpoint=ENDPOINTS[request_trace.request.operation],
        terms=terms_of(route.contract),
        called=trace.called,
        outcome=_outcome(trace),
        organization=settings.organization or "",
        project=settings.project or "",
        status=trace.status or None,
        error=_error(trace, settings, request_trace.prompt),
        request_ids={name: clean(value) for name, value in ids.items()},
        headers={clean(name): clean(value) for name, value in said.items()},
        upstream_ms=round(trace.upstream_s * 1000, 1),
        total_ms=0.0 if ended_s is None else round((ended_s - trace.began_s) * 1000, 1),
        diagnosis=trace.diagnosis,
        cost=amount_of(trace.cost),
    )


def _outcome(trace: AttemptTrace) -> Outcome | None:
    """An attempt that never came to an end has none: its ledger entries say what is known of the money."""
    if trace.diagnosis is not None:
        return trace.diagnosis.outcome
    return None if trace.ended_s is None else Outcome.COMPLETED


def _error(trace: AttemptTrace, settings: ProviderSettings, prompt: str) -> ErrorText | None:
    """What the caller is told, without what the provider repeats of its prompt."""
    if trace.error is None:
        return None
    members = {name: trace.error.get(name) for name in ("message", "type", "code", "param")}
    return ErrorText(**{name: "" if value is None else _clean(str(value), settings, prompt) for name, value in members.items()})


def _picked(headers: Mapping[str, str]) -> dict[str, str]:
    """Ids, limits and times; not what else a provider's head may hold: cookies, addresses, names of accounts."""
    named = {name: headers[name] for name in (*REQUEST_ID_HEADERS, *_SAID_HEADERS) if name in headers}
    limits = sorted(name for name in headers if name.startswith(_LIMIT_HEADERS))[: HEADERS_MAX - len(named)]
    found = named | {name: headers[name] for name in limits}
    return {name: value for name, value in found.items() if _plain(name) and _plain(value)}


def _plain(text: str) -> bool:
    return len(text) <= HEADER_CHARS_MAX and text.isascii() and text.isprintable()


def _name(text: str, prompt: str) -> str:
    """Of the caller's own words no more than a name has."""
    return redact(without_prompt(text[:NAME_CHARS_SHOWN], prompt).encode("utf-8", "replace").decode())


def _clean(text: str, settings: ProviderSettings, prompt: str) -> str:
    return redact_foreign(without_prompt(ours_at(settings).without(text), prompt)).encode("utf-8", "replace").decode()
