"""The one seam where a foreign client's exceptions become ``UpstreamFailed``."""

import aiohttp

from gateway.core.diagnosis import Stage
from gateway.ports import UpstreamFailed

FOREIGN = (aiohttp.ClientError, TimeoutError, OSError)


def upstream_failed(error: BaseException, stage: Stage) -> UpstreamFailed:
    """Say how far the call came. Only what failed while connecting is known not to have been sent.

    The texts are ours: aiohttp's name hosts and addresses.
    """
    match error:
        case aiohttp.ConnectionTimeoutError():
            return UpstreamFailed(Stage.CONNECT, "connecting took too long")
        case aiohttp.ClientConnectorError() | aiohttp.InvalidURL():
            return UpstreamFailed(Stage.CONNECT, "no connection could be made")
        case TimeoutError():
            return UpstreamFailed(stage, "the answer took too long")
        case aiohttp.ClientPayloadError():
            return UpstreamFailed(stage, "the answer was cut short")
        case _:
            return UpstreamFailed(stage, "the connection was lost")
