"""Evidence as Markdown, ready for a ticket."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from gateway.core.evidence.bundle import Amount, AttemptEvidence, Audience, Decided, Ended, Evidence, Terms
from gateway.core.outcome import Diagnosis

# A name or a number stands as it is, in its own type; anything else could be taken for markup.
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+= -]*")
_MARKUP = re.compile(r"([\\`*\[\]<>|#~_])")
_Row = tuple[str, str]


def markdown_of(evidence: Evidence) -> str:
    """A letter to the support of the contract, or a report for operators or the app."""
    parts = [f"# {_title(evidence)}", *_addressed(evidence), _table(_of_the_request(evidence))]
    for attempt in evidence.attempts:
        parts += [f"## Attempt {attempt.number}: {_outcome(attempt)}", _table(_of_the_attempt(attempt))]
    if not evidence.attempts:
        parts.append("No attempt was made: nobody was called, nothing was billed.")
    if evidence.decided is not None:
        parts += ["## Decision", *_of_the_decision(evidence.decided)]
    if evidence.ended is not None:
        parts += ["## What the app was told", _table(_of_the_end(evidence.ended))]
    parts.append(_closing(evidence.audience))
    return "\n\n".join(parts) + "\n"


def _title(evidence: Evidence) -> str:
    failed = [it for it in evidence.attempts if it.diagnosis is not None and it.called]
    if evidence.audience is Audience.PROVIDER and failed:
        last = failed[-1]
        status = f"status {last.status}" if last.status else "no answer"
        return f"Image request failed: {_text(last.upstream_model)}, {status}, {_moment(last.at)}"
    return f"Evidence of request {_text(evidence.request_id)}"


def _addressed(evidence: Evidence) -> Iterator[str]:
    """Once for each contract that was called."""
    terms = dict.fromkeys(it.terms for it in evidence.attempts if it.called)
    for it in terms:
        who, contract = _text(it.support_owner), _text(it.contract)
        if it.support_contact:
            yield f"**To:** {who} ({_text(it.support_contact)}), support under the contract {contract}"
        else:
            yield f"**Support:** {who}, under the contract {contract}"


def _of_the_request(evidence: Evidence) -> Iterator[_Row]:
    asked = evidence.asked
    yield "request", _text(evidence.request_id) + (" (sent as x-client-request-id)" if evidence.attempts else "")
    yield "received", _moment(evidence.at)
    if asked is not None:
        yield "app", _text(asked.app)
        yield "endpoint", _text(asked.path)
        yield "model asked", _text(asked.model)
        yield "operation", _text(asked.operation)
        yield "size, quality", f"{_text(asked.size)}, {_text(asked.quality)}"
        yield "images asked", str(asked.n)
        yield "stream", "yes" if asked.stream else "no"
        yield "reference images", str(asked.references)
    yield "configuration", _text(evidence.revision)


def _of_the_attempt(it: AttemptEvidence) -> Iterator[_Row]:
    """What the evidence bundle needs comes first."""
    yield "organization (declared)", _text(it.organization)
    yield "project (declared)", _text(it.project)
    yield "model", _text(it.upstream_model)
    yield "endpoint", f"POST {_text(it.endpoint)}"
    yield from ((f"request id ({name})", _text(value)) for name, value in it.request_ids.items())
    yield "response status", _status(it)
    if it.error is not None:
        yield "error", _text(it.error.message)
        yield "error type, code, param", ", ".join(_text(word) or "–" for word in (it.error.type, it.error.code, it.error.param))
    yield from _of_the_headers(it.headers)
    yield from _of_the_terms(it.terms)
    yield "begun", _moment(it.at)
    yield "waited for the answer", f"{it.upstream_ms:.0f} ms" if it.called else ""
    yield "took", f"{it.total_ms:.0f} ms" if it.outcome is not None else ""
    yield "route, provider", f"{_text(it.route)}, {_text(it.provider)}"
    if it.diagnosis is not None:
        yield from _of_the_diagnosis(it.diagnosis)
    yield _cost_row(it.cost, it.diagnosis)


def _of_the_headers(headers: Mapping[str, str]) -> Iterator[_Row]:
    if not headers:
        yield "rate-limit headers", "none in the answer"
    for name, value in headers.items():
        yield _text(name), _text(value)


def _of_the_terms(terms: Terms) -> Iterator[_Row]:
    if terms.verification is not None:
        on = f" on {terms.verification_recorded_on}" if terms.verification_recorded_on else ", without a date"
        yield "organization verification (recorded)", f"{_text(terms.verification.value)}{on}"
    yield "usage tier (recorded)", _text(terms.usage_tier)
    owners = (("billing", terms.billing_owner), ("limits", terms.limits_owner), ("support", terms.support_owner))
    yield "contract", f"{_text(terms.contract)}: " + ", ".join(f"{what} {_text(owner)}" for what, owner in owners)


def _of_the_diagnosis(it: Diagnosis) -> Iterator[_Row]:
    yield "owner", f"{_text(it.owner.value)} (rule {_text(it.rule)}, confidence {it.confidence.value})"
    yield "first check", _text(it.first_check)
    yield "stop rule", _text(it.stop_rule)
    yield "billed", it.billed.value


def _of_the_decision(decided: Decided) -> Iterator[str]:
    if not decided.candidates and not decided.drops:
        yield "No route was looked at: the request was refused before."
    if decided.candidates:
        yield "\n".join(f"{at}. {_text(it.route)} under {_text(it.contract)}" for at, it in enumerate(decided.candidates, 1))
    if decided.drops:
        lines = ["| route left out | reason | owner | why | what would mend it |", "|---|---|---|---|---|"]
        for it in decided.drops:
            cells = (it.route, it.reason, it.owner.value, it.what, it.remedy)
            lines.append(f"| {' | '.join(_text(cell) or '–' for cell in cells)} |")
        yield "\n".join(lines)


def _of_the_end(ended: Ended) -> Iterator[_Row]:
    yield "status", str(ended.status) if ended.status else "none: the client or the gateway was gone"
    yield "contract", _text(ended.contract)
    yield "calls made", str(ended.attempts)
    yield "in the place of", _text(ended.fallback_from)
    yield "images", str(ended.images)
    yield from (("differs from the request", _text(found)) for found in ended.discrepancies)
    if ended.diagnosis is not None:
        yield from _of_the_diagnosis(ended.diagnosis)
    yield _cost_row(ended.cost, ended.diagnosis)


def _outcome(it: AttemptEvidence) -> str:
    if not it.called:
        return "nobody was called"
    return "it never came to an end" if it.outcome is None else it.outcome.value.replace("_", " ")


def _status(it: AttemptEvidence) -> str:
    if not it.called:
        return "none: nobody was called"
    return str(it.status) if it.status else "none: no answer came"


def _cost_row(cost: Amount | None, diagnosis: Diagnosis | None) -> _Row:
    if cost is None:
        return "cost", ""
    exposed = diagnosis is not None and diagnosis.billed.value == "unknown"
    return "may still be billed" if exposed else "cost", f"{_text(cost.amount)} {_text(cost.currency)} ({_text(cost.basis)})"


def _closing(audience: Audience) -> str:
    if audience is Audience.PROVIDER:
        return "Please tell us the cause of this error, and whether these attempts were charged."
    return "Keys, prompts and images are not kept, so they are not in here."


def _table(rows: Iterable[_Row]) -> str:
    """Without what is empty."""
    return "\n".join(("| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows if value)))


def _text(text: str) -> str:
    """On one line, and nothing in it is markup."""
    line = " ".join(text.split())
    return line if _PLAIN.fullmatch(line) else _MARKUP.sub(r"\\\1", line)


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03d} UTC"
