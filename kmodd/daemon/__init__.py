"""The shell around the core: gathers events, runs passes, publishes what was read back."""

import sys

if "asyncio" not in sys.modules:
    # asyncio imports ssl where it can be had; nothing here speaks TLS, and OpenSSL costs 4 MB and 20 ms.
    sys.modules["ssl"] = None  # type: ignore[assignment]
    import asyncio  # noqa: F401

    del sys.modules["ssl"]
