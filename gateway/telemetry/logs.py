"""One JSON line a request on standard error. Keys, authorization values, base64 and prompts never appear in it."""

import logging
import sys
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, WrappedLogger

from gateway.core.redaction import redact
from gateway.telemetry.request_log import RequestLog


def configure_logs(level: str, stream: TextIO = sys.stderr) -> RequestLog:
    """Send structlog's and the libraries' lines through the same redaction to ``stream``; ``level`` is a logging name.

    Returns the log of the requests, which goes there too.
    """
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
    return RequestLog(stream if logging.getLevelNamesMapping()[level.upper()] <= logging.INFO else None)


def _redacted(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {name: redact(value) if isinstance(value, str) else value for name, value in event.items()}


def _drop_meta(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    return structlog.stdlib.ProcessorFormatter.remove_processors_meta(logger, method, event)


_render = structlog.processors.JSONRenderer()
