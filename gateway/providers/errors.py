"""The one seam where foreign exceptions become ``UpstreamFailed``. The texts are ours: foreign ones name hosts and addresses."""

import errno
import os
import zlib

from gateway.core.outcome import Stage
from gateway.ports import UpstreamFailed


class BadAnswer(Exception):
    """The provider sent what cannot be used. Its text is ours and repeats nothing that was sent."""


# UnicodeError: a host that cannot be a name.
FOREIGN = (OSError, UnicodeError)
_NO_DESCRIPTORS = frozenset({errno.EMFILE, errno.ENFILE})


def upstream_failed(error: BaseException, stage: Stage) -> UpstreamFailed:
    """Say how far the call came. Only what failed while connecting is known not to have been sent."""
    match error:
        case BadAnswer():
            return UpstreamFailed(stage, str(error))
        case _ if stage is Stage.CONNECT and _out_of_descriptors():
            return UpstreamFailed(Stage.ROOM, "it has no file descriptor left for a connection to the provider")
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


def _out_of_descriptors() -> bool:
    """Asked anew where connecting failed: resolvers, event loops and SDKs hide what the system told them."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error.errno in _NO_DESCRIPTORS
    return False
