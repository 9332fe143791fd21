"""What is left of an app's limits, in response headers."""

import math
from collections.abc import Iterable, Sequence

from gateway.core.tag import Header
from gateway.engine.call import Allowance
from gateway.engine.routes.app_limits import PERIOD_S


def allowance_headers(allowances: Sequence[Allowance]) -> Iterable[Header]:
    """``ratelimit`` and ``ratelimit-policy`` (draft-ietf-httpapi-ratelimit-headers-11), and the names of OpenAI's answers."""
    if not allowances:
        return
    window_s = int(PERIOD_S)
    policies = ", ".join(f'"{it.name}";q={it.limit};w={window_s};qu="{it.name}"' for it in allowances)
    left = ", ".join(f'"{it.name}";r={it.remaining};t={math.ceil(it.reset_s)}' for it in allowances)
    yield b"ratelimit-policy", policies.encode()
    yield b"ratelimit", left.encode()
    for it in allowances:
        name = it.name.encode()
        yield b"x-ratelimit-limit-" + name, b"%d" % it.limit
        yield b"x-ratelimit-remaining-" + name, b"%d" % it.remaining
        yield b"x-ratelimit-reset-" + name, b"%.3fs" % it.reset_s
