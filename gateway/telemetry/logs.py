"""One JSON line a request on standard error. Keys, authorization values, base64 and prompts never appear in it."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

import structlog
from structlog.typing import EventDict, WrappedLogger

from gateway.core.redaction.secrets import redact
from gateway.telemetry.log_queue import LogQueue, LogStream
from gateway.telemetry.request_log import RequestLog

_STANDARD_ERROR = 2


@contextmanager
def logging_to(stream: TextIO | None, level: str, queued_bytes_max: int) -> Iterator[RequestLog]:
    """Send structlog's and the libraries' lines through the same redaction to ``stream``; ``level`` is a logging name.

    Yields the log of the requests, which goes there too. No line is waited for but at the end, for ``CLOSE_S_MAX``. ``None`` is
    a standard error that was closed. What else writes to standard error takes the same way, for good: a traceback must not wait
    for a reader either.
    """
    queue = LogQueue(_STANDARD_ERROR if stream is None else stream.fileno(), queued_bytes_max)
    lines = cast(TextIO, LogStream(queue))
    if stream is not None and stream is sys.stderr:
        sys.stderr = lines
    _configure(level, lines)
    try:
        yield RequestLog(queue, on=logging.getLevelNamesMapping()[level.upper()] <= logging.INFO)
    finally:
        queue.close()


def _configure(level: str, stream: TextIO) -> None:
    shared: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _redacted,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared[:2], processors=[_drop_meta, *shared[2:], _render])
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    # The library tells of each malformed form; so does the request's line.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)


def _redacted(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {name: redact(value) if isinstance(value, str) else value for name, value in event.items()}


def _drop_meta(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    return structlog.stdlib.ProcessorFormatter.remove_processors_meta(logger, method, event)


_render = structlog.processors.JSONRenderer()
