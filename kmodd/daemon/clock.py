"""The one clock of plans, waits and retries."""

import asyncio


def now_us() -> int:
    """The loop's clock, which is CLOCK_MONOTONIC."""
    return round(asyncio.get_running_loop().time() * 1e6)
