"""What is configured of kept answers. It stands apart, so that whoever reads a configuration imports no encryption."""

from dataclasses import dataclass
from pathlib import Path

from gateway.core.secret import Secret


@dataclass(frozen=True, slots=True)
class ResultSettings:
    """Where, for how long, how many bytes in all and of one answer, and under which key."""

    folder: Path
    ttl_s: int
    bytes_max: int
    result_bytes_max: int
    key: Secret | None
