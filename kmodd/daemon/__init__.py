"""The shell around the core: gathers events, runs passes, publishes what was read back."""

import gc
import sys
from types import ModuleType
from typing import Any


class _WhenNeeded(ModuleType):
    """Stands for a module of its name, which is imported when something of it is asked for."""

    def __getattr__(self, attribute: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(__import__(self.__name__), attribute)


if "asyncio" not in sys.modules:
    # asyncio imports ssl where it can be had; nothing here speaks TLS, and OpenSSL costs 4 MB and 20 ms.
    sys.modules["ssl"] = None  # type: ignore[assignment]
    # It asks inspect in debug mode, and about what is neither coroutine nor future: seldom enough. With ast,
    # dis and tokenize, inspect is a twentieth of the time until the daemon is ready (see signals.py too).
    sys.modules.setdefault("inspect", _WhenNeeded("inspect"))
    # What is imported stays: looking for garbage in it takes a tenth of the time until the daemon is ready.
    # The rest of it is still to come; main() ends this (collector.py).
    gc.disable()
    import asyncio  # noqa: F401

    del sys.modules["ssl"]
    if isinstance(sys.modules.get("inspect"), _WhenNeeded):
        del sys.modules["inspect"]  # it is asyncio's alone
