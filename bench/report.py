"""The results as a page: what was measured on what, and a table a scenario."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bench.case import SCENARIOS, Case
from bench.table import COLUMNS, COMPARED, NOTHING, typical
from bench.target import Target
from bench.trial import Trial


@dataclass(frozen=True, kw_only=True)
class Session:
    """One run of the bench: ``facts`` about machine and settings, ``left_out`` by name with the reason."""

    began: str
    facts: Mapping[str, str]
    targets: Sequence[Target]
    left_out: Mapping[str, str]
    cases: Sequence[Case]


def report(session: Session, trials: Sequence[Trial]) -> str:
    """The whole page, in Markdown."""
    parts = [_heading(session)]
    for scenario, what in SCENARIOS.items():
        cases = [case for case in session.cases if case.scenario == scenario]
        if cases:
            parts.append(f"## {scenario}: {what}\n\n{_table(scenario, cases, session.targets, trials)}{_notes(cases, trials)}")
    return "\n".join(parts)


def _heading(session: Session) -> str:
    lines = [
        "# The gateway and its peers",
        "",
        f"Written by `make bench`, {session.began}. How to read it: `bench/README.md`.",
        "",
    ]
    lines += _rows(("", ""), session.facts.items())
    lines += [
        "",
        *_rows(("target", "version", "what"), ((found.name, found.version(), found.setting) for found in session.targets)),
    ]
    lines += [f"\n{name}: {reason}." for name, reason in session.left_out.items()]
    return "\n".join(lines) + "\n"


def _table(scenario: str, cases: Sequence[Case], targets: Sequence[Target], trials: Sequence[Trial]) -> str:
    columns, compared = COLUMNS[scenario], COMPARED[scenario]
    head = ("work", "target", *(column.title for column in columns), f"gateway's {compared.title} ÷ this", "n")
    rows = []
    for case in cases:
        by_target = {target.name: _of(trials, case, target.name) for target in targets}
        direct, gateway = by_target.get("direct", []), by_target.get("gateway", [])
        for name, found in by_target.items():
            if not found:
                continue
            measured = [trial for trial in found if trial.failure is None]
            if measured:
                cells = [column.cell(measured, direct if name != "direct" else measured) for column in columns]
            else:
                cells = [f"**FAILS**: {_short(found[0].failure)}", *[NOTHING] * (len(columns) - 1)]
            ratio = (
                NOTHING if name == "gateway" else _ratio(typical(compared.number, gateway), typical(compared.number, measured))
            )
            rows.append((case.name, name, *cells, ratio, str(len(found))))
    return "\n".join(_rows(head, rows)) + "\n"


def _notes(cases: Sequence[Case], trials: Sequence[Trial]) -> str:
    """What failed, in the words of who failed it."""
    reasons: Counter[tuple[str, str, str]] = Counter()
    for trial in trials:
        if trial.case not in cases:
            continue
        if trial.failure is not None:
            reasons[trial.target, trial.case.name, f"not measured, {trial.failure}"] += 1
        elif trial.tally is not None:
            for reason, times in trial.tally.failures.items():
                reasons[trial.target, trial.case.name, reason] += times
    lines = [f"- {target}, {case}: {reason} ({times:,} ×)" for (target, case, reason), times in reasons.items()]
    return "\n" + "\n".join(lines) + "\n" if lines else ""


def _of(trials: Sequence[Trial], case: Case, target: str) -> list[Trial]:
    return [trial for trial in trials if trial.case == case and trial.target == target]


def _short(failure: str | None) -> str:
    """A status where there is one; the words stand below the table."""
    return (failure or "").partition(":")[0]


def _ratio(ours: float | None, theirs: float | None) -> str:
    if ours is None or not theirs or theirs < 0:
        return NOTHING
    ratio = ours / theirs
    return f"{ratio:,.1f} ×" if ratio >= 10 else f"{ratio:.2f} ×"


def _rows(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    written = [_row(head), "|" + "---|" * len(head)]
    return written + [_row([cell.replace("|", "\\|") for cell in row]) for row in rows]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
