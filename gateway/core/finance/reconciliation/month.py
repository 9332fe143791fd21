"""Reconciles a month: first the provider's lines, then the gateway's attempts as they stream by, then the findings.

Where lines name requests, each is looked for by its id; else both sides are added up by day and model.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal

from gateway.core.finance.reconciliation.candidate import candidate_of, images_of
from gateway.core.finance.reconciliation.charge import ProviderCharge, model_named
from gateway.core.finance.reconciliation.finding import Finding, LeftOut, Reconciliation, Resolution, Result, Terms
from gateway.core.finance.reconciliation.line import Pair, Side, judged
from gateway.core.finance.reconciliation.request_line import Requests
from gateway.core.ledger.balance import Balance, State
from gateway.core.ledger.entry import Kind

_Key = tuple[date, str, str]
BEGUN, ENDED = "begun", "ended"
_NOTHING = Decimal(0)


class Reconciling:
    """Memory grows with the days and models, with what differs, and with the lines that name requests: not with the ledger."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._decimals: dict[str, int] = {}
        self._covered: dict[date, str] = {}
        self._left_out: dict[tuple[str, str], LeftOut] = {}
        self._apart: defaultdict[tuple[_Key, str], Side] = defaultdict(Side)
        self._charged: defaultdict[_Key, Side] = defaultdict(Side)
        self._counts: defaultdict[tuple[date, str], Side] = defaultdict(Side)
        self._requests = Requests(terms, self._unit)
        self._booked: dict[str, dict[_Key, Pair]] = {BEGUN: {}, ENDED: {}}
        self._models: set[str] = set()

    def covers(self, day: date, source: str) -> None:
        """The file speaks of that day, even where it has no line of it."""
        self._covered.setdefault(day, source)

    def charge(self, it: ProviderCharge) -> None:
        """One line of the files; all of them come before the first attempt."""
        terms, key_name = self._terms, it.key.lower()
        foreign = bool(terms.keys and key_name and key_name not in terms.keys)
        if not terms.begin <= it.day < terms.end:
            return self._leave_out("of another month", it)
        if terms.accounts and terms.accounts.isdisjoint((key_name, *map(str.lower, it.accounts))):
            return self._leave_out("of another account", it)
        if it.amount is None:
            if not foreign:
                self._counts[it.day, it.name].add(None, it.requests, it.images)
            return None
        self.covers(it.day, it.source)
        key = (it.day, it.name, it.currency)
        if foreign:
            self._apart[key, f"under {it.key}, which the gateway does not call with"].add(it.amount, it.requests, it.images)
            return None
        self._decimals[it.currency] = max(self._decimals.get(it.currency, 0), it.decimals)
        if it.request_id:
            self._requests.charge(it)
        elif it.credit:
            self._apart[key, "a refund or credit that names no request"].add(it.amount, None, None)
        else:
            self._charged[key].add(it.amount, it.requests, it.images, it.source)
        return None

    def attempt(self, it: Balance) -> None:
        """One attempt of the contract, begun in the month or on the day before it."""
        begun = it.reserve.attribution.begun_at.date()
        self._models.add(it.reserve.attribution.upstream_model)
        if self._requests.named:
            self._requests.attempt(it, ours=self._within(begun))
        elif it.state is not State.VOID:
            ended = it.closing.occurred_at.date() if it.closing is not None and it.state is State.SETTLED else begun
            for how, day in ((BEGUN, begun), (ENDED, ended)):
                if self._within(day):
                    self._book(self._booked[how], day, it)

    def conclude(self) -> Reconciliation:
        """What was found; all findings' differences add up to charged less booked, currency by currency."""
        findings, resolutions = list(self._apart_findings()), list[Resolution]()
        chosen = {how: self._pairs(booked) for how, booked in self._booked.items()}
        how = min(chosen, key=lambda it: sum(abs(pair.charged.amount - pair.booked.amount) for pair in chosen[it].values()))
        self._requests.conclude(self._model_of, self._covered)
        for pair in (*chosen[how].values(), *self._requests.pairs.values()):
            source = self._covered.get(pair.day, "")
            pair.charged.source = pair.charged.source or source
            found, settled = judged(pair, self._unit(pair.currency), self._terms.tolerance, covered=bool(source))
            findings += found
            resolutions += settled
        findings += self._requests.findings
        resolutions += self._requests.resolutions
        findings.sort(key=lambda it: (it.day, it.line, it.currency, it.result, it.request_id))
        return Reconciliation(tuple(findings), tuple(resolutions), tuple(self._left_out.values()), how)

    def _within(self, day: date) -> bool:
        return self._terms.begin <= day < self._terms.end

    def _unit(self, currency: str) -> Decimal:
        """At least hundredths: a file that happens to hold whole amounts is not for that reason inexact."""
        return Decimal(1).scaleb(-max(self._decimals.get(currency, 2), 2))

    def _model_of(self, name: str) -> str:
        return model_named(name, self._models, self._terms.models)

    def _book(self, booked: dict[_Key, Pair], day: date, it: Balance) -> None:
        key = (day, it.reserve.attribution.upstream_model, it.currency)
        pair = booked.setdefault(key, Pair(*key))
        candidate = candidate_of(it)
        if candidate is not None:
            pair.candidates.append(candidate)
        elif it.cost or it.latest.kind is Kind.SETTLE:
            pair.booked.add(it.cost, 1, images_of(it))
        if candidate is not None and candidate.sure:
            pair.booked.add(None, 1, images_of(it))

    def _pairs(self, booked: Mapping[_Key, Pair]) -> dict[_Key, Pair]:
        """Both sides by day, model and currency; by day and currency alone where the file names nothing."""
        nameless = bool(self._charged) and not any(name for _, name, _ in self._charged)
        pairs: dict[_Key, Pair] = {}
        for (day, model, currency), pair in booked.items():
            to = pairs.setdefault((day, "" if nameless else model, currency), Pair(day, "" if nameless else model, currency))
            _pour(pair.booked, to.booked)
            to.candidates += pair.candidates
        for (day, name, currency), side in self._charged.items():
            model = self._model_of(name)
            _pour(side, pairs.setdefault((day, model, currency), Pair(day, model, currency)).charged)
        of_line: defaultdict[tuple[date, str], list[Pair]] = defaultdict(list)
        for (day, model, _), pair in pairs.items():
            of_line[day, model].append(pair)
        for (day, name), counts in self._counts.items():
            there = of_line[day, "" if nameless else self._model_of(name)]
            # What a line counts cannot be divided between two currencies.
            if len(there) == 1:
                _pour(counts, there[0].charged)
        return pairs

    def _apart_findings(self) -> Iterator[Finding]:
        for ((day, name, currency), why), side in self._apart.items():
            line, images = self._model_of(name), side.images
            yield Finding(
                day,
                line,
                currency,
                Result.PROVIDER_ONLY,
                charged=side.amount,
                requests_charged=side.requests,
                images_charged=images,
                note=why,
            )

    def _leave_out(self, why: str, it: ProviderCharge) -> None:
        found = self._left_out.get((why, it.currency), LeftOut(why, it.currency, 0, _NOTHING))
        amount = found.amount + (it.amount or _NOTHING)
        self._left_out[why, it.currency] = replace(found, lines=found.lines + 1, amount=amount)


def _pour(side: Side, into: Side) -> None:
    lines = into.lines + side.lines
    into.add(side.amount, side.requests, side.images, side.source)
    into.lines = lines
