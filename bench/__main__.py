"""Compare the gateway with its peers: ``python -m bench``, or ``make bench`` with the peers installed."""

import argparse
import fcntl
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from bench.case import CASES, SCENARIOS, Case, quick
from bench.machine import machine
from bench.process import LOAD_CORE, TARGET_CORE, allow_many_files, free_port, pinned, running
from bench.report import Session, report
from bench.target import ROOT, TARGETS, Target
from bench.trial import Trial, try_once

UPSTREAM_START_S_MAX = 15


def main() -> None:
    """Run what was asked for; the page is written after every repeat, so that an end before time loses little."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # so that nothing that was started stays behind
    options = _options()
    files_max = allow_many_files()
    asked = [target for target in TARGETS if target.name in options.targets]
    left_out = {target.name: reason for target in asked if (reason := target.missing())}
    for name, reason in left_out.items():
        print(f"{name}: {reason}")
    targets = [target for target in asked if target.name not in left_out]
    cases = [quick(case) if options.quick else case for case in CASES if case.scenario in options.only]
    pinning = f"target on core {TARGET_CORE}, client and upstream on core {LOAD_CORE}"
    facts = machine() | {
        "settings": f"{options.repeats} interleaved repeats, medians (smallest–largest); one worker each; {pinning}",
        "open files": f"{files_max:,} at most",
        "load average before": f"{os.getloadavg()[0]:.2f}",
    }
    if options.quick:
        facts["quick"] = "a run for development: its numbers mean nothing"
    began = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    session = Session(began=began, facts=facts, targets=targets, left_out=left_out, cases=cases)
    trials: list[Trial] = []
    with _alone(), pinned(LOAD_CORE), _upstream() as upstream_port:
        for repeat in range(1, options.repeats + 1):
            _repeat(repeat, cases, targets, upstream_port, trials)
            options.out.write_text(report(session, trials))
    print(f"written: {options.out}")


def _repeat(repeat: int, cases: Sequence[Case], targets: Sequence[Target], upstream_port: int, trials: list[Trial]) -> None:
    for case in cases:
        for target in targets if repeat <= case.repeats_max else ():
            began_s = time.monotonic()
            trial = try_once(target, case, upstream_port)
            trials.append(trial)
            said = f"FAILS: {trial.failure}" if trial.tally is None else _said(trial)
            print(
                f"{repeat} {case.scenario} {case.name:<14} {target.name:<8} {time.monotonic() - began_s:4.0f} s  {said}",
                flush=True,
            )


def _said(trial: Trial) -> str:
    tally = trial.tally
    assert tally is not None
    failed = f", {tally.failures}" if tally.failures else ""
    p50_ms = f", p50 {tally.latencies_ms[0]:,.2f} ms" if tally.latencies_ms else ""
    memory = f", peak {trial.peak_mb:,.0f} MB" if trial.peak_mb is not None else ""
    return f"{tally.succeeded:,} ok in {tally.elapsed_s:.1f} s{p50_ms}{memory}{failed}"


@contextmanager
def _alone() -> Iterator[None]:
    """Two at a time would measure each other."""
    ROOT.joinpath("var").mkdir(exist_ok=True)
    with ROOT.joinpath("var", "bench.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit("another bench is running here: wait until it has ended")
        yield


@contextmanager
def _upstream() -> Iterator[int]:
    """The one upstream of all targets, while the block runs; yields its port."""
    port, log = free_port(), ROOT / "var" / "bench-upstream.log"
    log.parent.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "bench.upstream", str(port)]
    with running(command, core=LOAD_CORE, log=log, environment=os.environ, cwd=ROOT) as program:
        program.wait_until_listening(port, UPSTREAM_START_S_MAX)
        yield port


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Compare the gateway with its peers on this machine.")
    parser.add_argument("--only", type=_names(SCENARIOS), default=list(SCENARIOS), help="scenarios, such as S1,S2")
    names = [target.name for target in TARGETS]
    parser.add_argument("--targets", type=_names(names), default=names, help=f"some of {','.join(names)}")
    parser.add_argument("--repeats", type=int, default=3, help="how often all is run (default: 3)")
    parser.add_argument("--quick", action="store_true", help="a few seconds a case, for development")
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "RESULTS.md", help="where the page goes")
    return parser.parse_args()


def _names(known: Iterable[str]) -> Callable[[str], list[str]]:
    allowed = list(known)

    def names(text: str) -> list[str]:
        found = text.split(",")
        if unknown := [name for name in found if name not in allowed]:
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; choose from {','.join(allowed)}")
        return found

    return names


if __name__ == "__main__":
    main()
