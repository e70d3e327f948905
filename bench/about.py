"""The machine that was measured on, as far as a reader of the numbers needs it; nothing that names it."""

import os
import platform
from collections.abc import Mapping


def describe(guest_kernel: str) -> Mapping[str, str]:
    """Name -> text; ``guest_kernel`` is the release that the measurements ran on."""
    return {
        "cores": str(os.cpu_count()),
        "kernel": f"{platform.release().partition('-')[0]} ({platform.machine()})",
        "guest": f"User Mode Linux {guest_kernel}, 1 processor",
        "python": platform.python_version(),
        "distribution": _distribution(),
        "load": f"{os.getloadavg()[0]:.1f}",
    }


def _distribution() -> str:
    """PRETTY_NAME of os-release(5)."""
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return "unknown"
