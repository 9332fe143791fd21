"""What anybody who can reach a port may take, before a key is asked for; and what is counted of those who took more."""

from collections import Counter
from dataclasses import dataclass, field

# OpenAI's own limit. A header costs far more memory than its bytes, so their number has a bound too.
HEAD_BYTES_MAX = 64 * 1024
HEADERS_MAX = 256
# Chunk sizes, chunk extensions and trailers: beyond what chunks of one byte need (five a byte), and a head in the same read.
FRAMING_BYTES_PER_BODY_BYTE = 8
FRAMING_BYTES_MAX = 128 * 1024
# What waits of a body for its reader before the socket is left alone.
BODY_WAITING_BYTES_MAX = 64 * 1024
# Requests that came before the answer to the one before them.
PIPELINED_MAX = 8
PIPELINED_BYTES_MAX = 64 * 1024
# After the last answer the rest of what the client sends is thrown away for so long: closing at once would reset the
# connection, and the client might never read why.
LINGER_S_MAX = 5.0
LINGER_BYTES_MAX = 16 * 1024 * 1024
# So many connections beyond the limit are kept until they have read why; others are told and closed at once.
REFUSED_AT_ONCE_MAX = 64
# So many heads that are late get an answer in each sweep; others are closed without one.
LATE_ANSWERS_A_SWEEP_MAX = 100
# Of uvicorn's ticks, of which ten make a second.
SWEEP_EVERY_TICKS = 10


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one listener. Idle is a connection that waits for its client's next request.

    Clients and load balancers close idle connections after 60 to 90 s, and it should be they who do. ``stall_s_max`` is for a
    client that takes nothing of its answer.
    """

    connections_max: int = 10_000
    head_wait_s_max: float = 30.0
    idle_wait_s_max: float = 120.0
    stall_s_max: float = 60.0


@dataclass(slots=True)
class Counts:
    """What a listener has now and has turned away since it began, by reason: closed sets, for metrics."""

    open: int = 0
    refused: Counter[str] = field(default_factory=Counter)
