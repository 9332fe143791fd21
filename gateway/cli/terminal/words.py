"""What a command has to say on its standard streams, whatever has become of those."""

from typing import TextIO

from gateway.telemetry.log_queue import LAST_WORD_S_MAX, write_within


def say(text: str, *streams: TextIO | None) -> None:
    """One line or several, on the first of ``streams`` that takes it all within ``LAST_WORD_S_MAX``. Nothing is raised."""
    for stream in streams:
        if stream is not None and _taken(text + "\n", stream):
            return


def _taken(text: str, stream: TextIO) -> bool:
    try:
        fd = stream.fileno()
    except OSError:
        # A stream that is no file, and so cannot be full.
        stream.write(text)
        stream.flush()
        return True
    return write_within(fd, text, LAST_WORD_S_MAX)
