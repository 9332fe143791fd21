"""A kept answer in its file: the bytes that passed, in frames that are small however much was waiting for the disk."""

from pathlib import Path

import pytest

from gateway.core.secret import Secret
from gateway.relay.result_file import FRAME_BYTES, KeptFile, ResultFile, ResultHead

ID = "gw_0123456789abcdef"
CHUNKS = [bytes([number]) * 100_000 for number in range(80)]
HEAD = ResultHead("shop", "gpt-image-2", "direct", False, 200, (), sum(map(len, CHUNKS)), None, "USD", "unknown")


@pytest.mark.parametrize("key", [None, Secret("k" * 32)], ids=["plain", "encrypted"])
def test_nobody_holds_a_whole_answer_to_write_or_to_read_it(tmp_path: Path, key: Secret | None) -> None:
    """Eight megabytes that waited together come back in pieces of half a megabyte."""
    file = ResultFile(tmp_path / "part", ID, key)
    file.add(CHUNKS)
    file.finish(HEAD, tmp_path / "whole")
    kept = KeptFile(tmp_path / "whole", ID, key)
    try:
        frames = list(kept.frames())
    finally:
        kept.close()
    assert b"".join(frames) == b"".join(CHUNKS)
    assert max(map(len, frames)) < FRAME_BYTES + len(CHUNKS[0])
