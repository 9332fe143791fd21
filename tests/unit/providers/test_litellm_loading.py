"""litellm is heavy and talkative: it is loaded beside the event loop, and quiet."""

import subprocess
import sys

_LOADING = """
import asyncio
import sys
from gateway.providers.litellm_bridge import LitellmBridge

async def main():
    loading, ticks = LitellmBridge().warm(), 0
    while not loading.done():
        await asyncio.sleep(0.001)
        ticks += 1
    loading.result()
    litellm = sys.modules["litellm"]
    print(ticks, litellm.telemetry, litellm.drop_params, litellm.callbacks, litellm.num_retries)

asyncio.run(main())
"""


def test_the_event_loop_goes_on_while_it_is_loaded() -> None:
    """Loading takes seconds, in a thread; what comes out of it tells nobody anything and repeats nothing."""
    done = subprocess.run([sys.executable, "-c", _LOADING], capture_output=True, text=True, check=True)
    ticks, *settings = done.stdout.split()
    assert int(ticks) > 50
    assert settings == ["False", "False", "[]", "None"]
