"""Lines that name a request, each against the attempt of that name."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

from gateway.core.finance.reconciliation.candidate import Candidate, Residue, candidate_of, images_of, resolved
from gateway.core.finance.reconciliation.charge import ProviderCharge, model_named
from gateway.core.finance.reconciliation.finding import Finding, Resolution, Result, Terms, reason_of
from gateway.core.finance.reconciliation.line import Pair, judged
from gateway.core.ledger.balance import Balance, State
from gateway.core.ledger.entry import TEXT_OPERATION, Attribution, Kind
from gateway.core.request.images import Operation

_NOTHING = Decimal(0)
_Key = tuple[date, str, str]


class Requests:
    """A line's id is the provider's, or ours: ``REQUEST.ATTEMPT`` or ``REQUEST``. ``pairs`` are those that agree, by day."""

    def __init__(self, terms: Terms, unit: Callable[[str], Decimal]) -> None:
        self._terms, self._unit = terms, unit
        self._lines: defaultdict[str, list[ProviderCharge]] = defaultdict(list)
        self._doubtful: defaultdict[_Key, list[Candidate]] = defaultdict(list)
        self._settled_later: list[tuple[_Key, Balance]] = []
        self.named = False
        self.findings: list[Finding] = []
        self.resolutions: list[Resolution] = []
        self.pairs: dict[_Key, Pair] = {}

    def charge(self, it: ProviderCharge) -> None:
        """A line with a ``request_id``; all of them come before the first attempt."""
        self._lines[it.request_id].append(it)
        self.named = True

    def attempt(self, it: Balance, *, ours: bool) -> None:
        """``ours``: it began in the month; others are looked for, and not missed."""
        booked, candidate = it.reserve.attribution, candidate_of(it)
        names = (it.latest.upstream_request_id, f"{booked.request_id}.{booked.attempt}", booked.request_id)
        lines = self._taken(next((name for name in names if name in self._lines), ""), booked)
        key = (booked.begun_at.date(), booked.upstream_model, it.currency)
        if lines is not None:
            self._compare(it, candidate, lines)
        elif ours and candidate is not None:
            self._doubtful[key].append(candidate)
        elif ours and it.cost and it.state is State.SETTLED and it.latest.kind is not Kind.SETTLE:
            self._settled_later.append((key, it))
        elif ours and it.cost:
            self._missing(key, it)

    def _taken(self, name: str, booked: Attribution) -> list[ProviderCharge] | None:
        """The lines of that id; of a response, whose two models are charged under one id, those of the one that is booked."""
        if booked.operation not in (Operation.RESPONSE, TEXT_OPERATION):
            return self._lines.pop(name, None)
        model, patterns = booked.upstream_model, self._terms.models
        lines = self._lines.pop(name, [])
        mine = [it for it in lines if model_named(it.name, (model,), patterns) == model]
        if rest := [it for it in lines if it not in mine]:
            self._lines[name] = rest
        return mine or None

    def conclude(self, model_of: Callable[[str], str], covered: Mapping[date, str]) -> None:
        """Set what is left on both sides against each other: the answer that was lost brought no id of the provider with it."""
        left: defaultdict[_Key, dict[str, list[ProviderCharge]]] = defaultdict(dict)
        for name, lines in self._lines.items():
            left[lines[0].day, model_of(lines[0].name), lines[0].currency][name] = lines
        for key, it in self._settled_later:
            same = next((name for name, lines in left[key].items() if _sum(lines) == it.cost), None)
            if same is None:
                self._missing(key, it)
            else:
                self._agree(it, key, it.cost or _NOTHING, left[key].pop(same))
        for key, candidates in self._doubtful.items():
            found = self._resolve(key, candidates, left[key], covered)
            if any(it.amount for it in found):
                del left[key]
        for key, unknown in left.items():
            for name, lines in unknown.items():
                charged = _sum(lines)
                note = "a refund of no request of the gateway" if charged < 0 else "the gateway knows no such request"
                self._find(key, Result.PROVIDER_ONLY, name, note, charged=charged, requests_charged=1)

    def _missing(self, key: _Key, it: Balance) -> None:
        name, note = it.reserve.attribution.request_id, "the file does not name it"
        cost = it.cost or _NOTHING
        self._find(key, Result.GATEWAY_ONLY, name, note, booked=cost, requests=1, images=images_of(it))

    def _resolve(
        self, key: _Key, candidates: list[Candidate], left: Mapping[str, list[ProviderCharge]], covered: Mapping[date, str]
    ) -> Sequence[Resolution]:
        day, _, currency = key
        charged = sum(map(_sum, left.values()), _NOTHING)
        source = next((lines[0].source for lines in left.values()), covered.get(day, ""))
        slack = self._unit(currency) * max(len(left), 1)
        found = resolved(candidates, Residue(day, currency, charged, len(left), slack, day in covered, source))
        asked = len(candidates)
        if isinstance(found, str):
            self._find(key, Result.AMBIGUOUS, _only(candidates), found, requests=asked)
            return ()
        paid = sum(it.amount > 0 for it in found)
        note = f"{paid} of {asked} charged"
        amount = sum((it.amount for it in found), _NOTHING)
        self._find(key, Result.AMBIGUOUS, _only(candidates), note, charged=amount, requests=asked, requests_charged=paid)
        self.resolutions += found
        return found

    def _compare(self, it: Balance, candidate: Candidate | None, lines: list[ProviderCharge]) -> None:
        """A cost that nobody knew is what the file says; a refund is set apart from what it refunds; the rest is compared."""
        booked, first = it.reserve.attribution, next((line for line in lines if not line.credit), lines[0])
        key, name, charged = (first.day, booked.upstream_model, first.currency), booked.request_id, _sum(lines)
        if first.currency != it.currency:
            note = f"booked in {it.currency}, charged in {first.currency}: never compared"
            self._find(key, Result.PROVIDER_ONLY, name, note, charged=charged, requests_charged=1)
            ours = (first.day, booked.upstream_model, it.currency)
            self._find(ours, Result.GATEWAY_ONLY, name, note, booked=it.cost or _NOTHING, requests=1, images=images_of(it))
            return
        if candidate is not None:
            note = "charged, and still open: start the gateway, which closes it" if candidate.open else "charged"
            self._find(key, Result.AMBIGUOUS, name, note, charged=charged, requests=1, requests_charged=1)
            if not candidate.open and charged >= 0:
                self.resolutions.append(_exact(it, first, charged, "names this request"))
            return
        cost, refund = it.cost or _NOTHING, sum((line.amount or _NOTHING for line in lines if line.credit), _NOTHING)
        if refund and charged - refund == cost:
            self._find(key, Result.PROVIDER_ONLY, name, "a refund", charged=refund)
            self.resolutions.append(_exact(it, first, refund, "refunds this request"))
            charged -= refund
        self._agree(it, key, charged, lines)

    def _agree(self, it: Balance, key: _Key, charged: Decimal, lines: list[ProviderCharge]) -> None:
        """A request that differs in its price stands alone, so that two that differ the opposite way do not look like none."""
        images = sum(line.images or 0 for line in lines) if any(line.images is not None for line in lines) else None
        alone = Pair(*key)
        alone.booked.add(it.cost or _NOTHING, 1, images_of(it))
        alone.charged.add(charged, 1, images)
        [found], _ = judged(alone, self._unit(key[2]) * len(lines), self._terms.tolerance, covered=True)
        if found.result not in (Result.MATCHED, Result.ROUNDING):
            self.findings.append(replace(found, request_id=it.reserve.attribution.request_id))
            return
        pair = self.pairs.setdefault((key[0], key[1], f"{key[2]} {found.result}"), Pair(*key))
        pair.booked.add(found.booked, 1, found.images)
        pair.charged.add(charged, 1, images)

    def _find(self, key: _Key, result: Result, name: str, note: str, **counts: Decimal | int) -> None:
        self.findings.append(Finding(*key, result, request_id=name, note=note, **counts))  # type: ignore[arg-type]  # by name


def _exact(it: Balance, line: ProviderCharge, amount: Decimal, what: str) -> Resolution:
    booked, reason = it.reserve.attribution, reason_of(amount, line.currency, line.day, what)
    return Resolution(booked.request_id, booked.attempt, amount, line.currency, exact=True, source=line.source, reason=reason)


def _only(candidates: Sequence[Candidate]) -> str:
    return candidates[0].request_id if len(candidates) == 1 else ""


def _sum(lines: Sequence[ProviderCharge]) -> Decimal:
    return sum((line.amount or _NOTHING for line in lines), _NOTHING)
