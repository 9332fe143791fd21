"""The work: scenarios S1 to S6, each of one or more cases."""

from dataclasses import dataclass, replace

from bench.image import answer
from bench.upstream import EDIT_ANSWER_BYTES

SMALL_BYTES = 4096
MB = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Case:
    """One kind of work. ``window_s`` and the rest as in ``bench.load.Load``; ``held_s`` is how long the upstream waits.

    ``repeats_max`` bounds the repeats of what takes minutes and is hardly disturbed.
    """

    scenario: str
    name: str
    connections: int
    window_s: float
    answer_bytes: int = SMALL_BYTES
    warm_up_s: float = 0.0
    ramp_s: float = 0.0
    held_s: float = 0.0
    requests: int | None = None
    stream: bool = False
    files: int = 0
    file_bytes: int = 0
    repeats_max: int = 100

    @property
    def path(self) -> str:
        return "/v1/images/edits" if self.files else "/v1/images/generations"

    def prompt(self, *, held: bool) -> str:
        """What tells the upstream what to do."""
        return f"bench bytes={self.answer_bytes} delay_ms={round(self.held_s * 1000) if held else 0}"

    def least_bytes(self) -> int:
        """How much a whole answer weighs at least: its image, whatever a gateway does to the JSON around it."""
        return len(answer(self.answer_bytes)) - 300


SCENARIOS = {
    "S1": "4 KB answers, upstream 0 ms, closed loop",
    "S2": "2 MB answers, 16 connections",
    "S3": "12 MB answers, 96 requests at 32 at once, cut after 6 s",
    "S4": "the upstream holds each answer for 20 s, all in flight at once; they begin evenly over 2 s, cut after 60 s",
    "S5": "server-sent events of 300 KB: 3 partial images, due at 200, 400 and 600 ms, the whole one at 800 ms; 4 at once",
    "S6": "edits, a form with 4 files of 8 MB, 8 connections",
}

CASES = (
    *(Case(scenario="S1", name=f"c={count}", connections=count, warm_up_s=1, window_s=5) for count in (1, 16, 64)),
    Case(scenario="S2", name="2 MB, c=16", connections=16, answer_bytes=2 * MB, warm_up_s=1, window_s=5),
    Case(scenario="S3", name="12 MB, c=32", connections=32, answer_bytes=12 * MB, requests=96, window_s=6),
    *(
        Case(
            scenario="S4",
            name=f"{count:,} × {'2 MB' if size > SMALL_BYTES else '4 KB'}",
            connections=count,
            requests=count,
            answer_bytes=size,
            held_s=20,
            ramp_s=2,
            window_s=60,
            repeats_max=1,
        )
        for count, size in ((2000, SMALL_BYTES), (5000, SMALL_BYTES), (500, 2 * MB))
    ),
    Case(scenario="S5", name="3 partials", connections=4, requests=24, stream=True, ramp_s=0.2, window_s=30),
    Case(
        scenario="S6",
        name="4 × 8 MB, c=8",
        connections=8,
        files=4,
        file_bytes=8 * 1024 * 1024,
        answer_bytes=EDIT_ANSWER_BYTES,
        warm_up_s=1,
        window_s=6,
    ),
)


def quick(case: Case) -> Case:
    """The same for development: seconds instead of minutes, and numbers that mean nothing."""
    requests = case.requests and max(8, case.requests // 8)
    connections = min(case.connections, requests or case.connections)
    return replace(
        case,
        connections=connections,
        requests=requests,
        warm_up_s=case.warm_up_s and 0.3,
        window_s=min(case.window_s, 1.5) if requests is None else case.window_s / 3,
        held_s=case.held_s / 10,
    )
