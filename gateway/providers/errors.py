"""The one seam where foreign exceptions become ``UpstreamFailed``. The texts are ours: foreign ones name hosts and addresses."""

import zlib

from gateway.core.diagnosis import Stage
from gateway.ports import UpstreamFailed


class BadAnswer(Exception):
    """The provider sent what cannot be used. Its text is ours and repeats nothing that was sent."""


# UnicodeError: a host that cannot be a name.
FOREIGN = (OSError, UnicodeError)


def upstream_failed(error: BaseException, stage: Stage) -> UpstreamFailed:
    """Say how far the call came. Only what failed while connecting is known not to have been sent."""
    match error:
        case BadAnswer():
            return UpstreamFailed(stage, str(error))
        case TimeoutError():
            return UpstreamFailed(stage, "connecting took too long" if stage is Stage.CONNECT else "the answer took too long")
        case zlib.error():
            return UpstreamFailed(stage, "the answer does not decode as its content-encoding says")
        case EOFError() if stage is Stage.BODY:
            return UpstreamFailed(stage, "the answer was cut short")
        case _ if stage is Stage.CONNECT:
            return UpstreamFailed(stage, "no connection could be made")
        case _:
            return UpstreamFailed(stage, "the connection was lost")
