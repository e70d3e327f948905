"""The shell around the core: gathers events, runs passes, publishes what was read back."""

import gc
import sys

if "asyncio" not in sys.modules:
    # asyncio imports ssl where it can be had; nothing here speaks TLS, and OpenSSL costs 4 MB and 20 ms.
    sys.modules["ssl"] = None  # type: ignore[assignment]
    # What is imported stays: looking for garbage in it takes a tenth of the time until the daemon is ready.
    # The rest of it is still to come; main() ends this (app.py).
    gc.disable()
    import asyncio  # noqa: F401

    del sys.modules["ssl"]
