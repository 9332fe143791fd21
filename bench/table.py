"""The columns of each scenario's table, and a cell from the repeats of a target."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from bench.trial import Trial

NOTHING = "–"
Number = Callable[[Trial], float | None]


@dataclass(frozen=True)
class Column:
    """A figure of a trial, written as ``form``; ``spread`` adds the smallest and largest, ``added`` takes away direct's."""

    title: str
    number: Number
    form: str = ",.0f"
    spread: bool = False
    added: bool = False

    def cell(self, trials: Sequence[Trial], direct: Sequence[Trial]) -> str:
        """The median of the repeats."""
        value = typical(self.number, trials)
        if value is None:
            return NOTHING
        if self.added:
            base = typical(self.number, direct)
            return NOTHING if base is None or trials is direct else format(value - base, f"+{self.form}")
        text = format(value, self.form)
        found = _numbers(self.number, trials)
        return f"{text} ({min(found):{self.form}}–{max(found):{self.form}})" if self.spread and len(found) > 1 else text


def typical(number: Number, trials: Sequence[Trial]) -> float | None:
    """The median over those trials that have the number."""
    found = _numbers(number, trials)
    return median(found) if found else None


def _numbers(number: Number, trials: Sequence[Trial]) -> list[float]:
    return [found for trial in trials if (found := number(trial)) is not None]


def _per_second(trial: Trial) -> float | None:
    return trial.tally.succeeded / trial.tally.elapsed_s if trial.tally and trial.tally.elapsed_s else None


def _mb_per_second(trial: Trial) -> float | None:
    return trial.tally.measured_bytes / 1e6 / trial.tally.elapsed_s if trial.tally and trial.tally.elapsed_s else None


def _succeeded(trial: Trial) -> float | None:
    return trial.tally.succeeded if trial.tally else None


def _failed(trial: Trial) -> float | None:
    return sum(trial.tally.failures.values()) if trial.tally else None


def _in_flight_peak(trial: Trial) -> float | None:
    return trial.in_flight_peak if trial.tally else None


def _latency(index: int) -> Number:
    return lambda trial: trial.tally.latencies_ms[index] if trial.tally and trial.tally.latencies_ms else None


def _beyond_hold(index: int) -> Number:
    def number(trial: Trial) -> float | None:
        latency_ms = _latency(index)(trial)
        return None if latency_ms is None else latency_ms - trial.case.held_s * 1000

    return number


def _partial(index: int) -> Number:
    return lambda trial: trial.tally.partial_ms[index] if trial.tally and trial.tally.partial_ms else None


def _cpu_per_thousand(trial: Trial) -> float | None:
    served = trial.tally.served if trial.tally else 0
    return trial.cpu_s * 1000 / served if trial.cpu_s is not None and served else None


def _cpu_per_gb(trial: Trial) -> float | None:
    moved = trial.tally.moved_bytes if trial.tally else 0
    return trial.cpu_s * 1e9 / moved if trial.cpu_s is not None and moved else None


def _kb_per_job(trial: Trial) -> float | None:
    jobs = trial.case.requests
    if trial.waiting_mb is None or trial.idle_mb is None or not jobs:
        return None
    return (trial.waiting_mb - trial.idle_mb) * 1024 / jobs


_TAKEN = Column("core taken %", lambda trial: None if trial.taken is None else trial.taken * 100)
_OUTCOME = (Column("ok", _succeeded), Column("failed", _failed), _TAKEN)
_PEAK = Column("peak RSS MB", lambda trial: trial.peak_mb)
_CLOSED_LOOP = (
    Column("p50 ms", _latency(0), ",.2f"),
    Column("p99 ms", _latency(1), ",.2f"),
    Column("added p50 ms", _latency(0), ",.2f", added=True),
    Column("CPU s / 1,000 req", _cpu_per_thousand, ",.3f"),
)
_CPU_PER_GB = Column("CPU s / GB", _cpu_per_gb, ",.2f")
_RATE = Column("req/s", _per_second, spread=True)
_FLOW = Column("MB/s", _mb_per_second, spread=True)
_BULK = (_FLOW, Column("req/s", _per_second, ",.1f"), *_CLOSED_LOOP, _CPU_PER_GB, _PEAK, *_OUTCOME)
_WAITING = Column("KB a job", _kb_per_job, ",.1f")
_FIRST_PARTIAL = Column("first partial p50 ms", _partial(0), ",.1f")

COLUMNS = {
    "S1": (_RATE, *_CLOSED_LOOP, _PEAK, *_OUTCOME),
    "S2": _BULK,
    "S3": _BULK,
    "S4": (
        *_OUTCOME,
        Column("peak in flight upstream", _in_flight_peak),
        Column("added p50 ms", _beyond_hold(0), "+,.0f"),
        Column("added p99 ms", _beyond_hold(1), "+,.0f"),
        Column("added max ms", _beyond_hold(2), "+,.0f"),
        Column("RSS idle MB", lambda trial: trial.idle_mb),
        Column("RSS waiting MB", lambda trial: trial.waiting_mb),
        _PEAK,
        _WAITING,
        Column("CPU s", lambda trial: trial.cpu_s, ",.2f"),
    ),
    "S5": (
        _FIRST_PARTIAL,
        Column("p99 ms", _partial(1), ",.1f"),
        Column("added p50 ms", _partial(0), ",.1f", added=True),
        Column("whole stream p50 ms", _latency(0), ",.1f"),
        Column("CPU s / 1,000 req", _cpu_per_thousand, ",.2f"),
        _PEAK,
        *_OUTCOME,
    ),
    "S6": _BULK,
}
# By what the gateway is compared with each of the others.
COMPARED = {"S1": _RATE, "S2": _FLOW, "S3": _FLOW, "S4": _WAITING, "S5": _FIRST_PARTIAL, "S6": _FLOW}
